//! Zero harm: what others have in objects that we share survives every write of ours.

use moorage_simulator::{NewService, Simulator};
use moorage_tests::controlplane::block_on;
use moorage_tests::example::Example;
use moorage_tests::stage::{SUBSCRIPTION, Stage, cloud_options};
use serde_json::json;

use crate::tenants::fabrikam_s_past;

/// A service that was there, with a hub, a link by another policy and a group of somebody else.
fn somebody_else_s(cloud: &Simulator) {
    cloud.edit(|azure| {
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
fn links_groups_tags_policies_and_keys_of_others_survive_every_write_of_ours() -> anyhow::Result<()> {
    block_on(async {
        let mut example = Example::read("s0-tenants.yaml", "zeroharm")?;
        let service = example.object_mut("ProvisioningService", "contoso-dps").expect("it is in the example");
        service["spec"]["adoption"] = json!("IfUnmanaged");
        let stage = Stage::set(moorage_tests::controlplane::shared().await?, "zeroharm", &example.namespaces(), cloud_options()).await?;
        somebody_else_s(stage.cloud());
        let past = stage.cloud().world();
        let operator = stage.operator().await?;
        stage.apply(&example).await?;
        stage.until_all_ready().await?;
        let present = stage.cloud().world();
        for line in past.lines().filter(|line| line.contains("theirs") || line.contains("elsewhere") || line.contains("costCenter")) {
            assert!(present.contains(line.trim()), "lost: {line}\n{present}");
        }
        let linked = stage.get("ProvisioningService", &example.namespace("platform"), "contoso-dps").await?;
        assert_eq!(linked["status"]["adopted"], true);

        stage.kubectl(&["delete", "--wait=false", "-f", "-"], &example.text()).await?;
        stage.until_gone("CloudAccount", &example.namespace("platform"), "azure").await?;
        assert_eq!(stage.cloud().world(), past);
        operator.stop().await
    })
}
