//! The OpenAPI of the resource manager itself: resource groups and role assignments.

use crate::azure::resource::MANAGEMENT;
use crate::spec::{Api, Change, Deviation, Model, Source, Specs, source};

const RESOURCES: Api = Api { name: "resource groups", plane: &MANAGEMENT };
const AUTHORIZATION: Api = Api { name: "role assignments", plane: &MANAGEMENT };

const RESOURCES_FILE: &str = "azure/resources/resources.json";
const OPERATIONS_FILE: &str = "models/resources-operations.json";
const AUTHORIZATION_FILE: &str = "azure/authorization/roleAssignments.json";

pub(crate) const SPECS: Specs = Specs { sources: &SOURCES, deviations: &DEVIATIONS, models: &MODELS };

const SOURCES: [Source; 10] = [
    source!("azure/common-types/arm-v1-types.json"),
    source!("azure/common-types/arm-v2-types.json"),
    source!("azure/common-types/arm-v3-types.json"),
    source!("azure/common-types/arm-v3-managedidentity.json"),
    source!("azure/common-types/arm-v6-types.json"),
    source!("azure/common-types/arm-v6-managedidentity.json"),
    source!("azure/authorization/common-types.json"),
    source!("azure/authorization/roleAssignments.json", &AUTHORIZATION),
    source!("azure/resources/resources.json", &RESOURCES),
    source!("models/resources-operations.json", &RESOURCES),
];

const DEVIATIONS: [Deviation; 2] = [
    Deviation {
        document: AUTHORIZATION_FILE,
        changes: &[
            Change::Remove("/paths/~1{roleAssignmentId}"),
            Change::Put("/parameters/RoleAssignmentNameParameter/x-ms-skip-url-encoding", "false"),
        ],
        reason: "the first template fits any path of any provider, so that a misspelt one would pass; a name is a GUID, one segment",
    },
    Deviation {
        document: RESOURCES_FILE,
        changes: &[
            Change::Remove("/paths/~1{resourceId}"),
            Change::Remove(
                "/paths/~1subscriptions~1{subscriptionId}~1resourcegroups~1{resourceGroupName}~1providers~1{resourceProviderNamespace}~1{parentResourcePath}~1{resourceType}~1{resourceName}",
            ),
        ],
        reason: "these templates fit any path of any provider, so that a misspelt one would pass as a generic resource",
    },
];

/// Nothing of resource groups differs between the versions that released clients ask for.
const SAME: &str =
    "operations and models of resource groups in azure-mgmt-resource 24.0.0, Microsoft's Python client, which has both versions";
/// A poll is in the version of the request that began the operation.
const POLLS: &str = "the addresses in Location, which have the api-version of the request";

/// armresources 1.2.0 for Go speaks 2021-04-01; armresources/v4 4.0.0, @azure/arm-resources since 7.0.0 and azure-mgmt-resource 26.0.0 2025-04-01.
const MODELS: [Model; 4] = [
    Model { document: RESOURCES_FILE, version: "2021-04-01", changes: &[], source: SAME },
    Model { document: OPERATIONS_FILE, version: "2021-04-01", changes: &[], source: POLLS },
    Model { document: RESOURCES_FILE, version: "2025-04-01", changes: &[], source: SAME },
    Model { document: OPERATIONS_FILE, version: "2025-04-01", changes: &[], source: POLLS },
];
