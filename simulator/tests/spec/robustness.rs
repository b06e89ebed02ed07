//! Nothing that anyone sends makes the check panic.

use http::HeaderMap;
use moorage_simulator::spec::SpecBook;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::call::{ARM, Call, DPS, GLOBAL, HUB, group, put_group};
use crate::coverage::calls;

fn any_json() -> impl Strategy<Value = Value> {
    let names = prop_oneof![
        "[a-zA-Z~/]{0,6}",
        prop::sample::select(vec!["properties", "sku", "attestation", "tags", "error", "iotHubs", "type", "desired", "authentication"])
            .prop_map(str::to_owned),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,40}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 64, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::hash_map(names.clone(), inner, 0..8).prop_map(|map| map.into_iter().collect()),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_body_and_no_address_panics_the_check(
        body in any_json(),
        nth in any::<prop::sample::Index>(),
        path in "[/a-z%0-9${}é]{0,60}",
        status in any::<u16>(),
    ) {
        let calls = calls();
        let (call, _) = &calls[nth.index(calls.len())];
        let call = Call { body: Some(body.clone()), headers: HeaderMap::new(), query: call.query.clone(), method: call.method.clone(), path: call.path.clone(), host: call.host };
        call.verdict();
        SpecBook::azure().check_answer(&call.operation(), status, Some(&body));
        for host in [ARM, DPS, GLOBAL, HUB, "", "é"] {
            Call::new("GET", host, path.clone(), "2023-06-30").verdict();
        }
    }

    #[test]
    fn an_object_with_a_name_of_no_property_never_passes(name in "zz[a-z]{1,10}") {
        let mut body = group();
        body[&name] = json!(1);
        prop_assert!(!put_group(body).verdict().passes());
    }
}
