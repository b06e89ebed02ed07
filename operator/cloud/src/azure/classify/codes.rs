//! What the services' error codes mean.

use super::wording::Wording;
use crate::error::{Class, Detail};

/// What the services' own codes mean; the numbers are those of Microsoft.Devices, the HTTP status and three digits.
///
/// What is not here means what its status means.
const CODES: &[(&[&str], Class, Detail)] = &[
    (&["400303", "400309", "LinkedHubNotFound", "LinkedHubConflict"], Class::Invalid, Detail::LinkRefused),
    (&["403002", "IotHubQuotaExceeded"], Class::Throttled(None), Detail::QuotaExceeded),
    (&["403003", "JobQuotaExceeded"], Class::Throttled(None), Detail::QuotaExceeded),
    (&["403004", "DeviceMaximumQueueDepthExceeded"], Class::Throttled(None), Detail::QuotaExceeded),
    (&["403010", "OperationNotAvailableInCurrentTier"], Class::Invalid, Detail::Other),
    (&["404001", "DeviceNotFound", "404010", "ModuleNotFound"], Class::Conflict, Detail::NotFound),
    (&["404201", "404202", "EnrollmentNotFound", "EnrollmentGroupNotFound"], Class::Conflict, Detail::NotFound),
    (&["DeviceRegistrationNotFound"], Class::Conflict, Detail::NotFound),
    (&["ResourceNotFound", "ResourceGroupNotFound", "ParentResourceNotFound"], Class::Conflict, Detail::NotFound),
    (&["404103", "DeviceNotOnline", "IotHubFailingOver"], Class::Unavailable, Detail::Other),
    (&["DeviceAlreadyExists", "409301", "ModuleAlreadyExistsOnDevice"], Class::Conflict, Detail::Exists),
    (&["EnrollmentConflict", "EnrollmentGroupConflict"], Class::Conflict, Detail::Exists),
    (&["RoleAssignmentExists"], Class::Conflict, Detail::Exists),
    // A principal is known everywhere only some minutes after it was made.
    (&["PrincipalNotFound"], Class::Unavailable, Detail::Other),
    (&["409002", "AnotherOperationInProgress", "ResourceGroupBeingDeleted"], Class::Conflict, Detail::Busy),
    (&["LinkCreationConflict", "OperationNotAllowedInCurrentState"], Class::Conflict, Detail::Busy),
    (&["412001", "PreconditionFailed", "EtagDoesNotMatch"], Class::Conflict, Detail::Stale),
    (&["413002", "TooManyDevices", "413003", "TooManyModulesOnDevice", "400019"], Class::Invalid, Detail::QuotaExceeded),
    (&["TooManyEnrollments", "QuotaExceeded", "SubscriptionQuotaExceeded"], Class::Invalid, Detail::QuotaExceeded),
    (&["NameNotAvailable", "IotHubNameNotAvailable", "NameUnavailable", "409004"], Class::Invalid, Detail::NameTaken),
    (&["InvalidResourceLocation", "InvalidResourceGroupLocation"], Class::Invalid, Detail::Other),
    (&["NoRegisteredProviderFound", "InvalidApiVersionParameter"], Class::Invalid, Detail::ApiVersionUnsupported),
    (&["MissingSubscriptionRegistration"], Class::Denied, Detail::ProviderNotRegistered),
    // Nobody here takes a lock away or changes a policy, so that asking again soon is of no use.
    (&["ScopeLocked"], Class::Invalid, Detail::Locked),
    (&["RequestDisallowedByPolicy"], Class::Invalid, Detail::PolicyDenied),
    (&["SkuNotAvailable", "LocationNotAvailableForResourceType", "RequestDisallowedByAzure"], Class::Invalid, Detail::Other),
    (&["ForbiddenByFirewall", "ForbiddenByConnection", "PublicNetworkAccessDisabled"], Class::Denied, Detail::NetworkBlocked),
    (&["ReadOnlyDisabledSubscription", "DisabledSubscription"], Class::Denied, Detail::Other),
    (&["SubscriptionNotFound", "InvalidSubscriptionId"], Class::Denied, Detail::SubscriptionNotFound),
    (&["IotHubSuspended", "IotDpsSuspended", "IotDpsSuspending"], Class::Denied, Detail::Other),
    (&["ThrottlingException", "TooManyRequests", "SubscriptionRequestsThrottled"], Class::Throttled(None), Detail::Other),
];

/// What a status and an error code mean; a known code wins over the status.
pub(super) fn meaning(status: u16, wording: &Wording) -> (Class, Detail) {
    let code = wording.code.as_deref().unwrap_or_default();
    if let Some((_, class, detail)) = CODES.iter().find(|(codes, ..)| codes.contains(&code)) {
        return (*class, *detail);
    }
    if refuses_version(status, code, wording) {
        return (Class::Invalid, Detail::ApiVersionUnsupported);
    }
    match status_of(code) {
        Some(409) if code == "409001" => conflict(&wording.message, Detail::Exists),
        Some(status) => by_status(status, &wording.message),
        None if wording.is_foreign() && matches!(status, 404 | 410) => (Class::Unavailable, Detail::ReplyUnreadable),
        None => by_status(status, &wording.message),
    }
}

/// Whether an api-version is refused in words alone: how the provisioning service does it is documented nowhere. It is taken to be
/// a 400 or 404 that names the api-version; the resource manager's `InvalidResourceType` is also said of misspelt types.
fn refuses_version(status: u16, code: &str, wording: &Wording) -> bool {
    let is_open = code.is_empty() || code == "InvalidResourceType" || status_of(code).is_some();
    let names_it = || {
        let text = wording.message.to_ascii_lowercase().replace(['-', ' '], "");
        // A webhook has a version of its own.
        text.contains("apiversion") && !text.contains("customallocation")
    };
    matches!(status, 400 | 404) && is_open && !wording.is_foreign() && names_it()
}

/// What a person can do about a refusal whose own words do not say it.
pub(super) fn remedy(code: &str, detail: Detail) -> Option<&'static str> {
    Some(match (code, detail) {
        ("AuthorizationFailed", _) => "the application lacks a role here: give it one with the rights in docs/security.md",
        ("RequestDisallowedByAzure" | "LocationNotAvailableForResourceType", _) => {
            "Azure does not offer this in the region, or not to this subscription: choose another region, or ask Azure's support"
        }
        ("SkuNotAvailable", _) => "Azure does not offer this size in the region, or not to this subscription: choose another",
        ("ReadOnlyDisabledSubscription" | "DisabledSubscription", _) => {
            "the subscription is disabled, and nothing in it can change: have its owner enable it again"
        }
        ("SubscriptionNotFound" | "InvalidSubscriptionId", _) => {
            "check subscriptionId and cloud, and that the application has a role there"
        }
        ("400019" | "SubscriptionQuotaExceeded", _) => {
            "the subscription has as many as it may have: delete one, or ask Azure's support for more"
        }
        (_, Detail::ProviderNotRegistered) => {
            "have somebody who may register resource providers run: az provider register --namespace Microsoft.Devices"
        }
        (_, Detail::PolicyDenied) => "change what the policy asks for, such as spec.tags, or have whoever assigned it exempt the resource",
        (_, Detail::NameTaken) => "choose another name: it is somebody's in the world, or still kept for one that was deleted",
        _ => return None,
    })
}

/// The HTTP status in a number of Microsoft.Devices.
fn status_of(code: &str) -> Option<u16> {
    let six_digits = code.len() == 6 && code.bytes().all(|byte| byte.is_ascii_digit());
    code.get(..3).filter(|_| six_digits)?.parse().ok().filter(|status| (400..600).contains(status))
}

fn by_status(status: u16, message: &str) -> (Class, Detail) {
    match status {
        401 | 403 if is_of_firewall(message) => (Class::Denied, Detail::NetworkBlocked),
        401 | 403 | 407 => (Class::Denied, Detail::Other),
        404 | 410 => (Class::Conflict, Detail::NotFound),
        409 => conflict(message, Detail::Other),
        412 => (Class::Conflict, Detail::Stale),
        408 | 500..=599 => (Class::Unavailable, Detail::Other),
        429 => (Class::Throttled(None), Detail::Other),
        400..=499 => (Class::Invalid, Detail::Other),
        _ => (Class::Unavailable, Detail::ReplyUnreadable),
    }
}

/// Whether a refusal says that it is for where the call came from, as Key Vault, storage and the resource manager put it. Hubs and provisioning
/// services never say so (Microsoft Learn: "Use IoT Hub IP filters").
fn is_of_firewall(message: &str) -> bool {
    let lower = message.to_ascii_lowercase();
    let words = [
        "public network access is disabled",
        "public network access on this resource is disabled",
        "client address is not authorized",
        "not an approved private link",
        "not allowed to access this resource from",
        "blocked by firewall",
        "ip address is not allowed",
        "ip filter",
    ];
    words.iter().any(|words| lower.contains(words))
}

/// The kinds of conflict that services tell apart only by their sentence.
fn conflict(message: &str, otherwise: Detail) -> (Class, Detail) {
    let lower = message.to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|words| lower.contains(words));
    if says(&["is not available", "' not available", "already in use"]) {
        (Class::Invalid, Detail::NameTaken)
    } else if says(&["enrollmentconflict", "enrollmentgroupconflict", "already exists"]) {
        (Class::Conflict, Detail::Exists)
    } else if says(&["active state", "in progress", "being deleted", "transition"]) {
        (Class::Conflict, Detail::Busy)
    } else {
        (Class::Conflict, otherwise)
    }
}
