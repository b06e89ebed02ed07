//! What becomes of a group.

use jiff::Timestamp;
use moorage_cloud::{Attestation, EnrollmentGroup as Document, IfMatch, KeyPair, Signers};
use moorage_crds::{Adoption, DriftPolicy, EnrollmentGroup, ProvisioningStatus, annotations};
use moorage_plan::{Act, Goal, Plan, Reason, Standing, Target, Why};

use super::{
    authorities::ending,
    desired::{Desired, Proof},
    keys::{has_keys, id_of, secret_of},
    observe::{LiveState, Observed},
    succession,
};
use crate::{
    azure::api_version::not_rewritten,
    controller::kind::Kind,
    ledger::entries::{ADOPTED, CLAIMED, FORMER_AUTHORITY, MADE},
    object::Keyed,
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
    /// Writes down which authorities devices were issued by.
    RecordAuthorities {
        notes: Vec<AuthorityNote>,
        text: &'static str,
    },
    /// Writes down that the group is disabled because its spec says so, or that it is no more.
    RecordDisabled {
        by_spec: bool,
    },
    /// Writes down the state that was seen in place.
    RecordApplied {
        state: String,
    },
}

/// An entry of the ledger with the certificate of an authority, or without it.
pub type AuthorityNote = (&'static str, Option<String>);

impl Act for Action {
    fn reason(&self) -> Reason {
        match self {
            Self::StoreKeys { .. } => Reason::StoreGroupKeys,
            Self::Put { condition: IfMatch::Unset, .. } => Reason::CreateEnrollmentGroup,
            Self::Put { .. } => Reason::UpdateEnrollmentGroup,
            Self::Delete { .. } => Reason::DeleteEnrollmentGroup,
            Self::ForgetKeys => Reason::DeleteSecret,
            Self::Record { to: Some(_) }
            | Self::RecordAuthorities { .. }
            | Self::RecordDisabled { by_spec: true }
            | Self::RecordApplied { .. } => Reason::RecordClaim,
            Self::Record { to: None } | Self::RecordDisabled { by_spec: false } => Reason::DropClaim,
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
            Self::RecordAuthorities { text, .. } => (*text).to_owned(),
            Self::RecordDisabled { by_spec: true } => "Write down that the group is disabled as its spec says".to_owned(),
            Self::RecordDisabled { by_spec: false } => "Strike from the ledger that the group was disabled".to_owned(),
            Self::RecordApplied { .. } => "Write down that the group is as its spec says".to_owned(),
        }
    }

    fn target(&self) -> Target {
        match self {
            Self::Put { .. } | Self::Delete { .. } => Target::Cloud,
            Self::Record { .. }
            | Self::RecordAuthorities { .. }
            | Self::RecordDisabled { .. }
            | Self::RecordApplied { .. }
            | Self::StoreKeys { .. }
            | Self::ForgetKeys => Target::Cluster,
        }
    }

    fn is_news(&self) -> bool {
        match self {
            Self::Record { .. } | Self::RecordDisabled { .. } | Self::RecordApplied { .. } => false,
            // That one has followed on another is news; that one is there is not.
            Self::RecordAuthorities { notes, .. } => notes.iter().any(|(entry, _)| *entry == FORMER_AUTHORITY),
            Self::StoreKeys { .. } | Self::Put { .. } | Self::Delete { .. } | Self::ForgetKeys => true,
        }
    }
}

/// Decides.
pub(super) fn plan(group: &EnrollmentGroup, seen: &Observed, goal: Goal, now: Timestamp) -> Plan<Action> {
    match (goal, seen) {
        (_, Observed::Kept { users: Some(users) }) => {
            Plan::wait(Reason::InUse, format!("still needed by {users} to undo what they made"), None)
        }
        (_, Observed::Kept { users: None }) => Plan::met(),
        (Goal::Present, Observed::Live(seen)) => present(group, seen, now),
        (Goal::Absent, Observed::Live(seen)) => absent(group, seen),
    }
}

pub(super) fn present(group: &EnrollmentGroup, seen: &LiveState, now: Timestamp) -> Plan<Action> {
    let ending = seen.signers.as_ref().map(|signers| ending(group, signers, now)).unwrap_or_default();
    if let Some(Why { reason, note }) = ending.over {
        return Plan::stalled(reason, note).usable(has_a_living_signer(seen, now)).by(ending.next);
    }
    let plan = match &seen.group {
        None => create(group, seen),
        Some(there) => keep(group, seen, there, now),
    };
    let plan = match ending.soon {
        Some(why) if plan.standing == Standing::Met => Plan { standing: Standing::Stalled(why), ..plan },
        _ => plan,
    };
    plan.by(ending.next)
}

/// Whether some devices can register still when one of their authorities has ended.
fn has_a_living_signer(seen: &LiveState, now: Timestamp) -> bool {
    let (Some(there), Some(Signers::Certificates(pair))) = (&seen.group, &seen.signers) else { return false };
    matches!(seen.record.as_deref(), Some(MADE | ADOPTED)) && pair.iter().any(|one| one.not_after() > now && there.accepts(one))
}

fn keep(group: &EnrollmentGroup, seen: &LiveState, there: &Document, now: Timestamp) -> Plan<Action> {
    let id = id_of(group);
    if let Some(refused) = claim(group, seen) {
        return refused;
    }
    let proof = match known_by(group, seen, there) {
        Ok(proof) => proof,
        Err(plan) => return plan,
    };
    if let Some(plan) = succession::plan(group, seen, there, now) {
        return plan;
    }
    // One that names no hubs gives its devices any that is linked, other tenants' among them.
    let Some(hubs) = &seen.hubs else { return waiting_for_hubs(group).usable(!there.hubs().is_empty()) };
    let wish = Desired { group, hubs, proof, webhook: seen.webhook.as_ref(), may_enable: seen.is_disabled_by_spec() };
    if let Some(record) = disabled_by_spec(group, seen, there) {
        let note = format!("Enrollment group {id} is disabled, or enabled, as its spec says");
        return Plan::act(vec![record], Reason::RecordClaim, note).usable(true);
    }
    let plan = keep_as(&wish, seen, there);
    if plan.standing == Standing::Met && wish.is_found_disabled(there) {
        let note = format!(
            "somebody has disabled enrollment group {id} in Azure, and no device can register through it; it is not enabled unasked: enable it \
             there, or set provisioningStatus: Disabled and, when this object is Ready, Enabled"
        );
        return Plan { standing: Standing::stalled(Reason::Disabled, note), ..plan }.usable(false);
    }
    plan
}

/// What the ledger has to say of a group that its spec disables, or does no longer.
fn disabled_by_spec(group: &EnrollmentGroup, seen: &LiveState, there: &Document) -> Option<Action> {
    let by_spec = match group.spec.provisioning_status {
        ProvisioningStatus::Disabled => true,
        ProvisioningStatus::Enabled => seen.is_disabled_by_spec() && !there.is_enabled(),
    };
    (by_spec != seen.is_disabled_by_spec()).then_some(Action::RecordDisabled { by_spec })
}

fn keep_as(wish: &Desired<'_>, seen: &LiveState, there: &Document) -> Plan<Action> {
    let Desired { group, proof, .. } = *wish;
    let id = id_of(group);
    let (fields, opens) = (wish.drift(there, seen.keys.as_ref()), proof.opens(there, seen.keys.as_ref()));
    let reports = group.spec.drift_policy == DriftPolicy::Report;
    let state = reports.then(|| wish.state());
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
        return Plan::met().usable(opens).drifted(note);
    }
    if let Some(loss) = there.possible_loss() {
        let Why { reason, note } = not_rewritten(&format!("enrollment group {id}"), &loss);
        return Plan::stalled(reason, note).usable(opens);
    }
    let put = Action::Put { document: wish.document(there.clone()), condition: IfMatch::of(there.etag()), id: id.to_owned(), fields };
    Plan::act(vec![put], Reason::UpdateEnrollmentGroup, note).usable(opens)
}

/// By what the group that is there knows its devices, or what has to be done before that can be said.
fn known_by<'a>(group: &EnrollmentGroup, seen: &'a LiveState, there: &Document) -> Result<Proof<'a>, Plan<Action>> {
    let other = |kind: &str| {
        let note = format!("enrollment group {} {kind}; choose another enrollmentGroupId", id_of(group));
        Plan::stalled(Reason::AlreadyExists, note)
    };
    if let Some(signers) = &seen.signers {
        let by_certificate = there.attestation() == Some(Attestation::X509);
        return by_certificate.then_some(Proof::Signers(signers)).ok_or_else(|| other("does not know its devices by certificates"));
    }
    let keys = seen.keys.as_ref().ok_or_else(|| other("has no symmetric keys"))?;
    seen.stored.as_ref().map(Proof::Keys).ok_or_else(|| {
        let store = Action::StoreKeys { taken: Some(keys.clone()) };
        Plan::act(vec![store], Reason::StoreGroupKeys, "The group's keys are being stored").usable(true)
    })
}

/// By what the group should know its devices, as far as that is in the cluster.
fn proof(seen: &LiveState) -> Option<Proof<'_>> {
    seen.signers.as_ref().map(Proof::Signers).or_else(|| seen.stored.as_ref().map(Proof::Keys))
}

/// What is told of the differences that are left as they are.
pub(super) fn reported(group: &EnrollmentGroup, seen: &LiveState) -> Vec<String> {
    if group.spec.drift_policy != DriftPolicy::Report {
        return Vec::new();
    }
    let (Some(there), Some(hubs), Some(proof)) = (&seen.group, &seen.hubs, proof(seen)) else { return Vec::new() };
    let wish = Desired { group, hubs, proof, webhook: seen.webhook.as_ref(), may_enable: true };
    wish.drift(there, seen.keys.as_ref()).into_iter().map(str::to_owned).collect()
}

/// First the claim and the keys, each written down; then, on the next look, the group.
fn create(group: &EnrollmentGroup, seen: &LiveState) -> Plan<Action> {
    let id = id_of(group);
    let Some(hubs) = &seen.hubs else { return waiting_for_hubs(group) };
    // An authority is in the spec; nothing of the group is lost with it.
    let lost = proof(seen).is_none() && matches!(seen.record.as_deref(), Some(MADE | ADOPTED));
    if lost && group.annotation(annotations::RECREATE) != Some(id) {
        let note = format!(
            "enrollment group {id} has vanished from Azure, and Secret {} with its keys from the cluster; with new keys every device must be given its credential anew: restore the Secret, or annotate this object with {}={id}",
            secret_of(group),
            annotations::RECREATE
        );
        return Plan::stalled(Reason::Vanished, note);
    }
    if let Some(full) = seen.others.filter(|others| others.left() == 0) {
        let note = format!(
            "the provisioning service has {} of {} enrollment groups with symmetric keys, and no room for {id}; delete one there, or use another service",
            full.used, full.limit
        );
        return Plan::stalled(Reason::QuotaExceeded, note);
    }
    let mut actions = Vec::new();
    if lost || seen.record.is_none() {
        actions.push(Action::Record { to: Some(CLAIMED) });
    }
    match proof(seen) {
        None => actions.push(Action::StoreKeys { taken: None }),
        Some(proof) if actions.is_empty() => {
            let document =
                Desired { group, hubs, proof, webhook: seen.webhook.as_ref(), may_enable: true }.document(proof.new_document(id));
            actions.push(Action::Put { document, condition: IfMatch::Unset, id: id.to_owned(), fields: Vec::new() });
        }
        Some(_) => {}
    }
    Plan::act(actions, Reason::CreateEnrollmentGroup, format!("Enrollment group {id} is being created"))
}

/// A group has no tags: that it is ours is written down before it is made, and afterwards shown by its keys.
fn claim(group: &EnrollmentGroup, seen: &LiveState) -> Option<Plan<Action>> {
    let id = id_of(group);
    match (seen.record.as_deref(), has_our_proof(seen), group.spec.adoption) {
        (Some(MADE | ADOPTED), ..) => None,
        (Some(CLAIMED), true, _) => {
            let note = format!("Enrollment group {id} is in place");
            Some(Plan::act(vec![Action::Record { to: Some(MADE) }], Reason::RecordClaim, note))
        }
        // The ledger was lost, and the Secret was not: nobody else has its keys.
        (None, true, Adoption::Never) if has_keys(group) => {
            let note = format!("Enrollment group {id} has the keys of this object's Secret");
            Some(Plan::act(vec![Action::Record { to: Some(seen.stored_as) }], Reason::RecordClaim, note).usable(true))
        }
        (_, _, Adoption::IfUnmanaged | Adoption::Always) => {
            let note = format!("Enrollment group {id} is being adopted");
            Some(Plan::act(vec![Action::Record { to: Some(ADOPTED) }], Reason::RecordClaim, note))
        }
        (_, _, Adoption::Never) => {
            let with = if has_keys(group) { "with its keys" } else { "and have it accept these authorities only" };
            let note = format!(
                "enrollment group {id} exists already; set adoption: IfUnmanaged to take it over {with}, or choose another enrollmentGroupId"
            );
            Some(Plan::stalled(Reason::AlreadyExists, note))
        }
    }
}

/// Whether what is there has the keys that we stored, or the signers that we named, before we made it.
fn has_our_proof(seen: &LiveState) -> bool {
    seen.group.as_ref().zip(proof(seen)).is_some_and(|(there, proof)| proof.is(there, seen.keys.as_ref()))
}

fn waiting_for_hubs(group: &EnrollmentGroup) -> Plan<Action> {
    let reference = &group.spec.tenant_hub_group_ref;
    Plan::wait(Reason::DependencyNotReady, format!("TenantHubGroup {} has not linked all its hubs yet", reference.name), None)
}

pub(super) fn absent(group: &EnrollmentGroup, seen: &LiveState) -> Plan<Action> {
    let id = id_of(group);
    let ours = match seen.record.as_deref() {
        Some(MADE) => true,
        // Somebody may have been faster than we.
        Some(CLAIMED) => has_our_proof(seen),
        _ => false,
    };
    if let Some(there) = seen.group.as_ref().filter(|_| ours) {
        if seen.has_registrations && !group.deletion_is_confirmed() {
            let loss = format!("devices are registered through enrollment group {id} and can then not register again");
            return Plan::wait(Reason::AwaitingConfirmation, group.confirmation(&loss), None);
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
