//! Being a guest on somebody's own cluster: told before anything happens, refused where somebody else might be hurt, and cleared
//! away in the end, however this process ends.

use super::{ADMIN_KUBECONFIG, AuditLog, ControlPlane, Tenure, launch, login::Endpoint, run::RunDirectory, source::Source};
use crate::progress::{Progress, step};
use anyhow::{Context, bail, ensure};
use base64::{Engine, prelude::BASE64_STANDARD};
use k8s_openapi::{
    api::{core::v1::Namespace, rbac::v1::ClusterRole},
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{
    Api, Client, Config, ResourceExt,
    api::ListParams,
    config::{Cluster, KubeConfigOptions, Kubeconfig},
};
use std::{
    env,
    ffi::OsString,
    io::Write,
    path::{Path, PathBuf},
    process::Stdio,
    sync::atomic::AtomicUsize,
    time::Duration,
};
use tokio::{
    process::{Child, Command},
    sync::Mutex,
};

/// The variable that names the cluster.
const KUBECONFIG: &str = "KUBECONFIG";
/// The variable that names the cluster's audit log, where it can be read here.
const AUDIT_LOG: &str = "MOORAGE_AUDIT_LOG";
/// Label of everything that a guest makes beside namespaced things; its value is the run.
const MARK: &str = "moorage.dev/stage";
/// How long clearing away may take.
const PATIENCE: Duration = Duration::from_mins(3);

/// Waits for the end of its standard input, which the kernel brings about if nobody else does, and clears away. What a run has
/// marked goes; objects of ours go without their finalizers, for their operator is gone and their cloud with it.
const CARETAKER: &str = r#"trap '' INT TERM HUP
cat >/dev/null
for kind in $KINDS; do
  "$0" get "$kind" -A -o jsonpath='{range .items[*]}{.metadata.namespace} {.metadata.name}{"\n"}{end}' | while read -r namespace name; do
    "$0" patch "$kind" -n "$namespace" "$name" --type=merge -p '{"metadata":{"finalizers":null}}'
  done
done
"$0" delete namespaces,clusterrolebindings,clusterroles,customresourcedefinitions -l "$1""#;

/// What a guest has to leave behind as it was.
#[derive(Debug)]
pub(super) struct Guest {
    caretaker: Mutex<Option<Child>>,
    audit: Option<PathBuf>,
    mark: String,
}

/// What `KUBECONFIG` says, if it says anything.
pub(super) fn invitation() -> Option<OsString> {
    env::var_os(KUBECONFIG).filter(|value| !value.is_empty())
}

impl Guest {
    /// The label of what this run makes.
    pub fn mark(&self) -> (&'static str, &str) {
        (MARK, &self.mark)
    }

    /// The audit log, if it can be read.
    pub fn audit(&self) -> Option<AuditLog> {
        self.audit.clone().map(AuditLog::new)
    }

    /// Clears away now.
    pub async fn leave(&self) -> anyhow::Result<()> {
        let Some(mut caretaker) = self.caretaker.lock().await.take() else { return Ok(()) };
        drop(caretaker.stdin.take());
        let ended = tokio::time::timeout(PATIENCE, caretaker.wait()).await.context("clearing the cluster took too long")??;
        ensure!(
            ended.success(),
            "the cluster could not be cleared: kubectl delete namespaces,clusterroles,clusterrolebindings,crds -l {MARK}"
        );
        Ok(())
    }
}

/// Moves in on the cluster of `KUBECONFIG`, with kinds installed.
pub(super) async fn visit(
    invitation: OsString,
    mut kinds: Vec<CustomResourceDefinition>,
    progress: &dyn Progress,
) -> anyhow::Result<ControlPlane> {
    let kubeconfig = Kubeconfig::from_env().context("failed to read KUBECONFIG")?.context("KUBECONFIG names no file")?;
    let (context, cluster) = chosen(&kubeconfig)?;
    let endpoint = endpoint(&cluster)?;
    say(&format!("Using your cluster, as KUBECONFIG says: context {context}, server {}", endpoint.url));
    let config = Config::from_custom_kubeconfig(kubeconfig.clone(), &KubeConfigOptions::default()).await;
    let client = Client::try_from(config.context("KUBECONFIG cannot be used")?).context("KUBECONFIG cannot be used")?;
    let kubectl = kubectl(progress).await?;
    if left_by_an_earlier_run(&client).await.with_context(|| format!("failed to ask {}", endpoint.url))? {
        let caretaker =
            Guest { caretaker: Mutex::new(Some(caretaker(&kubectl, &invitation, &kinds, MARK)?)), audit: None, mark: String::new() };
        step(progress, "Clearing away what an earlier run has left", caretaker.leave()).await?;
    }
    let mut run = RunDirectory::new(None)?;
    let mark = run.path().file_name().context("the run has a directory of its own")?.to_string_lossy().into_owned();
    let caretaker = caretaker(&kubectl, &invitation, &kinds, &format!("{MARK}={mark}"))?;
    for kind in &mut kinds {
        kind.labels_mut().insert(MARK.to_owned(), mark.clone());
    }
    step(progress, "Installing the kinds", launch::install(&client, &kinds)).await?;
    run.write(ADMIN_KUBECONFIG, &serde_saphyr::to_string(&kubeconfig).context("failed to print a kubeconfig")?)?;
    run.remove_in_the_end();
    let audit = env::var_os(AUDIT_LOG).filter(|value| !value.is_empty()).map(PathBuf::from);
    let guest = Box::new(Guest { caretaker: Mutex::new(Some(caretaker)), audit, mark });
    Ok(ControlPlane { tenure: Tenure::Guest(guest), kubectl, endpoint, client, logins: AtomicUsize::new(0), run })
}

/// The context in use, and its cluster.
fn chosen(kubeconfig: &Kubeconfig) -> anyhow::Result<(String, Cluster)> {
    let name = kubeconfig.current_context.clone().context("KUBECONFIG has no current context: kubectl config use-context")?;
    let context = kubeconfig.contexts.iter().find(|context| context.name == name).and_then(|context| context.context.as_ref());
    let cluster = &context.with_context(|| format!("KUBECONFIG has no context {name}"))?.cluster;
    let found = kubeconfig.clusters.iter().find(|named| named.name == *cluster).and_then(|named| named.cluster.clone());
    Ok((name, found.with_context(|| format!("KUBECONFIG has no cluster {cluster}"))?))
}

fn endpoint(cluster: &Cluster) -> anyhow::Result<Endpoint> {
    let url = cluster.server.clone().context("the cluster of KUBECONFIG has no server")?;
    let authority = match (&cluster.certificate_authority_data, &cluster.certificate_authority) {
        (Some(data), _) => BASE64_STANDARD.decode(data).context("the cluster's authority is no base64")?,
        (None, Some(path)) => std::fs::read(path).with_context(|| format!("failed to read {path}"))?,
        (None, None) => bail!("the cluster of KUBECONFIG names no certificate authority, and the operator must know whom it talks to"),
    };
    Ok(Endpoint { url, authority: String::from_utf8(authority).context("the cluster's authority is no text")? })
}

/// Whether everything of ours on the cluster is what an earlier run has left; an error if some of it is somebody's.
async fn left_by_an_earlier_run(client: &Client) -> anyhow::Result<bool> {
    let all = ListParams::default();
    let kinds: Api<CustomResourceDefinition> = Api::all(client.clone());
    let kinds = kinds.list(&all).await?.into_iter().filter(|kind| kind.spec.group == moorage_crds::GROUP);
    let roles: Api<ClusterRole> = Api::all(client.clone());
    let roles = roles.list(&all).await?.into_iter().filter(|role| ["moorage", "moorage-secrets"].contains(&role.name_any().as_str()));
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let namespaces = namespaces.list(&all).await?.into_iter().filter(|namespace| namespace.name_any().starts_with("moorage-"));
    let found: Vec<(String, bool)> = kinds
        .map(|kind| (format!("kind {}", kind.name_any()), kind.labels().contains_key(MARK)))
        .chain(roles.map(|role| (format!("ClusterRole {}", role.name_any()), role.labels().contains_key(MARK))))
        .chain(namespaces.map(|namespace| (format!("namespace {}", namespace.name_any()), namespace.labels().contains_key(MARK))))
        .collect();
    let theirs: Vec<_> = found.iter().filter(|(_, marked)| !marked).map(|(name, _)| name.as_str()).collect();
    if !theirs.is_empty() {
        bail!(
            "this cluster has an operator or objects of somebody, and they are left alone: {}; use a cluster of its own, \
             such as `kind create cluster --config kind-config.yaml` makes, or unset KUBECONFIG",
            theirs.join(", ")
        );
    }
    Ok(!found.is_empty())
}

fn caretaker(kubectl: &Path, invitation: &OsString, kinds: &[CustomResourceDefinition], selector: &str) -> anyhow::Result<Child> {
    let names: Vec<_> = kinds.iter().map(ResourceExt::name_any).collect();
    let mut command = Command::new("/bin/sh");
    command.arg("-c").arg(CARETAKER).arg(kubectl).arg(selector).env(KUBECONFIG, invitation).env("KINDS", names.join(" "));
    // Not with us when Ctrl-C is pressed.
    command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().context("failed to start what clears the cluster in the end")
}

/// The user's own, which knows how to sign in where ours may not; else the built one.
async fn kubectl(progress: &dyn Progress) -> anyhow::Result<PathBuf> {
    let paths = env::var_os("PATH").unwrap_or_default();
    let found = env::split_paths(&paths).map(|path| path.join("kubectl")).find(|path| path.is_file());
    match found {
        Some(kubectl) => Ok(kubectl),
        None => Ok(Source::from_env().programs(progress).await?.kubectl.path),
    }
}

/// Writes to standard error, around the capture of the test runner.
pub(super) fn say(line: &str) {
    // Nobody reads it where there is no standard error.
    let _ = writeln!(std::io::stderr(), "{line}");
}
