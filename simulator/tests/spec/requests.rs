//! The check of requests.

use http::{HeaderValue, Method};
use moorage_simulator::spec::{Kind, Violation};
use serde_json::{Value, json};

use crate::call::{ARM, Call, DEVICES, DPS, GLOBAL, HUB, group, hub, hub_with, put_group, put_hub};

#[test]
fn a_correct_hub_passes() {
    let call = put_hub(hub()).with_header("if-match", "\"AAAA\"");
    assert_eq!(call.found(), [""; 0]);
    let operation = call.operation();
    assert_eq!(operation.id(), "IotHubResource_CreateOrUpdate");
    assert_eq!(operation.api(), "IoT Hub");
    assert_eq!(operation.api_version(), "2023-06-30");
    assert_eq!(operation.method(), Method::PUT);
    assert_eq!(operation.to_string(), "IotHubResource_CreateOrUpdate 2023-06-30 of IoT Hub");
}

#[test]
fn a_correct_enrollment_group_passes() {
    assert_eq!(put_group(group()).found(), [""; 0]);
}

#[test]
fn a_misspelt_property_is_reported_with_its_place() {
    let body = hub_with("/properties/routing/routes/0/endpointName", json!(["events"]));
    let verdict = put_hub(body).verdict();
    let kinds: Vec<Kind> = verdict.violations.iter().map(Violation::kind).collect();
    assert_eq!(kinds, [Kind::UndeclaredProperty]);
    assert_eq!(verdict.violations[0].place(), "body/properties/routing/routes/0/endpointName");
    assert!(!verdict.passes());
}

#[test]
fn a_missing_property_is_reported_with_its_place() {
    let mut body = hub();
    body.as_object_mut().expect("an object").remove("sku");
    assert_eq!(put_hub(body).found(), ["body/sku is required"]);
    assert_eq!(put_hub(hub_with("/location", Value::Null)).found(), ["body/location is required"]);
}

#[test]
fn a_wrong_choice_is_reported_with_its_place() {
    let mut body = group();
    body["allocationPolicy"] = json!("nearest");
    assert_eq!(put_group(body).found(), ["body/allocationPolicy must be one of: custom | geoLatency | hashed | static"]);
}

#[test]
fn an_open_choice_is_held_to_its_values_as_well() {
    let body = hub_with("/sku/name", json!("S9"));
    assert_eq!(put_hub(body).found(), ["body/sku/name must be one of: B1 | B2 | B3 | F1 | S1 | S2 | S3"]);
}

#[test]
fn a_wrong_type_a_wrong_format_and_a_wrong_range_are_reported() {
    assert_eq!(
        put_hub(hub_with("/properties/disableLocalAuth", json!("yes"))).found(),
        ["body/properties/disableLocalAuth must be a boolean"]
    );
    assert_eq!(
        put_hub(hub_with("/properties/cloudToDevice/defaultTtlAsIso8601", json!("one hour"))).found(),
        ["body/properties/cloudToDevice/defaultTtlAsIso8601 must be an ISO 8601 duration"]
    );
    assert_eq!(
        put_hub(hub_with("/properties/cloudToDevice/maxDeliveryCount", json!(101))).found(),
        ["body/properties/cloudToDevice/maxDeliveryCount must be from 1 to 100"]
    );
    assert_eq!(
        put_hub(hub_with("/properties/routing/routes/0/name", json!("no spaces"))).found(),
        ["body/properties/routing/routes/0/name must match ^[A-Za-z0-9-._]{1,64}$"]
    );
    assert_eq!(
        put_hub(hub_with("/properties/routing/routes/0/endpointNames", json!(["a", "b"]))).found(),
        ["body/properties/routing/routes/0/endpointNames must have 1 to 1 items"]
    );
}

#[test]
fn a_misspelt_query_parameter_is_reported() {
    assert_eq!(put_hub(hub()).query("apiversion", "2023-06-30").found(), ["query/apiversion is not declared"]);
}

#[test]
fn a_missing_api_version_is_reported_and_the_rest_is_still_checked() {
    let mut call = put_hub(hub_with("/properties/colour", json!("red")));
    call.query.clear();
    assert_eq!(
        call.found(),
        ["query/api-version is required", "path/subscriptionId must be a UUID", "body/properties/colour is not declared"]
    );
    assert_eq!(call.operation().id(), "IotHubResource_CreateOrUpdate");
}

#[test]
fn an_unknown_api_version_is_reported_with_the_known_ones() {
    let call = Call::new("GET", GLOBAL, "/0ne0/registrations/a/operations/b", "2018-11-01");
    assert_eq!(call.found(), ["query/api-version must be one of: 2019-03-31 | 2021-06-01 | 2026-11-01"]);
}

#[test]
fn an_undeclared_path_method_and_host_are_reported() {
    let found = |method, host, path| {
        let verdict = Call::new(method, host, path, "2023-06-30").verdict();
        (verdict.operation, verdict.violations[0].to_string())
    };
    let misspelt = "/subscriptions/2f5c/resourceGroups/plant/providers/Microsoft.Devices/IotHub/contoso";
    assert_eq!(found("GET", ARM, misspelt), (None, "path is not declared".to_owned()));
    assert_eq!(found("GET", HUB, "/device/one"), (None, "path is not declared".to_owned()));
    assert_eq!(found("PATCH", HUB, "/devices/one"), (None, "method is not declared for this path".to_owned()));
    assert_eq!(found("GET", "azure-devices.net.example.com", "/devices/one"), (None, "host belongs to no described service".to_owned()));
    assert_eq!(found("GET", "notmanagement.azure.com", misspelt), (None, "host belongs to no described service".to_owned()));
}

#[test]
fn a_path_in_another_case_is_found_and_right_at_resource_manager_only() {
    let path = format!("{DEVICES}/iothubs/contoso-east").to_ascii_lowercase();
    assert_eq!(Call::new("GET", ARM, path, "2023-06-30").found(), [""; 0]);
    for path in ["/DEVICES/one", "/devices/one/"] {
        let data = Call::new("GET", HUB, path, "2021-04-12");
        assert_eq!(data.found(), ["path is declared in another case, or without the slash at its end"]);
        assert_eq!(data.operation().id(), "Devices_GetIdentity");
    }
    assert_eq!(Call::new("GET", HUB, "/devices//", "2021-04-12").found(), ["path is not declared"]);
}

#[test]
fn a_body_is_read_as_the_service_reads_it_and_what_is_wrong_for_it_is_told_from_what_it_reads_over() {
    let mut body = group();
    body["AllocationPolicy"] = json!("GEOLATENCY");
    body.as_object_mut().expect("an object").remove("allocationPolicy");
    body["colour"] = json!("red");
    body["initialTwin"] = json!({ "tags": { "Colour": "red" } });
    let verdict = put_group(body).verdict();
    let mut found: Vec<String> = verdict.violations.iter().map(ToString::to_string).collect();
    found.sort_unstable();
    assert_eq!(
        found,
        ["body/AllocationPolicy is spelt allocationPolicy", "body/AllocationPolicy is spelt geoLatency", "body/colour is not declared"]
    );
    assert!(verdict.violations.iter().all(|violation| violation.is_failure() && !violation.is_refused()));
    let mut wanted = group();
    wanted["allocationPolicy"] = json!("geoLatency");
    wanted["initialTwin"] = json!({ "tags": { "Colour": "red" } });
    assert_eq!(verdict.as_read, Some(wanted));

    let mut nonsense = group();
    nonsense["allocationPolicy"] = json!("nearest");
    let verdict = put_group(nonsense).verdict();
    assert!(verdict.violations.iter().all(moorage_simulator::spec::Violation::is_refused));
    assert_eq!(verdict.as_read, None);
}

#[test]
fn an_escaped_segment_is_one_segment() {
    let call = Call::new("GET", HUB, "/devices/a%2Fb%20c", "2021-04-12");
    assert_eq!(call.operation().id(), "Devices_GetIdentity");
    let all = format!("{DEVICES}/IotHubs/contoso-east/routing/routes/%24testall");
    let call = Call::new("POST", ARM, all, "2023-06-30").body(json!({"routingSource": "DeviceMessages"}));
    assert_eq!(call.found(), [""; 0]);
}

#[test]
fn a_host_may_carry_a_port() {
    let call = Call::new("GET", "contoso-east.azure-devices.net:8443", "/devices/one", "2021-04-12");
    assert_eq!(call.found(), [""; 0]);
}

#[test]
fn the_path_tells_the_device_api_from_the_service_api_on_one_host() {
    let service = Call::new("GET", DPS, "/registrations/one", "2021-10-01");
    assert_eq!(service.operation().api(), "DPS enrollments");
    let device = Call::new("POST", DPS, "/0ne0/registrations/one", "2021-06-01").body(json!({}));
    assert_eq!(device.operation().api(), "DPS devices");
}

#[test]
fn a_read_only_property_is_listed_but_does_not_count() {
    let mut body = hub_with("/properties/hostName", json!("contoso-east.azure-devices.net"));
    body["id"] = json!("/subscriptions/2f5c");
    let verdict = put_hub(body).verdict();
    let mut listed: Vec<(Kind, &str)> = verdict.violations.iter().map(|one| (one.kind(), one.place())).collect();
    listed.sort_unstable();
    assert_eq!(listed, [(Kind::ReadOnly, "body/id"), (Kind::ReadOnly, "body/properties/hostName")]);
    assert!(verdict.passes());
}

#[test]
fn a_condition_that_the_operation_does_not_know_is_listed() {
    let path = format!("{DEVICES}/provisioningServices/contoso");
    let body = json!({"location": "eastus", "sku": {"name": "S1", "capacity": 1}, "properties": {}});
    let call = Call::new("PUT", ARM, path, "2022-12-12").body(body).with_header("if-match", "*");
    assert_eq!(call.found(), ["header/If-Match is not declared, the operation is not conditional"]);
    assert!(call.verdict().passes());
}

#[test]
fn a_required_header_is_missed() {
    let path = format!("{DEVICES}/IotHubs/contoso-east/certificates/root");
    let call = Call::new("DELETE", ARM, path, "2023-06-30");
    assert_eq!(call.found(), ["header/If-Match is required"]);
}

#[test]
fn a_header_of_the_wrong_type_is_reported() {
    let query = Call::new("POST", DPS, "/enrollmentGroups/query", "2021-10-01").body(json!({"query": "SELECT * FROM enrollmentGroups"}));
    assert_eq!(query.with_header("x-ms-max-item-count", "ten").found(), ["header/x-ms-max-item-count must be an integer"]);
}

#[test]
fn a_body_must_be_there_when_declared_and_only_then() {
    let keys = Call::new("POST", DPS, "/enrollmentGroups/plant/attestationmechanism", "2021-10-01");
    assert_eq!(keys.found(), [""; 0]);
    assert_eq!(keys.body(json!({})).found(), ["body is not declared"]);
    let mut put = put_group(group());
    put.body = None;
    assert_eq!(put.found(), ["body is required"]);
    put.body = Some(Value::Null);
    assert_eq!(put.found(), ["body is required"]);
}

#[test]
fn a_body_must_be_sent_as_json() {
    let form = put_group(group()).with_header("content-type", "application/x-www-form-urlencoded");
    assert_eq!(form.found(), ["header/Content-Type must be one of: application/json"]);
    let mut silent = put_group(group());
    silent.headers.clear();
    assert_eq!(silent.found(), ["header/Content-Type must be one of: application/json"]);
}

#[test]
fn a_device_sends_any_octets() {
    let path = "/devices/one/messages/events";
    let call = Call::new("POST", HUB, path, "2020-03-13").body(json!(21.5)).with_header("content-type", "application/octet-stream");
    assert_eq!(call.found(), [""; 0]);
}

#[test]
fn twin_tags_hold_any_value_and_null_deletes() {
    let body = json!({"tags": {"plant": "augsburg", "line": 3, "old": null}, "properties": {"desired": {"rate": null}}});
    let call = Call::new("PATCH", HUB, "/twins/one", "2021-04-12").body(body).with_header("if-match", "*");
    assert_eq!(call.found(), [""; 0]);
}

#[test]
fn older_device_versions_know_no_certificate_requests() {
    let register = |version| {
        Call::new("PUT", GLOBAL, "/0ne0/registrations/one/register", version).body(json!({"registrationId": "one", "csr": "MIIB"}))
    };
    assert_eq!(register("2026-11-01").found(), [""; 0]);
    assert_eq!(register("2021-06-01").found(), ["body/csr is not declared"]);
    assert_eq!(register("2019-03-31").found(), ["body/csr is not declared"]);
    assert_eq!(register("2019-03-31").operation().id(), "RuntimeRegistration_RegisterDevice");
}

#[test]
fn no_report_repeats_a_value() {
    let secret = "c2VjcmV0LXNlY3JldC1zZWNyZXQ=";
    let body = json!({
        "enrollmentGroupId": {"deep": secret},
        "attestation": {"type": secret, "symmetricKey": {"primaryKey": [secret], "thirdKey": secret}},
        "allocationPolicy": secret,
        "createdDateTimeUtc": secret,
        "capabilities": secret,
        "iotHubs": secret
    });
    let call = put_group(body).query("sig", secret).with_header("content-type", "text/c2VjcmV0LXNlY3JldC1zZWNyZXQ=");
    let verdict = call.verdict();
    assert!(verdict.violations.len() >= 8, "{:?}", verdict.violations);
    assert!(!format!("{verdict:?}").contains(secret));
    assert!(!call.found().join(" ").contains(secret));
}

#[test]
fn a_name_in_the_path_must_fit_its_pattern() {
    let call = Call::new("GET", ARM, "/subscriptions/2f5c/resourcegroups/no%20spaces", "2024-03-01");
    assert_eq!(call.found(), [r"path/resourceGroupName must match ^[-\w\._\(\)]+$"]);
    let long = "x".repeat(91);
    let call = Call::new("GET", ARM, format!("/subscriptions/2f5c/resourcegroups/{long}"), "2024-03-01");
    assert_eq!(call.found(), ["path/resourceGroupName must have 1 to 90 characters"]);
}

#[test]
fn a_header_must_be_text() {
    let query = Call::new("POST", DPS, "/enrollmentGroups/query", "2021-10-01").body(json!({"query": "SELECT *"}));
    let mut call = query.with_header("x-ms-max-item-count", "10");
    assert_eq!(call.found(), [""; 0]);
    call.headers.insert("x-ms-continuation", HeaderValue::from_bytes(&[0xff]).expect("octets"));
    assert_eq!(call.found(), ["header/x-ms-continuation must be ASCII"]);
}

#[test]
fn a_query_parameter_is_read_as_its_type() {
    let list = |top| Call::new("GET", ARM, "/subscriptions/2f5c/resourcegroups", "2024-03-01").query("$top", top).found();
    assert_eq!(list("10"), [""; 0]);
    assert_eq!(list("ten"), ["query/$top must be an integer"]);
    let verify = |verified| {
        let path = format!("{DEVICES}/provisioningServices/contoso/certificates/root");
        let call = Call::new("DELETE", ARM, path, "2022-12-12").with_header("if-match", "*");
        call.query("certificate.isVerified", verified).found()
    };
    assert_eq!(verify("True"), [""; 0]);
    assert_eq!(verify("perhaps"), ["query/certificate.isVerified must be a boolean"]);
}
