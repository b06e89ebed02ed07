//! What the quick starts of Microsoft's clients for Go and for JavaScript do, in a cloud in which nobody else is.

use std::collections::BTreeSet;

use moorage_simulator::{CLIENT, CLIENT_SECRET, Options, SUBSCRIPTION, Simulator, TENANT, Transport};
use moorage_tests::controlplane::block_on;
use moorage_tests::device::Network;
use moorage_tests::vendors::{Language, Vendors, fingerprint};
use serde_json::{Value, json};

const GROUP_KEY: &str = "rLuyBPpIJ+hOre2SFIP9Ajvdty3j0EwSP/WvTVH9eZAw5HpDuEmf13nziHy5RRXmuTy84FCLpOnhhBPASSbHYg==";

/// A policy that every provisioning service has.
const OWNER: &str = "provisioningserviceowner";

async fn cloud() -> anyhow::Result<Simulator> {
    Ok(Simulator::start(Options { seed: Some("languages".to_owned()), ..Options::default() }).await?)
}

/// The scripts of a language, which know who they are.
async fn vendors(language: Language, simulator: &Simulator) -> anyhow::Result<Vendors> {
    let network = Network { address: simulator.address(), ca_pem: simulator.ca_pem().to_owned() };
    let vendors = Vendors::speaking(language, &network).await?;
    let vendors = vendors.with("AZURE_TENANT_ID", TENANT).with("AZURE_SUBSCRIPTION_ID", SUBSCRIPTION);
    Ok(vendors.with("AZURE_CLIENT_ID", CLIENT).with("AZURE_CLIENT_SECRET", CLIENT_SECRET).with("GROUP_KEY", GROUP_KEY))
}

/// How the clients break Microsoft's own OpenAPI, each way once: the operation and what the simulator says of it.
fn breaches(simulator: &Simulator) -> BTreeSet<String> {
    let of = |request: moorage_simulator::LoggedRequest| {
        let operation = request.operation.unwrap_or_default();
        request.violations.into_iter().map(move |violation| format!("{operation}: {violation}"))
    };
    simulator.requests().into_iter().flat_map(of).collect()
}

#[test]
fn a_program_of_go_signs_in_and_makes_finds_and_deletes_a_group_a_hub_and_a_service() -> anyhow::Result<()> {
    block_on(async {
        let simulator = cloud().await?;
        let told = vendors(Language::Go, &simulator).await?.run("", &[]).await?;
        let expected = json!({
            "a wrong secret": true,
            "groups": { "in pages of one": ["go-lab", "go-other"], "tagged": ["go-lab"] },
            "hub": {
                "made": ["go-lab-hub", "Active", "go-lab-hub.azure-devices.net"],
                "tags": { "plant": "7" },
                "stale": [412, ""],
                "listed": ["go-lab-hub"],
                "policies": ["iothubowner", "service", "device", "registryRead", "registryReadWrite"],
            },
            "service": {
                "made": ["go-lab-dps", "Active", "go-lab-dps.azure-devices-provisioning.net"],
                "tags": { "plant": "7" },
                "links": ["go-lab-hub.azure-devices.net", "eastus"],
                "key": told["service"]["key"],
                "listed": ["go-lab-dps"],
            },
            "afterwards": [[404, "ResourceNotFound"], false],
        });
        assert_eq!(told, expected);
        let left = format!("resource group {SUBSCRIPTION}/go-other eastus tags {{\"made-by\":\"go-other\"}}\n");
        assert_eq!(simulator.snapshot(), left);
        let own_key = simulator.secrets_ever_held().iter().any(|secret| told["service"]["key"] == fingerprint(secret));
        assert!(own_key, "the service's own key was told");
        assert_eq!(breaches(&simulator), BTreeSet::new());
        assert_eq!(simulator.answer_violations(), [""; 0]);
        Ok(())
    })
}

/// What an administrator with the JavaScript clients sees.
fn lab() -> Value {
    json!({
        "a wrong secret": ["AuthenticationRequiredError", null, "AADSTS7000215"],
        "hub": {
            "made": ["js-lab-hub", "Active", "js-lab-hub.azure-devices.net"],
            "tags": { "plant": "7" },
            "stale": ["RestError", 412, 412_001],
            "listed": ["js-lab-hub"],
        },
        "service": {
            "made": ["js-lab-dps", "Active", "js-lab-dps.azure-devices-provisioning.net"],
            "tags": { "plant": "7" },
            "links": [["js-lab-hub.azure-devices.net", "eastus"]],
            "listed": ["js-lab-dps"],
        },
        "enrollments": {
            "group": ["js-lab", "enabled", fingerprint(GROUP_KEY)],
            "press": ["js-press", "press-1"],
            "bulk": { "isSuccessful": true, "errors": [] },
            "found": ["js-press", "js-saw"],
            "gone": ["Error", 404, null],
        },
        "registry": {
            "made": ["js-lathe", fingerprint("AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=")],
            "again": ["DeviceAlreadyExistsError", 409, null],
            "barred": ["disabled", "sold"],
            "bulk": [true, true, true, true],
            "listed": ["js-lathe", "js-mill"],
            "twin": [{ "plant": "7" }, 30],
            "found": ["js-lathe"],
            "gone": ["DeviceNotFoundError", 404, null],
        },
    })
}

/// What the JavaScript clients send although Microsoft's own files do not know it, and Azure answers.
fn habits() -> BTreeSet<String> {
    let path = "path is declared in another case, or without the slash at its end";
    let mut all = vec![
        format!("EnrollmentGroup_GetAttestationMechanism: {path}"),
        format!("IndividualEnrollment_RunBulkOperation: {path}"),
        format!("Devices_GetDevices: {path}"),
        "RuntimeRegistration_OperationStatusLookup: body is not declared".to_owned(),
        "DeviceRegistrationState_Query: body is not declared".to_owned(),
        "BulkRegistry_UpdateRegistry: body/0/etag is spelt eTag".to_owned(),
    ];
    let read_only = [
        "cloudToDeviceMessageCount",
        "connectionState",
        "connectionStateUpdatedTime",
        "generationId",
        "lastActivityTime",
        "statusUpdatedTime",
    ];
    all.extend(read_only.map(|name| format!("BulkRegistry_UpdateRegistry: body/0/{name} is not declared")));
    all.extend(
        ["update", "updateIfMatchETag", "delete"].map(|mode| format!("BulkRegistry_UpdateRegistry: body/0/importMode is spelt {mode}")),
    );
    all.into_iter().collect()
}

#[test]
fn the_clients_for_javascript_make_a_hub_and_a_service_enroll_devices_and_are_devices_over_https_and_mqtt() -> anyhow::Result<()> {
    block_on(async {
        let simulator = cloud().await?;
        simulator.seed(|azure| azure.add_resource_group(SUBSCRIPTION, "rg", "eastus"));
        let vendors = vendors(Language::JavaScript, &simulator).await?;
        assert_eq!(vendors.run("lab.js", &["rg"]).await?, lab());

        let scope = simulator.seed(|azure| azure.id_scope("js-lab-dps")).expect("the service is there");
        let (key, _) = simulator.seed(|azure| azure.service_policy_keys("js-lab-dps", OWNER)).expect("the service has its default policy");
        let connection = format!("HostName=js-lab-dps.azure-devices-provisioning.net;SharedAccessKeyName={OWNER};SharedAccessKey={key}");
        let vendors = vendors.with("ID_SCOPE", &scope).with("PROVISIONING_CONNECTION_STRING", &connection);
        let told = vendors.run("device.js", &[]).await?;
        let expected = json!({
            "stranger": ["UnauthorizedError", 401, null],
            "https": { "assigned": ["assigned", "js-lab-hub.azure-devices.net", "js-https"] },
            "mqtt": { "assigned": ["assigned", "js-lab-hub.azure-devices.net", "js-mqtt"], "desired": { "$version": 1 } },
            "registered": [["js-https", "assigned", null], ["js-mqtt", "assigned", null]],
        });
        assert_eq!(told, expected);
        let level = ("level".to_owned(), "high".to_owned());
        let sent: BTreeSet<(String, bool, bool)> = simulator
            .telemetry()
            .into_iter()
            .map(|one| (one.device, one.transport == Transport::Mqtt, one.properties.contains(&level) && one.bytes == 21))
            .collect();
        assert_eq!(sent, BTreeSet::from([("js-https".to_owned(), false, true), ("js-mqtt".to_owned(), true, true)]));
        assert_eq!(breaches(&simulator), habits());
        assert_eq!(simulator.answer_violations(), [""; 0]);
        Ok(())
    })
}
