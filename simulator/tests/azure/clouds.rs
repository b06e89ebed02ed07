//! The local Azure of another cloud than the public one, and the firewalls of hubs and services.

use crate::bench::{Bench, HUBS, ask_token, call, client, options, try_call};
use moorage_simulator::{AzureCloud, CLIENT, CLIENT_SECRET, NewHub, NewService, Options, SUBSCRIPTION, Simulator, TENANT};
use serde_json::json;

const LOGINS: [&str; 3] = ["login.microsoftonline.com", "login.microsoftonline.us", "login.chinacloudapi.cn"];

#[tokio::test]
async fn a_cloud_answers_at_its_own_hosts_and_no_other_cloud_is_there() {
    for (number, cloud) in [AzureCloud::Public, AzureCloud::Government, AzureCloud::China].into_iter().enumerate() {
        let simulator = Simulator::start(Options { cloud, ..options() }).await.unwrap();
        let client = client(&simulator);
        for (other, login) in LOGINS.iter().enumerate() {
            let url = format!("https://{login}/{TENANT}/v2.0/.well-known/openid-configuration");
            let answered = try_call(&client, "GET", &url, &[], None).await;
            assert_eq!(answered.is_ok(), other == number, "{login} in {cloud:?}");
        }
    }
}

#[tokio::test]
async fn hubs_and_services_of_a_cloud_are_at_hosts_of_its_domains_and_tokens_of_another_are_for_nobody() {
    let simulator = Simulator::start(Options { cloud: AzureCloud::Government, ..options() }).await.unwrap();
    let location = "usgovvirginia";
    simulator.seed(|azure| {
        azure.add_service(NewService { subscription: SUBSCRIPTION, group: "rg", name: "dps", location });
        azure.add_hub(NewHub { subscription: SUBSCRIPTION, group: "rg", name: "east", location, sku: "S1" });
    });
    let client = client(&simulator);
    let url = format!("https://login.microsoftonline.us/{TENANT}/oauth2/v2.0/token");
    let form = |resource: &str| {
        format!("grant_type=client_credentials&client_id={CLIENT}&client_secret={CLIENT_SECRET}&scope=https://{resource}/.default")
    };
    let ask = async |resource: &str| {
        let sent = client.post(&url).header("content-type", "application/x-www-form-urlencoded").body(form(resource)).send().await.unwrap();
        (sent.status().as_u16(), sent.json::<serde_json::Value>().await.unwrap())
    };
    assert_eq!(ask("management.azure.com").await.0, 400);
    let (status, token) = ask("management.core.usgovcloudapi.net").await;
    assert_eq!(status, 200, "{token}");
    let bearer = format!("Bearer {}", token["access_token"].as_str().unwrap());
    let read = async |path: &str| {
        let url = format!(
            "https://management.usgovcloudapi.net/subscriptions/{SUBSCRIPTION}/resourceGroups/rg/providers/Microsoft.Devices/{path}"
        );
        call(&client, "GET", &url, &[("authorization", &bearer)], None).await.body
    };
    let service = read("provisioningServices/dps?api-version=2022-12-12").await;
    assert_eq!(service["properties"]["serviceOperationsHostName"], "dps.azure-devices-provisioning.us", "{service}");
    assert_eq!(service["properties"]["deviceProvisioningHostName"], "global.azure-devices-provisioning.us");
    let hub = read("IotHubs/east?api-version=2023-06-30").await;
    assert_eq!(hub["properties"]["hostName"], "east.azure-devices.us", "{hub}");
    let body = json!({ "location": "eastus" });
    let url = format!("https://management.usgovcloudapi.net/subscriptions/{SUBSCRIPTION}/resourcegroups/other?api-version=2024-03-01");
    let elsewhere = call(&client, "PUT", &url, &[("authorization", &bearer)], Some(&body)).await;
    assert_eq!(elsewhere.body["error"]["code"], "LocationNotAvailableForResourceGroup", "a region of another cloud");
}

#[tokio::test]
async fn a_tenant_of_another_cloud_is_known_to_be_one() {
    let elsewhere = "99999999-9999-4999-8999-999999999999";
    let simulator = Simulator::start(Options { tenants_elsewhere: vec![elsewhere.to_owned()], ..options() }).await.unwrap();
    let got = ask_token(&client(&simulator), elsewhere, CLIENT, CLIENT_SECRET, "https://management.azure.com/.default").await;
    assert_eq!((got.status, &got.body["error_codes"]), (400, &json!([900_382])), "{}", got.body);
}

#[tokio::test]
async fn a_firewall_refuses_as_if_the_key_were_wrong_and_private_networks_pass() {
    for (private, passes) in [(None, false), (Some("127.0.0.0/24=eastus"), true)] {
        let private_networks = private.map(|network| network.parse().unwrap()).into_iter().collect();
        let bench = Bench::with(Options { private_networks, ..options() }).await;
        bench.provisioned(&HUBS).await;
        let hub = HUBS[0].0;
        bench.simulator.seed(|azure| {
            azure.set_service_property("dps", "publicNetworkAccess", json!("Disabled"));
            azure.set_hub_property(hub, "ipFilterRules", json!([{ "filterName": "all", "action": "Reject", "ipMask": "0.0.0.0/0" }]));
        });
        let group = bench.dps("GET", "/enrollmentGroups/g1", &[], None).await;
        let device = bench.hub(hub, "GET", "/devices", &[], None).await;
        if passes {
            assert_eq!((group.status, device.status), (200, 200), "{} {}", group.body, device.body);
        } else {
            assert_eq!((group.status, &group.body["message"]), (401, &json!("Unauthorized")), "{}", group.body);
            assert_eq!((device.status, &device.body["Message"]), (401, &json!("ErrorCode:IotHubUnauthorizedAccess;Unauthorized")));
        }
    }
}
