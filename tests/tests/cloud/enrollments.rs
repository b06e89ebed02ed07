use moorage_cloud::{AllocationPolicy, Class, Detail, EnrollmentGroup, HubHost, IfMatch, KeyPair, Reprovisioning};
use moorage_keys::SymmetricKey;
use moorage_simulator::Options;
use serde_json::json;

use crate::setup::{Bench, access};

fn keys(seed: u8) -> KeyPair {
    KeyPair { primary: SymmetricKey::from([seed; 64]), secondary: SymmetricKey::from([seed + 1; 64]) }
}

fn group(hub: &HubHost) -> EnrollmentGroup {
    group_of("contoso", hub)
}

fn group_of(id: &str, hub: &HubHost) -> EnrollmentGroup {
    EnrollmentGroup::with_symmetric_keys(id, &keys(1))
        .with_hubs(AllocationPolicy::GeoLatency, std::slice::from_ref(hub))
        .with_reprovisioning(Reprovisioning::Migrate)
        .with_enabled(true)
}

#[tokio::test]
async fn s0_4_a_group_is_made_with_our_keys_and_read_without_them() {
    let bench = Bench::new().await;
    let dps = bench.dps("contoso-dps", "contoso-east");
    let hub = bench.azure.cloud().hub_named("contoso-east").expect("a hub's name");
    assert_eq!(dps.group("contoso").await, Ok(None));
    assert_eq!(dps.group_keys("contoso").await, Ok(None));
    dps.put_group(access(), "contoso", &group(&hub), &IfMatch::Unset).await.expect("made");

    let read = dps.group("contoso").await.expect("readable").expect("there");
    assert_eq!(read.keys(), None);
    assert_eq!(dps.group_keys("contoso").await, Ok(Some(keys(1))));
    assert_eq!(read.hubs(), ["contoso-east.azure-devices.net"]);
    assert_eq!((read.allocation(), read.is_enabled()), (Some(AllocationPolicy::GeoLatency), true));

    let without_keys = dps.put_group(access(), "contoso", &read, &IfMatch::of(read.etag())).await.expect_err("it has no keys");
    assert_eq!((without_keys.class(), without_keys.detail()), (Class::Invalid, Detail::NotSent));
    bench.is_in_order();
}

#[tokio::test]
async fn a_group_is_changed_only_in_the_state_that_was_read() {
    let bench = Bench::new().await;
    let dps = bench.dps("contoso-dps", "contoso-east");
    let hub = bench.azure.cloud().hub_named("contoso-east").expect("a hub's name");
    dps.put_group(access(), "contoso", &group(&hub), &IfMatch::Unset).await.expect("made");
    let again = dps.put_group(access(), "contoso", &group(&hub), &IfMatch::Unset).await.expect_err("it is there");
    assert_eq!((again.class(), again.detail()), (Class::Conflict, Detail::Exists));

    let read = dps.group("contoso").await.expect("readable").expect("there").with_keys(&keys(1));
    let condition = IfMatch::of(read.etag());
    dps.put_group(access(), "contoso", &read.clone().with_enabled(false), &condition).await.expect("changed");
    assert!(!dps.group("contoso").await.expect("readable").expect("there").is_enabled());
    assert_eq!(dps.group_keys("contoso").await, Ok(Some(keys(1))));
    let stale = dps.put_group(access(), "contoso", &read, &condition).await.expect_err("it changed");
    assert_eq!((stale.class(), stale.detail()), (Class::Conflict, Detail::Stale));

    let names: Vec<_> = dps.groups().await.expect("readable").iter().filter_map(|group| group.id().map(str::to_owned)).collect();
    assert_eq!(names, ["contoso"]);
    assert_eq!(dps.delete_group(access(), "contoso", &IfMatch::Any).await, Ok(()));
    assert_eq!(dps.delete_group(access(), "contoso", &IfMatch::Any).await, Ok(()));
    assert_eq!(dps.group("contoso").await, Ok(None));
    bench.is_in_order();
}

#[tokio::test]
async fn a_page_that_is_too_large_comes_in_halves_and_one_item_that_is_closes_nobody_s_line() {
    let bench = Bench::with(Options::default(), |transport| transport.reply_limit = 16 << 10).await;
    let dps = bench.dps("contoso-dps", "contoso-east");
    let hub = bench.azure.cloud().hub_named("contoso-east").expect("a hub's name");
    let with_tags = |id: &str, size: usize| {
        let tags = serde_json::from_value(json!({ "filler": "x".repeat(size) })).expect("an object");
        group_of(id, &hub).with_initial_tags(tags)
    };
    let put = async |id: &str, size: usize| {
        dps.put_group(access(), id, &with_tags(id, size), &IfMatch::Unset).await.expect("made");
    };
    for id in ["a", "b", "c", "d", "e", "f", "g"] {
        put(id, 4000).await;
    }
    let names: Vec<_> = dps.groups().await.expect("readable").iter().filter_map(|group| group.id().map(str::to_owned)).collect();
    assert_eq!(names, ["a", "b", "c", "d", "e", "f", "g"]);

    let narrow = Bench::with(Options::default(), |transport| transport.reply_limit = 3 << 10).await;
    let dps = narrow.dps("contoso-dps", "contoso-east");
    dps.put_group(access(), "a", &with_tags("a", 4000), &IfMatch::Unset).await.expect_err("the answer is too large");
    for _ in 0..20 {
        let error = dps.groups().await.expect_err("it is too large");
        assert_eq!(error.detail(), Detail::ReplyTooLarge, "{error}");
    }
    assert_eq!(dps.group("b").await, Ok(None), "the line is open");
}

#[tokio::test]
async fn a_group_without_devices_has_an_empty_page_of_registrations() {
    let bench = Bench::new().await;
    let dps = bench.dps("contoso-dps", "contoso-east");
    let hub = bench.azure.cloud().hub_named("contoso-east").expect("a hub's name");
    dps.put_group(access(), "contoso", &group(&hub), &IfMatch::Unset).await.expect("made");
    let page = dps.registrations_of("contoso", None).await.expect("readable");
    assert_eq!((page.items.len(), page.next), (0, None));
    assert_eq!(dps.registration("contoso-simdevice").await, Ok(None));
    assert_eq!(dps.delete_registration(access(), "contoso-simdevice", &IfMatch::Unset).await, Ok(()));
    bench.is_in_order();
}
