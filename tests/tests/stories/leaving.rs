//! Accounts and namespaces that go while others need them.

use moorage_tests::controlplane::{block_on, shared};
use moorage_tests::example::Example;
use moorage_tests::harness::{Harness, SOON, cloud_options};
use moorage_tests::operator::Running;
use moorage_tests::wait::{NotYet, until};
use serde_json::{Value, json};

/// The quickstart, Ready, with a hub and an enrollment group that go with their objects.
struct Leaving {
    harness: Harness,
    example: Example,
    namespace: String,
    operator: Option<Running>,
}

impl Leaving {
    async fn ready(story: &str) -> anyhow::Result<Self> {
        let mut example = Example::read("quickstart.yaml", story)?;
        for (kind, name) in [("TenantHubGroup", "quickstart"), ("EnrollmentGroup", "quickstart-devices")] {
            example.object_mut(kind, name).expect("it is in the example")["spec"]["deletionPolicy"] = json!("Delete");
        }
        let namespace = example.namespace("iot");
        let harness = Harness::set(shared().await?, story, &example.namespaces(), cloud_options()).await?;
        let operator = Some(harness.operator().await?);
        harness.apply(&example).await?;
        harness.until_all_ready().await?;
        Ok(Self { harness, example, namespace, operator })
    }

    async fn stop(&mut self) -> anyhow::Result<()> {
        self.operator.take().expect("it runs").stop().await
    }

    async fn start(&mut self) -> anyhow::Result<()> {
        self.operator = Some(self.harness.operator().await?);
        Ok(())
    }

    /// Runs a command without its `kubectl`.
    async fn run(&self, args: &str) -> anyhow::Result<String> {
        self.harness.kubectl(&args.split(' ').collect::<Vec<_>>(), "").await
    }

    /// Deletes everything of the file but its namespace.
    async fn delete_all(&self) -> anyhow::Result<()> {
        let mut whole = self.example.clone();
        whole.objects_mut().retain(|object| object["kind"] != "Namespace");
        self.harness.kubectl(&["delete", "--wait=false", "-f", "-"], &whole.text()).await.map(drop)
    }

    async fn stalled(&self, kind: &str, name: &str, reason: &str) -> anyhow::Result<String> {
        let object = self.harness.until_condition(kind, &self.namespace, name, "Stalled", reason).await?;
        Ok(object["status"]["conditions"][2]["message"].as_str().unwrap_or_default().to_owned())
    }

    /// What the documentation's command tells of the ledger, one line a page.
    async fn ledger(&self) -> anyhow::Result<String> {
        let columns = r"KIND:.metadata.annotations.moorage\.dev/owner-kind,NAMESPACE:.metadata.annotations.moorage\.dev/owner-namespace,NAME:.metadata.annotations.moorage\.dev/owner-name,PLACE:.metadata.annotations.moorage\.dev/place,MADE:.data";
        self.run(&format!(
            "get configmaps -n {} -l moorage.dev/installation -o custom-columns={columns}",
            self.harness.operator_namespace()
        ))
        .await
    }

    async fn until_namespace_gone(&self) -> anyhow::Result<()> {
        until("the namespace is gone", SOON, || async {
            let found = self.run(&format!("get namespace {} --ignore-not-found -o json", self.namespace)).await;
            match found.map_err(|error| NotYet::seen(format!("{error:#}")))? {
                gone if gone.is_empty() => Ok(()),
                there => Err(NotYet::seen(there)),
            }
        })
        .await
    }

    async fn end(mut self) -> anyhow::Result<()> {
        assert_eq!(self.harness.cloud().violations(), Vec::<String>::new());
        self.stop().await
    }
}

#[test]
fn an_account_that_is_deleted_while_it_is_needed_serves_until_nobody_needs_it() -> anyhow::Result<()> {
    block_on(async {
        let leaving = Leaving::ready("inuse").await?;
        leaving.run(&format!("delete --wait=false cloudaccount azure -n {}", leaving.namespace)).await?;
        let account = leaving.harness.until_condition("CloudAccount", &leaving.namespace, "azure", "Reconciling", "InUse").await?;
        let users = format!("ProvisioningService/{0}/quickstart-dps and 1 more", leaving.namespace);
        assert_eq!(account["status"]["conditions"][1]["message"], format!("still needed by {users} to undo what they made"));

        leaving.harness.cloud().seed(|azure| azure.set_sku("quickstart-hub", "S1", 9));
        leaving.run(&format!("annotate thg quickstart -n {} moorage.dev/sync-requested-at=1", leaving.namespace)).await?;
        until("the drift is corrected", SOON, || async {
            if leaving.harness.cloud().snapshot().contains(" S1x9 ") { Err(NotYet::seen("nine units")) } else { Ok(()) }
        })
        .await?;
        leaving.delete_all().await?;
        leaving.harness.until_gone("CloudAccount", &leaving.namespace, "azure").await?;
        assert!(!leaving.harness.cloud().snapshot().contains("quickstart-hub"), "{}", leaving.harness.cloud().snapshot());
        leaving.end().await
    })
}

#[test]
fn a_deleted_namespace_takes_its_cloud_side_along_while_the_operator_still_has_the_credential() -> anyhow::Result<()> {
    block_on(async {
        let leaving = Leaving::ready("nsgone").await?;
        leaving.run(&format!("delete --wait=false namespace {}", leaving.namespace)).await?;
        leaving.until_namespace_gone().await?;
        let world = leaving.harness.cloud().snapshot();
        assert!(!world.contains("quickstart-hub") && !world.contains("quickstart-devices"), "{world}");
        assert!(world.contains("quickstart-dps"), "its policy is Retain: {world}");
        leaving.end().await
    })
}

/// Whether a Secret or a binding is left in a namespace.
async fn until_emptied(leaving: &Leaving) -> anyhow::Result<()> {
    until("the credential and the binding are gone", SOON, || async {
        let left = leaving.run(&format!("get secrets,rolebindings -n {} -o name", leaving.namespace)).await;
        match left.map_err(|error| NotYet::seen(format!("{error:#}")))? {
            none if none.is_empty() => Ok(()),
            left => Err(NotYet::seen(left)),
        }
    })
    .await
}

#[test]
fn after_a_restart_a_deleted_namespace_s_objects_tell_what_is_left_and_how_they_can_go() -> anyhow::Result<()> {
    block_on(async {
        let mut leaving = Leaving::ready("nscred").await?;
        leaving.stop().await?;
        let namespace = leaving.namespace.clone();
        leaving.run(&format!("delete --wait=false namespace {namespace}")).await?;
        until_emptied(&leaving).await?;
        leaving.start().await?;
        let told = leaving.stalled("TenantHubGroup", "quickstart", "MissingRoleBinding").await?;
        assert!(told.contains("kubectl create rolebinding moorage-secrets"), "{told}");

        // It tells, and tries now and then; it does not spin.
        leaving.harness.until_at_rest(leaving.operator.as_ref().expect("it runs")).await?;
        let asked = leaving.harness.cloud().requests().len();
        leaving.harness.cloud().advance(jiff::SignedDuration::from_hours(2)).await?;
        assert_eq!(leaving.harness.cloud().requests().len(), asked, "without a credential the cloud is not asked");

        // In a namespace that ends no binding can be made; one for the cluster can, and then the Secret is seen to be gone.
        let operator = leaving.harness.operator_namespace();
        leaving
            .run(&format!("create clusterrolebinding {operator}-secrets --clusterrole=moorage-secrets --serviceaccount={operator}:moorage"))
            .await?;
        let told = leaving.stalled("TenantHubGroup", "quickstart", "CredentialGone").await?;
        leaving.run(&format!("delete clusterrolebinding {operator}-secrets")).await?;
        assert!(told.contains(&format!("Secret {namespace}/azure does not exist")), "{told}");

        let subscription = moorage_tests::harness::SUBSCRIPTION;
        let ledger = leaving.ledger().await?;
        let line = |kind: &str| ledger.lines().find(|line| line.starts_with(kind)).unwrap_or_default().to_owned();
        let hubs = line("TenantHubGroup");
        assert!(hubs.contains(&format!("/subscriptions/{subscription}/resourceGroups/quickstart ")), "{ledger}");
        assert!(hubs.contains("hub.quickstart-hub:made"), "{ledger}");
        let service = format!(
            "/subscriptions/{subscription}/resourceGroups/quickstart/providers/Microsoft.Devices/provisioningServices/quickstart-dps"
        );
        assert!(line("ProvisioningService").contains(&format!("{service} ")), "{ledger}");
        assert!(line("EnrollmentGroup").contains(&format!("{service}/enrollmentGroups/quickstart-devices ")), "{ledger}");
        assert!(ledger.contains("resource-group:quickstart"), "{ledger}");

        for (kind, name) in [("EnrollmentGroup", "quickstart-devices"), ("TenantHubGroup", "quickstart")] {
            let told = leaving.harness.get(kind, &namespace, name).await?["status"]["conditions"][2]["message"].clone();
            let (_, command) =
                told.as_str().and_then(|told| told.split_once("leave the cloud as it is: kubectl ")).expect("it tells a way out");
            leaving.run(command).await?;
            leaving.harness.until_gone(kind, &namespace, name).await?;
        }
        leaving.until_namespace_gone().await?;
        assert!(leaving.harness.cloud().snapshot().contains("quickstart-hub"), "the cloud is left as it was");
        let ledger = leaving.ledger().await?;
        let kinds: Vec<_> = ledger.lines().skip(1).map(|line| line.split(' ').next().unwrap_or_default()).collect();
        // What was let go took room in nobody's grant: the account was the namespace's own.
        assert_eq!(kinds, ["ProvisioningService"], "{ledger}");
        leaving.end().await
    })
}

#[test]
fn a_credential_that_comes_back_lets_what_was_made_with_it_be_undone() -> anyhow::Result<()> {
    block_on(async {
        let mut leaving = Leaving::ready("credback").await?;
        leaving.stop().await?;
        leaving.delete_all().await?;
        leaving.start().await?;
        let told = leaving.stalled("TenantHubGroup", "quickstart", "CredentialGone").await?;
        assert!(told.contains("create it with the client secret under key clientSecret"), "{told}");
        let secret = leaving.example.objects().iter().find(|object| object["kind"] == "Secret").map(Value::to_string).unwrap_or_default();
        leaving.harness.kubectl(&["apply", "-f", "-"], &secret).await?;
        leaving.harness.until_gone("TenantHubGroup", &leaving.namespace, "quickstart").await?;
        leaving.harness.until_gone("CloudAccount", &leaving.namespace, "azure").await?;
        assert!(!leaving.harness.cloud().snapshot().contains("quickstart-hub"), "{}", leaving.harness.cloud().snapshot());
        leaving.end().await
    })
}
