//! What admission can know is refused there, in words; and `kubectl` explains everything.

use kube::Api;
use kube::api::{DynamicObject, PostParams};
use moorage_tests::controlplane::{block_on, shared};
use moorage_tests::example::Example;
use moorage_tests::harness::{CLIENT, SUBSCRIPTION, TENANT, kubectl, marked};
use moorage_tests::test_env::resource_of;
use serde_json::{Value, json};

/// A change to an object of the example, and what the refusal must say.
struct Bad(&'static str, &'static str, &'static str, Value, &'static str);

fn set(object: &mut Value, pointer: &str, value: Value) {
    let (parent, field) = pointer.rsplit_once('/').expect("a pointer");
    object.pointer_mut(parent).expect("the example has it")[field] = value;
}

/// The spec of a device in a hub, with some more of it.
fn in_hub(more: &Value) -> Value {
    let mut spec = json!({ "hubRef": { "name": "contoso-us", "hub": "contoso-east-hub" } });
    for (field, value) in more.as_object().into_iter().flatten() {
        spec[field] = value.clone();
    }
    spec
}

fn bad_objects() -> Vec<Bad> {
    vec![
        Bad("TenantHubGroup", "contoso-us", "/spec/resourceGroup/name", json!("rg: {namespaces"), "spec.resourceGroup.name"),
        Bad("ProvisioningService", "contoso-dps", "/spec/resourceGroup", json!("ends."), "spec.resourceGroup"),
        Bad("TenantHubGroup", "contoso-us", "/spec/accountRef/name", json!("Not A Name"), "spec.accountRef.name"),
        Bad("TenantHubGroup", "contoso-us", "/spec/accountRef/namespace", json!("a.b"), "spec.accountRef.namespace"),
        Bad("DeviceCredential", "contoso-simdevice-west", "/spec/secret", json!({ "name": "A\nb" }), "spec.secret.name"),
        Bad("TenantHubGroup", "contoso-us", "/metadata/name", json!("a".repeat(101)), "it has to fit into a tag in Azure"),
        Bad("ProvisioningService", "contoso-dps", "/metadata/name", json!("a".repeat(101)), "it has to fit into a tag in Azure"),
        Bad("CloudAccount", "azure", "/spec/azure/cloud", json!("Germany"), "Unsupported value"),
        Bad("CloudAccount", "azure", "/spec/azure/tenantId", json!("contoso"), "spec.azure.tenantId"),
        Bad(
            "CloudAccount",
            "azure",
            "/spec/azure/workloadIdentity",
            json!({ "clientId": CLIENT, "serviceAccountName": "azure" }),
            "give exactly one of the two",
        ),
        Bad(
            "CloudAccount",
            "azure",
            "/spec/azure",
            json!({ "tenantId": TENANT, "subscriptionId": SUBSCRIPTION }),
            "give exactly one of the two",
        ),
        Bad("ProvisioningService", "contoso-dps", "/spec/name", json!("-bad-"), "spec.name"),
        Bad("ProvisioningService", "contoso-dps", "/spec/deletionPolicy", json!("Destroy"), "Unsupported value"),
        Bad("TenantHubGroup", "contoso-us", "/spec/hubs", json!([]), "spec.hubs"),
        Bad("TenantHubGroup", "contoso-us", "/spec/tags", json!({ "moorage-owner": "me" }), "the operator's own tag"),
        Bad("ProvisioningService", "contoso-dps", "/spec/tags", json!({ "moorage-owner": "me" }), "the operator's own tag"),
        Bad(
            "DeviceCredential",
            "contoso-simdevice-west",
            "/spec/secret",
            json!({ "metadata": { "labels": { "app.kubernetes.io/managed-by": "me" } } }),
            "are the operator's own",
        ),
        Bad(
            "DeviceCredential",
            "contoso-simdevice-west",
            "/spec/secret",
            json!({ "metadata": { "annotations": { "moorage.dev/digest": "x" } } }),
            "or cert-manager's, own",
        ),
        Bad("TenantHubGroup", "contoso-us", "/spec/hubs/0/name", json!("12345"), "cannot be all digits"),
        Bad("TenantHubGroup", "contoso-us", "/spec/hubs/0/sku", json!({ "name": "S3", "capacity": 11 }), "S3 and B3 at most 10"),
        Bad("TenantHubGroup", "contoso-us", "/spec/hubs/1/name", json!("contoso-east-hub"), "Duplicate value"),
        Bad("TenantHubGroup", "contoso-us", "/spec/hubs/1/name", json!("Contoso-East-Hub"), "are one hub to Azure"),
        Bad("EnrollmentGroup", "contoso-us-devices", "/spec/grants/0/registrationIds", json!("Contoso-*"), "lower-case prefix of a tenant"),
        Bad("EnrollmentGroup", "contoso-us-devices", "/spec/grants/0/maxTokenTtl", json!("a week"), "maxTokenTtl"),
        Bad("EnrollmentGroup", "contoso-us-devices", "/spec/allocationPolicy", json!("Static"), "put the name of one hub into hubs"),
        Bad("DeviceCredential", "contoso-simdevice-east", "/spec/registrationId", json!("Contoso"), "1 to 128 lower-case letters"),
        Bad("DeviceCredential", "contoso-simdevice-east", "/spec/registrationId", json!("contoso."), "ends with a letter, a digit or '-'"),
        Bad("DeviceCredential", "contoso-simdevice-east", "/spec/secret/keys", json!({ "masterKey": "X" }), "entries are registrationId"),
        Bad(
            "DeviceCredential",
            "contoso-simdevice-east",
            "/spec/secret/keys",
            json!({ "deviceKey": "A B" }),
            "letters, digits, '-', '_' and '.' only",
        ),
        Bad(
            "DeviceCredential",
            "contoso-simdevice-east",
            "/spec/secret/keys",
            json!({ "deviceKey": "K", "primaryKey": "K" }),
            "the same name",
        ),
    ]
}

fn bad_credentials() -> Vec<Bad> {
    vec![
        Bad(
            "DeviceCredential",
            "contoso-simdevice-east",
            "/spec/secret/keys",
            json!({ "deviceKey": "idScope" }),
            "the name of another one that keeps its own",
        ),
        Bad("DeviceCredential", "contoso-simdevice-west", "/spec/dpsToken/renewAtPercent", json!(95), "renewAtPercent"),
        Bad(
            "DeviceCredential",
            "contoso-simdevice-west",
            "/spec/hubRef",
            json!({ "name": "contoso-us", "hub": "contoso-east-hub" }),
            "give exactly one of enrollmentGroupRef",
        ),
        Bad("DeviceCredential", "contoso-simdevice-west", "/spec", json!({ "secret": {} }), "give exactly one of enrollmentGroupRef"),
        Bad("DeviceCredential", "contoso-simdevice-west", "/spec/deviceId", json!("a"), "deviceId goes with hubRef"),
        Bad("DeviceCredential", "contoso-simdevice-west", "/spec", in_hub(&json!({ "deviceId": "a b" })), "a device id is 1 to 128"),
        Bad("DeviceCredential", "contoso-simdevice-west", "/spec", in_hub(&json!({ "dpsToken": {} })), "ask for hubToken"),
        Bad("DeviceCredential", "contoso-simdevice-west", "/spec", in_hub(&json!({ "individualEnrollment": {} })), "does not register"),
        Bad("DeviceCredential", "contoso-simdevice-west", "/spec", in_hub(&json!({ "certificate": {} })), "certificate goes with"),
        Bad("DeviceCredential", "contoso-simdevice-west", "/spec/hubToken", json!({ "ttl": "a week" }), "hubToken"),
        Bad(
            "DeviceCredential",
            "contoso-simdevice-west",
            "/spec/individualEnrollment",
            json!({ "deviceId": "a b" }),
            "spec.individualEnrollment.deviceId",
        ),
        Bad(
            "DeviceCredential",
            "contoso-simdevice-east",
            "/spec/secret/keys",
            json!({ "registrationId": "tls.crt" }),
            "hold the device's certificate",
        ),
        Bad(
            "DeviceCredential",
            "contoso-simdevice-east",
            "/spec/secret/keys",
            json!({ "deviceKey": "moorage.pendingPrimaryKey" }),
            "the operator's own",
        ),
    ]
}

fn bad_certificates_and_webhooks() -> Vec<Bad> {
    let group = |pointer, value, sentence| Bad("EnrollmentGroup", "wind-turbines", pointer, value, sentence);
    let device = |pointer, value, sentence| Bad("DeviceCredential", "wind-turbine-1", pointer, value, sentence);
    let x509 = "/spec/attestation/x509";
    let webhook = |url: &str| json!({ "webhookUrl": url, "apiVersion": "2021-10-01" });
    vec![
        group("/spec/attestation/symmetricKey", json!({}), "exactly one of the two: symmetricKey or x509"),
        group("/spec/attestation", json!({}), "exactly one of the two: symmetricKey or x509"),
        group(x509, json!({}), "exactly one of the two: signingCertificates or caReferences"),
        group(
            "/spec/attestation/x509/caReferences",
            json!({ "primary": "a" }),
            "exactly one of the two: signingCertificates or caReferences",
        ),
        group("/spec/allocationPolicy", json!("Custom"), "allocationPolicy Custom and customAllocation belong together"),
        group("/spec/customAllocation", webhook("https://a.example/"), "allocationPolicy Custom and customAllocation belong together"),
        group("/spec/customAllocation", webhook("http://a.example/"), "the webhook's URL begins with https://"),
        group("/spec/customAllocation", webhook("https://a.example/?code=b"), "a function key is a secret"),
        group("/spec/customAllocation", json!({ "apiVersion": "2021-10-01" }), "exactly one of the two: webhookUrl"),
        group("/spec/reprovisionPolicy", json!("Migrate"), "Unsupported value"),
        device("/spec/certificate/renewAtPercent", json!(50), "one of the two: renewAtPercent or renewBefore"),
        device("/spec/certificate/duration", json!("a quarter"), "spec.certificate.duration"),
        device("/spec/certificate/issuerRef", json!({ "name": "a", "kind": "Authority" }), "kind is Issuer or ClusterIssuer"),
        device(
            "/spec",
            json!({
                "enrollmentGroupRef": { "name": "wind-turbines" },
                "registrationId": "a".repeat(65),
                "certificate": { "issuerRef": { "name": "a" } },
            }),
            "no certificate for a name of more than 64 characters",
        ),
    ]
}

fn changes_of_what_cannot_change() -> Vec<Bad> {
    vec![
        Bad(
            "CloudAccount",
            "azure",
            "/spec/azure/subscriptionId",
            json!("99999999-2222-4222-8222-222222222222"),
            "make a new CloudAccount",
        ),
        Bad(
            "CloudAccount",
            "azure",
            "/spec/azure/cloud",
            json!("Government"),
            "cloud cannot change: what was made would be lost from sight",
        ),
        Bad("ProvisioningService", "contoso-dps", "/spec/name", json!("other-dps"), "the id scope would change"),
        Bad("ProvisioningService", "contoso-dps", "/spec/resourceGroup", json!("other"), "the id scope would change"),
        Bad("ProvisioningService", "contoso-dps", "/spec/location", json!("westus"), "Azure does not move a provisioning service"),
        Bad("TenantHubGroup", "contoso-us", "/spec/provisioningServiceRef", json!({ "name": "other" }), "linked to the former one"),
        Bad("TenantHubGroup", "contoso-us", "/spec/resourceGroup/name", json!("other"), "hubs do not move"),
        Bad("TenantHubGroup", "contoso-us", "/spec/hubs/0/location", json!("westeurope"), "Azure does not move it"),
        Bad(
            "TenantHubGroup",
            "contoso-us",
            "/spec/hubs/0/sku",
            json!({ "name": "F1", "capacity": 1 }),
            "a free hub (F1) cannot become a paid one",
        ),
        Bad(
            "EnrollmentGroup",
            "contoso-us-devices",
            "/spec/provisioningServiceRef",
            json!({ "name": "other" }),
            "the group would stay in the former service",
        ),
        Bad("EnrollmentGroup", "contoso-us-devices", "/spec/enrollmentGroupId", json!("other"), "the devices' keys belong to the group"),
        Bad(
            "EnrollmentGroup",
            "contoso-us-devices",
            "/spec/attestation",
            json!({ "x509": { "caReferences": { "primary": "contoso-ca" } } }),
            "the kind of attestation cannot change",
        ),
        Bad("DeviceCredential", "contoso-simdevice-east", "/spec/registrationId", json!("contoso-other"), "it is the device's identity"),
        Bad(
            "DeviceCredential",
            "contoso-simdevice-west",
            "/spec",
            in_hub(&json!({})),
            "cannot change between enrollmentGroupRef and hubRef",
        ),
        Bad("DeviceCredential", "fabrikam-simdevice-eu", "/spec/registrationId", json!("fabrikam-other"), "it is the device's identity"),
        Bad("EnrollmentGroup", "fabrikam-eu-devices", "/spec/enrollmentGroupId", json!("other"), "the devices' keys belong to the group"),
    ]
}

/// What some of these can be changed from.
fn with_names_of_their_own(example: &mut Example) {
    let of_device = example.object_mut("DeviceCredential", "fabrikam-simdevice-eu").expect("it is in the example");
    of_device["spec"]["registrationId"] = json!("fabrikam-press");
    let of_group = example.object_mut("EnrollmentGroup", "fabrikam-eu-devices").expect("it is in the example");
    of_group["spec"]["enrollmentGroupId"] = json!("fabrikam-presses");
}

fn changes_of_devices_with_keys_of_their_own() -> Vec<Bad> {
    let enrolled = |pointer, value, sentence| Bad("DeviceCredential", "mill-2", pointer, value, sentence);
    let in_hub = |pointer, value, sentence| Bad("DeviceCredential", "mill-3", pointer, value, sentence);
    vec![
        enrolled("/spec/individualEnrollment/deviceId", json!("other"), "the device's identity in its hub is called so"),
        in_hub("/spec/hubRef", json!({ "name": "mills", "hub": "mills-west-hub" }), "the device's identity is in that hub"),
        in_hub("/spec/deviceId", json!("other"), "deviceId cannot change"),
        in_hub("/spec/deviceId", Value::Null, "deviceId cannot change"),
    ]
}

/// Each change of an object of an example is refused with its sentence when the object is made; gives the kinds and their refusals.
async fn refused(file: &str, table: Vec<Bad>) -> anyhow::Result<Vec<(&'static str, String)>> {
    let control = shared().await?;
    let mut refusals = Vec::new();
    for Bad(kind, name, pointer, value, sentence) in table {
        let mut example = Example::read(file, "")?;
        let object = example.object_mut(kind, name).expect("it is in the example");
        object["metadata"]["namespace"] = json!("default");
        set(object, pointer, value.clone());
        // Not with kubectl, which takes ten times as long to start as the API server to answer.
        let api: Api<DynamicObject> = Api::namespaced_with(control.admin(), "default", &resource_of(kind));
        let only_judged = PostParams { dry_run: true, ..PostParams::default() };
        let refusal =
            api.create(&only_judged, &serde_json::from_value(object.clone())?).await.expect_err(&format!("{kind} {pointer} = {value}"));
        assert!(refusal.to_string().contains(sentence), "{kind} {pointer} = {value}: {refusal}");
        refusals.push((kind, refusal.to_string()));
    }
    Ok(refusals)
}

/// The same for changes of objects that are there, in a namespace of their own.
async fn refused_as_changes(namespace: &str) -> anyhow::Result<Vec<(&'static str, String)>> {
    let control = shared().await?;
    let made = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": namespace, "labels": marked(control) } });
    kubectl(control, &["create", "-f", "-"], &made.to_string()).await?;
    let (mut tenants, devices) = (Example::read("s0-tenants.yaml", "")?, Example::read("s0-devices.yaml", "")?);
    with_names_of_their_own(&mut tenants);
    let tables = [(tenants, changes_of_what_cannot_change()), (devices, changes_of_devices_with_keys_of_their_own())];
    let mut refusals = Vec::new();
    for (example, Bad(kind, name, pointer, value, sentence)) in
        tables.into_iter().flat_map(|(example, table)| table.into_iter().map(move |bad| (example.clone(), bad)))
    {
        let mut example = example;
        let object = example.object_mut(kind, name).expect("it is in the example");
        object["metadata"]["namespace"] = json!(namespace);
        kubectl(control, &["apply", "-f", "-"], &object.to_string()).await?;
        set(object, pointer, value.clone());
        let refusal = kubectl(control, &["apply", "-f", "-"], &object.to_string()).await.expect_err(&format!("{kind} {pointer} = {value}"));
        assert!(refusal.to_string().contains(sentence), "{kind} {pointer} = {value}: {refusal}");
        refusals.push((kind, refusal.to_string()));
    }
    Ok(refusals)
}

#[test]
fn bad_objects_are_refused_at_admission_with_a_sentence_that_says_what_is_right() -> anyhow::Result<()> {
    block_on(async { refused("s0-tenants.yaml", bad_objects().into_iter().chain(bad_credentials()).collect()).await.map(drop) })
}

#[test]
fn bad_certificates_and_webhooks_are_refused_at_admission_with_a_sentence_that_says_what_is_right() -> anyhow::Result<()> {
    block_on(async { refused("s0-x509.yaml", bad_certificates_and_webhooks()).await.map(drop) })
}

#[test]
fn what_cannot_change_is_refused_when_it_is_changed() -> anyhow::Result<()> {
    block_on(async { refused_as_changes("immutable").await.map(drop) })
}

/// The rules of a schema: where each is, and what it says.
fn rules(schema: &Value, at: &str, found: &mut Vec<(String, String)>) {
    let message = |rule: &Value| rule["message"].as_str().expect("every rule has its sentence").to_owned();
    found.extend(schema["x-kubernetes-validations"].as_array().into_iter().flatten().map(|rule| (at.to_owned(), message(rule))));
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        rules(field, &format!("{at}.{name}"), found);
    }
    for (inner, place) in [(&schema["items"], "[]"), (&schema["additionalProperties"], ".*")] {
        if inner.is_object() {
            rules(inner, &format!("{at}{place}"), found);
        }
    }
}

#[test]
fn there_is_no_rule_that_none_of_these_tables_meets() -> anyhow::Result<()> {
    block_on(async {
        let mut refusals = refused("s0-tenants.yaml", bad_objects().into_iter().chain(bad_credentials()).collect()).await?;
        refusals.extend(refused("s0-x509.yaml", bad_certificates_and_webhooks()).await?);
        refusals.extend(refused_as_changes("immutable-too").await?);
        let mut unmet = Vec::new();
        for crd in moorage_crds::all() {
            let schema = serde_json::to_value(&crd.spec.versions[0].schema)?;
            let (kind, mut all) = (crd.spec.names.kind.as_str(), Vec::new());
            rules(&schema["openAPIV3Schema"]["properties"]["spec"], "spec", &mut all);
            let of_kind: Vec<_> = refusals.iter().filter(|(refused, _)| *refused == kind).map(|(_, refusal)| refusal).collect();
            let lines: Vec<_> =
                of_kind.iter().flat_map(|refusal| refusal.lines()).map(|line| line.replace("[0]", "[]").replace("[1]", "[]")).collect();
            let is_met = |at: &str, message: &str| lines.iter().any(|line| line.contains(&format!(" {at}: ")) && line.contains(message));
            unmet.extend(
                all.into_iter().filter(|(at, message)| !is_met(at, message)).map(|(at, message)| format!("{kind} {at}: {message}")),
            );
        }
        assert_eq!(unmet, [""; 0]);
        Ok(())
    })
}

#[test]
fn kubectl_explains_every_field_of_every_kind_in_words_of_its_own() -> anyhow::Result<()> {
    block_on(async {
        let control = shared().await?;
        for crd in moorage_crds::all() {
            let explained = kubectl(control, &["explain", &crd.spec.names.plural, "--recursive=false"], "").await?;
            assert!(explained.contains(&crd.spec.names.kind) && !explained.contains("Auto-generated"), "{explained}");
            let schema = serde_json::to_value(&crd.spec.versions[0].schema)?;
            let mut silent = Vec::new();
            undescribed(&schema["openAPIV3Schema"]["properties"]["spec"], "spec", &mut silent);
            undescribed(&schema["openAPIV3Schema"]["properties"]["status"], "status", &mut silent);
            assert_eq!(silent, Vec::<String>::new(), "{}", crd.spec.names.kind);
        }
        let listed = kubectl(control, &["api-resources", "--categories=moorage", "-o", "name"], "").await?;
        assert_eq!(listed.lines().count(), moorage_crds::KindName::ALL.len(), "{listed}");
        Ok(())
    })
}

fn undescribed(schema: &Value, at: &str, silent: &mut Vec<String>) {
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        let at = format!("{at}.{name}");
        if field["description"].as_str().is_none_or(|text| text.trim().is_empty()) {
            silent.push(at.clone());
        }
        undescribed(field, &at, silent);
        undescribed(&field["items"], &at, silent);
    }
}

#[test]
fn no_schema_makes_the_api_server_warn() -> anyhow::Result<()> {
    block_on(async {
        let control = shared().await?;
        for crd in moorage_crds::all() {
            let mut crd = serde_json::to_value(&crd)?;
            crd["apiVersion"] = json!("apiextensions.k8s.io/v1");
            crd["kind"] = json!("CustomResourceDefinition");
            kubectl(control, &["apply", "--dry-run=server", "--warnings-as-errors", "-f", "-"], &crd.to_string()).await?;
        }
        Ok(())
    })
}
