//! Schemas that a derive cannot say.

use schemars::{Schema, SchemaGenerator, json_schema};

/// Names of objects in Kubernetes (RFC 1123 subdomain).
pub(crate) const OBJECT_NAME: &str = "^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$";

/// Names of namespaces (RFC 1123 label).
pub(crate) const NAMESPACE: &str = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$";

/// Names of entries of a Secret.
pub(crate) const ENTRY_NAME: &str = "^[-._a-zA-Z0-9]+$";

/// Names of resource groups (Microsoft Learn: "Naming rules and restrictions for Azure resources", `Microsoft.Resources`).
pub(crate) const RESOURCE_GROUP: &str = r"^[-\p{L}\p{N}_.()]*[-\p{L}\p{N}_()]$";

/// `-1` until the operator has looked, so that kstatus never calls an unseen object current.
pub(crate) fn observed_generation(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "integer", "format": "int64", "default": -1 })
}

/// Tags in Azure: at most 50 on anything, one of which is the operator's.
pub(crate) fn tags(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "object", "maxProperties": 49, "additionalProperties": { "type": "string", "maxLength": 256 } })
}

/// Labels, with values as Kubernetes takes them.
pub(crate) fn labels(_: &mut SchemaGenerator) -> Schema {
    let value = json_schema!({ "type": "string", "maxLength": 63, "pattern": "^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$" });
    json_schema!({ "type": "object", "maxProperties": 32, "additionalProperties": value })
}

/// Annotations.
pub(crate) fn annotations(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "object", "maxProperties": 32, "additionalProperties": { "type": "string", "maxLength": 4096 } })
}

/// Conditions as a map by type, so that server-side apply by others can add their own.
pub(crate) fn conditions(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["type"],
        "items": {
            "type": "object",
            "required": ["type", "status", "reason", "message", "lastTransitionTime"],
            "properties": {
                "type": { "type": "string", "description": "Name of the condition." },
                "status": { "type": "string", "enum": ["True", "False", "Unknown"], "description": "Whether it holds." },
                "reason": { "type": "string", "description": "One word that says why." },
                "message": { "type": "string", "description": "A sentence that says why, and what to do." },
                "lastTransitionTime": { "type": "string", "format": "date-time", "description": "When the status last changed." },
                "observedGeneration": { "type": "integer", "format": "int64", "description": "Generation of the spec that it speaks of." }
            }
        }
    })
}

/// A duration such as `36h` or `90d`.
pub(crate) fn duration(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "maxLength": 32, "pattern": "^([0-9]+(d|h|m|s))+$" })
}

/// A moment, RFC 3339.
pub(crate) fn date_time(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "format": "date-time" })
}

/// Names with any JSON below them.
pub(crate) fn any_objects(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "maxProperties": 64,
        "additionalProperties": { "x-kubernetes-preserve-unknown-fields": true }
    })
}
