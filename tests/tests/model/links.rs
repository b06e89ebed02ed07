//! How the hubs of a Ready hub group must be linked.

use crate::case::{SERVICE, TENANTS, hub_name};
use crate::cloud_view::{HOSTS, Sight};
use crate::outside_changes::link_policy;
use crate::story::Story;

/// What is wrong with the links of a Ready hub group.
pub fn flaws(story: &Story<'_>, t: usize) -> Vec<String> {
    let (sight, tenant) = (Sight::of(&story.world.cloud), &story.case.tenants[t]);
    let flaw = |h: usize| {
        let hub = hub_name(t, h);
        let flaw = if tenant.unprovisioned { unlinked(story, &sight, t, h) } else { linked(story, &sight, t, h) };
        flaw.err().map(|wrong| format!("TenantHubGroup {}-hubs is Ready, and hub {hub} {wrong}", TENANTS[t]))
    };
    (0..tenant.hubs.len()).filter_map(flaw).collect()
}

fn link(sight: &Sight, hub: &str) -> Option<String> {
    sight.line(&format!("service {SERVICE}"), &format!("link {hub}{HOSTS} "))
}

/// Whether somebody else has linked a hub, and it is theirs to say how.
pub fn is_theirs(story: &Story<'_>, t: usize, h: usize) -> bool {
    let hub = &story.case.tenants[t].hubs[h];
    story.case.service.existed && hub.existed && hub.linked
}

/// Without a service there are no links; the key that there is makes devices.
fn unlinked(story: &Story<'_>, sight: &Sight, t: usize, h: usize) -> Result<(), String> {
    let linked = link(sight, &hub_name(t, h)).is_some() && !is_theirs(story, t, h);
    if linked { Err("is linked, which nobody asked for".to_owned()) } else { Ok(()) }
}

fn no_policy(sight: &Sight, t: usize, hub: &str) -> Result<(), String> {
    let policy = sight.line(&format!("hub {hub}"), &format!("policy {} ", link_policy(t)));
    policy.map_or(Ok(()), |_| Err("has a key that nobody needs".to_owned()))
}

fn linked(story: &Story<'_>, sight: &Sight, t: usize, h: usize) -> Result<(), String> {
    let hub = hub_name(t, h);
    let line = link(sight, &hub).ok_or("is not linked")?;
    if is_theirs(story, t, h) && !(line.contains(&link_policy(t)) || line.contains("by its own identity")) {
        return Ok(());
    }
    let wish = &story.case.tenants[t].hubs[h];
    let means = if wish.by_identity { "by its own identity".to_owned() } else { link_policy(t) };
    if !line.contains(&format!(" {means} weight {} apply false", wish.weight)) {
        return Err(format!("is linked otherwise than {means} with weight {}: {line}", wish.weight));
    }
    let principal = story.world.cloud.seed(|azure| azure.service_principal(SERVICE)).unwrap_or_default();
    let block = sight.block(&format!("hub {hub}")).unwrap_or_default();
    let lets_in =
        !principal.is_empty() && block.lines().any(|line| line.starts_with("role ") && line.ends_with(&format!(" of {principal}")));
    match (wish.by_identity, lets_in) {
        (true, false) => Err("does not let the service in".to_owned()),
        (true, true) => no_policy(sight, t, &hub),
        (false, true) if story.touches(&hub) == 0 => Err("lets the service in by a role that nobody needs".to_owned()),
        (false, _) => Ok(()),
    }
}
