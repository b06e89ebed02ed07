//! Where the demo plays: a control plane, a cloud, the operator under the rights that ship.

use anyhow::Context as _;
use moorage_operator::controller::context::Installation;
use moorage_simulator::Azure;

use super::cloud::Cloud;
use super::fact::Fact;
use super::printer::Printer;
use crate::controlplane::{ControlPlane, shared};
use crate::example::Example;
use crate::harness::{Harness, SUBSCRIPTION, cloud_options};
use crate::operator::{Launch, Running};
use crate::progress::{Console, step};

/// Makes the operator's namespace `moorage-system`.
const NAME: &str = "system";

/// Everything that runs.
pub(super) struct Setting {
    pub control: &'static ControlPlane,
    pub harness: Harness,
    /// The file that is applied, from the top of the repository.
    pub file: String,
    /// The namespaces that it makes.
    pub namespaces: Vec<String>,
    /// The world before anything was applied.
    pub before: String,
    operator: Running,
}

impl Setting {
    /// Starts everything for an example, whose cloud holds `there_before`.
    ///
    /// # Errors
    /// Something does not start; the message names the remedy where there is one.
    pub async fn make(example: &str, there_before: fn(&mut Azure), voice: &mut Printer) -> anyhow::Result<Self> {
        let progress = Console::stderr();
        let control = shared().await?;
        let namespaces = Example::read(example, "")?.namespaces();
        let set = Harness::set(control, NAME, &namespaces, cloud_options());
        let harness = step(&progress, "Starting the local Azure and installing the operator's rights", set).await?;
        harness.cloud().seed(there_before);
        let before = harness.cloud().snapshot();
        let launch = Launch {
            installation: Installation::new("demo".to_owned(), harness.operator_namespace(), "here"),
            // All, as by default.
            namespaces: Vec::new(),
            ..harness.launch()
        };
        let operator = step(&progress, "Starting the operator", Running::start(launch)).await?;
        let setting = Self { control, harness, file: format!("examples/{example}"), namespaces, before, operator };
        setting.tell(voice).await?;
        Ok(setting)
    }

    async fn tell(&self, voice: &mut Printer) -> anyhow::Result<()> {
        let version = self.control.admin().apiserver_version().await.context("failed to ask the API server for its version")?;
        voice.prose("");
        voice.fact(&Fact::ControlPlane { version: version.git_version, kubeconfig: self.control.kubeconfig().display().to_string() });
        let there_before = Cloud::read(&self.before).things().into_iter().map(|(what, name)| format!("{what} {name}")).collect();
        let address = self.harness.cloud().address().to_string();
        voice.fact(&Fact::Cloud { address, subscription: SUBSCRIPTION.to_owned(), there_before });
        let user = self.harness.operator_user().to_owned();
        voice.fact(&Fact::Operator { namespace: self.harness.operator_namespace(), user });
        Ok(())
    }

    /// Ends everything, and leaves nothing behind.
    ///
    /// # Errors
    /// Something does not end.
    pub async fn end(self) -> anyhow::Result<()> {
        let stopped = self.operator.stop().await;
        self.control.end().await?;
        stopped
    }
}
