//! Objects that the API server stores, and no operator reads.

use moorage_tests::controlplane::block_on;
use moorage_tests::harness::SOON;
use moorage_tests::tenants::Tenants;
use moorage_tests::wait::{NotYet, until};
use serde_json::json;

/// One field of a credential of Fabrikam, read by kubectl: no library here reads such an object either.
async fn field(tenants: &Tenants, name: &str, path: &str) -> anyhow::Result<String> {
    let (namespace, path) = (tenants.example.namespace("fabrikam"), format!("jsonpath={{{path}}}"));
    tenants.harness.kubectl(&["get", "devicecredential", name, "-n", &namespace, "-o", &path], "").await
}

/// Waits until a credential of Fabrikam says in its condition `Stalled` that it cannot be read, and what else.
async fn until_told(tenants: &Tenants, name: &str, what: &str) -> anyhow::Result<()> {
    until(&format!("{name} says: {what}"), SOON, || async {
        let told = field(tenants, name, r#".status.conditions[?(@.type=="Stalled")].message"#).await.map_err(NotYet::seen)?;
        if told.contains("cannot be read") && told.contains(what) { Ok(()) } else { Err(NotYet::seen(told)) }
    })
    .await
}

#[test]
fn an_object_nested_too_deep_to_be_read_keeps_an_operator_that_starts_from_nothing_else() -> anyhow::Result<()> {
    block_on(async {
        let mut tenants = Tenants::ready("deep").await?;
        let namespace = tenants.example.namespace("fabrikam");
        let tags = format!("{}1{}", r#"{"a":"#.repeat(300), "}".repeat(300));
        let deep = format!(
            r#"{{"apiVersion": "moorage.dev/v1alpha1", "kind": "DeviceCredential", "metadata": {{"namespace": "{namespace}", "name": "deep"}},
                "spec": {{"registrationId": "deep", "enrollmentGroupRef": {{"name": "none"}}, "secret": {{"name": "deep"}},
                          "individualEnrollment": {{"initialTwin": {{"tags": {tags}}}}}}}}}"#
        );
        tenants.harness.kubectl(&["create", "-f", "-"], &deep).await?;
        let fresh = tenants.harness.operator().await?;
        std::mem::replace(&mut tenants.operator, fresh).stop().await?;

        // What anybody else wants is done.
        tenants.harness.cloud().seed(|azure| azure.set_sku("contoso-east-hub", "S1", 9));
        tenants.annotate("thg", "contoso", "contoso-us", "moorage.dev/sync-requested-at=1").await?;
        until("the drift is corrected", SOON, || async {
            if tenants.snapshot().contains(" S1x9 ") { Err(NotYet::seen("nine units")) } else { Ok(()) }
        })
        .await?;
        // Its owner is told, once, and also after the start.
        until_told(&tenants, "deep", "correct its spec").await?;
        let events = tenants.harness.kubectl(&["get", "events", "-n", &namespace, "-o", "wide"], "").await?;
        assert!(events.lines().any(|line| line.contains("Warning") && line.contains("devicecredential/deep")), "{events}");
        tenants.harness.until_at_rest(&tenants.operator).await?;
        let before = field(&tenants, "deep", ".metadata.resourceVersion").await?;
        let fresh = tenants.harness.operator().await?;
        std::mem::replace(&mut tenants.operator, fresh).stop().await?;
        tenants.harness.until_at_rest(&tenants.operator).await?;
        assert_eq!(field(&tenants, "deep", ".metadata.resourceVersion").await?, before);
        // Its owner may take it away: it has made nothing.
        tenants.harness.kubectl(&["delete", "devicecredential", "deep", "-n", &namespace, "--timeout=20s"], "").await?;
        tenants.end().await
    })
}

#[test]
fn an_object_that_cannot_be_read_any_more_keeps_what_it_has_and_is_deleted_when_it_can_or_let_go() -> anyhow::Result<()> {
    block_on(async {
        let tenants = Tenants::ready("unread").await?;
        let (namespace, name) = (tenants.example.namespace("fabrikam"), "fabrikam-simdevice-asia");
        // More finalizers than are kept in memory.
        let theirs: Vec<_> = (0..100).map(|number| format!("{number}.{0}.{0}.{0}.example.com/x", "x".repeat(60))).collect();
        let object = tenants.object("DeviceCredential", "fabrikam", name).await?;
        let ours = object["metadata"]["finalizers"].clone();
        assert_eq!(ours, json!(["moorage.dev/cloud"]));
        let all: Vec<_> = theirs.iter().map(|one| json!(one)).chain(ours.as_array().cloned().unwrap_or_default()).collect();
        tenants.patch("DeviceCredential", "fabrikam", name, &json!({ "metadata": { "finalizers": all } })).await?;
        until_told(&tenants, name, "its finalizers have more than 16384 bytes; correct its spec or its metadata").await?;
        assert_eq!(field(&tenants, name, ".status.registrationId").await?, object["status"]["registrationId"], "what it was told stays");
        let secret = tenants.harness.secret(&namespace, name).await?;
        tenants.harness.kubectl(&["delete", "devicecredential", name, "-n", &namespace, "--wait=false"], "").await?;
        until_told(&tenants, name, "correct it, and it is deleted").await?;
        assert_eq!(tenants.harness.secret(&namespace, name).await?, secret);

        tenants.patch("DeviceCredential", "fabrikam", name, &json!({ "metadata": { "finalizers": ours } })).await?;
        tenants.harness.until_gone("DeviceCredential", &namespace, name).await?;
        assert!(tenants.snapshot().contains(&format!("enrollment {name} disabled")), "{}", tenants.snapshot());

        // One that is nested too deep is let go.
        let name = "fabrikam-deep";
        let spec = json!({
            "enrollmentGroupRef": { "name": "fabrikam-eu-devices", "namespace": tenants.example.namespace("platform") },
            "individualEnrollment": { "initialTwin": { "tags": { "a": 1 } } },
            "deletionPolicy": "Disenroll",
        });
        let credential = json!({
            "apiVersion": "moorage.dev/v1alpha1", "kind": "DeviceCredential", "metadata": { "namespace": namespace, "name": name },
            "spec": spec,
        });
        tenants.harness.kubectl(&["create", "-f", "-"], &credential.to_string()).await?;
        tenants.until("DeviceCredential", "fabrikam", name, "Ready", "Ready").await?;
        let tags = format!("{}1{}", r#"{"a":"#.repeat(300), "}".repeat(300));
        let deep = format!(r#"{{"spec": {{"individualEnrollment": {{"initialTwin": {{"tags": {tags}}}}}}}}}"#);
        tenants.harness.kubectl(&["patch", "devicecredential", name, "-n", &namespace, "--type=merge", "-p", &deep], "").await?;
        until_told(&tenants, name, "recursion limit exceeded").await?;
        let world = tenants.snapshot();
        tenants.harness.kubectl(&["delete", "devicecredential", name, "-n", &namespace, "--wait=false"], "").await?;
        tenants.annotate("DeviceCredential", "fabrikam", name, "moorage.dev/orphan=true").await?;
        tenants.harness.until_gone("DeviceCredential", &namespace, name).await?;
        assert_eq!(tenants.snapshot(), world);
        tenants.end().await
    })
}

#[test]
fn what_rests_on_an_object_that_cannot_be_read_says_so_and_waits_for_it_also_after_a_restart() -> anyhow::Result<()> {
    block_on(async {
        let mut tenants = Tenants::ready("unreadref").await?;
        let (namespace, name) = (tenants.example.namespace("fabrikam"), "fabrikam-simdevice-asia");
        let theirs: Vec<_> = (0..100).map(|number| format!("{number}.{0}.{0}.{0}.example.com/x", "x".repeat(60))).collect();
        let group = "fabrikam-eu-devices";
        let ours = tenants.object("EnrollmentGroup", "platform", group).await?["metadata"]["finalizers"].clone();
        let all: Vec<_> = theirs.iter().map(|one| json!(one)).chain(ours.as_array().cloned().unwrap_or_default()).collect();
        tenants.patch("EnrollmentGroup", "platform", group, &json!({ "metadata": { "finalizers": all } })).await?;
        let why = format!("EnrollmentGroup {}/{group} is stored in a form that cannot be read", tenants.example.namespace("platform"));
        until_told(&tenants, name, &why).await?;
        let ready = r#".status.conditions[?(@.type=="Ready")].status"#;
        assert_eq!(field(&tenants, name, ready).await?, "True", "what was made for it works");

        // Nothing is done with what it was before.
        tenants.harness.kubectl(&["delete", "secret", name, "-n", &namespace], "").await?;
        tenants.annotate("DeviceCredential", "fabrikam", name, "moorage.dev/sync-requested-at=1").await?;
        let fresh = tenants.harness.operator().await?;
        std::mem::replace(&mut tenants.operator, fresh).stop().await?;
        tenants.harness.until_at_rest(&tenants.operator).await?;
        until_told(&tenants, name, &why).await?;
        assert!(tenants.harness.secret(&namespace, name).await.is_err(), "it was written for a group that nobody can read");

        tenants.patch("EnrollmentGroup", "platform", group, &json!({ "metadata": { "finalizers": ours } })).await?;
        tenants.until("DeviceCredential", "fabrikam", name, "Ready", "Ready").await?;
        tenants.harness.secret(&namespace, name).await?;
        tenants.end().await
    })
}
