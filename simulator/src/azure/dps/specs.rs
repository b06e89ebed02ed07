//! The OpenAPI of the Device Provisioning Service: its management, its service API and its device API.

use crate::azure::dps::service::{GLOBAL_HOST, HOST_SUFFIX};
use crate::azure::microsoft_devices::specs::{ERROR_ANSWER, ERROR_CODE};
use crate::azure::resource::MANAGEMENT;
use crate::spec::{Api, Change, Deviation, Model, Plane, Source, Specs, source};

/// What a service answers to its owner, at its own name.
const SERVICE_API: Plane = Plane {
    name: "provisioning service",
    serves: |host, path| HOST_SUFFIX.fits(host) && !GLOBAL_HOST.fits(host) && !is_device_path(path),
    ignores_case: false,
    gateway_error: None,
};

/// What a service answers to devices, at the global name or at its own.
const DEVICE_API: Plane = Plane {
    name: "provisioning device",
    serves: |host, path| GLOBAL_HOST.fits(host) || (HOST_SUFFIX.fits(host) && is_device_path(path)),
    ignores_case: false,
    gateway_error: None,
};

/// `/{idScope}/registrations/…`, against the service's own `/registrations/{id}`.
pub(crate) fn is_device_path(path: &str) -> bool {
    let mut segments = path.trim_start_matches('/').split('/');
    let mut names_registrations = || segments.next().is_some_and(|segment| segment.eq_ignore_ascii_case("registrations"));
    !names_registrations() && names_registrations()
}

const PROVISIONING: Api = Api { name: "DPS", plane: &MANAGEMENT };
const ENROLLMENTS: Api = Api { name: "DPS enrollments", plane: &SERVICE_API };
const DEVICES: Api = Api { name: "DPS devices", plane: &DEVICE_API };

const MANAGEMENT_FILE: &str = "azure/dps/mgmt-iotdps-2026-11-01.json";
const OLDER_MANAGEMENT_FILE: &str = "azure/dps/mgmt-iotdps.json";
const OLDER_SERVICE_FILE: &str = "azure/dps/dataplane-service.json";
const DEVICE_FILE: &str = "azure/dps/dataplane-device.json";

pub(crate) const SPECS: Specs = Specs { sources: &SOURCES, deviations: &DEVIATIONS, models: &MODELS };

const SOURCES: [Source; 5] = [
    source!("azure/dps/mgmt-iotdps-2026-11-01.json", &PROVISIONING),
    source!("azure/dps/mgmt-iotdps.json", &PROVISIONING),
    source!("azure/dps/dataplane-service-2026-11-01.json", &ENROLLMENTS),
    source!("azure/dps/dataplane-service.json", &ENROLLMENTS),
    source!("azure/dps/dataplane-device.json", &DEVICES),
];

/// The poll of `Azure-AsyncOperation`, as the file has it.
const STATUS_OF_OPERATION: &str = r##"{
    "/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.Devices/provisioningServices/{provisioningServiceName}/operationresults/{operationId}?asyncinfo": {"get": {
        "operationId": "IotDpsResource_GetOperationResult",
        "parameters": [
            {"name": "operationId", "in": "path", "required": true, "type": "string"},
            {"name": "subscriptionId", "in": "path", "required": true, "type": "string"},
            {"name": "resourceGroupName", "in": "path", "required": true, "type": "string"},
            {"name": "provisioningServiceName", "in": "path", "required": true, "type": "string"},
            {"name": "api-version", "in": "query", "required": true, "type": "string"}
        ],
        "responses": {
            "200": {"description": "the state", "schema": {"$ref": "#/definitions/AsyncOperationResult"}},
            "default": {"description": "error", "schema": {"$ref": "#/definitions/ErrorDetails"}}
        }
    }}
}"##;

/// Where a poll is told, in both files.
const POLL: &str = "the file describes the poll of Azure-AsyncOperation; Location leads to the same address without asyncinfo, and ends with the \
                    resource, see https://learn.microsoft.com/azure/azure-resource-manager/management/async-operations";
/// The end of what `Location` leads to.
const END_OF_OPERATION: Change = Change::Put(
    "/paths/~1subscriptions~1{subscriptionId}~1resourceGroups~1{resourceGroupName}~1providers~1Microsoft.Devices~1provisioningServices~1{provisioningServiceName}~1operationresults~1{operationId}/get/responses/200",
    r##"{"description": "the end: the resource, or nothing", "x-or-nothing": true, "schema": {"$ref": "#/definitions/ProvisioningServiceDescription"}}"##,
);
const POLL_BY_LOCATION: Change = Change::Put(
    "/paths/~1subscriptions~1{subscriptionId}~1resourceGroups~1{resourceGroupName}~1providers~1Microsoft.Devices~1provisioningServices~1{provisioningServiceName}~1operationresults~1{operationId}/get/operationId",
    r#""IotDpsResource_OperationLocation""#,
);
const POLL_BY_STATUS: Change = Change::Put("/x-ms-paths", STATUS_OF_OPERATION);
const STILL_RUNNING: Change = Change::Put(
    "/paths/~1subscriptions~1{subscriptionId}~1resourceGroups~1{resourceGroupName}~1providers~1Microsoft.Devices~1provisioningServices~1{provisioningServiceName}~1operationresults~1{operationId}/get/responses/202",
    r#"{"description": "still running"}"#,
);
const END_OF_DELETION: Change = Change::Put(
    "/paths/~1subscriptions~1{subscriptionId}~1resourceGroups~1{resourceGroupName}~1providers~1Microsoft.Devices~1provisioningServices~1{provisioningServiceName}~1operationresults~1{operationId}/get/responses/204",
    r#"{"description": "the end of a deletion"}"#,
);
const RIGHTS: &str = r#"{"type": "string", "description": "The rights, separated by a comma and a space."}"#;
const WHY_RIGHTS: &str =
    "the default policy has all six rights in one text, as the hub's file says of its own policies; the file allows one";
const WHY_CODE: &str = "the same error body as the hub's, where both spellings of the code are in use";

const DEVIATIONS: [Deviation; 8] = [
    Deviation { document: MANAGEMENT_FILE, changes: &[ERROR_CODE], reason: WHY_CODE },
    Deviation {
        document: MANAGEMENT_FILE,
        changes: &[
            Change::Put(
                "/paths/~1subscriptions~1{subscriptionId}~1resourceGroups~1{resourceGroupName}~1providers~1Microsoft.Devices~1provisioningServices~1{provisioningServiceName}~1operationresults~1{operationId}/get/parameters/5/required",
                "false",
            ),
            END_OF_OPERATION,
            POLL_BY_LOCATION,
            POLL_BY_STATUS,
            STILL_RUNNING,
            END_OF_DELETION,
        ],
        reason: POLL,
    },
    Deviation {
        document: MANAGEMENT_FILE,
        changes: &[Change::Put("/definitions/SharedAccessSignatureAuthorizationRuleAccessRightsDescription/properties/rights", RIGHTS)],
        reason: WHY_RIGHTS,
    },
    Deviation { document: OLDER_MANAGEMENT_FILE, changes: &[ERROR_CODE], reason: WHY_CODE },
    Deviation {
        document: OLDER_MANAGEMENT_FILE,
        changes: &[Change::Put(
            "/paths/~1subscriptions~1{subscriptionId}~1resourceGroups~1{resourceGroupName}~1providers~1Microsoft.Devices~1provisioningServices~1{provisioningServiceName}/patch/responses/default",
            ERROR_ANSWER,
        )],
        reason: "the file declares no failure of PATCH at all; it fails as the other operations do",
    },
    Deviation {
        document: OLDER_MANAGEMENT_FILE,
        changes: &[
            Change::Put(
                "/paths/~1subscriptions~1{subscriptionId}~1resourceGroups~1{resourceGroupName}~1providers~1Microsoft.Devices~1provisioningServices~1{provisioningServiceName}~1operationresults~1{operationId}/get/parameters/4/required",
                "false",
            ),
            END_OF_OPERATION,
            POLL_BY_LOCATION,
            POLL_BY_STATUS,
            STILL_RUNNING,
            END_OF_DELETION,
        ],
        reason: POLL,
    },
    Deviation {
        document: OLDER_MANAGEMENT_FILE,
        changes: &[Change::Put("/definitions/SharedAccessSignatureAuthorizationRule[AccessRightsDescription]/properties/rights", RIGHTS)],
        reason: WHY_RIGHTS,
    },
    Deviation {
        document: OLDER_MANAGEMENT_FILE,
        changes: &[Change::Put("/definitions/IotHubDefinitionDescription/required", r#"["location"]"#)],
        reason: "a link by identity has no connection string, in whichever version it is shown or sent back; the service refuses \
                 what it does not accept, see the property's description in the file of 2026-11-01",
    },
];

/// Certificates are issued to devices since 2026-11-01 only; the operation bears its older name before.
const DEVICE_WITHOUT_ISSUED_CERTIFICATES: &[Change] = &[
    Change::Remove("/definitions/DeviceRegistration/properties/csr"),
    Change::Remove("/definitions/DeviceRegistrationResult/properties/issuedCertificateChain"),
    Change::Put("/paths/~1{idScope}~1registrations~1{registrationId}~1register/put/operationId", r#""RuntimeRegistration_RegisterDevice""#),
];

/// What the service API learned between 2018-09-01-preview and 2021-10-01.
const SERVICE_API_OF_2018: &[Change] = &[
    Change::Remove("/definitions/EnrollmentGroup/properties/capabilities"),
    Change::Remove("/definitions/IndividualEnrollment/properties/optionalDeviceInformation"),
    Change::Remove("/definitions/DeviceRegistrationState/properties/payload"),
    Change::Remove("/paths/~1enrollmentGroups/post"),
];

/// Where the portal finds a service is told since 2022-12-12.
const MANAGEMENT_WITHOUT_PORTAL_HOST: &[Change] =
    &[Change::Remove("/definitions/IotDpsPropertiesDescription/properties/portalOperationsHostName")];

/// What links a service to Device Registry came with 2026-11-01.
const MANAGEMENT_WITHOUT_DEVICE_REGISTRY: &[Change] =
    &[Change::Remove("/definitions/IotDpsPropertiesDescription/properties/deviceRegistryNamespaces")];

const MODELS: [Model; 5] = [
    Model {
        document: OLDER_SERVICE_FILE,
        version: "2018-09-01-preview",
        changes: SERVICE_API_OF_2018,
        source: "operations and models of azure-iothub-provisioningserviceclient 1.2.0, Microsoft's Python client, which speaks this version",
    },
    Model {
        document: DEVICE_FILE,
        version: "2021-06-01",
        changes: DEVICE_WITHOUT_ISSUED_CERTIFICATES,
        source: "device.json of 2021-06-01 and 2026-11-01 in Azure/azure-rest-api-specs differ in these properties",
    },
    Model {
        document: DEVICE_FILE,
        version: "2019-03-31",
        changes: DEVICE_WITHOUT_ISSUED_CERTIFICATES,
        source: "models of the DPS device client in Azure/azure-iot-sdk-csharp, which speaks 2019-03-31",
    },
    Model {
        document: OLDER_MANAGEMENT_FILE,
        version: "2022-02-05",
        changes: MANAGEMENT_WITHOUT_PORTAL_HOST,
        source: "models of armdeviceprovisioningservices 1.2.0 for Go, whose requests are those of @azure/arm-deviceprovisioningservices 5.1.0",
    },
    Model {
        document: MANAGEMENT_FILE,
        version: "2026-08-31",
        changes: MANAGEMENT_WITHOUT_DEVICE_REGISTRY,
        source: "iotdps.json of 2026-08-31 and 2026-11-01 in Azure/azure-rest-api-specs differ by what the latter says of Device Registry; \
                 @azure/arm-deviceprovisioningservices 6.0.0 speaks it",
    },
];
