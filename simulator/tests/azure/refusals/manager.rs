//! What the resource manager refuses, for itself and for `Microsoft.Devices`.

use crate::bench::{ARM, Bench, arm_url, dps_body, dps_path, hub_body, hub_path};
use crate::refusals::{Bearers, Says, all_hold, cloud, row};
use moorage_simulator::{Fault, Match, NewHub, Occurrence, Rule, SUBSCRIPTION};
use serde_json::{Value, json};

const AUDIENCE: &str = "https://management.azure.com";

fn link(key: &str) -> Value {
    let connection = format!("HostName=hub-east.azure-devices.net;SharedAccessKeyName=iothubowner;SharedAccessKey={key}");
    json!({ "connectionString": connection, "location": "eastus" })
}

fn with(mut body: Value, pointer: &str, value: Value) -> Value {
    *body.pointer_mut(pointer).unwrap() = value;
    body
}

#[tokio::test]
async fn who_may_not_use_the_resource_manager_is_told_why_in_its_own_words() {
    let bench = cloud(|_| {}).await;
    let bearers = Bearers::of(&bench, AUDIENCE).await;
    let for_hubs = Bearers::of(&bench, "https://iothubs.azure.net").await.good;
    let hub = arm_url(&hub_path("hub-east"));
    let elsewhere = hub.replace(SUBSCRIPTION, "00000000-0000-4000-8000-000000000000");
    let rows = [
        row("no token", "", "GET", &hub).refused(401, Says::Manager("AuthenticationFailed")),
        row("a token for hubs", &for_hubs, "GET", &hub).refused(401, Says::Manager("InvalidAuthenticationTokenAudience")),
        row("a token of another tenant", &bearers.of_another_tenant, "GET", &hub)
            .refused(401, Says::Manager("InvalidAuthenticationTokenTenant")),
        row("no role", &bearers.without_a_role, "GET", &hub).refused(403, Says::Manager("AuthorizationFailed")),
        row("no such subscription", &bearers.good, "GET", &elsewhere).refused(404, Says::Manager("SubscriptionNotFound")),
    ];
    all_hold(&bench, &rows).await;
    bench.simulator.seed(moorage_simulator::Azure::expire_tokens);
    let expired = row("an expired token", &bearers.good, "GET", &hub).refused(401, Says::Manager("ExpiredAuthenticationToken"));
    all_hold(&bench, &[expired]).await;
}

#[tokio::test]
async fn a_request_that_the_resource_manager_does_not_understand_is_refused_by_itself() {
    let bench = cloud(|_| {}).await;
    let good = Bearers::of(&bench, AUDIENCE).await.good;
    let hub = arm_url(&hub_path("hub-east"));
    let unversioned = hub.split('?').next().unwrap();
    let missing_group = hub.replace("resourceGroups/rg", "resourceGroups/none");
    let rows = [
        row("no api-version", &good, "GET", unversioned).refused(400, Says::Manager("MissingApiVersionParameter")),
        row("an unknown api-version", &good, "GET", &format!("{unversioned}?api-version=2001-01-01"))
            .refused(400, Says::Manager("InvalidApiVersionParameter")),
        row("no JSON", &good, "PUT", &hub).text("application/json", "{").refused(400, Says::Manager("InvalidRequestContent")),
        row("an unknown field", &good, "PUT", &hub)
            .json(&with(hub_body(), "/properties", json!({ "colour": "red" })))
            .refused(400, Says::Manager("BadRequest")),
        row("a wrong type", &good, "PUT", &hub)
            .json(&with(hub_body(), "/sku/capacity", json!("two")))
            .refused(400, Says::Manager("BadRequest")),
        row("no such group", &good, "GET", &missing_group).refused(404, Says::Manager("ResourceGroupNotFound")),
        row("no such hub", &good, "GET", &arm_url(&hub_path("none"))).refused(404, Says::Manager("ResourceNotFound")),
        row("no such service", &good, "GET", &arm_url(&dps_path("none"))).refused(404, Says::Manager("ResourceNotFound")),
        row("no such region", &good, "PUT", &arm_url(&hub_path("hub-north")))
            .json(&with(hub_body(), "/location", json!("atlantis")))
            .refused(400, Says::Manager("LocationNotAvailableForResourceType")),
        row("another region", &good, "PUT", &hub)
            .json(&with(hub_body(), "/location", json!("westus")))
            .refused(409, Says::Manager("InvalidResourceLocation")),
    ];
    all_hold(&bench, &rows).await;
}

#[tokio::test]
async fn what_microsoft_devices_refuses_of_hubs_and_services_has_a_number() {
    let bench = cloud(|options| options.limits.paid_hubs = 3).await;
    let far = NewHub { subscription: SUBSCRIPTION, group: "elsewhere", name: "hub-far", location: "eastus", sku: "S1" };
    bench.simulator.seed(|azure| azure.add_hub(far));
    let good = Bearers::of(&bench, AUDIENCE).await.good;
    let (hub, service) = (arm_url(&hub_path("hub-east")), arm_url(&dps_path("dps")));
    let key = bench.simulator.seed(|azure| azure.hub_policy_keys("hub-east", "iothubowner")).unwrap().0;
    let links = |count: usize| dps_body(&vec![link(&key); count].into());
    let put = |what, url: &str, body: &Value| row(what, &good, "PUT", url).json(body);
    let devices = |code| Says::Devices(code, "BadRequest");
    let partitions = json!({ "eventHubEndpoints": { "events": { "retentionTimeInDays": 1, "partitionCount": 8 } } });
    let rows = [
        put("a stale entity tag", &hub, &hub_body()).if_match("AAAAold=").refused(412, Says::Devices(412_001, "PreconditionFailed")),
        put("an entity tag of nothing", &arm_url(&hub_path("hub-new")), &hub_body())
            .if_match("AAAAold=")
            .refused(412, Says::Devices(412_001, "PreconditionFailed")),
        put("a hub too many", &arm_url(&hub_path("hub-new")), &hub_body()).refused(400, devices(400_403)),
        put("a name that is taken", &arm_url(&hub_path("hub-far")), &hub_body()).refused(409, Says::Devices(409_001, "Conflict")),
        put("a free hub of a paid one", &hub, &with(hub_body(), "/sku/name", json!("F1"))).refused(400, devices(400_009)),
        put("units beyond the tier", &hub, &with(hub_body(), "/sku/capacity", json!(201))).refused(400, devices(400_008)),
        put("other partitions", &hub, &with(hub_body(), "/properties", partitions)).refused(400, devices(400_010)),
        put("a link a third time", &service, &links(3)).refused(400, devices(400_303)),
        put("a link that leads nowhere", &service, &dps_body(&json!([{ "connectionString": "HostName=x", "location": "eastus" }])))
            .refused(400, devices(400_309)),
    ];
    all_hold(&bench, &rows).await;

    let busy =
        |what, method, url: &str, body: &Value| row(what, &good, method, url).json(body).refused(409, Says::Devices(409_002, "Conflict"));
    assert_eq!(bench.arm("PUT", &hub_path("hub-east"), Some(&hub_body())).await.status, 200);
    assert_eq!(bench.arm("PUT", &dps_path("dps"), Some(&links(2))).await.status, 200);
    let rows = [busy("a busy hub", "PUT", &hub, &hub_body()), busy("a busy service", "PUT", &service, &links(1))];
    all_hold(&bench, &rows).await;
}

#[tokio::test]
async fn throttling_by_the_resource_manager_says_how_long_to_wait() {
    let bench: Bench = cloud(|_| {}).await;
    let good = Bearers::of(&bench, AUDIENCE).await.good;
    let matching = Match { host: Some("management.azure.com".to_owned()), ..Match::default() };
    bench.simulator.faults().add(Rule { matching, occurrence: Occurrence::Every, fault: Fault::Throttle { retry_after: 7 } }).unwrap();
    let url = format!("{ARM}/subscriptions/{SUBSCRIPTION}/resourcegroups?api-version=2024-03-01");
    all_hold(&bench, &[row("too often", &good, "GET", &url).refused(429, Says::Manager("TooManyRequests"))]).await;
}

#[tokio::test]
async fn what_is_refused_of_certificates_identities_and_roles_has_its_code() {
    let bench = cloud(|options| options.limits.authorities = 0).await;
    let good = Bearers::of(&bench, AUDIENCE).await.good;
    let in_version =
        |path: &str, version: &str| format!("{ARM}/subscriptions/{SUBSCRIPTION}/resourceGroups/rg{path}?api-version={version}");
    let certificate = in_version(&format!("{}/certificates/corp", dps_path("dps")), "2026-11-01");
    let service = in_version(&dps_path("dps"), "2026-11-01");
    let role = |name: &str| {
        let path = format!("{}/providers/Microsoft.Authorization/roleAssignments/{name}", hub_path("hub-east"));
        in_version(&path, "2022-04-01")
    };
    let body = json!({ "properties": { "certificate": "AAAA" } });
    let assignment = json!({ "properties": { "roleDefinitionId": "r", "principalId": "p", "principalType": "ServicePrincipal" } });
    let untyped = json!({ "properties": { "roleDefinitionId": "r", "principalId": "p" } });
    let guid = "11111111-2222-4333-8444-555555555555";
    let put = |what, url: &str, body: &Value| row(what, &good, "PUT", url).json(body);
    let by_identity = json!([{ "hostName": "hub-east.azure-devices.net", "authenticationType": "SystemAssigned", "location": "eastus" }]);
    let mut without_names = dps_body(&json!([]));
    without_names["identity"] = json!({ "type": "UserAssigned" });
    let rows = [
        put("a certificate too many", &certificate, &body).refused(400, Says::Devices(400_305, "BadRequest")),
        put("an entity tag of nothing", &certificate, &body)
            .if_match("AAAAold=")
            .refused(412, Says::Devices(412_001, "PreconditionFailed")),
        row("no such certificate", &good, "GET", &certificate).refused(404, Says::Manager("ResourceNotFound")),
        put("a link by an identity that the service has not", &service, &dps_body(&by_identity))
            .refused(400, Says::Devices(400_309, "BadRequest")),
        put("an identity without names", &service, &without_names).refused(400, Says::Devices(400_310, "BadRequest")),
        put("a role whose name is no GUID", &role("mine"), &assignment).refused(400, Says::Manager("InvalidRoleAssignmentId")),
        put("a role of an untold kind of principal", &role(guid), &untyped).refused(400, Says::Manager("PrincipalNotFound")),
        row("no such role", &good, "GET", &role(guid)).refused(404, Says::Manager("RoleAssignmentNotFound")),
    ];
    all_hold(&bench, &rows).await;
}
