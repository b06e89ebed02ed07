//! The demo: an example, applied by kubectl to a real API server, becomes hubs, enrollment and device Secrets in a local Azure;
//! devices register with them; then everything is cleaned up. What it tells, it has seen.

mod cleanup;
mod cloud;
mod devices;
mod fact;
mod inventory;
mod kubectl;
mod printer;
mod s0;
mod setting;
mod watcher;

use std::process::ExitCode;

use clap::{Parser, ValueEnum};

use self::printer::Printer;
use self::setting::Setting;
use crate::controlplane::block_on;

/// Shows Moorage at work: a real Kubernetes API server, a local Azure, and simulated devices. Needs Go 1.26 or newer for the first run, or a
/// cluster of your own in `KUBECONFIG`, which is left as it was.
#[derive(Debug, Parser)]
#[command(name = "cargo demo", bin_name = "cargo demo")]
struct Args {
    /// What to show.
    #[arg(value_enum, default_value_t = Scene::S0)]
    scene: Scene,
    /// Print one JSON object a line for each fact, and a last one with `ok`.
    #[arg(long)]
    json: bool,
    /// Leave everything running before the clean-up, tell how to reach it, and wait for Ctrl-C.
    #[arg(long)]
    keep: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Scene {
    /// Two tenants with regional hubs behind one provisioning service, from YAML to registered devices and back.
    S0,
}

impl Scene {
    fn name(self) -> &'static str {
        match self {
            Self::S0 => "s0",
        }
    }
}

/// Runs the demo as its command line says; the code is 0 only if all was seen to work.
pub fn main() -> ExitCode {
    let args = Args::parse();
    let mut voice = Printer::new(args.json);
    let outcome = block_on(show(&args, &mut voice));
    voice.end(args.scene.name(), args.keep, &outcome);
    if outcome.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn show(args: &Args, voice: &mut Printer) -> anyhow::Result<()> {
    devices::places_can_be_had()?;
    match args.scene {
        Scene::S0 => {
            voice.title("Two tenants, hubs in four regions, one provisioning service for both");
            let setting = Setting::make(s0::EXAMPLE, crate::harness::fabrikam_s_past, voice).await?;
            let played = s0::play(&setting, voice, args.keep).await;
            let ended = setting.end().await;
            played.and(ended)
        }
    }
}
