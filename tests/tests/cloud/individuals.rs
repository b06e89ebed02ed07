use moorage_cloud::{Class, Detail, IfMatch, IndividualEnrollment, KeyPair};
use moorage_keys::{RegistrationId, SymmetricKey};
use serde_json::{Map, json};

use crate::setup::{Bench, access};

const ID: &str = "contoso-simdevice-east";

fn keys(seed: u8) -> KeyPair {
    KeyPair { primary: SymmetricKey::from([seed; 64]), secondary: SymmetricKey::from([seed + 1; 64]) }
}

fn barring() -> IndividualEnrollment {
    let tags = Map::from_iter([("owner".to_owned(), json!({ "name": "contoso" }))]);
    let id = RegistrationId::parse(ID).expect("an id");
    IndividualEnrollment::with_symmetric_keys(&id, &keys(1)).with_enabled(false).with_initial_tags(tags)
}

#[tokio::test]
async fn s0_8_a_disabled_individual_enrollment_is_made_and_read_without_its_keys() {
    let bench = Bench::new().await;
    let dps = bench.dps("contoso-dps", "contoso-east");
    assert_eq!(dps.enrollment(ID).await, Ok(None));
    dps.put_enrollment(access(), ID, &barring(), &IfMatch::Unset).await.expect("made");
    let read = dps.enrollment(ID).await.expect("readable").expect("there");
    assert_eq!((read.id().map(|id| id.to_string()).as_deref(), read.is_enabled(), read.hubs().len()), (Some(ID), false, 0));
    assert_eq!(read.initial_tags().map(|tags| tags["owner"]["name"].clone()), Some(json!("contoso")));
    assert!(!format!("{read:?}").contains("Key\":\""), "{read:?}");

    let without_keys = dps.put_enrollment(access(), ID, &read, &IfMatch::of(read.etag())).await.expect_err("it has no keys");
    assert_eq!((without_keys.class(), without_keys.detail()), (Class::Invalid, Detail::NotSent));
    let for_any_hub = read.with_keys(&keys(1)).with_enabled(true);
    let for_any_hub = dps.put_enrollment(access(), ID, &for_any_hub, &IfMatch::Any).await.expect_err("it has no hubs");
    assert_eq!((for_any_hub.class(), for_any_hub.detail()), (Class::Invalid, Detail::NotSent));
    bench.is_in_order();
}

#[tokio::test]
async fn an_individual_enrollment_is_changed_only_in_the_state_that_was_read() {
    let bench = Bench::new().await;
    let dps = bench.dps("contoso-dps", "contoso-east");
    dps.put_enrollment(access(), ID, &barring(), &IfMatch::Unset).await.expect("made");
    let again = dps.put_enrollment(access(), ID, &barring(), &IfMatch::Unset).await.expect_err("it is there");
    assert_eq!((again.class(), again.detail()), (Class::Conflict, Detail::Exists));

    let read = dps.enrollment(ID).await.expect("readable").expect("there");
    let condition = IfMatch::of(read.etag());
    dps.put_enrollment(access(), ID, &read.with_keys(&keys(3)), &condition).await.expect("changed");
    let stale = dps.delete_enrollment(access(), ID, &condition).await.expect_err("it changed");
    assert_eq!((stale.class(), stale.detail()), (Class::Conflict, Detail::Stale));
    assert_eq!(dps.delete_enrollment(access(), ID, &IfMatch::Any).await, Ok(()));
    assert_eq!(dps.delete_enrollment(access(), ID, &IfMatch::Any).await, Ok(()));
    assert_eq!(dps.enrollment(ID).await, Ok(None));
    bench.is_in_order();
}
