//! A tenant that attacks.

use moorage_tests::harness::{SOON, cloud_options};
use moorage_tests::tenants::Tenants;
use moorage_tests::wait::{NotYet, until};
use serde_json::{Value, json};

/// The namespace of the attacker in `examples/s0-tenants.yaml`: a tenant like any other.
pub const ATTACKER: &str = "fabrikam";
/// The namespace of the victim.
pub const VICTIM: &str = "contoso";

/// The example with its tenants Ready, one of whom attacks.
pub struct Attack {
    /// The example.
    pub tenants: Tenants,
    /// Where the attacker has every right.
    namespace: String,
}

impl Attack {
    /// Applies the example, waits until all is Ready, and gives the attacker every right in its own namespace.
    pub async fn on_tenants(name: &str) -> anyhow::Result<Self> {
        Self::of(Tenants::ready_with(name, cloud_options(), |_| ()).await?).await
    }

    /// A tenant of an example attacks the others.
    pub async fn of(tenants: Tenants) -> anyhow::Result<Self> {
        let namespace = tenants.example.namespace(ATTACKER);
        Self::from(tenants, namespace).await
    }

    /// Whoever has every right in a namespace attacks the tenants.
    pub async fn from(tenants: Tenants, namespace: String) -> anyhow::Result<Self> {
        let attack = Self { tenants, namespace };
        attack.admit_attacker().await?;
        Ok(attack)
    }

    async fn admit_attacker(&self) -> anyhow::Result<()> {
        let namespace = self.namespace();
        let role = json!({
            "apiVersion": "v1",
            "kind": "List",
            "items": [
                { "apiVersion": "v1", "kind": "ServiceAccount", "metadata": { "name": "mallory", "namespace": namespace } },
                {
                    "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": { "name": "everything", "namespace": namespace },
                    "rules": [
                        { "apiGroups": ["moorage.dev"], "resources": ["*"], "verbs": ["*"] },
                        { "apiGroups": [""], "resources": ["secrets", "configmaps"], "verbs": ["*"] },
                    ],
                },
                {
                    "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
                    "metadata": { "name": "everything", "namespace": namespace },
                    "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "everything" },
                    "subjects": [{ "kind": "ServiceAccount", "name": "mallory", "namespace": namespace }],
                },
            ],
        });
        self.tenants.harness.kubectl(&["apply", "-f", "-"], &role.to_string()).await.map(drop)
    }

    /// The attacker's namespace.
    pub fn namespace(&self) -> String {
        self.namespace.clone()
    }

    /// Runs kubectl as the attacker.
    pub async fn kubectl(&self, args: &[&str], stdin: &str) -> anyhow::Result<String> {
        let user = format!("--as=system:serviceaccount:{}:mallory", self.namespace());
        let args: Vec<_> = args.iter().copied().chain([&*user]).collect();
        self.tenants.harness.kubectl(&args, stdin).await
    }

    /// Writes an object into the attacker's namespace, as the attacker; what the schema does not know is dropped.
    pub async fn create(&self, kind: &str, name: &str, spec: &Value) -> anyhow::Result<()> {
        let object = json!({
            "apiVersion": "moorage.dev/v1alpha1",
            "kind": kind,
            "metadata": { "namespace": self.namespace(), "name": name },
            "spec": spec,
        });
        self.kubectl(&["create", "--validate=false", "-f", "-"], &object.to_string()).await.map(drop)
    }

    /// Writes a status, as the attacker.
    pub async fn forge(&self, kind: &str, name: &str, status: &Value) -> anyhow::Result<()> {
        let (namespace, patch) = (self.namespace(), json!({ "status": status }).to_string());
        let args = ["patch", kind, name, "-n", &namespace, "--subresource=status", "--type=merge", "-p", &patch];
        self.kubectl(&args, "").await.map(drop)
    }

    /// Merges into an object, as the attacker.
    pub async fn patch(&self, kind: &str, name: &str, patch: &Value) -> anyhow::Result<()> {
        let namespace = self.namespace();
        self.kubectl(&["patch", kind, name, "-n", &namespace, "--type=merge", "-p", &patch.to_string()], "").await.map(drop)
    }

    /// Deletes an object, as the attacker, and does not wait.
    pub async fn delete(&self, kind: &str, name: &str) -> anyhow::Result<()> {
        let namespace = self.namespace();
        self.kubectl(&["delete", kind, name, "-n", &namespace, "--wait=false"], "").await.map(drop)
    }

    /// Waits until an object of the attacker is held up for a reason, and gives the sentence.
    pub async fn until_refused(&self, kind: &str, name: &str, reason: &str) -> anyhow::Result<String> {
        let api = self.tenants.harness.objects(kind, &self.namespace());
        until(&format!("{kind} {name} is refused for {reason}"), SOON, || async {
            let object = api.get(name).await?.data;
            let conditions = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
            let held_up =
                conditions.iter().find(|one| ["Stalled", "Reconciling"].iter().any(|held| one["type"] == *held) && one["status"] == "True");
            match held_up {
                Some(why) if why["reason"] == reason => Ok(why["message"].as_str().unwrap_or_default().to_owned()),
                _ => Err(NotYet::seen(json!(conditions))),
            }
        })
        .await
    }

    /// Whether there is a Secret of a name in the attacker's namespace.
    pub async fn has_secret(&self, name: &str) -> anyhow::Result<bool> {
        let (namespace, harness) = (self.namespace(), &self.tenants.harness);
        let found = harness.kubectl(&["get", "secret", name, "-n", &namespace, "--ignore-not-found", "-o", "name"], "").await?;
        Ok(!found.trim().is_empty())
    }

    /// The end: the victim has what it had, and the operator stops in good order.
    pub async fn end(self) -> anyhow::Result<()> {
        self.tenants.harness.until_at_rest(&self.tenants.operator).await?;
        for (kind, name) in [
            ("TenantHubGroup", "contoso-us"),
            ("DeviceCredential", "contoso-simdevice-east"),
            ("DeviceCredential", "contoso-simdevice-west"),
        ] {
            let object = self.tenants.object(kind, VICTIM, name).await?;
            let is_ready = object["status"]["conditions"]
                .as_array()
                .is_some_and(|conditions| conditions.iter().any(|one| one["type"] == "Ready" && one["status"] == "True"));
            anyhow::ensure!(is_ready, "{kind} {name} of the victim is not Ready: {}", object["status"]);
        }
        self.tenants.end().await
    }
}
