//! The one control plane of a test process.

use super::{ControlPlane, Options};
use crate::progress::Console;
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

/// The control plane that all tests of this process share; started when first asked for.
/// Call it within [`block_on`].
///
/// # Errors
///
/// It did not start, which is then told to every test.
pub async fn shared() -> anyhow::Result<&'static ControlPlane> {
    static SHARED: OnceCell<Result<ControlPlane, String>> = OnceCell::const_new();
    let start = || async {
        let started = ControlPlane::start(Options { kinds: moorage_crds::all(), ..Options::default() }, &Console::stderr()).await;
        started.map_err(|error| format!("{error:#}"))
    };
    SHARED.get_or_init(start).await.as_ref().map_err(|error| anyhow!("{error}"))
}
