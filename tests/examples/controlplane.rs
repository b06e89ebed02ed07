//! Runs the tests' control plane until Ctrl-C, to look around in: `cargo run -p moorage-tests --example controlplane`.
//!
//! An argument names a directory that is kept, with the logs; otherwise a temporary one is used.

use moorage_tests::{
    controlplane::{ControlPlane, Options},
    progress::Console,
};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let options = Options { directory: std::env::args_os().nth(1).map(Into::into), ..Options::default() };
    let plane = ControlPlane::start(options, &Console::stderr()).await?;
    println!("export KUBECONFIG={}", plane.kubeconfig().display());
    println!("alias kubectl={}", plane.kubectl_path().display());
    println!("# logs, certificates and the audit log: {}", plane.directory().display());
    println!("# Ctrl-C ends it");
    tokio::signal::ctrl_c().await?;
    plane.stop().await
}
