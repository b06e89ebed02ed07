//! The check of answers.

use moorage_simulator::spec::SpecBook;
use serde_json::{Value, json};

use crate::call::{ARM, Call, DEVICES, DPS, HUB, group, hub, hub_with, put_group, put_hub};

fn answer(call: &Call<'_>, status: u16, body: &Value) -> Vec<String> {
    let body = (!body.is_null()).then_some(body);
    let found = SpecBook::azure().check_answer(&call.operation(), status, body);
    found.iter().map(ToString::to_string).collect()
}

#[test]
fn a_true_answer_passes_read_only_properties_included() {
    let mut body = hub_with("/properties/state", json!("Active"));
    body["properties"]["hostName"] = json!("contoso-east.azure-devices.net");
    body["id"] = json!(format!("{DEVICES}/IotHubs/contoso-east"));
    body["name"] = json!("contoso-east");
    body["etag"] = json!("AAAADGk=");
    assert_eq!(answer(&put_hub(hub()), 201, &body), [""; 0]);
}

#[test]
fn a_name_that_the_service_would_not_give_is_reported() {
    for name in ["12345", "-east", "e"] {
        let mut body = hub();
        body["name"] = json!(name);
        assert_eq!(answer(&put_hub(hub()), 200, &body), ["body/name must match ^(?![0-9]+$)(?!-)[a-zA-Z0-9-]{2,49}[a-zA-Z0-9]$"]);
    }
}

#[test]
fn an_answer_with_an_undeclared_status_property_or_type_is_reported() {
    let call = put_group(group());
    assert_eq!(answer(&call, 201, &group()), ["status must be one of: 200"]);
    assert_eq!(answer(&call, 200, &Value::Null), ["body is required"]);
    let mut body = group();
    body["colour"] = json!("red");
    body["createdDateTimeUtc"] = json!("yesterday");
    assert_eq!(answer(&call, 200, &body), ["body/colour is not declared", "body/createdDateTimeUtc must be an RFC 3339 time"]);
    let gone = Call::new("DELETE", DPS, "/enrollmentGroups/plant", "2021-10-01");
    assert_eq!(answer(&gone, 204, &json!({})), ["body is not declared"]);
}

#[test]
fn the_code_of_a_device_error_is_a_number_or_a_string() {
    for code in [json!(412_001), json!("412001")] {
        let body = json!({"code": code, "httpStatusCode": "PreconditionFailed", "message": "errorcode: IH412001."});
        assert_eq!(answer(&put_hub(hub()), 412, &body), [""; 0]);
    }
    let body = json!({"code": true, "message": "errorcode: IH412001."});
    assert_eq!(answer(&put_hub(hub()), 412, &body), ["body/code has none of the declared types"]);
}

#[test]
fn resource_manager_may_answer_for_its_provider() {
    let body = json!({"error": {"code": "ResourceGroupNotFound", "message": "Resource group 'plant' could not be found."}});
    assert_eq!(answer(&put_hub(hub()), 404, &body), [""; 0]);
    let tags = Call::new("PATCH", ARM, format!("{DEVICES}/IotHubs/contoso-east"), "2023-06-30").body(json!({"tags": {}}));
    assert_eq!(answer(&tags, 404, &body), [""; 0]);
    assert_eq!(answer(&tags, 429, &Value::Null), [""; 0]);
    let own = Call::new("GET", HUB, "/devices/one", "2021-04-12");
    assert_eq!(answer(&own, 404, &body), ["body/error is not declared"]);
}

#[test]
fn the_registry_writes_times_without_a_zone() {
    let body = json!({
        "deviceId": "one", "generationId": "637", "etag": "OTg0", "status": "enabled", "statusReason": null,
        "connectionState": "Disconnected", "lastActivityTime": "0001-01-01T00:00:00", "cloudToDeviceMessageCount": 0,
        "authentication": {"type": "sas", "symmetricKey": {"primaryKey": "a", "secondaryKey": "b"},
                           "x509Thumbprint": {"primaryThumbprint": null, "secondaryThumbprint": null}}
    });
    let call = Call::new("GET", HUB, "/devices/one", "2021-04-12");
    assert_eq!(answer(&call, 200, &body), [""; 0]);
}

#[test]
fn a_failed_bulk_change_answers_with_its_result() {
    let call = Call::new("POST", HUB, "/devices", "2021-04-12").body(json!([{"id": "one", "importMode": "create"}]));
    let body = json!({"isSuccessful": false, "errors": [{"deviceId": "one", "errorCode": "DeviceAlreadyExists", "errorStatus": "exists"}], "warnings": []});
    assert_eq!(answer(&call, 400, &body), [""; 0]);
}

#[test]
fn a_poll_answers_with_a_state_or_with_the_end() {
    let state = Call::new("GET", ARM, format!("{DEVICES}/IotHubs/contoso/operationResults/1"), "2023-06-30").query("asyncinfo", "");
    assert_eq!(state.found(), [""; 0]);
    assert_eq!(answer(&state, 200, &json!({"status": "Running"})), [""; 0]);
    assert_eq!(answer(&state, 200, &json!({})), ["body/status is required"]);
    assert_eq!(answer(&state, 200, &Value::Null), ["body is required"]);
    for (service, version) in [("IotHubs", "2023-06-30"), ("provisioningServices", "2022-12-12")] {
        let end = Call::new("GET", ARM, format!("{DEVICES}/{service}/contoso/operationResults/1"), version);
        assert_eq!(end.found(), [""; 0]);
        for status in [200, 202, 204] {
            assert_eq!(answer(&end, status, &Value::Null), [""; 0]);
        }
    }
}

#[test]
fn a_body_of_null_is_none() {
    let delete = Call::new("DELETE", ARM, format!("{DEVICES}/IotHubs/contoso"), "2023-06-30");
    let found = SpecBook::azure().check_answer(&delete.operation(), 202, Some(&Value::Null));
    assert_eq!(found, []);
}

#[test]
fn older_device_versions_issue_no_certificates() {
    let poll = |version| Call::new("GET", DPS, "/0ne0/registrations/one/operations/1", version);
    let body = json!({"operationId": "1", "status": "assigned", "registrationState": {"issuedCertificateChain": ["MIIB"]}});
    assert_eq!(answer(&poll("2026-11-01"), 200, &body), [""; 0]);
    assert_eq!(answer(&poll("2021-06-01"), 200, &body), ["body/registrationState/issuedCertificateChain is not declared"]);
}
