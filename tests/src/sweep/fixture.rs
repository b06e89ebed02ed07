//! What a run of the sweep applies, changes and deletes: an example, cut down to one of everything.

mod certificates;
mod keys;

use std::collections::BTreeSet;
use std::fmt;
use std::net::Ipv4Addr;

use anyhow::Context as _;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::Api;
use kube::api::{ApiResource, DeleteParams, DynamicObject, Patch, PatchParams};
use moorage_crds::annotations;
use moorage_simulator::Azure;
use serde_json::{Value, json};

use crate::cert_manager::{Issuer, Signer};
use crate::device::Device;
use crate::example::Example;
use crate::harness::fabrikam_s_past;
use crate::test_env::TestEnv;

/// Whom a sweep is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tenant {
    /// One whose devices have keys, as the links of its hubs have.
    Keys,
    /// One whose devices have certificates, and whose hub is entered by an identity.
    Certificates,
}

/// Who takes part.
pub(super) struct Cast {
    /// The example.
    file: &'static str,
    /// Objects of ours, by kind and name, in the order of their deletion.
    parts: &'static [(&'static str, &'static str)],
    /// The provisioning service in Azure.
    pub service: &'static str,
    /// The hubs in Azure.
    pub hubs: &'static [&'static str],
    /// The group whose keys devices' keys are derived from, and these devices.
    pub derived: Option<(&'static str, &'static [&'static str])>,
    /// The device that gets keys of its own.
    pub enrolled: &'static str,
    /// The device that is created in a hub, after that hub.
    pub in_hub: Option<(&'static str, &'static str)>,
    /// The device whose certificate is ordered of cert-manager, and then not any more.
    pub recalled: Option<&'static str>,
    /// The devices that register, by the key in an entry of their Secrets, or by what else is there.
    registering: &'static [(&'static str, Option<&'static str>)],
}

/// What a user changes: of which kind, of which name, and how.
type Change = (&'static str, &'static str, Patch<Value>);

/// The objects of a run.
pub(super) struct Fixture {
    tenant: Tenant,
    example: Example,
}

/// An object by kind, namespace and name.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub kind: &'static str,
    pub namespace: String,
    pub name: &'static str,
}

impl fmt::Display for Tenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Keys => "keys",
            Self::Certificates => "certificates",
        })
    }
}

impl Tenant {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Keys, Self::Certificates];

    /// The kinds that take part.
    pub fn kinds(self) -> BTreeSet<&'static str> {
        self.cast().parts.iter().map(|(kind, _)| *kind).collect()
    }

    fn cast(self) -> &'static Cast {
        match self {
            Self::Keys => &keys::CAST,
            Self::Certificates => &certificates::CAST,
        }
    }
}

impl Fixture {
    /// The objects, in namespaces of their own.
    ///
    /// # Errors
    /// The example has changed so that it lacks one.
    pub fn new(tenant: Tenant, suffix: &str) -> anyhow::Result<Self> {
        let cast = tenant.cast();
        let mut example = Example::read(cast.file, suffix)?;
        example.objects_mut().retain(|object| {
            let is = |(kind, name): &(&str, &str)| object["kind"] == *kind && object["metadata"]["name"] == *name;
            is_material(object) || cast.parts.iter().any(is)
        });
        match tenant {
            Tenant::Keys => keys::cut(&mut example)?,
            Tenant::Certificates => certificates::cut(&mut example)?,
        }
        let ours = example.objects().iter().filter(|object| !is_material(object)).count();
        anyhow::ensure!(ours == cast.parts.len(), "the example lacks an object of the sweep");
        Ok(Self { tenant, example })
    }

    /// Who takes part.
    pub fn cast(&self) -> &'static Cast {
        self.tenant.cast()
    }

    /// What is in the cloud before.
    pub fn past(&self, azure: &mut Azure) {
        match self.tenant {
            Tenant::Keys => fabrikam_s_past(azure),
            Tenant::Certificates => {}
        }
    }

    /// Begins to play cert-manager for a tenant that has it.
    pub fn cert_manager(&self, env: &TestEnv) -> Option<Signer> {
        match self.tenant {
            Tenant::Keys => None,
            Tenant::Certificates => Some(Signer::start(env, self.namespaces(), "")),
        }
    }

    /// The namespaces.
    pub fn namespaces(&self) -> Vec<String> {
        self.example.namespaces()
    }

    /// The objects of ours.
    pub fn parts(&self) -> Vec<Part> {
        let part = |(kind, name): (&'static str, &'static str)| Part { kind, name, namespace: self.namespace_of(kind, name) };
        self.cast().parts.iter().copied().map(part).collect()
    }

    /// Applies everything.
    ///
    /// # Errors
    /// The API server refuses.
    pub async fn apply(&self, env: &TestEnv) -> anyhow::Result<()> {
        for object in self.example.objects() {
            let (kind, namespace, name) = (text(object, "/kind")?, text(object, "/metadata/namespace")?, text(object, "/metadata/name")?);
            let patch = Patch::Apply(object);
            let applied = api(env, kind, namespace).patch(name, &PatchParams::apply("sweep").force(), &patch).await;
            applied.with_context(|| format!("failed to apply {kind} {namespace}/{name}"))?;
        }
        Ok(())
    }

    /// Changes what a user would, after devices have registered.
    ///
    /// # Errors
    /// The API server or the provisioning service refuses.
    pub async fn change(&self, env: &TestEnv) -> anyhow::Result<()> {
        self.register(env).await?;
        let changes = match self.tenant {
            Tenant::Keys => keys::changes()?,
            Tenant::Certificates => certificates::changes()?,
        };
        for (kind, name, patch) in changes {
            let answer = api(env, kind, &self.namespace_of(kind, name)).patch(name, &PatchParams::default(), &patch).await;
            answer.with_context(|| format!("failed to change {kind} {name}"))?;
        }
        Ok(())
    }

    /// Deletes everything of ours, confirmed where that is asked for.
    ///
    /// # Errors
    /// The API server refuses.
    pub async fn delete(&self, env: &TestEnv) -> anyhow::Result<()> {
        self.register(env).await?;
        for part in self.parts() {
            let api = api(env, part.kind, &part.namespace);
            if part.kind == "ProvisioningService" {
                let uid = api.get(part.name).await?.metadata.uid;
                let confirmed = json!({ "metadata": { "annotations": { annotations::CONFIRM_DELETE: uid } } });
                api.patch(part.name, &PatchParams::default(), &Patch::Merge(confirmed)).await?;
            }
            let deleted = api.delete(part.name, &DeleteParams::default()).await;
            deleted.with_context(|| format!("failed to delete {} {}", part.kind, part.name))?;
        }
        Ok(())
    }

    /// Strikes a page of the ledger that says of a device that it is disenrolled, and nothing else.
    ///
    /// # Errors
    /// It says something else, or the API server refuses.
    pub async fn strike_claim(&self, env: &TestEnv, page: &str) -> anyhow::Result<()> {
        let pages: Api<ConfigMap> = Api::namespaced(env.admin(), &env.operator_namespace());
        let says = pages.get(page).await?.data.unwrap_or_default();
        anyhow::ensure!(says.keys().all(|entry| entry.starts_with("disenrolled.")), "a late request has written {says:?}");
        pages.delete(page, &DeleteParams::default()).await?;
        Ok(())
    }

    /// Registers the devices, as they do themselves with what their Secrets hold.
    async fn register(&self, env: &TestEnv) -> anyhow::Result<()> {
        for (name, key) in self.cast().registering {
            let secret = env.secret(&self.namespace_of("DeviceCredential", name), name).await?;
            let device = Device::new(secret, &env.network(), Ipv4Addr::LOCALHOST.into())?;
            device.register(*key, |_| {}).await.with_context(|| format!("{name} does not register"))?;
        }
        Ok(())
    }

    fn namespace_of(&self, kind: &str, name: &str) -> String {
        let found = self.example.objects().iter().find(|object| object["kind"] == kind && object["metadata"]["name"] == name);
        found.and_then(|object| object["metadata"]["namespace"].as_str()).unwrap_or_default().to_owned()
    }
}

/// Whether an object is none of ours, but what ours are made of.
fn is_material(object: &Value) -> bool {
    object["kind"] == "Secret" || object["kind"] == "Issuer"
}

fn text<'a>(object: &'a Value, at: &str) -> anyhow::Result<&'a str> {
    object.pointer(at).and_then(Value::as_str).with_context(|| format!("an object of the example has no {at}"))
}

fn api(env: &TestEnv, kind: &str, namespace: &str) -> Api<DynamicObject> {
    let resource = match kind {
        "Secret" => ApiResource::erase::<Secret>(&()),
        "Issuer" => ApiResource::erase::<Issuer>(&()),
        _ => return env.objects(kind, namespace),
    };
    Api::namespaced_with(env.admin(), namespace, &resource)
}

fn json_patch(operations: Value) -> anyhow::Result<Patch<Value>> {
    Ok(Patch::Json(serde_json::from_value(operations)?))
}
