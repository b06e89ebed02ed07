//! How a device gets its hub, and what it starts with.

use moorage_cloud::{AllocationPolicy, Reprovisioning};

use super::super::webhook::Webhook;
use super::*;

const URL: &str = "https://allocate.azurewebsites.net/api/hub?code=s3cret";

fn custom() -> EnrollmentGroup {
    let webhook = json!({ "webhookUrlSecretRef": { "name": "webhook", "key": "url" }, "apiVersion": "2021-10-01" });
    object(&json!({ "allocationPolicy": "Custom", "customAllocation": webhook }))
}

fn with_webhook(looked: LiveState) -> LiveState {
    LiveState { webhook: Some(Webhook::new(URL, "2021-10-01")), ..looked }
}

/// The document of the only write that is planned, and the fields for whose sake it is.
fn put(group: &EnrollmentGroup, looked: LiveState) -> (Document, Vec<&'static str>) {
    let plan = plan(group, looked, Goal::Present);
    let [Action::Put { document, fields, .. }] = &plan.actions[..] else { panic!("{plan:?}") };
    (document.clone(), fields.clone())
}

#[test]
fn s0_5_a_webhook_chooses_the_hub_and_its_url_is_told_to_azure_alone() {
    let plan = plan(&custom(), with_webhook(found()), Goal::Present);
    let update = "UpdateEnrollmentGroup: Bring allocationPolicy, customAllocationDefinition of enrollment group press to its spec";
    assert_eq!(described(&plan)[0], update);
    assert!(!format!("{plan:?}").contains("s3cret"));
    let [Action::Put { document, .. }] = &plan.actions[..] else { panic!("{plan:?}") };
    assert_eq!((document.allocation(), document.custom_allocation()), (Some(AllocationPolicy::Custom), Some((URL, "2021-10-01"))));
    assert_eq!(document.hubs(), [EAST, WEST]);
}

fn custom_there(url: &str) -> Document {
    document(|whole| {
        whole["allocationPolicy"] = json!("custom");
        whole["customAllocationDefinition"] = json!({ "webhookUrl": url, "apiVersion": "2021-10-01" });
    })
}

#[test]
fn another_webhook_is_drift_and_goes_with_the_policy_that_asks_it() {
    let as_wanted = with_webhook(LiveState { group: Some(custom_there(URL)), ..found() });
    assert_eq!(present(&custom(), as_wanted), ["met | usable"]);
    let other = with_webhook(LiveState { group: Some(custom_there("https://elsewhere.example/")), ..found() });
    assert_eq!(put(&custom(), other).1, ["customAllocationDefinition"]);
    let (document, fields) = put(&object(&json!({})), LiveState { group: Some(custom_there(URL)), ..found() });
    assert_eq!((fields, document.custom_allocation()), (vec!["allocationPolicy"], None));
}

#[test]
fn a_new_key_in_the_url_is_a_change_of_the_spec() {
    let mut press = custom();
    press.spec.drift_policy = moorage_crds::DriftPolicy::Report;
    let there = |url| LiveState { group: Some(custom_there(url)), ..found() };
    let plan = plan(&press, with_webhook(there(URL)), Goal::Present);
    let [Action::RecordApplied { state }] = &plan.actions[..] else { panic!("{plan:?}") };
    assert!(!state.contains("s3cret") && !state.contains("azurewebsites"), "{state}");
    let renewed = Webhook::new("https://allocate.azurewebsites.net/api/hub?code=n3w", "2021-10-01");
    let looked = LiveState { applied: Some(state.clone()), webhook: Some(renewed), ..there(URL) };
    assert_eq!(put(&press, looked).1, ["customAllocationDefinition"]);
}

#[test]
fn a_device_that_registers_again_is_treated_as_the_spec_says() {
    let table = [("MigrateData", Reprovisioning::Migrate), ("ResetData", Reprovisioning::Reset), ("Never", Reprovisioning::Never)];
    for (policy, rule) in table {
        let press = object(&json!({ "reprovisionPolicy": policy, "provisioningStatus": "Disabled" }));
        assert_eq!(put(&press, LiveState { disabled: Some("spec".to_owned()), ..found() }).0.reprovisioning(), rule);
    }
}

#[test]
fn what_the_spec_says_of_the_start_is_corrected_and_the_rest_stays_as_it_is() {
    let (document, fields) = put(&object(&json!({ "initialTwin": { "tags": { "line": 7 }, "desired": { "rate": 5 } } })), found());
    assert_eq!(fields, ["initialTwin.desired"]);
    assert_eq!(document.initial_desired().and_then(|desired| desired.get("rate")), Some(&json!(5)));
    assert_eq!(document.initial_tags().and_then(|tags| tags.get("line")), Some(&json!(7)));

    let (document, fields) = put(&object(&json!({ "initialTwin": { "tags": {} }, "capabilities": { "iotEdge": true } })), found());
    assert_eq!(fields, ["initialTwin.tags", "capabilities"]);
    assert!(document.is_edge() && document.initial_tags().is_some_and(serde_json::Map::is_empty));

    let same = object(&json!({ "initialTwin": { "tags": { "line": 7 } }, "capabilities": { "iotEdge": false } }));
    assert_eq!(present(&same, found()), ["met | usable"]);
}
