use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{CustomResourceDefinition, JSON};
use kube::CustomResourceExt;
use serde_json::json;

use crate::{CloudAccount, DeviceCredential, EnrollmentGroup, ProvisioningService, TenantHubGroup};

/// Every kind, in the order in which objects are usually applied.
pub const KINDS: [&str; 5] = ["CloudAccount", "ProvisioningService", "TenantHubGroup", "EnrollmentGroup", "DeviceCredential"];

/// The definitions of all kinds, as they are installed.
pub fn all() -> Vec<CustomResourceDefinition> {
    let definitions =
        vec![CloudAccount::crd(), ProvisioningService::crd(), TenantHubGroup::crd(), EnrollmentGroup::crd(), DeviceCredential::crd()];
    definitions.into_iter().map(unseen_until_looked_at).collect()
}

/// Gives `status` a default, because kstatus calls an object without `observedGeneration` current.
fn unseen_until_looked_at(mut crd: CustomResourceDefinition) -> CustomResourceDefinition {
    for version in &mut crd.spec.versions {
        let status = version
            .schema
            .as_mut()
            .and_then(|schema| schema.open_api_v3_schema.as_mut())
            .and_then(|schema| schema.properties.as_mut())
            .and_then(|properties| properties.get_mut("status"));
        if let Some(status) = status {
            status.default = Some(JSON(json!({ "observedGeneration": -1 })));
            status.nullable = None;
            status.description = Some("What the operator saw.".to_owned());
        }
    }
    crd
}
