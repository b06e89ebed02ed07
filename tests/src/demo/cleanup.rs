//! The clean-up: what was made goes, after a confirmation where devices hang on it; what was there before stays.

use std::collections::BTreeSet;

use anyhow::{Context as _, ensure};
use k8s_openapi::api::core::v1::Namespace;
use kube::Api;
use serde_json::Value;

use super::cloud::{Cloud, without_devices};
use super::fact::Fact;
use super::kubectl;
use super::printer::Printer;
use super::setting::Setting;
use super::watcher::{Key, PATIENCE, Seen, Watcher};
use crate::harness::condition;
use crate::wait::{NotYet, until};

/// What an object says before the command that confirms its deletion.
const ASKS: &str = "if you mean it: ";

/// Deletes what was applied, confirms what asks for it, and waits until all is gone.
///
/// # Errors
/// Something stays that should go.
pub(super) async fn delete(setting: &Setting, lookout: &mut Watcher, voice: &mut Printer) -> anyhow::Result<()> {
    kubectl::show(setting.control, &format!("kubectl delete -f {} --wait=false", setting.file), voice).await?;
    voice.prose("");
    let mut confirmed = BTreeSet::new();
    loop {
        let asks = |seen: &Seen| asking(seen, &confirmed).is_some();
        lookout.until("everything is gone", voice, |seen| seen.objects.is_empty() || asks(seen)).await?;
        let Some((key, message)) = asking(lookout.seen(), &confirmed) else { return Ok(()) };
        confirm(setting, &key, message, voice).await?;
        confirmed.insert(key);
    }
}

/// An object that waits for a confirmation, and what it says.
fn asking(seen: &Seen, confirmed: &BTreeSet<Key>) -> Option<(Key, String)> {
    let asks = |object: &Value| condition(object, "Reconciling").is_some_and(|(_, reason)| reason == "AwaitingConfirmation");
    let (key, object) = seen.objects.iter().find(|(key, object)| !confirmed.contains(key) && asks(object))?;
    let conditions = object["status"]["conditions"].as_array()?;
    let message = conditions.iter().find(|condition| condition["type"] == "Reconciling")?["message"].as_str()?;
    Some((key.clone(), message.to_owned()))
}

/// Runs the command that the object itself tells.
async fn confirm(setting: &Setting, key: &Key, message: String, voice: &mut Printer) -> anyhow::Result<()> {
    let (loss, command) = message.split_once(ASKS).with_context(|| format!("{key} tells no command: {message}"))?;
    let command = command.to_owned();
    let Key { kind, namespace, name } = key.clone();
    voice.happened(&Fact::AwaitingConfirmation { kind, namespace, name, message: loss.trim_end_matches("; ").to_owned() });
    ensure!(command.starts_with("kubectl annotate "), "{key} tells another command than expected: {command}");
    kubectl::show(setting.control, &command, voice).await?;
    voice.prose("");
    Ok(())
}

/// Waits until the namespaces are gone, and with them everything in them.
///
/// # Errors
/// One stays, with what its conditions say.
pub(super) async fn namespaces_go(setting: &Setting, voice: &mut Printer) -> anyhow::Result<()> {
    let api: Api<Namespace> = Api::all(setting.control.admin());
    for name in &setting.namespaces {
        until(&format!("namespace {name} is gone"), PATIENCE, || async {
            match api.get_opt(name).await? {
                None => Ok(()),
                Some(namespace) => Err(NotYet::seen(format!("{:?}", namespace.status))),
            }
        })
        .await?;
        voice.happened(&Fact::NamespaceGone { name: name.clone() });
    }
    Ok(())
}

/// Holds the cloud against what it was while all was Ready, and before.
///
/// # Errors
/// Something that was made is left, or something that was there before is not as it was.
pub(super) fn compare(setting: &Setting, during: &Cloud) -> anyhow::Result<Vec<Fact>> {
    let world = setting.harness.cloud().snapshot();
    let (before, after) = (Cloud::read(&setting.before), Cloud::read(&world));
    ensure!(
        without_devices(&world) == without_devices(&setting.before),
        "the cloud is not as it was; before:\n{}after:\n{}",
        without_devices(&setting.before),
        without_devices(&world)
    );
    let mut facts = Vec::new();
    for (what, name) in during.things() {
        let is_there = |cloud: &Cloud| cloud.things().contains(&(what, name));
        let (what, name) = (what.to_owned(), name.to_owned());
        facts.push(match (is_there(&before), is_there(&after)) {
            (true, _) => kept(what, name, &before, &after),
            (false, false) => Fact::Removed { what, name },
            (false, true) => unreachable!("the worlds are equal"),
        });
    }
    Ok(facts)
}

fn kept(what: String, name: String, before: &Cloud, after: &Cloud) -> Fact {
    let hub = after.hub(&name).filter(|_| what == "hub");
    let was = before.hub(&name);
    Fact::Kept {
        linked: hub.map(|hub| after.is_linked(hub)),
        our_policy: hub.map(|hub| was.is_none_or(|was| was.policies != hub.policies)),
        devices: hub.map(|hub| hub.devices.len()),
        what,
        name,
    }
}
