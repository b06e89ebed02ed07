//! What a test sees of a cluster and a cloud, whichever cluster it is.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use anyhow::Context as _;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{ApiResource, DynamicObject};
use kube::{Api, Client};
use moorage_simulator::Simulator;

use crate::device::Network;

/// A cluster and a cloud, with namespaces for one test.
#[derive(Clone)]
pub struct TestEnv {
    admin: Client,
    cloud: Arc<Simulator>,
    name: String,
    namespaces: Vec<String>,
}

impl TestEnv {
    /// A cluster, by a client that may do everything, and a cloud, for a test of a name with namespaces of its own.
    pub fn new(admin: Client, cloud: Arc<Simulator>, name: &str, namespaces: &[String]) -> Self {
        Self { admin, cloud, name: name.to_owned(), namespaces: namespaces.to_vec() }
    }

    /// A client of the cluster that may do everything.
    pub fn admin(&self) -> Client {
        self.admin.clone()
    }

    /// The cloud.
    pub fn cloud(&self) -> &Arc<Simulator> {
        &self.cloud
    }

    /// The name of the test, which is the id of its installation.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The namespaces of its objects.
    pub fn namespaces(&self) -> &[String] {
        &self.namespaces
    }

    /// The operator's own namespace.
    pub fn operator_namespace(&self) -> String {
        format!("moorage-{}", self.name)
    }

    /// The time by which everything here lives.
    pub fn time(&self) -> impl Fn() -> Timestamp + Send + Sync + 'static {
        let cloud = self.cloud.clone();
        move || cloud.now()
    }

    /// The network in which devices find the cloud.
    pub fn network(&self) -> Network {
        Network { address: self.cloud.address(), ca_pem: self.cloud.ca_pem().to_owned() }
    }

    /// The entries of a Secret, as a device would be given them.
    ///
    /// # Errors
    /// If it is not there, or holds what is no text.
    pub async fn secret(&self, namespace: &str, name: &str) -> anyhow::Result<BTreeMap<String, String>> {
        let api: Api<Secret> = Api::namespaced(self.admin(), namespace);
        let secret = api.get(name).await.with_context(|| format!("failed to read Secret {namespace}/{name}"))?;
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).context("an entry is no text");
        secret.data.unwrap_or_default().into_iter().map(|(key, value)| Ok((key, text(value.0)?))).collect()
    }

    /// Objects of a kind of ours, without types.
    pub fn objects(&self, kind: &str, namespace: &str) -> Api<DynamicObject> {
        Api::namespaced_with(self.admin(), namespace, &resource_of(kind))
    }
}

/// What a kind of ours is called in requests.
///
/// # Panics
/// If it is none.
pub fn resource_of(kind: &str) -> ApiResource {
    // Their schemas are made anew each time, which takes longer than a request.
    static CRDS: LazyLock<Vec<CustomResourceDefinition>> = LazyLock::new(moorage_crds::all);
    let crd = CRDS.iter().find(|crd| crd.spec.names.kind == kind).expect("a kind of ours");
    ApiResource {
        group: moorage_crds::GROUP.to_owned(),
        version: moorage_crds::VERSION.to_owned(),
        api_version: format!("{}/{}", moorage_crds::GROUP, moorage_crds::VERSION),
        kind: kind.to_owned(),
        plural: crd.spec.names.plural.clone(),
    }
}
