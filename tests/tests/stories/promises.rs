//! What is promised to users beside the rows of the mission.

use moorage_tests::controlplane::block_on;
use moorage_tests::harness::{SOON, cloud_options};
use moorage_tests::wait::{NotYet, until};
use serde_json::json;

use moorage_tests::tenants::{EAST, Tenants};

#[test]
fn a_paused_object_says_what_it_would_do_and_does_nothing() -> anyhow::Result<()> {
    block_on(async {
        let tenants = Tenants::begun("paused", cloud_options(), |example| {
            let group = example.object_mut("TenantHubGroup", "contoso-us").expect("it is in the example");
            group["metadata"]["annotations"] = json!({ "moorage.dev/paused": "true" });
        })
        .await?;
        let paused = tenants.until("TenantHubGroup", "contoso", "contoso-us", "Stalled", "Paused").await?;
        assert_eq!(paused["status"]["planned"], json!(["Create resource group contoso-us-resource-group in eastus"]));
        assert!(paused["metadata"]["finalizers"].is_null());
        tenants.until("TenantHubGroup", "fabrikam", "fabrikam-eu", "Ready", "Ready").await?;
        assert!(!tenants.snapshot().contains("contoso-us-resource-group"), "{}", tenants.snapshot());

        tenants.annotate("TenantHubGroup", "contoso", "contoso-us", "moorage.dev/paused-").await?;
        tenants.harness.until_all_ready().await?;
        let resumed = tenants.object("TenantHubGroup", "contoso", "contoso-us").await?;
        assert!(resumed["status"]["planned"].is_null(), "{}", resumed["status"]);
        tenants.end().await
    })
}

#[test]
fn a_look_that_was_asked_for_is_taken_now_and_echoed() -> anyhow::Result<()> {
    block_on(async {
        let tenants = Tenants::ready("sync").await?;
        tenants.harness.until_at_rest(&tenants.operator).await?;
        tenants.harness.cloud().seed(|azure| azure.set_sku("contoso-east-hub", "S1", 5));
        tenants.annotate("TenantHubGroup", "contoso", "contoso-us", "moorage.dev/sync-requested-at=now-please").await?;
        until("the request is echoed and the drift corrected", SOON, || async {
            let object =
                tenants.object("TenantHubGroup", "contoso", "contoso-us").await.map_err(|error| NotYet::seen(format!("{error:#}")))?;
            let line = tenants.snapshot().lines().find(|line| line.contains("contoso-east-hub")).unwrap_or_default().to_owned();
            if object["status"]["syncRequestedAt"] == "now-please" && line.contains(" S1x1 ") {
                Ok(())
            } else {
                Err(NotYet::seen(format!("{} {line}", object["status"])))
            }
        })
        .await?;
        tenants.end().await
    })
}

#[test]
fn what_is_not_granted_is_refused_before_the_cloud_is_asked_and_the_message_names_the_lines_to_add() -> anyhow::Result<()> {
    block_on(async {
        let tenants = Tenants::begun("grants", cloud_options(), |example| {
            let account = example.object_mut("CloudAccount", "azure").expect("it is in the example");
            account["spec"]["grants"].as_array_mut().expect("grants").remove(0);
            let stranger = example.object_mut("DeviceCredential", "fabrikam-simdevice-eu").expect("it is in the example");
            stranger["spec"]["registrationId"] = json!("contoso-spy");
        })
        .await?;
        let refused = tenants.until("TenantHubGroup", "contoso", "contoso-us", "Stalled", "NotGranted").await?;
        let message = refused["status"]["conditions"][2]["message"].as_str().unwrap_or_default();
        assert!(message.contains("resourceGroups: [contoso-us-resource-group]"), "{message}");
        assert!(!tenants.harness.cloud().requests().iter().any(|request| request.path.contains("contoso-us-resource-group")));

        let spy = tenants.until("DeviceCredential", "fabrikam", "fabrikam-simdevice-eu", "Stalled", "NotGranted").await?;
        assert!(spy["status"]["secretName"].is_null());
        tenants.end().await
    })
}

#[test]
fn a_secret_that_was_tampered_with_or_deleted_comes_back_as_it_was() -> anyhow::Result<()> {
    block_on(async {
        let tenants = Tenants::ready("tamper").await?;
        let namespace = tenants.example.namespace("contoso");
        let whole = tenants.harness.secret(&namespace, "contoso-simdevice-east").await?;
        let back = async |what: &str| {
            until(what, SOON, || async {
                let now = tenants
                    .harness
                    .secret(&namespace, "contoso-simdevice-east")
                    .await
                    .map_err(|error| NotYet::seen(format!("{error:#}")))?;
                if now == whole { Ok(()) } else { Err(NotYet::seen("another content")) }
            })
            .await
        };
        tenants
            .harness
            .kubectl(
                &[
                    "patch",
                    "secret",
                    "contoso-simdevice-east",
                    "-n",
                    &namespace,
                    "-p",
                    r#"{"stringData":{"IOTHUB_DEVICE_KEY":"AAAA","extra":"x"}}"#,
                ],
                "",
            )
            .await?;
        back("the tampered Secret is restored").await?;
        tenants.harness.kubectl(&["delete", "secret", "contoso-simdevice-east", "-n", &namespace], "").await?;
        back("the deleted Secret is back").await?;
        tenants.device("contoso", "contoso-simdevice-east", EAST).await?.register(Some("IOTHUB_DEVICE_KEY"), |_| {}).await?;
        tenants.end().await
    })
}

#[test]
fn a_secret_of_somebody_else_is_never_taken_over() -> anyhow::Result<()> {
    block_on(async {
        let tenants = Tenants::ready("theirs").await?;
        let namespace = tenants.example.namespace("contoso");
        tenants.harness.kubectl(&["create", "secret", "generic", "precious", "-n", &namespace, "--from-literal=mine=yes"], "").await?;
        tenants
            .patch("DeviceCredential", "contoso", "contoso-simdevice-east", &json!({ "spec": { "secret": { "name": "precious" } } }))
            .await?;
        tenants.until("DeviceCredential", "contoso", "contoso-simdevice-east", "Stalled", "SecretNotOurs").await?;
        assert_eq!(tenants.harness.secret(&namespace, "precious").await?, [("mine".to_owned(), "yes".to_owned())].into());

        // Another name, and the first Secret goes with the old name.
        tenants
            .patch("DeviceCredential", "contoso", "contoso-simdevice-east", &json!({ "spec": { "secret": { "name": "elsewhere" } } }))
            .await?;
        tenants.harness.until_all_ready().await?;
        assert!(tenants.harness.secret(&namespace, "elsewhere").await?.contains_key("IOTHUB_DEVICE_KEY"));
        assert!(tenants.harness.secret(&namespace, "contoso-simdevice-east").await.is_err());
        tenants.end().await
    })
}

#[test]
fn of_two_credentials_for_one_registration_id_the_older_keeps_it_until_it_goes() -> anyhow::Result<()> {
    block_on(async {
        let tenants = Tenants::ready("oneid").await?;
        let (namespace, id) = (tenants.example.namespace("contoso"), "contoso-simdevice-east");
        let mut rival = tenants.example.clone().object_mut("DeviceCredential", id).expect("it is in the example").clone();
        rival["metadata"]["name"] = json!("contoso-rival");
        rival["spec"]["registrationId"] = json!(id);
        tenants.harness.kubectl(&["apply", "-f", "-"], &rival.to_string()).await?;
        let stalled = tenants.until("DeviceCredential", "contoso", "contoso-rival", "Stalled", "AlreadyExists").await?;
        let sentence = format!(
            "registration id {id} belongs to DeviceCredential {namespace}/{id}, which came first; choose another, or delete one of the two"
        );
        assert_eq!(stalled["status"]["conditions"][2]["message"], sentence);
        assert!(tenants.harness.secret(&namespace, "contoso-rival").await.is_err(), "the younger one holds the device's key");

        tenants.harness.kubectl(&["delete", "devicecredential", id, "-n", &namespace], "").await?;
        tenants.until("DeviceCredential", "contoso", "contoso-rival", "Ready", "Ready").await?;
        assert_eq!(tenants.harness.secret(&namespace, "contoso-rival").await?["registrationId"], id);
        tenants.end().await
    })
}

#[test]
fn a_namespace_without_the_role_binding_says_which_one_is_missing_and_heals_when_it_comes() -> anyhow::Result<()> {
    block_on(async {
        let example = moorage_tests::example::Example::read("s0-tenants.yaml", "unbound")?;
        let harness = moorage_tests::harness::Harness::set(
            moorage_tests::controlplane::shared().await?,
            "unbound",
            &example.namespaces(),
            cloud_options(),
        )
        .await?;
        let namespace = example.namespace("contoso");
        let binding = harness.kubectl(&["get", "rolebinding", "moorage-secrets", "-n", &namespace, "-o", "json"], "").await?;
        harness.kubectl(&["delete", "rolebinding", "moorage-secrets", "-n", &namespace], "").await?;
        harness.cloud().seed(moorage_tests::harness::fabrikam_s_past);
        let operator = harness.operator().await?;
        harness.apply(&example).await?;
        let missing =
            harness.until_condition("DeviceCredential", &namespace, "contoso-simdevice-east", "Stalled", "MissingRoleBinding").await?;
        let message = missing["status"]["conditions"][2]["message"].as_str().unwrap_or_default();
        let wanted = format!(
            "kubectl create rolebinding moorage-secrets -n {namespace} --clusterrole=moorage-secrets --serviceaccount={}:moorage",
            harness.operator_namespace()
        );
        assert!(message.contains(&wanted), "{message}");

        let mut binding: serde_json::Value = serde_json::from_str(&binding)?;
        binding["metadata"] = json!({ "name": "moorage-secrets", "namespace": namespace });
        harness.kubectl(&["create", "-f", "-"], &binding.to_string()).await?;
        harness.until_all_ready().await?;
        operator.stop().await
    })
}

#[test]
fn a_failure_that_lasts_is_told_once_and_not_at_every_attempt() -> anyhow::Result<()> {
    block_on(async {
        let tenants = Tenants::ready("lasting").await?;
        let namespace = tenants.example.namespace("platform");
        let secret = r#"{"stringData":{"clientSecret":"a-wrong-one"}}"#;
        tenants.harness.kubectl(&["patch", "secret", "azure", "-n", &namespace, "-p", secret], "").await?;
        let first = tenants.until("CloudAccount", "platform", "azure", "Stalled", "Denied").await?;
        tenants.harness.until_at_rest(&tenants.operator).await?;
        let attempts = tenants.harness.cloud().requests().len();
        tenants.harness.cloud().advance(jiff::SignedDuration::from_hours(2)).await?;
        tenants.harness.until_at_rest(&tenants.operator).await?;
        assert!(tenants.harness.cloud().requests().len() > attempts + 10, "it went on trying");
        let last = tenants.object("CloudAccount", "platform", "azure").await?;
        assert_eq!(last["metadata"]["resourceVersion"], first["metadata"]["resourceVersion"]);
        // What worked goes on working: devices need nothing of the account.
        tenants.device("contoso", "contoso-simdevice-east", EAST).await?.register(Some("IOTHUB_DEVICE_KEY"), |_| {}).await?;

        let secret = format!(r#"{{"stringData":{{"clientSecret":"{}"}}}}"#, moorage_tests::harness::CLIENT_SECRET);
        tenants.harness.kubectl(&["patch", "secret", "azure", "-n", &namespace, "-p", &secret], "").await?;
        tenants.harness.until_all_ready().await?;
        tenants.end().await
    })
}
