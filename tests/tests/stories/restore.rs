//! A cluster that is lost or left: another one gets its objects, Secrets and ledger from a backup.

use anyhow::Context as _;
use moorage_tests::controlplane::{ControlPlane, Options, block_on};
use moorage_tests::operator::Running;
use moorage_tests::progress::Silent;
use serde_json::{Value, json};

use crate::s0::confirm_all;
use moorage_tests::tenants::{EAST, EUROPE, Tenants};

/// What a backup tool keeps of an object: neither uid nor version, neither owners nor status.
fn kept(object: &Value) -> Value {
    let mut kept = object.clone();
    let meta = &object["metadata"];
    kept["metadata"] = json!({});
    for field in ["name", "namespace", "labels", "annotations", "finalizers"] {
        if !meta[field].is_null() {
            kept["metadata"][field] = meta[field].clone();
        }
    }
    if let Some(fields) = kept.as_object_mut() {
        fields.remove("status");
    }
    kept
}

/// All that has to be in a backup: the objects of moorage.dev, the Secrets, and the ledger, in the order in which they are restored.
async fn backup(tenants: &Tenants) -> anyhow::Result<Vec<Value>> {
    let list = async |what: &str, namespace: &str| -> anyhow::Result<Vec<Value>> {
        let text = tenants.harness.kubectl(&["get", what, "-n", namespace, "-o", "json"], "").await?;
        let listed: Value = serde_json::from_str(&text)?;
        Ok(listed["items"].as_array().context("a list")?.iter().map(kept).collect())
    };
    let mut all = list("configmaps", &tenants.harness.operator_namespace()).await?;
    all.retain(|page| page["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "moorage");
    for namespace in tenants.example.namespaces() {
        all.extend(list("secrets", &namespace).await?);
        all.extend(list("moorage", &namespace).await?);
    }
    Ok(all)
}

/// Starts an operator here that takes over what another cluster has made, in place of the one that runs.
async fn take_over(tenants: &mut Tenants, from: &str) -> anyhow::Result<()> {
    let mut launch = tenants.harness.launch();
    launch.installation.takes_over_from = Some(from.to_owned());
    let operator = Running::start(launch).await?;
    std::mem::replace(&mut tenants.operator, operator).stop().await
}

/// Puts what was saved on another control plane, where an operator runs that was told nothing, while the first one has stopped.
async fn copy(tenants: &mut Tenants, saved: &[Value]) -> anyhow::Result<&'static ControlPlane> {
    let other = ControlPlane::start(Options { kinds: moorage_crds::all(), ..Options::default() }, &Silent).await?;
    let other: &'static ControlPlane = Box::leak(Box::new(other));
    let harness = tenants.harness.moved_to(other).await?;
    let operator = harness.operator().await?;
    std::mem::replace(&mut tenants.operator, operator).stop().await?;
    tenants.harness = harness;
    let list = json!({ "apiVersion": "v1", "kind": "List", "items": saved }).to_string();
    tenants.harness.kubectl(&["create", "-f", "-"], &list).await?;
    Ok(other)
}

/// Goes on with what was saved on another control plane.
async fn restore(tenants: &mut Tenants, saved: &[Value]) -> anyhow::Result<&'static ControlPlane> {
    let before = tenants.harness.cluster();
    let other = copy(tenants, saved).await?;
    take_over(tenants, &before).await?;
    tenants.harness.until_all_ready().await?;
    tenants.harness.until_at_rest(&tenants.operator).await?;
    Ok(other)
}

fn cloud_writes(tenants: &Tenants) -> usize {
    tenants.harness.cloud().requests().iter().filter(|request| request.writes).count()
}

#[test]
fn a_move_to_another_cluster_from_a_backup_writes_only_its_name_to_the_cloud_and_everything_can_still_be_removed() -> anyhow::Result<()> {
    block_on(async {
        let mut tenants = Tenants::ready("move").await?;
        let past = {
            let before = moorage_simulator::Simulator::start(moorage_tests::harness::cloud_options()).await?;
            before.seed(moorage_tests::harness::fabrikam_s_past);
            before.snapshot()
        };
        tenants.device("contoso", "contoso-simdevice-east", EAST).await?.register(Some("IOTHUB_DEVICE_KEY"), |_| {}).await?;
        tenants.harness.until_at_rest(&tenants.operator).await?;
        let (world, saved, written) = (tenants.snapshot(), backup(&tenants).await?, cloud_writes(&tenants));
        let namespace = tenants.example.namespace("contoso");
        let before = tenants.harness.secret(&namespace, "contoso-simdevice-east").await?;
        let cluster = tenants.harness.cluster();

        let other = restore(&mut tenants, &saved).await?;
        // The tag of the service, and of each hub that was made.
        assert_eq!(cloud_writes(&tenants), written + 4);
        assert_eq!(tenants.snapshot(), world.replace(&cluster, &tenants.harness.cluster()));
        assert_eq!(tenants.harness.secret(&namespace, "contoso-simdevice-east").await?, before);
        tenants.device("fabrikam", "fabrikam-simdevice-eu", EUROPE).await?.register(Some("deviceKey"), |_| {}).await?;

        // What was made in the other cluster is known to be ours in this one.
        tenants.harness.kubectl(&["delete", "--wait=false", "-f", "-"], &tenants.example.text()).await?;
        confirm_all(&tenants).await?;
        tenants.harness.until_gone("CloudAccount", &tenants.example.namespace("platform"), "azure").await?;
        assert_eq!(tenants.snapshot(), past);
        tenants.end().await?;
        other.end().await
    })
}

#[test]
fn of_two_clusters_with_one_installation_id_the_second_does_nothing_until_it_is_told_to_and_then_the_first_does_nothing()
-> anyhow::Result<()> {
    block_on(async {
        let mut tenants = Tenants::ready("copied").await?;
        tenants.harness.until_at_rest(&tenants.operator).await?;
        let (first, world, saved, written) =
            (tenants.harness.launch(), tenants.snapshot(), backup(&tenants).await?, cloud_writes(&tenants));
        let cluster = tenants.harness.cluster();
        let other = copy(&mut tenants, &saved).await?;

        for (kind, namespace, name) in [("ProvisioningService", "platform", "contoso-dps"), ("TenantHubGroup", "contoso", "contoso-us")] {
            let told = tenants.until(kind, namespace, name, "Stalled", "OtherCluster").await?;
            assert!(told.to_string().contains("start this operator with --take-over-from"), "{told}");
        }
        let resized = json!([{ "op": "replace", "path": "/spec/hubs/0/sku/capacity", "value": 2 }]).to_string();
        let namespace = tenants.example.namespace("contoso");
        tenants.harness.kubectl(&["patch", "tenanthubgroup", "contoso-us", "-n", &namespace, "--type=json", "-p", &resized], "").await?;
        tenants.harness.until_at_rest(&tenants.operator).await?;
        assert_eq!(tenants.snapshot(), world);
        assert_eq!(cloud_writes(&tenants), written, "nothing of the second cluster reaches what the first one has");

        let here = tenants.harness.cluster();
        take_over(&mut tenants, &cluster).await?;
        tenants.harness.until_all_ready().await?;
        tenants.harness.until_at_rest(&tenants.operator).await?;
        assert_eq!(tenants.snapshot(), world.replace(&cluster, &here).replacen(" S1x1 ", " S1x2 ", 1));

        // Whoever was left running in the first one does nothing more.
        let left = Running::start(first).await?;
        let before = cloud_writes(&tenants);
        tenants.harness.until_at_rest(&left).await?;
        assert_eq!(cloud_writes(&tenants), before);
        left.stop().await?;
        tenants.end().await?;
        other.end().await
    })
}

#[test]
fn a_restore_without_the_ledger_knows_by_tags_and_by_the_keys_in_secrets_what_is_ours_and_locks_no_device_out() -> anyhow::Result<()> {
    block_on(async {
        let mut tenants = Tenants::ready_with("noledger", moorage_tests::harness::cloud_options(), |example| {
            // One of each proof: derived keys, an individual enrollment, and an identity in a hub.
            let individual = example.object_mut("DeviceCredential", "contoso-simdevice-west").expect("it is in the example");
            individual["spec"]["individualEnrollment"] = json!({});
            let inside = json!({
                "apiVersion": "moorage.dev/v1alpha1", "kind": "DeviceCredential",
                "metadata": { "namespace": example.namespace("contoso"), "name": "contoso-inside" },
                "spec": { "hubRef": { "name": "contoso-us", "hub": "contoso-east-hub" }, "deviceId": "inside", "deletionPolicy": "Deprovision" },
            });
            example.objects_mut().push(inside);
        })
        .await?;
        tenants.harness.until_at_rest(&tenants.operator).await?;
        let (world, mut saved) = (tenants.snapshot(), backup(&tenants).await?);
        saved.retain(|object| object["kind"] != "ConfigMap");
        let namespace = tenants.example.namespace("contoso");
        let names = ["contoso-simdevice-east", "contoso-simdevice-west", "contoso-inside"];
        let mut before = Vec::new();
        for name in names {
            before.push(tenants.harness.secret(&namespace, name).await?);
        }
        let cluster = tenants.harness.cluster();
        let other = restore(&mut tenants, &saved).await?;
        assert_eq!(tenants.snapshot(), world.replace(&cluster, &tenants.harness.cluster()), "nothing in the cloud is another");
        for (name, before) in names.into_iter().zip(before) {
            assert_eq!(tenants.harness.secret(&namespace, name).await?, before, "{name}");
        }
        tenants.device("contoso", "contoso-simdevice-east", EAST).await?.register(Some("IOTHUB_DEVICE_KEY"), |_| {}).await?;

        // What was made is known to be, and goes.
        tenants.harness.kubectl(&["delete", "devicecredential", "contoso-inside", "-n", &namespace], "").await?;
        tenants.harness.until_gone("DeviceCredential", &namespace, "contoso-inside").await?;
        assert!(!tenants.snapshot().contains(" inside "), "{}", tenants.snapshot());
        tenants.end().await?;
        other.end().await
    })
}
