//! The one control plane of a test process.

use super::{ControlPlane, Options, guest};
use crate::{cert_manager, progress::Console};
use anyhow::anyhow;
use std::sync::OnceLock;
use tokio::{runtime::Runtime, sync::OnceCell};

/// Runs the body of a test on the one runtime of the process.
///
/// A client's connections live on the runtime that made them, so tests that share a control plane share this too.
///
/// # Panics
///
/// If it is called from within itself.
pub fn block_on<F: Future>(test: F) -> F::Output {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    let runtime = RUNTIME.get_or_init(|| Runtime::new().expect("a test process can start threads"));
    runtime.block_on(test)
}

type Shared = OnceCell<Result<ControlPlane, String>>;

/// The control plane that all tests of this process share: the cluster of `KUBECONFIG` if that is set, else [`owned`].
/// Call it within [`block_on`].
///
/// # Errors
///
/// It did not start, or may not be used, which is then told to every test.
pub async fn shared() -> anyhow::Result<&'static ControlPlane> {
    static SHARED: Shared = OnceCell::const_new();
    let Some(invitation) = guest::invitation() else { return owned().await };
    let visit = || async {
        // Refused if the process has installed a provider already, which then serves as well.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let visited = guest::visit(invitation, moorage_crds::all(), &Console::stderr()).await;
        visited.map_err(|error| format!("{error:#}"))
    };
    SHARED.get_or_init(visit).await.as_ref().map_err(|error| anyhow!("{error}"))
}

/// The control plane that this process has for itself, whatever `KUBECONFIG` says; started when first asked for.
/// Call it within [`block_on`].
///
/// # Errors
///
/// As [`shared`].
pub async fn owned() -> anyhow::Result<&'static ControlPlane> {
    static OWNED: Shared = OnceCell::const_new();
    let start = || async {
        // Those of cert-manager as well, which are nobody's here: a cluster of somebody's own is not given them.
        let kinds = moorage_crds::all().into_iter().chain(cert_manager::kinds()).collect();
        let started = ControlPlane::start(Options { kinds, ..Options::default() }, &Console::stderr()).await;
        started.map_err(|error| format!("{error:#}"))
    };
    OWNED.get_or_init(start).await.as_ref().map_err(|error| anyhow!("{error}"))
}
