//! What is told of a provisioning service.

use moorage_cloud::{LinkSeen, ProvisioningService as Document};
use moorage_crds::{CommonStatus, Headroom, ProvisioningService, ProvisioningServiceStatus, conditions};
use moorage_plan::Reason;
use serde_json::{Value, json};

use crate::{
    azure::{arm_resource::ownership::Whose, dps::MOST_LINKS, facts::ServiceFacts, usage::Count},
    controller::kind::Facts,
    kinds::provisioning_service::observe::Observed,
    ledger::entries::{SERVICE_FACTS, is_in_place},
};

/// Beside what the ledger says of it. Nothing is decided by this: it wakes.
pub(super) fn visible_to_dependents(object: &ProvisioningService) -> Value {
    let principal = object.status.as_ref().map(|status| &status.principal_id);
    let groups = object.status.as_ref().and_then(|status| status.enrollment_groups);
    let conditions = object.status.iter().flat_map(|status| &status.common.conditions);
    let is_blocked = conditions.into_iter().any(|one| one.type_ == conditions::STALLED && one.reason == Reason::NetworkBlocked.as_str());
    json!([object.spec, principal, groups.is_some_and(|groups| groups.used >= groups.limit), is_blocked])
}

/// What those need to know who rest on it; nothing while it is not there, or not its object's.
pub(super) fn facts(seen: &Observed) -> Option<Facts> {
    let Observed::Live(seen) = seen else { return None };
    if seen.service.is_unsettled() {
        return None;
    }
    let known = seen.service.own().filter(|_| is_in_place(seen.service.record.as_deref())).and_then(|service| {
        let facts = ServiceFacts {
            id_scope: service.id_scope()?.as_str().to_owned(),
            service_host: service.service_host()?.to_owned(),
            device_host: service.device_host()?.to_owned(),
        };
        Some((SERVICE_FACTS.to_owned(), facts.written(&seen.place)))
    });
    Some(known.into_iter().collect())
}

pub(super) fn headroom(seen: &Observed) -> Vec<(&'static str, i64)> {
    let Observed::Live(seen) = seen else { return Vec::new() };
    let left = |service: &Document| i64::try_from(MOST_LINKS.saturating_sub(service.links().len())).unwrap_or(0);
    let links = seen.service.own().map(|service| ("linked_hubs", left(service)));
    links.into_iter().chain(seen.groups.map(|groups| ("enrollment_groups", groups.left()))).collect()
}

pub(super) fn ready_message(object: &ProvisioningService, seen: &Observed) -> String {
    let Observed::Live(seen) = seen else { return String::new() };
    let scope = seen.service.document.as_ref().and_then(Document::id_scope);
    let scope = scope.map(|scope| scope.as_str().to_owned()).unwrap_or_default();
    format!("Provisioning service {} takes devices under id scope {scope}", object.spec.name)
}

pub(super) fn build_status(object: &ProvisioningService, seen: &Observed, common: CommonStatus) -> ProvisioningServiceStatus {
    let before = object.status.clone().unwrap_or_default();
    let Observed::Live(seen) = seen else { return ProvisioningServiceStatus { common, ..before } };
    // Of somebody else's nothing is told.
    let Some(service) = seen.service.own() else {
        return ProvisioningServiceStatus { common, ..ProvisioningServiceStatus::default() };
    };
    ProvisioningServiceStatus {
        common,
        id_scope: service.id_scope().map(|scope| scope.as_str().to_owned()).or(before.id_scope),
        service_operations_host: service.service_host().map(str::to_owned).or(before.service_operations_host),
        device_provisioning_host: service.device_host().map(str::to_owned).or(before.device_provisioning_host),
        adopted: Some(seen.service.whose == Whose::Adopted),
        principal_id: service.principal().map(str::to_owned),
        linked_hubs: Some(links(&service.links())),
        enrollment_groups: seen.groups.map(Count::headroom),
    }
}

fn links(links: &[LinkSeen]) -> Headroom {
    let count = |n: usize| i32::try_from(n).unwrap_or(i32::MAX);
    Headroom { used: count(links.len()), limit: count(MOST_LINKS) }
}
