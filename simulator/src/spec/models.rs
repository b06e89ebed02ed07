//! Versions that clients use and for which no file of the vendor is kept here, told as a difference from one that is.

use super::change::Change;

/// One such version, with where the difference was read.
pub struct Model {
    pub(super) document: &'static str,
    pub(super) version: &'static str,
    pub(super) changes: &'static [Change],
    pub(super) source: &'static str,
}

impl Model {
    /// The file under `specs/` that the version is told from.
    pub fn document(&self) -> &'static str {
        self.document
    }

    /// The api-version.
    pub fn version(&self) -> &'static str {
        self.version
    }

    /// Where the difference was read.
    pub fn source(&self) -> &'static str {
        self.source
    }
}

const DEVICE: &str = "azure/dps/dataplane-device.json";

/// Certificates are issued to devices since 2026-11-01 only; the operation bears its older name before.
const DEVICE_WITHOUT_ISSUED_CERTIFICATES: &[Change] = &[
    Change::Remove("/definitions/DeviceRegistration/properties/csr"),
    Change::Remove("/definitions/DeviceRegistrationResult/properties/issuedCertificateChain"),
    Change::Put("/paths/~1{idScope}~1registrations~1{registrationId}~1register/put/operationId", r#""RuntimeRegistration_RegisterDevice""#),
];

const ENROLLMENTS: &str = "azure/dps/dataplane-service.json";

/// What the service API learned between 2018-09-01-preview and 2021-10-01.
const ENROLLMENTS_OF_2018: &[Change] = &[
    Change::Remove("/definitions/EnrollmentGroup/properties/capabilities"),
    Change::Remove("/definitions/IndividualEnrollment/properties/optionalDeviceInformation"),
    Change::Remove("/definitions/DeviceRegistrationState/properties/payload"),
    Change::Remove("/paths/~1enrollmentGroups/post"),
];

const PROVISIONING: &str = "azure/dps/mgmt-iotdps.json";

/// Identities, and links by them, came with 2026-11-01.
const PROVISIONING_WITH_IDENTITIES: &[Change] = &[
    Change::Put(
        "/definitions/IotHubDefinitionDescription/properties/hostName",
        r#"{"type": "string", "description": "Host name of the IoT hub. This is required when connectionString is not provided."}"#,
    ),
    Change::Put(
        "/definitions/IotHubDefinitionDescription/properties/authenticationType",
        r#"{"type": "string", "enum": ["KeyBased", "UserAssigned", "SystemAssigned"], "x-ms-enum": {"name": "IotHubAuthenticationType", "modelAsString": true}}"#,
    ),
    Change::Put("/definitions/IotHubDefinitionDescription/properties/selectedUserAssignedIdentityResourceId", r#"{"type": "string"}"#),
    Change::Put("/definitions/IotDpsPropertiesDescription/properties/disableLocalAuth", r#"{"type": "boolean"}"#),
    Change::Put(
        "/definitions/UserAssignedIdentity",
        r#"{"type": "object", "properties": {"principalId": {"type": "string", "readOnly": true}, "clientId": {"type": "string", "readOnly": true}}}"#,
    ),
    Change::Put(
        "/definitions/ManagedServiceIdentity",
        r##"{"type": "object", "required": ["type"], "properties": {
            "principalId": {"type": "string", "readOnly": true},
            "tenantId": {"type": "string", "readOnly": true},
            "type": {"type": "string", "enum": ["None", "SystemAssigned", "UserAssigned", "SystemAssigned,UserAssigned"]},
            "userAssignedIdentities": {"type": "object", "additionalProperties": {"$ref": "#/definitions/UserAssignedIdentity"}}}}"##,
    ),
    Change::Put("/definitions/ProvisioningServiceDescription/properties/identity", r##"{"$ref": "#/definitions/ManagedServiceIdentity"}"##),
];

/// Every version without a file of its own.
pub const MODELS: [Model; 5] = [
    Model {
        document: ENROLLMENTS,
        version: "2018-09-01-preview",
        changes: ENROLLMENTS_OF_2018,
        source: "operations and models of azure-iothub-provisioningserviceclient 1.2.0, Microsoft's Python client, which speaks this version",
    },
    Model {
        document: DEVICE,
        version: "2021-06-01",
        changes: DEVICE_WITHOUT_ISSUED_CERTIFICATES,
        source: "device.json of 2021-06-01 and 2026-11-01 in Azure/azure-rest-api-specs differ in these properties",
    },
    Model {
        document: DEVICE,
        version: "2019-03-31",
        changes: DEVICE_WITHOUT_ISSUED_CERTIFICATES,
        source: "models of the DPS device client in Azure/azure-iot-sdk-csharp, which speaks 2019-03-31",
    },
    Model {
        document: PROVISIONING,
        version: "2026-11-01",
        changes: PROVISIONING_WITH_IDENTITIES,
        source: "models of azure-mgmt-iothubprovisioningservices 2.1.0, Microsoft's Python client, which speaks this version",
    },
    Model {
        document: "models/iothub-device.json",
        version: "2021-04-12",
        changes: &[],
        source: "https://learn.microsoft.com/rest/api/iothub/device, which lists the same operations for 2021-04-12",
    },
];
