//! The objects that are measured: a platform from the quickstart example, and namespaces full of devices.

use std::time::Duration;

use anyhow::Context as _;
use futures::{StreamExt, TryStreamExt, stream};
use kube::api::{Api, PostParams};
use moorage_crds::{DeviceCredential, DeviceCredentialSpec, annotations};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::controlplane::ControlPlane;
use crate::example::Example;
use crate::harness::Harness;
use crate::wait::{NotYet, until};

const EXAMPLE: &str = "quickstart.yaml";
const SUFFIX: &str = "bench";
pub(super) const GROUP: &str = "quickstart-devices";

/// Beginning of the names of the namespaces with devices.
pub(super) const FLEET: &str = "fleet-";
/// How many objects are created at the same time.
const CREATORS: usize = 16;
/// A control plane that uses less than this in each look has nothing left to do.
const QUIET: Duration = Duration::from_millis(30);

/// What devices need: the example's platform, its group granted to all fleets as a platform team would.
pub(super) fn platform() -> anyhow::Result<Example> {
    let mut example = Example::read(EXAMPLE, SUFFIX)?;
    example.objects_mut().retain(|object| object["kind"] != "DeviceCredential");
    let group = example.object_mut("EnrollmentGroup", GROUP).context("the example has an enrollment group")?;
    group["spec"]["grants"] = json!([{
        "namespaces": [format!("{FLEET}*")],
        "registrationIds": "device-*",
        "maxTokenTtl": "7d",
        "maxDevices": 10_000_000,
    }]);
    Ok(example)
}

/// The platform's namespace.
pub(super) fn platform_namespace() -> String {
    format!("iot-{SUFFIX}")
}

/// The name of a device; all are of one length.
pub(super) fn device(number: usize) -> String {
    format!("device-{number:07}")
}

/// A credential that nobody has looked at.
pub(super) fn cold(name: &str) -> anyhow::Result<DeviceCredential> {
    let spec = json!({ "enrollmentGroupRef": { "name": GROUP, "namespace": platform_namespace() } });
    let spec: DeviceCredentialSpec = serde_json::from_value(spec).context("the device's specification")?;
    Ok(DeviceCredential::new(name, spec))
}

/// Fills a namespace with cold credentials, and waits until the control plane has come to rest after it.
pub(super) async fn fill(control: &ControlPlane, namespace: &str, count: usize) -> anyhow::Result<()> {
    let api: Api<DeviceCredential> = Api::namespaced(control.admin(), namespace);
    let creations = (0..count).map(|number| {
        let api = api.clone();
        async move {
            let name = device(number);
            let created = api.create(&PostParams::default(), &cold(&name)?).await;
            created.with_context(|| format!("failed to create {namespace}/{name}")).map(drop)
        }
    });
    stream::iter(creations).buffer_unordered(CREATORS).try_collect::<Vec<()>>().await?;
    quiet(control).await
}

/// Waits until the control plane does nothing worth mentioning: what one round left behind is not paid by the next.
pub(super) async fn quiet(control: &ControlPlane) -> anyhow::Result<()> {
    let processes = control.processes().await;
    let used = || processes.iter().map(|process| super::usage::cpu(*process)).sum::<anyhow::Result<Duration>>();
    let looks = std::cell::Cell::new((used()?, 0));
    until("the control plane comes to rest", Duration::from_mins(2), || async {
        let (before, calm) = looks.get();
        let now = used().map_err(|error| NotYet::seen(format!("{error:#}")))?;
        let calm = if now.saturating_sub(before) < QUIET { calm + 1 } else { 0 };
        looks.set((now, calm));
        if calm >= 10 { Ok(()) } else { Err(NotYet::seen(format!("{calm} calm looks"))) }
    })
    .await
}

/// What the operator writes for a device, with gaps for what differs from device to device.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Template {
    secret: String,
    status: String,
}

/// Who a gap is filled for.
pub(super) struct Blank<'a> {
    pub(super) namespace: &'a str,
    pub(super) name: &'a str,
    pub(super) uid: &'a str,
}

impl Template {
    /// The template that a Ready credential and its Secret show.
    pub(super) async fn read(harness: &Harness, namespace: &str, name: &str) -> anyhow::Result<Self> {
        let object = harness.get("devicecredential", namespace, name).await?;
        let secret = harness.get("secret", namespace, name).await?;
        Self::of(&object, secret).context("what the operator wrote is not understood")
    }

    fn of(object: &Value, mut secret: Value) -> Option<Self> {
        let text = |field: &str| object["metadata"][field].as_str();
        let (namespace, name, uid) = (text("namespace")?, text("name")?, text("uid")?);
        let version = object["status"]["secretResourceVersion"].as_str()?;
        secret["metadata"]["annotations"].get(annotations::DIGEST)?;
        let metadata = secret["metadata"].as_object_mut()?;
        metadata.retain(|field, _| !["creationTimestamp", "managedFields", "resourceVersion", "uid"].contains(&field.as_str()));
        let gaps = |value: &Value| {
            let text = value.to_string().replace(uid, "{uid}").replace(&format!("\"{namespace}\""), "\"{namespace}\"");
            text.replace(name, "{name}").replace(&format!("\"{version}\""), "\"{version}\"")
        };
        Some(Self { secret: gaps(&secret), status: gaps(&json!({ "status": object["status"] })) })
    }

    /// The Secret of a device.
    pub(super) fn secret(&self, of: &Blank) -> String {
        fill_in(&self.secret, of)
    }

    /// The patch of a device's status, once its Secret is at a version.
    pub(super) fn status(&self, of: &Blank, version: &str) -> String {
        fill_in(&self.status, of).replace("{version}", version)
    }
}

fn fill_in(template: &str, of: &Blank) -> String {
    template.replace("{uid}", of.uid).replace("{namespace}", of.namespace).replace("{name}", of.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_filled_in_for_its_own_device_is_what_the_operator_wrote() {
        let object = json!({
            "metadata": { "namespace": "fleet-1", "name": "device-0000000", "uid": "u-1" },
            "status": { "registrationId": "device-0000000", "secretResourceVersion": "41", "revision": 1 },
        });
        let written = json!({
            "kind": "Secret",
            "metadata": { "namespace": "fleet-1", "name": "device-0000000", "ownerReferences": [{ "uid": "u-1" }], "annotations": { annotations::DIGEST: "d" } },
            "data": { "deviceKey": "a2V5" },
        });
        let mut stored = written.clone();
        stored["metadata"]["uid"] = "s-1".into();
        stored["metadata"]["resourceVersion"] = "41".into();
        let template = Template::of(&object, stored).expect("a template");
        let blank = Blank { namespace: "fleet-1", name: "device-0000000", uid: "u-1" };
        assert_eq!(template.secret(&blank), written.to_string());
        assert_eq!(template.status(&blank, "41"), json!({ "status": object["status"] }).to_string());

        let other = Blank { namespace: "fleet-2", name: "device-0000007", uid: "u-7" };
        assert_eq!(
            template.status(&other, "99"),
            r#"{"status":{"registrationId":"device-0000007","revision":1,"secretResourceVersion":"99"}}"#
        );
    }
}
