//! How every story ends: its people come to their senses, everything is Ready; then everything is deleted, and the cloud is as it
//! was found.

use jiff::SignedDuration;
use moorage_crds::annotations;
use serde_json::Value;

use crate::case::{Ref, TENANTS, hub_name};
use crate::cloud_view::Sight;
use crate::judge::{Wrongs, is_ready};
use crate::mending::{look_again, mend};
use crate::objects::written;
use crate::story::Story;

/// Longer than anything is left unlooked at, but for credentials.
const QUIET: SignedDuration = SignedDuration::from_mins(31);

/// How often people look what is still to be put right.
const ROUNDS: usize = 9;

/// Puts right what people can put right.
///
/// # Errors
/// If the world does not come to rest meanwhile.
pub async fn heal(story: &mut Story<'_>) -> Result<(), String> {
    for (t, tenant) in TENANTS.iter().enumerate() {
        story.world.cluster.bar_secrets(tenant, false);
        if t < story.case.tenants.len() {
            story.write_authorities(t);
        }
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
        if was_touched(story, object) {
            look_again(story, object);
        }
    }
    for round in 0..ROUNDS {
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
        let all = story.case.objects().into_iter().all(|object| story.get(object).is_some_and(|found| is_ready(&found)));
        if all || round + 1 == ROUNDS {
            break;
        }
        mend(story).await;
    }
    Ok(())
}

/// Whether somebody has done something to a device where it is known.
fn was_touched(story: &Story<'_>, object: Ref) -> bool {
    let Ref::Device(t, d) = object else { return false };
    let (t, d) = (usize::from(t), usize::from(d));
    let (case, id) = (story.case, story.case.device_id(t, d));
    let in_hubs: usize = (0..case.tenants[t].hubs.len()).map(|h| story.touches(&format!("device {} {id}", hub_name(t, h)))).sum();
    in_hubs + story.touches(&format!("enrollment {}", case.registration_id(t, d))) > 0
}

/// Whether an object needs another that is being deleted: nobody makes it anew before that one is gone.
fn uses_what_goes(story: &Story<'_>, object: Ref) -> bool {
    let goes = |used: Ref| story.get(used).is_some_and(|found| found["metadata"]["deletionTimestamp"].is_string());
    story.case.objects().into_iter().any(|used| goes(used) && users(story, used).contains(&object))
}

/// Objects that may need another to undo what they made.
pub fn users(story: &Story<'_>, used: Ref) -> Vec<Ref> {
    let needs = |other: &Ref| match (used, *other) {
        (Ref::Account, other) => other != Ref::Account,
        (Ref::Service, Ref::Hubs(_) | Ref::Group(_) | Ref::Device(..)) => true,
        (Ref::Hubs(used), Ref::Group(t) | Ref::Device(t, _)) | (Ref::Group(used), Ref::Device(t, _)) => t == used,
        _ => false,
    };
    story.case.objects().into_iter().filter(needs).collect()
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
    let writes = story.world.cloud.requests().into_iter().skip(asked).filter(|request| request.writes && request.status != Some(403));
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
        mend(story).await;
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
    wrongs.extend(crate::remains::traces(story));
    wrongs.extend(crate::remains::differences(story, found));
    wrongs.extend(crate::deprovisioned::wrongs(story));
    Ok(wrongs)
}
