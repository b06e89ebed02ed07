//! What is refused, as Microsoft's clients understand it. How each refusal looks on the wire is in the simulator's own tests.

use moorage_simulator::{
    Application, CLIENT, CLIENT_SECRET, Fault, FederatedCredential, Match, NewHub, NewService, Occurrence, Options, Rule, SUBSCRIPTION,
    Simulator, TENANT,
};
use moorage_tests::controlplane::block_on;
use moorage_tests::device::Network;
use moorage_tests::vendors::Vendors;
use serde_json::{Value, json};
use tempfile::NamedTempFile;

const OTHER_TENANT: &str = "99999999-9999-4999-8999-999999999999";
const STRANGER: &str = "88888888-8888-4888-8888-888888888888";
const POWERLESS: &str = "77777777-7777-4777-8777-777777777777";

/// The claims of a service account that stands for nobody, which is all of a token that the simulator reads.
const TOKEN: &str = "e30.eyJpc3MiOiJodHRwczovL2NsdXN0ZXIiLCJzdWIiOiJzeXN0ZW06c2VydmljZWFjY291bnQ6bnM6b3RoZXIiLCJhdWQiOiJhcGk6Ly9BenVyZUFEVG9rZW5FeGNoYW5nZSIsImV4cCI6NDAwMDAwMDAwMH0.";

fn options() -> Options {
    let application = |tenant: &str, client: &str, subscriptions| Application {
        tenants: vec![tenant.to_owned()],
        client_id: client.to_owned(),
        subscriptions,
        ..Application::default()
    };
    let trusted = FederatedCredential {
        issuer: Some("https://cluster".to_owned()),
        subject: "system:serviceaccount:ns:moorage".to_owned(),
        audience: "api://AzureADTokenExchange".to_owned(),
    };
    let matching = Match { path: Some("/throttled$".to_owned()), ..Match::default() };
    Options {
        seed: Some("refusals".to_owned()),
        applications: vec![
            Application { federated: vec![trusted], ..Application::default() },
            application(OTHER_TENANT, STRANGER, None),
            application(TENANT, POWERLESS, Some(Vec::new())),
        ],
        faults: vec![Rule { matching, occurrence: Occurrence::Every, fault: Fault::Throttle { retry_after: 1 } }],
        ..Options::default()
    }
}

/// Two linked hubs, and the group `g1`.
async fn cloud() -> anyhow::Result<Simulator> {
    let simulator = Simulator::start(options()).await?;
    simulator.seed(|azure| {
        azure.add_resource_group(SUBSCRIPTION, "elsewhere", "eastus");
        azure.add_service(NewService { subscription: SUBSCRIPTION, group: "rg", name: "dps", location: "eastus" });
        for (name, location) in [("hub-east", "eastus"), ("hub-west", "westus")] {
            azure.add_hub(NewHub { subscription: SUBSCRIPTION, group: "rg", name, location, sku: "S1" });
            azure.link_hub("dps", name);
        }
        azure.add_group("dps", "g1", &["hub-east.azure-devices.net"]);
    });
    Ok(simulator)
}

fn expected() -> Value {
    json!({
        // The identity client keeps the words of Entra, and for a secret not the status.
        "signing_in": {
            "a wrong secret": ["ClientAuthenticationError", null, "AADSTS7000215"],
            "an unknown application": ["ClientAuthenticationError", null, "AADSTS700016"],
            "another service account": ["ClientAuthenticationError", 401, "AADSTS700213"],
        },
        "managing_hubs": {
            "an expired token": ["ClientAuthenticationError", 401, "ExpiredAuthenticationToken"],
            "a token for hubs": ["ClientAuthenticationError", 401, "InvalidAuthenticationTokenAudience"],
            "a token of another tenant": ["ClientAuthenticationError", 401, "InvalidAuthenticationTokenTenant"],
            "no role": ["HttpResponseError", 403, "AuthorizationFailed"],
            "no such subscription": ["ResourceNotFoundError", 404, "SubscriptionNotFound"],
            "an api-version that is not simulated": ["HttpResponseError", 400, "InvalidApiVersionParameter"],
            "no such group": ["ResourceNotFoundError", 404, "ResourceGroupNotFound"],
            "no such hub": ["ResourceNotFoundError", 404, "ResourceNotFound"],
            "no such policy": ["ResourceNotFoundError", 404, "ResourceNotFound"],
            "a stale entity tag": ["HttpResponseError", 412, 412_001],
            "an entity tag of nothing": ["HttpResponseError", 412, 412_001],
            "a name that is taken": ["ResourceExistsError", 409, 409_001],
            "another region": ["ResourceExistsError", 409, "InvalidResourceLocation"],
            "a free hub of a paid one": ["HttpResponseError", 400, 400_009],
            "units beyond the tier": ["HttpResponseError", 400, 400_008],
            "too often": ["HttpResponseError", 429, "TooManyRequests"],
        },
        "managing_services": {
            "no such service": ["ResourceNotFoundError", 404, "ResourceNotFound"],
            "no such policy": ["ResourceNotFoundError", 404, "ResourceNotFound"],
            "a name that is taken": ["ResourceExistsError", 409, 409_001],
            "another region": ["ResourceExistsError", 409, "InvalidResourceLocation"],
            "a hub linked three times": ["HttpResponseError", 400, 400_303],
            "a link by an identity that the service has not": ["HttpResponseError", 400, 400_309],
            "a link without a host name or a key": ["HttpResponseError", 400, 400_309],
            "a link whose names differ": ["HttpResponseError", 400, 400_309],
            "an identity that names none": ["HttpResponseError", 400, 400_310],
        },
        "enrolling": {
            "another key": ["ProvisioningServiceError", 401, 401_002],
            "an unknown policy": ["ProvisioningServiceError", 401, 401_002],
            "no such enrollment": ["ProvisioningServiceError", 404, 404_201],
            "no such group": ["ProvisioningServiceError", 404, 404_202],
            "no such record": ["ProvisioningServiceError", 404, 404_203],
            "a stale tag": ["ProvisioningServiceError", 412, 412_001],
            "a stale tag to delete by": ["ProvisioningServiceError", 412, 412_001],
            "made again": ["ProvisioningServiceError", 409, 409_201],
            "a hub that is not linked": ["ProvisioningServiceError", 400, 400_209],
            "static over two hubs": ["ProvisioningServiceError", 400, 400_004],
            "an invalid id": ["ProvisioningServiceError", 400, 400_004],
            "too often": ["ProvisioningServiceError", 429, 429_001],
        },
    })
}

#[test]
fn every_refusal_is_the_exception_that_microsoft_s_client_has_for_it() -> anyhow::Result<()> {
    block_on(async {
        let simulator = cloud().await?;
        let (owner, other) = simulator
            .seed(|azure| (azure.service_policy_keys("dps", "provisioningserviceowner"), azure.hub_policy_keys("hub-east", "service")));
        let token = NamedTempFile::new()?;
        std::fs::write(token.path(), TOKEN)?;
        let network = Network { address: simulator.address(), ca_pem: simulator.ca_pem().to_owned() };
        let vendors = Vendors::on(&network).await?;
        let vendors = vendors.with("AZURE_TENANT_ID", TENANT).with("AZURE_SUBSCRIPTION_ID", SUBSCRIPTION);
        let vendors = vendors.with("AZURE_CLIENT_ID", CLIENT).with("AZURE_CLIENT_SECRET", CLIENT_SECRET);
        let vendors = vendors.with("AZURE_FEDERATED_TOKEN_FILE", &token.path().to_string_lossy());
        let vendors = vendors.with("OTHER_TENANT_ID", OTHER_TENANT).with("STRANGER_CLIENT_ID", STRANGER);
        let vendors = vendors.with("POWERLESS_CLIENT_ID", POWERLESS).with("PROVISIONING_HOST", "dps.azure-devices-provisioning.net");
        let vendors =
            vendors.with("OWNER_KEY", &owner.expect("the default policy").0).with("OTHER_KEY", &other.expect("a default policy").0);

        let world = simulator.snapshot();
        let (told, expected) = (vendors.run("refused.py", &[]).await?, expected());
        let mut wrong = Vec::new();
        for (part, rows) in expected.as_object().into_iter().flatten() {
            let differs = rows.as_object().into_iter().flatten().filter(|(what, wanted)| &told[part][*what] != *wanted);
            wrong.extend(differs.map(|(what, wanted)| format!("{part}: {what}: {} and not {wanted}", told[part][what])));
        }
        assert_eq!(wrong, [""; 0]);
        assert_eq!(told, expected, "and nothing else was asked");
        assert_eq!(simulator.snapshot(), world);
        Ok(())
    })
}
