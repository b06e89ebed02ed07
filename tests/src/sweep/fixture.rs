//! What a run of the sweep applies, changes and deletes: the example of the first story, cut down to one of everything.

use std::net::Ipv4Addr;

use anyhow::Context as _;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use kube::api::{DeleteParams, DynamicObject, Patch, PatchParams};
use moorage_crds::annotations;
use serde_json::{Value, json};

use crate::device::Device;
use crate::example::Example;
use crate::stage::Stage;

/// Objects of the example that take part.
const PARTS: [(&str, &str); 8] = [
    ("CloudAccount", "azure"),
    ("ProvisioningService", "contoso-dps"),
    ("TenantHubGroup", "contoso-us"),
    ("TenantHubGroup", "fabrikam-eu"),
    ("EnrollmentGroup", "contoso-us-devices"),
    ("DeviceCredential", "contoso-simdevice-east"),
    ("DeviceCredential", "contoso-simdevice-west"),
    ("DeviceCredential", IN_HUB),
];
/// The device that registers.
const DEVICE: &str = "contoso-simdevice-west";
/// The device that gets keys of its own.
pub(super) const ENROLLED: &str = "contoso-simdevice-east";
/// The device that is created in a hub.
pub(super) const IN_HUB: &str = "contoso-hubdevice";
/// One hub is made, the other was there before.
const HUBS: [&str; 2] = ["contoso-east-hub", "fabrikam-asia-hub"];

/// The objects of a run.
pub(super) struct Fixture {
    example: Example,
}

/// An object by kind, namespace and name.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub kind: &'static str,
    pub namespace: String,
    pub name: &'static str,
}

impl Fixture {
    /// The objects, in namespaces of their own.
    ///
    /// # Errors
    /// The example has changed so that it lacks one.
    pub fn new(suffix: &str) -> anyhow::Result<Self> {
        let mut example = Example::read("s0-tenants.yaml", suffix)?;
        example.objects_mut().retain(|object| {
            let is = |(kind, name): &(&str, &str)| object["kind"] == *kind && object["metadata"]["name"] == *name;
            object["kind"] == "Secret" || PARTS.iter().any(is)
        });
        for group in example.objects_mut().iter_mut().filter(|object| object["kind"] == "TenantHubGroup") {
            let hubs = group["spec"]["hubs"].as_array_mut().context("a hub group of the example has no hubs")?;
            hubs.retain(|hub| HUBS.iter().any(|kept| hub["name"] == *kept));
        }
        // Its deletion bars the device and takes its identity, which are effects like any other.
        let barred = example.object_mut("DeviceCredential", DEVICE).context("the example lacks a credential of the sweep")?;
        barred["spec"]["deletionPolicy"] = "Deprovision".into();
        let mut in_hub = barred.clone();
        in_hub["metadata"]["name"] = IN_HUB.into();
        in_hub["spec"] = json!({
            "hubRef": { "name": "contoso-us", "hub": HUBS[0] },
            "connectionString": true,
            "deletionPolicy": "Deprovision",
        });
        example.objects_mut().push(in_hub);
        anyhow::ensure!(example.objects().len() == PARTS.len() + 1, "the example lacks an object of the sweep");
        Ok(Self { example })
    }

    /// The namespaces.
    pub fn namespaces(&self) -> Vec<String> {
        self.example.namespaces()
    }

    /// The objects of ours.
    pub fn parts(&self) -> Vec<Part> {
        let part = |(kind, name): (&'static str, &'static str)| Part { kind, name, namespace: self.namespace_of(kind, name) };
        PARTS.into_iter().map(part).collect()
    }

    /// Applies everything.
    ///
    /// # Errors
    /// The API server refuses.
    pub async fn apply(&self, stage: &Stage) -> anyhow::Result<()> {
        for object in self.example.objects() {
            let (kind, namespace, name) = (text(object, "/kind")?, text(object, "/metadata/namespace")?, text(object, "/metadata/name")?);
            let patch = Patch::Apply(object);
            let applied = api(stage, kind, namespace).patch(name, &PatchParams::apply("sweep").force(), &patch).await;
            applied.with_context(|| format!("failed to apply {kind} {namespace}/{name}"))?;
        }
        Ok(())
    }

    /// Makes a hub larger, gives an entry of a Secret another name and its device keys of its own, and has a device that has registered
    /// register anew.
    ///
    /// # Errors
    /// The API server or the provisioning service refuses.
    pub async fn change(&self, stage: &Stage) -> anyhow::Result<()> {
        self.register(stage).await?;
        let request = json!({ "metadata": { "annotations": { annotations::REPROVISION_REQUESTED_AT: "now" } } });
        let device = api(stage, "DeviceCredential", &self.namespace_of("DeviceCredential", DEVICE));
        device.patch(DEVICE, &PatchParams::default(), &Patch::Merge(request)).await.context("failed to ask for a new registration")?;
        let hub = json!([{ "op": "replace", "path": "/spec/hubs/0/sku/capacity", "value": 2 }]);
        let key = json!([
            { "op": "replace", "path": "/spec/secret/keys", "value": { "deviceKey": "DEVICE_KEY" } },
            { "op": "add", "path": "/spec/individualEnrollment", "value": {} },
        ]);
        for (kind, name, patch) in [("TenantHubGroup", "contoso-us", hub), ("DeviceCredential", ENROLLED, key)] {
            let patch = Patch::<()>::Json(serde_json::from_value(patch)?);
            let changed = api(stage, kind, &self.namespace_of(kind, name)).patch(name, &PatchParams::default(), &patch).await;
            changed.with_context(|| format!("failed to change {kind} {name}"))?;
        }
        Ok(())
    }

    /// Deletes everything of ours, confirmed where that is asked for.
    ///
    /// # Errors
    /// The API server refuses.
    pub async fn delete(&self, stage: &Stage) -> anyhow::Result<()> {
        self.register(stage).await?;
        for part in self.parts() {
            let api = api(stage, part.kind, &part.namespace);
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

    /// Strikes a page of the ledger that says of a device that it is barred, and nothing else.
    ///
    /// # Errors
    /// It says something else, or the API server refuses.
    pub async fn strike_claim(&self, stage: &Stage, page: &str) -> anyhow::Result<()> {
        let pages: Api<ConfigMap> = Api::namespaced(stage.control().admin(), &stage.operator_namespace());
        let says = pages.get(page).await?.data.unwrap_or_default();
        anyhow::ensure!(says.keys().all(|entry| entry.starts_with("disenrolled.")), "a late request has written {says:?}");
        pages.delete(page, &DeleteParams::default()).await?;
        Ok(())
    }

    /// Registers the device, as it does itself with what its Secret holds.
    async fn register(&self, stage: &Stage) -> anyhow::Result<()> {
        let secret = stage.secret(&self.namespace_of("DeviceCredential", DEVICE), DEVICE).await?;
        let device = Device::new(secret, &stage.network(), Ipv4Addr::LOCALHOST.into())?;
        device.register(None, |_| {}).await.map(drop)
    }

    fn namespace_of(&self, kind: &str, name: &str) -> String {
        let found = self.example.objects().iter().find(|object| object["kind"] == kind && object["metadata"]["name"] == name);
        found.and_then(|object| object["metadata"]["namespace"].as_str()).unwrap_or_default().to_owned()
    }
}

fn text<'a>(object: &'a Value, at: &str) -> anyhow::Result<&'a str> {
    object.pointer(at).and_then(Value::as_str).with_context(|| format!("an object of the example has no {at}"))
}

fn api(stage: &Stage, kind: &str, namespace: &str) -> Api<DynamicObject> {
    if kind == "Secret" {
        let resource = kube::api::ApiResource::erase::<k8s_openapi::api::core::v1::Secret>(&());
        return Api::namespaced_with(stage.control().admin(), namespace, &resource);
    }
    stage.objects(kind, namespace)
}
