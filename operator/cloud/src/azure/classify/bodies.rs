//! Refusals in the very words of Azure, as Microsoft documents them or public reports quote them, each with what it means here and what
//! a user reads.

use azure_core::http::headers::Headers;
use jiff::{SignedDuration, Timestamp};

use super::Refusal;
use crate::error::{Class, Detail, Error};

/// A refusal, its meaning, and words that the user must read.
struct Row(&'static str, u16, &'static str, Class, Detail, Option<&'static str>, &'static [&'static str]);

fn read(status: u16, headers: &Headers, body: &str) -> Error {
    let now = Timestamp::from_second(1_795_341_600).expect("a time");
    Refusal { step: "write IoT hub", status, headers, body: body.as_bytes(), now }.classify()
}

/// What hubs and provisioning services say, in the resource manager and at their own hosts.
const OF_DEVICES: [Row; 3] = [
    Row(
        "one free hub a subscription (MicrosoftLearning/DP-900T00A, issue 6)",
        400,
        r#"{"code":400019,"httpStatusCode":"BadRequest","message":"Max number of Iot Hubs exceeded for sku = Free, Max Allowed = 1, Current = 2 in the subscription Id: 612c8730-55c5-4771-91d5-3de394e409be. If you contact a support representative please include this correlation identifier: 9f0867e3-6b27-4432-ac99-8cf4001055f5, timestamp: 2022-04-28 14:58:27Z, errorcode: IH400019."}"#,
        Class::Invalid,
        Detail::QuotaExceeded,
        Some("400019"),
        &["delete one, or ask Azure's support for more", "Max Allowed = 1"],
    ),
    Row(
        "a name in the world",
        409,
        r#"{"code":409004,"httpStatusCode":"Conflict","message":"IotHub name 'hubahuba' not available. If you contact a support representative please include this correlation identifier: f20061af-4715-4189-a83c-ecabc8d16f81, timestamp: 2021-05-01 23:15:59Z, errorcode: IH409004."}"#,
        Class::Invalid,
        Detail::NameTaken,
        Some("409004"),
        &["choose another name", "still kept for one that was deleted", "'hubahuba'"],
    ),
    Row(
        "a firewall of a hub, which is not told from a wrong key (MicrosoftDocs/azure-docs, pull request 86107)",
        401,
        r#"{"Message":"ErrorCode:IotHubUnauthorizedAccess;Unauthorized","ExceptionMessage":"Tracking ID:0bb1-G:0-TimeStamp:12/14/2016 03:15:17"}"#,
        Class::Denied,
        Detail::Other,
        Some("IotHubUnauthorizedAccess"),
        &["Unauthorized"],
    ),
];

/// What the resource manager says, and Key Vault, which tells a firewall by name.
const OF_THE_MANAGER: [Row; 12] = [
    Row(
        "a lock (Microsoft Learn: Lock your resources)",
        409,
        r#"{"error":{"code":"ScopeLocked","message":"The scope '/subscriptions/s/resourceGroups/rg' cannot perform write operation because following scope(s) are locked: '/subscriptions/s/resourceGroups/rg'. Please remove the lock and try again."}}"#,
        Class::Invalid,
        Detail::Locked,
        Some("ScopeLocked"),
        &["'/subscriptions/s/resourceGroups/rg'", "Please remove the lock"],
    ),
    Row(
        "a policy (Microsoft Learn: Resolve errors for RequestDisallowedByPolicy)",
        403,
        r#"{"error":{"code":"RequestDisallowedByPolicy","target":"east","message":"Resource 'east' was disallowed by policy. Policy identifiers: '[{\"policyAssignment\":{\"name\":\"Require a tag on resources\",\"id\":\"/subscriptions/s/providers/Microsoft.Authorization/policyAssignments/p\"}}]'.","additionalInfo":[{"type":"PolicyViolation"}]}}"#,
        Class::Invalid,
        Detail::PolicyDenied,
        Some("RequestDisallowedByPolicy"),
        &["such as spec.tags", "Require a tag on resources"],
    ),
    Row(
        "no role (Microsoft Learn: Troubleshoot Azure RBAC)",
        403,
        r#"{"error":{"code":"AuthorizationFailed","message":"The client 'c' with object id 'o' does not have authorization to perform action 'Microsoft.Devices/IotHubs/write' over scope '/subscriptions/s/resourceGroups/rg' or the scope is invalid. If access was recently granted, please refresh your credentials."}}"#,
        Class::Denied,
        Detail::Other,
        Some("AuthorizationFailed"),
        &["give it one with the rights in docs/security.md", "'Microsoft.Devices/IotHubs/write'"],
    ),
    Row(
        "a firewall of Key Vault (microsoft/AzureTRE, issue 3789)",
        403,
        r#"{"error":{"code":"Forbidden","message":"Client address is not authorized and caller is not a trusted service.\r\nClient address: 203.0.113.9\r\nCaller: appid=a;oid=o\r\nVault: kv;location=westeurope","innererror":{"code":"ForbiddenByFirewall"}}}"#,
        Class::Denied,
        Detail::NetworkBlocked,
        Some("Forbidden"),
        &["Client address is not authorized", "203.0.113.9"],
    ),
    Row(
        "no public network (microsoft/multimodal-ai, issue 171)",
        403,
        r#"{"error":{"code":"Forbidden","message":"Public network access is disabled and request is not from a trusted service nor via an approved private link.\r\nCaller: appid=a\r\nVault: kv;location=eastus2","innererror":{"code":"ForbiddenByConnection"}}}"#,
        Class::Denied,
        Detail::NetworkBlocked,
        Some("Forbidden"),
        &["Public network access is disabled"],
    ),
    Row(
        "a region that has not the service",
        400,
        r#"{"error":{"code":"LocationNotAvailableForResourceType","message":"The provided location 'westindia' is not available for resource type 'Microsoft.Devices/ProvisioningServices'. List of available regions for the resource type is 'eastus,westus'."}}"#,
        Class::Invalid,
        Detail::Other,
        Some("LocationNotAvailableForResourceType"),
        &["choose another region", "'eastus,westus'"],
    ),
    Row(
        "a region that is closed to new customers",
        403,
        r#"{"error":{"code":"RequestDisallowedByAzure","target":"east","message":"Resource 'east' was disallowed by Azure: The selected region is currently not accepting new customers: https://aka.ms/locationineligible."}}"#,
        Class::Invalid,
        Detail::Other,
        Some("RequestDisallowedByAzure"),
        &["choose another region, or ask Azure's support", "not accepting new customers"],
    ),
    Row(
        "a subscription that is disabled",
        409,
        r#"{"error":{"code":"ReadOnlyDisabledSubscription","message":"The subscription '3bb6fd82-796d-4ad5-87f0-4d9d47d09ae6' is disabled and therefore marked as read only. You cannot perform any write actions on this subscription until it is re-enabled."}}"#,
        Class::Denied,
        Detail::Other,
        Some("ReadOnlyDisabledSubscription"),
        &["have its owner enable it again", "until it is re-enabled"],
    ),
    Row(
        "a subscription that is not there",
        404,
        r#"{"error":{"code":"SubscriptionNotFound","message":"The subscription '3bb6fd82-796d-4ad5-87f0-4d9d47d09ae6' could not be found."}}"#,
        Class::Denied,
        Detail::SubscriptionNotFound,
        Some("SubscriptionNotFound"),
        &["check subscriptionId and cloud", "could not be found"],
    ),
    Row(
        "a resource provider that is not registered",
        409,
        r#"{"error":{"code":"MissingSubscriptionRegistration","message":"The subscription is not registered to use namespace 'Microsoft.Devices'. See https://aka.ms/rps-not-found for how to register subscriptions.","details":[{"code":"MissingSubscriptionRegistration","target":"Microsoft.Devices"}]}}"#,
        Class::Denied,
        Detail::ProviderNotRegistered,
        Some("MissingSubscriptionRegistration"),
        &["az provider register --namespace Microsoft.Devices", "'Microsoft.Devices'"],
    ),
    Row(
        "throttled for the subscription (Microsoft Learn: Understand how Azure Resource Manager throttles requests)",
        429,
        r#"{"error":{"code":"SubscriptionRequestsThrottled","message":"Number of read requests for subscription 's' and actor 'o' exceeded. Please try again after '17' seconds after additional tokens are available."}}"#,
        Class::Throttled(Some(SignedDuration::from_secs(17))),
        Detail::Other,
        Some("SubscriptionRequestsThrottled"),
        &["try again after '17' seconds"],
    ),
    Row(
        "throttled for the tenant",
        429,
        r#"{"error":{"code":"TooManyRequests","message":"The request is being throttled as the limit has been reached for operation type - Read_ObservationWindow_00:05:00."}}"#,
        Class::Throttled(Some(SignedDuration::from_secs(17))),
        Detail::Other,
        Some("TooManyRequests"),
        &["the limit has been reached"],
    ),
];

#[test]
fn what_azure_refuses_says_the_way_out() {
    for Row(what, status, body, class, detail, code, words) in OF_DEVICES.into_iter().chain(OF_THE_MANAGER) {
        let mut headers = Headers::new();
        if status == 429 {
            headers.insert("x-ms-failure-cause", "gateway");
            headers.insert("retry-after", "17");
        }
        let error = read(status, &headers, body);
        assert_eq!((error.class(), error.detail(), error.code()), (class, detail, code), "{what}");
        for words in words {
            assert!(error.message().contains(words), "{what}: {}", error.message());
        }
        assert!(error.message().chars().count() <= 300, "{what}");
    }
}
