//! What the cloud has no room for is refused before it is asked, and how much room there is can be read.

use jiff::SignedDuration;
use moorage_simulator::{Limits, NewService, Options};
use moorage_tests::controlplane::{block_on, shared};
use moorage_tests::example::Example;
use moorage_tests::harness::{Harness, SOON, SUBSCRIPTION, cloud_options, fabrikam_s_past};
use moorage_tests::wait::{NotYet, until};
use serde_json::json;

use moorage_tests::tenants::{EAST, Tenants};

#[test]
fn hubs_that_do_not_fit_into_the_subscription_are_refused_before_azure_has_to() -> anyhow::Result<()> {
    block_on(async {
        // Fabrikam has one already.
        let limits = Limits { paid_hubs: 1, ..Limits::default() };
        let tenants = Tenants::begun("roomhubs", Options { limits, ..cloud_options() }, |_| {}).await?;
        let refused = tenants.until("TenantHubGroup", "contoso", "contoso-us", "Stalled", "QuotaExceeded").await?;
        let message = refused["status"]["conditions"][2]["message"].as_str().unwrap_or_default();
        assert_eq!(
            message,
            "IoT hub contoso-east-hub does not fit: the subscription has 1 of 1 paid IoT hubs; delete one, ask Microsoft for more, or use \
             another account"
        );
        let asked = tenants.harness.cloud().requests();
        assert!(!asked.iter().any(|request| request.method == "PUT" && request.path.contains("IotHubs/contoso")), "Azure was asked");
        tenants.end().await
    })
}

#[test]
fn the_group_after_the_hundredth_is_refused_before_azure_has_to_and_made_when_there_is_room() -> anyhow::Result<()> {
    block_on(async {
        let mut example = Example::read("s0-tenants.yaml", "roomgroups")?;
        let service = example.object_mut("ProvisioningService", "contoso-dps").expect("it is in the example");
        service["spec"]["adoption"] = json!("IfUnmanaged");
        let harness = Harness::set(shared().await?, "roomgroups", &example.namespaces(), cloud_options()).await?;
        harness.cloud().seed(|azure| {
            fabrikam_s_past(azure);
            azure.add_service(NewService { subscription: SUBSCRIPTION, group: "platform-iot", name: "contoso-dps", location: "eastus" });
            for number in 0..100 {
                azure.add_group("contoso-dps", &format!("theirs-{number}"), &["elsewhere.azure-devices.net"]);
            }
        });
        let operator = harness.operator().await?;
        harness.apply(&example).await?;
        let platform = example.namespace("platform");
        let refused = harness.until_condition("EnrollmentGroup", &platform, "contoso-us-devices", "Stalled", "QuotaExceeded").await?;
        let message = refused["status"]["conditions"][2]["message"].as_str().unwrap_or_default();
        assert!(message.contains("100 of 100 enrollment groups"), "{message}");
        let asked = harness.cloud().requests();
        assert!(!asked.iter().any(|request| request.method == "PUT" && request.path.contains("enrollmentGroups")), "Azure was asked");
        until("the service tells that it is full", SOON, || async {
            let service =
                harness.get("ProvisioningService", &platform, "contoso-dps").await.map_err(|error| NotYet::seen(error.to_string()))?;
            let told = &service["status"]["enrollmentGroups"];
            if *told == json!({ "used": 100, "limit": 100 }) { Ok(()) } else { Err(NotYet::seen(&service["status"])) }
        })
        .await?;

        harness.cloud().seed(|azure| {
            azure.delete_group("contoso-dps", "theirs-0");
            azure.delete_group("contoso-dps", "theirs-1");
        });
        harness.cloud().advance(SignedDuration::from_mins(35)).await?;
        harness.until_all_ready().await?;
        operator.stop().await
    })
}

#[test]
fn a_hub_tells_how_many_devices_it_has_and_a_service_how_many_groups() -> anyhow::Result<()> {
    block_on(async {
        let tenants = Tenants::ready("roomtold").await?;
        tenants.device("contoso", "contoso-simdevice-east", EAST).await?.register(Some("IOTHUB_DEVICE_KEY"), |_| {}).await?;
        tenants.harness.cloud().advance(SignedDuration::from_mins(35)).await?;
        until("what there is is told", SOON, || async {
            let seen = |error: anyhow::Error| NotYet::seen(format!("{error:#}"));
            let hubs = tenants.object("TenantHubGroup", "contoso", "contoso-us").await.map_err(seen)?;
            let service = tenants.object("ProvisioningService", "platform", "contoso-dps").await.map_err(seen)?;
            let told = json!([
                hubs["status"]["hubs"][0]["devices"]["used"],
                hubs["status"]["hubs"][1]["devices"]["used"],
                service["status"]["linkedHubs"],
                service["status"]["enrollmentGroups"],
            ]);
            let wanted = json!([1, 0, { "used": 4, "limit": 50 }, { "used": 2, "limit": 100 }]);
            if told == wanted { Ok(()) } else { Err(NotYet::seen(told)) }
        })
        .await?;
        tenants.end().await
    })
}

/// Waits until the account of the keyless example tells of so many hubs, while the clock stands still.
async fn until_told(tenants: &Tenants, hubs: i32) -> anyhow::Result<()> {
    until("the account tells of the hubs", SOON, || async {
        let account = tenants.object("CloudAccount", "looms", "azure").await.map_err(|error| NotYet::seen(format!("{error:#}")))?;
        let told = &account["status"]["hubs"];
        if *told == json!({ "used": hubs, "limit": 50 }) { Ok(()) } else { Err(NotYet::seen(&account["status"])) }
    })
    .await
}

#[test]
fn an_account_tells_how_many_hubs_its_subscription_has_as_soon_as_there_is_one_more_or_less() -> anyhow::Result<()> {
    block_on(async {
        let tenants = Tenants::of("roomaccount", Example::read("s0-keyless.yaml", "roomaccount")?, cloud_options()).await?;
        tenants.harness.until_all_ready().await?;
        // Fabrikam's, which was there before, and two of this example.
        until_told(&tenants, 3).await?;
        let less = json!([{ "op": "remove", "path": "/spec/hubs/0" }]).to_string();
        let namespace = tenants.example.namespace("looms");
        tenants.harness.kubectl(&["patch", "tenanthubgroup", "looms", "-n", &namespace, "--type=json", "-p", &less], "").await?;
        until_told(&tenants, 2).await?;
        tenants.end().await
    })
}
