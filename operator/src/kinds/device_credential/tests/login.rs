//! What a device can log in to its hub with: only a key that the hub holds.

use super::*;
use crate::kinds::device_credential::outputs::entries;
use moorage_cloud::{Cloud, Device};
use moorage_keys::{DeviceId, SymmetricKey, sas};

use crate::kinds::device_credential::{
    assignment::{
        Assignment,
        hub::{AssignedHub, DeviceIdentity},
    },
    observe::ObservedWithKeys,
    outputs::tokens::Tokens,
    plan::{Action, plan_keys},
};

const NOT_YET: &str = "not yet, AwaitingRegistration: the device has not registered yet: have it register with what the Secret holds; \
                       connectionString is written then | again in 60 s";

fn asking() -> DeviceCredential {
    let mut credential = object();
    credential.spec.connection_string = true;
    credential
}

fn identity() -> DeviceIdentity {
    let hub = Cloud::public().hub_host("contoso-east.azure-devices.net").expect("a hub");
    DeviceIdentity { hub, device: DeviceId::parse("press-7").expect("an id") }
}

fn there(keys: &KeyPair) -> Device {
    Device::with_symmetric_keys(&identity().device, keys)
}

fn assigned(assigned_hub: AssignedHub, identity: Option<Device>) -> Assignment {
    Assignment { assigned_hub, identity, registered: None, next: now() + SignedDuration::from_mins(1) }
}

/// The plan for a credential whose Secret was written when its device was here, now that it is there.
fn plan_of(before: Assignment, after: Assignment) -> Plan<Action> {
    let credential = asking();
    let mut secrets = Secrets::new();
    let first = plan_keys(&credential, &ObservedWithKeys { assigned: Some(before), ..look(&credential, &source(), None, &secrets) }, now());
    apply(&credential, &first.actions[0], &mut secrets);
    plan_keys(&credential, &ObservedWithKeys { assigned: Some(after), ..look(&credential, &source(), None, &secrets) }, now())
}

fn entries(plan: &Plan<Action>) -> Vec<&str> {
    let Some(Action::Write { content, .. }) = plan.actions.first() else { return Vec::new() };
    content.data.keys().filter(|name| ["connectionString", "deviceKey"].contains(name)).collect()
}

fn connection_string(plan: &Plan<Action>) -> Option<String> {
    let Some(Action::Write { content, .. }) = plan.actions.first() else { return None };
    content.data.expose("connectionString").map(str::to_owned)
}

fn nowhere() -> Assignment {
    assigned(AssignedHub::None, None)
}

fn with(keys: &KeyPair) -> Assignment {
    assigned(AssignedHub::Own(identity()), Some(there(keys)))
}

fn pair(primary: [u8; 32], secondary: [u8; 32]) -> KeyPair {
    KeyPair { primary: primary.into(), secondary: secondary.into() }
}

#[test]
fn a_device_that_has_not_registered_has_everything_but_a_connection_string_and_is_not_ready() {
    let credential = asking();
    let first = plan_keys(
        &credential,
        &ObservedWithKeys { assigned: Some(nowhere()), ..look(&credential, &source(), None, &Secrets::new()) },
        now(),
    );
    assert_eq!(entries(&first), ["deviceKey"]);
    assert_eq!(described(&plan_of(nowhere(), nowhere())), [NOT_YET]);
}

#[test]
fn a_connection_string_is_written_when_the_hub_holds_the_key_that_the_device_uses() {
    let keys = source().keys.pair;
    let plan = plan_of(nowhere(), with(&keys));
    let text = "HostName=contoso-east.azure-devices.net;DeviceId=press-7;SharedAccessKey=";
    let wanted = format!("{text}{}", keys.primary.expose_base64().as_str());
    assert_eq!((entries(&plan), connection_string(&plan), plan.usable), (vec!["connectionString", "deviceKey"], Some(wanted), false));
    assert_eq!(described(&plan_of(with(&keys), with(&keys))), ["met | again in 60 s | usable"]);
}

#[test]
fn a_connection_string_is_made_with_the_very_key_that_the_hub_holds_in_either_slot() {
    let keys = source().keys.pair;
    let (primary, secondary) = (keys.primary.clone(), keys.secondary.clone());
    let of = |primary: SymmetricKey, secondary: SymmetricKey| {
        let text = connection_string(&plan_of(nowhere(), with(&KeyPair { primary, secondary })));
        text.and_then(|text| text.split_once("SharedAccessKey=").map(|(_, key)| key.to_owned()))
    };
    let other = || SymmetricKey::from([9; 32]);
    let base64 = |key: &SymmetricKey| Some(key.expose_base64().to_string());
    assert_eq!(of(other(), primary.clone()), base64(&primary));
    assert_eq!(of(secondary.clone(), other()), base64(&secondary));
    assert_eq!(of(secondary, primary.clone()), base64(&primary));
    assert_eq!(of(other(), other()), None);
}

#[test]
fn a_token_for_the_hub_is_signed_with_the_very_key_that_the_hub_holds() {
    let keys = source().keys.pair;
    let there = KeyPair { primary: keys.secondary.clone(), secondary: [9; 32].into() };
    let renewals = Tokens([(entries::HUB_TOKEN, DAY)].into());
    let wanted = ObservedWithKeys { assigned: Some(with(&there)), renewals, ..look(&object(), &source(), None, &Secrets::new()) };
    let plan = plan_keys(&object(), &wanted, now());
    let Some(Action::Write { content, .. }) = plan.actions.first() else { panic!("{plan:?}") };
    let (hub, until) = (identity().hub, DAY.begin(now()).not_after);
    let token = sas::iot_hub_device(hub.host(), &identity().device, &keys.secondary, until);
    assert_eq!(content.data.expose("hubToken"), Some(token.expose()));
}

#[test]
fn a_connection_string_goes_when_the_hub_holds_another_key_and_the_sentence_says_what_to_do() {
    let plan = plan_of(with(&source().keys.pair), with(&pair([8; 32], [9; 32])));
    assert_eq!((entries(&plan), plan.usable), (vec!["deviceKey"], false));
    let why = described(&plan_of(with(&pair([8; 32], [9; 32])), with(&pair([8; 32], [9; 32]))));
    let sentence = "not yet, AwaitingRegistration: hub contoso-east.azure-devices.net still holds another key of device press-7: have it \
                    register again, and if the hub keeps that key, annotate this object with moorage.dev/reprovision-requested-at; \
                    connectionString is written then | again in 60 s";
    assert_eq!(why, [sentence]);
}

#[test]
fn a_device_that_its_hub_does_not_know_or_that_is_in_a_hub_of_somebody_else_has_no_connection_string() {
    let unknown = || assigned(AssignedHub::Own(identity()), None);
    let elsewhere = || assigned(AssignedHub::Foreign, None);
    assert!(described(&plan_of(unknown(), unknown()))[0].contains("no longer knows device press-7"));
    assert!(
        described(&plan_of(elsewhere(), elsewhere()))[0].starts_with("stuck, NotGranted: the device is in a hub that is none of those")
    );
}

#[test]
fn a_device_that_moves_has_the_connection_string_of_its_new_hub_and_is_not_ready_until_it_has() {
    let keys = source().keys.pair;
    let west = DeviceIdentity { hub: Cloud::public().hub_host("contoso-west.azure-devices.net").expect("a hub"), ..identity() };
    let plan = plan_of(with(&keys), assigned(AssignedHub::Own(west), Some(there(&keys))));
    assert!(connection_string(&plan).is_some_and(|text| text.starts_with("HostName=contoso-west.azure-devices.net;")));
    assert!(!plan.usable);
}

#[test]
fn a_token_for_the_hub_lives_and_is_renewed_like_any_other_and_only_while_the_hub_takes_its_key() {
    let credential = object();
    let mut secrets = Secrets::new();
    let mut plan_with = |seen: Assignment, when: Timestamp| {
        let renewals = Tokens([(entries::HUB_TOKEN, DAY)].into());
        let wanted = ObservedWithKeys { assigned: Some(seen), renewals, ..look(&credential, &source(), None, &secrets) };
        let plan = plan_keys(&credential, &wanted, when);
        if let Some(action) = plan.actions.first() {
            apply(&credential, action, &mut secrets);
        }
        plan
    };
    let hub = |plan: &Plan<Action>| match plan.actions.first() {
        Some(Action::Write { content, .. }) => content.lives.of(entries::HUB_TOKEN),
        _ => None,
    };
    let keys = source().keys.pair;
    assert_eq!(hub(&plan_with(nowhere(), now())), None);
    assert_eq!(hub(&plan_with(with(&keys), now())), Some(DAY.begin(now())));
    let rest = plan_with(with(&keys), now());
    assert!(rest.actions.is_empty());
    let due = now() + SignedDuration::from_hours(12);
    let renewed = plan_with(with(&keys), due);
    assert_eq!(
        (described(&renewed)[0].as_str(), hub(&renewed)),
        ("RenewToken: Write revision 3 to Secret contoso/press-7", Some(DAY.begin(due)))
    );
    assert_eq!(hub(&plan_with(nowhere(), due)), None);
    let meta = &secrets[&NamespacedName::new("contoso", "press-7")].meta;
    let described: Vec<_> = meta.annotations.iter().flatten().map(|(name, _)| name.as_str()).filter(|name| name.contains("hub")).collect();
    assert_eq!(described, Vec::<&str>::new());
}
