//! A harness for one story: namespaces of its own on the shared control plane, a cloud of its own, and an operator under the
//! service account and the RBAC that ship.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::api::rbac::v1::RoleBinding;
use kube::api::{ApiResource, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::{Api, ResourceExt};
use moorage_cloud::EndpointMap;
use moorage_operator::controller::context::Installation;
use moorage_simulator::{Application, Azure, NewHub, Options, Simulator, Subscription};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;

use crate::controlplane::{ControlPlane, Login};
use crate::device::Network;
use crate::example::Example;
use crate::operator::{Launch, Running};
use crate::test_env::TestEnv;
use crate::wait::{NotYet, until};

/// The Entra tenant of the examples.
pub const TENANT: &str = "11111111-1111-4111-8111-111111111111";
/// The subscription of the examples.
pub const SUBSCRIPTION: &str = "22222222-2222-4222-8222-222222222222";
/// The application of the examples.
pub const CLIENT: &str = "33333333-3333-4333-8333-333333333333";
/// The client secret of the examples.
pub const CLIENT_SECRET: &str = "not-a-real-secret";

/// How long a story waits for what should come soon.
pub const SOON: Duration = Duration::from_mins(1);

/// A harness for one story.
pub struct Harness {
    control: &'static ControlPlane,
    env: TestEnv,
    login: Login,
}

/// A cloud in which the examples' identity may work.
pub fn cloud_options() -> Options {
    let application = Application {
        tenants: vec![TENANT.to_owned()],
        client_id: CLIENT.to_owned(),
        client_secrets: vec![CLIENT_SECRET.to_owned()],
        ..Application::default()
    };
    let subscription = Subscription { id: SUBSCRIPTION.to_owned(), tenant: TENANT.to_owned() };
    Options { seed: Some("stage".to_owned()), applications: vec![application], subscriptions: vec![subscription], ..Options::default() }
}

/// What fabrikam has in the cloud before `examples/s0-tenants.yaml` is applied: the hub that is adopted.
pub fn fabrikam_s_past(azure: &mut Azure) {
    let (group, location) = ("fabrikam-rg", "southeastasia");
    azure.add_resource_group(SUBSCRIPTION, group, location);
    azure.add_hub(NewHub { subscription: SUBSCRIPTION, group, name: "fabrikam-asia-hub", location, sku: "S1" });
}

impl Harness {
    /// Sets a harness up for the story `name`, whose example's namespaces are those given.
    ///
    /// # Errors
    /// If the control plane refuses, or the cloud does not start.
    pub async fn set(control: &'static ControlPlane, name: &str, namespaces: &[String], cloud: Options) -> anyhow::Result<Self> {
        let cloud = Arc::new(Simulator::start(cloud).await.context("the simulator did not start")?);
        Self::before(control, name, namespaces, cloud).await
    }

    /// The same harness on another control plane, before the same cloud: where a cluster is moved to.
    ///
    /// # Errors
    /// If the control plane refuses.
    pub async fn moved_to(&self, control: &'static ControlPlane) -> anyhow::Result<Self> {
        Self::before(control, self.env.name(), self.env.namespaces(), self.env.cloud().clone()).await
    }

    async fn before(control: &'static ControlPlane, name: &str, namespaces: &[String], cloud: Arc<Simulator>) -> anyhow::Result<Self> {
        let operator = format!("moorage-{name}");
        let mut all = namespaces.to_vec();
        all.push(operator.clone());
        let api: Api<Namespace> = Api::all(control.admin());
        for namespace in &all {
            let labels = marked(control);
            let object: Namespace = serde_json::from_value(json!({ "metadata": { "name": namespace, "labels": labels } }))?;
            let applied =
                api.patch(namespace, &PatchParams::apply("stage").force(), &Patch::Apply(&with_type(&object, "v1", "Namespace")?)).await;
            applied.with_context(|| format!("failed to make namespace {namespace}"))?;
        }
        install_rbac(control, &operator).await?;
        for namespace in &all {
            bind_secrets(control, namespace, &operator).await?;
        }
        let login = control.service_account(&operator, "moorage").await?;
        Ok(Self { control, env: TestEnv::new(control.admin(), cloud, name, namespaces), login })
    }

    /// The cluster and the cloud.
    pub fn env(&self) -> &TestEnv {
        &self.env
    }

    /// The cloud.
    pub fn cloud(&self) -> &Simulator {
        self.env.cloud()
    }

    /// The time by which everything here lives.
    pub fn time(&self) -> impl Fn() -> Timestamp + Send + Sync + 'static {
        self.env.time()
    }

    /// The control plane.
    pub fn control(&self) -> &'static ControlPlane {
        self.control
    }

    /// The operator's name in the audit log.
    pub fn operator_user(&self) -> &str {
        self.login.user()
    }

    /// The operator's login.
    pub fn login(&self) -> &Login {
        &self.login
    }

    /// The operator's own namespace.
    pub fn operator_namespace(&self) -> String {
        self.env.operator_namespace()
    }

    /// The network in which devices find the cloud.
    pub fn network(&self) -> Network {
        self.env.network()
    }

    /// By what the operator tells this cluster from others.
    pub fn cluster(&self) -> String {
        self.control.address().map_or_else(|_| "here".to_owned(), |address| format!("cluster-{}", address.port()))
    }

    /// How an operator is started here.
    pub fn launch(&self) -> Launch {
        Launch {
            kubeconfig: self.login.kubeconfig().clone(),
            clouds: EndpointMap { address: self.cloud().address(), ca_pem: self.cloud().ca_pem().to_owned() },
            installation: Installation::new(self.env.name().to_owned(), self.operator_namespace(), &self.cluster()),
            namespaces: self.env.namespaces().to_vec(),
            replica: None,
            clock: None,
            dates: None,
        }
    }

    /// Starts an operator.
    ///
    /// # Errors
    /// As [`Running::start`].
    pub async fn operator(&self) -> anyhow::Result<Running> {
        Running::start(self.launch()).await
    }

    /// Runs kubectl as the administrator, with a text on its standard input, and gives what it prints.
    ///
    /// # Errors
    /// With kubectl's own words.
    pub async fn kubectl(&self, args: &[&str], stdin: &str) -> anyhow::Result<String> {
        kubectl(self.control, args, stdin).await
    }

    /// Applies an example as a user would.
    ///
    /// # Errors
    /// With kubectl's own words.
    pub async fn apply(&self, example: &Example) -> anyhow::Result<()> {
        self.kubectl(&["apply", "-f", "-"], &example.text()).await.map(drop)
    }

    /// One object of ours.
    ///
    /// # Errors
    /// If it is not there.
    pub async fn get(&self, kind: &str, namespace: &str, name: &str) -> anyhow::Result<Value> {
        let text = self.kubectl(&["get", kind, name, "-n", namespace, "-o", "json"], "").await?;
        Ok(serde_json::from_str(&text)?)
    }

    /// Waits until a condition of an object has a status, and gives the object.
    ///
    /// # Errors
    /// With the conditions that it has instead.
    pub async fn until_condition(&self, kind: &str, namespace: &str, name: &str, type_: &str, reason: &str) -> anyhow::Result<Value> {
        let api = self.objects(kind, namespace);
        until(&format!("{kind} {namespace}/{name} has {type_} for {reason}"), SOON, || async {
            let object = serde_json::to_value(api.get(name).await?)?;
            match condition(&object, type_) {
                Some((status, found)) if status == "True" && found == reason => Ok(object),
                _ => Err(NotYet::seen(&object["status"]["conditions"])),
            }
        })
        .await
    }

    /// Waits until every object of ours on this harness is Ready.
    ///
    /// # Errors
    /// With those that are not.
    pub async fn until_all_ready(&self) -> anyhow::Result<()> {
        until("every object is Ready", SOON, || async { self.look_ready().await }).await
    }

    /// Looks whether every object of ours on this harness is Ready.
    ///
    /// # Errors
    /// With the first that is not.
    pub async fn look_ready(&self) -> Result<(), NotYet> {
        for kind in moorage_crds::KindName::ALL.iter().map(|kind| kind.as_str()) {
            for namespace in self.env.namespaces() {
                for object in self.objects(kind, namespace).list(&ListParams::default()).await? {
                    let (name, value) = (object.name_any(), serde_json::to_value(&object)?);
                    let settled = value["status"]["observedGeneration"] == value["metadata"]["generation"];
                    let ready = condition(&value, "Ready").is_some_and(|(status, _)| status == "True");
                    let moving = condition(&value, "Reconciling").is_none_or(|(status, _)| status == "True");
                    if !(settled && ready && !moving) {
                        return Err(NotYet::seen(format!("{kind} {namespace}/{name}: {}", value["status"]["conditions"])));
                    }
                }
            }
        }
        Ok(())
    }

    /// Waits until an object is gone.
    ///
    /// # Errors
    /// With what it says instead.
    pub async fn until_gone(&self, kind: &str, namespace: &str, name: &str) -> anyhow::Result<()> {
        let api = self.objects(kind, namespace);
        until(&format!("{kind} {namespace}/{name} is gone"), SOON, || async {
            match api.get_opt(name).await? {
                None => Ok(()),
                Some(object) => Err(NotYet::seen(&object.data["status"]["conditions"])),
            }
        })
        .await
    }

    /// The entries of a Secret, as a device would be given them.
    ///
    /// # Errors
    /// If it is not there, or holds what is no text.
    pub async fn secret(&self, namespace: &str, name: &str) -> anyhow::Result<BTreeMap<String, String>> {
        self.env.secret(namespace, name).await
    }

    /// Waits until the operator has nothing left to do and its writes are seen.
    ///
    /// # Errors
    /// If it does not come to rest.
    pub async fn until_at_rest(&self, operator: &Running) -> anyhow::Result<()> {
        let controller = operator.controller();
        until("the operator is at rest", SOON, || async { if controller.is_at_rest() { Ok(()) } else { Err(NotYet::seen("it works")) } })
            .await
    }

    /// Objects of a kind of ours, without types.
    pub fn objects(&self, kind: &str, namespace: &str) -> Api<DynamicObject> {
        self.env.objects(kind, namespace)
    }
}

/// Status and reason of a condition.
pub fn condition(object: &Value, type_: &str) -> Option<(String, String)> {
    let condition = object["status"]["conditions"].as_array()?.iter().find(|condition| condition["type"] == type_)?;
    Some((condition["status"].as_str()?.to_owned(), condition["reason"].as_str()?.to_owned()))
}

/// Runs kubectl as the administrator.
///
/// # Errors
/// With kubectl's own words.
pub async fn kubectl(control: &ControlPlane, args: &[&str], stdin: &str) -> anyhow::Result<String> {
    let mut child = control.kubectl().args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let mut input = child.stdin.take().context("kubectl has an input")?;
    input.write_all(stdin.as_bytes()).await?;
    drop(input);
    let output = child.wait_with_output().await?;
    if !output.status.success() {
        bail!("kubectl {}: {}", args.join(" "), String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn with_type<T: serde::Serialize>(object: &T, api_version: &str, kind: &str) -> anyhow::Result<Value> {
    let mut value = serde_json::to_value(object)?;
    value["apiVersion"] = api_version.into();
    value["kind"] = kind.into();
    Ok(value)
}

/// The labels of what is made on a cluster, by which it is found and cleared away where it is somebody's own.
pub fn marked(control: &ControlPlane) -> Value {
    control.mark().map_or_else(|| json!({}), |(label, value)| json!({ (label): value }))
}

/// Applies the RBAC that ships, for an operator in a namespace of its own.
async fn install_rbac(control: &ControlPlane, namespace: &str) -> anyhow::Result<()> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../charts/moorage/rbac/rbac.yaml");
    let text = std::fs::read_to_string(&path).with_context(|| format!("failed to read {}", path.display()))?;
    let mut example = Example::parse(&text.replace("moorage-system", namespace), "")?;
    for object in example.objects_mut() {
        object["metadata"]["labels"] = marked(control);
        if object["kind"] == "ClusterRoleBinding" {
            object["metadata"]["name"] = format!("{}-{namespace}", object["metadata"]["name"].as_str().unwrap_or_default()).into();
        }
        let object: DynamicObject = serde_json::from_value(object.clone())?;
        let types = object.types.as_ref().context("an object of the RBAC has no type")?;
        let resource = ApiResource::from_gvk(&types.try_into()?);
        let api: Api<DynamicObject> = match &object.metadata.namespace {
            Some(namespace) => Api::namespaced_with(control.admin(), namespace, &resource),
            None => Api::all_with(control.admin(), &resource),
        };
        let (name, params) = (object.name_any(), PatchParams::apply("stage").force());
        let applied = api.patch(&name, &params, &Patch::Apply(&object)).await;
        applied.with_context(|| format!("failed to apply {} {name}", types.kind))?;
    }
    Ok(())
}

/// Lets the operator use the Secrets of a namespace, as the documentation tells an administrator to.
async fn bind_secrets(control: &ControlPlane, namespace: &str, operator: &str) -> anyhow::Result<()> {
    let binding: RoleBinding = serde_json::from_value(json!({
        "metadata": { "name": "moorage-secrets" },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "moorage-secrets" },
        "subjects": [{ "kind": "ServiceAccount", "name": "moorage", "namespace": operator }],
    }))?;
    let api: Api<RoleBinding> = Api::namespaced(control.admin(), namespace);
    match api.create(&PostParams::default(), &binding).await {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(status)) if status.code == 409 => Ok(()),
        Err(error) => Err(error).with_context(|| format!("failed to bind the operator's role in {namespace}")),
    }
}
