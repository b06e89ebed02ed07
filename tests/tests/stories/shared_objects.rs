//! Zero harm: what others have in objects that we share survives every write of ours.

use std::time::Duration;

use moorage_simulator::{Fault, MaskedLink, Match, NewService, Occurrence, Options, Rule, Simulator, Variants};
use moorage_tests::controlplane::block_on;
use moorage_tests::example::Example;
use moorage_tests::harness::{Harness, SOON, SUBSCRIPTION, cloud_options, fabrikam_s_past};
use moorage_tests::wait::{NotYet, until};
use serde_json::json;

use moorage_tests::tenants::{EAST, EUROPE, Tenants};

/// A service that was there, with a hub, a link by another policy and a group of somebody else.
fn somebody_else_s(cloud: &Simulator) {
    cloud.seed(|azure| {
        fabrikam_s_past(azure);
        azure.add_service(NewService { subscription: SUBSCRIPTION, group: "platform-iot", name: "contoso-dps", location: "eastus" });
        azure.link_hub("contoso-dps", "fabrikam-asia-hub");
        azure.add_foreign_link(
            "contoso-dps",
            &json!({ "connectionString": "HostName=elsewhere.azure-devices.net;SharedAccessKeyName=theirs;SharedAccessKey=AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", "location": "northeurope", "allocationWeight": 42, "applyAllocationPolicy": true }),
        );
        azure.add_group("contoso-dps", "theirs", &["elsewhere.azure-devices.net"]);
        azure.set_service_tag("contoso-dps", "costCenter", "4711");
        azure.set_hub_tag("fabrikam-asia-hub", "costCenter", "4712");
        azure.add_hub_policy("fabrikam-asia-hub", "theirs", "ServiceConnect");
        azure.set_hub_property("fabrikam-asia-hub", "comments", json!("do not touch"));
    });
}

#[test]
fn s0_2_an_adopted_service_keeps_the_links_groups_tags_policies_and_keys_of_others() -> anyhow::Result<()> {
    block_on(async {
        let mut example = Example::read("s0-tenants.yaml", "zeroharm")?;
        // A device that is disenrolled leaves an enrollment behind, as it should.
        let disenrolled = example.object_mut("DeviceCredential", "fabrikam-simdevice-asia").expect("it is in the example");
        disenrolled["spec"]["deletionPolicy"] = json!("Retain");
        let service = example.object_mut("ProvisioningService", "contoso-dps").expect("it is in the example");
        service["spec"]["adoption"] = json!("IfUnmanaged");
        let harness =
            Harness::set(moorage_tests::controlplane::shared().await?, "zeroharm", &example.namespaces(), cloud_options()).await?;
        somebody_else_s(harness.cloud());
        let past = harness.cloud().snapshot();
        let operator = harness.operator().await?;
        harness.apply(&example).await?;
        harness.until_all_ready().await?;
        let present = harness.cloud().snapshot();
        for line in past.lines().filter(|line| line.contains("theirs") || line.contains("elsewhere") || line.contains("costCenter")) {
            assert!(present.contains(line.trim()), "lost: {line}\n{present}");
        }
        let linked = harness.get("ProvisioningService", &example.namespace("platform"), "contoso-dps").await?;
        assert_eq!(linked["status"]["adopted"], true);

        harness.kubectl(&["delete", "--wait=false", "-f", "-"], &example.text()).await?;
        harness.until_gone("CloudAccount", &example.namespace("platform"), "azure").await?;
        assert_eq!(harness.cloud().snapshot(), past);
        operator.stop().await
    })
}

/// Nobody has written down whether a masked key that is sent back keeps the stored one: the links work either way.
#[test]
fn a_tenant_s_links_work_even_where_azure_takes_the_mask_for_a_key() -> anyhow::Result<()> {
    block_on(async {
        let variants = Variants { masked_link: MaskedLink::StoredLiterally, ..Variants::default() };
        let tenants = Tenants::ready_with("masked", Options { variants, ..cloud_options() }, |_| {}).await?;
        for (tenant, name, from, key) in
            [("contoso", "contoso-simdevice-east", EAST, "IOTHUB_DEVICE_KEY"), ("fabrikam", "fabrikam-simdevice-eu", EUROPE, "deviceKey")]
        {
            tenants.device(tenant, name, from).await?.register(Some(key), |_| {}).await?;
        }
        tenants.end().await
    })
}

/// The service takes no `If-Match`: another writer who has read before us and writes after us wins.
#[test]
fn a_link_that_another_writer_has_overwritten_is_noticed_told_and_written_again() -> anyhow::Result<()> {
    block_on(async {
        // Each look at the service takes a while, so that the other writer comes between a write and the look after it.
        let looks =
            Match { method: Some("GET".to_owned()), path: Some("provisioningServices/contoso-dps$".to_owned()), ..Match::default() };
        let slow = Rule { matching: looks, occurrence: Occurrence::Every, fault: Fault::Slow(700) };
        let tenants = Tenants::begun("lost", Options { faults: vec![slow], ..cloud_options() }, |_| {}).await?;
        let linked =
            |world: &str| world.lines().filter(|line| line.trim_start().starts_with("link ")).map(str::to_owned).collect::<Vec<_>>();
        let first = until("the first links are written", SOON, || async {
            let links = linked(&tenants.snapshot());
            if links.is_empty() { Err(NotYet::seen("no link")) } else { Ok(links) }
        })
        .await?;
        let host = first[0].split_whitespace().find(|word| word.contains("azure-devices.net")).expect("a link names its hub").to_owned();
        tenants.harness.cloud().seed(|azure| azure.remove_link("contoso-dps", &host));
        tenants.harness.until_all_ready().await?;
        assert_eq!(linked(&tenants.snapshot()).len(), 4, "{}", tenants.snapshot());
        until("an Event tells of the lost update", Duration::from_secs(20), || async {
            let mut events = String::new();
            for namespace in ["contoso", "fabrikam"] {
                let namespace = tenants.example.namespace(namespace);
                events += &tenants
                    .harness
                    .kubectl(&["get", "events", "-n", &namespace], "")
                    .await
                    .map_err(|error| NotYet::seen(format!("{error:#}")))?;
            }
            if events.contains("LostUpdate") { Ok(()) } else { Err(NotYet::seen(events)) }
        })
        .await?;
        tenants.end().await
    })
}
