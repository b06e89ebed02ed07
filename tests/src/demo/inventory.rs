//! What there is when all is Ready: the objects' own words, held against the cloud.

use anyhow::{Context as _, ensure};
use serde_json::Value;

use super::cloud::{Cloud, Hub};
use super::fact::{Fact, Origin};
use super::watcher::Seen;

/// The hubs of every `TenantHubGroup`.
///
/// # Errors
/// A hub of a spec is missing, elsewhere, or not what the status says.
pub(super) fn hubs(seen: &Seen, cloud: &Cloud) -> anyhow::Result<Vec<Fact>> {
    let mut facts = Vec::new();
    for (key, object) in seen.of_kind("TenantHubGroup") {
        for wish in list(&object["spec"]["hubs"]) {
            let hub = wished(cloud, wish)?;
            let told = list(&object["status"]["hubs"]).iter().find(|told| told["name"] == wish["name"]);
            let told = told.with_context(|| format!("{key} tells nothing of hub {}", hub.name))?;
            let linked = cloud.is_linked(hub);
            ensure!(
                told["linked"] == linked,
                "{key} says of hub {} that linked is {}, and the cloud says {linked}",
                hub.name,
                told["linked"]
            );
            ensure!(linked, "hub {} is not linked", hub.name);
            // What was made carries a mark; what was adopted is not touched.
            let origin = if hub.marked { Origin::Created } else { Origin::Adopted };
            ensure!(told["adopted"] == (origin == Origin::Adopted), "{key} and the cloud differ on whether hub {} was adopted", hub.name);
            facts.push(Fact::Hub { name: hub.name.clone(), region: hub.region.clone(), sku: hub.sku.clone(), origin, linked });
        }
    }
    Ok(facts)
}

fn wished<'a>(cloud: &'a Cloud, wish: &Value) -> anyhow::Result<&'a Hub> {
    let name = wish["name"].as_str().context("a hub of a spec has a name")?;
    let hub = cloud.hub(name).with_context(|| format!("hub {name} is not in the cloud"))?;
    ensure!(wish["location"] == hub.region.as_str(), "hub {name} is to be in {}, and is in {}", wish["location"], hub.region);
    Ok(hub)
}

/// The links of every provisioning service.
pub(super) fn links(cloud: &Cloud) -> Vec<Fact> {
    let told = cloud.links().map(|(service, link)| Fact::Link {
        service: service.name.clone(),
        hub: link.host.clone(),
        region: link.region.clone(),
        policy: link.policy.clone(),
    });
    told.collect()
}

/// The enrollment groups, which name their own tenant's hubs and no others.
///
/// # Errors
/// A group is missing, or its hubs are not those of its tenant.
pub(super) fn enrollment_groups(seen: &Seen, cloud: &Cloud) -> anyhow::Result<Vec<Fact>> {
    let mut facts = Vec::new();
    for (key, object) in seen.of_kind("EnrollmentGroup") {
        let name = object["spec"]["enrollmentGroupId"].as_str().unwrap_or(&key.name);
        let mut groups = cloud.services.iter().flat_map(|service| service.groups.iter().map(move |group| (service, group)));
        let (service, group) = groups.find(|(_, group)| group.name == name).with_context(|| format!("{key} is not in the cloud"))?;
        let reference = &object["spec"]["tenantHubGroupRef"];
        let namespace = reference["namespace"].as_str().unwrap_or(&key.namespace);
        let tenant = seen.get("TenantHubGroup", namespace, reference["name"].as_str().unwrap_or_default());
        let tenant = tenant.with_context(|| format!("{key} refers to no TenantHubGroup"))?;
        let names: Vec<_> = list(&tenant["spec"]["hubs"]).iter().filter_map(|hub| hub["name"].as_str()).collect();
        let is_own = |host: &String| names.iter().filter_map(|name| cloud.hub(name)).any(|hub| hub.has_host(host));
        let own = group.hubs.len() == names.len() && group.hubs.iter().all(is_own);
        ensure!(own, "{key} assigns devices to {:?}, and its tenant has {names:?}", group.hubs);
        facts.push(Fact::EnrollmentGroup {
            service: service.name.clone(),
            name: group.name.clone(),
            allocation: group.allocation.clone(),
            hubs: group.hubs.clone(),
        });
    }
    Ok(facts)
}

/// The devices' Secrets, by the names of their entries.
///
/// # Errors
/// A credential has no Secret.
pub(super) fn secrets(seen: &Seen) -> anyhow::Result<Vec<Fact>> {
    let credentials = seen.of_kind("DeviceCredential").map(|(key, object)| {
        let name = object["status"]["secretName"].as_str().with_context(|| format!("{key} names no Secret"))?;
        let entries = seen.secrets.get(&(key.namespace.clone(), name.to_owned()));
        let entries = entries.with_context(|| format!("{key} has no Secret {name}"))?;
        Ok(Fact::Secret { namespace: key.namespace.clone(), name: name.to_owned(), entries: entries.clone() })
    });
    credentials.collect()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}
