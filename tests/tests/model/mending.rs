//! What people do when objects ask for it.

use moorage_crds::annotations;
use serde_json::Value;

use crate::case::{Proof, Ref, SERVICE, TENANTS, group_id, hub_name};
use crate::cloud_view::{HOSTS, Sight};
use crate::devices::register;
use crate::ending::users;
use crate::judge::condition;
use crate::outside_changes::roles;
use crate::story::Story;

/// Does what the objects ask for.
pub async fn mend(story: &mut Story<'_>) {
    for t in 0..story.case.tenants.len() {
        if matches!(story.case.tenants[t].enrollment.proof, Proof::Referred(_)) {
            (0..2).for_each(|n| story.upload_authority(t, n));
        }
    }
    let_go(story);
    for object in story.case.objects() {
        let Some(found) = story.get(object) else { continue };
        if is_to_go(&found) {
            story.confirm(object);
            for user in users(story, object) {
                story.delete(user);
            }
        }
        if let Some(["True", reason, message]) = condition(&found, "Stalled") {
            unstick(story, object, reason, message);
        }
        if let Some(["True", reason, message]) = condition(&found, "Reconciling") {
            help(story, object, reason, message).await;
        }
    }
}

fn is_to_go(found: &Value) -> bool {
    found["metadata"]["deletionTimestamp"].is_string()
}

/// Takes what is kept out of what is to go.
fn let_go(story: &mut Story<'_>) {
    let sight = Sight::of(&story.world.cloud);
    let number = |t: usize| u8::try_from(t).expect("few");
    for t in 0..story.case.tenants.len() {
        // A group that is kept goes on naming hubs, until its owner takes them out.
        let group = group_id(t);
        if sight.hubs_of_group(SERVICE, &group).is_some() && story.get(Ref::Group(number(t))).is_none() {
            story.world.cloud.seed(|azure| azure.set_group_hubs(SERVICE, &group, &[]));
        }
    }
    let goes = story.get(Ref::Service).is_some_and(|found| is_to_go(&found));
    if goes && sight.blocks.contains_key(&format!("service {SERVICE}")) {
        // Hubs that are kept stay linked, until their owner unlinks them.
        for t in (0..story.case.tenants.len()).filter(|t| story.get(Ref::Hubs(number(*t))).is_none()).collect::<Vec<_>>() {
            for hub in (0..story.case.tenants[t].hubs.len()).map(|h| hub_name(t, h)) {
                story.world.cloud.seed(|azure| azure.remove_link(SERVICE, &format!("{hub}{HOSTS}")));
                story.touch(format!("link {hub}"));
            }
        }
    }
}

/// Puts right what an object is stuck on.
fn unstick(story: &mut Story<'_>, object: Ref, reason: &str, message: &str) {
    match (reason, object) {
        ("Vanished", _) => {
            let sight = Sight::of(&story.world.cloud);
            let missing =
                |t: u8| (0..4).find(|h| !sight.blocks.contains_key(&format!("hub {}", hub_name(usize::from(t), usize::from(*h)))));
            let n = if let Ref::Hubs(t) = object { missing(t).unwrap_or(0) } else { 0 };
            story.recreate(object, n);
        }
        ("SecretNotOurs" | "SecretMalformed", Ref::Group(t)) => {
            let t = usize::from(t);
            let (namespace, name) = story.keys_of(t);
            if story.case.tenants[t].enrollment.proof == Proof::Keys {
                story.world.cluster.delete("Secret", namespace, &name);
            }
        }
        ("SecretNotOurs" | "SecretMalformed", Ref::Device(t, d)) => {
            let (t, d) = (usize::from(t), usize::from(d));
            story.world.cluster.delete("Secret", TENANTS[t], &story.secret_of(t, d));
        }
        ("AlreadyExists", Ref::Device(t, d)) if message.contains("individual") => {
            let id = story.case.registration_id(usize::from(t), usize::from(d));
            story.world.cloud.seed(|azure| azure.delete_enrollment(SERVICE, &id));
            story.touch(format!("enrollment {id}"));
            look_again(story, object);
        }
        ("AlreadyExists" | "Disabled", Ref::Device(t, d)) if message.contains(" in hub ") => {
            let (t, d) = (usize::from(t), usize::from(d));
            let (Some(hub), id) = (story.case.hub_of(t, d), story.case.device_id(t, d)) else { return };
            if message.contains("which came first") {
                return;
            }
            story.world.cloud.seed(|azure| {
                if reason == "Disabled" { azure.set_device_enabled(&hub, &id, true) } else { azure.delete_device(&hub, &id) }
            });
            story.touch(format!("device {hub} {id}"));
            look_again(story, object);
        }
        ("Denied", Ref::Hubs(t)) if message.contains("role assignment create") => {
            let t = usize::from(t);
            for (h, _) in story.case.tenants[t].hubs.iter().enumerate().filter(|(_, hub)| hub.by_identity) {
                roles(story, &hub_name(t, h), true);
            }
            look_again(story, object);
        }
        ("Invalid" | "DependencyMissing", Ref::Group(_)) => look_again(story, object),
        _ => {}
    }
}

/// Does what an object waits for.
async fn help(story: &mut Story<'_>, object: Ref, reason: &str, message: &str) {
    let asked = format!("{}=", annotations::RELINK);
    match (reason, object) {
        ("AwaitingConfirmation", Ref::Hubs(_)) if message.contains(&asked) => {
            let hub = message.split(&asked).nth(1).and_then(|rest| rest.split(' ').next()).unwrap_or_default();
            story.annotate(object, annotations::RELINK, &hub.into());
            story.reach("relinked");
        }
        ("AwaitingRegistration", Ref::Device(t, d)) => {
            if message.contains(annotations::REPROVISION_REQUESTED_AT) {
                story.annotate(object, annotations::REPROVISION_REQUESTED_AT, &story.world.now().to_string().into());
                story.reach("reprovisioned");
            } else if let Err(refused) = register(story, usize::from(t), usize::from(d)).await {
                tracing::info!("{object:?} cannot register: {refused}");
            }
            look_again(story, object);
        }
        _ => {}
    }
}

/// Nobody tells the operator of what is done in the cloud.
pub fn look_again(story: &Story<'_>, object: Ref) {
    story.annotate(object, annotations::SYNC_REQUESTED_AT, &story.world.now().to_string().into());
}
