//! What is done with the individual enrollment of a device that is disenrolled, or enrolled again.

use moorage_cloud::IndividualEnrollment;
use serde_json::json;

use super::*;
use crate::{
    controller::linter::now,
    error::ObserveError,
    kinds::device_credential::{
        assignment::hub::{AssignedHub, DeviceIdentity},
        enrollment::{
            disenroll::{EnrollmentStep, disenroll},
            ledger::{Meant, entry, ledger_entries},
            reenroll::reenroll,
            seen::{ObservedEnrollment, held_up_by_another},
        },
    },
    object::{KindName, ObjectKey},
};

const ID: &str = "contoso-press";

fn enrollment(status: &str) -> IndividualEnrollment {
    let there = json!({ "registrationId": ID, "provisioningStatus": status, "etag": "\"1\"" });
    serde_json::from_value(there).expect("an enrollment")
}

fn seen(enrollment: Option<IndividualEnrollment>, marked: bool, recorded: bool) -> ObservedEnrollment {
    let service = ObjectKey::new(KindName::ProvisioningService, "platform", "dps");
    let id = RegistrationId::parse(ID).expect("an id");
    ObservedEnrollment {
        id,
        service,
        nowhere: false,
        enrollment,
        registration: None,
        marked,
        meant: recorded.then_some(Meant::Disenrolled),
        off: recorded,
        assigned_hub: None,
        group: "platform/press".to_owned(),
    }
}

/// The actions, or where that leaves the device.
fn described(plan: &Plan<EnrollmentStep>) -> Vec<String> {
    if plan.actions.is_empty() {
        return vec![plan.standing.why().map_or("Met".to_owned(), |why| why.reason.to_string())];
    }
    plan.actions.iter().map(|step| format!("{} {}", step.reason(), step.target().as_str())).collect()
}

#[test]
fn a_device_is_disenrolled_only_over_nothing_or_over_what_is_ours_and_first_that_is_written_down() {
    let disenrolled = |there: Option<IndividualEnrollment>, marked, recorded| described(&disenroll(&seen(there, marked, recorded), now()));
    assert_eq!(disenrolled(None, false, false), ["RecordClaim cluster", "Disenroll cloud"]);
    assert_eq!(disenrolled(None, false, true), ["Disenroll cloud"]);
    assert_eq!(disenrolled(Some(enrollment("disabled")), true, true), ["Met"]);
    assert_eq!(disenrolled(Some(enrollment("disabled")), false, false), ["Met"]);
    assert_eq!(disenrolled(Some(enrollment("disabled")), false, true), ["DropClaim cluster"]);
    assert_eq!(disenrolled(Some(enrollment("enabled")), true, true), ["Disenroll cloud"]);
    assert_eq!(disenrolled(Some(enrollment("enabled")), true, false), ["AlreadyExists"]);
    assert_eq!(disenrolled(Some(enrollment("enabled")), false, true), ["AlreadyExists"]);
}

#[test]
fn nobody_need_be_disenrolled_from_a_service_that_is_gone() {
    let gone = |recorded| described(&disenroll(&ObservedEnrollment { nowhere: true, ..seen(None, false, recorded) }, now()));
    assert_eq!((gone(false), gone(true)), (vec!["Met".to_owned()], vec!["DropClaim cluster".to_owned()]));
}

#[test]
fn a_record_goes_after_the_device_is_disenrolled_and_never_before() {
    let record = || serde_json::from_value(json!({ "registrationId": ID, "etag": "\"2\"" })).ok();
    let before = disenroll(&ObservedEnrollment { registration: record(), ..seen(None, false, true) }, now());
    assert!(matches!(before.actions[..], [EnrollmentStep::Disenroll { over: IfMatch::Unset, .. }]), "{before:?}");
    let after = disenroll(&ObservedEnrollment { registration: record(), ..seen(Some(enrollment("disabled")), true, true) }, now());
    assert!(matches!(after.actions[..], [EnrollmentStep::DeleteRegistration { .. }]), "{after:?}");
}

#[test]
fn a_deprovisioned_device_loses_its_identity_after_it_is_disenrolled_and_before_its_record() {
    let record = |status: &str| serde_json::from_value(json!({ "registrationId": ID, "status": status })).ok();
    let hub = moorage_cloud::Cloud::public().hub_host("contoso-east.azure-devices.net").expect("a hub");
    let assigned_hub = AssignedHub::Own(DeviceIdentity { hub, device: moorage_keys::DeviceId::parse(ID).expect("an id") });
    let disenrolled = || seen(Some(enrollment("disabled")), true, true);
    let with = |assigned_hub: AssignedHub, status| {
        described(&disenroll(
            &ObservedEnrollment { registration: record(status), assigned_hub: Some(assigned_hub), ..disenrolled() },
            now(),
        ))
    };
    assert_eq!(with(assigned_hub.clone(), "assigned"), ["Deprovision cloud", "Disenroll cloud"]);
    assert_eq!(with(AssignedHub::None, "failed"), ["Disenroll cloud"]);
    assert_eq!(with(assigned_hub.clone(), "assigning"), ["Provisioning"]);
    assert_eq!(with(AssignedHub::Foreign, "assigned"), ["NotGranted"]);
    let before = ObservedEnrollment { registration: record("assigned"), assigned_hub: Some(assigned_hub), ..seen(None, false, true) };
    assert_eq!(described(&disenroll(&before, now())), ["Disenroll cloud"]);
}

#[test]
fn nothing_is_let_in_again_but_what_we_wrote_and_only_as_we_wrote_it() {
    let admitted = |there: Option<IndividualEnrollment>, marked, recorded| described(&reenroll(&seen(there, marked, recorded)));
    assert_eq!(admitted(Some(enrollment("disabled")), true, true), ["Reenroll cloud", "DropClaim cluster"]);
    assert_eq!(admitted(None, false, true), ["DropClaim cluster"]);
    assert_eq!(admitted(Some(enrollment("disabled")), false, true), ["AlreadyExists"]);
    assert_eq!(admitted(Some(enrollment("disabled")), true, false), ["AlreadyExists"]);
    assert_eq!(admitted(Some(enrollment("enabled")), true, true), ["AlreadyExists"]);
}

#[test]
fn a_device_that_is_disenrolled_in_anothers_name_is_told_of_as_long_as_it_is_disenrolled() {
    let other = ObjectKey::new(KindName::DeviceCredential, "contoso", "old-press");
    let described = |there| match held_up_by_another(&seen(there, false, false), &other, Meant::Disenrolled, &other) {
        Some(ObserveError::Blocked(standing)) => standing.why().map(|why| why.note.clone()),
        _ => None,
    };
    let disenrolled = described(Some(enrollment("disabled"))).unwrap_or_default();
    assert!(disenrolled.starts_with("registration id contoso-press is disenrolled in ProvisioningService platform/dps since DeviceCredential contoso/old-press was deleted"), "{disenrolled}");
    assert_eq!(described(Some(enrollment("enabled"))), None);
    assert_eq!(described(None), None);
}

#[test]
fn whose_name_it_was_is_told_within_a_namespace_only() {
    let old = |namespace: &str| ObjectKey::new(KindName::DeviceCredential, namespace, "old-press");
    let to = old("fabrikam");
    let Some(ObserveError::Blocked(standing)) =
        held_up_by_another(&seen(Some(enrollment("disabled")), false, false), &old("contoso"), Meant::Disenrolled, &to)
    else {
        panic!("it is held up")
    };
    let note = &standing.why().expect("it says why").note;
    assert!(note.contains("since an object of another namespace was deleted") && !note.contains("old-press"), "{note}");
}

#[test]
fn every_registration_id_has_a_ledger_entry_of_its_own_whose_name_a_config_map_takes() {
    let of = |id: &str| entry("disenrolled.", &RegistrationId::parse(id).expect("an id"));
    assert_eq!(of("contoso:press.7_a"), "disenrolled.contosoCpress.7_a");
    let longest = of(&":".repeat(127).chars().chain(['a']).collect::<String>());
    assert!(longest.len() <= 253 && longest.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte)));
}

fn enrolled(there: Option<IndividualEnrollment>, marked: bool) -> ObservedEnrollment {
    ObservedEnrollment { meant: Some(Meant::Enrolled), ..seen(there, marked, true) }
}

#[test]
fn an_enrollment_with_keys_of_the_device_s_own_becomes_its_bar_with_others_whatever_state_it_is_in() {
    let disenrolled = |there: Option<IndividualEnrollment>, marked| described(&disenroll(&enrolled(there, marked), now()));
    for state in ["enabled", "disabled"] {
        assert_eq!(disenrolled(Some(enrollment(state)), true), ["RecordClaim cluster", "Disenroll cloud"], "{state}");
    }
    let by_hand = ObservedEnrollment { off: false, ..enrolled(Some(enrollment("disabled")), true) };
    assert_eq!(described(&disenroll(&by_hand, now())), ["DropClaim cluster"], "it is not enabled for the next object of this name");
    assert_eq!(disenrolled(None, false), ["RecordClaim cluster", "Disenroll cloud"]);
    assert_eq!(disenrolled(Some(enrollment("enabled")), false), ["AlreadyExists"]);
    assert_eq!(disenrolled(Some(enrollment("disabled")), false), ["DropClaim cluster"]);
}

#[test]
fn an_enrollment_that_is_asked_for_no_more_goes_if_it_is_ours() {
    let admitted = |there: Option<IndividualEnrollment>, marked| described(&reenroll(&enrolled(there, marked)));
    let by_hand = ObservedEnrollment { off: false, ..enrolled(Some(enrollment("disabled")), true) };
    assert_eq!(described(&reenroll(&by_hand)), ["Disabled"], "whoever has disabled it does not want the device to register");
    for state in ["enabled", "disabled"] {
        assert_eq!(admitted(Some(enrollment(state)), true), ["Reenroll cloud", "DropClaim cluster"], "{state}");
        assert_eq!(admitted(Some(enrollment(state)), false), ["AlreadyExists"], "{state}");
    }
    assert_eq!(admitted(None, false), ["DropClaim cluster"]);
}

#[test]
fn an_enrollment_that_another_credential_has_left_behind_holds_up_whoever_derives_a_key() {
    let other = ObjectKey::new(KindName::DeviceCredential, "contoso", "old-press");
    let holds_up = |state| held_up_by_another(&seen(Some(enrollment(state)), false, false), &other, Meant::Enrolled, &other).is_some();
    assert!(holds_up("enabled") && holds_up("disabled"));
    assert!(held_up_by_another(&seen(None, false, false), &other, Meant::Enrolled, &other).is_none());
}

#[test]
fn the_ledger_says_one_thing_of_an_enrollment_at_a_time() {
    let (id, service) = (RegistrationId::parse(ID).expect("an id"), ObjectKey::new(KindName::ProvisioningService, "platform", "dps"));
    let of = |meant| {
        ledger_entries(&id, meant).into_iter().map(|(entry, value)| format!("{entry}={}", value.unwrap_or_default())).collect::<Vec<_>>()
    };
    let (left, off) = ("left.enrollment.contoso-press=", "off.contoso-press=");
    assert_eq!(of(Some((Meant::Disenrolled, &service))), ["disenrolled.contoso-press=platform/dps", "enrolled.contoso-press=", left, off]);
    assert_eq!(of(Some((Meant::Enrolled, &service))), ["disenrolled.contoso-press=", "enrolled.contoso-press=platform/dps", left, off]);
    assert_eq!(of(None), ["disenrolled.contoso-press=", "enrolled.contoso-press=", left, off]);
}
