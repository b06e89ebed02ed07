//! What failures mean, as tables.

use azure_core::http::headers::Headers;
use jiff::{SignedDuration, Timestamp};

use super::Refusal;
use crate::error::{Class, Detail, Error};

const STEP: &str = "do it";
/// 2026-11-22T10:00:00Z.
const NOW: i64 = 1_795_341_600;

fn headers(pairs: &[(&'static str, &'static str)]) -> Headers {
    let mut headers = Headers::new();
    for (name, value) in pairs {
        headers.insert(*name, *value);
    }
    headers
}

fn with_headers(status: u16, pairs: &[(&'static str, &'static str)], body: &str, sign_in: bool) -> Error {
    let now = Timestamp::from_second(NOW).expect("a time");
    let refusal = Refusal { step: STEP, status, headers: &headers(pairs), body: body.as_bytes(), now };
    if sign_in { refusal.classify_sign_in() } else { refusal.classify() }
}

fn classified(status: u16, body: &str) -> (Class, Detail, String) {
    let error = with_headers(status, &[], body, false);
    (error.class(), error.detail(), error.code().unwrap_or("none").to_owned())
}

fn absent(status: u16, body: &str) -> bool {
    let now = Timestamp::from_second(NOW).expect("a time");
    Refusal { step: STEP, status, headers: &Headers::new(), body: body.as_bytes(), now }.says_absent()
}

/// The flat shape in which Microsoft.Devices answers for hubs and provisioning services.
fn flat(code: u32) -> String {
    format!(r#"{{"code":{code},"httpStatusCode":"Whatever","message":"Something failed."}}"#)
}

/// The shape of the data planes.
fn data_plane(code: u32) -> String {
    format!(r#"{{"errorCode":{code},"trackingId":"t-1","message":"Something failed.","timestampUtc":"2026-11-22T10:00:00Z"}}"#)
}

fn arm(code: &str) -> String {
    format!(r#"{{"error":{{"code":"{code}","message":"Something failed."}}}}"#)
}

#[test]
fn every_number_of_microsoft_devices_has_its_class_in_every_shape() {
    let rows = [
        (400_004, Class::Invalid, Detail::Other),
        (400_011, Class::Invalid, Detail::Other),
        (400_013, Class::Invalid, Detail::Other),
        (400_116, Class::Invalid, Detail::Other),
        (400_303, Class::Invalid, Detail::LinkRefused),
        (400_309, Class::Invalid, Detail::LinkRefused),
        (401_002, Class::Denied, Detail::Other),
        (401_003, Class::Denied, Detail::Other),
        (403_002, Class::Throttled(None), Detail::QuotaExceeded),
        (403_003, Class::Throttled(None), Detail::QuotaExceeded),
        (403_004, Class::Throttled(None), Detail::QuotaExceeded),
        (403_010, Class::Invalid, Detail::Other),
        (404_001, Class::Conflict, Detail::NotFound),
        (404_010, Class::Conflict, Detail::NotFound),
        (404_103, Class::Unavailable, Detail::Other),
        (404_201, Class::Conflict, Detail::NotFound),
        (404_202, Class::Conflict, Detail::NotFound),
        (409_001, Class::Conflict, Detail::Exists),
        (409_002, Class::Conflict, Detail::Busy),
        (409_301, Class::Conflict, Detail::Exists),
        (412_001, Class::Conflict, Detail::Stale),
        (413_001, Class::Invalid, Detail::Other),
        (413_002, Class::Invalid, Detail::QuotaExceeded),
        (413_003, Class::Invalid, Detail::QuotaExceeded),
        (429_000, Class::Throttled(None), Detail::Other),
        (429_001, Class::Throttled(None), Detail::Other),
        (429_002, Class::Throttled(None), Detail::Other),
        (429_003, Class::Throttled(None), Detail::Other),
        (429_004, Class::Throttled(None), Detail::Other),
        (429_005, Class::Throttled(None), Detail::Other),
        (500_001, Class::Unavailable, Detail::Other),
        (503_001, Class::Unavailable, Detail::Other),
    ];
    for (code, class, detail) in rows {
        let status = u16::try_from(code / 1000).expect("a status");
        let expected = (class, detail, code.to_string());
        let wrapped = format!(r#"{{"Message":{:?},"ExceptionMessage":"Tracking ID:t-1-G:0"}}"#, data_plane(code));
        let as_text = flat(code).replace(&format!("\"code\":{code}"), &format!("\"code\":\"{code}\""));
        let in_arm = format!(r#"{{"error":{{"code":"Whatever","message":"Failed, errorcode: IH{code}."}}}}"#);
        for body in [flat(code), data_plane(code), wrapped, as_text, in_arm] {
            assert_eq!(classified(status, &body), expected, "{body}");
        }
    }
}

#[test]
fn a_refused_api_version_is_known_by_its_code_or_by_what_names_it_and_by_nothing_else() {
    let refused = (Class::Invalid, Detail::ApiVersionUnsupported);
    let other = |class, detail| (class, detail);
    let said = |code: &str, message: &str| format!(r#"{{"error":{{"code":"{code}","message":"{message}"}}}}"#);
    let says = |code: u32, message: &str| format!(r#"{{"errorCode":{code},"trackingId":"t-1","message":"{message}"}}"#);
    let rows = [
        (400, said("NoRegisteredProviderFound", "The supported api-versions are '2023-06-30'."), refused),
        (400, said("InvalidApiVersionParameter", "The api-version '2026-11-01' is invalid."), refused),
        (404, said("InvalidResourceType", "'IotHubs' could not be found for api version '2026-11-01'."), refused),
        (404, said("InvalidResourceType", "'IotHups' could not be found."), other(Class::Conflict, Detail::NotFound)),
        (400, says(400_002, "The api-version 2026-11-01 is not supported."), refused),
        (404, says(404_000, "Unknown ApiVersion."), refused),
        (404, says(404_202, "EnrollmentGroupNotFound: api-version."), other(Class::Conflict, Detail::NotFound)),
        (400, says(400_004, "customAllocationDefinition.apiVersion is not valid."), other(Class::Invalid, Detail::Other)),
        (401, says(401_002, "api-version"), other(Class::Denied, Detail::Other)),
        (500, says(500_001, "api-version"), other(Class::Unavailable, Detail::Other)),
    ];
    for (status, body, expected) in rows {
        let (class, detail, _) = classified(status, &body);
        assert_eq!((class, detail), expected, "{body}");
        assert_eq!(absent(status, &body), status == 404 && detail == Detail::NotFound, "{body}");
    }
}

#[test]
fn every_code_of_the_resource_manager_has_its_class() {
    let rows = [
        (404, "ResourceNotFound", Class::Conflict, Detail::NotFound),
        (404, "ResourceGroupNotFound", Class::Conflict, Detail::NotFound),
        (404, "SubscriptionNotFound", Class::Denied, Detail::SubscriptionNotFound),
        (403, "AuthorizationFailed", Class::Denied, Detail::Other),
        (401, "ExpiredAuthenticationToken", Class::Denied, Detail::Other),
        (409, "Conflict", Class::Conflict, Detail::Other),
        (409, "AnotherOperationInProgress", Class::Conflict, Detail::Busy),
        (409, "ResourceGroupBeingDeleted", Class::Conflict, Detail::Busy),
        (409, "MissingSubscriptionRegistration", Class::Denied, Detail::ProviderNotRegistered),
        (400, "InvalidRequestContent", Class::Invalid, Detail::Other),
        (409, "ScopeLocked", Class::Invalid, Detail::Locked),
        (403, "RequestDisallowedByPolicy", Class::Invalid, Detail::PolicyDenied),
        (409, "SkuNotAvailable", Class::Invalid, Detail::Other),
        (409, "ReadOnlyDisabledSubscription", Class::Denied, Detail::Other),
        (412, "PreconditionFailed", Class::Conflict, Detail::Stale),
        (429, "SubscriptionRequestsThrottled", Class::Throttled(None), Detail::Other),
        (500, "InternalServerError", Class::Unavailable, Detail::Other),
        (503, "ServiceUnavailable", Class::Unavailable, Detail::Other),
    ];
    for (status, code, class, detail) in rows {
        assert_eq!(classified(status, &arm(code)), (class, detail, code.to_owned()));
    }
}

#[test]
fn a_name_in_place_of_a_number_means_the_same() {
    let named = |status, name: &str| {
        let (class, detail, code) = classified(status, &format!(r#"{{"Message":"ErrorCode:{name};E2E text"}}"#));
        assert_eq!(code, name);
        (class, detail)
    };
    assert_eq!(named(404, "DeviceNotFound"), (Class::Conflict, Detail::NotFound));
    assert_eq!(named(409, "DeviceAlreadyExists"), (Class::Conflict, Detail::Exists));
    assert_eq!(named(403, "IotHubQuotaExceeded"), (Class::Throttled(None), Detail::QuotaExceeded));
    assert_eq!(named(429, "ThrottlingException"), (Class::Throttled(None), Detail::Other));
    assert_eq!(named(401, "IotHubUnauthorizedAccess"), (Class::Denied, Detail::Other));
    assert_eq!(named(404, "IotHubFailingOver"), (Class::Unavailable, Detail::Other));
    assert_eq!(named(400, "TooManyEnrollments"), (Class::Invalid, Detail::QuotaExceeded));
}

#[test]
fn a_code_is_found_in_the_header_when_the_body_has_none() {
    let error = with_headers(409, &[("iothub-errorcode", "DeviceAlreadyExists")], "", false);
    assert_eq!((error.detail(), error.code()), (Detail::Exists, Some("DeviceAlreadyExists")));
    assert_eq!(error.message(), "the service answered with status 409");
}

#[test]
fn a_conflict_without_a_code_is_read_from_its_sentence() {
    let conflict = |message: &str| {
        let (class, detail, _) = classified(409, &format!(r#"{{"error":{{"code":"Conflict","message":"{message}"}}}}"#));
        (class, detail)
    };
    assert_eq!(conflict("IotHub name 'x' is not available"), (Class::Invalid, Detail::NameTaken));
    assert_eq!(conflict("The hub is not currently in Active state"), (Class::Conflict, Detail::Busy));
    assert_eq!(conflict("EnrollmentConflict: the enrollment exists"), (Class::Conflict, Detail::Exists));
    assert_eq!(conflict("EnrollmentGroupConflict: the group exists"), (Class::Conflict, Detail::Exists));
    assert_eq!(conflict("Somebody else"), (Class::Conflict, Detail::Other));
}

#[test]
fn only_the_services_own_word_says_that_a_thing_is_absent() {
    assert!(absent(404, ""));
    assert!(absent(404, &arm("ResourceNotFound")));
    assert!(absent(404, &arm("ResourceGroupNotFound")));
    assert!(absent(404, &data_plane(404_001)));
    assert!(absent(404, &data_plane(404_201)));
    assert!(!absent(404, &arm("SubscriptionNotFound")));
    assert!(!absent(404, "<html>404 no such page</html>"));
    assert!(!absent(404, r#"{"Message":"ErrorCode:IotHubFailingOver;"}"#));
    assert!(!absent(403, &arm("ResourceNotFound")));
    assert!(!absent(400, &data_plane(404_001)));
    assert_eq!(classified(404, "<html>no</html>"), (Class::Unavailable, Detail::ReplyUnreadable, "none".to_owned()));
}

#[test]
fn a_redirect_is_no_answer() {
    assert_eq!(classified(302, ""), (Class::Unavailable, Detail::ReplyUnreadable, "none".to_owned()));
}

#[test]
fn a_wait_is_read_from_seconds_from_milliseconds_and_from_a_date() {
    let wait = |pairs: &[(&'static str, &'static str)]| {
        let error = with_headers(429, pairs, "", false);
        assert_eq!(error.class(), Class::Throttled(error.retry_after()));
        error.retry_after()
    };
    assert_eq!(wait(&[("retry-after", "17")]), Some(SignedDuration::from_secs(17)));
    assert_eq!(wait(&[("x-ms-retry-after-ms", "250"), ("retry-after", "17")]), Some(SignedDuration::from_millis(250)));
    assert_eq!(wait(&[("retry-after", "Sun, 22 Nov 2026 10:00:30 GMT")]), Some(SignedDuration::from_secs(30)));
    let by_their_clock = [("retry-after", "Sun, 22 Nov 2026 08:00:05 GMT"), ("date", "Sun, 22 Nov 2026 08:00:00 GMT")];
    assert_eq!(wait(&by_their_clock), Some(SignedDuration::from_secs(5)));
    assert_eq!(wait(&[("retry-after", "Sun, 22 Nov 2026 09:00:00 GMT")]), Some(SignedDuration::ZERO));
    assert_eq!(wait(&[("retry-after", "999999999")]), Some(SignedDuration::from_hours(1)));
    assert_eq!(wait(&[("retry-after", "soon")]), None);
    assert_eq!(wait(&[]), None);
    let busy = with_headers(503, &[("retry-after", "17")], "", false);
    assert_eq!((busy.class(), busy.retry_after()), (Class::Unavailable, Some(SignedDuration::from_secs(17))));
}

#[test]
fn a_refused_sign_in_says_what_to_do() {
    let refused = |status, number: u32| {
        let body = format!(
            r#"{{"error":"invalid_client","error_description":"AADSTS{number}: Nope.","error_codes":[{number}],"correlation_id":"c-1"}}"#
        );
        with_headers(status, &[], &body, true)
    };
    let wrong = refused(401, 7_000_215);
    assert_eq!((wrong.class(), wrong.detail(), wrong.request_id()), (Class::Denied, Detail::SignIn, Some("c-1")));
    assert_eq!(
        wrong.to_string(),
        "failed to do it: the client secret is wrong: put the secret's value, not its id, into the account's Secret; \
         AADSTS7000215: Nope. (status 401, code 7000215)"
    );
    for number in [7_000_222, 700_016, 90_002, 700_213, 53_003, 700_024] {
        let error = refused(400, number);
        assert_eq!(error.class(), Class::Denied);
        assert!(!error.message().starts_with("AADSTS"), "{number} has no remedy");
    }
    assert_eq!(refused(400, 90_033).class(), Class::Unavailable);
    assert_eq!(refused(503, 50_000).class(), Class::Unavailable);
    assert_eq!(with_headers(429, &[("retry-after", "3")], "", true).class(), Class::Throttled(Some(SignedDuration::from_secs(3))));
    assert_eq!(with_headers(502, &[], "<html>", true).class(), Class::Unavailable);
}

#[test]
fn a_message_is_bounded_and_without_keys() {
    let key = "p3w2DQr9WqEGBLUSlFi1jPQ7UWQL4siAGy75HFTFbf8=";
    let long = "x ".repeat(1000);
    let body = format!(r#"{{"code":400004,"message":"SharedAccessKey={key} and {key} {long}"}}"#);
    let error = with_headers(400, &[], &body, false);
    assert_eq!(error.message().chars().count(), 300);
    assert!(error.message().starts_with("SharedAccessKey=[redacted] and [redacted] x x x"));
}

#[test]
fn an_error_with_hostile_content_is_still_an_error() {
    for body in ["{", "[]", "null", "\u{0}\u{1}", r#"{"error":"text"}"#, r#"{"error":{"code":{}}}"#, r#"{"Message":7}"#] {
        assert_eq!(classified(400, body).0, Class::Invalid, "{body}");
    }
    let error = with_headers(400, &[("x-ms-request-id", "a\u{1b}[31mb c")], "", false);
    assert_eq!(error.request_id(), Some("a31mbc"));
}

#[test]
fn neither_a_code_nor_an_id_of_a_request_tells_a_secret() {
    let key = "p3w2DQr9WqEG/LUSlFi1jPQ7U/QL4siAGy75HFTFbf8=";
    let error = with_headers(400, &[("x-ms-request-id", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.x")], &arm(key), false);
    assert_eq!((error.code(), error.request_id()), (Some("[redacted]"), Some("redacted")));
    let named = format!(r#"{{"Message":"ErrorCode:{key};Unauthorized"}}"#);
    assert_eq!(classified(401, &named).2, "[redacted]");
}

#[test]
fn a_tenant_of_another_cloud_is_told_by_name() {
    let refused = |number: u32, text: &str| {
        let body = format!(r#"{{"error":"invalid_request","error_description":"AADSTS{number}: {text}","error_codes":[{number}]}}"#);
        with_headers(400, &[], &body, true).message().to_owned()
    };
    let unknown =
        refused(90_002, "Tenant 't' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud.");
    assert!(unknown.starts_with("there is no such tenant in this Azure cloud: check tenantId, and cloud, for Public"), "{unknown}");
    let elsewhere = "the tenant is one of another Azure cloud: check tenantId, and cloud (Public, Government or China)";
    let cross = refused(900_382, "Confidential Client is not supported in Cross Cloud request.");
    assert_eq!(cross, format!("{elsewhere}; AADSTS900382: Confidential Client is not supported in Cross Cloud request."));
    let national = refused(90_051, "Invalid national Cloud ID (2) is specified.");
    assert!(national.starts_with(elsewhere) && !national.contains("says"), "{national}");
    for (cloud, name) in [("MicrosoftOnline.us", "Government"), ("PartnerMicrosoftOnlineChina", "China"), ("MicrosoftOnline.com", "Public")]
    {
        let text = format!(
            "The specified tenant 't' belongs to the National Cloud '{cloud}'. Current cloud instance 'microsoftonline.us' does not federate with it."
        );
        let told = refused(90_038, &text);
        assert!(told.starts_with(&format!("{elsewhere}; Entra ID says that it is of {name}; AADSTS90038")), "{told}");
    }
}
