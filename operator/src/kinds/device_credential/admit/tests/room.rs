//! How many devices a grant has room for, and that all that is admitted is inside of one.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

#[test]
fn a_grant_with_no_room_is_refused_to_all_but_the_oldest() {
    let older = credential_of("contoso-1", EARLY, &json!({ "enrollmentGroupRef": { "name": "press", "namespace": "platform" } }));
    let refusal = Cluster::platform().with(&group()).with(&older).refusal(&credential(&json!({})));
    let full = "QuotaExceeded: EnrollmentGroup platform/press grants 1 device to this namespace and has as many; ask its owner for more";
    assert_eq!(refusal, full);
    let seen = Cluster::platform().with(&group()).with(&credential(&json!({})));
    assert!(matches!(seen.admitted(&older, Goal::Present), Admitted::Registration(..)));
}

/// A group that grants so many devices.
fn group_for(most: i32) -> EnrollmentGroup {
    group_with(&keys(), &json!([{ "namespaces": ["contoso"], "registrationIds": "contoso-*", "maxDevices": most }]))
}

#[test]
fn as_many_as_were_granted_have_room_and_not_one_more() {
    let of_group = json!({ "enrollmentGroupRef": { "name": "press", "namespace": "platform" } });
    let others = |count: usize| (1..=count).map(|number| credential_of(&format!("contoso-{number}"), EARLY, &of_group)).collect::<Vec<_>>();
    for (most, older, has_room) in [(2, 1, true), (2, 2, false), (3, 2, true), (3, 3, false), (1, 0, true)] {
        let seen = others(older).iter().fold(Cluster::platform().with(&group_for(most)), Cluster::with);
        let seen = seen.with(&credential(&json!({})));
        assert_eq!(seen.judge(&credential(&json!({})), Goal::Present).is_ok(), has_room, "{older} of {most}");
    }
}

#[test]
fn whoever_was_not_granted_takes_nobody_s_room() {
    let stranger = json!({ "registrationId": "fabrikam-1", "enrollmentGroupRef": { "name": "press", "namespace": "platform" } });
    let seen = Cluster::platform().with(&group_for(1)).with(&credential_of("stranger", EARLY, &stranger));
    assert!(matches!(seen.admitted(&credential(&json!({})), Goal::Present), Admitted::Registration(..)));
}

#[test]
fn a_device_that_stays_disenrolled_takes_room() {
    let barred = |most: i32, id: &str| {
        let seen = Cluster::platform().with(&group_for(most)).with_entry("gone", &format!("disenrolled.{id}"), "platform/dps");
        seen.with(&credential(&json!({}))).judge(&credential(&json!({})), Goal::Present)
    };
    let full = "QuotaExceeded: EnrollmentGroup platform/press grants 1 device to this namespace and has as many, \
                with those that were left in the service; ask its owner for more";
    assert_eq!(barred(1, "contoso-C1").expect_err("it is full"), full);
    assert!(barred(2, "contoso-C1").is_ok());
    assert!(barred(1, "fabrikam-1").is_ok(), "it is not of this grant");
}

#[test]
fn a_device_that_was_left_takes_room_until_its_credential_is_back_and_keeps_it_then() {
    let of_group = json!({ "enrollmentGroupRef": { "name": "press", "namespace": "platform" }, "individualEnrollment": {} });
    let older = credential_of("contoso-1", EARLY, &of_group);
    let back = credential(&of_group);
    let id = back.spec.registration_id.clone().unwrap_or_else(|| back.key().name.name.to_string());
    for entry in ["left.enrollment", "enrolled", "disenrolled"] {
        let seen = Cluster::platform().with(&group_for(1)).with_entry("gone", &format!("{entry}.{id}"), "platform/dps").with(&older);
        let refusal = seen.judge(&older, Goal::Present).expect_err("it is full");
        assert!(refusal.starts_with("QuotaExceeded"), "{entry}: {refusal}");
        let seen = seen.with(&back);
        let refusal = seen.judge(&older, Goal::Present).expect_err("it is full");
        assert!(refusal.starts_with("QuotaExceeded"), "{entry}: {refusal}");
        assert!(seen.judge(&back, Goal::Present).is_ok(), "{entry}");
    }
}

fn patterns() -> impl Strategy<Value = String> {
    "(contoso|fabrikam)?(-[ab]?)?[*]?".prop_filter("a pattern has a character", |text| !text.is_empty())
}

prop_compose! {
    fn any_grants()(grants in prop::collection::vec((patterns(), patterns(), 1..72_i64, 1..3_i32), 0..4)) -> Vec<Value> {
        let grant = |(namespace, ids, hours, most)| json!({
            "namespaces": [namespace], "registrationIds": ids, "maxTokenTtl": format!("{hours}h"), "maxDevices": most,
        });
        grants.into_iter().map(grant).collect()
    }
}

/// What a pattern means, in other words than the product's.
fn is_meant(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<_>, Vec<_>) = (pattern.chars().collect(), name.chars().collect());
    match pattern.split_last() {
        Some(('*', head)) => name.iter().take(head.len()).eq(head),
        _ => name == pattern,
    }
}

/// Whether no id is granted to two namespaces: two patterns that share a name share that of one of them.
fn are_apart(grants: &[Value]) -> bool {
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let said = |grant: &Value| (text(&grant["namespaces"][0]), text(&grant["registrationIds"]));
    grants.iter().map(said).all(|(namespace, ids)| {
        grants.iter().map(said).all(|(other, others)| {
            let mut shared = [&ids, &others].into_iter().map(|pattern| pattern.trim_end_matches('*'));
            namespace == other || !shared.any(|name| is_meant(&ids, name) && is_meant(&others, name))
        })
    })
}

proptest! {
    #[test]
    fn what_is_admitted_is_inside_its_owners_grant(
        grants in any_grants(),
        id in "(contoso|fabrikam)-[ab]",
        hours in 1..72_i64,
        older in prop::collection::btree_set("[a-e]", 0..4),
    ) {
        let mut seen = Cluster::platform().with(&group_with(&keys(), &Value::Array(grants.clone())));
        for name in &older {
            let spec = json!({ "registrationId": format!("contoso-{name}x"), "enrollmentGroupRef": { "name": "press", "namespace": "platform" } });
            seen = seen.with(&credential_of(&format!("x-{name}"), EARLY, &spec));
        }
        let token = json!({ "ttl": format!("{hours}h"), "renewAtPercent": 50 });
        let credential = credential(&json!({ "registrationId": id, "dpsToken": token }));
        let seen = seen.with(&credential);
        let mine = grants.iter().find(|grant| {
            let text = |value: &Value| value.as_str().expect("a text").to_owned();
            let (namespace, ids) = (text(&grant["namespaces"][0]), text(&grant["registrationIds"]));
            is_meant(&namespace, "contoso") && is_meant(&ids, &id)
        });
        let is_inside = mine.is_some_and(|grant| {
            let longest = parse_duration(grant["maxTokenTtl"].as_str().expect("a text")).expect("a duration");
            let most = usize::try_from(grant["maxDevices"].as_i64().expect("a number")).expect("it is small");
            let counts = |name: &&String| is_meant(grant["registrationIds"].as_str().expect("a text"), &format!("contoso-{name}x"));
            SignedDuration::from_hours(hours) <= longest && older.iter().filter(counts).count() < most
        });
        let judged = seen.judge(&credential, Goal::Present);
        prop_assert_eq!(judged.is_ok(), is_inside && are_apart(&grants), "{:?}", judged);
    }
}
