//! What becomes of a credential's Secret.

use super::*;
use crate::kinds::device_credential::outputs::entries;
use moorage_plan::Lifetime;

use crate::kinds::device_credential::{
    observe::Observed,
    plan::{Action, plan_keys},
};

const CREATE: &str = "CreateSecret: Create Secret contoso/press-7";
const WRITING: &str = "not yet, CreateSecret: The credential is being written";
const UPDATE: &str = "UpdateSecret: Write revision 2 to Secret contoso/press-7";
const REWRITING: &str = "not yet, UpdateSecret: The credential is being rewritten";

fn plan_at(when: Timestamp, renewal: Option<Renewal>, secrets: &Secrets) -> Plan<Action> {
    plan_keys(&object(), &look(&object(), &source(), renewal, secrets), when)
}

fn at() -> NamespacedName {
    NamespacedName::new("contoso", "press-7")
}

/// A Secret of a credential without a token, changed as `change` says.
fn changed(change: impl FnOnce(&mut Kept)) -> Secrets {
    let mut secrets = written(&object(), None, now());
    change(secrets.get_mut(&at()).expect("it was written"));
    secrets
}

fn usable(line: &str) -> String {
    format!("{line} | usable")
}

fn token_of(plan: &Plan<Action>) -> Option<Lifetime> {
    match &plan.actions[0] {
        Action::Write { content, .. } => content.lives.of(entries::DPS_TOKEN),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_credential_without_a_secret_gets_one() {
    let plan = plan_at(now(), None, &Secrets::new());
    assert_eq!(described(&plan), [CREATE, WRITING]);
    assert!(matches!(&plan.actions[..], [Action::Write { revision: 1, over: None, .. }]) && token_of(&plan).is_none(), "{plan:?}");
    assert_eq!(described(&plan_at(now(), None, &written(&object(), None, now()))), ["met | usable"]);
    let with_token = plan_at(now(), Some(DAY), &Secrets::new());
    assert_eq!(described(&with_token), [CREATE, WRITING]);
    assert_eq!(token_of(&with_token), Some(DAY.begin(now())));
}

type Change = fn(&mut ObjectMeta);

#[test]
fn a_secret_of_somebody_else_is_left_alone() {
    let refused = "stuck, SecretNotOurs: Secret contoso/press-7 belongs to somebody else and is left alone; delete it, or name another in \
                   spec.secret.name";
    let table: [(&str, Change); 5] = [
        ("no label", |meta| meta.labels = None),
        ("another's label", |meta| drop(meta.labels.as_mut().map(|labels| labels.insert(names::MANAGED_BY.to_owned(), "helm".to_owned())))),
        ("another credential", |meta| {
            drop(meta.annotations.as_mut().map(|annotations| annotations.insert(names::OWNER_NAME.to_owned(), "press-8".to_owned())));
        }),
        ("another controller", |meta| meta.owner_references.as_mut().expect("an owner")[0].name = "press-8".to_owned()),
        ("another kind of controller", |meta| meta.owner_references.as_mut().expect("an owner")[0].kind = "Deployment".to_owned()),
    ];
    for (what, change) in table {
        assert_eq!(described(&plan_at(now(), None, &changed(|kept| change(&mut kept.meta)))), [refused], "{what}");
    }
}

#[test]
fn a_secret_that_was_restored_gets_its_new_owner_and_keeps_its_revision() {
    let orphan = changed(|kept| kept.meta.owner_references = None);
    let restored = changed(|kept| kept.meta.owner_references.as_mut().expect("an owner")[0].uid = "a uid that is no more".to_owned());
    for secrets in [orphan, restored] {
        let plan = plan_at(now(), None, &secrets);
        assert_eq!(described(&plan), ["UpdateSecret: Write revision 1 to Secret contoso/press-7", &usable(REWRITING)]);
    }
}

#[test]
fn a_content_that_was_tampered_with_is_written_again_and_is_no_credential_until_then() {
    let secrets = changed(|kept| drop(kept.data.0.insert("deviceKey".to_owned(), "AAAA".to_owned().into())));
    // The annotations still describe what is written again.
    assert_eq!(described(&plan_at(now(), None, &secrets)), ["UpdateSecret: Write revision 1 to Secret contoso/press-7", REWRITING]);
    let fewer = changed(|kept| drop(kept.data.0.remove("idScope")));
    assert_eq!(described(&plan_at(now(), None, &fewer))[1], REWRITING);
    let more = changed(|kept| drop(kept.data.0.insert("note".to_owned(), "mine".to_owned().into())));
    assert_eq!(described(&plan_at(now(), None, &more))[1], REWRITING);
}

#[test]
fn annotations_that_were_tampered_with_are_written_again() {
    for (name, line) in [
        (names::DIGEST, UPDATE),
        (names::SLOT, "UpdateSecret: Write revision 1 to Secret contoso/press-7"),
        (names::REVISION, "UpdateSecret: Write revision 1 to Secret contoso/press-7"),
    ] {
        for word in [Some("-1"), None] {
            let secrets = changed(|kept| {
                let annotations = kept.meta.annotations.get_or_insert_default();
                match word {
                    Some(word) => drop(annotations.insert(name.to_owned(), word.to_owned())),
                    None => drop(annotations.remove(name)),
                }
            });
            assert_eq!(described(&plan_at(now(), None, &secrets))[0], line, "{name} {word:?}");
        }
    }
}

#[test]
fn a_content_of_former_keys_and_names_is_rewritten_and_good_until_then() {
    let secrets = written(&object(), None, now());
    let mut rolled = source();
    let group = KeyPair { primary: [3; 64].into(), secondary: [1; 64].into() };
    rolled.keys = Keys::derived(&group, &RegistrationId::parse("press-7").expect("an id"), Slot::Primary);
    for credential in [object(), renamed("primaryKey", "KEY")] {
        let plan = plan_keys(&credential, &look(&credential, &rolled, None, &secrets), now());
        assert_eq!(described(&plan), [UPDATE, &usable(REWRITING)]);
    }
    let harmed = changed(|kept| drop(kept.data.0.insert("idScope".to_owned(), "0ne00000002".to_owned().into())));
    assert_eq!(described(&plan_keys(&object(), &look(&object(), &rolled, None, &harmed), now())), [UPDATE, REWRITING]);
}

#[test]
fn entries_are_renamed_with_the_next_revision() {
    let renamed = renamed("deviceKey", "IOTHUB_DEVICE_KEY");
    let plan = plan_keys(&renamed, &look(&renamed, &source(), None, &written(&object(), None, now())), now());
    assert_eq!(described(&plan), [UPDATE, &usable(REWRITING)]);
    let Action::Write { content, .. } = &plan.actions[0] else { panic!("{plan:?}") };
    let entries: Vec<_> = content.data.keys().collect();
    assert_eq!(entries, ["IOTHUB_DEVICE_KEY", "idScope", "primaryKey", "provisioningHost", "registrationId", "secondaryKey"]);
}

#[test]
fn a_token_is_kept_until_it_is_due_and_renewed_then() {
    let secrets = written(&object(), Some(DAY), now());
    let due: Timestamp = DUE.parse().expect("a time");
    let just_before = due - SignedDuration::from_nanos(1);
    for when in [now(), just_before] {
        let plan = plan_at(when, Some(DAY), &secrets);
        assert_eq!((plan.actions.len(), plan.look_again, plan.usable), (0, Some(due), true), "{when}");
    }
    let plan = plan_at(due, Some(DAY), &secrets);
    assert_eq!(described(&plan), ["RenewToken: Write revision 2 to Secret contoso/press-7", &usable(REWRITING)]);
    assert_eq!(token_of(&plan), Some(DAY.begin(due)));
}

/// Half of a day after noon, less this credential's share of the tenth in which renewals are spread.
const DUE: &str = "2026-03-01T22:43:28.854469036Z";

#[test]
fn a_token_that_has_ended_is_no_credential_any_more() {
    let secrets = written(&object(), Some(DAY), now());
    let end = now() + SignedDuration::from_hours(24);
    let at_the_end = ["RenewToken: Write revision 2 to Secret contoso/press-7", REWRITING];
    assert_eq!(described(&plan_at(end - SignedDuration::from_secs(1), Some(DAY), &secrets)), [at_the_end[0], &usable(at_the_end[1])]);
    assert_eq!(described(&plan_at(end, Some(DAY), &secrets)), at_the_end);
}

#[test]
fn a_token_of_another_lifetime_than_asked_is_replaced_at_once() {
    let secrets = written(&object(), Some(DAY), now());
    let later = now() + SignedDuration::from_mins(1);
    let shorter = Renewal { ttl: SignedDuration::from_hours(1), ..DAY };
    let plan = plan_at(later, Some(shorter), &secrets);
    assert_eq!(described(&plan), ["RenewToken: Write revision 2 to Secret contoso/press-7", &usable(REWRITING)]);
    assert_eq!(token_of(&plan), Some(shorter.begin(later)));
    let without = plan_at(later, None, &secrets);
    assert_eq!((described(&without), token_of(&without)), (vec![UPDATE.to_owned(), usable(REWRITING)], None));
    let first = plan_at(later, Some(DAY), &written(&object(), None, now()));
    assert_eq!((described(&first), token_of(&first)), (vec![UPDATE.to_owned(), usable(REWRITING)], Some(DAY.begin(later))));
}

#[test]
fn a_token_is_kept_when_something_else_is_rewritten() {
    let renamed = renamed("idScope", "SCOPE");
    let secrets = written(&object(), Some(DAY), now());
    let plan = plan_keys(&renamed, &look(&renamed, &source(), Some(DAY), &secrets), now() + SignedDuration::from_hours(1));
    assert_eq!((described(&plan)[0].as_str(), token_of(&plan)), (UPDATE, Some(DAY.begin(now()))));
}

#[test]
fn a_secret_under_a_former_name_goes_after_the_new_one_is_there() {
    let secrets = written(&object(), None, now());
    let mut moved = object();
    moved.spec.secret.name = Some("press".to_owned());
    let plan = plan_keys(&moved, &look(&moved, &source(), None, &secrets), now());
    let delete = "DeleteSecret: Delete Secret contoso/press-7, which has another name now";
    assert_eq!(described(&plan), ["CreateSecret: Create Secret contoso/press", delete, WRITING]);
    let mut both = secrets;
    apply(&moved, &plan.actions[0], &mut both);
    let rest = plan_keys(&moved, &look(&moved, &source(), None, &both), now());
    assert_eq!(described(&rest), [delete, &usable(REWRITING)]);
    both.get_mut(&NamespacedName::new("contoso", "press")).expect("it was written").meta.labels = None;
    let refused = plan_keys(&moved, &look(&moved, &source(), None, &both), now());
    assert!(refused.actions.is_empty(), "the old one stays as long as there is no new one: {refused:?}");
}

#[test]
fn a_credential_that_goes_leaves_its_secret_to_its_owner_reference() {
    let wanted = || Observed::Keys(Box::new(look(&object(), &source(), None, &written(&object(), None, now()))));
    assert_eq!(described(&object().plan(&wanted(), Goal::Absent, now())), ["met | usable"]);
    assert_eq!(described(&object().plan(&Observed::Nothing, Goal::Absent, now())), ["met | usable"]);
    let secrets = written(&object(), None, now());
    let owner = &secrets[&at()].meta.owner_references.as_ref().expect("an owner")[0];
    assert_eq!((owner.controller, owner.uid.as_str()), (Some(true), crate::controller::linter::UID));
}
