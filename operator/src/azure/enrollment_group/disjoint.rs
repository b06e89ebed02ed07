//! Whether the registration ids that a provisioning service's groups grant to different namespaces are different ones.
//!
//! An id that two namespaces may have would be that of whoever came first, and one could hold it before the other was there.

use moorage_crds::{EnrollmentGrant, EnrollmentGroup};
use moorage_plan::{Pattern, Reason, Standing};

use crate::{
    azure::{
        arm_resource::ownership::age,
        enrollment_group::{grants_in, service_of},
    },
    controller::context::Caches,
    ledger::entries::{GROUP, is_in_place, recorded},
    object::Keyed,
};

/// Most pairs of grants that are compared for one group: whoever has a service of its own may have any number of groups in it.
const MOST_PAIRS: usize = 20_000;

/// Judges a group's grants: those of one group among themselves, and beside those of the groups of its service that came first. A group that
/// is not in the service yet, as the ledger has it, came first only if it is older than one that is not, either.
///
/// # Errors
/// `AlreadyExists`, with the two grants that meet; `QuotaExceeded` if there are more than can be compared.
pub fn are_disjoint(caches: &Caches, group: &EnrollmentGroup) -> Result<(), Standing> {
    let own = &group.spec.grants;
    let among = own.iter().enumerate().find_map(|(at, one)| Some((one, own[at + 1..].iter().find(|other| meet(one, other))?)));
    if let Some((one, other)) = among {
        return Err(refusal(one, other, "spec.grants"));
    }
    let service = service_of(group);
    let rank = |group: &EnrollmentGroup| (!is_in_place(recorded(&caches.ledger.of(&group.key()), GROUP)), age(group));
    let groups = caches.objects.referrers(&grants_in(&service)).into_iter();
    let others = groups.filter_map(|key| caches.objects.of::<EnrollmentGroup>().get(&key.name));
    let mine = rank(group);
    let first: Vec<_> = others.filter(|other| other.key() != group.key() && rank(other) < mine).collect();
    if own.len() * first.iter().map(|other| other.spec.grants.len()).sum::<usize>() > MOST_PAIRS {
        let note = format!("the groups of ProvisioningService {} have too many grants to be compared; merge some of them", service.name);
        return Err(Standing::stalled(Reason::QuotaExceeded, note));
    }
    let met = first.iter().find_map(|other| {
        let (one, theirs) = own.iter().find_map(|one| Some((one, other.spec.grants.iter().find(|theirs| meet(one, theirs))?)))?;
        Some(refusal(one, theirs, &format!("EnrollmentGroup {}, which came first,", other.key().name)))
    });
    met.map_or(Ok(()), Err)
}

/// Whether two grants let different namespaces have one id. Two for the same namespaces, in the same order, are one right in two parts.
fn meet(one: &EnrollmentGrant, other: &EnrollmentGrant) -> bool {
    let overlap = Pattern::new(&one.registration_ids).overlaps_ignoring_case(&Pattern::new(&other.registration_ids));
    overlap && one.namespaces != other.namespaces
}

fn refusal(one: &EnrollmentGrant, other: &EnrollmentGrant, whose: &str) -> Standing {
    let said =
        |grant: &EnrollmentGrant| format!("registrationIds {:?} to namespaces [{}]", grant.registration_ids, grant.namespaces.join(", "));
    let note = format!(
        "spec.grants gives {}, and {whose} gives {}: an id could be that of either; give each namespace a prefix of its own",
        said(one),
        said(other)
    );
    Standing::stalled(Reason::AlreadyExists, note)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::{
        azure::grants,
        controller::{
            kind::Kind as _,
            linter::{caches, note, read},
        },
        ledger::entries::MADE,
    };

    fn group(name: &str, created: &str, grants: &Value) -> EnrollmentGroup {
        let metadata = json!({ "namespace": "platform", "name": name, "creationTimestamp": created });
        read(json!({ "metadata": metadata, "spec": {
            "provisioningServiceRef": { "name": "dps" }, "tenantHubGroupRef": { "name": "hubs" }, "attestation": { "symmetricKey": {} },
            "grants": grants,
        } }))
    }

    fn grant(namespace: &str, ids: &str) -> Value {
        json!({ "namespaces": [namespace], "registrationIds": ids })
    }

    const EARLY: &str = "2026-01-01T00:00:00Z";
    const LATE: &str = "2026-02-01T00:00:00Z";

    fn judge(caches: &Caches, groups: &[&EnrollmentGroup], judged: &EnrollmentGroup) -> Result<(), String> {
        for group in groups {
            caches.objects.put(&group.key(), group.references(), Arc::new((*group).clone()));
        }
        are_disjoint(caches, judged).map_err(|standing| standing.why().expect("it says why").note.clone())
    }

    #[test]
    fn two_namespaces_have_no_id_in_common_in_one_group() {
        for (one, other, is_fine) in [
            ("contoso-*", "fabrikam-*", true),
            ("contoso-*", "contoso-west-*", false),
            ("contoso-*", "CONTOSO-9", false),
            ("contoso", "contoso-9", true),
            ("*", "fabrikam-1", false),
        ] {
            let judged = group("press", EARLY, &json!([grant("contoso", one), grant("fabrikam", other)]));
            assert_eq!(judge(&caches(), &[&judged], &judged).is_ok(), is_fine, "{one} {other}");
            let same = group("press", EARLY, &json!([grant("contoso", one), grant("contoso", other)]));
            assert_eq!(judge(&caches(), &[&same], &same), Ok(()));
        }
    }

    #[test]
    fn of_two_groups_of_a_service_that_meet_the_one_that_came_first_grants() {
        let (older, younger) =
            (group("older", EARLY, &json!([grant("contoso", "c-*")])), group("younger", LATE, &json!([grant("fabrikam", "c-9")])));
        let seen = caches();
        assert_eq!(judge(&seen, &[&older, &younger], &older), Ok(()));
        let refusal = "spec.grants gives registrationIds \"c-9\" to namespaces [fabrikam], and EnrollmentGroup platform/older, which came \
                       first, gives registrationIds \"c-*\" to namespaces [contoso]: an id could be that of either; give each namespace a \
                       prefix of its own";
        assert_eq!(judge(&seen, &[], &younger), Err(refusal.to_owned()));
        // Who has it in the ledger keeps it, whatever came back first.
        note(&seen, &younger.key(), &[(GROUP, MADE.to_owned())]);
        assert_eq!(judge(&seen, &[], &younger), Ok(()));
        assert!(judge(&seen, &[], &older).is_err());
    }

    #[test]
    fn more_grants_than_can_be_compared_in_a_moment_stall_who_comes_last() {
        let many: Vec<_> = (0..64).map(|number| grant("contoso", &format!("c-{number}-*"))).collect();
        let seen = caches();
        let groups: Vec<_> = (0..8).map(|number| group(&format!("g{number}"), EARLY, &json!(many))).collect();
        let began = std::time::Instant::now();
        let judged = judge(&seen, &groups.iter().collect::<Vec<_>>(), &groups[7]);
        assert!(judged.expect_err("it is refused").contains("too many grants to be compared"));
        assert_eq!(judge(&seen, &[], &groups[4]), Ok(()));
        assert!(began.elapsed() < std::time::Duration::from_millis(500), "{:?}", began.elapsed());
    }

    #[test]
    fn groups_of_different_services_have_nothing_in_common() {
        let (older, mut younger) =
            (group("older", EARLY, &json!([grant("contoso", "c-*")])), group("younger", LATE, &json!([grant("fabrikam", "c-9")])));
        younger.spec.provisioning_service_ref.name = "other".to_owned();
        assert_eq!(judge(&caches(), &[&older, &younger], &younger), Ok(()));
    }

    proptest! {
        #[test]
        fn no_id_is_granted_to_two_namespaces_by_groups_that_are_admitted(
            granted in prop::collection::vec(("[xy]", "[ab]{0,2}[*]?"), 1..6),
            id in "[ab]{0,4}",
        ) {
            let granted: Vec<_> = granted.iter().filter(|(_, ids)| !ids.is_empty()).collect();
            let seen = caches();
            let (first, second) = granted.split_at(granted.len() / 2);
            let of = |part: &[&(String, String)]| Value::Array(part.iter().map(|(namespace, ids)| grant(namespace, ids)).collect());
            let groups = [group("first", EARLY, &of(first)), group("second", LATE, &of(second))];
            for group in &groups {
                seen.objects.put(&group.key(), group.references(), Arc::new(group.clone()));
            }
            let admitted = groups.iter().filter(|group| are_disjoint(&seen, group).is_ok());
            let lets_in = |group: &EnrollmentGroup, namespace: &str| grants::on_enrollment_group(group, namespace, "id", &id).is_ok();
            let admitted: Vec<_> = admitted.collect();
            let has = |namespace| admitted.iter().any(|group| lets_in(group, namespace));
            prop_assert!(!(has("x") && has("y")), "{id} is granted to both");
        }
    }
}
