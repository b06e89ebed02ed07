//! What is told of a hub group.

use moorage_cloud::Hub;
use moorage_crds::{CommonStatus, HubStatus, TenantHubGroup, TenantHubGroupStatus};
use serde_json::{Value, json};

use crate::{
    azure::{arm_resource::ownership::Whose, facts::HubFacts, usage::Count},
    controller::kind::Facts,
    error::bounded,
    kinds::tenant_hub_group::{
        drift,
        observe::{LiveState, Observed, ObservedHub},
    },
    ledger::entries::{self, HUB_FACTS, is_in_place},
};

/// Beside what the ledger says of the hubs.
pub(super) fn visible_to_dependents(group: &TenantHubGroup) -> Value {
    let names: Vec<_> = group.spec.hubs.iter().map(|hub| &hub.name).collect();
    json!([names, group.spec.account_ref, group.spec.provisioning_service_ref])
}

/// What those need to know who rest on the hubs.
pub(super) fn facts(seen: &Observed) -> Option<Facts> {
    let Observed::Live(seen) = seen else { return None };
    let of_hub = |hub: &ObservedHub| {
        if let Some(before) = seen.known(hub).filter(|_| hub.desired.is_some() && hub.resource.is_unsettled()) {
            return Some((entries::of(HUB_FACTS, &hub.name), before.to_owned()));
        }
        let is_there = hub.desired.is_some() && hub.resource.own().is_some() && is_in_place(hub.resource.record.as_deref());
        let host = hub.host.as_ref().filter(|_| is_there)?;
        let linked_to = seen.links_to.as_ref().filter(|_| hub.takes_devices(&seen.policy)).map(|service| service.name.to_string());
        Some((entries::of(HUB_FACTS, &hub.name), HubFacts::written(&seen.place, host.host().as_str(), linked_to.as_deref())))
    };
    Some(seen.hubs.iter().filter_map(of_hub).collect())
}

/// Which hub has the least room for devices is what counts.
pub(super) fn headroom(seen: &Observed) -> Vec<(&'static str, i64)> {
    let Observed::Live(seen) = seen else { return Vec::new() };
    let left = seen.hubs.iter().filter_map(|hub| hub.counted).map(Count::left).min();
    left.map(|left| ("devices", left)).into_iter().collect()
}

pub(super) fn ready_message(group: &TenantHubGroup, seen: &Observed) -> String {
    let Observed::Live(seen) = seen else { return String::new() };
    let names: Vec<_> = group.spec.hubs.iter().map(|hub| hub.name.as_str()).collect();
    let linked = if seen.is_to_link { " and linked" } else { "" };
    format!("In place{linked}: {}", bounded(&names.join(", "), 512))
}

pub(super) fn build_status(group: &TenantHubGroup, seen: &Observed, common: CommonStatus) -> TenantHubGroupStatus {
    let Observed::Live(seen) = seen else { return TenantHubGroupStatus { common, ..group.status.clone().unwrap_or_default() } };
    let hubs: Vec<_> = seen.hubs.iter().filter(|hub| hub.desired.is_some()).map(|hub| hub_status(seen, hub)).collect();
    let linked = hubs.iter().filter(|hub| hub.linked).count();
    let linked = seen.is_to_link.then(|| format!("{linked}/{}", hubs.len()));
    TenantHubGroupStatus { common, linked, hubs, drift: drift::reported(group, seen) }
}

fn hub_status(seen: &LiveState, hub: &ObservedHub) -> HubStatus {
    let document = hub.resource.own();
    HubStatus {
        name: hub.name.clone(),
        host_name: document.and_then(Hub::host_name).map(str::to_owned),
        state: document.and_then(Hub::state).map(str::to_owned),
        adopted: document.is_some() && hub.resource.whose == Whose::Adopted,
        linked: hub.takes_devices(&seen.policy),
        devices: hub.counted.filter(|_| document.is_some()).map(Count::headroom),
    }
}
