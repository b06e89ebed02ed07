//! Definitions that are of another version than the operator: Helm installs them once.

use moorage_operator::controller::{metrics::Detail, queue::Priority};
use moorage_tests::controlplane::{ControlPlane, Options, block_on};
use moorage_tests::example::Example;
use moorage_tests::harness::{Harness, SOON, cloud_options, condition};
use moorage_tests::operator::Running;
use moorage_tests::progress::Silent;
use moorage_tests::wait::{NotYet, until};
use serde_json::{Value, json};

/// The definitions as a former version had them: without tags of hubs.
fn former() -> Vec<Value> {
    let all = moorage_crds::all().into_iter().map(|crd| serde_json::to_value(crd).expect("it serializes"));
    let without_tags = |mut crd: Value| {
        if crd["spec"]["names"]["kind"] == "TenantHubGroup" {
            let spec = &mut crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"];
            spec["properties"].as_object_mut().expect("fields").remove("tags").expect("the field");
        }
        crd
    };
    all.map(without_tags).collect()
}

/// The metrics of an operator that name nothing.
pub fn counts(operator: &Running) -> String {
    operator.controller().metrics.text(Detail::Counts, [(Priority::Changed, 0), (Priority::Resync, 0)], true)
}

#[test]
fn definitions_older_than_the_operator_are_told_of_on_what_they_concern_by_the_fields_that_are_dropped_until_they_are_applied()
-> anyhow::Result<()> {
    block_on(async {
        let kinds = former().into_iter().map(serde_json::from_value).collect::<Result<_, _>>()?;
        let control: &'static ControlPlane =
            Box::leak(Box::new(ControlPlane::start(Options { kinds, ..Options::default() }, &Silent).await?));
        let example = Example::read("s0-tenants.yaml", "oldcrds")?;
        let harness = Harness::set(control, "oldcrds", &example.namespaces(), cloud_options()).await?;
        harness.cloud().seed(moorage_tests::harness::fabrikam_s_past);
        let operator = harness.operator().await?;
        harness.apply(&example).await?;
        harness.until_all_ready().await?;

        let contoso = example.namespace("contoso");
        let told = harness.until_condition("TenantHubGroup", &contoso, "contoso-us", "DefinitionOutdated", "DefinitionOutdated").await?;
        let told = told.to_string();
        assert!(told.contains("the API server drops spec.tags; apply the definitions of this version"), "{told}");
        let account = harness.get("CloudAccount", &example.namespace("platform"), "azure").await?;
        assert_eq!(condition(&account, "DefinitionOutdated"), None, "its definition is the operator's");
        let events = harness.kubectl(&["get", "events", "-n", &example.namespace("contoso"), "-o", "wide"], "").await?;
        assert!(events.lines().any(|line| line.contains("DefinitionOutdated") && line.contains("contoso-us")), "{events}");
        let metrics = counts(&operator);
        assert!(metrics.contains("moorage_definition_outdated{kind=\"TenantHubGroup\"} 1"), "{metrics}");

        let current: Vec<_> = moorage_crds::all().iter().map(serde_json::to_value).collect::<Result<_, _>>()?;
        let list = json!({ "apiVersion": "v1", "kind": "List", "items": current }).to_string();
        harness.kubectl(&["apply", "--server-side", "--force-conflicts", "-f", "-"], &list).await?;
        operator.stop().await?;
        let operator = Running::start(harness.launch()).await?;
        until("it is told no more", SOON, || async {
            let hubs = harness.get("TenantHubGroup", &example.namespace("contoso"), "contoso-us").await.map_err(NotYet::seen)?;
            condition(&hubs, "DefinitionOutdated").map_or(Ok(()), |told| Err(NotYet::seen(format!("{told:?}"))))
        })
        .await?;
        operator.stop().await?;
        control.end().await
    })
}
