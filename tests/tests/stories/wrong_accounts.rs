//! Accounts that are wrong, and Secrets that two want or that come garbled: each says what to do, and heals.

use moorage_simulator::{Application, Subscription};
use moorage_tests::controlplane::{block_on, shared};
use moorage_tests::corrupting_proxy::{CorruptingProxy, Spoilt};
use moorage_tests::example::Example;
use moorage_tests::harness::{CLIENT, CLIENT_SECRET, Harness, SOON, SUBSCRIPTION, TENANT, cloud_options, condition};
use moorage_tests::operator::Running;
use moorage_tests::sweep::Log;
use moorage_tests::wait::{NotYet, until};
use serde_json::{Value, json};

use moorage_tests::tenants::Tenants;

const NOWHERE: &str = "99999999-9999-4999-8999-999999999999";
const ELSEWHERE: &str = "88888888-8888-4888-8888-888888888888";
const POWERLESS: &str = "77777777-7777-4777-8777-777777777777";

fn message(object: &Value, number: usize) -> String {
    object["status"]["conditions"][number]["message"].as_str().unwrap_or_default().to_owned()
}

/// The account of the quickstart under another name, with another field.
fn account(example: &Example, name: &str, pointer: &str, value: &str) -> Value {
    let found = example.objects().iter().find(|object| object["kind"] == "CloudAccount");
    let mut account = found.expect("it is in the example").clone();
    account["metadata"]["name"] = json!(name);
    *account.pointer_mut(pointer).expect("it has that field") = json!(value);
    account
}

#[test]
fn an_account_that_azure_refuses_says_which_line_to_correct_and_works_once_it_is() -> anyhow::Result<()> {
    block_on(async {
        let mut example = Example::read("quickstart.yaml", "refused")?;
        let table = [
            (
                "unknown",
                "/spec/azure/subscriptionId",
                NOWHERE,
                "is not there, or not for this application: give the application a role in it",
            ),
            ("nowhere", "/spec/azure/tenantId", NOWHERE, "there is no such tenant in this Azure cloud: check tenantId, and cloud"),
            ("elsewhere", "/spec/azure/tenantId", ELSEWHERE, "belongs to another tenant than"),
            ("powerless", "/spec/azure/clientSecret/clientId", POWERLESS, "the application has no role in subscription"),
            ("stranger", "/spec/azure/clientSecret/clientId", NOWHERE, "the tenant does not know the application: check clientId"),
        ];
        let accounts: Vec<_> = table.iter().map(|(name, pointer, value, _)| account(&example, name, pointer, value)).collect();
        example.objects_mut().retain(|object| ["Namespace", "Secret"].contains(&object["kind"].as_str().unwrap_or_default()));
        example.objects_mut().extend(accounts);

        let mut cloud = cloud_options();
        cloud.applications[0].tenants.push(ELSEWHERE.to_owned());
        cloud.subscriptions.push(Subscription { id: ELSEWHERE.to_owned(), tenant: ELSEWHERE.to_owned() });
        let powerless = Application { client_id: POWERLESS.to_owned(), subscriptions: Some(Vec::new()), ..cloud.applications[0].clone() };
        cloud.applications.push(powerless);
        let harness = Harness::set(shared().await?, "refused", &example.namespaces(), cloud).await?;
        let operator = harness.operator().await?;
        harness.apply(&example).await?;
        let namespace = example.namespace("iot");
        for (name, _, _, sentence) in table {
            let refused = harness.until_condition("CloudAccount", &namespace, name, "Stalled", "Denied").await?;
            assert!(message(&refused, 2).contains(sentence), "{name}: {}", message(&refused, 2));
        }
        let right = json!({ "spec": { "azure": { "tenantId": TENANT, "clientSecret": { "clientId": CLIENT } } } }).to_string();
        for name in ["nowhere", "elsewhere", "powerless", "stranger"] {
            harness.kubectl(&["patch", "cloudaccount", name, "-n", &namespace, "--type=merge", "-p", &right], "").await?;
            harness.until_condition("CloudAccount", &namespace, name, "Ready", "Ready").await?;
        }
        assert_eq!(harness.get("CloudAccount", &namespace, "unknown").await?["spec"]["azure"]["subscriptionId"], NOWHERE);
        assert_ne!(SUBSCRIPTION, NOWHERE);
        operator.stop().await
    })
}

#[test]
fn an_account_that_is_not_there_under_its_name_is_waited_for() -> anyhow::Result<()> {
    block_on(async {
        let mut example = Example::read("quickstart.yaml", "renamed")?;
        for (kind, name) in [("ProvisioningService", "quickstart-dps"), ("TenantHubGroup", "quickstart")] {
            example.object_mut(kind, name).expect("it is in the example")["spec"]["accountRef"]["name"] = json!("renamed");
        }
        let harness = Harness::set(shared().await?, "renamed", &example.namespaces(), cloud_options()).await?;
        let operator = harness.operator().await?;
        harness.apply(&example).await?;
        let namespace = example.namespace("iot");
        let waiting =
            harness.until_condition("ProvisioningService", &namespace, "quickstart-dps", "Reconciling", "DependencyMissing").await?;
        let sentence = format!("CloudAccount {namespace}/renamed does not exist; create it, or correct spec.accountRef");
        assert_eq!(message(&waiting, 1), sentence);

        // One way: another reference. The other way: an account of that name.
        let reference = r#"{"spec":{"accountRef":{"name":"azure"}}}"#;
        harness.kubectl(&["patch", "provisioningservice", "quickstart-dps", "-n", &namespace, "--type=merge", "-p", reference], "").await?;
        let renamed = account(&example, "renamed", "/spec/azure/tenantId", TENANT);
        harness.kubectl(&["apply", "-f", "-"], &renamed.to_string()).await?;
        harness.until_all_ready().await?;
        operator.stop().await
    })
}

#[test]
fn of_two_credentials_that_want_one_secret_the_first_keeps_it_and_the_other_takes_it_when_it_is_free() -> anyhow::Result<()> {
    block_on(async {
        let tenants = Tenants::ready("onesecret").await?;
        let namespace = tenants.example.namespace("contoso");
        let first = tenants.harness.secret(&namespace, "contoso-simdevice-west").await?;
        let wanted = json!({ "spec": { "secret": { "name": "contoso-simdevice-west" } } });
        tenants.patch("DeviceCredential", "contoso", "contoso-simdevice-east", &wanted).await?;
        let second = tenants.until("DeviceCredential", "contoso", "contoso-simdevice-east", "Stalled", "SecretNotOurs").await?;
        assert!(message(&second, 2).contains("contoso-simdevice-west"), "{}", message(&second, 2));
        assert_eq!(tenants.harness.secret(&namespace, "contoso-simdevice-west").await?, first);

        tenants.harness.kubectl(&["delete", "devicecredential", "contoso-simdevice-west", "-n", &namespace], "").await?;
        tenants.harness.until_all_ready().await?;
        let now = tenants.harness.secret(&namespace, "contoso-simdevice-west").await?;
        assert_eq!(now["registrationId"], "contoso-simdevice-east");
        tenants.end().await
    })
}

#[test]
fn a_secret_that_comes_back_garbled_is_told_without_a_word_of_it_and_read_again() -> anyhow::Result<()> {
    block_on(async {
        let mut example = Example::read("quickstart.yaml", "garbled")?;
        example
            .objects_mut()
            .retain(|object| ["Namespace", "Secret", "CloudAccount"].contains(&object["kind"].as_str().unwrap_or_default()));
        let namespace = example.namespace("iot");
        let harness = Harness::set(shared().await?, "garbled", &example.namespaces(), cloud_options()).await?;
        let spoiler = CorruptingProxy::open(harness.login().kubeconfig(), &namespace, "azure", Spoilt::CutShort).await?;
        let mut launch = harness.launch();
        launch.kubeconfig = spoiler.kubeconfig(&launch.kubeconfig);
        let log = Log::default();
        let operator = Running::start_logging(launch, log.dispatch()).await?;
        harness.apply(&example).await?;
        for how in Spoilt::ALL {
            spoiler.set(how);
            // Another version is another read.
            let annotation = format!("how={how:?}");
            harness.kubectl(&["annotate", "--overwrite", "secret", "azure", "-n", &namespace, &annotation], "").await?;
            let account = until(&format!("it is told that the Secret came {how:?}"), SOON, || async {
                let account = harness.get("CloudAccount", &namespace, "azure").await.map_err(|error| NotYet::seen(format!("{error:#}")))?;
                match condition(&account, "Reconciling") {
                    Some((status, reason)) if status == "True" && reason == "SecretMalformed" && spoiler.struck() > 0 => Ok(account),
                    _ => Err(NotYet::seen(format!("{} struck, {}", spoiler.struck(), account["status"]))),
                }
            })
            .await?;
            assert_eq!(message(&account, 1), format!("Secret {namespace}/azure came back malformed"));
        }
        spoiler.set(Spoilt::Not);
        harness.cloud().advance(jiff::SignedDuration::from_mins(5)).await?;
        harness.until_all_ready().await?;

        let told = log.text() + &harness.kubectl(&["get", "events", "-n", &namespace, "-o", "json"], "").await?;
        assert!(told.contains("came back malformed"), "something was told");
        for guise in [CLIENT_SECRET.to_owned(), base64(CLIENT_SECRET)] {
            assert!(!told.contains(&guise), "the secret was told");
        }
        operator.stop().await
    })
}

fn base64(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}
