//! Every call that is in use finds its operation.

use moorage_simulator::spec::{OperationRef, SpecBook};

use crate::call::{ARM, Call, DEVICES, DPS, GLOBAL, HUB};

/// Method, path and the operation that must be found.
type Row = (&'static str, &'static str, &'static str);

const HUBS: &[Row] = &[
    ("PUT", "{devices}/IotHubs/contoso", "IotHubResource_CreateOrUpdate"),
    ("GET", "{devices}/IotHubs/contoso", "IotHubResource_Get"),
    ("PATCH", "{devices}/IotHubs/contoso", "IotHubResource_Update"),
    ("DELETE", "{devices}/IotHubs/contoso", "IotHubResource_Delete"),
    ("GET", "{devices}/IotHubs", "IotHubResource_ListByResourceGroup"),
    ("GET", "{provider}/IotHubs", "IotHubResource_ListBySubscription"),
    ("POST", "{devices}/IotHubs/contoso/listkeys", "IotHubResource_ListKeys"),
    ("POST", "{devices}/IotHubs/contoso/IotHubKeys/moorage/listkeys", "IotHubResource_GetKeysForKeyName"),
    ("GET", "{devices}/IotHubs/contoso/quotaMetrics", "IotHubResource_GetQuotaMetrics"),
    ("GET", "{devices}/IotHubs/contoso/IotHubStats", "IotHubResource_GetStats"),
    ("GET", "{devices}/IotHubs/contoso/routingEndpointsHealth", "IotHubResource_GetEndpointHealth"),
    ("POST", "{devices}/IotHubs/contoso/routing/routes/$testnew", "IotHubResource_TestRoute"),
    ("POST", "{devices}/IotHubs/contoso/routing/routes/$testall", "IotHubResource_TestAllRoutes"),
    ("PUT", "{devices}/IotHubs/contoso/eventHubEndpoints/events/ConsumerGroups/g", "IotHubResource_CreateEventHubConsumerGroup"),
    ("GET", "{devices}/IotHubs/contoso/eventHubEndpoints/events/ConsumerGroups/g", "IotHubResource_GetEventHubConsumerGroup"),
    ("DELETE", "{devices}/IotHubs/contoso/eventHubEndpoints/events/ConsumerGroups/g", "IotHubResource_DeleteEventHubConsumerGroup"),
    ("POST", "{devices}/IotHubs/contoso/importDevices", "IotHubResource_ImportDevices"),
    ("POST", "{devices}/IotHubs/contoso/exportDevices", "IotHubResource_ExportDevices"),
    ("GET", "{devices}/IotHubs/contoso/jobs/1", "IotHubResource_GetJob"),
    ("GET", "{devices}/IotHubs/contoso/certificates", "Certificates_ListByIotHub"),
    ("PUT", "{devices}/IotHubs/contoso/certificates/root", "Certificates_CreateOrUpdate"),
    ("GET", "{devices}/IotHubs/contoso/certificates/root", "Certificates_Get"),
    ("DELETE", "{devices}/IotHubs/contoso/certificates/root", "Certificates_Delete"),
    ("POST", "{devices}/IotHubs/contoso/certificates/root/generateVerificationCode", "Certificates_GenerateVerificationCode"),
    ("POST", "{devices}/IotHubs/contoso/certificates/root/verify", "Certificates_Verify"),
    ("POST", "{devices}/IotHubs/contoso/failover", "IotHub_ManualFailover"),
    ("POST", "{provider}/checkNameAvailability", "IotHubResource_CheckNameAvailability"),
    ("GET", "{provider}/usages", "ResourceProviderCommon_GetSubscriptionQuota"),
    ("GET", "{devices}/IotHubs/contoso/privateEndpointConnections", "PrivateEndpointConnections_List"),
    ("GET", "{devices}/IotHubs/contoso/privateEndpointConnections/p", "PrivateEndpointConnections_Get"),
    ("PUT", "{devices}/IotHubs/contoso/privateEndpointConnections/p", "PrivateEndpointConnections_Update"),
    ("DELETE", "{devices}/IotHubs/contoso/privateEndpointConnections/p", "PrivateEndpointConnections_Delete"),
    ("GET", "{devices}/IotHubs/contoso/privateLinkResources", "PrivateLinkResources_List"),
    ("GET", "{devices}/IotHubs/contoso/operationResults/aWQ9", "IotHubResource_OperationLocation"),
    ("GET", "{provider}/locations/eastus/operationResults/aWQ9", "Operations_Location"),
];

const PROVISIONING_SERVICES: &[Row] = &[
    ("PUT", "{devices}/provisioningServices/contoso", "IotDpsResource_CreateOrUpdate"),
    ("GET", "{devices}/provisioningServices/contoso", "IotDpsResource_Get"),
    ("PATCH", "{devices}/provisioningServices/contoso", "IotDpsResource_Update"),
    ("DELETE", "{devices}/provisioningServices/contoso", "IotDpsResource_Delete"),
    ("POST", "{devices}/provisioningServices/contoso/listkeys", "IotDpsResource_ListKeys"),
    ("POST", "{devices}/provisioningServices/contoso/keys/moorage/listkeys", "IotDpsResource_ListKeysForKeyName"),
    ("GET", "{devices}/provisioningServices/contoso/operationresults/aWQ9", "IotDpsResource_OperationLocation"),
    ("GET", "{devices}/provisioningServices/contoso/certificates", "DpsCertificate_List"),
    ("PUT", "{devices}/provisioningServices/contoso/certificates/root", "DpsCertificate_CreateOrUpdate"),
    ("GET", "{devices}/provisioningServices/contoso/certificates/root", "DpsCertificate_Get"),
    ("DELETE", "{devices}/provisioningServices/contoso/certificates/root", "DpsCertificate_Delete"),
    (
        "POST",
        "{devices}/provisioningServices/contoso/certificates/root/generateVerificationCode",
        "DpsCertificate_GenerateVerificationCode",
    ),
    ("POST", "{devices}/provisioningServices/contoso/certificates/root/verify", "DpsCertificate_VerifyCertificate"),
    ("GET", "{devices}/provisioningServices/contoso/privateEndpointConnections", "IotDpsResource_ListPrivateEndpointConnections"),
    ("GET", "{devices}/provisioningServices/contoso/privateEndpointConnections/p", "IotDpsResource_GetPrivateEndpointConnection"),
    (
        "PUT",
        "{devices}/provisioningServices/contoso/privateEndpointConnections/p",
        "IotDpsResource_CreateOrUpdatePrivateEndpointConnection",
    ),
    ("DELETE", "{devices}/provisioningServices/contoso/privateEndpointConnections/p", "IotDpsResource_DeletePrivateEndpointConnection"),
    ("GET", "{devices}/provisioningServices/contoso/privateLinkResources", "IotDpsResource_ListPrivateLinkResources"),
    ("POST", "{provider}/checkProvisioningServiceNameAvailability", "IotDpsResource_CheckProvisioningServiceNameAvailability"),
];

const ROLE_ASSIGNMENTS: &[Row] = &[
    ("GET", "{devices}/IotHubs/contoso/providers/Microsoft.Authorization/roleAssignments", "RoleAssignments_ListForResource"),
    ("PUT", "{devices}/IotHubs/contoso/providers/Microsoft.Authorization/roleAssignments/11", "RoleAssignments_Create"),
    ("GET", "{devices}/IotHubs/contoso/providers/Microsoft.Authorization/roleAssignments/11", "RoleAssignments_Get"),
    ("DELETE", "{devices}/IotHubs/contoso/providers/Microsoft.Authorization/roleAssignments/11", "RoleAssignments_Delete"),
];

const RESOURCE_GROUPS: &[Row] = &[
    ("PUT", "/subscriptions/2f5c/resourcegroups/plant", "ResourceGroups_CreateOrUpdate"),
    ("GET", "/subscriptions/2f5c/resourcegroups/plant", "ResourceGroups_Get"),
    ("HEAD", "/subscriptions/2f5c/resourcegroups/plant", "ResourceGroups_CheckExistence"),
    ("DELETE", "/subscriptions/2f5c/resourcegroups/plant", "ResourceGroups_Delete"),
    ("GET", "/subscriptions/2f5c/operationresults/eyJq", "ResourceGroups_OperationLocation"),
];

const ENROLLMENTS: &[Row] = &[
    ("PUT", "/enrollmentGroups/g", "EnrollmentGroup_CreateOrUpdate"),
    ("GET", "/enrollmentGroups/g", "EnrollmentGroup_Get"),
    ("DELETE", "/enrollmentGroups/g", "EnrollmentGroup_Delete"),
    ("POST", "/enrollmentGroups/g/attestationmechanism", "EnrollmentGroup_GetAttestationMechanism"),
    ("POST", "/enrollmentGroups/query", "EnrollmentGroup_Query"),
    ("POST", "/enrollmentGroups", "EnrollmentGroup_RunBulkOperation"),
    ("PUT", "/enrollments/d", "IndividualEnrollment_CreateOrUpdate"),
    ("GET", "/enrollments/d", "IndividualEnrollment_Get"),
    ("DELETE", "/enrollments/d", "IndividualEnrollment_Delete"),
    ("POST", "/enrollments/d/attestationmechanism", "IndividualEnrollment_GetAttestationMechanism"),
    ("POST", "/enrollments/query", "IndividualEnrollment_Query"),
    ("POST", "/enrollments", "IndividualEnrollment_RunBulkOperation"),
    ("GET", "/registrations/d", "DeviceRegistrationState_Get"),
    ("DELETE", "/registrations/d", "DeviceRegistrationState_Delete"),
    ("POST", "/registrations/g/query", "DeviceRegistrationState_Query"),
];

/// What Microsoft's Python client asks for, in the only version that it speaks.
const ENROLLMENTS_OF_2018: &[Row] = &[
    ("PUT", "/enrollmentGroups/g", "EnrollmentGroup_CreateOrUpdate"),
    ("GET", "/enrollmentGroups/g", "EnrollmentGroup_Get"),
    ("DELETE", "/enrollmentGroups/g", "EnrollmentGroup_Delete"),
    ("POST", "/enrollmentGroups/g/attestationmechanism", "EnrollmentGroup_GetAttestationMechanism"),
    ("POST", "/enrollmentGroups/query", "EnrollmentGroup_Query"),
    ("PUT", "/enrollments/d", "IndividualEnrollment_CreateOrUpdate"),
    ("GET", "/enrollments/d", "IndividualEnrollment_Get"),
    ("DELETE", "/enrollments/d", "IndividualEnrollment_Delete"),
    ("POST", "/enrollments/d/attestationmechanism", "IndividualEnrollment_GetAttestationMechanism"),
    ("POST", "/enrollments/query", "IndividualEnrollment_Query"),
    ("POST", "/enrollments", "IndividualEnrollment_RunBulkOperation"),
    ("GET", "/registrations/d", "DeviceRegistrationState_Get"),
    ("DELETE", "/registrations/d", "DeviceRegistrationState_Delete"),
    ("POST", "/registrations/g/query", "DeviceRegistrationState_Query"),
];

const DEVICE_REGISTRATION: &[Row] = &[
    ("PUT", "/0ne0/registrations/d/register", "RuntimeRegistration_RegisterDevice"),
    ("GET", "/0ne0/registrations/d/operations/o", "RuntimeRegistration_OperationStatusLookup"),
    ("POST", "/0ne0/registrations/d", "RuntimeRegistration_DeviceRegistrationStatusLookup"),
];

const REGISTRY: &[Row] = &[
    ("GET", "/devices/d", "Devices_GetIdentity"),
    ("PUT", "/devices/d", "Devices_CreateOrUpdateIdentity"),
    ("DELETE", "/devices/d", "Devices_DeleteIdentity"),
    ("GET", "/devices", "Devices_GetDevices"),
    ("POST", "/devices", "BulkRegistry_UpdateRegistry"),
    ("GET", "/devices/d/modules", "Modules_GetModulesOnDevice"),
    ("GET", "/devices/d/modules/m", "Modules_GetIdentity"),
    ("PUT", "/devices/d/modules/m", "Modules_CreateOrUpdateIdentity"),
    ("DELETE", "/devices/d/modules/m", "Modules_DeleteIdentity"),
    ("GET", "/twins/d", "Devices_GetTwin"),
    ("PATCH", "/twins/d", "Devices_UpdateTwin"),
    ("PUT", "/twins/d", "Devices_ReplaceTwin"),
    ("GET", "/twins/d/modules/m", "Modules_GetTwin"),
    ("PATCH", "/twins/d/modules/m", "Modules_UpdateTwin"),
    ("PUT", "/twins/d/modules/m", "Modules_ReplaceTwin"),
    ("POST", "/twins/d/methods", "Devices_InvokeMethod"),
    ("POST", "/devices/query", "Query_GetTwins"),
    ("POST", "/jobs/create", "Jobs_CreateImportExportJob"),
    ("GET", "/jobs", "Jobs_GetImportExportJobs"),
    ("GET", "/jobs/j", "Jobs_GetImportExportJob"),
    ("DELETE", "/jobs/j", "Jobs_CancelImportExportJob"),
    ("PUT", "/jobs/v2/j", "Jobs_CreateScheduledJob"),
    ("GET", "/jobs/v2/j", "Jobs_GetScheduledJob"),
    ("POST", "/jobs/v2/j/cancel", "Jobs_CancelScheduledJob"),
    ("GET", "/jobs/v2/query", "Jobs_QueryScheduledJobs"),
    ("GET", "/statistics/devices", "Statistics_GetDeviceStatistics"),
    ("GET", "/statistics/service", "Statistics_GetServiceStatistics"),
];

const DEVICE_MESSAGES: &[Row] = &[
    ("POST", "/devices/d/messages/events", "Device_SendDeviceEvent"),
    ("GET", "/devices/d/messages/deviceBound", "Device_ReceiveDeviceBoundNotification"),
    ("DELETE", "/devices/d/messages/deviceBound/e", "Device_CompleteDeviceBoundNotification"),
];

/// What the operator, the devices and the tests say to Azure, by host and version.
const TABLES: [(&str, &str, &[Row]); 13] = [
    (ARM, "2026-11-01", HUBS),
    (ARM, "2023-06-30", HUBS),
    (ARM, "2022-12-12", PROVISIONING_SERVICES),
    (ARM, "2026-11-01", PROVISIONING_SERVICES),
    (ARM, "2022-04-01", ROLE_ASSIGNMENTS),
    (ARM, "2024-03-01", RESOURCE_GROUPS),
    (DPS, "2026-11-01", ENROLLMENTS),
    (DPS, "2021-10-01", ENROLLMENTS),
    (DPS, "2018-09-01-preview", ENROLLMENTS_OF_2018),
    (GLOBAL, "2021-06-01", DEVICE_REGISTRATION),
    (DPS, "2021-06-01", DEVICE_REGISTRATION),
    (HUB, "2021-04-12", REGISTRY),
    (HUB, "2020-03-13", DEVICE_MESSAGES),
];

/// Every row as a call, with the operation that must be found.
pub fn calls() -> Vec<(Call<'static>, &'static str)> {
    let call = |host, version, (method, path, id): Row| {
        let path = path.replace("{devices}", DEVICES).replace("{provider}", "/subscriptions/2f5c/providers/Microsoft.Devices");
        (Call::new(method, host, path, version), id)
    };
    TABLES.iter().flat_map(|&(host, version, rows)| rows.iter().map(move |&row| call(host, version, row))).collect()
}

#[test]
fn every_call_in_use_finds_its_operation() {
    for (call, id) in calls() {
        let address = format!("{} {}{}", call.method, call.host, call.path);
        let verdict = call.verdict();
        assert_eq!(verdict.operation.as_ref().map(OperationRef::id), Some(id), "{address}");
        let version = verdict.violations.iter().find(|one| one.place() == "query/api-version");
        assert_eq!(version, None, "{address}");
    }
}

#[test]
fn no_two_operations_of_a_version_bear_the_same_name() {
    let mut names: Vec<(&str, &str, &str)> =
        SpecBook::azure().operations().map(|operation| (operation.api(), operation.api_version(), operation.id())).collect();
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all);
}

#[test]
fn every_deviation_and_model_says_why() {
    assert!(SpecBook::azure().deviations().all(|one| one.reason().len() > 40 && !one.document().is_empty()));
    assert!(SpecBook::azure().models().all(|one| one.source().len() > 40 && !one.version().is_empty() && !one.document().is_empty()));
}
