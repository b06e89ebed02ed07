//! What the API server refuses for somebody's reasons is told with whose they are.

use moorage_tests::controlplane::block_on;
use moorage_tests::harness::cloud_options;
use moorage_tests::tenants::Tenants;
use serde_json::{Value, json};

const DEVICE: &str = "fabrikam-simdevice-eu";

fn message(object: &Value) -> &str {
    object["status"]["conditions"][2]["message"].as_str().unwrap_or_default()
}

/// The example, with something in the cluster that keeps Secrets out of Fabrikam's namespace; one of its credentials when it is stalled for
/// a reason.
async fn refused(story: &str, by: impl FnOnce(&str) -> Value, reason: &str) -> anyhow::Result<(Tenants, Value)> {
    let mut refusing = Value::Null;
    let tenants = Tenants::begun(story, cloud_options(), |example| {
        refusing = by(&example.namespace("fabrikam"));
        let at = example.objects().iter().position(|object| object["kind"] != "Namespace").unwrap_or_default();
        let items = refusing["items"].as_array().cloned().unwrap_or_default().into_iter();
        items.rev().for_each(|item| example.objects_mut().insert(at, item));
    })
    .await?;
    let told = tenants.until("DeviceCredential", "fabrikam", DEVICE, "Stalled", reason).await?;
    tenants.harness.kubectl(&["delete", "-f", "-"], &refusing.to_string()).await?;
    Ok((tenants, told))
}

#[test]
fn a_quota_of_secrets_is_told_by_its_name_and_not_taken_for_a_missing_right() -> anyhow::Result<()> {
    block_on(async {
        let quota = |namespace: &str| {
            let quota = json!({
                "apiVersion": "v1", "kind": "ResourceQuota", "metadata": { "namespace": namespace, "name": "secrets-of-a-tenant" },
                "spec": { "hard": { "count/secrets": "0" } },
            });
            json!({ "apiVersion": "v1", "kind": "List", "items": [quota] })
        };
        let (tenants, told) = refused("quota", quota, "QuotaExceeded").await?;
        let namespace = tenants.example.namespace("fabrikam");
        let expected = format!(
            "ResourceQuota secrets-of-a-tenant of namespace {namespace} leaves no room; raise it, or delete what is not needed there any more"
        );
        assert!(message(&told).ends_with(&expected), "{}", message(&told));
        tenants.until("DeviceCredential", "fabrikam", DEVICE, "Ready", "Ready").await?;
        tenants.end().await
    })
}

#[test]
fn an_admission_policy_that_refuses_secrets_is_told_by_its_name() -> anyhow::Result<()> {
    block_on(async {
        let policy = |namespace: &str| {
            let name = "secrets-of-devices-need-an-owner";
            let here = json!({ "matchLabels": { "kubernetes.io/metadata.name": namespace } });
            let policy = json!({
                "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy", "metadata": { "name": name },
                "spec": {
                    "failurePolicy": "Fail",
                    "matchConstraints": {
                        "resourceRules": [{ "apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["secrets"] }],
                        "namespaceSelector": here,
                    },
                    "validations": [{
                        "expression": format!("object.metadata.name != '{DEVICE}'"),
                        "message": "a Secret needs the label owner",
                    }],
                },
            });
            let binding = json!({
                "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicyBinding", "metadata": { "name": name },
                "spec": { "policyName": name, "validationActions": ["Deny"] },
            });
            json!({ "apiVersion": "v1", "kind": "List", "items": [policy, binding] })
        };
        let (tenants, told) = refused("policy", policy, "Denied").await?;
        assert!(message(&told).contains("ValidatingAdmissionPolicy secrets-of-devices-need-an-owner refuses it"), "{}", message(&told));
        assert!(!message(&told).contains("needs the label owner"), "its words may quote what was sent: {}", message(&told));
        tenants.until("DeviceCredential", "fabrikam", DEVICE, "Ready", "Ready").await?;
        tenants.end().await
    })
}
