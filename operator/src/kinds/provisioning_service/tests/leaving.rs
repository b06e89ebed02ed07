//! A service that should go.

use super::*;
use crate::{
    controller::linter::{UID, annotate, confirm},
    object::KindName,
};

fn linked() -> Document {
    let link = "HostName=a.azure-devices.net;SharedAccessKeyName=iothubowner;SharedAccessKey=****";
    document(|whole| {
        whole["properties"]["iotHubs"] = json!([{ "name": "a.azure-devices.net", "connectionString": link, "location": "eastus" }]);
    })
}

fn confirmed() -> ProvisioningService {
    let mut dps = object(&json!({}));
    confirm(&mut dps.metadata);
    dps
}

#[test]
fn a_service_that_is_kept_asks_the_cloud_nothing_and_waits_for_those_who_need_it() {
    let dps = object(&json!({ "deletionPolicy": "Retain" }));
    let kept = |users: Option<&str>| described(&dps.plan(&Observed::Kept { users: users.map(str::to_owned) }, Goal::Absent, now()));
    assert_eq!(kept(None), ["met | usable"]);
    let waits = "not yet, InUse: still needed by EnrollmentGroup/platform/contoso to undo what they made";
    assert_eq!(kept(Some("EnrollmentGroup/platform/contoso")), [waits]);
    let looked = LiveState { users: Some("EnrollmentGroup/platform/contoso".to_owned()), ..look(Some(document(|_| ())), Some(MADE)) };
    assert_eq!(absent(&confirmed(), looked), [waits]);
}

#[test]
fn a_service_of_ours_is_deleted_when_its_own_uid_confirms_it() {
    let mut dps = object(&json!({}));
    let asked = "not yet, AwaitingConfirmation: the id scope is lost for ever and every device must learn a new one; if you mean it: \
                 kubectl annotate provisioningservice -n platform dps moorage.dev/confirm-delete=0f4c1d1e-7d0b-4d0e-9d3a-2f1f0c5f3b11";
    assert_eq!(absent(&dps, look(Some(document(|_| ())), Some(MADE))), [asked]);
    for other in ["true", "dps", "contoso-dps", &UID.to_uppercase()] {
        annotate(&mut dps.metadata, annotations::CONFIRM_DELETE, other);
        assert_eq!(absent(&dps, look(Some(document(|_| ())), Some(MADE))), [asked], "{other}");
    }
    for record in [None, Some(CLAIMED), Some(MADE)] {
        assert_eq!(
            absent(&confirmed(), look(Some(document(|_| ())), record)),
            [
                "DeleteProvisioningService: Delete provisioning service contoso-dps",
                "not yet, DeleteProvisioningService: Provisioning service contoso-dps is being deleted",
            ]
        );
    }
}

#[test]
fn a_service_that_failed_can_be_deleted_too() {
    let failed = document(|whole| whole["properties"]["provisioningState"] = json!("Failed"));
    let plan = plan(&confirmed(), look(Some(failed), Some(CLAIMED)), Goal::Absent);
    assert!(matches!(&plan.actions[..], [Action::Delete { id }] if *id == id_of(&confirmed())), "{plan:?}");
}

#[test]
fn a_service_that_has_linked_hubs_is_not_deleted() {
    assert_eq!(
        absent(&confirmed(), look(Some(linked()), Some(MADE))),
        ["not yet, InUse: provisioning service contoso-dps still has 1 linked hubs; unlink them first | again in 30 s"]
    );
}

#[test]
fn a_deletion_is_asked_for_once() {
    let going = "not yet, Provisioning: provisioning service contoso-dps is being deleted | again in 2 s";
    for field in ["provisioningState", "state"] {
        let seen = look(Some(document(|whole| whole["properties"][field] = json!("Deleting"))), Some(MADE));
        assert_eq!(absent(&object(&json!({})), seen), [going]);
    }
}

#[test]
fn a_service_of_somebody_else_is_only_struck_from_the_ledger() {
    let struck = ["DropClaim: Strike the provisioning service from the ledger", "not yet, DropClaim: The ledger is being cleared"];
    let untagged = || document(|whole| whole["tags"] = json!({}));
    let managed = || document(|whole| whole["tags"][OWNER_TAG] = json!("house/ProvisioningService/platform/other"));
    for (service, record) in [(untagged(), ADOPTED), (untagged(), CLAIMED), (managed(), ADOPTED), (managed(), CLAIMED), (managed(), MADE)] {
        assert_eq!(absent(&confirmed(), look(Some(service), Some(record))), struck, "{record}");
    }
    assert_eq!(absent(&confirmed(), look(Some(untagged()), None)), ["met | usable"]);
}

#[test]
fn the_resource_group_goes_after_the_service_if_we_made_it_and_the_ledger_last() {
    let with =
        |state, ours, empty, record| absent(&confirmed(), LiveState { group: ObservedGroup { state, ours, empty }, ..look(None, record) });
    let going = "resource group iot-shared, which is empty, is being deleted";
    assert_eq!(
        with(State::Settled, true, true, Some(MADE)),
        [
            "DeleteResourceGroup: Delete resource group iot-shared, which is empty".to_owned(),
            format!("not yet, DeleteResourceGroup: {going}")
        ]
    );
    assert_eq!(with(State::Moving, true, true, Some(MADE)), [format!("not yet, Provisioning: {going} | again in 2 s")]);
    let struck = ["DropClaim: Strike the provisioning service from the ledger", "not yet, DropClaim: The ledger is being cleared"];
    assert_eq!(with(State::Settled, true, false, Some(MADE)), struck);
    assert_eq!(with(State::Settled, false, true, Some(MADE)), struck);
    assert_eq!(with(State::Missing, false, false, Some(MADE)), struck);
    assert_eq!(with(State::Missing, false, false, None), ["met | usable"]);
}

#[test]
fn what_disenrolled_devices_is_forgotten_with_the_service_and_only_with_it() {
    let disenrolled = || vec![(ObjectKey::new(KindName::DeviceCredential, "contoso", "press"), "disenrolled.press".to_owned())];
    assert_eq!(
        absent(&confirmed(), LiveState { disenrolled: disenrolled(), ..look(None, Some(MADE)) }),
        [
            "DropClaim: Strike what disenrolled the device of DeviceCredential/contoso/press from the ledger",
            "not yet, DropClaim: What disenrolled devices is gone with the provisioning service",
        ]
    );
    let adopted = document(|whole| whole["tags"] = json!({}));
    let plan = plan(&confirmed(), LiveState { disenrolled: disenrolled(), ..look(Some(adopted), Some(ADOPTED)) }, Goal::Absent);
    assert!(matches!(&plan.actions[..], [Action::Record { to: None }]), "{plan:?}");
}
