//! The S0 example, applied and Ready: where most stories begin.

use std::net::{IpAddr, Ipv4Addr};

use moorage_operator::clock::Clock;
use moorage_simulator::Options;
use serde_json::Value;

use crate::controlplane::shared;
use crate::device::Device;
use crate::example::Example;
use crate::harness::{Harness, cloud_options, fabrikam_s_past};
use crate::operator::{Launch, Running};

/// An address next to Azure's East US.
pub const EAST: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 1, 1));
/// An address next to Azure's West US.
pub const WEST: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 2, 1));
/// An address next to Azure's West Europe.
pub const EUROPE: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 3, 1));
/// An address next to Azure's Southeast Asia.
pub const ASIA: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 4, 1));

/// The S0 example on a harness.
pub struct Tenants {
    /// Where it is.
    pub harness: Harness,
    /// The example.
    pub example: Example,
    /// The operator.
    pub operator: Running,
}

impl Tenants {
    /// Applied, with an operator, and Ready.
    ///
    /// # Errors
    /// If it does not become Ready.
    pub async fn ready(story: &str) -> anyhow::Result<Self> {
        Self::ready_with(story, cloud_options(), |_| {}).await
    }

    /// The same in another cloud, or with a changed example.
    ///
    /// # Errors
    /// If it does not become Ready.
    pub async fn ready_with(story: &str, cloud: Options, change: impl FnOnce(&mut Example)) -> anyhow::Result<Self> {
        let tenants = Self::begun(story, cloud, change).await?;
        tenants.harness.until_all_ready().await?;
        Ok(tenants)
    }

    /// Applied, with an operator.
    ///
    /// # Errors
    /// If it cannot be applied.
    pub async fn begun(story: &str, cloud: Options, change: impl FnOnce(&mut Example)) -> anyhow::Result<Self> {
        let mut example = Example::read("s0-tenants.yaml", story)?;
        change(&mut example);
        Self::of(story, example, cloud).await
    }

    /// Another example, applied, with an operator.
    ///
    /// # Errors
    /// If it cannot be applied.
    pub async fn of(story: &str, example: Example, cloud: Options) -> anyhow::Result<Self> {
        let harness = Harness::set(shared().await?, story, &example.namespaces(), cloud).await?;
        Self::applied(harness, example, None).await
    }

    /// The example on a harness, with an operator that lives by a clock, or by the simulator's.
    ///
    /// # Errors
    /// If it cannot be applied.
    pub async fn applied(harness: Harness, example: Example, clock: Option<Clock>) -> anyhow::Result<Self> {
        harness.cloud().seed(fabrikam_s_past);
        let operator = Running::start(Launch { clock, ..harness.launch() }).await?;
        harness.apply(&example).await?;
        Ok(Self { harness, example, operator })
    }

    /// A device of a tenant, at a place.
    ///
    /// # Errors
    /// If it has no Secret.
    pub async fn device(&self, tenant: &str, name: &str, from: IpAddr) -> anyhow::Result<Device> {
        let secret = self.harness.secret(&self.example.namespace(tenant), name).await?;
        Device::new(secret, &self.harness.network(), from)
    }

    /// An object of ours.
    ///
    /// # Errors
    /// If it is not there.
    pub async fn object(&self, kind: &str, namespace: &str, name: &str) -> anyhow::Result<Value> {
        self.harness.get(kind, &self.example.namespace(namespace), name).await
    }

    /// The cloud, as text.
    pub fn snapshot(&self) -> String {
        self.harness.cloud().snapshot()
    }

    /// Annotates an object of ours.
    ///
    /// # Errors
    /// With kubectl's own words.
    pub async fn annotate(&self, kind: &str, namespace: &str, name: &str, annotation: &str) -> anyhow::Result<()> {
        let namespace = self.example.namespace(namespace);
        self.harness.kubectl(&["annotate", "--overwrite", kind, name, "-n", &namespace, annotation], "").await.map(drop)
    }

    /// Merges into an object of ours, as a user would with `kubectl patch`.
    ///
    /// # Errors
    /// With kubectl's own words.
    pub async fn patch(&self, kind: &str, namespace: &str, name: &str, patch: &Value) -> anyhow::Result<()> {
        let namespace = self.example.namespace(namespace);
        self.harness.kubectl(&["patch", kind, name, "-n", &namespace, "--type=merge", "-p", &patch.to_string()], "").await.map(drop)
    }

    /// Waits until a condition of an object holds for a reason.
    ///
    /// # Errors
    /// With the conditions that it has instead.
    pub async fn until(&self, kind: &str, namespace: &str, name: &str, condition: &str, reason: &str) -> anyhow::Result<Value> {
        self.harness.until_condition(kind, &self.example.namespace(namespace), name, condition, reason).await
    }

    /// The end: every request was one that Azure's own description knows, and the operator stops in good order.
    ///
    /// # Errors
    /// If the operator does not stop.
    ///
    /// # Panics
    /// At a request or a reply that the description does not know.
    pub async fn end(self) -> anyhow::Result<()> {
        assert_eq!(self.harness.cloud().violations(), Vec::<String>::new());
        assert_eq!(self.harness.cloud().answer_violations(), Vec::<String>::new());
        self.operator.stop().await
    }
}
