//! Grants that are withdrawn while they are in use, row by row of the table in `docs/security.md`.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::Context as _;
use moorage_tests::controlplane::block_on;
use moorage_tests::harness::cloud_options;
use moorage_tests::tenants::Tenants;
use serde_json::{Value, json};

/// The tenant whose grants are withdrawn.
const TENANT: &str = "fabrikam";
const HUBS: (&str, &str) = ("TenantHubGroup", "fabrikam-eu");
const DEVICE: (&str, &str) = ("DeviceCredential", "fabrikam-simdevice-eu");
const YOUNGEST: (&str, &str) = ("DeviceCredential", "fabrikam-youngest");
/// It was created in a hub of the tenant's.
const INSIDE: (&str, &str) = ("DeviceCredential", "fabrikam-inside");
const SERVICE: (&str, &str) = ("ProvisioningService", "own");
const STALLED: [&str; 2] = ["Stalled", "NotGranted"];
const FULL: [&str; 2] = ["Stalled", "QuotaExceeded"];
const WAITS: [&str; 2] = ["Reconciling", "DependencyNotReady"];
const GOES_ON: [&str; 2] = ["Ready", "Ready"];

/// What is told of objects of the tenant: a condition that holds, and its reason.
type Told<'a> = &'a [((&'static str, &'static str), [&'static str; 2])];

/// A row of the table.
struct Row {
    name: &'static str,
    /// Whose grants are changed.
    owner: (&'static str, &'static str),
    change: fn(&mut Value),
    told: Told<'static>,
}

/// The entry of the tenant among the grants of the example's account.
fn of_tenant(grants: &mut Value) -> &mut Value {
    &mut grants[1]
}

const ACCOUNT: (&str, &str) = ("CloudAccount", "azure");
const SHARED: (&str, &str) = ("ProvisioningService", "contoso-dps");
const GROUP: (&str, &str) = ("EnrollmentGroup", "fabrikam-eu-devices");

const ROWS: &[Row] = &[
    Row {
        name: "account-hubs",
        owner: ACCOUNT,
        change: |grants| *of_tenant(grants) = json!({ "namespaces": ["nobody"], "resourceGroups": ["fabrikam-*"] }),
        told: &[(HUBS, STALLED), (DEVICE, WAITS), (INSIDE, WAITS)],
    },
    Row {
        name: "account-service",
        owner: ACCOUNT,
        change: |grants| *of_tenant(grants) = json!({ "namespaces": ["nobody"], "resourceGroups": ["fabrikam-*"] }),
        told: &[(SERVICE, STALLED)],
    },
    Row {
        name: "account-resource-group",
        owner: ACCOUNT,
        change: |grants| of_tenant(grants)["resourceGroups"] = json!(["fabrikam-other-*"]),
        told: &[(HUBS, STALLED), (SERVICE, STALLED), (DEVICE, WAITS), (INSIDE, WAITS)],
    },
    Row {
        name: "account-adoption",
        owner: ACCOUNT,
        change: |grants| of_tenant(grants)["adoption"] = json!("Never"),
        told: &[(HUBS, GOES_ON), (DEVICE, GOES_ON)],
    },
    Row {
        name: "account-max-hubs",
        owner: ACCOUNT,
        change: |grants| of_tenant(grants)["maxHubs"] = json!(1),
        told: &[(HUBS, FULL), (DEVICE, WAITS), (INSIDE, WAITS)],
    },
    Row {
        name: "account-skus",
        owner: ACCOUNT,
        change: |grants| of_tenant(grants)["skus"] = json!(["S2"]),
        told: &[(HUBS, STALLED), (DEVICE, WAITS), (INSIDE, WAITS)],
    },
    Row {
        name: "account-max-units",
        owner: ACCOUNT,
        change: |grants| of_tenant(grants)["maxUnits"] = json!(1),
        told: &[(HUBS, STALLED), (DEVICE, WAITS), (INSIDE, WAITS)],
    },
    Row {
        name: "service-whole",
        owner: SHARED,
        change: |grants| grants[0]["namespaces"] = json!(["nobody"]),
        told: &[(HUBS, STALLED), (DEVICE, WAITS), (INSIDE, WAITS)],
    },
    Row {
        name: "service-max-hubs",
        owner: SHARED,
        change: |grants| grants[0]["maxHubs"] = json!(1),
        told: &[(HUBS, FULL), (DEVICE, WAITS), (INSIDE, WAITS)],
    },
    Row {
        name: "service-allocation",
        owner: SHARED,
        change: |grants| grants[0]["allocation"] = json!("Own"),
        told: &[(HUBS, STALLED), (DEVICE, WAITS), (INSIDE, WAITS)],
    },
    Row {
        name: "group-whole",
        owner: GROUP,
        change: |grants| grants[0]["namespaces"] = json!(["nobody"]),
        told: &[(HUBS, GOES_ON), (DEVICE, STALLED)],
    },
    Row {
        name: "group-registration-ids",
        owner: GROUP,
        change: |grants| grants[0]["registrationIds"] = json!("fabrikam-other-*"),
        told: &[(HUBS, GOES_ON), (DEVICE, STALLED)],
    },
    Row {
        name: "group-max-devices",
        owner: GROUP,
        change: |grants| grants[0]["maxDevices"] = json!(2),
        told: &[(HUBS, GOES_ON), (DEVICE, GOES_ON), (YOUNGEST, FULL)],
    },
    Row {
        name: "group-max-token-ttl",
        owner: GROUP,
        change: |grants| grants[0]["maxTokenTtl"] = json!("1h"),
        told: &[(HUBS, GOES_ON), (DEVICE, STALLED)],
    },
];

#[test]
fn every_row_of_the_table_is_walked() -> anyhow::Result<()> {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/security.md"))?;
    let (_, table) = page.split_once("## Withdrawal").context("the page has the table")?;
    let (table, _) = table.split_once("\n## ").context("the table ends")?;
    let labels = table.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`')).map(|(label, _)| label);
    assert_eq!(labels.collect::<BTreeSet<_>>(), ROWS.iter().map(|row| row.name).collect());
    Ok(())
}

#[test]
fn a_grant_that_is_withdrawn_stalls_who_had_it_changes_nothing_and_is_given_back() -> anyhow::Result<()> {
    block_on(async {
        let tenants = Tenants::ready_with("withdrawn", cloud_options(), |example| {
            let platform = example.namespace("platform");
            let service = json!({
                "apiVersion": "moorage.dev/v1alpha1", "kind": "ProvisioningService",
                "metadata": { "namespace": example.namespace(TENANT), "name": "own" },
                "spec": {
                    "accountRef": { "name": "azure", "namespace": platform }, "resourceGroup": "fabrikam-rg", "name": "fabrikam-own-dps",
                    "location": "westeurope",
                },
            });
            example.objects_mut().push(service);
            let inside = json!({
                "apiVersion": "moorage.dev/v1alpha1", "kind": "DeviceCredential",
                "metadata": { "namespace": example.namespace(TENANT), "name": INSIDE.1 },
                "spec": { "hubRef": { "name": HUBS.1, "hub": "fabrikam-eu-hub" }, "deviceId": "inside" },
            });
            example.objects_mut().push(inside);
            let hubs = example.object_mut("TenantHubGroup", HUBS.1).expect("it is in the example");
            hubs["spec"]["hubs"][0]["sku"] = json!({ "name": "S1", "capacity": 2 });
            hubs["spec"]["hubs"][0]["link"] = json!({ "applyAllocationPolicy": true });
            let shared = example.object_mut("ProvisioningService", SHARED.1).expect("it is in the example");
            shared["spec"]["grants"][0]["allocation"] = json!("Any");
            let device = example.object_mut("DeviceCredential", DEVICE.1).expect("it is in the example");
            device["spec"]["dpsToken"] = json!({ "ttl": "24h" });
        })
        .await?;
        let namespace = tenants.example.namespace(TENANT);
        // Ages are told in seconds.
        tokio::time::sleep(Duration::from_millis(1100)).await;
        let youngest = json!({
            "apiVersion": "moorage.dev/v1alpha1", "kind": "DeviceCredential", "metadata": { "namespace": namespace, "name": YOUNGEST.1 },
            "spec": { "enrollmentGroupRef": { "name": GROUP.1, "namespace": tenants.example.namespace("platform") } },
        });
        tenants.harness.kubectl(&["create", "-f", "-"], &youngest.to_string()).await?;
        tenants.until(YOUNGEST.0, TENANT, YOUNGEST.1, "Ready", "Ready").await?;
        tenants.harness.until_at_rest(&tenants.operator).await?;
        let (world, secret) = (tenants.snapshot(), tenants.harness.secret(&namespace, DEVICE.1).await?);
        for row in ROWS {
            walk(&tenants, row).await.with_context(|| row.name)?;
            tenants.harness.until_at_rest(&tenants.operator).await?;
            assert_eq!(tenants.snapshot(), world, "{}", row.name);
            assert_eq!(tenants.harness.secret(&namespace, DEVICE.1).await?, secret, "{}", row.name);
        }
        tenants.end().await
    })
}

async fn walk(tenants: &Tenants, row: &Row) -> anyhow::Result<()> {
    let (kind, name) = row.owner;
    let before = tenants.object(kind, "platform", name).await?["spec"]["grants"].clone();
    let mut withdrawn = before.clone();
    (row.change)(&mut withdrawn);
    tenants.patch(kind, "platform", name, &json!({ "spec": { "grants": withdrawn } })).await?;
    for ((kind, name), [condition, reason]) in row.told {
        tenants.until(kind, TENANT, name, condition, reason).await?;
    }
    tenants.patch(kind, "platform", name, &json!({ "spec": { "grants": before } })).await?;
    tenants.harness.until_all_ready().await
}
