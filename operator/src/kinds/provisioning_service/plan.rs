//! What becomes of a provisioning service.
//!
//! One that is made again has a new id scope, and every device in the field would be lost: so it is kept unless its owner says
//! `Delete` and confirms, and one that has vanished is not made again unasked.

use jiff::Timestamp;
use moorage_cloud::ProvisioningService as Document;
use moorage_crds::{ProvisioningService, annotations};
use moorage_plan::{Goal, Plan, Reason, Standing, Why};

use crate::{
    azure::{
        api_version::not_rewritten,
        arm_resource::{self, Desired, Named, Obstacles, Phase, Step, ownership::Whose, phase},
        tags,
    },
    controller::{kind::Kind, reconcile::schedule::patiently},
    kinds::provisioning_service::{
        observe::{LiveState, Observed, id_of},
        perform::{Action, wants_identity},
    },
    object::ObjectKey,
};

pub(super) fn plan(object: &ProvisioningService, seen: &Observed, goal: Goal, now: Timestamp) -> Plan<Action> {
    match (goal, seen) {
        (_, Observed::Kept { users: Some(users) }) => in_use(users),
        (_, Observed::Kept { users: None }) => Plan::met(),
        (Goal::Present, Observed::Live(seen)) => present(object, seen, now),
        (Goal::Absent, Observed::Live(seen)) => absent(object, seen, now),
    }
}

fn in_use(users: &str) -> Plan<Action> {
    Plan::wait(Reason::InUse, format!("still needed by {users} to undo what they made"), None)
}

/// What a step in the life of the service is as an action.
fn action(object: &ProvisioningService) -> impl Fn(Step) -> Action {
    let (id, location) = (id_of(object), &object.spec.location);
    move |step| match step {
        Step::Group(change) => Action::Group(change),
        Step::Record(to) => Action::Record { to },
        Step::Create => Action::Create { id: id.clone(), location: location.clone() },
        Step::Delete => Action::Delete { id: id.clone() },
    }
}

fn present(object: &ProvisioningService, seen: &LiveState, now: Timestamp) -> Plan<Action> {
    let (spec, what) = (&object.spec, format!("provisioning service {}", object.spec.name));
    let named = Named { what: &what, group: &spec.resource_group };
    let desired = Desired {
        named,
        location: Some(&spec.location),
        tags: &spec.tags,
        adoption: spec.adoption,
        granted: seen.granted,
        creation: Reason::CreateProvisioningService,
        vanished: (object.annotation(annotations::RECREATE) != Some(&spec.name)).then(|| {
            format!(
                "{what} has vanished from Azure; a new one has a new id scope, which every device must learn: restore it, or annotate \
                 this object with {}={}",
                annotations::RECREATE,
                spec.name
            )
        }),
        refused: None,
    };
    let service = match arm_resource::present(desired, &seen.group, &seen.service, now) {
        Ok(service) => service,
        Err(plan) => return plan.map(action(object)).usable(is_usable_while_it_moves(seen)),
    };
    if let Some(plan) = arm_resource::in_place(named, &seen.service) {
        return plan.map(action(object)).usable(seen.refusal.is_none());
    }
    let plan = changed(object, seen, service);
    match &seen.refusal {
        // Devices may reach it; who manages it does not.
        Some(Why { reason, note }) if plan.standing == Standing::Met => {
            Plan::stalled(*reason, note.clone()).by(patiently(now)).usable(false)
        }
        refusal => plan.usable(refusal.is_none()),
    }
}

/// Whether a service that devices know can be used while an operation runs.
fn is_usable_while_it_moves(seen: &LiveState) -> bool {
    let moves = |service: &Document| matches!(phase(service), Phase::Moving(_)) && service.id_scope().is_some();
    seen.is_known && seen.service.own().is_some_and(moves)
}

/// Gives the service a managed identity, and tags, if its spec asks for them. The tags of an adopted one are its owner's.
fn changed(object: &ProvisioningService, seen: &LiveState, service: &Document) -> Plan<Action> {
    let lacks_identity = wants_identity(object) && service.principal().is_none();
    let lacks_tags = seen.service.whose == Whose::Ours && tags::are_missing(&seen.tags, |name| service.tag(name));
    if !lacks_identity && !lacks_tags {
        return Plan::met();
    }
    // What is to be given to it may be what an older api-version does not know.
    let given = if lacks_identity { service.clone().with_system_assigned_identity() } else { service.clone() };
    if let Some(loss) = given.possible_loss() {
        let Why { reason, note } = not_rewritten(&format!("provisioning service {}", object.spec.name), &loss);
        return Plan::stalled(reason, note);
    }
    if !service.keeps_every_link() {
        let note = "the provisioning service has links that do not say how they work, which a write of ours might break";
        return Plan::stalled(Reason::UnknownLinks, note);
    }
    let (what, action) = if lacks_identity { ("an identity", Action::EnableIdentity) } else { ("its tags", Action::SetTags) };
    let note = format!("provisioning service {} is being given {what}", object.spec.name);
    Plan::act(vec![action], Reason::UpdateProvisioningService, note)
}

fn absent(object: &ProvisioningService, seen: &LiveState, now: Timestamp) -> Plan<Action> {
    if let Some(users) = &seen.users {
        return in_use(users);
    }
    let (group, what) = (&object.spec.resource_group, format!("provisioning service {}", object.spec.name));
    let action = action(object);
    let linked = seen.service.document.as_ref().map_or(0, |service| service.links().len());
    let obstacles = Obstacles {
        in_use: None,
        settles_first: false,
        unconfirmed: (!object.deletion_is_confirmed())
            .then(|| object.confirmation("the id scope is lost for ever and every device must learn a new one")),
        undo: (linked > 0)
            .then(|| Plan::wait(Reason::InUse, format!("{what} still has {linked} linked hubs; unlink them first"), patiently(now))),
    };
    let deletion = Reason::DeleteProvisioningService;
    if let Some(plan) = arm_resource::absent(Named { what: &what, group }, &seen.service, obstacles, deletion, now, &action) {
        return plan;
    }
    if seen.service.document.is_none() && !seen.disenrolled.is_empty() {
        let forget = |(owner, entry): &(ObjectKey, String)| Action::ForgetDisenrolled { owner: owner.clone(), entry: entry.clone() };
        let actions = seen.disenrolled.iter().map(forget).collect();
        return Plan::act(actions, Reason::DropClaim, "What disenrolled devices is gone with the provisioning service");
    }
    arm_resource::leave_group(&seen.group, group, seen.noted, now, action)
}
