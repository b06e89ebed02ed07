//! A group that should be there.

use moorage_cloud::{AllocationPolicy, IfMatch, Reprovisioning};
use moorage_crds::annotations::RECREATE;

use super::*;
use crate::controller::linter::annotate;

const CLAIM: &str = "RecordClaim: Write down that the group is claimed";
const KEYS: &str = "StoreGroupKeys: Generate the group's two keys and store them";
const CREATE: &str = "CreateEnrollmentGroup: Create enrollment group press";
const CREATING: &str = "not yet, CreateEnrollmentGroup: Enrollment group press is being created";
const WAITS: &str = "not yet, DependencyNotReady: TenantHubGroup hubs has not linked all its hubs yet";

#[test]
fn a_group_is_made_only_when_its_claim_and_its_keys_are_written_down() {
    let press = object(&json!({}));
    assert_eq!(present(&press, LiveState { stored: None, ..look() }), [CLAIM, KEYS, CREATING]);
    assert_eq!(present(&press, LiveState { stored: None, record: Some("claimed".to_owned()), ..look() }), [KEYS, CREATING]);
    assert_eq!(present(&press, look()), [CLAIM, CREATING]);
    for record in ["claimed", "made", "adopted"] {
        assert_eq!(present(&press, LiveState { record: Some(record.to_owned()), ..look() }), [CREATE, CREATING], "{record}");
    }
}

#[test]
fn a_group_is_made_with_the_stored_keys_and_its_tenants_hubs_and_only_these() {
    let plan = plan(&object(&json!({})), LiveState { record: Some("made".to_owned()), ..look() }, Goal::Present);
    let [Action::Put { document, condition: IfMatch::Unset, id, .. }] = &plan.actions[..] else { panic!("{plan:?}") };
    assert_eq!((id.as_str(), document.id(), document.keys()), ("press", Some("press"), Some(keys(1))));
    assert_eq!((document.hubs(), document.allocation()), (vec![EAST, WEST], Some(AllocationPolicy::GeoLatency)));
    assert_eq!((document.is_enabled(), document.reprovisioning()), (true, Reprovisioning::Migrate));
}

#[test]
fn nothing_is_done_for_a_new_group_until_its_hubs_are_linked() {
    for stored in [None, Some(keys(1))] {
        assert_eq!(present(&object(&json!({})), LiveState { hubs: None, stored, ..look() }), [WAITS]);
    }
}

#[test]
fn a_group_that_has_vanished_with_its_keys_is_made_with_new_ones_only_when_its_name_is_said() {
    let vanished = "stuck, Vanished: enrollment group press has vanished from Azure, and Secret platform/press-keys with its keys from the \
                    cluster; with new keys every device must be given its credential anew: restore the Secret, or annotate this object with \
                    moorage.dev/recreate=press";
    for record in ["made", "adopted"] {
        let lost = || LiveState { stored: None, record: Some(record.to_owned()), ..look() };
        let mut press = object(&json!({}));
        assert_eq!(present(&press, lost()), [vanished]);
        annotate(&mut press.metadata, RECREATE, "true");
        assert_eq!(present(&press, lost()), [vanished]);
        annotate(&mut press.metadata, RECREATE, "press");
        assert_eq!(present(&press, lost()), [CLAIM, KEYS, CREATING]);
    }
}

#[test]
fn a_group_with_the_keys_that_we_stored_is_the_one_that_we_claimed() {
    let made = ["RecordClaim: Write down that the group is made", "not yet, RecordClaim: Enrollment group press is in place"];
    for adoption in ["Never", "IfUnmanaged"] {
        let claimed = LiveState { record: Some("claimed".to_owned()), ..found() };
        assert_eq!(present(&object(&json!({ "adoption": adoption })), claimed), made);
    }
}

#[test]
fn a_group_with_other_keys_is_adopted_or_refused_whatever_we_claimed() {
    let refused = "stuck, AlreadyExists: enrollment group press exists already; set adoption: IfUnmanaged to take it over with its keys, or \
                   choose another enrollmentGroupId";
    let taken = ["RecordClaim: Write down that the group is adopted", "not yet, RecordClaim: Enrollment group press is being adopted"];
    for record in [None, Some("claimed".to_owned())] {
        for stored in [None, Some(keys(1))] {
            let other = || LiveState { keys: Some(keys(2)), stored: stored.clone(), record: record.clone(), ..found() };
            assert_eq!(present(&object(&json!({})), other()), [refused]);
            assert_eq!(present(&object(&json!({ "adoption": "IfUnmanaged" })), other()), taken);
            let by_certificate = LiveState { keys: None, ..other() };
            assert_eq!(present(&object(&json!({})), by_certificate), [refused]);
        }
    }
}

#[test]
fn a_group_whose_keys_the_secret_has_is_what_it_was_although_the_ledger_is_lost() {
    for stored_as in ["made", "adopted"] {
        let told = present(&object(&json!({})), LiveState { record: None, stored_as, ..found() });
        let in_place = "not yet, RecordClaim: Enrollment group press has the keys of this object's Secret | usable";
        assert_eq!(told, [format!("RecordClaim: Write down that the group is {stored_as}").as_str(), in_place]);
    }
}

#[test]
fn a_group_without_symmetric_keys_is_nothing_for_us() {
    let x509 = LiveState { keys: None, record: Some("adopted".to_owned()), ..found() };
    let refused = "stuck, AlreadyExists: enrollment group press has no symmetric keys; choose another enrollmentGroupId";
    assert_eq!(present(&object(&json!({})), x509), [refused]);
}

#[test]
fn keys_that_are_not_stored_are_taken_from_the_group() {
    let press = object(&json!({}));
    for record in ["made", "adopted"] {
        let plan = plan(&press, LiveState { stored: None, record: Some(record.to_owned()), ..found() }, Goal::Present);
        let stored = [
            "StoreGroupKeys: Store the two keys that the group has in Azure",
            "not yet, StoreGroupKeys: The group's keys are being stored | usable",
        ];
        assert_eq!(described(&plan), stored);
        assert!(matches!(&plan.actions[..], [Action::StoreKeys { taken: Some(taken) }] if *taken == keys(1)), "{plan:?}");
    }
}

#[test]
fn a_group_as_its_spec_says_is_left_alone() {
    assert_eq!(present(&object(&json!({})), found()), ["met | usable"]);
    let spelled =
        document(|whole| (whole["iotHubs"], whole["allocationPolicy"]) = (json!([WEST.to_uppercase(), EAST]), json!("GeoLatency")));
    assert_eq!(present(&object(&json!({})), LiveState { group: Some(spelled), ..found() }), ["met | usable"]);
    assert_eq!(present(&object(&json!({})), LiveState { hubs: None, ..found() }), [format!("{WAITS} | usable")]);
}

#[test]
fn drift_is_told_by_field_and_corrected_under_the_etag_that_was_read() {
    type Change = fn(&mut Value);
    let table: [(&str, Change); 7] = [
        ("iotHubs", |whole| whole["iotHubs"] = json!([EAST])),
        ("iotHubs", |whole| whole["iotHubs"] = json!([EAST, WEST, "fabrikam.azure-devices.net"])),
        ("iotHubs", |whole| whole["iotHubs"] = json!([])),
        ("allocationPolicy", |whole| whole["allocationPolicy"] = json!("hashed")),
        ("reprovisionPolicy", |whole| whole["reprovisionPolicy"]["updateHubAssignment"] = json!(false)),
        ("reprovisionPolicy", |whole| whole["reprovisionPolicy"]["migrateDeviceData"] = json!(false)),
        ("iotHubs, allocationPolicy", |whole| (whole["iotHubs"], whole["allocationPolicy"]) = (json!([WEST]), json!("custom"))),
    ];
    for (fields, change) in table {
        let plan = plan(&object(&json!({})), LiveState { group: Some(document(change)), ..found() }, Goal::Present);
        let update = format!("UpdateEnrollmentGroup: Bring {fields} of enrollment group press to its spec");
        let differs = format!("not yet, UpdateEnrollmentGroup: enrollment group press differs from its spec in {fields} | usable");
        assert_eq!(described(&plan), [update, differs]);
        let [Action::Put { document, condition, .. }] = &plan.actions[..] else { panic!("{plan:?}") };
        assert_eq!((condition, document.keys()), (&IfMatch::Etag("\"AAAB\"".to_owned()), Some(keys(1))));
        assert_eq!((document.hubs(), document.allocation()), (vec![EAST, WEST], Some(AllocationPolicy::GeoLatency)));
        assert!(document.is_enabled() && document.reprovisioning() == Reprovisioning::Migrate);
        assert_eq!(document.initial_tags().and_then(|tags| tags.get("line")), Some(&json!(7)), "what is not in the spec stays");
    }
}

#[test]
fn a_group_whose_keys_were_changed_gets_the_stored_ones_back() {
    let plan = plan(&object(&json!({})), LiveState { keys: Some(keys(2)), ..found() }, Goal::Present);
    let update = [
        "UpdateEnrollmentGroup: Bring symmetricKey of enrollment group press to its spec",
        "not yet, UpdateEnrollmentGroup: enrollment group press differs from its spec in symmetricKey",
    ];
    assert_eq!(described(&plan), update);
    assert!(matches!(&plan.actions[..], [Action::Put { document, .. }] if document.keys() == Some(keys(1))), "{plan:?}");
}

#[test]
fn a_group_is_disabled_when_its_spec_says_so() {
    let press = object(&json!({ "provisioningStatus": "Disabled" }));
    assert_eq!(present(&press, found())[0], "RecordClaim: Write down that the group is disabled as its spec says");
    let noted = || LiveState { disabled: Some("spec".to_owned()), ..found() };
    let plan = plan(&press, noted(), Goal::Present);
    assert!(matches!(&plan.actions[..], [Action::Put { document, .. }] if !document.is_enabled()), "{plan:?}");
    let disabled = document(|whole| whole["provisioningStatus"] = json!("disabled"));
    assert_eq!(present(&press, LiveState { group: Some(disabled), ..noted() }), ["met | usable"]);
}

#[test]
fn a_group_that_the_service_has_no_room_for_is_refused_before_anything_is_made_for_it() {
    let full = "stuck, QuotaExceeded: the provisioning service has 100 of 100 enrollment groups with symmetric keys, and no room for press; \
                delete one there, or use another service";
    let others = Some(Count { used: 100, limit: 100 });
    for stored in [None, Some(keys(1))] {
        assert_eq!(present(&object(&json!({})), LiveState { stored, others, ..look() }), [full]);
    }
    assert_eq!(present(&object(&json!({})), LiveState { others, ..found() }), ["met | usable"]);
}
