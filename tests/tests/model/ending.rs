//! How every story ends: its people come to their senses, everything is Ready; then everything is deleted, and the cloud is as it
//! was found.

use jiff::SignedDuration;
use moorage_crds::annotations;
use serde_json::{Value, json};

use crate::case::{Ref, SERVICE, TENANTS, group_id, hub_name};
use crate::devices::register;
use crate::judge::{Wrongs, condition, credential, is_ready};
use crate::objects::written;
use crate::sight::Sight;
use crate::story::Story;

/// Longer than anything is left unlooked at, but for credentials.
const QUIET: SignedDuration = SignedDuration::from_mins(31);

/// Puts right what people can put right.
///
/// # Errors
/// If the world does not come to rest meanwhile.
pub async fn heal(story: &mut Story<'_>) -> Result<(), String> {
    for tenant in TENANTS {
        story.world.cluster.bar_secrets(tenant, false);
    }
    story.world.machines_clock_moves().await;
    for object in story.case.objects() {
        story.confirm(object);
        story.change(object, |found| {
            found["spec"] = written(story.case, object)["spec"].clone();
            if let Some(annotations) = found["metadata"]["annotations"].as_object_mut() {
                annotations.remove(annotations::PAUSED);
            }
        });
        for t in 0..story.case.tenants.len() {
            story.grant(object, t, true);
        }
    }
    for round in 0..6 {
        story.world.rest().await?;
        for object in story.case.objects() {
            if !uses_what_goes(story, object) {
                story.apply(object);
            }
            for t in 0..story.case.tenants.len() {
                story.grant(object, t, true);
            }
        }
        story.world.rest().await?;
        if round < 5 {
            mend(story);
        }
    }
    Ok(())
}

/// Whether an object needs another that is being deleted: nobody makes it anew before that one is gone.
fn uses_what_goes(story: &Story<'_>, object: Ref) -> bool {
    let goes = |used: Ref| story.get(used).is_some_and(|found| found["metadata"]["deletionTimestamp"].is_string());
    story.case.objects().into_iter().any(|used| goes(used) && users(story, used).contains(&object))
}

/// Does what the objects ask for.
fn mend(story: &mut Story<'_>) {
    let sight = Sight::of(&story.world.cloud);
    for t in (0..2).filter(|t| usize::from(*t) < story.case.tenants.len()) {
        // A group that is kept goes on naming hubs, until its owner takes them out.
        let group = group_id(usize::from(t));
        if sight.hubs_of_group(SERVICE, &group).is_some() && story.get(Ref::Group(t)).is_none() {
            story.world.cloud.edit(|azure| azure.set_group_hubs(SERVICE, &group, &[]));
        }
    }
    let is_to_go = |story: &Story<'_>, object| story.get(object).is_some_and(|found| found["metadata"]["deletionTimestamp"].is_string());
    if is_to_go(story, Ref::Service) && sight.blocks.contains_key(&format!("service {SERVICE}")) {
        // Hubs that are kept stay linked, until their owner unlinks them.
        let number = |t: usize| u8::try_from(t).expect("few");
        for t in (0..story.case.tenants.len()).filter(|t| story.get(Ref::Hubs(number(*t))).is_none()).collect::<Vec<_>>() {
            for hub in (0..story.case.tenants[t].hubs.len()).map(|h| hub_name(t, h)) {
                story.world.cloud.edit(|azure| azure.remove_link(SERVICE, &format!("{hub}.azure-devices.net")));
                story.touch(format!("link {hub}"));
            }
        }
    }
    for object in story.case.objects() {
        let Some(found) = story.get(object) else { continue };
        if found["metadata"]["deletionTimestamp"].is_string() {
            story.confirm(object);
            for user in users(story, object) {
                story.delete(user);
            }
        }
        let Some(["True", reason, message]) = condition(&found, "Stalled") else { continue };
        match reason {
            "Vanished" => {
                let missing =
                    |t: u8| (0..4).find(|h| !sight.blocks.contains_key(&format!("hub {}", hub_name(usize::from(t), usize::from(*h)))));
                let n = if let Ref::Hubs(t) = object { missing(t).unwrap_or(0) } else { 0 };
                story.recreate(object, n);
            }
            "SecretNotOurs" | "SecretMalformed" => delete_secret(story, object),
            "AlreadyExists" if message.contains("individual") => {
                if let Ref::Device(t, d) = object {
                    let id = story.case.registration_id(usize::from(t), usize::from(d));
                    story.world.cloud.edit(|azure| azure.delete_enrollment(SERVICE, &id));
                    story.touch(format!("enrollment {id}"));
                    // Nobody tells the operator of what is done in the cloud.
                    story.annotate(object, annotations::SYNC_REQUESTED_AT, &story.world.now().to_string().into());
                }
            }
            _ => {}
        }
    }
}

/// Objects that may need another to undo what they made.
fn users(story: &Story<'_>, used: Ref) -> Vec<Ref> {
    let needs = |other: &Ref| match (used, *other) {
        (Ref::Account, other) => other != Ref::Account,
        (Ref::Service, Ref::Hubs(_) | Ref::Group(_) | Ref::Device(..)) => true,
        (Ref::Hubs(used), Ref::Group(t) | Ref::Device(t, _)) | (Ref::Group(used), Ref::Device(t, _)) => t == used,
        _ => false,
    };
    story.case.objects().into_iter().filter(needs).collect()
}

fn delete_secret(story: &Story<'_>, object: Ref) {
    match object {
        Ref::Device(t, d) => {
            let (t, d) = (usize::from(t), usize::from(d));
            story.world.cluster.delete("Secret", TENANTS[t], &story.secret_of(t, d));
        }
        Ref::Group(t) => {
            let (namespace, name) = story.keys_of(usize::from(t));
            story.world.cluster.delete("Secret", namespace, &name);
        }
        Ref::Account | Ref::Service | Ref::Hubs(_) => {}
    }
}

/// Whether a tenant's objects can come to be Ready at all, with what is there.
fn can_be_ready(story: &Story<'_>, t: usize) -> bool {
    let (case, tenant) = (story.case, &story.case.tenants[t]);
    let service = !case.service.existed || case.service.adopted || story.touches(SERVICE) > 0;
    let hub = |h: usize| !tenant.hubs[h].existed || tenant.hubs[h].adopted || story.touches(&hub_name(t, h)) > 0;
    let theirs = case.service.existed && tenant.enrollment.existed;
    let group = !theirs || tenant.enrollment.adopted || story.touches(SERVICE) + story.touches(&group_id(t)) > 0;
    service && group && (0..tenant.hubs.len()).all(hub)
}

/// Whether another credential has a device's registration id.
fn is_disputed(story: &Story<'_>, t: usize, d: usize) -> bool {
    let id = story.case.registration_id(t, d);
    let all = story.case.tenants.iter().enumerate().flat_map(|(t, tenant)| (0..tenant.devices.len()).map(move |d| (t, d)));
    all.filter(|(other, device)| story.case.registration_id(*other, *device) == id).count() > 1
}

/// Everything that can be is Ready, and what is Ready works.
///
/// # Errors
/// If the world does not come to rest.
pub async fn works(story: &Story<'_>) -> Result<Wrongs, String> {
    let mut wrongs = Vec::new();
    for object in story.case.objects() {
        let Some(found) = story.get(object) else {
            wrongs.push(format!("{object:?} is not there"));
            continue;
        };
        let excused = match object {
            Ref::Account => false,
            Ref::Service => story.case.service.existed && !story.case.service.adopted,
            Ref::Hubs(t) | Ref::Group(t) => !can_be_ready(story, usize::from(t)),
            Ref::Device(t, d) => {
                let (t, d) = (usize::from(t), usize::from(d));
                !can_be_ready(story, t) || is_disputed(story, t, d)
            }
        };
        if !is_ready(&found) && !excused {
            wrongs.push(format!("{object:?} is not Ready: {}", found["status"]["conditions"]));
        }
        if let (Ref::Device(t, d), true) = (object, is_ready(&found)) {
            wrongs.extend(credential(story, usize::from(t), usize::from(d)));
            wrongs.extend(registers(story, usize::from(t), usize::from(d)).await);
        }
    }
    Ok(wrongs)
}

/// A device registers, with a hub of its own tenant.
async fn registers(story: &Story<'_>, t: usize, d: usize) -> Option<String> {
    let id = story.case.registration_id(t, d);
    let sight = Sight::of(&story.world.cloud);
    let bars = sight.line(&format!("service {SERVICE}"), &format!("enrollment {id} "));
    if story.case.tenants[t].enrollment.disabled || bars.is_some_and(|line| !line.contains("moorage")) {
        return None;
    }
    // A link that somebody else wrote is theirs to keep working.
    if story.case.tenants[t].hubs.iter().any(|hub| hub.linked) && story.case.quirks.masked_link_is_stored {
        return None;
    }
    let own: Vec<_> = (0..story.case.tenants[t].hubs.len()).map(|h| format!("{}.azure-devices.net", hub_name(t, h))).collect();
    match register(story, t, d).await {
        Ok(hub) if own.contains(&hub) => None,
        Ok(hub) => Some(format!("device {id} was assigned to {hub}, which is not its tenant's")),
        Err(error) => Some(format!("credential {id} is Ready, and its device cannot register: {error}")),
    }
}

/// Nothing is written while nothing happens.
///
/// # Errors
/// If the world does not come to rest.
pub async fn is_quiet(story: &Story<'_>) -> Result<Wrongs, String> {
    let until = story.world.now() + QUIET + QUIET;
    let due = |found: &Value| {
        found["status"]["renewalTime"].as_str().and_then(|text| text.parse().ok()).is_some_and(|due: jiff::Timestamp| due <= until)
    };
    if story.case.objects().into_iter().filter_map(|object| story.get(object)).any(|found| due(&found)) {
        return Ok(Vec::new());
    }
    // How many devices a hub has is told at the next look, and devices have registered a moment ago.
    story.world.pass(QUIET).await?;
    let (before, asked) = (story.world.cluster.log().len(), story.world.cloud.requests().len());
    story.world.pass(QUIET).await?;
    let written = story.world.cluster.log().into_iter().skip(before).filter(moorage_tests::apiserver::Logged::writes);
    let mut wrongs: Vec<_> = written.map(|logged| format!("at rest: {} {} {:?}", logged.method, logged.path, logged.status)).collect();
    let writes = story.world.cloud.requests().into_iter().skip(asked).filter(|request| request.writes);
    wrongs.extend(writes.map(|request| format!("at rest: {} {}{} {:?}", request.method, request.host, request.path, request.status)));
    wrongs.truncate(6);
    Ok(wrongs)
}

/// Everything is deleted, confirmed; nothing is left, and the cloud is as it was found.
///
/// # Errors
/// If the world does not come to rest.
pub async fn leave(story: &mut Story<'_>, found: &Sight) -> Result<Wrongs, String> {
    for object in story.case.objects() {
        if !matches!(object, Ref::Device(..)) {
            story.keep(object, false);
        }
        story.confirm(object);
    }
    // An object that had nothing to undo has no finalizer yet.
    story.world.rest().await?;
    for object in story.case.objects() {
        story.delete(object);
    }
    for _ in 0..3 {
        story.world.rest().await?;
        mend(story);
    }
    story.world.pass(SignedDuration::from_mins(40)).await?;
    let mut wrongs = Vec::new();
    for object in story.case.objects() {
        if let Some(left) = story.get(object) {
            wrongs.push(format!("{object:?} does not go: {}", left["status"]["conditions"]));
        }
    }
    if !wrongs.is_empty() {
        return Ok(wrongs);
    }
    wrongs.extend(traces(story));
    wrongs.extend(crate::remains::differences(story, found));
    Ok(wrongs)
}

/// What is left of us in the cluster.
fn traces(story: &Story<'_>) -> Wrongs {
    let ours = |object: &Value| object["metadata"]["labels"][annotations::MANAGED_BY] == annotations::MANAGER;
    let secrets = story.world.cluster.all("Secret").into_iter().filter(ours);
    let mut wrongs: Vec<_> = secrets.map(|secret| format!("Secret {} is left", secret["metadata"]["name"])).collect();
    for page in story.world.cluster.all("ConfigMap") {
        let data = page["data"].as_object().cloned().unwrap_or_default();
        // What bars a device outlives its credential, as long as there is a service in which it does.
        let barring = data.keys().all(|entry| entry.starts_with("disenrolled."));
        let kept = Sight::of(&story.world.cloud).blocks.contains_key(&format!("service {SERVICE}"));
        if !(barring && kept) {
            wrongs.push(format!("the ledger still says: {}", json!(data)));
        }
    }
    wrongs
}
