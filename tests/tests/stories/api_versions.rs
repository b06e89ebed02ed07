//! What only the newest api-version has a field for stays as it is, whatever the operator changes beside it.

use jiff::SignedDuration;
use moorage_simulator::{NewHub, NewService, OlderPut};
use moorage_tests::controlplane::{block_on, shared};
use moorage_tests::example::Example;
use moorage_tests::harness::{Harness, SUBSCRIPTION, cloud_options, condition, fabrikam_s_past};
use moorage_tests::tenants::Tenants;
use serde_json::{Value, json};

const HUB: &str = "fabrikam-asia-hub";
const SERVICE: &str = "contoso-dps";
const GROUP: &str = "fabrikam-eu-devices";

/// What somebody has given to a hub in the newest api-version.
fn of_hub() -> Vec<(&'static str, Value)> {
    let stream = json!({
        "name": "lake", "endpointUri": "sb://lake.servicebus.windows.net", "entityPath": "events", "authenticationType": "identityBased",
        "identity": { "userAssignedIdentity": "/subscriptions/s/resourceGroups/r/providers/Microsoft.ManagedIdentity/userAssignedIdentities/i" },
        "workspaceId": "w", "eventStreamId": "e", "sourceId": "s",
    });
    let route = |name: &str, source: &str| json!({ "name": name, "source": source, "condition": "true", "endpointNames": ["lake"], "isEnabled": true });
    let fallback =
        json!({ "name": "$fallback", "source": "MqttBrokerMessages", "condition": "true", "endpointNames": ["events"], "isEnabled": true });
    vec![
        (
            "routing",
            json!({
                "endpoints": { "eventStreams": [stream] },
                "routes": [route("twins", "DigitalTwinChangeEvents"), route("broker", "MqttBrokerMessages")],
                "fallbackRoute": fallback,
            }),
        ),
        (
            "encryption",
            json!({ "keySource": "Microsoft.KeyVault", "keyVaultProperties": [{ "keyIdentifier": "k", "identity": { "userAssignedIdentity": "i" } }] }),
        ),
        ("rootCertificate", json!({ "enableRootCertificateV2": true })),
        ("ipVersion", json!("ipv4ipv6")),
        ("deviceStreams", json!({ "streamingEndpoints": ["s1"] })),
    ]
}

fn of_group() -> Vec<(&'static str, Value)> {
    vec![
        ("namespaceName", json!("plant-registry")),
        ("certificateAuthorityName", json!("plant-authority")),
        ("certificatePolicyName", json!("plant-policy")),
    ]
}

/// A hub, a service with an identity and a link by it, and an enrollment group, all of somebody who speaks the newest api-version.
fn past(azure: &mut moorage_simulator::Azure) {
    fabrikam_s_past(azure);
    for (name, value) in of_hub() {
        azure.set_hub_property(HUB, name, value);
    }
    let (group, location) = ("platform-iot", "eastus");
    azure.add_hub(NewHub { subscription: SUBSCRIPTION, group, name: "platform-hub", location, sku: "S1" });
    azure.add_service(NewService { subscription: SUBSCRIPTION, group, name: SERVICE, location });
    azure.link_hub_by_identity(SERVICE, "platform-hub");
    azure.set_service_property(SERVICE, "disableLocalAuth", json!(false));
    azure.add_group(SERVICE, GROUP, &["platform-hub.azure-devices.net"]);
    for (name, value) in of_group() {
        azure.set_group_field(SERVICE, GROUP, name, value);
    }
}

/// What of that is there now, and the lines of the world in which the identity and the link by it are.
fn there(tenants: &Tenants) -> Vec<String> {
    let told = tenants.harness.cloud().seed(|azure| {
        let of_hub = of_hub().into_iter().map(|(name, _)| format!("{name} {:?}", azure.hub_property(HUB, name)));
        let of_group = of_group().into_iter().map(|(name, _)| format!("{name} {:?}", azure.group_field(SERVICE, GROUP, name)));
        let of_service = format!("{:?} {:?}", azure.service_property(SERVICE, "disableLocalAuth"), azure.service_principal(SERVICE));
        of_hub.chain(of_group).chain([of_service]).collect::<Vec<_>>()
    });
    let world = tenants.snapshot();
    let link = world.lines().filter(|line| line.contains("link platform-hub")).map(|line| line.trim().to_owned());
    told.into_iter().chain(link).collect()
}

/// The two tenants, who adopt all that, and what there was of it.
async fn begun(story: &str, older_put: OlderPut, older_cloud: bool) -> anyhow::Result<(Tenants, Vec<String>)> {
    let mut example = Example::read("s0-tenants.yaml", story)?;
    for (kind, name) in [("ProvisioningService", SERVICE), ("EnrollmentGroup", GROUP)] {
        example.object_mut(kind, name).expect("it is in the example")["spec"]["adoption"] = json!("IfUnmanaged");
    }
    let mut cloud = cloud_options();
    cloud.variants.older_put = older_put;
    cloud.variants.older_cloud = older_cloud;
    let harness = Harness::set(shared().await?, story, &example.namespaces(), cloud).await?;
    harness.cloud().seed(past);
    let operator = harness.operator().await?;
    let tenants = Tenants { harness, example, operator };
    let before = there(&tenants);
    tenants.harness.apply(&tenants.example).await?;
    Ok((tenants, before))
}

/// The same, Ready.
async fn adopted(story: &str, older_put: OlderPut) -> anyhow::Result<(Tenants, Vec<String>)> {
    let (tenants, before) = begun(story, older_put, false).await?;
    tenants.harness.until_all_ready().await?;
    Ok((tenants, before))
}

fn weightier() -> Value {
    json!({ "spec": { "hubs": [
        { "name": "fabrikam-eu-hub", "location": "westeurope" },
        { "name": HUB, "location": "southeastasia", "adoption": "IfUnmanaged", "link": { "allocationWeight": 7 } },
    ] } })
}

/// The hub is given a policy, the service links and another weight, the group hubs and another policy.
async fn keeps_all(story: &str, older_put: OlderPut) -> anyhow::Result<()> {
    let (tenants, before) = adopted(story, older_put).await?;
    tenants.patch("TenantHubGroup", "fabrikam", "fabrikam-eu", &weightier()).await?;
    tenants.patch("EnrollmentGroup", "platform", GROUP, &json!({ "spec": { "allocationPolicy": "Hashed" } })).await?;
    tenants.harness.until_all_ready().await?;
    let world = tenants.snapshot();
    for changed in ["weight 7", &format!("group {GROUP} enabled hashed")] {
        assert!(world.contains(changed), "{changed} is not in {world}");
    }
    assert_eq!(there(&tenants), before);
    let in_another = tenants.harness.cloud().requests().into_iter().find(|request| {
        let is_ours = request.path.contains("Microsoft.Devices") || request.path.starts_with("/enrollment");
        let is_newest = |(name, value): &(String, String)| name == "api-version" && value == "2026-11-01";
        is_ours && !request.path.contains("roleAssignments") && !request.query.iter().any(is_newest)
    });
    assert_eq!(in_another.map(|request| (request.path, request.query)), None);
    tenants.end().await
}

#[test]
fn what_only_the_newest_version_knows_is_carried_where_an_older_put_would_reset_it() -> anyhow::Result<()> {
    block_on(keeps_all("carried-or-reset", OlderPut::Reset))
}

#[test]
fn what_only_the_newest_version_knows_is_carried_where_an_older_put_would_keep_it() -> anyhow::Result<()> {
    block_on(keeps_all("carried-or-kept", OlderPut::Kept))
}

/// The end in a cloud that was behind: it shows sources of routes that the older version's file does not list.
async fn end_behind(tenants: Tenants) -> anyhow::Result<()> {
    let cloud = tenants.harness.cloud();
    assert_eq!(cloud.violations(), Vec::<String>::new());
    let wrong: Vec<String> = cloud.answer_violations().into_iter().filter(|text| !text.contains("/source must be one of")).collect();
    assert_eq!(wrong, Vec::<String>::new());
    tenants.operator.stop().await
}

#[test]
fn where_a_cloud_speaks_only_an_older_version_what_was_adopted_says_so_and_is_not_rewritten_until_it_speaks_the_newest()
-> anyhow::Result<()> {
    block_on(async {
        let (tenants, before) = adopted("behind", OlderPut::Reset).await?;
        tenants.harness.until_at_rest(&tenants.operator).await?;
        tenants.harness.cloud().seed(|azure| azure.set_older_cloud(true));
        let world = tenants.snapshot();
        tenants.patch("TenantHubGroup", "fabrikam", "fabrikam-eu", &weightier()).await?;
        tenants.patch("EnrollmentGroup", "platform", GROUP, &json!({ "spec": { "allocationPolicy": "Hashed" } })).await?;
        let hubs = tenants.until("TenantHubGroup", "fabrikam", "fabrikam-eu", "Stalled", "ApiVersionUnsupported").await?;
        let group = tenants.until("EnrollmentGroup", "platform", GROUP, "Stalled", "ApiVersionUnsupported").await?;
        let message = |object: &Value| object["status"]["conditions"][2]["message"].as_str().unwrap_or_default().to_owned();
        for (object, version) in [(&hubs, "2022-12-12"), (&group, "2021-10-01")] {
            let told = format!(
                "it was not made by Moorage, and api-version {version}, the newest that its cloud takes, may not show all that it has"
            );
            assert!(message(object).contains(&told), "{}", message(object));
            assert!(message(object).contains("make the change in Azure by other means, or change the spec"), "{}", message(object));
            assert_eq!(condition(object, "Ready").map(|(status, _)| status).as_deref(), Some("True"));
        }
        tenants.harness.until_at_rest(&tenants.operator).await?;
        assert_eq!(tenants.snapshot(), world);
        assert_eq!(there(&tenants), before);

        // The cloud is brought up to date, and is asked again some hours later.
        tenants.harness.cloud().seed(|azure| azure.set_older_cloud(false));
        tenants.harness.cloud().advance(SignedDuration::from_hours(7)).await?;
        tenants.harness.until_all_ready().await?;
        let world = tenants.snapshot();
        assert!(world.contains("weight 7"), "{world}");
        assert_eq!(there(&tenants), before);
        end_behind(tenants).await
    })
}

#[test]
fn a_hub_that_is_to_be_adopted_where_the_cloud_is_behind_is_left_alone_while_those_of_ours_are_made() -> anyhow::Result<()> {
    block_on(async {
        let (tenants, before) = begun("behind-at-first", OlderPut::Reset, true).await?;
        let policies = |tenants: &Tenants| tenants.snapshot().matches("policy moorage-").count();
        let hubs = tenants.until("TenantHubGroup", "fabrikam", "fabrikam-eu", "Stalled", "ApiVersionUnsupported").await?;
        let message = hubs["status"]["conditions"][2]["message"].as_str().unwrap_or_default();
        let told =
            format!("IoT hub {HUB} differs from its spec and is not rewritten: it was not made by Moorage, and api-version 2023-06-30");
        assert!(message.contains(&told), "{message}");
        tenants.until("TenantHubGroup", "contoso", "contoso-us", "Stalled", "ApiVersionUnsupported").await?;
        tenants.harness.until_at_rest(&tenants.operator).await?;
        assert_eq!(there(&tenants), before);
        // Of the three that were made here, in the older version.
        assert_eq!(policies(&tenants), 3, "{}", tenants.snapshot());

        tenants.harness.cloud().seed(|azure| azure.set_older_cloud(false));
        tenants.harness.cloud().advance(SignedDuration::from_hours(7)).await?;
        tenants.harness.until_all_ready().await?;
        assert_eq!((there(&tenants), policies(&tenants)), (before, 4));
        end_behind(tenants).await
    })
}
