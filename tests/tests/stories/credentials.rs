//! Credentials change, and the operator goes on without a restart.

use moorage_simulator::{Application, FederatedCredential, Options};
use moorage_tests::controlplane::{block_on, shared};
use moorage_tests::harness::{CLIENT, CLIENT_SECRET, SOON, TENANT, cloud_options};
use moorage_tests::wait::{NotYet, until};
use serde_json::{Value, json};

use moorage_tests::tenants::Tenants;

/// Another application than that of the examples.
const OTHER: &str = "44444444-4444-4444-8444-444444444444";

/// A cloud with a second application, which trusts the platform's service account `azure` and has the same rights.
async fn two_applications(story: &str) -> anyhow::Result<Options> {
    let federated = FederatedCredential {
        issuer: Some(shared().await?.issuer().await?),
        subject: format!("system:serviceaccount:platform-{story}:azure"),
        audience: "api://AzureADTokenExchange".to_owned(),
    };
    let other = Application {
        tenants: vec![TENANT.to_owned()],
        client_id: OTHER.to_owned(),
        client_secrets: vec![CLIENT_SECRET.to_owned()],
        federated: vec![federated],
        ..Application::default()
    };
    let mut options = cloud_options();
    options.applications.push(other);
    Ok(options)
}

async fn put_secret(tenants: &Tenants, secret: &str) -> anyhow::Result<()> {
    let (namespace, patch) = (tenants.example.namespace("platform"), json!({ "stringData": { "clientSecret": secret } }).to_string());
    tenants.harness.kubectl(&["patch", "secret", "azure", "-n", &namespace, "-p", &patch], "").await.map(drop)
}

/// Waits until the account is Ready with an identity.
async fn until_accepted(tenants: &Tenants, field: &str, value: &str) -> anyhow::Result<Value> {
    until(&format!("the account's {field} is {value}"), SOON, || async {
        let account = tenants.object("CloudAccount", "platform", "azure").await.map_err(|error| NotYet::seen(format!("{error:#}")))?;
        if account["status"]["identity"][field] == value { Ok(account) } else { Err(NotYet::seen(&account["status"])) }
    })
    .await
}

/// Plants a drift and waits until it is corrected; gives the identities that asked Azure meanwhile.
async fn correct_a_drift(tenants: &Tenants, request: &str) -> anyhow::Result<Vec<String>> {
    tenants.harness.until_at_rest(&tenants.operator).await?;
    let asked = tenants.harness.cloud().requests().len();
    tenants.harness.cloud().seed(|azure| azure.set_sku("contoso-east-hub", "S1", 9));
    tenants.annotate("TenantHubGroup", "contoso", "contoso-us", &format!("moorage.dev/sync-requested-at={request}")).await?;
    until("the drift is corrected", SOON, || async {
        if tenants.snapshot().contains(" S1x9 ") { Err(NotYet::seen("nine units")) } else { Ok(()) }
    })
    .await?;
    let requests = tenants.harness.cloud().requests();
    let mut callers: Vec<_> =
        requests[asked..].iter().filter(|request| request.host == "management.azure.com").map(|request| request.caller.clone()).collect();
    callers.sort();
    callers.dedup();
    Ok(callers)
}

#[test]
fn a_client_secret_that_is_replaced_while_objects_are_under_way_is_used_at_once() -> anyhow::Result<()> {
    block_on(async {
        let tenants = Tenants::begun("newsecret", cloud_options(), |_| {}).await?;
        until("the first hub is being made", SOON, || async {
            if tenants.snapshot().contains("contoso-east-hub") { Ok(()) } else { Err(NotYet::seen(tenants.snapshot())) }
        })
        .await?;
        tenants.harness.cloud().seed(|azure| {
            azure.set_client_secrets(CLIENT, &["the-new-secret"]);
            azure.expire_tokens();
        });
        put_secret(&tenants, "the-new-secret").await?;
        tenants.harness.until_all_ready().await?;
        let namespace = tenants.example.namespace("platform");
        let version = tenants
            .harness
            .kubectl(&["get", "secret", "azure", "-n", &namespace, "-o", "jsonpath={.metadata.resourceVersion}"], "")
            .await?;
        until_accepted(&tenants, "secretResourceVersion", &version).await?;
        assert_eq!(correct_a_drift(&tenants, "1").await?, [CLIENT]);
        tenants.end().await
    })
}

#[test]
fn another_application_takes_over_when_the_client_id_is_changed() -> anyhow::Result<()> {
    block_on(async {
        let tenants = Tenants::ready_with("newclient", two_applications("newclient").await?, |_| {}).await?;
        let patch = json!({ "spec": { "azure": { "clientSecret": { "clientId": OTHER } } } });
        tenants.patch("CloudAccount", "platform", "azure", &patch).await?;
        until_accepted(&tenants, "clientId", OTHER).await?;
        tenants.harness.until_all_ready().await?;
        assert_eq!(correct_a_drift(&tenants, "1").await?, [OTHER]);
        tenants.end().await
    })
}

#[test]
fn an_account_moves_from_a_secret_to_workload_identity_and_back() -> anyhow::Result<()> {
    block_on(async {
        let tenants = Tenants::ready_with("switch", two_applications("switch").await?, |_| {}).await?;
        let (namespace, operator) = (tenants.example.namespace("platform"), tenants.harness.operator_namespace());
        let run = async |args: &str| tenants.harness.kubectl(&args.split(' ').collect::<Vec<_>>(), "").await;
        run(&format!("create serviceaccount azure -n {namespace}")).await?;
        run(&format!("create role tokens -n {namespace} --verb=create --resource=serviceaccounts/token --resource-name=azure")).await?;
        run(&format!("create rolebinding tokens -n {namespace} --role=tokens --serviceaccount={operator}:moorage")).await?;

        let keyless = json!({ "clientSecret": null, "workloadIdentity": { "clientId": OTHER, "serviceAccountName": "azure" } });
        tenants.patch("CloudAccount", "platform", "azure", &json!({ "spec": { "azure": keyless } })).await?;
        until_accepted(&tenants, "method", "WorkloadIdentity").await?;
        run(&format!("delete secret azure -n {namespace}")).await?;
        assert_eq!(correct_a_drift(&tenants, "1").await?, [OTHER]);

        run(&format!("create secret generic azure -n {namespace} --from-literal=clientSecret={CLIENT_SECRET}")).await?;
        let by_secret = json!({ "workloadIdentity": null, "clientSecret": { "clientId": CLIENT, "secretRef": { "name": "azure", "key": "clientSecret" } } });
        tenants.patch("CloudAccount", "platform", "azure", &json!({ "spec": { "azure": by_secret } })).await?;
        until_accepted(&tenants, "method", "ClientSecret").await?;
        assert_eq!(correct_a_drift(&tenants, "2").await?, [CLIENT]);
        tenants.end().await
    })
}
