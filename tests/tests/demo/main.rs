//! The demo as a program reads it: every line is a fact, and the facts are those of the example.

mod guest;

use std::collections::BTreeSet;
use std::process::{Command, Output};

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

#[test]
fn the_demo_shows_s0_from_yaml_to_registered_devices_and_back() -> anyhow::Result<()> {
    let output = Command::new(env!("CARGO_BIN_EXE_demo")).args(["s0", "--json"]).output().context("failed to run the demo")?;
    let facts = Facts::of(&output)?;
    let last = facts.0.last().context("the demo told nothing")?;
    assert_eq!((&last["demo"], &last["ok"], &last["cleanedUp"]), (&json!("s0"), &json!(true), &json!(true)), "{last}");
    assert!(output.status.success(), "{}", output.status);

    hubs_are_created_or_adopted_and_linked(&facts);
    groups_name_their_own_tenant_s_hubs(&facts);
    secrets_hold_what_was_asked_for(&facts);
    devices_get_the_hub_of_their_region(&facts);
    what_was_made_is_gone_and_what_was_there_is_kept(&facts);
    no_secret_was_printed(&facts);
    Ok(())
}

fn hubs_are_created_or_adopted_and_linked(facts: &Facts) {
    let hubs = facts.as_set("hub", &["name", "region", "sku", "origin", "linked"]);
    let expected = [
        json!(["contoso-east-hub", "eastus", "S1x1", "created", true]),
        json!(["contoso-west-hub", "westus", "S1x1", "created", true]),
        json!(["fabrikam-asia-hub", "southeastasia", "S1x1", "adopted", true]),
        json!(["fabrikam-eu-hub", "westeurope", "S1x1", "created", true]),
    ];
    assert_eq!(hubs, set(&expected));
    let links = facts.as_set("link", &["service", "hub", "region"]);
    let expected = [
        json!(["contoso-dps", "contoso-east-hub.azure-devices.net", "eastus"]),
        json!(["contoso-dps", "contoso-west-hub.azure-devices.net", "westus"]),
        json!(["contoso-dps", "fabrikam-asia-hub.azure-devices.net", "southeastasia"]),
        json!(["contoso-dps", "fabrikam-eu-hub.azure-devices.net", "westeurope"]),
    ];
    assert_eq!(links, set(&expected));
}

fn groups_name_their_own_tenant_s_hubs(facts: &Facts) {
    let groups = facts.as_set("enrollmentGroup", &["name", "allocation", "hubs"]);
    let expected = [
        json!(["contoso-us-devices", "geoLatency", ["contoso-east-hub.azure-devices.net", "contoso-west-hub.azure-devices.net"]]),
        json!(["fabrikam-eu-devices", "geoLatency", ["fabrikam-asia-hub.azure-devices.net", "fabrikam-eu-hub.azure-devices.net"]]),
    ];
    assert_eq!(groups, set(&expected));
}

fn secrets_hold_what_was_asked_for(facts: &Facts) {
    let secrets = facts.as_set("secret", &["namespace", "name", "entries"]);
    let usual = ["deviceKey", "idScope", "primaryKey", "provisioningHost", "registrationId", "secondaryKey"];
    let renamed = ["IOTHUB_DEVICE_KEY", "idScope", "primaryKey", "provisioningHost", "registrationId", "secondaryKey"];
    let with_token = ["deviceKey", "dpsToken", "idScope", "primaryKey", "provisioningHost", "registrationId", "secondaryKey"];
    let expected = [
        json!(["contoso", "contoso-simdevice-east", renamed]),
        json!(["contoso", "contoso-simdevice-west", with_token]),
        json!(["fabrikam", "fabrikam-simdevice-asia", usual]),
        json!(["fabrikam", "fabrikam-simdevice-eu", usual]),
    ];
    assert_eq!(secrets, set(&expected));
}

fn devices_get_the_hub_of_their_region(facts: &Facts) {
    let devices = facts.as_set("device", &["name", "region", "proof", "hub", "deviceId", "telemetry"]);
    let row = |name: &str, region: &str, proof: &str, hub: &str| {
        json!([name, region, proof, format!("{hub}.azure-devices.net"), name, "accepted"])
    };
    let expected = [
        row("contoso-simdevice-east", "eastus", "IOTHUB_DEVICE_KEY", "contoso-east-hub"),
        row("contoso-simdevice-west", "westus", "dpsToken", "contoso-west-hub"),
        row("fabrikam-simdevice-asia", "southeastasia", "deviceKey", "fabrikam-asia-hub"),
        row("fabrikam-simdevice-eu", "westeurope", "deviceKey", "fabrikam-eu-hub"),
    ];
    assert_eq!(devices, set(&expected));
    let steps: Vec<_> = facts.of_sort("step").filter(|step| step["device"] == "contoso-simdevice-east").map(|step| &step["step"]).collect();
    assert_eq!(steps, ["CONNECTED", "ASSIGNING", "ASSIGNED contoso-east-hub.azure-devices.net, deviceId contoso-simdevice-east"]);
}

fn what_was_made_is_gone_and_what_was_there_is_kept(facts: &Facts) {
    // Devices are registered with the hubs and through the groups; the provisioning service's id scope would be lost for ever.
    let asked: BTreeSet<_> = facts.of_sort("awaitingConfirmation").filter_map(|fact| fact["kind"].as_str()).collect();
    assert_eq!(asked, BTreeSet::from(["EnrollmentGroup", "ProvisioningService", "TenantHubGroup"]));
    let annotated = |fact: &Value| fact["line"].as_str().is_some_and(|line| line.starts_with("kubectl annotate "));
    let confirmed = facts.of_sort("command").filter(|fact| annotated(fact)).count();
    assert_eq!(confirmed, facts.of_sort("awaitingConfirmation").count());

    let ready = facts.as_set("ready", &["kind", "namespace", "name"]);
    let gone = facts.as_set("gone", &["kind", "namespace", "name"]);
    assert_eq!(ready.len(), 10, "{ready:?}");
    assert!(ready.is_subset(&gone), "left: {:?}", ready.difference(&gone).collect::<Vec<_>>());
    let removed = facts.as_set("removed", &["what", "name"]);
    let expected = [
        json!(["hub", "contoso-east-hub"]),
        json!(["hub", "contoso-west-hub"]),
        json!(["hub", "fabrikam-eu-hub"]),
        json!(["provisioning service", "contoso-dps"]),
        json!(["resource group", "contoso-us-resource-group"]),
        json!(["resource group", "platform-iot"]),
    ];
    assert_eq!(removed, set(&expected));
    let kept = facts.as_set("kept", &["what", "name", "linked", "ourPolicy", "devices"]);
    assert_eq!(
        kept,
        set(&[json!(["hub", "fabrikam-asia-hub", false, false, 1]), json!(["resource group", "fabrikam-rg", null, null, null])])
    );
    let namespaces = facts.as_set("namespaceGone", &["name"]);
    assert_eq!(namespaces, set(&[json!(["contoso"]), json!(["fabrikam"]), json!(["platform"])]));
}

fn no_secret_was_printed(facts: &Facts) {
    let secrets: Vec<_> = facts.of_sort("secrets").collect();
    assert_eq!(secrets.len(), 1);
    assert_eq!(secrets[0]["printed"], 0);
    assert!(secrets[0]["held"].as_u64() > Some(20), "{}", secrets[0]);
}

/// The lines that the demo printed.
struct Facts(Vec<Value>);

impl Facts {
    fn of(output: &Output) -> anyhow::Result<Self> {
        let text = String::from_utf8(output.stdout.clone()).context("the demo printed what is no text")?;
        let lines = text.lines().map(|line| serde_json::from_str(line).with_context(|| format!("no JSON: {line}")));
        let facts = lines.collect::<Result<Vec<Value>, _>>()?;
        ensure!(!facts.is_empty(), "the demo printed nothing, and said: {}", String::from_utf8_lossy(&output.stderr));
        Ok(Self(facts))
    }

    /// The facts of one sort.
    fn of_sort<'a>(&'a self, sort: &'a str) -> impl Iterator<Item = &'a Value> {
        self.0.iter().filter(move |fact| fact["fact"] == sort)
    }

    /// Some fields of each fact of one sort, in any order.
    fn as_set(&self, sort: &str, fields: &[&str]) -> BTreeSet<String> {
        let row = |fact: &Value| fields.iter().map(|field| fact[*field].clone()).collect::<Value>();
        self.of_sort(sort).map(|fact| row(fact).to_string()).collect()
    }
}

fn set(rows: &[Value]) -> BTreeSet<String> {
    rows.iter().map(Value::to_string).collect()
}
