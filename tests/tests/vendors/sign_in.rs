//! Who comes with Microsoft's identity client.

use moorage_simulator::FederatedCredential;
use moorage_tests::controlplane::block_on;
use moorage_tests::harness::cloud_options;
use serde_json::json;
use tempfile::NamedTempFile;

use crate::place::Place;

const ALL_HUBS: [&str; 4] = ["contoso-east-hub", "contoso-west-hub", "fabrikam-asia-hub", "fabrikam-eu-hub"];

#[test]
fn a_client_secret_and_the_token_of_a_service_account_open_the_resource_manager() -> anyhow::Result<()> {
    block_on(async {
        let mut cloud = cloud_options();
        cloud.applications[0].federated.push(FederatedCredential {
            issuer: Some("https://kubernetes.default.svc".to_owned()),
            subject: "system:serviceaccount:contoso-vendorssignin:pipeline".to_owned(),
            audience: "api://AzureADTokenExchange".to_owned(),
        });
        let mut place = Place::ready_in("vendorssignin", cloud).await?;
        let namespace = place.example.namespace("contoso");
        place.harness.kubectl(&["create", "serviceaccount", "pipeline", "-n", &namespace], "").await?;
        let audience = "--audience=api://AzureADTokenExchange";
        let token = place.harness.kubectl(&["create", "token", "pipeline", "-n", &namespace, audience], "").await?;
        let file = NamedTempFile::new()?;
        std::fs::write(file.path(), token.trim())?;
        place.vendors = place.vendors.with("AZURE_FEDERATED_TOKEN_FILE", &file.path().to_string_lossy());

        let opened = json!({ "minutes": 60, "hubs": ALL_HUBS });
        assert_eq!(place.vendors.run("sign_in.py", &[]).await?, json!({ "client secret": opened, "workload identity": opened }));
        place.end().await
    })
}
