use moorage_cloud::{Class, Detail, Device, IfMatch, KeyPair, Limit, Outcome, Registry};
use moorage_keys::{DeviceId, SymmetricKey};
use moorage_simulator::{Fault, Match, Occurrence, Rule};

use crate::setup::{Bench, access};

fn keys(seed: u8) -> KeyPair {
    KeyPair { primary: SymmetricKey::from([seed; 32]), secondary: SymmetricKey::from([seed + 1; 32]) }
}

#[tokio::test]
async fn a_device_identity_is_made_disabled_and_deleted() {
    let bench = Bench::new().await;
    let registry = bench.registry("contoso-east");
    let id = DeviceId::parse("line:1").expect("a device id");
    assert_eq!(registry.device(&id).await, Ok(None));
    registry.put_device(access(), &id, &Device::with_symmetric_keys(&id, &keys(1)), &IfMatch::Unset).await.expect("made");
    let read = registry.device(&id).await.expect("readable").expect("there");
    assert_eq!((read.id(), read.keys(), read.is_enabled()), (Some(id.clone()), Some(keys(1)), true));

    let condition = IfMatch::of(read.etag());
    registry.put_device(access(), &id, &read.clone().disabled("revoked"), &condition).await.expect("disabled");
    let disabled = registry.device(&id).await.expect("readable").expect("there");
    assert_eq!((disabled.keys(), disabled.is_enabled(), disabled.status_reason()), (Some(keys(1)), false, Some("revoked")));
    let stale = registry.put_device(access(), &id, &read, &condition).await.expect_err("it changed");
    assert_eq!((stale.class(), stale.detail()), (Class::Conflict, Detail::Stale));
    let again =
        registry.put_device(access(), &id, &Device::with_symmetric_keys(&id, &keys(3)), &IfMatch::Unset).await.expect_err("it is there");
    assert_eq!((again.class(), again.detail()), (Class::Conflict, Detail::Exists));

    assert_eq!(registry.delete_device(access(), &id, &IfMatch::Any).await, Ok(()));
    assert_eq!(registry.delete_device(access(), &id, &IfMatch::Any).await, Ok(()));
    bench.is_in_order();
}

#[tokio::test]
async fn a_key_that_was_rolled_is_denied() {
    let bench = Bench::new().await;
    let registry = bench.registry("contoso-east");
    bench.simulator.seed(|azure| azure.roll_hub_policy("contoso-east", "iothubowner"));
    bench.simulator.seed(|azure| azure.roll_hub_policy("contoso-east", "iothubowner"));
    let refused = registry.device(&DeviceId::parse("d1").expect("a device id")).await.expect_err("the key is old");
    assert_eq!(refused.class(), Class::Denied);
}

#[tokio::test]
async fn a_call_that_was_throttled_closes_the_budget_for_as_long_as_was_asked() {
    let bench = Bench::new().await;
    let registry = bench.registry("contoso-east");
    let matching = Match { host: Some(".azure-devices.net".to_owned()), ..Match::default() };
    let rule = Rule { matching, occurrence: Occurrence::First(1), fault: Fault::Throttle { retry_after: 3600 } };
    bench.simulator.faults().add(rule).expect("a rule");
    let id = DeviceId::parse("d1").expect("a device id");
    let throttled = registry.device(&id).await.expect_err("throttled");
    assert!(matches!(throttled.class(), Class::Throttled(Some(wait)) if wait.as_hours() == 1), "{throttled:?}");
    let kept_back = registry.device(&id).await.expect_err("not even sent");
    assert!(matches!(kept_back.class(), Class::Throttled(Some(wait)) if wait.as_mins() >= 59), "{kept_back:?}");
    assert_eq!(
        (kept_back.detail(), kept_back.status(), kept_back.message()),
        (
            Detail::Paused,
            None,
            "the cloud throttled calls and asked for a pause, so budget registry for contoso-east.azure-devices.net is closed; nothing \
             was sent"
        )
    );
    assert_eq!(bench.requests_to("contoso-east.azure-devices.net"), 1);
}

#[tokio::test]
async fn a_budget_that_is_used_up_keeps_calls_back_and_tells_the_metrics() {
    let bench = Bench::new().await;
    let registry = bench.registry("contoso-east");
    bench.azure.set_limit("contoso-east.azure-devices.net", Registry::QUOTA, Limit { burst: 1, per_minute: 1 });
    let id = DeviceId::parse("d1").expect("a device id");
    assert_eq!(registry.device(&id).await, Ok(None));
    let kept_back = registry.device(&id).await.expect_err("one a minute");
    assert!(matches!(kept_back.class(), Class::RateLimited(_)));
    assert_eq!(
        (kept_back.detail(), kept_back.message()),
        (
            Detail::OutOfBudget,
            "Moorage's own budget registry for contoso-east.azure-devices.net has no call left for now; nothing was sent"
        )
    );
    assert_eq!(bench.requests_to("contoso-east.azure-devices.net"), 1);
    let seen: Vec<_> = bench.calls.lock().expect("no panic").iter().map(|call| (call.host, call.operation, call.outcome)).collect();
    assert_eq!(seen, [("hub", "device.get", Outcome::Absent), ("hub", "device.get", Outcome::Failed(kept_back.class()))]);
    let left: Vec<_> = bench.azure.headroom().into_iter().map(|headroom| (headroom.scope, headroom.quota)).collect();
    assert_eq!(left, [("contoso-east.azure-devices.net".to_owned(), "registry")]);
}

#[tokio::test]
async fn one_payer_that_uses_up_a_budget_leaves_another_its_part() {
    let bench = Bench::new().await;
    let registry = bench.registry("contoso-east");
    bench.azure.set_limit("contoso-east.azure-devices.net", Registry::QUOTA, Limit { burst: 20, per_minute: 1 });
    let (noisy, quiet) = (registry.on_behalf_of("fabrikam"), registry.on_behalf_of("contoso"));
    let id = DeviceId::parse("d1").expect("a device id");
    assert_eq!(quiet.device(&id).await, Ok(None));
    let mut taken = 0;
    while noisy.device(&id).await.is_ok() {
        taken += 1;
    }
    assert_eq!(taken, 9, "half of the bucket, but for the one that the other took");
    for _ in 0..9 {
        assert_eq!(quiet.device(&id).await, Ok(None));
    }
}
