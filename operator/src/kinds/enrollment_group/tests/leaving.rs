//! A group that should go.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use moorage_cloud::IfMatch;

use super::*;
use crate::controller::linter::{annotate, confirm};

const DELETE: [&str; 2] =
    ["DeleteEnrollmentGroup: Delete enrollment group press", "not yet, DeleteEnrollmentGroup: Enrollment group press is being deleted"];
const FORGET: &str = "DeleteSecret: Delete the Secret with the group's keys";
const STRIKE: &str = "DropClaim: Strike the group from the ledger";
const LAST: &str = "not yet, DropClaim: The last traces of EnrollmentGroup/platform/press are being removed";

#[test]
fn a_group_that_is_kept_asks_the_cloud_nothing_and_waits_for_those_who_need_it() {
    let kept =
        |users: Option<&str>| described(&object(&json!({})).plan(&Observed::Kept { users: users.map(str::to_owned) }, Goal::Absent, now()));
    assert_eq!(kept(None), ["met | usable"]);
    let waits = "not yet, InUse: still needed by DeviceCredential/contoso/press-7 to undo what they made";
    assert_eq!(kept(Some("DeviceCredential/contoso/press-7")), [waits]);
}

#[test]
fn a_group_of_ours_goes_first_and_then_its_keys_and_the_ledger() {
    let press = object(&json!({}));
    let plan = plan(&press, LiveState { keys_secret_is_ours: true, ..found() }, Goal::Absent);
    assert_eq!(described(&plan), DELETE);
    let etag = IfMatch::Etag("\"AAAB\"".to_owned());
    assert!(matches!(&plan.actions[..], [Action::Delete { condition, .. }] if *condition == etag), "{plan:?}");
    let gone = |secret, record| absent(&press, LiveState { keys_secret_is_ours: secret, record, ..look() });
    assert_eq!(gone(true, Some("made".to_owned())), [FORGET, STRIKE, LAST]);
    assert_eq!(gone(true, None), [FORGET, LAST]);
    assert_eq!(gone(false, Some("made".to_owned())), [STRIKE, LAST]);
    assert_eq!(gone(false, None), ["met | usable"]);
}

#[test]
fn a_group_with_registrations_goes_only_when_its_uid_confirms_it() {
    let mut press = object(&json!({}));
    let registered = || LiveState { has_registrations: true, ..found() };
    let asked = "not yet, AwaitingConfirmation: devices are registered through enrollment group press and can then not register again; if you \
                 mean it: kubectl annotate enrollmentgroup -n platform press \
                 moorage.dev/confirm-delete=0f4c1d1e-7d0b-4d0e-9d3a-2f1f0c5f3b11";
    assert_eq!(absent(&press, registered()), [asked]);
    annotate(&mut press.metadata, "moorage.dev/confirm-delete", "press");
    assert_eq!(absent(&press, registered()), [asked]);
    confirm(&mut press.metadata);
    assert_eq!(absent(&press, registered()), DELETE);
}

#[test]
fn a_claimed_group_is_ours_only_if_it_has_the_keys_that_we_stored() {
    let press = object(&json!({}));
    let claimed = |keys, stored| LiveState { keys, stored, record: Some("claimed".to_owned()), ..found() };
    assert_eq!(absent(&press, claimed(Some(keys(1)), Some(keys(1)))), DELETE);
    for (there, stored) in [(Some(keys(2)), Some(keys(1))), (Some(keys(2)), None), (None, None), (None, Some(keys(1)))] {
        assert_eq!(absent(&press, claimed(there, stored)), [STRIKE, LAST]);
    }
}

#[test]
fn a_group_of_somebody_else_stays() {
    let press = object(&json!({}));
    let adopted = LiveState { record: Some("adopted".to_owned()), keys_secret_is_ours: true, has_registrations: true, ..found() };
    assert_eq!(absent(&press, adopted), [FORGET, STRIKE, LAST]);
    assert_eq!(absent(&press, LiveState { record: None, ..found() }), ["met | usable"]);
}

#[test]
fn the_keys_are_ours_if_the_secret_says_so_and_otherwise_left_alone() {
    let press = object(&json!({}));
    let meta = |owner: Value, manager: &str| -> ObjectMeta {
        read(json!({ "namespace": "platform", "labels": { "app.kubernetes.io/managed-by": manager }, "annotations": owner }))
    };
    let owner = |kind: &str, name: &str| json!({ "moorage.dev/owner-kind": kind, "moorage.dev/owner-name": name });
    let table = [
        (meta(owner("EnrollmentGroup", "press"), "moorage"), true),
        (meta(owner("EnrollmentGroup", "other"), "moorage"), false),
        (meta(owner("DeviceCredential", "press"), "moorage"), false),
        (meta(owner("EnrollmentGroup", "press"), "somebody"), false),
        (meta(json!({}), "moorage"), false),
        (ObjectMeta::default(), false),
    ];
    for (meta, expected) in table {
        assert_eq!(keys::is_ours(&press, &meta), expected, "{meta:?}");
    }
}
