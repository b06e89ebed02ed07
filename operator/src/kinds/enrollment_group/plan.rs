//! What becomes of a group.

use moorage_cloud::{AllocationPolicy as CloudPolicy, EnrollmentGroup as Document, HubHost, IfMatch, KeyPair, Reprovisioning};
use moorage_crds::{Adoption, AllocationPolicy, DriftPolicy, EnrollmentGroup, ProvisioningStatus, annotations};
use moorage_plan::{Plan, Reason};

use super::keys::{digest_of, id_of, secret_of};
use super::observe::Looked;
use crate::{
    effects::Target,
    kind::{Act, Kind},
    kinds::{
        confirmation,
        ownership::{ADOPTED, CLAIMED, MADE},
    },
};

/// What can be done for a group.
#[derive(Debug)]
pub enum Action {
    /// Generates keys, or takes those that DPS holds, and stores them.
    StoreKeys {
        taken: Option<KeyPair>,
    },
    /// Writes the group.
    Put {
        document: Document,
        condition: IfMatch,
        id: String,
        /// The fields in which it differs from what is there; none if nothing is.
        fields: Vec<&'static str>,
    },
    Delete {
        id: String,
        condition: IfMatch,
    },
    ForgetKeys,
    Record {
        to: Option<&'static str>,
    },
    /// Writes down the state that was seen in place.
    RecordApplied {
        state: String,
    },
}

impl Act for Action {
    fn reason(&self) -> Reason {
        match self {
            Self::StoreKeys { .. } => Reason::StoreGroupKeys,
            Self::Put { condition: IfMatch::Unset, .. } => Reason::CreateEnrollmentGroup,
            Self::Put { .. } => Reason::UpdateEnrollmentGroup,
            Self::Delete { .. } => Reason::DeleteEnrollmentGroup,
            Self::ForgetKeys => Reason::DeleteSecret,
            Self::Record { to: Some(_) } | Self::RecordApplied { .. } => Reason::RecordClaim,
            Self::Record { to: None } => Reason::DropClaim,
        }
    }

    fn note(&self) -> String {
        match self {
            Self::StoreKeys { taken: None } => "Generate the group's two keys and store them".to_owned(),
            Self::StoreKeys { taken: Some(_) } => "Store the two keys that the group has in Azure".to_owned(),
            Self::Put { id, condition: IfMatch::Unset, .. } => format!("Create enrollment group {id}"),
            Self::Put { id, fields, .. } => format!("Bring {} of enrollment group {id} to its spec", fields.join(", ")),
            Self::Delete { id, .. } => format!("Delete enrollment group {id}"),
            Self::ForgetKeys => "Delete the Secret with the group's keys".to_owned(),
            Self::Record { to: Some(to) } => format!("Write down that the group is {to}"),
            Self::Record { to: None } => "Strike the group from the ledger".to_owned(),
            Self::RecordApplied { .. } => "Write down that the group is as its spec says".to_owned(),
        }
    }

    fn target(&self) -> Target {
        match self {
            Self::Record { .. } | Self::RecordApplied { .. } | Self::StoreKeys { .. } | Self::ForgetKeys => Target::Cluster,
            Self::Put { .. } | Self::Delete { .. } => Target::Cloud,
        }
    }

    fn is_news(&self) -> bool {
        !matches!(self, Self::Record { .. } | Self::RecordApplied { .. })
    }
}

/// How devices are given their hub.
pub(crate) fn allocation(group: &EnrollmentGroup) -> CloudPolicy {
    match group.spec.allocation_policy {
        AllocationPolicy::GeoLatency => CloudPolicy::GeoLatency,
        AllocationPolicy::Hashed => CloudPolicy::Hashed,
        AllocationPolicy::Static => CloudPolicy::Static,
    }
}

/// How the group would be written, of what is there now.
fn wanted(group: &EnrollmentGroup, document: Document, hubs: &[HubHost], keys: &KeyPair) -> Document {
    let enabled = group.spec.provisioning_status == ProvisioningStatus::Enabled;
    document.with_hubs(allocation(group), hubs).with_enabled(enabled).with_reprovisioning(Reprovisioning::Migrate).with_keys(keys)
}

/// What differs between the group in DPS and its spec, by field.
pub(super) fn drift(group: &EnrollmentGroup, document: &Document, hubs: &[HubHost]) -> Vec<&'static str> {
    let mut there: Vec<_> = document.hubs().into_iter().map(str::to_lowercase).collect();
    there.sort();
    let wanted: Vec<_> = hubs.iter().map(|hub| hub.host().as_str().to_lowercase()).collect();
    let enabled = group.spec.provisioning_status == ProvisioningStatus::Enabled;
    [
        ("iotHubs", there == wanted),
        ("allocationPolicy", document.allocation() == Some(allocation(group))),
        ("provisioningStatus", document.is_enabled() == enabled),
        ("reprovisionPolicy", document.reprovisioning() == Reprovisioning::Migrate),
    ]
    .into_iter()
    .filter_map(|(field, same)| (!same).then_some(field))
    .collect()
}

pub(super) fn present(group: &EnrollmentGroup, seen: &Looked) -> Plan<Action> {
    let id = id_of(group);
    let Some(there) = &seen.group else { return create(group, seen) };
    if let Some(refused) = claim(group, seen) {
        return refused;
    }
    let Some(keys) = &seen.keys else {
        return Plan::stuck(
            Reason::AlreadyExists,
            format!("enrollment group {id} has no symmetric keys; choose another enrollmentGroupId"),
        );
    };
    let Some(stored) = &seen.stored else {
        let store = Action::StoreKeys { taken: Some(keys.clone()) };
        return Plan::act(vec![store], Reason::StoreGroupKeys, "The group's keys are being stored").usable(true);
    };
    // One that names no hubs gives its devices any that is linked, other tenants' among them.
    let Some(hubs) = &seen.hubs else { return waiting_for_hubs(group).usable(!there.hubs().is_empty()) };
    let mut fields = drift(group, there, hubs);
    if stored != keys {
        fields.push("symmetricKey");
    }
    let reports = group.spec.drift_policy == DriftPolicy::Report;
    let state = reports.then(|| state(group, hubs, stored));
    if fields.is_empty() {
        return match state.filter(|state| seen.applied.as_ref() != Some(state)) {
            Some(state) => {
                let note = format!("Enrollment group {id} is as its spec says");
                Plan::act(vec![Action::RecordApplied { state }], Reason::RecordClaim, note).usable(true)
            }
            None => Plan::met(),
        };
    }
    let note = format!("enrollment group {id} differs from its spec in {}", fields.join(", "));
    if reports && seen.applied == state {
        let note =
            format!("{note}, and is left so (driftPolicy: Report); undo that in Azure, change the spec, or set driftPolicy: Correct");
        return Plan::stuck(Reason::Drifted, note).usable(stored == keys);
    }
    let document = wanted(group, there.clone(), hubs, stored);
    let put = Action::Put { document, condition: IfMatch::of(there.etag()), id: id.to_owned(), fields };
    Plan::act(vec![put], Reason::UpdateEnrollmentGroup, note).usable(stored == keys)
}

/// What the spec asks for, in words: once it was seen in place, a difference is somebody else's doing.
fn state(group: &EnrollmentGroup, hubs: &[HubHost], keys: &KeyPair) -> String {
    let hosts: Vec<_> = hubs.iter().map(|hub| hub.host().as_str().to_lowercase()).collect();
    let spec = &group.spec;
    format!("{:?}, {:?}, {}, keys {}", spec.allocation_policy, spec.provisioning_status, hosts.join(" "), digest_of(keys))
}

/// What is told of the differences that are left as they are.
pub(super) fn reported(group: &EnrollmentGroup, seen: &Looked) -> Vec<String> {
    if group.spec.drift_policy != DriftPolicy::Report {
        return Vec::new();
    }
    let (Some(there), Some(hubs), Some(stored)) = (&seen.group, &seen.hubs, &seen.stored) else { return Vec::new() };
    let keys = (seen.keys.as_ref() != Some(stored)).then_some("symmetricKey");
    drift(group, there, hubs).into_iter().chain(keys).map(str::to_owned).collect()
}

/// First the claim and the keys, each written down; then, on the next look, the group.
fn create(group: &EnrollmentGroup, seen: &Looked) -> Plan<Action> {
    let id = id_of(group);
    let Some(hubs) = &seen.hubs else { return waiting_for_hubs(group) };
    let lost = seen.stored.is_none() && matches!(seen.record.as_deref(), Some(MADE | ADOPTED));
    if lost && group.annotation(annotations::RECREATE) != Some(id) {
        let note = format!(
            "enrollment group {id} has vanished from Azure, and Secret {} with its keys from the cluster; with new keys every device must be given its credential anew: restore the Secret, or annotate this object with {}={id}",
            secret_of(group),
            annotations::RECREATE
        );
        return Plan::stuck(Reason::Vanished, note);
    }
    if let Some(full) = seen.others.filter(|others| others.left() == 0) {
        let note = format!(
            "the provisioning service has {} of {} enrollment groups with symmetric keys, and no room for {id}; delete one there, or use another service",
            full.used, full.limit
        );
        return Plan::stuck(Reason::QuotaExceeded, note);
    }
    let mut actions = Vec::new();
    if lost || seen.record.is_none() {
        actions.push(Action::Record { to: Some(CLAIMED) });
    }
    match &seen.stored {
        None => actions.push(Action::StoreKeys { taken: None }),
        Some(keys) if actions.is_empty() => {
            let document = wanted(group, Document::with_symmetric_keys(id, keys), hubs, keys);
            actions.push(Action::Put { document, condition: IfMatch::Unset, id: id.to_owned(), fields: Vec::new() });
        }
        Some(_) => {}
    }
    Plan::act(actions, Reason::CreateEnrollmentGroup, format!("Enrollment group {id} is being created"))
}

/// A group has no tags: that it is ours is written down before it is made, and afterwards shown by its keys.
fn claim(group: &EnrollmentGroup, seen: &Looked) -> Option<Plan<Action>> {
    let id = id_of(group);
    match (seen.record.as_deref(), has_our_keys(seen), group.spec.adoption) {
        (Some(MADE | ADOPTED), ..) => None,
        (Some(CLAIMED), true, _) => {
            let note = format!("Enrollment group {id} is in place");
            Some(Plan::act(vec![Action::Record { to: Some(MADE) }], Reason::RecordClaim, note))
        }
        (_, _, Adoption::IfUnmanaged | Adoption::Always) => {
            let note = format!("Enrollment group {id} is being adopted");
            Some(Plan::act(vec![Action::Record { to: Some(ADOPTED) }], Reason::RecordClaim, note))
        }
        (_, _, Adoption::Never) => {
            let note = format!(
                "enrollment group {id} exists already; set adoption: IfUnmanaged to take it over with its keys, or choose another enrollmentGroupId"
            );
            Some(Plan::stuck(Reason::AlreadyExists, note))
        }
    }
}

/// Whether what is there has the keys that we stored before we made it.
fn has_our_keys(seen: &Looked) -> bool {
    seen.keys.is_some() && seen.keys == seen.stored
}

fn waiting_for_hubs(group: &EnrollmentGroup) -> Plan<Action> {
    let reference = &group.spec.tenant_hub_group_ref;
    Plan::wait(Reason::DependencyNotReady, format!("TenantHubGroup {} has not linked all its hubs yet", reference.name), None)
}

pub(super) fn absent(group: &EnrollmentGroup, seen: &Looked) -> Plan<Action> {
    let id = id_of(group);
    let ours = match seen.record.as_deref() {
        Some(MADE) => true,
        // Somebody may have been faster than we.
        Some(CLAIMED) => has_our_keys(seen),
        _ => false,
    };
    if let Some(there) = seen.group.as_ref().filter(|_| ours) {
        if seen.has_registrations && !group.deletion_is_confirmed() {
            let loss = format!("devices are registered through enrollment group {id} and can then not register again");
            return Plan::wait(Reason::AwaitingConfirmation, confirmation(group, &loss), None);
        }
        let delete = Action::Delete { id: id.to_owned(), condition: IfMatch::of(there.etag()) };
        return Plan::act(vec![delete], Reason::DeleteEnrollmentGroup, format!("Enrollment group {id} is being deleted"));
    }
    let mut actions = Vec::new();
    if seen.keys_secret_is_ours {
        actions.push(Action::ForgetKeys);
    }
    if seen.record.is_some() {
        actions.push(Action::Record { to: None });
    }
    if actions.is_empty() {
        Plan::met()
    } else {
        Plan::act(actions, Reason::DropClaim, format!("The last traces of {} are being removed", group.key()))
    }
}
