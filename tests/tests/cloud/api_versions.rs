//! The newest api-version for reads and writes alike, and the older one where a cloud does not speak it.

use jiff::SignedDuration;
use moorage_cloud::{Class, Detail, Hub, IfMatch, ProvisioningService};
use moorage_simulator::{Options, Variants};
use serde_json::json;

use crate::setup::{Bench, GROUP, access, resource};

async fn behind() -> Bench {
    let variants = Variants { older_cloud: true, ..Variants::default() };
    Bench::with(Options { variants, ..Options::default() }, |_| ()).await
}

/// The api-versions of the requests so far, of hubs, services and enrollments, with whether each was answered well.
fn spoken(bench: &Bench) -> Vec<(String, bool)> {
    let requests = bench.simulator.requests().into_iter();
    let ours = requests.filter(|request| request.path.contains("Microsoft.Devices") || request.path.starts_with("/enrollment"));
    let version = |query: &[(String, String)]| query.iter().find(|(name, _)| name == "api-version").map(|(_, value)| value.clone());
    ours.map(|request| (version(&request.query).unwrap_or_default(), request.status.is_some_and(|status| status < 300))).collect()
}

fn took(version: &str) -> (String, bool) {
    (version.to_owned(), true)
}

fn refused(version: &str) -> (String, bool) {
    (version.to_owned(), false)
}

#[tokio::test]
async fn an_older_version_is_spoken_where_the_newest_is_refused_and_remembered_for_some_hours() {
    let bench = behind().await;
    let dps = bench.dps("contoso", "contoso-east");
    let (arm, id, service) = (bench.arm(), resource("contoso-east"), resource("contoso"));
    arm.hub(&id).await.expect("readable").expect("there");
    arm.hub(&id).await.expect("readable").expect("there");
    assert_eq!(spoken(&bench), [refused("2026-11-01"), took("2023-06-30"), took("2023-06-30")]);
    arm.provisioning_service(&service).await.expect("readable").expect("there");
    arm.provisioning_service_keys(&service).await.expect("readable");
    assert_eq!(spoken(&bench)[3..], [refused("2026-11-01"), took("2022-12-12"), took("2022-12-12")]);
    assert_eq!(dps.groups().await.expect("readable").len(), 0);
    assert_eq!(dps.groups().await.expect("readable").len(), 0);
    assert_eq!(spoken(&bench)[6..], [refused("2026-11-01"), took("2021-10-01"), took("2021-10-01")]);

    bench.simulator.seed(|azure| azure.set_older_cloud(false));
    bench.simulator.advance(SignedDuration::from_hours(7)).await.expect("time goes by");
    bench.arm().hub(&id).await.expect("readable").expect("there");
    assert_eq!(spoken(&bench)[9..], [took("2026-11-01")]);
    bench.is_in_order();
}

#[tokio::test]
async fn a_name_that_is_absent_is_absent_in_the_older_version_too() {
    let bench = behind().await;
    let dps = bench.dps("contoso", "contoso-east");
    assert_eq!(bench.arm().hub(&resource("nobody")).await, Ok(None));
    assert_eq!(dps.group("api-version").await, Ok(None));
}

#[tokio::test]
async fn in_an_older_version_what_we_made_is_rewritten_and_what_was_there_before_is_not() {
    let bench = behind().await;
    bench.dps("contoso", "contoso-east");
    let (arm, id, service) = (bench.arm(), resource("contoso-east"), resource("contoso"));
    let hub = arm.hub(&id).await.expect("readable").expect("there").with_sku("S1", 2);
    let keys = arm.hub_keys(&id).await.expect("keys");
    let hub = hub.with_access_keys(&keys);
    let lost = arm.put_hub(access(), &id, &hub, &IfMatch::of(hub.etag())).await.expect_err("it may have more");
    assert_eq!((lost.class(), lost.detail(), lost.status()), (Class::Invalid, Detail::ApiVersionUnsupported, None));
    assert!(lost.message().contains("may not show all that it has"), "{lost}");
    let ours = hub.made_by_us(true);
    assert_eq!(ours.possible_loss(), None);
    arm.put_hub(access(), &id, &ours, &IfMatch::of(ours.etag())).await.expect("written");

    let keys = arm.provisioning_service_keys(&service).await.expect("keys");
    let there = arm.provisioning_service(&service).await.expect("readable").expect("there").with_access_keys(&keys).made_by_us(true);
    let lost = arm.put_provisioning_service(access(), &service, &there.clone().with_system_assigned_identity()).await;
    let lost = lost.expect_err("the older version knows no identities");
    assert!(lost.message().contains("it has identity, which api-version 2022-12-12"), "{lost}");
    arm.put_provisioning_service(access(), &service, &there.with_tag("a", "b")).await.expect("written");
    bench.is_in_order();
}

#[tokio::test]
async fn what_is_new_is_made_in_the_older_version() {
    let bench = behind().await;
    bench.simulator.seed(|azure| azure.add_resource_group(moorage_simulator::SUBSCRIPTION, GROUP, "eastus"));
    let (arm, id, service) = (bench.arm(), resource("contoso-east"), resource("contoso"));
    assert_eq!(arm.hub(&id).await, Ok(None));
    arm.put_hub(access(), &id, &Hub::new("eastus", "S1", 1), &IfMatch::Unset).await.expect("made");
    assert_eq!(arm.provisioning_service(&service).await, Ok(None));
    arm.put_provisioning_service(access(), &service, &ProvisioningService::new("eastus")).await.expect("made");
    bench.is_in_order();
}

#[tokio::test]
async fn what_was_read_in_the_newest_version_is_never_written_in_an_older_one() {
    let bench = Bench::new().await;
    bench.registry("contoso-east");
    bench.simulator.seed(|azure| azure.set_hub_property("contoso-east", "ipVersion", json!("ipv6")));
    let (arm, id) = (bench.arm(), resource("contoso-east"));
    let hub = arm.hub(&id).await.expect("readable").expect("there").with_access_keys(&arm.hub_keys(&id).await.expect("keys"));
    bench.simulator.seed(|azure| azure.set_older_cloud(true));
    arm.hub(&id).await.expect("readable").expect("there");
    let refused = arm.put_hub(access(), &id, &hub.with_sku("S1", 2), &IfMatch::Any).await.expect_err("it is not spoken any more");
    assert_eq!((refused.detail(), refused.status()), (Detail::ApiVersionUnsupported, Some(400)));
    assert_eq!(bench.simulator.seed(|azure| azure.hub_property("contoso-east", "ipVersion")), Some(json!("ipv6")));
}
