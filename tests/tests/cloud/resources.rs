use moorage_cloud::{Availability, Class, Detail, Hub, IfMatch, Link, LinkMeans, PolicyRights, ProvisioningService, ResourceGroup};
use moorage_keys::ConnectionString;
use moorage_simulator::{Options, PoliciesOnGet, SUBSCRIPTION, Variants};
use serde_json::json;

use crate::setup::{Bench, GROUP, access, resource};

#[tokio::test]
async fn the_probe_signs_in_and_sees_the_subscription() {
    let bench = Bench::new().await;
    assert_eq!(bench.arm().probe().await, Ok(()));
    let other = bench.azure.arm(&bench.identity(), "99999999-9999-4999-8999-999999999999");
    let refused = other.probe().await.expect_err("it is not ours");
    assert_eq!(refused.class(), Class::Denied);
    bench.is_in_order();
}

#[tokio::test]
async fn s0_1_a_resource_group_is_made_tagged_seen_to_be_empty_and_deleted() {
    let bench = Bench::new().await;
    let arm = bench.arm();
    assert_eq!(arm.resource_group(GROUP).await, Ok(None));
    assert_eq!(arm.resource_group_is_empty(GROUP).await, Ok(true));
    let made = arm.put_resource_group(access(), GROUP, &ResourceGroup::new("eastus").with_tag("owner", "us")).await.expect("made");
    assert_eq!((made.name(), made.location(), made.tag("owner")), (Some(GROUP), Some("eastus"), Some("us")));
    assert_eq!(arm.resource_group_is_empty(GROUP).await, Ok(true));
    bench.registry("contoso-east");
    assert_eq!(arm.resource_group_is_empty(GROUP).await, Ok(false));
    bench.simulator.seed(|azure| azure.delete_hub("contoso-east"));
    assert_eq!(arm.delete_resource_group(access(), GROUP).await, Ok(()));
    bench.until(|| arm.resource_group(GROUP), Option::is_none).await;
    assert_eq!(arm.delete_resource_group(access(), GROUP).await, Ok(()));
    bench.is_in_order();
}

#[tokio::test]
async fn s0_1_a_hub_is_made_resized_with_its_etag_and_deleted() {
    let bench = Bench::new().await;
    let (arm, id) = (bench.arm(), resource("contoso-east"));
    assert_eq!(arm.hub(&id).await, Ok(None));
    arm.put_resource_group(access(), GROUP, &ResourceGroup::new("eastus")).await.expect("a group");
    arm.put_hub(access(), &id, &Hub::new("eastus", "S1", 1).with_tag("owner", "us"), &IfMatch::Unset).await.expect("made");

    let hub = bench.until(|| arm.hub(&id), active).await.expect("there");
    assert_eq!(hub.host_name(), Some("contoso-east.azure-devices.net"));
    assert_eq!((hub.sku(), hub.units(), hub.tag("owner"), hub.is_public()), (Some("S1"), Some(1), Some("us"), true));

    let read = IfMatch::of(hub.etag());
    let resizing = arm.put_hub(access(), &id, &hub.clone().with_sku("S2", 2), &read).await.expect("resized");
    let busy =
        arm.put_hub(access(), &id, &hub.clone().with_sku("S1", 1), &IfMatch::of(resizing.etag())).await.expect_err("it is being resized");
    assert_eq!((busy.class(), busy.detail()), (Class::Conflict, Detail::Busy));
    let resized = bench.until(|| arm.hub(&id), active).await.expect("there");
    assert_eq!((resized.sku(), resized.units(), resized.tag("owner")), (Some("S2"), Some(2), Some("us")));
    let stale = arm.put_hub(access(), &id, &hub, &read).await.expect_err("another state was read");
    assert_eq!((stale.class(), stale.detail(), stale.status()), (Class::Conflict, Detail::Stale, Some(412)));

    assert_eq!(arm.delete_hub(access(), &id).await, Ok(()));
    bench.until(|| arm.hub(&id), Option::is_none).await;
    assert_eq!(arm.delete_hub(access(), &id).await, Ok(()));
    bench.is_in_order();
}

#[tokio::test]
async fn a_hub_in_a_group_that_is_not_there_is_a_conflict_and_no_absence() {
    let bench = Bench::new().await;
    let refused = bench.arm().put_hub(access(), &resource("contoso-east"), &Hub::new("eastus", "S1", 1), &IfMatch::Unset).await;
    let refused = refused.expect_err("there is no group");
    assert_eq!((refused.class(), refused.detail(), refused.code()), (Class::Conflict, Detail::NotFound, Some("ResourceGroupNotFound")));
    assert_eq!(refused.step(), "write IoT hub");
    bench.is_in_order();
}

#[tokio::test]
async fn a_policy_is_added_to_a_hub_and_the_keys_of_the_others_stay() {
    let bench = Bench::new().await;
    bench.registry("contoso-east");
    let (arm, id) = (bench.arm(), resource("contoso-east"));
    let before = arm.hub_keys(&id).await.expect("keys");
    assert_eq!(arm.hub_key(&id, "moorage-link").await, Ok(None));
    let hub = arm.hub(&id).await.expect("readable").expect("there");
    let edited = hub.clone().with_access_keys(&before).with_policy("moorage-link", PolicyRights::LINK);
    arm.put_hub(access(), &id, &edited, &IfMatch::of(hub.etag())).await.expect("written");
    bench.until(|| arm.hub(&id), active).await;

    let after = arm.hub_keys(&id).await.expect("keys");
    assert_eq!(after.get(..before.len()), Some(before.as_slice()));
    let link = arm.hub_key(&id, "moorage-link").await.expect("readable").expect("there");
    assert_eq!(link.rights, "RegistryWrite, ServiceConnect");
    assert_eq!(after.last(), Some(&link));
    bench.is_in_order();
}

#[tokio::test]
async fn policies_that_are_read_without_their_keys_are_not_written_so() {
    let variants = Variants { policies_on_get: PoliciesOnGet::WithoutKeys, ..Variants::default() };
    let bench = Bench::with(Options { variants, ..Options::default() }, |_| ()).await;
    bench.dps("contoso", "contoso-east");
    let (arm, id, service_id) = (bench.arm(), resource("contoso-east"), resource("contoso"));
    let keys = arm.hub_keys(&id).await.expect("keys");
    let hub = arm.hub(&id).await.expect("readable").expect("there").with_sku("S1", 2);
    let refused = arm.put_hub(access(), &id, &hub, &IfMatch::of(hub.etag())).await.expect_err("it would make new keys");
    assert_eq!((refused.class(), refused.detail()), (Class::Invalid, Detail::NotSent));
    arm.put_hub(access(), &id, &hub.clone().with_access_keys(&keys), &IfMatch::of(hub.etag())).await.expect("written");
    bench.until(|| arm.hub(&id), active).await;
    assert_eq!(arm.hub_keys(&id).await, Ok(keys));

    let service = arm.provisioning_service(&service_id).await.expect("readable").expect("there").with_tag("a", "b");
    let refused = arm.put_provisioning_service(access(), &service_id, &service).await.expect_err("it would make new keys");
    assert_eq!((refused.class(), refused.detail()), (Class::Invalid, Detail::NotSent));
    let keys = arm.provisioning_service_keys(&service_id).await.expect("keys");
    arm.put_provisioning_service(access(), &service_id, &service.with_access_keys(&keys)).await.expect("written");
    bench.until(|| arm.provisioning_service(&service_id), service_active).await;
    assert_eq!(arm.provisioning_service_keys(&service_id).await, Ok(keys));
    bench.is_in_order();
}

#[tokio::test]
async fn names_and_quota_of_hubs_are_told() {
    let bench = Bench::new().await;
    bench.registry("contoso-east");
    let arm = bench.arm();
    assert_eq!(arm.hub_name("contoso-east").await, Ok(Availability::Taken));
    assert_eq!(arm.hub_name("contoso-west").await, Ok(Availability::Available));
    assert!(matches!(arm.hub_name("-").await, Ok(Availability::Invalid(_))));
    assert_eq!(arm.provisioning_service_name("contoso").await, Ok(Availability::Available));
    let quota = arm.hub_quota(&resource("contoso-east")).await.expect("readable");
    let devices = quota.iter().find(|metric| metric.name == "TotalDeviceCount").expect("the count of devices");
    assert_eq!(devices.current_value, 0);
    bench.is_in_order();
}

#[tokio::test]
async fn s0_2_a_provisioning_service_is_made_and_has_an_id_scope_and_hosts() {
    let bench = Bench::new().await;
    let (arm, id) = (bench.arm(), resource("contoso"));
    assert_eq!(arm.provisioning_service(&id).await, Ok(None));
    arm.put_resource_group(access(), GROUP, &ResourceGroup::new("eastus")).await.expect("a group");
    arm.put_provisioning_service(access(), &id, &ProvisioningService::new("eastus")).await.expect("made");
    let service = bench.until(|| arm.provisioning_service(&id), service_active).await.expect("there");
    assert_eq!(service.id_scope().map(|scope| scope.to_string()), bench.simulator.seed(|azure| azure.id_scope("contoso")));
    assert_eq!(service.service_host(), Some("contoso.azure-devices-provisioning.net"));
    assert_eq!(service.device_host(), Some("global.azure-devices-provisioning.net"));
    let owner = arm.provisioning_service_key(&id, "provisioningserviceowner").await.expect("readable").expect("there");
    assert_eq!(arm.provisioning_service_keys(&id).await, Ok(vec![owner]));
    assert_eq!(arm.delete_provisioning_service(access(), &id).await, Ok(()));
    bench.until(|| arm.provisioning_service(&id), Option::is_none).await;
    bench.is_in_order();
}

#[tokio::test]
async fn s0_3_a_hub_is_linked_and_unlinked_beside_somebody_elses() {
    let bench = Bench::new().await;
    bench.dps("contoso", "foreign-hub");
    bench.registry("contoso-east");
    let (arm, id) = (bench.arm(), resource("contoso"));
    let foreign = json!({
        "connectionString": format!("HostName=far.azure-devices.net;SharedAccessKeyName=p;SharedAccessKey={}", "A".repeat(43) + "="),
        "location": "westus",
        "allocationWeight": 9,
    });
    bench.simulator.seed(|azure| azure.add_foreign_link("contoso", &foreign));
    let before = bench.simulator.snapshot();

    let owner = arm.hub_key(&resource("contoso-east"), "iothubowner").await.expect("readable").expect("there");
    let host = bench.azure.cloud().hub_named("contoso-east").expect("a hub's name");
    let connection = ConnectionString::service(host.host().clone(), &owner.name, owner.keys.primary).expect("a policy");
    let link = Link {
        host: host.host().clone(),
        means: LinkMeans::Key(connection),
        location: "eastus".to_owned(),
        weight: Some(3),
        apply_allocation_policy: true,
    };
    let service = arm.provisioning_service(&id).await.expect("readable").expect("there");
    assert!(service.keeps_every_link());
    arm.put_provisioning_service(access(), &id, &service.with_link(&link)).await.expect("linked");
    let linked = bench.until(|| arm.provisioning_service(&id), service_active).await.expect("there");
    let hosts: Vec<_> = linked.links().into_iter().filter_map(|link| link.host).map(|host| host.to_string()).collect();
    assert_eq!(hosts, ["foreign-hub.azure-devices.net", "far.azure-devices.net", "contoso-east.azure-devices.net"]);

    arm.put_provisioning_service(access(), &id, &linked.without_link(host.host())).await.expect("unlinked");
    bench.until(|| arm.provisioning_service(&id), service_active).await;
    assert_eq!(bench.simulator.snapshot(), before);
    bench.is_in_order();
}

#[tokio::test]
async fn a_hostile_name_of_a_resource_reaches_no_other_path() {
    let bench = Bench::new().await;
    let arm = bench.arm();
    let hostile = moorage_cloud::ResourceId { group: "..".to_owned(), name: "x".to_owned() };
    let refused = arm.delete_hub(access(), &hostile).await.expect_err("it is no name");
    assert_eq!((refused.class(), refused.detail()), (Class::Invalid, Detail::NotSent));
    assert_eq!(bench.requests_to("management.azure.com"), 0);
    assert_eq!(arm.subscription(), SUBSCRIPTION);
}

#[expect(clippy::ref_option, reason = "the shape that a look has")]
fn active(hub: &Option<Hub>) -> bool {
    hub.as_ref().is_some_and(|hub| hub.state() == Some("Active") && hub.provisioning_state() == Some("Succeeded"))
}

#[expect(clippy::ref_option, reason = "the shape that a look has")]
fn service_active(service: &Option<ProvisioningService>) -> bool {
    service.as_ref().is_some_and(|service| service.state() == Some("Active"))
}
