//! What differs in Azure from a hub group's spec because somebody else changed it, and what becomes of that.
//!
//! The ledger holds the state in which everything was last seen as the spec says. While the spec still asks for that state, a
//! difference is drift; otherwise it is a change of the spec that is under way.

use moorage_cloud::Hub;
use moorage_crds::{DriftPolicy, IotHub, LinkAuthentication, TenantHubGroup};
use moorage_plan::{Plan, Reason, Standing};

use crate::{
    azure::{
        arm_resource::{is_active, ownership::Whose},
        tags,
    },
    kinds::tenant_hub_group::{
        links::wanted_link,
        observe::{LiveState, ObservedHub},
        perform::Action,
        plan::sku_name,
    },
    ledger::entries::{APPLIED, LINK, LINKED_TO, ROLE, recorded},
};

/// Under `driftPolicy: Report`, writes down when everything is as the spec says.
pub(super) fn record_or_tell(group: &TenantHubGroup, seen: &LiveState, plan: Plan<Action>) -> Plan<Action> {
    if group.spec.drift_policy != DriftPolicy::Report {
        return plan;
    }
    let state = state(group, seen);
    if recorded(&seen.entries, APPLIED) != Some(&state) {
        if !(plan.actions.is_empty() && plan.standing == Standing::Met) {
            return plan;
        }
        let record = Action::Record { entries: vec![(APPLIED.to_owned(), Some(state))] };
        return Plan::act(vec![record], Reason::RecordClaim, "Everything is as the spec says");
    }
    let drift = drifted(seen);
    if drift.is_empty() {
        return plan;
    }
    plan.drifted(format!(
        "somebody has changed in Azure: {}; it is left so (driftPolicy: Report): undo that there, change the spec, or set driftPolicy: Correct",
        drift.join(", ")
    ))
}

/// The same plan, without what would correct drift that is left.
pub(super) fn without_corrections(plan: Plan<Action>) -> Plan<Action> {
    let corrects = |action: &Action| match action {
        Action::ChangeHub { .. } | Action::WriteLinks { .. } | Action::AssignRole { .. } => true,
        Action::Record { entries } => {
            entries.iter().any(|(entry, _)| [LINK, LINKED_TO, ROLE].iter().any(|prefix| entry.starts_with(prefix)))
        }
        _ => false,
    };
    // What is left as it is need not be rewritten.
    if matches!(&plan.standing, Standing::Stalled(why) if why.reason == Reason::ApiVersionUnsupported) && plan.actions.is_empty() {
        return Plan::met();
    }
    if !plan.actions.iter().any(corrects) {
        return plan;
    }
    let actions: Vec<_> = plan.actions.into_iter().filter(|action| !corrects(action)).collect();
    if actions.is_empty() { Plan::met() } else { Plan { actions, ..plan } }
}

/// Whether somebody's changes are left as they are.
pub(super) fn is_left(group: &TenantHubGroup, seen: &LiveState) -> bool {
    !reported(group, seen).is_empty()
}

/// What is told of the differences that are left as they are.
pub(super) fn reported(group: &TenantHubGroup, seen: &LiveState) -> Vec<String> {
    let is_left = group.spec.drift_policy == DriftPolicy::Report && recorded(&seen.entries, APPLIED) == Some(&state(group, seen));
    if is_left { drifted(seen) } else { Vec::new() }
}

/// What the spec asks for, in words.
fn state(group: &TenantHubGroup, seen: &LiveState) -> String {
    let hub = |hub: &IotHub| {
        let link = &hub.link;
        let means = if link.authentication == LinkAuthentication::Identity { " by identity" } else { "" };
        let takes_part = if link.apply_allocation_policy { " for all" } else { "" };
        format!("{} {} x{} weight {}{takes_part}{means}", hub.name, sku_name(hub), hub.sku.capacity, link.allocation_weight)
    };
    let tags = seen.tags.iter().map(|(name, value)| format!("tag {name}={value}"));
    group.spec.hubs.iter().map(hub).chain(tags).collect::<Vec<_>>().join(", ")
}

/// The differences, as a hub and a field each.
fn drifted(seen: &LiveState) -> Vec<String> {
    let wanted = seen.hubs.iter().filter_map(|hub| {
        let document = hub.resource.document.as_ref().filter(|document| is_active(*document))?;
        Some((hub, hub.desired.as_ref()?, document))
    });
    let fields = wanted.flat_map(|(hub, desired, document)| {
        let link = if hub.link.is_some() { "link" } else { "link (removed)" };
        [
            (is_resized(hub, document, desired), "sku"),
            (lacks_tags(seen, hub, document), "tags"),
            (lacks_policy(seen, hub), "access policy of the link"),
            (lacks_role(seen, hub), "role of the provisioning service"),
            (wanted_link(seen, hub).is_some(), link),
        ]
        .into_iter()
        .filter(|(differs, _)| *differs)
        .map(|(_, field)| format!("{} {field}", hub.name))
    });
    fields.collect()
}

/// Whether a hub of ours has another size; that of an adopted one is its owner's.
pub(super) fn is_resized(hub: &ObservedHub, document: &Hub, desired: &IotHub) -> bool {
    hub.resource.whose == Whose::Ours
        && (document.sku(), document.units()) != (Some(sku_name(desired)), Some(i64::from(desired.sku.capacity)))
}

/// Whether a hub of ours lacks tags of the spec; those of an adopted one are its owner's.
pub(super) fn lacks_tags(seen: &LiveState, hub: &ObservedHub, document: &Hub) -> bool {
    hub.resource.whose == Whose::Ours && tags::are_missing(&seen.tags, |name| document.tag(name))
}

/// Whether a hub lacks the policy for the link, and needs it.
pub(super) fn lacks_policy(seen: &LiveState, hub: &ObservedHub) -> bool {
    let linked_by_others = hub.link.is_some() && !hub.is_linked_by(&seen.policy) && !hub.has_stale_link(&seen.policy);
    hub.access.is_none() && !linked_by_others && !hub.wants_identity()
}

/// Whether the provisioning service lacks the role on a hub that it is to enter by its identity.
fn lacks_role(seen: &LiveState, hub: &ObservedHub) -> bool {
    let principal = seen.service.as_ref().and_then(moorage_cloud::ProvisioningService::principal);
    hub.wants_identity() && principal.is_some_and(|principal| !hub.admits(principal))
}
