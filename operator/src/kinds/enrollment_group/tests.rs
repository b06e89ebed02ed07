//! A group in a small DPS of its own.

mod admission;
mod hubs;
mod leaving;
mod present;
mod start;
mod succession;
mod world;
mod x509;

use moorage_cloud::{Cloud, EnrollmentGroup as Document, HubHost, KeyPair};
use moorage_keys::SymmetricKey;

use super::observe::LiveState;
use super::*;
use crate::azure::usage::Count;
use crate::controller::linter::{described, metadata, now, read};

const EAST: &str = "contoso-east.azure-devices.net";
const WEST: &str = "contoso-west.azure-devices.net";

fn object(spec: &Value) -> EnrollmentGroup {
    let mut whole = json!({
        "apiVersion": "moorage.dev/v1alpha1",
        "kind": "EnrollmentGroup",
        "metadata": metadata("platform", "press"),
        "spec": {
            "provisioningServiceRef": { "name": "dps" },
            "tenantHubGroupRef": { "name": "hubs", "namespace": "contoso" },
            "attestation": { "symmetricKey": {} },
            "deletionPolicy": "Delete",
        },
    });
    for (field, value) in spec.as_object().into_iter().flatten() {
        whole["spec"][field] = value.clone();
    }
    read(whole)
}

fn keys(number: u8) -> KeyPair {
    KeyPair { primary: SymmetricKey::from([number; 64]), secondary: SymmetricKey::from([!number; 64]) }
}

fn hosts(names: &[&str]) -> Vec<HubHost> {
    names.iter().map(|name| Cloud::public().hub_host(name).expect("a hub's host")).collect()
}

/// A group as DPS writes it, changed as `change` says.
fn document(change: impl FnOnce(&mut Value)) -> Document {
    let mut whole = json!({
        "enrollmentGroupId": "press",
        "attestation": { "type": "symmetricKey" },
        "etag": "\"AAAB\"",
        "allocationPolicy": "geoLatency",
        "iotHubs": [EAST, WEST],
        "provisioningStatus": "enabled",
        "reprovisionPolicy": { "updateHubAssignment": true, "migrateDeviceData": true },
        "initialTwin": { "tags": { "line": 7 } },
    });
    change(&mut whole);
    read(whole)
}

/// A look at a group that is not there yet, with the keys stored and both hubs linked.
fn look() -> LiveState {
    LiveState {
        group: None,
        keys: None,
        stored: Some(keys(1)),
        stored_as: "made",
        signers: None,
        issuing: None,
        former: None,
        issues: false,
        webhook: None,
        hubs: Some(hosts(&[EAST, WEST])),
        record: None,
        applied: None,
        disabled: None,
        has_registrations: false,
        others: Some(Count { used: 99, limit: 100 }),
        keys_secret_is_ours: false,
        service: None,
        place: "platform/azure/s/iot/contoso-dps".to_owned(),
    }
}

/// A look at a group that is there, as it should be, and ours.
fn found() -> LiveState {
    LiveState { group: Some(document(|_| ())), keys: Some(keys(1)), record: Some("made".to_owned()), ..look() }
}

fn plan(group: &EnrollmentGroup, looked: LiveState, goal: Goal) -> Plan<Action> {
    group.plan(&Observed::Live(Box::new(looked)), goal, now())
}

fn present(group: &EnrollmentGroup, looked: LiveState) -> Vec<String> {
    described(&plan(group, looked, Goal::Present))
}

fn absent(group: &EnrollmentGroup, looked: LiveState) -> Vec<String> {
    described(&plan(group, looked, Goal::Absent))
}

#[test]
fn devices_are_woken_by_what_their_own_enrollments_say_as_the_group_does() {
    let before = object(&json!({})).visible_to_dependents();
    assert_ne!(object(&json!({ "provisioningStatus": "Disabled" })).visible_to_dependents(), before);
    assert_ne!(object(&json!({ "allocationPolicy": "Hashed" })).visible_to_dependents(), before);
    assert_eq!(object(&json!({ "deletionPolicy": "Retain" })).visible_to_dependents(), before);
}
