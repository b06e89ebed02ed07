//! Whatever is there at the beginning and whatever gets lost on the way, it ends as the spec says.

use moorage_cloud::{AllocationPolicy, IfMatch};
use moorage_crds::annotations::RECREATE;
use moorage_crds::{Adoption, AllocationPolicy as Desired, DeletionPolicy, ProvisioningStatus};
use moorage_plan::Reason;
use proptest::prelude::*;

use super::*;
use crate::controller::linter::{EMPTY, Fate, World, annotate, confirm, fates, reason, settle};

#[derive(Clone, Debug, PartialEq)]
struct Group {
    ours: bool,
    /// The number of its keys; `None`: it knows its devices by certificates.
    keys: Option<u8>,
    hubs: Vec<String>,
    enabled: bool,
    allocation: &'static str,
    version: u32,
}

#[derive(Clone, Debug)]
struct Model {
    object: EnrollmentGroup,
    goal: Goal,
    group: Option<Group>,
    /// The number of the keys in the Secret.
    secret: Option<u8>,
    record: Option<String>,
    applied: Option<String>,
    disabled_by_spec: bool,
    /// Looks until the tenant's hubs are linked.
    linking: u8,
    has_registrations: bool,
    made: usize,
}

impl Group {
    fn etag(&self) -> String {
        format!("\"v{}\"", self.version)
    }

    fn document(&self) -> Document {
        document(|whole| {
            whole["etag"] = json!(self.etag());
            whole["iotHubs"] = json!(self.hubs);
            whole["allocationPolicy"] = json!(self.allocation);
            whole["provisioningStatus"] = json!(if self.enabled { "enabled" } else { "disabled" });
            whole["attestation"]["type"] = json!(if self.keys.is_some() { "symmetricKey" } else { "x509" });
        })
    }
}

impl Model {
    fn is_current(&self, condition: &IfMatch) -> bool {
        let etag = self.group.as_ref().map(Group::etag);
        matches!(condition, IfMatch::Unset) || matches!(condition, IfMatch::Etag(read) if Some(read) == etag.as_ref())
    }

    fn put(&mut self, document: &Document, condition: &IfMatch) {
        let hubs: Vec<_> = document.hubs().into_iter().map(str::to_owned).collect();
        assert!(!hubs.is_empty() && hubs.iter().all(|hub| [EAST, WEST].contains(&hub.as_str())), "{hubs:?}");
        assert!(self.record.is_some(), "nothing says that it is ours");
        let number = (0..9).find(|number| document.keys() == Some(keys(*number)));
        assert!(number.is_some() && number == self.secret, "keys that could get lost");
        if !self.is_current(condition) {
            return;
        }
        let is_new = matches!(condition, IfMatch::Unset);
        assert!(!is_new || self.group.as_ref().is_none_or(|group| group.ours), "over somebody else's");
        self.made += usize::from(self.group.is_none());
        let version = self.group.as_ref().map_or(0, |group| group.version) + 1;
        let ours = self.group.as_ref().is_none_or(|group| group.ours);
        let allocation = match document.allocation() {
            Some(AllocationPolicy::GeoLatency) => "geoLatency",
            Some(AllocationPolicy::Hashed) => "hashed",
            other => panic!("nobody asked for {other:?}"),
        };
        self.group = Some(Group { ours, keys: number, hubs, enabled: document.is_enabled(), allocation, version });
    }
}

impl World for Model {
    type Action = Action;

    fn is_kept(&self) -> bool {
        self.goal == Goal::Absent && self.object.spec.deletion_policy == DeletionPolicy::Retain
    }

    fn plan(&self) -> Plan<Action> {
        if self.is_kept()
            && let Ok(Admitted::Kept { users }) = self.object.admit(&EMPTY, self.goal)
        {
            return self.object.plan(&Observed::Kept { users }, self.goal, now());
        }
        let claimed = self.record.as_deref() == Some("claimed");
        let leaving = self.goal == Goal::Absent;
        let seen = LiveState {
            group: self.group.as_ref().map(Group::document),
            keys: self.group.as_ref().and_then(|group| group.keys).map(keys),
            stored_as: if self.group.as_ref().is_some_and(|group| group.ours) { "made" } else { "adopted" },
            stored: self.secret.map(keys).filter(|_| !leaving || claimed && self.group.is_some()),
            hubs: (self.linking == 0 && !leaving).then(|| hosts(&[EAST, WEST])),
            record: self.record.clone(),
            applied: self.applied.clone(),
            disabled: self.disabled_by_spec.then(|| "spec".to_owned()),
            has_registrations: leaving && self.group.is_some() && self.has_registrations,
            keys_secret_is_ours: leaving && self.secret.is_some(),
            ..look()
        };
        plan(&self.object, seen, self.goal)
    }

    fn apply(&mut self, action: &Action) {
        match action {
            Action::Record { to } => {
                self.record = to.map(str::to_owned);
                self.applied = self.applied.take().filter(|_| to.is_some());
                self.disabled_by_spec &= to.is_some();
            }
            Action::RecordAuthorities { .. } => panic!("its devices have keys"),
            Action::RecordDisabled { by_spec } => self.disabled_by_spec = *by_spec,
            Action::RecordApplied { state } => self.applied = Some(state.clone()),
            Action::StoreKeys { taken } => {
                assert!(self.record.is_some(), "nothing says that it is ours");
                let number = taken.as_ref().map_or(Some(3), |taken| (0..9).find(|number| *taken == keys(*number)));
                // A Secret that is there is never written over.
                self.secret = self.secret.or(number);
            }
            Action::Put { document, condition, .. } => self.put(document, condition),
            Action::Delete { condition, .. } => {
                let Some(group) = self.group.as_ref().filter(|_| self.is_current(condition)) else { return };
                assert!(group.ours, "somebody else's");
                assert!(!self.has_registrations || self.object.deletion_is_confirmed());
                self.group = None;
            }
            Action::ForgetKeys => {
                assert!(self.group.as_ref().is_none_or(|group| !group.ours), "the keys of a group that is still there");
                self.secret = None;
            }
        }
    }

    fn go_on(&mut self) -> bool {
        let moved = self.linking > 0;
        self.linking = self.linking.saturating_sub(1);
        moved
    }
}

/// What is there: the group, the keys in the Secret, and what the ledger says.
fn beginnings() -> impl Strategy<Value = (Option<Group>, Option<u8>, Option<&'static str>)> {
    let group = |ours: bool, keys: &'static [Option<u8>]| {
        let hubs = prop::sample::select(vec![vec![EAST, WEST], vec![WEST], vec![], vec!["fabrikam.azure-devices.net"]]);
        let allocation = prop::sample::select(vec!["geoLatency", "hashed"]);
        (hubs, any::<bool>(), allocation, prop::sample::select(keys)).prop_map(move |(hubs, enabled, allocation, keys)| {
            let hubs = hubs.into_iter().map(str::to_owned).collect();
            Some(Group { ours, keys, hubs, enabled, allocation, version: 1 })
        })
    };
    let secret = |numbers: &'static [Option<u8>]| prop::sample::select(numbers);
    let record = |records: &'static [Option<&'static str>]| prop::sample::select(records);
    prop_oneof![
        (Just(None), secret(&[None, Some(1)]), record(&[None, Some("claimed"), Some("made"), Some("adopted")])),
        (group(true, &[Some(1)]), secret(&[Some(1)]), record(&[Some("claimed"), Some("made")])),
        (group(true, &[Some(1)]), secret(&[None, Some(2)]), record(&[Some("made")])),
        (group(false, &[Some(5), None]), secret(&[None, Some(1)]), record(&[None, Some("claimed"), Some("adopted")])),
        (group(false, &[Some(5)]), secret(&[Some(5)]), record(&[None, Some("adopted")])),
    ]
}

prop_compose! {
    fn models(goal: Goal)(
        (group, secret, record) in beginnings(),
        adoption in prop::sample::select(&["Never", "IfUnmanaged"][..]),
        status in prop::sample::select(&["Enabled", "Disabled"][..]),
        (recreate, has_registrations, by_spec) in any::<(bool, bool, bool)>(),
        linking in 0..3_u8,
        (allocation, drift) in (prop::sample::select(&["GeoLatency", "Hashed"][..]), prop::sample::select(&["Correct", "Report"][..])),
        deletion in prop::sample::select(&["Delete", "Retain"][..]),
    ) -> Model {
        let spec = json!({
            "adoption": adoption, "provisioningStatus": status, "allocationPolicy": allocation, "driftPolicy": drift, "deletionPolicy": deletion,
        });
        let mut object = object(&spec);
        if recreate {
            annotate(&mut object.metadata, RECREATE, "press");
        }
        let disabled_by_spec = by_spec && record.is_some();
        let record = record.map(str::to_owned);
        Model { object, goal, group, secret, record, applied: None, disabled_by_spec, linking, has_registrations, made: 0 }
    }
}

fn ends_present(before: &Model, fates: Vec<Fate>) -> Result<(), TestCaseError> {
    let mut after = before.clone();
    let last = settle(&mut after, fates);
    prop_assert!(after.made <= 1);
    let stranger = before.group.as_ref().filter(|group| !group.ours);
    // The ledger was lost, and the Secret with the keys of the adopted group was not.
    let is_proven =
        before.record.is_none() && before.secret.is_some() && before.secret == before.group.as_ref().and_then(|group| group.keys);
    let may = is_proven || before.object.spec.adoption == Adoption::IfUnmanaged || before.record.as_deref() == Some("adopted");
    if let Some(stranger) = stranger.filter(|group| !may || group.keys.is_none()) {
        prop_assert_eq!(reason(&last), Some(Reason::AlreadyExists));
        prop_assert_eq!((after.group.as_ref(), after.secret), (Some(stranger), before.secret));
        return Ok(());
    }
    let is_lost = before.group.is_none() && before.secret.is_none() && matches!(before.record.as_deref(), Some("made" | "adopted"));
    if is_lost && before.object.annotation(RECREATE).is_none() {
        prop_assert_eq!(reason(&last), Some(Reason::Vanished));
        prop_assert_eq!((after.group, after.secret), (None, None));
        return Ok(());
    }
    let enables = before.object.spec.provisioning_status == ProvisioningStatus::Enabled;
    let found_disabled = enables && !before.disabled_by_spec && before.group.as_ref().is_some_and(|group| !group.enabled);
    if found_disabled {
        prop_assert_eq!((reason(&last), last.usable), (Some(Reason::Disabled), false));
    } else {
        prop_assert_eq!(described(&last), ["met | usable"]);
    }
    prop_assert_eq!(after.disabled_by_spec, !enables);
    let group = after.group.expect("it is there");
    let allocation = if before.object.spec.allocation_policy == Desired::Hashed { "hashed" } else { "geoLatency" };
    prop_assert_eq!((&group.hubs[..], group.allocation), (&[EAST.to_owned(), WEST.to_owned()][..], allocation));
    prop_assert_eq!(group.enabled, enables && !found_disabled);
    prop_assert!(group.keys.is_some() && group.keys == after.secret, "what is stored is what is registered");
    let known = before.secret.or(before.group.as_ref().and_then(|group| group.keys));
    prop_assert!(known.is_none_or(|known| group.keys == Some(known)), "no device's key changes");
    let adopted = stranger.is_some() || !is_lost && before.record.as_deref() == Some("adopted");
    prop_assert_eq!(after.record.as_deref(), Some(if adopted { "adopted" } else { "made" }));
    Ok(())
}

fn ends_absent(before: &Model, fates: Vec<Fate>) -> Result<(), TestCaseError> {
    let mut after = before.clone();
    let mut last = settle(&mut after, fates);
    if before.is_kept() {
        prop_assert_eq!(described(&last), ["met | usable"]);
        prop_assert_eq!((after.group, after.secret, after.record), (before.group.clone(), before.secret, before.record.clone()));
        return Ok(());
    }
    if reason(&last) == Some(Reason::AwaitingConfirmation) {
        prop_assert_eq!((&after.group, after.secret, &after.record), (&before.group, before.secret, &before.record));
        confirm(&mut after.object.metadata);
        last = settle(&mut after, Vec::new());
    }
    prop_assert_eq!(described(&last), ["met | usable"]);
    prop_assert_eq!((after.secret, after.record, after.made), (None, None, 0));
    prop_assert_eq!(after.group, before.group.clone().filter(|group| !group.ours));
    Ok(())
}

/// A group that is as its spec says, and was seen to be so, with what somebody then changed.
fn drifted(policy: &str) -> Model {
    let group = Group {
        ours: true,
        keys: Some(1),
        hubs: vec![EAST.to_owned(), WEST.to_owned()],
        enabled: true,
        allocation: "geoLatency",
        version: 1,
    };
    let mut model = Model {
        object: object(&json!({ "driftPolicy": policy })),
        goal: Goal::Present,
        group: Some(group),
        secret: Some(1),
        record: Some("made".to_owned()),
        applied: None,
        disabled_by_spec: false,
        linking: 0,
        has_registrations: false,
        made: 0,
    };
    assert_eq!(described(&settle(&mut model, Vec::new())), ["met | usable"]);
    let group = model.group.as_mut().expect("it is there");
    (group.allocation, group.hubs) = ("hashed", vec![EAST.to_owned(), "fabrikam.azure-devices.net".to_owned()]);
    model
}

#[test]
fn a_group_that_somebody_has_disabled_stays_so_until_its_spec_has_said_so_too() {
    for policy in ["Correct", "Report"] {
        let mut model = drifted(policy);
        model.group.as_mut().expect("it is there").enabled = false;
        let last = settle(&mut model, Vec::new());
        assert_eq!((reason(&last), last.usable, last.drift.is_some()), (Some(Reason::Disabled), false, policy == "Report"));
        let hubs = model.group.as_ref().map(|group| (group.enabled, group.hubs.contains(&WEST.to_owned())));
        assert_eq!(hubs, Some((false, policy == "Correct")), "the rest is as the policy says");

        model.object.spec.provisioning_status = ProvisioningStatus::Disabled;
        assert_eq!(described(&settle(&mut model, Vec::new())), ["met | usable"]);
        model.object.spec.provisioning_status = ProvisioningStatus::Enabled;
        assert_eq!(described(&settle(&mut model, Vec::new())), ["met | usable"]);
        assert_eq!(model.group.map(|group| group.enabled), Some(true));
        assert!(!model.disabled_by_spec, "the next one who disables it is heard again");
    }
}

#[test]
fn what_somebody_else_changed_is_corrected_or_only_told_as_the_policy_says() {
    let mut corrected = drifted("Correct");
    assert_eq!(described(&settle(&mut corrected, Vec::new())), ["met | usable"]);
    assert!(corrected.group.is_some_and(|group| group.allocation == "geoLatency"));

    let mut reported = drifted("Report");
    let sentence = "met | usable | drifted: enrollment group press differs from its spec in iotHubs, allocationPolicy, and is left so \
                    (driftPolicy: Report); undo that in Azure, change the spec, or set driftPolicy: Correct";
    assert_eq!(described(&settle(&mut reported, Vec::new())), [sentence]);
    assert!(reported.group.is_some_and(|group| group.allocation == "hashed"));
}

#[test]
fn a_change_of_the_spec_is_carried_out_over_drift_that_was_only_told() {
    let mut model = drifted("Report");
    assert!(settle(&mut model, Vec::new()).drift.is_some());
    model.object.spec.allocation_policy = Desired::Hashed;
    assert_eq!(described(&settle(&mut model, Vec::new())), ["met | usable"]);
    let group = model.group.expect("it is there");
    assert_eq!((group.allocation, group.hubs), ("hashed", vec![EAST.to_owned(), WEST.to_owned()]));
}

proptest! {
    #[test]
    fn a_group_comes_to_be_as_its_spec_says_whatever_is_lost_on_the_way(model in models(Goal::Present), fates in fates()) {
        ends_present(&model, fates)?;
    }

    #[test]
    fn a_group_goes_with_everything_of_ours_and_nothing_of_others(model in models(Goal::Absent), fates in fates()) {
        ends_absent(&model, fates)?;
    }
}
