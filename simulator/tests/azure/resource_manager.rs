//! The traps of the resource manager, hubs and provisioning services.

use crate::bench::{self, Bench, arm_url, ask_token, call, dps_body, dps_path, hub_body, hub_path};
use moorage_simulator::{Azure, CLIENT, CLIENT_SECRET, FederatedCredential, MaskedLink, Options, TENANT};
use serde_json::{Value, json};

#[tokio::test]
async fn a_wrong_client_secret_gets_the_code_of_entra() {
    let bench = Bench::new().await;
    let scope = "https://management.azure.com/.default";
    let got = ask_token(&bench.client, TENANT, CLIENT, "wrong", scope).await;
    assert_eq!(got.status, 401);
    assert_eq!(got.body["error"], "invalid_client");
    assert_eq!(got.body["error_codes"], json!([7_000_215]));
    bench.simulator.seed(|azure| azure.set_client_secrets(CLIENT, &["new"]));
    let old = ask_token(&bench.client, TENANT, CLIENT, CLIENT_SECRET, scope).await;
    let new = ask_token(&bench.client, TENANT, CLIENT, "new", scope).await;
    assert_eq!((old.status, new.status), (401, 200));
}

#[tokio::test]
async fn a_call_without_a_token_of_the_right_audience_is_refused() {
    let bench = Bench::new().await;
    let url = arm_url("");
    assert_eq!(call(&bench.client, "GET", &url, &[], None).await.status, 401);
    let wrong = bench::token(&bench.client, "https://iothubs.azure.net/.default").await;
    let bearer = format!("Bearer {wrong}");
    let got = call(&bench.client, "GET", &url, &[("authorization", &bearer)], None).await;
    assert_eq!(got.status, 401);
    assert_eq!(got.body["error"]["code"], "InvalidAuthenticationTokenAudience");
}

#[tokio::test]
async fn a_role_that_is_taken_away_and_a_token_that_expires_are_told_apart() {
    let bench = Bench::new().await;
    bench.group().await;
    bench.simulator.seed(|azure| azure.set_roles(CLIENT, Some(&[])));
    assert_eq!(bench.arm("GET", "", None).await.status, 403);
    bench.simulator.seed(|azure| azure.set_roles(CLIENT, None));
    assert_eq!(bench.arm("GET", "", None).await.status, 200);
    bench.simulator.seed(Azure::expire_tokens);
    assert_eq!(bench.arm("GET", "", None).await.body["error"]["code"], "ExpiredAuthenticationToken");
}

#[tokio::test]
async fn a_bearer_token_ends_on_the_real_clock_not_on_the_domain_clock() {
    let bench = Bench::new().await;
    bench.group().await;
    bench.simulator.advance(jiff::SignedDuration::from_hours(36)).await.unwrap();
    assert_eq!(bench.arm("GET", "", None).await.status, 200);
    let bench = Bench::with(Options { token_lifetime: std::time::Duration::ZERO, ..bench::options() }).await;
    assert_eq!(bench.arm("GET", "", None).await.status, 401);
}

#[tokio::test]
async fn an_unknown_subscription_is_404_and_one_without_a_role_403() {
    let mut options = bench::options();
    options.applications[0].subscriptions = Some(Vec::new());
    let bench = Bench::with(options).await;
    let got = bench.arm("GET", "", None).await;
    assert_eq!((got.status, &got.body["error"]["code"]), (403, &json!("AuthorizationFailed")));
    let url = "https://management.azure.com/subscriptions/none/resourcegroups?api-version=2024-03-01";
    let bearer = format!("Bearer {}", bench.token);
    let got = call(&bench.client, "GET", url, &[("authorization", &bearer)], None).await;
    assert_eq!((got.status, &got.body["error"]["code"]), (404, &json!("SubscriptionNotFound")));
}

#[tokio::test]
async fn a_new_hub_is_busy_until_its_operation_ends_and_refuses_writes_meanwhile() {
    let bench = Bench::with(slow()).await;
    bench.group().await;
    let created = bench.arm("PUT", &hub_path("hub-a"), Some(&hub_body())).await;
    assert_eq!(created.status, 201, "{}", created.body);
    assert_eq!(created.body["properties"]["provisioningState"], "Activating");
    assert_eq!(created.header("retry-after"), "1");
    let poll = created.header("azure-asyncoperation");
    let bearer = format!("Bearer {}", bench.token);
    let headers = [("authorization", bearer.as_str())];
    assert_eq!(call(&bench.client, "GET", &poll, &headers, None).await.body, json!({ "status": "Running" }));
    let again = bench.arm("PUT", &hub_path("hub-a"), Some(&hub_body())).await;
    assert_eq!((again.status, &again.body["code"]), (409, &json!(409_002)));
    bench.settle().await;
    assert_eq!(call(&bench.client, "GET", &poll, &headers, None).await.body, json!({ "status": "Succeeded" }));
    let got = bench.arm("GET", &hub_path("hub-a"), None).await;
    assert_eq!(got.body["properties"]["state"], "Active");
    assert_eq!(got.body["properties"]["hostName"], "hub-a.azure-devices.net");
}

fn slow() -> Options {
    let mut options = bench::options();
    options.latency.operation = jiff::SignedDuration::from_secs(4);
    options
}

#[tokio::test]
async fn a_hub_is_gone_only_when_its_deletion_ends() {
    let bench = Bench::with(slow()).await;
    bench.group().await;
    bench.arm("PUT", &hub_path("hub-a"), Some(&hub_body())).await;
    bench.settle().await;
    let deleted = bench.arm("DELETE", &hub_path("hub-a"), None).await;
    assert_eq!(deleted.status, 202);
    let got = bench.arm("GET", &hub_path("hub-a"), None).await;
    assert_eq!(got.body["properties"]["provisioningState"], "Deleting");
    bench.settle().await;
    assert_eq!(bench.arm("GET", &hub_path("hub-a"), None).await.status, 404);
    assert_eq!(bench.arm("DELETE", &hub_path("hub-a"), None).await.status, 404);
}

#[tokio::test]
async fn a_put_with_an_old_entity_tag_changes_nothing() {
    let bench = Bench::new().await;
    bench.group().await;
    bench.arm("PUT", &hub_path("hub-a"), Some(&hub_body())).await;
    bench.settle().await;
    let old = bench.arm("GET", &hub_path("hub-a"), None).await.etag();
    bench.simulator.seed(|azure| azure.set_hub_tag("hub-a", "owner", "somebody"));
    let stale = bench.arm_if("PUT", &hub_path("hub-a"), Some(&old), Some(&hub_body())).await;
    assert_eq!((stale.status, &stale.body["code"]), (412, &json!(412_001)));
    let fresh = bench.arm("GET", &hub_path("hub-a"), None).await;
    assert_eq!(fresh.body["tags"], json!({ "owner": "somebody" }));
    let etag = format!("\"{}\"", fresh.etag());
    let put = bench.arm_if("PUT", &hub_path("hub-a"), Some(&etag), Some(&hub_body())).await;
    assert_eq!((put.status, &put.body["tags"]), (200, &json!({})));
}

#[tokio::test]
async fn keys_are_left_out_of_a_get_and_an_omitted_policy_is_deleted() {
    let bench = Bench::new().await;
    bench.group().await;
    bench.arm("PUT", &hub_path("hub-a"), Some(&hub_body())).await;
    bench.settle().await;
    let shown = bench.arm("GET", &hub_path("hub-a"), None).await;
    assert_eq!(shown.body["properties"]["authorizationPolicies"], Value::Null);
    let listed = bench.arm("POST", &format!("{}/listkeys", hub_path("hub-a")), None).await;
    let names: Vec<&str> = listed.body["value"].as_array().unwrap().iter().map(|policy| policy["keyName"].as_str().unwrap()).collect();
    assert_eq!(names, ["iothubowner", "service", "device", "registryRead", "registryReadWrite"]);
    let mut body = hub_body();
    body["properties"]["authorizationPolicies"] = json!([
        listed.body["value"][0],
        { "keyName": "moorage", "rights": "RegistryWrite, ServiceConnect" },
    ]);
    assert_eq!(bench.arm("PUT", &hub_path("hub-a"), Some(&body)).await.status, 200);
    bench.settle().await;
    let after = bench.arm("POST", &format!("{}/listkeys", hub_path("hub-a")), None).await;
    assert_eq!(after.body["value"][0], listed.body["value"][0]);
    assert_eq!(after.body["value"][1]["keyName"], "moorage");
    assert_eq!(after.body["value"][1]["primaryKey"].as_str().unwrap().len(), 44);
    assert_eq!(after.body["value"].as_array().unwrap().len(), 2);
    let one = bench.arm("POST", &format!("{}/IotHubKeys/moorage/listkeys", hub_path("hub-a")), None).await;
    assert_eq!(one.body, after.body["value"][1]);
}

#[tokio::test]
async fn a_hub_name_belongs_to_one_hub_of_the_world() {
    let bench = Bench::new().await;
    bench.group().await;
    bench.simulator.seed(|azure| {
        azure.add_hub(moorage_simulator::NewHub {
            subscription: "elsewhere",
            group: "theirs",
            name: "taken",
            location: "eastus",
            sku: "S1",
        });
    });
    let got = bench.arm("PUT", &hub_path("taken"), Some(&hub_body())).await;
    assert_eq!((got.status, &got.body["code"]), (409, &json!(409_001)));
    let check = |name: &str| json!({ "name": name });
    let path = "~/providers/Microsoft.Devices/checkNameAvailability";
    let got = bench.arm("POST", path, Some(&check("taken"))).await;
    assert_eq!(got.body["reason"], "AlreadyExists");
    let got = bench.arm("POST", path, Some(&check("-bad"))).await;
    assert_eq!(got.body["reason"], "Invalid");
    let got = bench.arm("POST", path, Some(&check("free-one"))).await;
    assert_eq!(got.body["nameAvailable"], true);
}

#[tokio::test]
async fn a_partition_count_cannot_change_and_a_free_hub_cannot_be_paid() {
    let bench = Bench::new().await;
    bench.group().await;
    let mut body = hub_body();
    body["sku"] = json!({ "name": "F1", "capacity": 1 });
    assert_eq!(bench.arm("PUT", &hub_path("hub-f"), Some(&body)).await.status, 201);
    assert_eq!(bench.arm("PUT", &hub_path("hub-g"), Some(&body)).await.status, 400);
    bench.settle().await;
    assert_eq!(bench.arm("PUT", &hub_path("hub-f"), Some(&hub_body())).await.status, 400);
    body["properties"]["eventHubEndpoints"] = json!({ "events": { "retentionTimeInDays": 1, "partitionCount": 8 } });
    assert_eq!(bench.arm("PUT", &hub_path("hub-f"), Some(&body)).await.status, 400);
    let quota = bench.arm("GET", &format!("{}/quotaMetrics", hub_path("hub-f")), None).await;
    assert_eq!(quota.body["value"][0], json!({ "name": "TotalMessages", "currentValue": 0, "maxValue": 8_000 }));
}

#[tokio::test]
async fn deleting_a_resource_group_takes_everything_in_it() {
    let bench = Bench::with(slow()).await;
    bench.group().await;
    bench.arm("PUT", &hub_path("hub-a"), Some(&hub_body())).await;
    bench.settle().await;
    let listed = bench.arm("GET", "/resources", None).await;
    assert_eq!(listed.body["value"][0]["type"], "Microsoft.Devices/IotHubs");
    let deleted = bench.arm("DELETE", "", None).await;
    assert_eq!(deleted.status, 202);
    let put = bench.arm("PUT", &hub_path("hub-b"), Some(&hub_body())).await;
    assert_eq!((put.status, &put.body["error"]["code"]), (409, &json!("ResourceGroupBeingDeleted")));
    let location = deleted.header("location");
    let bearer = format!("Bearer {}", bench.token);
    let headers = [("authorization", bearer.as_str())];
    assert_eq!(call(&bench.client, "GET", &location, &headers, None).await.status, 202);
    bench.settle().await;
    assert_eq!(call(&bench.client, "GET", &location, &headers, None).await.status, 200);
    assert_eq!(bench.arm("GET", "", None).await.body["error"]["code"], "ResourceGroupNotFound");
    assert_eq!(bench.simulator.snapshot(), "");
}

async fn linked(bench: &Bench) -> Value {
    bench.group().await;
    bench.arm("PUT", &hub_path("hub-a"), Some(&hub_body())).await;
    bench.settle().await;
    let (key, _) = bench.simulator.seed(|azure| azure.hub_policy_keys("hub-a", "iothubowner")).unwrap();
    let link = json!({
        "connectionString":
            format!("HostName=hub-a.azure-devices.net;SharedAccessKeyName=iothubowner;SharedAccessKey={key}"),
        "location": "eastus",
    });
    let got = bench.arm("PUT", &dps_path("dps"), Some(&dps_body(&json!([link])))).await;
    assert_eq!(got.status, 201, "{}", got.body);
    bench.settle().await;
    link
}

#[tokio::test]
async fn a_link_comes_back_masked_and_sent_back_masked_keeps_its_key() {
    let bench = Bench::new().await;
    linked(&bench).await;
    let before = bench.simulator.snapshot();
    let shown = bench.arm("GET", &dps_path("dps"), None).await.body;
    assert_eq!(
        shown["properties"]["iotHubs"],
        json!([{
            "applyAllocationPolicy": true,
            "allocationWeight": 1,
            "name": "hub-a.azure-devices.net",
            "connectionString":
                "HostName=hub-a.azure-devices.net;SharedAccessKeyName=iothubowner;SharedAccessKey=****",
            "location": "eastus",
        }])
    );
    assert_eq!(bench.arm("PUT", &dps_path("dps"), Some(&shown)).await.status, 200);
    bench.settle().await;
    assert_eq!(bench.simulator.snapshot(), before);
}

#[tokio::test]
async fn a_masked_link_is_stored_literally_in_the_other_variant() {
    let mut options = bench::options();
    options.variants.masked_link = MaskedLink::StoredLiterally;
    let bench = Bench::with(options).await;
    linked(&bench).await;
    let before = bench.simulator.snapshot();
    let shown = bench.arm("GET", &dps_path("dps"), None).await.body;
    bench.arm("PUT", &dps_path("dps"), Some(&shown)).await;
    bench.settle().await;
    assert_ne!(bench.simulator.snapshot(), before);
    assert!(bench.simulator.secrets_ever_held().iter().all(|secret| secret != "****"));
}

#[tokio::test]
async fn the_same_hub_is_linked_twice_and_refused_the_third_time() {
    let bench = Bench::new().await;
    let link = linked(&bench).await;
    let twice = bench.arm("PUT", &dps_path("dps"), Some(&dps_body(&json!([link, link])))).await;
    assert_eq!(twice.status, 200);
    bench.settle().await;
    let thrice = bench.arm("PUT", &dps_path("dps"), Some(&dps_body(&json!([link, link, link])))).await;
    assert_eq!((thrice.status, &thrice.body["code"]), (400, &json!(400_303)));
    assert!(thrice.body["message"].as_str().unwrap().contains("IH400303"));
}

#[tokio::test]
async fn the_last_writer_of_a_provisioning_service_wins_whatever_its_entity_tag() {
    let bench = Bench::new().await;
    linked(&bench).await;
    let stale = bench.arm("GET", &dps_path("dps"), None).await.etag();
    bench.simulator.seed(|azure| {
        azure.add_foreign_link(
            "dps",
            &json!({
                "connectionString": "HostName=foreign.azure-devices.net;SharedAccessKeyName=p;SharedAccessKey=AAAA",
                "location": "westus",
            }),
        );
    });
    let mut body = dps_body(&json!([]));
    body["etag"] = stale.into();
    assert_eq!(bench.arm("PUT", &dps_path("dps"), Some(&body)).await.status, 200);
    let got = bench.arm("GET", &dps_path("dps"), None).await;
    assert_eq!(got.body["properties"]["iotHubs"], json!([]));
}

#[tokio::test]
async fn a_provisioning_service_made_again_has_another_id_scope() {
    let bench = Bench::new().await;
    bench.group().await;
    let body = dps_body(&json!([]));
    let first = bench.arm("PUT", &dps_path("dps"), Some(&body)).await;
    bench.settle().await;
    bench.arm("DELETE", &dps_path("dps"), None).await;
    bench.settle().await;
    let second = bench.arm("PUT", &dps_path("dps"), Some(&body)).await;
    let scope = |got: &bench::Got| got.body["properties"]["idScope"].as_str().unwrap().to_owned();
    assert!(scope(&first).starts_with("0ne"));
    assert_ne!(scope(&first), scope(&second));
}

#[tokio::test]
async fn a_put_that_is_silent_on_partitions_keeps_them() {
    let bench = Bench::new().await;
    bench.group().await;
    let mut body = hub_body();
    body["properties"]["eventHubEndpoints"] = json!({ "events": { "retentionTimeInDays": 2, "partitionCount": 8 } });
    bench.arm("PUT", &hub_path("hub-a"), Some(&body)).await;
    bench.settle().await;
    let got = bench.arm("PUT", &hub_path("hub-a"), Some(&hub_body())).await;
    assert_eq!(got.status, 200, "{}", got.body);
    assert_eq!(got.body["properties"]["eventHubEndpoints"]["events"]["partitionCount"], 8);
}

#[tokio::test]
async fn a_fifty_first_link_is_refused() {
    let bench = Bench::new().await;
    bench.group().await;
    let links = |count: usize| -> Value {
        (0..count)
            .map(|n| {
                let text = format!("HostName=hub-{n}.azure-devices.net;SharedAccessKeyName=p;SharedAccessKey=AAAA");
                json!({ "connectionString": text, "location": "eastus" })
            })
            .collect()
    };
    assert_eq!(bench.arm("PUT", &dps_path("dps"), Some(&dps_body(&links(51)))).await.status, 400);
    assert_eq!(bench.arm("PUT", &dps_path("dps"), Some(&dps_body(&links(50)))).await.status, 201);
}

#[tokio::test]
async fn the_keys_of_a_routing_endpoint_come_back_masked_and_survive_being_sent_back() {
    let bench = Bench::new().await;
    bench.group().await;
    let secret = "Endpoint=sb://ns.servicebus.windows.net/;SharedAccessKeyName=send;SharedAccessKey=c2VjcmV0;EntityPath=telemetry";
    let mut body = hub_body();
    body["properties"]["routing"] = json!({ "endpoints": { "eventHubs": [{ "name": "telemetry", "connectionString": secret }] } });
    bench.arm("PUT", &hub_path("hub-a"), Some(&body)).await;
    bench.settle().await;
    let shown = bench.arm("GET", &hub_path("hub-a"), None).await.body;
    assert_eq!(
        shown["properties"]["routing"]["endpoints"]["eventHubs"][0]["connectionString"],
        "Endpoint=sb://ns.servicebus.windows.net:5671/;SharedAccessKeyName=send;SharedAccessKey=****;EntityPath=telemetry"
    );
    assert_eq!(bench.arm("PUT", &hub_path("hub-a"), Some(&shown)).await.status, 200);
    bench.settle().await;
    let stored = bench.simulator.seed(|azure| azure.hub_property("hub-a", "routing")).unwrap();
    assert_eq!(stored["endpoints"]["eventHubs"][0]["connectionString"], secret);
}

#[tokio::test]
async fn an_assertion_of_a_known_subject_signs_in() {
    let mut options = bench::options();
    options.applications[0].federated = vec![FederatedCredential {
        issuer: None,
        subject: "system:serviceaccount:moorage:operator".to_owned(),
        audience: "api://AzureADTokenExchange".to_owned(),
    }];
    let bench = Bench::with(options).await;
    let sign_in = async |subject: &str, expiry: i64| {
        let claims = json!({ "sub": subject, "aud": ["api://AzureADTokenExchange"], "exp": expiry }).to_string();
        bench::ask_token_by_assertion(&bench.client, &format!("e30.{}.c2ln", bench::base64_url(&claims))).await
    };
    let subject = "system:serviceaccount:moorage:operator";
    assert_eq!(sign_in(subject, 4_000_000_000).await.status, 200);
    assert_eq!(sign_in("somebody", 4_000_000_000).await.body["error_codes"], json!([700_213]));
    assert_eq!(sign_in(subject, 1_700_000_000).await.body["error_codes"], json!([700_024]));
}

#[tokio::test]
async fn a_provisioning_service_lists_its_keys_and_its_name_is_taken() {
    let bench = Bench::new().await;
    linked(&bench).await;
    let all = bench.arm("POST", &format!("{}/listkeys", dps_path("dps")), None).await;
    let one = bench.arm("POST", &format!("{}/keys/provisioningserviceowner/listkeys", dps_path("dps")), None).await;
    assert_eq!(all.body["value"], json!([one.body]));
    let path = "~/providers/Microsoft.Devices/checkProvisioningServiceNameAvailability";
    let got = bench.arm("POST", path, Some(&json!({ "name": "DPS" }))).await;
    assert_eq!(got.body["reason"], "AlreadyExists");
}

#[tokio::test]
async fn a_list_may_begin_with_an_empty_page_and_goes_on_behind_its_link() {
    let mut options = bench::options();
    options.variants.lists_begin_empty = true;
    options.limits.page = 1;
    let bench = Bench::with(options).await;
    bench.provisioned(&[("hub-a", "eastus")]).await;
    let bearer = format!("Bearer {}", bench.token);
    let mut got = bench.arm("GET", "/resources", None).await;
    let mut pages = Vec::new();
    loop {
        let names: Vec<Value> = got.body["value"].as_array().unwrap().iter().map(|resource| resource["name"].clone()).collect();
        pages.push(json!(names));
        let Some(next) = got.body["nextLink"].as_str() else { break };
        got = call(&bench.client, "GET", next, &[("authorization", &bearer)], None).await;
    }
    assert_eq!(json!(pages), json!([[], ["hub-a"], ["dps"]]));
    assert_eq!(bench.simulator.violations(), Vec::<String>::new());
    assert_eq!(bench.simulator.answer_violations(), Vec::<String>::new());
}
