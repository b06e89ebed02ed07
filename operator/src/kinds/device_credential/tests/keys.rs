//! Keys of a device's own: in the Secret before they are in the cloud, and given to the device when the cloud has them.

use super::*;
use moorage_cloud::{Cloud, Device, IfMatch};
use moorage_keys::DeviceId;
use proptest::prelude::*;

use crate::{
    controller::linter::{World, fates, settle},
    kinds::device_credential::{
        assignment::hub::DeviceIdentity,
        hub_identity::{
            identity::{IdentityRecord, generated_keys_of},
            leaving::{IdentityStep, LeavingIdentity, leave},
        },
        keys::{
            MadeFor, ObservedKeys,
            generated::{CloudDocument, GeneratedKeys, KeyStep, StoredKeys},
        },
        observe::ObservedWithKeys,
        outputs::{secret_content::Origin, tokens::Tokens},
        plan::plan_keys,
        secret::{metadata::pending, read::ObservedSecret},
        subject::secret_of,
    },
    ledger::Entries,
};

/// A credential whose device is created in a hub.
fn in_hub() -> DeviceCredential {
    let mut credential = object();
    credential.spec.enrollment_group_ref = None;
    credential.spec.hub_ref = Some(Box::new(moorage_crds::HubRef { name: "contoso".to_owned(), hub: "contoso-east".to_owned() }));
    credential.spec.connection_string = true;
    credential
}

fn place() -> DeviceIdentity {
    let hub = Cloud::public().hub_host("contoso-east.azure-devices.net").expect("a hub");
    DeviceIdentity { hub, device: DeviceId::parse("press-7").expect("an id") }
}

fn pair(one: u8) -> KeyPair {
    KeyPair { primary: [one; 64].into(), secondary: [one + 1; 64].into() }
}

/// An identity as a hub shows it.
fn identity_of(generation: u32, etag: u32, keys: &KeyPair, enabled: bool) -> Device {
    let mut shown = json!({
        "deviceId": "press-7",
        "generationId": generation.to_string(),
        "etag": etag.to_string(),
        "status": if enabled { "enabled" } else { "disabled" },
        "authentication": { "type": "sas", "symmetricKey": {} },
    });
    shown["authentication"]["symmetricKey"]["primaryKey"] = keys.primary.expose_base64().as_str().into();
    shown["authentication"]["symmetricKey"]["secondaryKey"] = keys.secondary.expose_base64().as_str().into();
    read(shown)
}

/// A hub, a ledger and the Secrets of a namespace.
#[derive(Clone, Debug)]
struct Model {
    credential: DeviceCredential,
    secrets: Secrets,
    ledger: Entries,
    hub: Option<Device>,
    /// Generations and etags that were given, and pairs of keys that were drawn.
    given: u32,
    drawn: u8,
    goal: Goal,
}

impl Model {
    fn new() -> Self {
        let credential = in_hub();
        Self { credential, secrets: Secrets::new(), ledger: Entries::new(), hub: None, given: 0, drawn: 1, goal: Goal::Present }
    }

    fn record(&self) -> Option<String> {
        self.ledger.values().next().cloned()
    }

    fn stored(&self) -> StoredKeys {
        let kept = self.secrets.get(&secret_of(&self.credential));
        kept.map(|kept| StoredKeys::of(&self.credential, &kept.meta, &kept.data, MadeFor::Identity)).unwrap_or_default()
    }

    fn generated(&self) -> GeneratedKeys {
        let record = self.record();
        generated_keys_of(&place(), self.stored(), record.as_deref().and_then(IdentityRecord::read), self.hub.clone())
    }

    fn leaving(&self) -> LeavingIdentity {
        let has_our_keys = self.hub.as_ref().is_some_and(|there| there.keys().is_some() && there.keys().as_ref() == self.stored().keys());
        LeavingIdentity {
            place: place(),
            policy: self.credential.spec.deletion_policy,
            record: self.record(),
            there: self.hub.clone(),
            has_our_keys,
        }
    }

    fn write(&mut self, document: &Device, keys: Option<&KeyPair>, over: &IfMatch) {
        let fits = match (&self.hub, over) {
            (None, IfMatch::Unset) | (Some(_), IfMatch::Any) => true,
            (Some(there), IfMatch::Etag(etag)) => there.etag() == Some(etag),
            (None, _) | (Some(_), IfMatch::Unset) => false,
        };
        if !fits {
            return;
        }
        self.given += 1;
        let generation = self.hub.as_ref().and_then(|there| there.generation()?.parse().ok()).unwrap_or(self.given);
        let keys = keys.cloned().or_else(|| document.keys()).expect("an identity has keys");
        self.hub = Some(identity_of(generation, self.given, &keys, document.is_enabled()));
    }

    fn note(&mut self, entries: &[(String, Option<String>)]) {
        for (entry, value) in entries {
            match value {
                Some(value) => drop(self.ledger.insert(entry.clone(), value.clone())),
                None => drop(self.ledger.remove(entry)),
            }
        }
    }

    fn take(&mut self, step: &KeyStep) {
        match step {
            KeyStep::Note(note) => self.note(&note.entries),
            KeyStep::Store { at, beside, over, .. } => {
                self.drawn += 2;
                let (meta, data) = pending(&self.credential, at, beside, over.as_deref(), &pair(self.drawn));
                if self.secrets.get(at).map(|kept| &kept.meta) == over.as_deref() {
                    self.secrets.insert(at.clone(), Kept { meta, data });
                }
            }
            KeyStep::Put { document: CloudDocument::Identity(document), keys, over, .. } => {
                assert_eq!(
                    self.stored().keys().or(self.hub.as_ref().and_then(Device::keys).as_ref()),
                    Some(keys),
                    "keys that nobody has kept"
                );
                self.write(document, Some(keys), over);
            }
            KeyStep::Put { .. } => panic!("{step:?}"),
        }
    }
}

impl World for Model {
    type Action = Action;

    fn is_kept(&self) -> bool {
        self.goal == Goal::Absent && self.credential.spec.deletion_policy == DevicePolicy::Retain
    }

    fn plan(&self) -> Plan<Action> {
        if self.goal == Goal::Absent {
            return leave(&self.leaving()).map(Action::Leave);
        }
        let at = secret_of(&self.credential);
        let intact = self.stored().intact;
        let secret = self.secrets.get(&at).map(|kept| ObservedSecret { meta: Arc::new(kept.meta.clone()), intact });
        let origin = Origin::Hub { hub: place().hub.host().clone(), device: place().device };
        let keys = ObservedKeys::Generated(Box::new(self.generated()), MadeFor::Identity);
        let (renewals, stale, group) = (Tokens::default(), Vec::new(), String::new());
        plan_keys(&self.credential, &ObservedWithKeys { origin, keys, assigned: None, renewals, secret, stale, asked: None, group }, now())
    }

    fn apply(&mut self, action: &Action) {
        match action {
            Action::Keys(step) => self.take(step),
            Action::Leave(IdentityStep::Note(note)) => self.note(&note.entries),
            Action::Leave(IdentityStep::Disable { device, .. }) => self.write(device, None, &IfMatch::of(device.etag())),
            Action::Leave(IdentityStep::Delete { over, .. }) => {
                if self.hub.as_ref().is_some_and(|there| *over == IfMatch::of(there.etag())) {
                    self.hub = None;
                }
            }
            Action::Write { .. } | Action::Delete(_) => apply(&self.credential, action, &mut self.secrets),
            Action::Enrollment(_) | Action::Reprovision(_) | Action::Certificate(_) | Action::Order(_) => panic!("{action:?}"),
        }
    }

    fn go_on(&mut self) -> bool {
        false
    }
}

/// What the device is given is what its hub takes.
fn agrees(model: &Model) -> bool {
    let stored = model.stored();
    stored.live.is_some() && stored.pending.is_none() && stored.live == model.hub.as_ref().and_then(Device::keys)
}

#[test]
fn keys_are_claimed_and_stored_before_the_hub_has_them_and_given_to_the_device_after() {
    let mut model = Model::new();
    let mut seen = Vec::new();
    loop {
        let plan = model.plan();
        seen.push(plan.actions.iter().map(|action| moorage_plan::Act::reason(action).to_string()).collect::<Vec<_>>().join(" "));
        if plan.actions.is_empty() {
            break;
        }
        plan.actions.iter().for_each(|action| model.apply(action));
    }
    assert_eq!(seen, ["RecordClaim StoreDeviceKeys", "CreateIdentity UpdateSecret", "RecordClaim", ""]);
    assert!(agrees(&model), "{model:?}");
    assert!(model.record().is_some_and(|record| record == "made 1 contoso-east.azure-devices.net/devices/press-7"));
}

#[test]
fn a_secret_with_pending_keys_is_no_credential() {
    let mut model = Model::new();
    let plan = model.plan();
    plan.actions.iter().for_each(|action| model.apply(action));
    let entries: Vec<_> = model.secrets.values().flat_map(|kept| kept.data.keys().map(str::to_owned)).collect();
    assert_eq!(entries, ["moorage.pendingPrimaryKey", "moorage.pendingSecondaryKey"]);
    assert!(!model.plan().usable);
}

#[test]
fn a_derived_key_serves_until_the_cloud_has_the_new_ones() {
    let mut model = past(Past::Derived);
    let plan = model.plan();
    assert!(plan.usable, "{plan:?}");
    plan.actions.iter().for_each(|action| model.apply(action));
    let derived = source().keys.pair.primary.expose_base64();
    assert_eq!(model.secrets[&NamespacedName::new("contoso", "press-7")].data.expose("deviceKey"), Some(derived.as_str()));
}

fn ready() -> Model {
    let mut model = Model::new();
    settle(&mut model, Vec::new());
    model
}

#[test]
fn an_identity_that_was_not_made_for_this_object_is_left_alone() {
    let stranger = || Some(identity_of(9, 9, &pair(100), true));
    let before = Model { hub: stranger(), ..Model::new() };
    let after = Model { hub: stranger(), ..ready() };
    for model in [before, after] {
        let mut changed = model.clone();
        let last = settle(&mut changed, Vec::new());
        assert!(
            described(&last)[0].starts_with("stuck, AlreadyExists: device press-7 in hub contoso-east.azure-devices.net exists"),
            "{last:?}"
        );
        assert_eq!(changed.hub, model.hub);
        let mut gone = Model { goal: Goal::Absent, ..changed };
        gone.credential.spec.deletion_policy = DevicePolicy::Deprovision;
        settle(&mut gone, Vec::new());
        assert_eq!((gone.record(), gone.hub), (None, stranger()));
    }
}

#[test]
fn an_identity_that_somebody_has_disabled_stays_so_and_one_that_we_have_disabled_does_not() {
    let mut model = ready();
    let keys = model.stored().live.expect("it has keys");
    model.hub = Some(identity_of(1, 9, &keys, false));
    let last = settle(&mut model, Vec::new());
    assert!(described(&last)[0].starts_with("stuck, Disabled: somebody has disabled device press-7"), "{last:?}");

    let mut model = Model { goal: Goal::Absent, ..ready() };
    model.credential.spec.deletion_policy = DevicePolicy::Disenroll;
    settle(&mut model, Vec::new());
    assert!(model.hub.as_ref().is_some_and(|there| !there.is_enabled()));
    assert!(model.record().is_some_and(|record| record.starts_with("disabled 1 ")));
    let mut again = Model { goal: Goal::Present, secrets: Secrets::new(), ..model };
    settle(&mut again, Vec::new());
    assert!(agrees(&again) && again.hub.as_ref().is_some_and(Device::is_enabled), "{again:?}");
    assert!(again.record().is_some_and(|record| record.starts_with("made 1 ")));
}

#[test]
fn other_keys_in_the_hub_are_replaced_and_lost_ones_are_taken_from_it() {
    let keys = ready().stored().live.expect("it has keys");
    let mut drifted = Model { hub: Some(identity_of(1, 9, &pair(100), true)), ..ready() };
    assert!(described(&drifted.plan())[0].starts_with("UpdateIdentity: Write keys of device press-7"), "{:?}", described(&drifted.plan()));
    settle(&mut drifted, Vec::new());
    assert_eq!((agrees(&drifted), drifted.stored().live), (true, Some(keys.clone())));
    let mut lost = Model { secrets: Secrets::new(), ..ready() };
    settle(&mut lost, Vec::new());
    assert_eq!((agrees(&lost), lost.stored().live), (true, Some(keys.clone())));
    let mut vanished = Model { hub: None, ..ready() };
    settle(&mut vanished, Vec::new());
    assert_eq!((agrees(&vanished), vanished.stored().live), (true, Some(keys)));
}

/// What may have happened to a device before.
#[derive(Clone, Copy, Debug)]
enum Past {
    Nothing,
    Ready,
    SecretLost,
    SecretSpoilt,
    Renamed,
    IdentityLost,
    KeysChanged,
    /// A derived credential's Secret of the same name.
    Derived,
}

fn past(past: Past) -> Model {
    let at = NamespacedName::new("contoso", "press-7");
    let mut model = match past {
        Past::Nothing | Past::Derived => Model::new(),
        _ => ready(),
    };
    match past {
        Past::Nothing | Past::Ready => {}
        Past::SecretLost => model.secrets.clear(),
        Past::SecretSpoilt => {
            drop(model.secrets.get_mut(&at).expect("it is there").data.0.insert("primaryKey".to_owned(), "AAAA".to_owned().into()));
        }
        Past::Renamed => drop(model.credential.spec.secret.keys.insert("primaryKey".to_owned(), "KEY".to_owned())),
        Past::IdentityLost => model.hub = None,
        Past::KeysChanged => model.hub = Some(identity_of(1, 9, &pair(100), true)),
        Past::Derived => model.secrets = written(&object(), None, now()),
    }
    model
}

fn pasts() -> impl Strategy<Value = Past> {
    use Past::{Derived, IdentityLost, KeysChanged, Nothing, Ready, Renamed, SecretLost, SecretSpoilt};
    prop::sample::select(vec![Nothing, Ready, SecretLost, SecretSpoilt, Renamed, IdentityLost, KeysChanged, Derived])
}

proptest! {
    #[test]
    fn whatever_gets_lost_the_device_ends_with_keys_that_its_hub_takes(before in pasts(), fates in fates()) {
        let mut model = past(before);
        let last = settle(&mut model, fates);
        prop_assert!(described(&last)[0].starts_with("met"), "{:?}", described(&last));
        prop_assert!(agrees(&model), "{:?}", model);
        prop_assert!(model.record().is_some_and(|record| record.starts_with("made ")));
    }

    #[test]
    fn a_device_whose_credential_goes_is_cut_off_wherever_its_making_stood(
        so_far in 0..4_usize,
        policy in prop::sample::select(vec![DevicePolicy::Disenroll, DevicePolicy::Deprovision]),
        fates in fates(),
    ) {
        let mut model = Model::new();
        for _ in 0..so_far {
            let plan = model.plan();
            // The last of these actions is lost.
            let keep = plan.actions.len().saturating_sub(1).max(1);
            plan.actions.iter().take(keep).for_each(|action| model.apply(action));
        }
        model.goal = Goal::Absent;
        model.credential.spec.deletion_policy = policy;
        let last = settle(&mut model, fates);
        prop_assert_eq!(described(&last), ["met | usable"]);
        prop_assert!(model.hub.as_ref().is_none_or(|there| policy == DevicePolicy::Disenroll && !there.is_enabled()), "{:?}", model);
        prop_assert!(model.hub.is_some() || model.record().is_none(), "{:?}", model.record());
    }
}
