//! The OpenAPI of IoT Hub: its management, its registry and its device API.

use crate::azure::iot_hub::hub::HOST_SUFFIX;
use crate::azure::microsoft_devices::specs::{ERROR_ANSWER, ERROR_CODE};
use crate::azure::resource::MANAGEMENT;
use crate::spec::{Api, Change, Deviation, Model, Plane, Source, Specs, source};

/// What answers at a hub's own name.
const HUB: Plane = Plane { name: "hub", serves: |host, _| HOST_SUFFIX.fits(host), ignores_case: false, gateway_error: None };

const IOT_HUB: Api = Api { name: "IoT Hub", plane: &MANAGEMENT };
const REGISTRY: Api = Api { name: "IoT Hub registry", plane: &HUB };
const DEVICES: Api = Api { name: "IoT Hub devices", plane: &HUB };

const MANAGEMENT_FILE: &str = "azure/iothub/iothub-2026-11-01.json";
const OLDER_MANAGEMENT_FILE: &str = "azure/iothub/iothub.json";
const OPERATIONS_FILE: &str = "models/iothub-operations.json";
const REGISTRY_FILE: &str = "azure/iothub/dataplane-derived.json";

pub(crate) const SPECS: Specs = Specs { sources: &SOURCES, deviations: &DEVIATIONS, models: &MODELS };

const SOURCES: [Source; 5] = [
    source!("azure/iothub/iothub-2026-11-01.json", &IOT_HUB),
    source!("azure/iothub/iothub.json", &IOT_HUB),
    source!("azure/iothub/dataplane-derived.json", &REGISTRY),
    source!("models/iothub-device.json", &DEVICES),
    source!("models/iothub-operations.json", &IOT_HUB),
];

const WHY_CODE: &str =
    "Microsoft.Devices writes the error code as a number (see the error bodies in Azure/azure-cli issue 10628); the file says string";
const PATCH_FAILS: Change = Change::Put(
    "/paths/~1subscriptions~1{subscriptionId}~1resourceGroups~1{resourceGroupName}~1providers~1Microsoft.Devices~1IotHubs~1{resourceName}/patch/responses/default",
    ERROR_ANSWER,
);
const WHY_PATCH_FAILS: &str = "the file declares no failure of PATCH at all; it fails as the other operations do";
const WHY_ANY_CASE: &str = "the service answers with another casing than it was given";

const DEVIATIONS: [Deviation; 8] = [
    Deviation { document: MANAGEMENT_FILE, changes: &[ERROR_CODE], reason: WHY_CODE },
    Deviation { document: MANAGEMENT_FILE, changes: &[PATCH_FAILS], reason: WHY_PATCH_FAILS },
    Deviation {
        document: MANAGEMENT_FILE,
        changes: &[Change::Put("/definitions/RoutingStorageContainerPropertiesEncoding/x-answer-any-case", "true")],
        reason: WHY_ANY_CASE,
    },
    Deviation { document: OLDER_MANAGEMENT_FILE, changes: &[ERROR_CODE], reason: WHY_CODE },
    Deviation { document: OLDER_MANAGEMENT_FILE, changes: &[PATCH_FAILS], reason: WHY_PATCH_FAILS },
    Deviation {
        document: OLDER_MANAGEMENT_FILE,
        changes: &[Change::Put("/definitions/RoutingStorageContainerProperties/properties/encoding/x-answer-any-case", "true")],
        reason: WHY_ANY_CASE,
    },
    Deviation {
        document: REGISTRY_FILE,
        changes: &[Change::Everywhere { key: "format", from: "date-time", to: "date-time-zoneless" }],
        reason: "the registry writes times that never happened as 0001-01-01T00:00:00, without a zone",
    },
    Deviation {
        document: REGISTRY_FILE,
        changes: &[
            Change::Put("/definitions/Twin/properties/tags/additionalProperties", "{}"),
            Change::Put("/definitions/TwinProperties/properties/desired/additionalProperties", "{}"),
            Change::Put("/definitions/TwinProperties/properties/reported/additionalProperties", "{}"),
            Change::Put("/definitions/ExportImportDevice/properties/tags/additionalProperties", "{}"),
        ],
        reason: "tags and properties of a twin are any JSON; the client from which the file is derived has one word for an object and for anything",
    },
];

const MODELS: [Model; 2] = [
    Model {
        document: "models/iothub-device.json",
        version: "2021-04-12",
        changes: &[],
        source: "https://learn.microsoft.com/rest/api/iothub/device, which lists the same operations for 2021-04-12",
    },
    Model {
        document: OPERATIONS_FILE,
        version: "2026-11-01",
        changes: &[],
        source: "the addresses in Azure-AsyncOperation and Location, which have the api-version of the request",
    },
];
