//! Where the service is known to do something else than its file says.

use super::change::Change;

/// One known difference, with its reason.
pub struct Deviation {
    pub(super) document: &'static str,
    pub(super) changes: &'static [Change],
    pub(super) reason: &'static str,
}

impl Deviation {
    /// The file under `specs/` that is read differently.
    pub fn document(&self) -> &'static str {
        self.document
    }

    /// Why.
    pub fn reason(&self) -> &'static str {
        self.reason
    }
}

const HUB: &str = "azure/iothub/iothub.json";
const HUB_DATA: &str = "azure/iothub/dataplane-derived.json";
const PROVISIONING: &str = "azure/dps/mgmt-iotdps.json";
const AUTHORIZATION: &str = "azure/authorization/roleAssignments.json";
const RESOURCES: &str = "azure/resources/resources.json";

const ERROR_CODE: Change = Change::Put("/definitions/ErrorDetails/properties/code", r#"{"readOnly": true, "type": ["integer", "string"]}"#);
const ERROR_ANSWER: &str = r##"{"description": "error", "schema": {"$ref": "#/definitions/ErrorDetails"}}"##;

/// Every deviation that is a change of one file.
///
/// Three more hold for every answer, seen in those recorded in Azure/azure-sdk-for-js: a failure may come in Azure Resource
/// Manager's own `{"error": {…}}`, where that stands in front, and without a body; a deletion may answer without the resource
/// that the file declares; a body of `null` is none.
pub const DEVIATIONS: [Deviation; 12] = [
    Deviation {
        document: HUB,
        changes: &[ERROR_CODE],
        reason: "Microsoft.Devices writes the error code as a number (see the error bodies in Azure/azure-cli issue 10628); the file says string",
    },
    Deviation {
        document: PROVISIONING,
        changes: &[ERROR_CODE],
        reason: "the same error body as the hub's, where both spellings of the code are in use",
    },
    Deviation {
        document: HUB,
        changes: &[Change::Put(
            "/paths/~1subscriptions~1{subscriptionId}~1resourceGroups~1{resourceGroupName}~1providers~1Microsoft.Devices~1IotHubs~1{resourceName}/patch/responses/default",
            ERROR_ANSWER,
        )],
        reason: "the file declares no failure of PATCH at all; it fails as the other operations do",
    },
    Deviation {
        document: PROVISIONING,
        changes: &[Change::Put(
            "/paths/~1subscriptions~1{subscriptionId}~1resourceGroups~1{resourceGroupName}~1providers~1Microsoft.Devices~1provisioningServices~1{provisioningServiceName}/patch/responses/default",
            ERROR_ANSWER,
        )],
        reason: "the file declares no failure of PATCH at all; it fails as the other operations do",
    },
    Deviation {
        document: PROVISIONING,
        changes: &[
            Change::Put(
                "/paths/~1subscriptions~1{subscriptionId}~1resourceGroups~1{resourceGroupName}~1providers~1Microsoft.Devices~1provisioningServices~1{provisioningServiceName}~1operationresults~1{operationId}/get/parameters/4/required",
                "false",
            ),
            Change::Put(
                "/paths/~1subscriptions~1{subscriptionId}~1resourceGroups~1{resourceGroupName}~1providers~1Microsoft.Devices~1provisioningServices~1{provisioningServiceName}~1operationresults~1{operationId}/get/responses/200/x-or-nothing",
                "true",
            ),
            Change::Put(
                "/paths/~1subscriptions~1{subscriptionId}~1resourceGroups~1{resourceGroupName}~1providers~1Microsoft.Devices~1provisioningServices~1{provisioningServiceName}~1operationresults~1{operationId}/get/responses/202",
                r#"{"description": "still running"}"#,
            ),
            Change::Put(
                "/paths/~1subscriptions~1{subscriptionId}~1resourceGroups~1{resourceGroupName}~1providers~1Microsoft.Devices~1provisioningServices~1{provisioningServiceName}~1operationresults~1{operationId}/get/responses/204",
                r#"{"description": "the end of a deletion"}"#,
            ),
        ],
        reason: "the file describes the poll of Azure-AsyncOperation; Location leads to the same address without asyncinfo, \
                 see https://learn.microsoft.com/azure/azure-resource-manager/management/async-operations",
    },
    Deviation {
        document: PROVISIONING,
        changes: &[Change::Put(
            "/definitions/SharedAccessSignatureAuthorizationRule[AccessRightsDescription]/properties/rights",
            r#"{"type": "string", "description": "The rights, separated by a comma and a space."}"#,
        )],
        reason: "the default policy has all six rights in one text, as the hub's file says of its own policies; the file allows one",
    },
    Deviation {
        document: HUB,
        changes: &[Change::Put("/definitions/RoutingStorageContainerProperties/properties/encoding/x-answer-any-case", "true")],
        reason: "the service answers with another casing than it was given",
    },
    Deviation {
        document: HUB_DATA,
        changes: &[Change::Everywhere { key: "format", from: "date-time", to: "date-time-zoneless" }],
        reason: "the registry writes times that never happened as 0001-01-01T00:00:00, without a zone",
    },
    Deviation {
        document: HUB_DATA,
        changes: &[
            Change::Put("/definitions/Twin/properties/tags/additionalProperties", "{}"),
            Change::Put("/definitions/TwinProperties/properties/desired/additionalProperties", "{}"),
            Change::Put("/definitions/TwinProperties/properties/reported/additionalProperties", "{}"),
            Change::Put("/definitions/ExportImportDevice/properties/tags/additionalProperties", "{}"),
        ],
        reason: "tags and properties of a twin are any JSON; the client from which the file is derived has one word for an object and for anything",
    },
    Deviation {
        document: PROVISIONING,
        changes: &[Change::Put("/definitions/IotHubDefinitionDescription/required", r#"["location"]"#)],
        reason: "a link by identity has no connection string, in whichever version it is shown or sent back; the service refuses \
                 what it does not accept, see the property's description in azure-mgmt-iothubprovisioningservices 2.1.0",
    },
    Deviation {
        document: AUTHORIZATION,
        changes: &[
            Change::Remove("/paths/~1{roleAssignmentId}"),
            Change::Put("/parameters/RoleAssignmentNameParameter/x-ms-skip-url-encoding", "false"),
        ],
        reason: "the first template fits any path of any provider, so that a misspelt one would pass; a name is a GUID, one segment",
    },
    Deviation {
        document: RESOURCES,
        changes: &[
            Change::Remove("/paths/~1{resourceId}"),
            Change::Remove(
                "/paths/~1subscriptions~1{subscriptionId}~1resourcegroups~1{resourceGroupName}~1providers~1{resourceProviderNamespace}~1{parentResourcePath}~1{resourceType}~1{resourceName}",
            ),
        ],
        reason: "these templates fit any path of any provider, so that a misspelt one would pass as a generic resource",
    },
];
