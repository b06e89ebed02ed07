//! A service that should be there.

use moorage_plan::{Reason, Why};

use super::*;
use crate::controller::linter::annotate;

const CREATE: &str = "CreateProvisioningService: Create provisioning service contoso-dps in eastus";
const CREATING: &str = "not yet, CreateProvisioningService: Provisioning service contoso-dps is being created";
const MADE_NOW: &str = "RecordClaim: Write down that the provisioning service is made";

#[test]
fn a_service_is_claimed_in_the_ledger_before_it_is_made_and_only_once() {
    let dps = object(&json!({}));
    assert_eq!(present(&dps, look(None, None)), ["RecordClaim: Write down that the provisioning service is claimed", CREATE, CREATING]);
    assert_eq!(present(&dps, look(None, Some(CLAIMED))), [CREATE, CREATING]);
}

#[test]
fn its_resource_group_comes_first() {
    let dps = object(&json!({}));
    let with = |state| LiveState { group: ObservedGroup { state, ours: false, empty: false }, ..look(None, None) };
    assert_eq!(
        present(&dps, with(State::Missing)),
        [
            "CreateResourceGroup: Create resource group iot-shared in eastus",
            "not yet, CreateResourceGroup: Resource group iot-shared is being created",
        ]
    );
    assert_eq!(present(&dps, with(State::Moving)), ["not yet, Provisioning: resource group iot-shared is not settled yet | again in 2 s"]);
}

#[test]
fn a_service_that_has_vanished_is_made_anew_only_when_its_name_is_said() {
    let vanished = "stuck, Vanished: provisioning service contoso-dps has vanished from Azure; a new one has a new id scope, which every \
                    device must learn: restore it, or annotate this object with moorage.dev/recreate=contoso-dps";
    for record in [MADE, ADOPTED] {
        let mut dps = object(&json!({}));
        assert_eq!(present(&dps, look(None, Some(record))), [vanished]);
        let gone = ObservedGroup { state: State::Missing, ours: false, empty: false };
        assert_eq!(present(&dps, LiveState { group: gone, ..look(None, Some(record)) }), [vanished]);
        for other in ["true", "Contoso-DPS", ""] {
            annotate(&mut dps.metadata, annotations::RECREATE, other);
            assert_eq!(present(&dps, look(None, Some(record))), [vanished], "{other}");
        }
        annotate(&mut dps.metadata, annotations::RECREATE, "contoso-dps");
        let again = ["RecordClaim: Write down that the provisioning service is claimed", CREATE, CREATING];
        assert_eq!(present(&dps, look(None, Some(record))), again);
    }
}

#[test]
fn a_service_of_ours_is_written_down_once_it_is_in_place() {
    let dps = object(&json!({}));
    let made = [MADE_NOW, "not yet, RecordClaim: Provisioning service contoso-dps is in place | usable"];
    for record in [None, Some(CLAIMED), Some(ADOPTED)] {
        assert_eq!(present(&dps, look(Some(document(|_| ())), record)), made, "{record:?}");
    }
    assert_eq!(present(&dps, look(Some(document(|_| ())), Some(MADE))), ["met | usable"]);
    let untagged = || document(|whole| whole["tags"] = json!({}));
    assert_eq!(present(&dps, look(Some(untagged()), Some(MADE))), ["met | usable"]);
}

#[test]
fn a_service_of_somebody_else_is_adopted_or_refused() {
    use Adoption::{IfUnmanaged, Never};
    let stranger = || document(|whole| whole["tags"] = json!({}));
    let managed = || document(|whole| whole["tags"][OWNER_TAG] = json!("house/ProvisioningService/platform/other"));
    let asked = "stuck, AlreadyExists: provisioning service contoso-dps exists already; set adoption: IfUnmanaged to take it over, or \
                 choose another name";
    let ungranted = "stuck, AlreadyExists: provisioning service contoso-dps exists already and the account's grant does not let this \
                     namespace adopt it (adoption: IfUnmanaged); ask its owner";
    let belongs = "stuck, AlreadyExists: provisioning service contoso-dps exists and belongs to another Moorage object (see its tag \
                   moorage-owner); choose another name";
    let taken = [
        "RecordClaim: Write down that the provisioning service is adopted",
        "not yet, RecordClaim: provisioning service contoso-dps is being adopted",
    ];
    for record in [None, Some(CLAIMED)] {
        let with = |adoption: &str, service, granted| {
            present(&object(&json!({ "adoption": adoption })), LiveState { granted, ..look(Some(service), record) })
        };
        assert_eq!(with("Never", stranger(), IfUnmanaged), [asked]);
        assert_eq!(with("IfUnmanaged", stranger(), Never), [ungranted]);
        assert_eq!(with("IfUnmanaged", stranger(), IfUnmanaged), taken);
        assert_eq!(with("Never", managed(), IfUnmanaged), [belongs]);
        assert_eq!(with("IfUnmanaged", managed(), IfUnmanaged), [belongs]);
    }
    let remade = look(Some(managed()), Some(MADE));
    assert_eq!(present(&object(&json!({ "adoption": "IfUnmanaged" })), remade), [belongs]);
}

#[test]
fn an_adopted_service_is_left_as_it_is() {
    let other = document(|whole| {
        whole["tags"] = json!({ "owner": "operations" });
        whole["location"] = json!("westus");
        whole["sku"]["capacity"] = json!(2);
    });
    // What was adopted stays adopted when the spec no longer asks for it.
    assert_eq!(present(&object(&json!({ "adoption": "Never" })), look(Some(other), Some(ADOPTED))), ["met | usable"]);
}

#[test]
fn a_service_is_waited_for_while_it_moves_and_can_be_used_if_it_was_before() {
    let seen = |state: &str, own: &str| {
        look(
            Some(document(|whole| (whole["properties"]["provisioningState"], whole["properties"]["state"]) = (json!(state), json!(own)))),
            Some(MADE),
        )
    };
    let dps = object(&json!({}));
    let known = |looked| LiveState { is_known: true, ..looked };
    let table = [
        ("Accepted", "Activating", "not yet, Provisioning: provisioning service contoso-dps is Accepted | again in 2 s"),
        ("Succeeded", "Activating", "not yet, Provisioning: provisioning service contoso-dps is Succeeded | again in 2 s"),
        ("Deleting", "Deleting", "not yet, Provisioning: provisioning service contoso-dps is Deleting | again in 2 s"),
    ];
    for (state, own, expected) in table {
        assert_eq!(present(&dps, seen(state, own)), [expected]);
        assert_eq!(present(&dps, known(seen(state, own))), [format!("{expected} | usable")]);
    }
    let nameless = look(Some(document(|whole| whole["properties"]["idScope"] = Value::Null)), Some(CLAIMED));
    assert_eq!(present(&dps, known(nameless)), ["not yet, Provisioning: provisioning service contoso-dps is Succeeded | again in 2 s"]);
}

#[test]
fn a_service_that_azure_could_not_set_up_waits_for_somebody() {
    for state in ["Failed", "Canceled"] {
        let failed = |whole: &mut Value| {
            (whole["properties"]["provisioningState"], whole["properties"]["state"]) = (json!(state), json!("Activating"));
        };
        let seen = look(Some(document(failed)), Some(CLAIMED));
        assert_eq!(
            present(&object(&json!({})), seen),
            [
                "stuck, Invalid: Azure failed to set provisioning service contoso-dps up; see why in its activity log, and repeat there what \
              failed"
            ]
        );
    }
}

#[test]
fn a_service_whose_name_is_taken_is_not_made_over_what_may_be_there() {
    let taken = |record| {
        let looked = look(None, record);
        LiveState { service: arm_resource::ObservedResource { name_is_taken: true, ..looked.service }, ..looked }
    };
    let refused = "stuck, NameTaken: the name of provisioning service contoso-dps is taken in the world, and not by one in resource group \
                   iot-shared; choose another name | again in 300 s";
    assert_eq!(present(&object(&json!({})), taken(None)), [refused]);
    let waits = present(&object(&json!({})), taken(Some(CLAIMED)));
    assert!(
        waits[0].starts_with("not yet, Provisioning: provisioning service contoso-dps was asked for, and is not seen yet"),
        "{waits:?}"
    );
}

#[test]
fn a_service_that_refuses_the_operator_is_of_no_use_to_it_and_is_looked_at_again() {
    let refusing = |document: Document| {
        let refusal = Some(Why::new(Reason::NetworkBlocked, "its public network access is disabled"));
        LiveState { refusal, ..look(Some(document), Some(MADE)) }
    };
    let dps = object(&json!({}));
    let told = "stuck, NetworkBlocked: its public network access is disabled | again in 30 s";
    assert_eq!(present(&dps, refusing(document(|_| ()))), [told]);
    assert_eq!(present(&dps, LiveState { refusal: None, ..refusing(document(|_| ())) }), ["met | usable"]);
    // What the resource manager takes is done all the same.
    let tagged = object(&json!({ "tags": { "cost": "7" } }));
    let plan = present(&tagged, refusing(document(|_| ())));
    assert_eq!(plan[0], "UpdateProvisioningService: Set the tags of the provisioning service");
    assert!(!plan[1].contains("usable"), "{plan:?}");
}
