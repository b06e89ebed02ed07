//! Links by identity, which have no key: api-version 2026-11-01 of the resource manager.

use crate::bench::{ARM, Bench, Got, HUBS, call, dps_path, east, options};
use moorage_simulator::{IdentityLink, OlderPut, SUBSCRIPTION};
use serde_json::{Value, json};

const HOST: &str = "hub-east.azure-devices.net";
const ROLE: &str = "/subscriptions/s/providers/Microsoft.Authorization/roleDefinitions/4fc6c259-987e-4a07-842e-c321cc9d413f";
const NAME: &str = "11111111-2222-4333-8444-555555555555";
const GIVEN: &str = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.ManagedIdentity/userAssignedIdentities/links";

async fn arm(bench: &Bench, version: &str, method: &str, path: &str, body: Option<&Value>) -> Got {
    let bearer = format!("Bearer {}", bench.token);
    let url = format!("{ARM}/subscriptions/{SUBSCRIPTION}/resourceGroups/rg{path}?api-version={version}");
    call(&bench.client, method, &url, &[("authorization", &bearer)], body).await
}

async fn get(bench: &Bench, version: &str) -> Value {
    arm(bench, version, "GET", &dps_path("dps"), None).await.body
}

async fn put(bench: &Bench, version: &str, body: &Value) -> Got {
    let got = arm(bench, version, "PUT", &dps_path("dps"), Some(body)).await;
    bench.settle().await;
    got
}

fn by_identity() -> Value {
    json!({ "hostName": HOST, "authenticationType": "SystemAssigned", "location": "eastus" })
}

/// A service with an identity, and with nothing linked; gives its principal and what GET tells.
async fn with_identity(bench: &Bench) -> (String, Value) {
    let mut body = get(bench, "2026-11-01").await;
    body["identity"] = json!({ "type": "SystemAssigned" });
    body["properties"]["iotHubs"] = json!([]);
    assert_eq!(put(bench, "2026-11-01", &body).await.status, 200);
    let body = get(bench, "2026-11-01").await;
    (body["identity"]["principalId"].as_str().unwrap().to_owned(), body)
}

fn roles(name: &str) -> String {
    format!("/providers/Microsoft.Devices/IotHubs/hub-east/providers/Microsoft.Authorization/roleAssignments{name}")
}

fn role(principal: &str) -> Value {
    json!({ "properties": { "roleDefinitionId": ROLE, "principalId": principal, "principalType": "ServicePrincipal" } })
}

#[tokio::test]
async fn a_link_by_identity_registers_devices_only_while_the_identity_has_a_role_on_the_hub() {
    let bench = Bench::new().await;
    let scope = bench.provisioned(&HUBS).await;
    let (principal, mut body) = with_identity(&bench).await;
    body["properties"]["iotHubs"] = json!([by_identity()]);
    let linked = put(&bench, "2026-11-01", &body).await;
    assert_eq!(linked.status, 200, "{}", linked.body);
    let without = bench.register(&east(&scope)).await;
    assert_eq!((&without.body["status"], &without.body["registrationState"]["errorCode"]), (&json!("failed"), &json!(401_002)));
    assert_eq!(arm(&bench, "2022-04-01", "PUT", &roles(&format!("/{NAME}")), Some(&role(&principal))).await.status, 201);
    assert_eq!(bench.register(&east(&scope)).await.body["registrationState"]["assignedHub"], HOST);
    bench.simulator.seed(|azure| azure.withdraw_hub_roles("hub-east", &principal));
    let mut another = east(&scope);
    another.id = "contoso-another";
    assert_eq!(bench.register(&another).await.body["status"], "failed");
    assert_eq!(bench.simulator.answer_violations(), Vec::<String>::new());
}

#[tokio::test]
async fn a_link_by_identity_needs_no_signatures_at_the_hub() {
    let bench = Bench::new().await;
    let scope = bench.provisioned(&HUBS).await;
    let (principal, mut body) = with_identity(&bench).await;
    body["properties"]["iotHubs"] = json!([by_identity()]);
    put(&bench, "2026-11-01", &body).await;
    bench.simulator.seed(|azure| {
        azure.grant_hub_role("hub-east", &principal);
        azure.set_hub_property("hub-east", "disableLocalAuth", json!(true));
    });
    assert_eq!(bench.register(&east(&scope)).await.body["status"], "assigned");
}

#[tokio::test]
async fn an_identity_that_is_taken_away_and_given_again_is_another_one() {
    let bench = Bench::new().await;
    bench.provisioned(&HUBS).await;
    let (first, mut body) = with_identity(&bench).await;
    put(&bench, "2026-11-01", &body).await;
    assert_eq!(get(&bench, "2026-11-01").await["identity"]["principalId"], first);
    body["identity"] = json!({ "type": "None" });
    put(&bench, "2026-11-01", &body).await;
    assert_eq!(get(&bench, "2026-11-01").await["identity"], Value::Null);
    let (second, _) = with_identity(&bench).await;
    assert_ne!(first, second);
}

#[tokio::test]
async fn a_user_assigned_identity_opens_a_hub_too() {
    let bench = Bench::new().await;
    let scope = bench.provisioned(&HUBS).await;
    let mut body = get(&bench, "2026-11-01").await;
    body["identity"] = json!({ "type": "UserAssigned", "userAssignedIdentities": { GIVEN: {} } });
    assert_eq!(put(&bench, "2026-11-01", &body).await.status, 200);
    let mut body = get(&bench, "2026-11-01").await;
    let principal = body["identity"]["userAssignedIdentities"][GIVEN]["principalId"].as_str().unwrap().to_owned();
    body["properties"]["iotHubs"] = json!([]);
    put(&bench, "2026-11-01", &body).await;
    body["properties"]["iotHubs"] = json!([{
        "hostName": HOST, "authenticationType": "UserAssigned", "selectedUserAssignedIdentityResourceId": GIVEN, "location": "eastus",
    }]);
    let linked = put(&bench, "2026-11-01", &body).await;
    assert_eq!(linked.body["properties"]["iotHubs"][0]["selectedUserAssignedIdentityResourceId"], GIVEN, "{}", linked.body);
    bench.simulator.seed(|azure| azure.grant_hub_role("hub-east", &principal));
    assert_eq!(bench.register(&east(&scope)).await.body["status"], "assigned");
}

#[tokio::test]
async fn a_link_that_makes_no_sense_is_refused_with_the_code_of_links() {
    let bench = Bench::new().await;
    bench.provisioned(&HUBS).await;
    let linked_by_key = get(&bench, "2026-11-01").await;
    let refused = async |what: &str, base: &Value, link: Value| {
        let mut body = base.clone();
        body["properties"]["iotHubs"] = json!([link]);
        let got = put(&bench, "2026-11-01", &body).await;
        assert_eq!((got.status, &got.body["code"]), (400, &json!(400_309)), "{what}: {}", got.body);
    };
    refused("without an identity of the service", &linked_by_key, by_identity()).await;
    let mut at_once = linked_by_key.clone();
    at_once["identity"] = json!({ "type": "SystemAssigned" });
    refused("with an identity that comes with it", &at_once, by_identity()).await;
    let (_, base) = with_identity(&bench).await;
    let but = |field: &str, value: Value| {
        let mut link = by_identity();
        link[field] = value;
        link
    };
    refused("without a host name", &base, but("hostName", Value::Null)).await;
    refused("the host of the hub's service API", &base, but("hostName", json!("hub-east.service.azure-devices.net"))).await;
    refused("another host name than before", &base, but("name", json!("hub-west.azure-devices.net"))).await;
    refused("by an identity that it does not name", &base, but("authenticationType", json!("UserAssigned"))).await;
    let connection = "HostName=hub-east.azure-devices.net;SharedAccessKeyName=iothubowner;SharedAccessKey=AAAA";
    refused("with a key as well", &base, but("connectionString", json!(connection))).await;
    let differs = json!({ "hostName": "hub-west.azure-devices.net", "connectionString": connection, "location": "eastus" });
    refused("a key of another hub", &base, differs).await;
}

#[tokio::test]
async fn a_link_by_key_becomes_one_by_identity_only_if_it_has_a_host_name() {
    let bench = Bench::new().await;
    bench.provisioned(&HUBS[..1]).await;
    let mut body = get(&bench, "2026-11-01").await;
    body["identity"] = json!({ "type": "SystemAssigned" });
    assert_eq!(body["properties"]["iotHubs"][0]["authenticationType"], "KeyBased");
    put(&bench, "2026-11-01", &body).await;
    let mut switched = body.clone();
    switched["properties"]["iotHubs"] = json!([by_identity()]);
    assert_eq!(put(&bench, "2026-11-01", &switched).await.body["code"], 400_309);
    body["properties"]["iotHubs"][0]["hostName"] = json!(HOST);
    assert_eq!(put(&bench, "2026-11-01", &body).await.body["properties"]["iotHubs"][0]["hostName"], HOST);
    assert_eq!(put(&bench, "2026-11-01", &switched).await.status, 200);
}

/// An older version reads and writes back a service with a link by identity.
async fn after_an_older_version(variant: IdentityLink) -> (Got, Value) {
    let mut options = options();
    options.variants.identity_link = variant;
    options.variants.older_put = OlderPut::Kept;
    let bench = Bench::with(options).await;
    let scope = bench.provisioned(&HUBS).await;
    let (principal, mut body) = with_identity(&bench).await;
    body["properties"]["iotHubs"] = json!([by_identity()]);
    put(&bench, "2026-11-01", &body).await;
    bench.simulator.seed(|azure| azure.grant_hub_role("hub-east", &principal));
    let older = get(&bench, "2022-12-12").await;
    assert_eq!(older["identity"], Value::Null);
    let link = json!({ "name": HOST, "location": "eastus", "allocationWeight": 1, "applyAllocationPolicy": true });
    assert_eq!(older["properties"]["iotHubs"], json!([link]));
    let written = put(&bench, "2022-12-12", &older).await;
    assert_eq!(get(&bench, "2026-11-01").await["identity"]["principalId"], principal);
    assert_eq!(bench.simulator.answer_violations(), Vec::<String>::new());
    (written, bench.register(&east(&scope)).await.body["status"].clone())
}

#[tokio::test]
async fn an_older_version_that_writes_back_a_link_by_identity_breaks_it_keeps_it_or_is_refused() {
    let (written, status) = after_an_older_version(IdentityLink::Broken).await;
    assert_eq!((written.status, status), (200, json!("failed")));
    let (written, status) = after_an_older_version(IdentityLink::Kept).await;
    assert_eq!((written.status, status), (200, json!("assigned")));
    let (written, status) = after_an_older_version(IdentityLink::Refused).await;
    assert_eq!((written.status, &written.body["code"], status), (400, &json!(400_309), json!("assigned")));
}

#[tokio::test]
async fn a_role_is_assigned_once_and_under_one_name() {
    let bench = Bench::new().await;
    bench.provisioned(&HUBS).await;
    let on = |name: &str| roles(&format!("/{name}"));
    let put = async |name: &str, body: Value| {
        let got = arm(&bench, "2022-04-01", "PUT", &on(name), Some(&body)).await;
        (got.status, got.body["error"]["code"].clone())
    };
    assert_eq!(put(NAME, role("someone")).await, (201, Value::Null));
    assert_eq!(put(NAME, role("someone")).await, (200, Value::Null));
    assert_eq!(put("21111111-2222-4333-8444-555555555555", role("someone")).await, (409, json!("RoleAssignmentExists")));
    assert_eq!(put(NAME, role("another")).await, (409, json!("RoleAssignmentUpdateNotPermitted")));
    assert_eq!(put("mine", role("another")).await, (400, json!("InvalidRoleAssignmentId")));
    let mut untyped = role("another");
    untyped["properties"].as_object_mut().unwrap().remove("principalType");
    assert_eq!(put("31111111-2222-4333-8444-555555555555", untyped).await, (400, json!("PrincipalNotFound")));
    let bearer = format!("Bearer {}", bench.token);
    let all = format!("{ARM}/subscriptions/{SUBSCRIPTION}/resourceGroups/rg{}?api-version=2022-04-01", roles(""));
    let of = async |principal: &str| {
        let url = format!("{all}&$filter=principalId%20eq%20'{principal}'");
        call(&bench.client, "GET", &url, &[("authorization", &bearer)], None).await.body["value"].as_array().unwrap().len()
    };
    assert_eq!((of("someone").await, of("another").await), (1, 0));
    assert_eq!(arm(&bench, "2022-04-01", "DELETE", &on(NAME), None).await.status, 200);
    assert_eq!(arm(&bench, "2022-04-01", "DELETE", &on(NAME), None).await.status, 204);
    assert_eq!(arm(&bench, "2022-04-01", "GET", &on(NAME), None).await.status, 404);
    assert_eq!(bench.simulator.answer_violations(), Vec::<String>::new());
}

#[tokio::test]
async fn a_hub_made_again_has_none_of_the_roles_of_the_one_before() {
    let bench = Bench::new().await;
    bench.provisioned(&HUBS).await;
    arm(&bench, "2022-04-01", "PUT", &roles(&format!("/{NAME}")), Some(&role("someone"))).await;
    let hub = moorage_simulator::NewHub { subscription: SUBSCRIPTION, group: "rg", name: "hub-east", location: "eastus", sku: "S1" };
    bench.simulator.seed(|azure| {
        azure.delete_hub("hub-east");
        azure.add_hub(hub);
    });
    assert_eq!(arm(&bench, "2022-04-01", "GET", &roles(""), None).await.body["value"], json!([]));
}

#[tokio::test]
async fn a_service_may_take_no_signatures_and_an_older_version_leaves_it_so_or_does_not() {
    for (older_put, status) in [(OlderPut::Kept, 401), (OlderPut::Reset, 200)] {
        no_signatures(older_put, status).await;
    }
}

async fn no_signatures(older_put: OlderPut, after: u16) {
    let mut options = options();
    options.variants.older_put = older_put;
    let bench = Bench::with(options).await;
    bench.provisioned(&HUBS).await;
    let mut body = get(&bench, "2026-11-01").await;
    body["properties"]["disableLocalAuth"] = json!(true);
    put(&bench, "2026-11-01", &body).await;
    assert_eq!(bench.dps("GET", "/enrollmentGroups/g1", &[], None).await.status, 401);
    let older = get(&bench, "2022-12-12").await;
    assert_eq!(older["properties"]["disableLocalAuth"], Value::Null);
    put(&bench, "2022-12-12", &older).await;
    assert_eq!(bench.dps("GET", "/enrollmentGroups/g1", &[], None).await.status, after);
}
