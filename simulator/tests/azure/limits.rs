//! The limits of the resource manager.

use crate::bench::{self, Bench, hub_body, hub_path};
use jiff::SignedDuration;
use moorage_simulator::{Limits, Options, TokenBucket};
use serde_json::json;

fn with(limits: Limits) -> Options {
    Options { limits, ..bench::options() }
}

#[tokio::test]
async fn reads_beyond_the_burst_are_refused_until_the_domain_clock_brings_more() {
    let limits = Limits { resource_reads: TokenBucket { burst: 3, per_second: 1 }, ..Limits::default() };
    let bench = Bench::with(with(limits)).await;
    bench.group().await;
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(bench.arm("GET", "", None).await.status);
    }
    assert_eq!(statuses, [200, 200, 200, 429]);
    let refused = bench.arm("GET", "", None).await;
    assert_eq!((refused.status, refused.header("retry-after").as_str()), (429, "1"));
    assert_eq!(refused.body["error"]["code"], "SubscriptionRequestsThrottled");
    bench.simulator.advance(SignedDuration::from_secs(2)).await.unwrap();
    let again = bench.arm("GET", "", None).await;
    assert_eq!((again.status, again.header("x-ms-ratelimit-remaining-subscription-reads").as_str()), (200, "1"));
}

#[tokio::test]
async fn reads_writes_and_deletions_count_apart_and_a_post_is_a_write() {
    let none = TokenBucket { burst: 1, per_second: 0 };
    let limits = Limits { resource_writes: none, resource_deletions: none, ..Limits::default() };
    let bench = Bench::with(with(limits)).await;
    bench.group().await;
    let keys = format!("{}/listkeys", hub_path("hub-a"));
    assert_eq!(bench.arm("POST", &keys, None).await.status, 429);
    assert_eq!(bench.arm("PUT", &hub_path("hub-a"), Some(&hub_body())).await.status, 429);
    assert_eq!(bench.arm("DELETE", &hub_path("hub-a"), None).await.status, 404);
    assert_eq!(bench.arm("DELETE", &hub_path("hub-a"), None).await.status, 429);
    assert_eq!(bench.arm("GET", &hub_path("hub-a"), None).await.status, 404);
}

#[tokio::test]
async fn usages_tell_how_many_hubs_a_subscription_has_and_may_have() {
    let bench = Bench::with(with(Limits { paid_hubs: 2, ..Limits::default() })).await;
    bench.group().await;
    assert_eq!(bench.arm("PUT", &hub_path("hub-a"), Some(&hub_body())).await.status, 201);
    let got = bench.arm("GET", "~/providers/Microsoft.Devices/usages", None).await;
    let told: Vec<_> =
        got.body["value"].as_array().unwrap().iter().map(|one| json!([one["name"]["value"], one["currentValue"], one["limit"]])).collect();
    assert_eq!(told, [json!(["freeIotHubCount", 0, 1]), json!(["paidIotHubCount", 1, 2])]);
}
