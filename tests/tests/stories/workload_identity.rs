//! An account without a secret: tokens of a service account, exchanged at Entra ID.

use jiff::SignedDuration;
use k8s_openapi::api::rbac::v1::PolicyRule;
use moorage_simulator::{Application, AzureCloud, FederatedCredential, Options};
use moorage_tests::controlplane::{block_on, shared};
use moorage_tests::example::Example;
use moorage_tests::harness::{CLIENT, Harness, TENANT, cloud_options};
use moorage_tests::operator::Running;
use serde_json::{Value, json};

/// Longer than twice the longest drift period of any kind.
const TWO_PERIODS: SignedDuration = SignedDuration::from_hours(13);
/// Longer than a refused identity waits before it is tried again.
const A_RETRY: SignedDuration = SignedDuration::from_mins(6);

/// The example on a harness whose application has no secret at all.
struct Keyless {
    harness: Harness,
    namespace: String,
    operator: Running,
}

impl Keyless {
    async fn applied(story: &str, cloud: Options, change: impl FnOnce(&mut Example)) -> anyhow::Result<Self> {
        let mut example = Example::read("workload-identity.yaml", story)?;
        change(&mut example);
        let namespace = example.namespace("iot");
        let application = Application {
            tenants: vec![TENANT.to_owned()],
            client_id: CLIENT.to_owned(),
            client_secrets: Vec::new(),
            federated: vec![trusting(&namespace, cloud.cloud).await?],
            ..Application::default()
        };
        let cloud = Options { applications: vec![application], ..cloud };
        let harness = Harness::set(shared().await?, story, &example.namespaces(), cloud).await?;
        let operator = harness.operator().await?;
        harness.apply(&example).await?;
        Ok(Self { harness, namespace, operator })
    }

    /// The same with the right to the tokens from the start.
    async fn allowed(story: &str, cloud: Options, change: impl FnOnce(&mut Example)) -> anyhow::Result<Self> {
        let keyless = Self::applied(story, cloud, change).await?;
        let operator = keyless.harness.operator_namespace();
        for command in commands(&keyless.namespace, &operator) {
            keyless.run(&command).await?;
        }
        Ok(keyless)
    }

    /// Runs a command that begins with `kubectl`.
    async fn run(&self, command: &str) -> anyhow::Result<String> {
        let args: Vec<_> = command.strip_prefix("kubectl ").expect("a command of kubectl").split(' ').collect();
        self.harness.kubectl(&args, "").await
    }

    async fn until_stalled(&self, reason: &str) -> anyhow::Result<String> {
        let account = self.harness.until_condition("CloudAccount", &self.namespace, "azure", "Stalled", reason).await?;
        Ok(account["status"]["conditions"][2]["message"].as_str().unwrap_or_default().to_owned())
    }

    async fn until_ready_after_a_retry(&self) -> anyhow::Result<Value> {
        self.harness.until_at_rest(&self.operator).await?;
        self.harness.cloud().advance(A_RETRY).await?;
        self.harness.until_all_ready().await?;
        self.harness.get("CloudAccount", &self.namespace, "azure").await
    }

    /// Tokens that were issued to the operator, and sign-ins that were granted to it.
    async fn tokens_and_sign_ins(&self) -> anyhow::Result<(usize, usize)> {
        self.catch_up().await?;
        let issued = self
            .harness
            .control()
            .audit()
            .entries()?
            .into_iter()
            .filter(|event| event.user == self.harness.operator_user() && event.subresource == "token" && event.code == 201);
        let requests = self.harness.cloud().requests();
        let sign_ins = requests.iter().filter(|request| request.path.ends_with("/oauth2/v2.0/token") && request.status == Some(200));
        Ok((issued.count(), sign_ins.count()))
    }

    async fn writes(&self) -> anyhow::Result<usize> {
        self.catch_up().await?;
        let cluster = self.harness.control().audit().writes_of(self.harness.operator_user())?.len();
        Ok(cluster + self.harness.cloud().requests().iter().filter(|request| request.writes).count())
    }

    /// The audit log is written just after the answer: a write of our own marks how far it has come.
    async fn catch_up(&self) -> anyhow::Result<()> {
        let marker = format!("marker-{}", self.harness.cloud().requests().len());
        let audit = self.harness.control().audit().from_now()?;
        self.harness.kubectl(&["create", "configmap", &marker, "-n", &self.namespace], "").await?;
        audit.until("the marker is in the audit log", |event| event.name == marker).await?;
        self.harness.kubectl(&["delete", "configmap", &marker, "-n", &self.namespace], "").await.map(drop)
    }

    async fn end(self) -> anyhow::Result<()> {
        assert_eq!(self.harness.cloud().violations(), Vec::<String>::new());
        self.operator.stop().await
    }
}

/// What lets the operator have tokens of the example's service account, as the documentation has it.
fn commands(namespace: &str, operator: &str) -> [String; 2] {
    [
        format!(
            "kubectl create role moorage-token-azure -n {namespace} --verb=create --resource=serviceaccounts/token --resource-name=azure"
        ),
        format!(
            "kubectl create rolebinding moorage-token-azure -n {namespace} --role=moorage-token-azure --serviceaccount={operator}:moorage"
        ),
    ]
}

async fn trusting(namespace: &str, cloud: AzureCloud) -> anyhow::Result<FederatedCredential> {
    let audience = match cloud {
        AzureCloud::Public => "api://AzureADTokenExchange",
        AzureCloud::Government => "api://AzureADTokenExchangeUSGov",
        AzureCloud::China => "api://AzureADTokenExchangeChina",
    };
    Ok(FederatedCredential {
        issuer: Some(shared().await?.issuer().await?),
        subject: format!("system:serviceaccount:{namespace}:azure"),
        audience: audience.to_owned(),
    })
}

#[test]
fn in_azure_government_and_china_tokens_are_for_the_audience_of_that_cloud() -> anyhow::Result<()> {
    block_on(async {
        for (story, cloud, name, location) in [
            ("keylessgov", AzureCloud::Government, "Government", "usgovvirginia"),
            ("keylesscn", AzureCloud::China, "China", "chinanorth3"),
        ] {
            let keyless = Keyless::allowed(story, Options { cloud, ..cloud_options() }, |example| {
                example.object_mut("CloudAccount", "azure").expect("it is in the example")["spec"]["azure"]["cloud"] = json!(name);
                example.object_mut("ProvisioningService", "keyless-dps").expect("it is in the example")["spec"]["location"] =
                    json!(location);
            })
            .await?;
            keyless.until_ready_after_a_retry().await?;
            keyless.end().await?;
        }
        Ok(())
    })
}

#[test]
fn an_account_without_the_right_to_tokens_tells_the_commands_and_they_make_it_ready() -> anyhow::Result<()> {
    block_on(async {
        let keyless = Keyless::applied("keyless", cloud_options(), |_| {}).await?;
        let told = keyless.until_stalled("MissingRoleBinding").await?;
        let (_, told) = told.split_once("; let it: ").expect("it tells commands");
        assert_eq!(told.split(" && ").collect::<Vec<_>>(), commands(&keyless.namespace, &keyless.harness.operator_namespace()));
        for command in told.split(" && ") {
            keyless.run(command).await?;
        }
        let account = keyless.until_ready_after_a_retry().await?;
        let seen = json!({ "method": "WorkloadIdentity", "tenantId": TENANT, "clientId": CLIENT, "serviceAccountName": "azure" });
        assert_eq!(account["status"]["identity"], seen);
        assert!(keyless.harness.cloud().snapshot().contains("keyless-dps"), "{}", keyless.harness.cloud().snapshot());

        // The chart's rule is the one that the command makes.
        let role = keyless.run(&format!("kubectl get role moorage-token-azure -n {} -o json", keyless.namespace)).await?;
        let role: Value = serde_json::from_str(&role)?;
        let made: Vec<PolicyRule> = serde_json::from_value(role["rules"].clone())?;
        let shipped = include_str!("../../../charts/moorage/rbac/tokens.rules.yaml").replace("SERVICE_ACCOUNT", "azure");
        assert_eq!(made, serde_saphyr::from_str::<Vec<PolicyRule>>(&shipped)?);
        keyless.end().await
    })
}

#[test]
fn a_token_is_asked_for_at_a_sign_in_and_at_no_other_time() -> anyhow::Result<()> {
    block_on(async {
        if !shared().await?.counts_requests("a_token_is_asked_for_at_a_sign_in_and_at_no_other_time") {
            return Ok(());
        }
        let keyless = Keyless::allowed("atsignin", cloud_options(), |_| {}).await?;
        keyless.until_ready_after_a_retry().await?;
        keyless.harness.until_at_rest(&keyless.operator).await?;
        assert_eq!(keyless.tokens_and_sign_ins().await?, (1, 1));
        let (writes, looks) = (keyless.writes().await?, keyless.harness.cloud().requests().len());
        keyless.harness.cloud().advance(TWO_PERIODS).await?;
        keyless.harness.until_at_rest(&keyless.operator).await?;
        assert!(keyless.harness.cloud().requests().len() > looks + 10, "the cloud was looked at");
        assert_eq!(keyless.tokens_and_sign_ins().await?, (1, 1));
        assert_eq!(keyless.writes().await?, writes);
        keyless.end().await
    })
}

#[test]
fn each_sign_in_has_a_fresh_token() -> anyhow::Result<()> {
    block_on(async {
        if !shared().await?.counts_requests("each_sign_in_has_a_fresh_token") {
            return Ok(());
        }
        // Entra ID's tokens end so soon that each call signs in anew.
        let token_lifetime = std::time::Duration::from_mins(2);
        let keyless = Keyless::allowed("fresh", Options { token_lifetime, ..cloud_options() }, |_| {}).await?;
        keyless.until_ready_after_a_retry().await?;
        keyless.harness.cloud().advance(TWO_PERIODS).await?;
        keyless.harness.until_at_rest(&keyless.operator).await?;
        let (tokens, sign_ins) = keyless.tokens_and_sign_ins().await?;
        assert!(sign_ins > 10, "{sign_ins} sign-ins");
        assert_eq!(tokens, sign_ins);
        keyless.end().await
    })
}

#[test]
fn a_service_account_that_is_missing_is_told_with_the_command_that_makes_it() -> anyhow::Result<()> {
    block_on(async {
        let without = |example: &mut Example| example.objects_mut().retain(|object| object["kind"] != "ServiceAccount");
        let keyless = Keyless::allowed("noaccount", cloud_options(), without).await?;
        keyless.harness.cloud().advance(A_RETRY).await?;
        let told = keyless.until_stalled("DependencyMissing").await?;
        let (_, command) = told.split_once("does not exist; create it: ").expect("it tells a command");
        assert_eq!(command, format!("kubectl create serviceaccount -n {} azure", keyless.namespace));
        keyless.run(command).await?;
        keyless.until_ready_after_a_retry().await?;
        keyless.end().await
    })
}

#[test]
fn an_application_that_does_not_trust_the_service_account_is_told_with_the_federated_credential_to_add() -> anyhow::Result<()> {
    block_on(async {
        let keyless = Keyless::applied("untrusted", cloud_options(), |_| {}).await?;
        let (theirs, ours) =
            (trusting("somewhere-else", AzureCloud::Public).await?, trusting(&keyless.namespace, AzureCloud::Public).await?);
        keyless.harness.cloud().seed(|azure| azure.set_federated(CLIENT, &[theirs]));
        for command in commands(&keyless.namespace, &keyless.harness.operator_namespace()) {
            keyless.run(&command).await?;
        }
        keyless.harness.cloud().advance(A_RETRY).await?;
        let told = keyless.until_stalled("Denied").await?;
        let wanted = format!(
            "add one with issuer {}, subject system:serviceaccount:{}:azure and audience api://AzureADTokenExchange",
            shared().await?.issuer().await?,
            keyless.namespace
        );
        assert!(told.contains(&wanted), "{told}");
        keyless.harness.cloud().seed(|azure| azure.set_federated(CLIENT, &[ours]));
        keyless.until_ready_after_a_retry().await?;
        keyless.end().await
    })
}
