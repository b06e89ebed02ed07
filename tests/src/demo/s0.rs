//! S0: two tenants, regional hubs, one shared provisioning service, and one hub that was there before.

use anyhow::{Context as _, ensure};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::cloud::Cloud;
use super::fact::Fact;
use super::printer::Printer;
use super::setting::Setting;
use super::watcher::{Seen, Watcher, is_settled};
use super::{cleanup, devices, inventory, kubectl};
use crate::example::Example;

/// The file of the example.
pub(super) const EXAMPLE: &str = "s0-tenants.yaml";

/// Plays it from the first to the last act.
///
/// # Errors
/// Something was not seen to work.
pub(super) async fn play(setting: &Setting, voice: &mut Printer, keep: bool) -> anyhow::Result<()> {
    let mut lookout = Watcher::new(&setting.control.admin());
    apply(setting, &mut lookout, voice).await?;
    let cloud = Cloud::read(&setting.harness.cloud().snapshot());
    take_stock(&lookout, &cloud, voice)?;
    kubectl::show(setting.control, "kubectl get moorage -A", voice).await?;
    voice.title("Devices register, each with what its Secret holds");
    let registered = devices::register(setting, lookout.seen(), &cloud, voice).await?;
    voice.table("Devices", &["name", "stands at", "proof", "assigned hub", "message"], &registered);
    let held = secrets_held(setting, &lookout).await?;
    if keep {
        stay(setting, voice).await?;
    } else {
        cleanup::delete(setting, &mut lookout, voice).await?;
        cleanup::namespaces_go(setting, voice).await?;
        let facts = cleanup::compare(setting, &cloud)?;
        voice.table("The cloud afterwards", &["what", "name", "now"], &facts);
    }
    let breaches = setting.harness.cloud().violations();
    ensure!(breaches.is_empty(), "a request broke the vendor's OpenAPI: {}", breaches.join("; "));
    voice.prose("");
    none_was_told(&held, voice)?;
    if !keep {
        how_to_look_around(voice);
    }
    Ok(())
}

async fn apply(setting: &Setting, lookout: &mut Watcher, voice: &mut Printer) -> anyhow::Result<()> {
    let ours = |object: &&serde_json::Value| object["apiVersion"].as_str().is_some_and(|version| version.starts_with(moorage_crds::GROUP));
    let expected = Example::read(EXAMPLE, "")?.objects().iter().filter(ours).count();
    kubectl::show(setting.control, &format!("kubectl apply -f {}", setting.file), voice).await?;
    voice.prose("");
    let all_ready = |seen: &Seen| seen.objects.len() == expected && seen.objects.values().all(is_settled);
    lookout.until("every object is Ready", voice, all_ready).await
}

fn take_stock(lookout: &Watcher, cloud: &Cloud, voice: &mut Printer) -> anyhow::Result<()> {
    let seen = lookout.seen();
    voice.table("Hubs", &["name", "region", "sku", "origin", "linked"], &inventory::hubs(seen, cloud)?);
    voice.table("Links of the provisioning service", &["service", "hub", "region", "by policy"], &inventory::links(cloud));
    let groups = inventory::enrollment_groups(seen, cloud)?;
    voice.table("Enrollment groups", &["service", "name", "allocation", "hubs"], &groups);
    voice.table("Secrets", &["name", "entries"], &inventory::secrets(seen)?);
    Ok(())
}

/// Leaves all running until Ctrl-C.
async fn stay(setting: &Setting, voice: &mut Printer) -> anyhow::Result<()> {
    let (kubeconfig, kubectl) = (setting.control.kubeconfig(), setting.control.kubectl_path());
    let programs = kubectl.parent().unwrap_or(kubectl);
    voice.title("All of this runs until you press Ctrl-C. In another terminal:");
    voice.prose(&format!("  export KUBECONFIG={}", kubeconfig.display()));
    voice.prose(&format!("  export PATH={}:$PATH", programs.display()));
    tell_commands(voice);
    voice.note(&Fact::Reach { kubeconfig: kubeconfig.display().to_string(), kubectl: kubectl.display().to_string() });
    tokio::signal::ctrl_c().await.context("failed to wait for Ctrl-C")
}

const LOOK_AROUND: [&str; 3] =
    ["kubectl get moorage -A", "kubectl explain devicecredential.spec", "kubectl get secret -n contoso contoso-simdevice-east -o yaml"];

fn how_to_look_around(voice: &mut Printer) {
    voice.title("Look around yourself");
    voice.prose("  cargo demo --keep stops before the clean-up, leaves all running, and tells how to reach it; then, for example:");
    tell_commands(voice);
}

fn tell_commands(voice: &mut Printer) {
    for line in LOOK_AROUND {
        voice.prose(&format!("  {line}"));
    }
}

/// Every secret value of the cloud and of the Secrets.
async fn secrets_held(setting: &Setting, lookout: &Watcher) -> anyhow::Result<Vec<String>> {
    const OPEN: [&str; 3] = ["registrationId", "idScope", "provisioningHost"];
    let mut held = setting.harness.cloud().secrets_ever_held();
    for (namespace, name) in lookout.seen().secrets.keys() {
        let entries = setting.harness.secret(namespace, name).await?;
        held.extend(entries.into_iter().filter(|(entry, _)| !OPEN.contains(&entry.as_str())).map(|(_, value)| value));
    }
    held.sort();
    held.dedup();
    Ok(held)
}

/// None of the secrets is in what was told, as it is, in base64, or percent-encoded.
fn none_was_told(held: &[String], voice: &mut Printer) -> anyhow::Result<()> {
    let told = voice.told();
    let forms =
        |secret: &str| [secret.to_owned(), BASE64_STANDARD.encode(secret), utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string()];
    let printed = held.iter().filter(|secret| forms(secret).iter().any(|form| told.contains(form.as_str()))).count();
    voice.fact(&Fact::Secrets { printed, held: held.len() });
    ensure!(printed == 0, "secret values were printed: {printed}");
    Ok(())
}
