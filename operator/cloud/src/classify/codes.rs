use super::wording::Wording;
use crate::error::{Class, Detail};

/// What a status and an error code mean; a known code wins over the status.
pub(super) fn meaning(status: u16, wording: &Wording) -> (Class, Detail) {
    if let Some(known) = wording.code.as_deref().and_then(|code| by_code(code, &wording.message)) {
        return known;
    }
    match status {
        401 | 403 | 407 => (Class::Denied, Detail::Other),
        404 | 410 if wording.is_foreign() => (Class::Unavailable, Detail::ReplyUnreadable),
        404 | 410 => (Class::Conflict, Detail::NotFound),
        409 => conflict(&wording.message),
        412 => (Class::Conflict, Detail::Stale),
        408 | 500..=599 => (Class::Unavailable, Detail::Other),
        429 => (Class::Throttled(None), Detail::Other),
        400..=499 => (Class::Invalid, Detail::Other),
        _ => (Class::Unavailable, Detail::ReplyUnreadable),
    }
}

/// The numbers are those of Microsoft.Devices: the HTTP status and three digits.
fn by_code(code: &str, message: &str) -> Option<(Class, Detail)> {
    Some(match code {
        "400303" | "400309" | "LinkedHubNotFound" | "LinkedHubConflict" => (Class::Invalid, Detail::LinkRefused),
        "403002" | "IotHubQuotaExceeded" | "403003" | "JobQuotaExceeded" | "403004" | "DeviceMaximumQueueDepthExceeded" => {
            (Class::Throttled(None), Detail::QuotaExceeded)
        }
        "403010" | "OperationNotAvailableInCurrentTier" => (Class::Invalid, Detail::Other),
        "403006" | "IotHubSuspended" | "IotDpsSuspended" | "IotDpsSuspending" => (Class::Denied, Detail::Other),
        "404103" | "DeviceNotOnline" | "IotHubFailingOver" => (Class::Unavailable, Detail::Other),
        "404001"
        | "404010"
        | "404201"
        | "404202"
        | "DeviceNotFound"
        | "ModuleNotFound"
        | "EnrollmentNotFound"
        | "EnrollmentGroupNotFound"
        | "DeviceRegistrationNotFound"
        | "ResourceNotFound"
        | "ResourceGroupNotFound"
        | "ParentResourceNotFound" => (Class::Conflict, Detail::NotFound),
        "409001" | "409301" | "DeviceAlreadyExists" | "ModuleAlreadyExistsOnDevice" | "EnrollmentConflict" | "EnrollmentGroupConflict" => {
            (Class::Conflict, Detail::Exists)
        }
        "409002"
        | "LinkCreationConflict"
        | "AnotherOperationInProgress"
        | "ResourceGroupBeingDeleted"
        | "OperationNotAllowedInCurrentState" => (Class::Conflict, Detail::Busy),
        "412001" | "PreconditionFailed" | "EtagDoesNotMatch" => (Class::Conflict, Detail::Stale),
        "413002"
        | "413003"
        | "TooManyDevices"
        | "TooManyModulesOnDevice"
        | "TooManyEnrollments"
        | "QuotaExceeded"
        | "SubscriptionQuotaExceeded" => (Class::Invalid, Detail::QuotaExceeded),
        "MissingSubscriptionRegistration" => (Class::Denied, Detail::ProviderNotRegistered),
        "SubscriptionNotFound" | "InvalidSubscriptionId" => (Class::Denied, Detail::SubscriptionNotFound),
        "NameNotAvailable" | "IotHubNameNotAvailable" | "NameUnavailable" => (Class::Invalid, Detail::NameTaken),
        "Conflict" => conflict(message),
        "ThrottlingException" | "TooManyRequests" | "SubscriptionRequestsThrottled" => (Class::Throttled(None), Detail::Other),
        _ => return by_number(code),
    })
}

/// An unknown number means what its status means.
fn by_number(code: &str) -> Option<(Class, Detail)> {
    let six_digits = code.len() == 6 && code.bytes().all(|byte| byte.is_ascii_digit());
    let status = code.get(..3).filter(|_| six_digits)?.parse().ok().filter(|status| (400..600).contains(status))?;
    Some(meaning(status, &Wording::default()))
}

fn conflict(message: &str) -> (Class, Detail) {
    let lower = message.to_ascii_lowercase();
    let says = |words: &str| lower.contains(words);
    if says("is not available") || says("name is already in use") || says("name already exists") {
        (Class::Invalid, Detail::NameTaken)
    } else if says("active state") || says("in progress") || says("being deleted") || says("transition") {
        (Class::Conflict, Detail::Busy)
    } else {
        (Class::Conflict, Detail::Other)
    }
}
