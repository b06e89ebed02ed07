//! What the provisioning service's service API refuses.

use crate::bench::{Bench, OTHER_GROUP_KEY, group_body};
use crate::refusals::{Bearers, Row, Says, Signatures, all_hold, cloud, row};
use serde_json::{Value, json};

const HOST: &str = "dps.azure-devices-provisioning.net";
const EAST: &str = "hub-east.azure-devices.net";

fn url(path: &str) -> String {
    format!("https://{HOST}{path}?api-version=2021-10-01")
}

async fn signatures(bench: &Bench) -> Signatures {
    let mut shown = bench.arm("GET", &crate::bench::dps_path("dps"), None).await.body;
    let owner = bench.simulator.seed(|azure| azure.service_policy_keys("dps", "provisioningserviceowner")).unwrap().0;
    let policy = |name: &str, rights: &str, key: &str| json!({ "keyName": name, "rights": rights, "primaryKey": key, "secondaryKey": key });
    let everything = "ServiceConfig, EnrollmentRead, EnrollmentWrite, DeviceConnect, RegistrationStatusRead, RegistrationStatusWrite";
    shown["properties"]["authorizationPolicies"] =
        json!([policy("provisioningserviceowner", everything, &owner), policy("reader", "EnrollmentRead", OTHER_GROUP_KEY)]);
    assert_eq!(bench.arm("PUT", &crate::bench::dps_path("dps"), Some(&shown)).await.status, 200);
    Signatures::of(bench, HOST, ("provisioningserviceowner", &owner), ("reader", OTHER_GROUP_KEY))
}

#[tokio::test]
async fn who_may_not_use_the_service_api_is_unauthorized() {
    let bench = cloud(|_| {}).await;
    let by = signatures(&bench).await;
    let bearers = Bearers::of(&bench, "https://azure-devices-provisioning.net").await;
    let for_hubs = Bearers::of(&bench, "https://iothubs.azure.net").await.good;
    let (group, one) = (url("/enrollmentGroups/g1"), url("/enrollments/press-7"));
    let unauthorized = |what, by: &str, method, url: &str| row(what, by, method, url).refused(401, Says::Provisioning(401_002));
    let rows = [
        unauthorized("nothing", "", "GET", &group),
        unauthorized("another key", &by.by_another_key, "GET", &group),
        unauthorized("an expired signature", &by.expired, "GET", &group),
        unauthorized("another service's signature", &by.for_another_resource, "GET", &group),
        unauthorized("no policy", &by.without_a_policy, "GET", &group),
        unauthorized("an unknown policy", &by.by_no_policy, "GET", &group),
        unauthorized("a reader who writes", &by.by_a_reader, "DELETE", &group),
        unauthorized("a reader who asks for keys", &by.by_a_reader, "POST", &url("/enrollmentGroups/g1/attestationmechanism")),
        unauthorized("a reader who asks for a record", &by.by_a_reader, "GET", &url("/registrations/press-7")),
        unauthorized("a token for hubs", &for_hubs, "GET", &one),
        unauthorized("a token of another tenant", &bearers.of_another_tenant, "GET", &group),
        unauthorized("no role", &bearers.without_a_role, "GET", &group),
    ];
    all_hold(&bench, &rows).await;
    bench.simulator.seed(moorage_simulator::Azure::expire_tokens);
    all_hold(&bench, &[unauthorized("an expired token", &bearers.good, "GET", &group)]).await;
}

#[tokio::test]
async fn what_is_not_there_or_is_there_already_has_the_number_of_its_sort() {
    let bench = cloud(|options| options.limits.symmetric_groups = 1).await;
    let good = signatures(&bench).await.good;
    let ask = |what, method, path: &str| row(what, &good, method, &url(path));
    let group = |id: &str| group_body(id, &[EAST.to_owned()]);
    let missing = |row: Row, code| row.refused(404, Says::Provisioning(code));
    let stale = |row: Row| row.refused(412, Says::Provisioning(412_001));
    let rows = [
        missing(ask("no enrollment", "GET", "/enrollments/press-7"), 404_201),
        missing(ask("no enrollment to delete", "DELETE", "/enrollments/press-7"), 404_201),
        missing(ask("no group", "GET", "/enrollmentGroups/none"), 404_202),
        missing(ask("no group's keys", "POST", "/enrollmentGroups/none/attestationmechanism"), 404_202),
        missing(ask("no group to ask for records", "POST", "/registrations/none/query"), 404_202),
        missing(ask("no record", "GET", "/registrations/press-7"), 404_203),
        stale(ask("a stale tag", "PUT", "/enrollmentGroups/g1").if_match("\"old\"").json(&group("g1"))),
        stale(ask("a stale tag to delete by", "DELETE", "/enrollmentGroups/g1").if_match("\"old\"")),
        stale(ask("a tag of nothing", "PUT", "/enrollmentGroups/g2").if_match("*").json(&group("g2"))),
        ask("made again", "PUT", "/enrollmentGroups/g1").json(&group("g1")).refused(409, Says::Provisioning(409_201)),
        ask("a group too many", "PUT", "/enrollmentGroups/g2").json(&group("g2")).refused(400, Says::Provisioning(400_210)),
    ];
    all_hold(&bench, &rows).await;
}

#[tokio::test]
async fn an_enrollment_that_makes_no_sense_is_a_bad_request() {
    let bench = cloud(|_| {}).await;
    let good = signatures(&bench).await.good;
    let changed = |pointer: &str, value: Value| {
        let mut body = group_body("g2", &[EAST.to_owned()]);
        body["provisioningStatus"] = json!("enabled");
        *body.pointer_mut(pointer).unwrap() = value;
        body
    };
    let put = |what, body: &Value| row(what, &good, "PUT", &url("/enrollmentGroups/g2")).json(body);
    let mut painted = group_body("g2", &[EAST.to_owned()]);
    painted["colour"] = json!("red");
    let (bad, broken) = (|| Says::Provisioning(400_004), || Says::Provisioning(400_001));
    let both = ["hub-east", "hub-west"].map(|name| format!("{name}.azure-devices.net"));
    let mut two_static = group_body("g2", &both);
    two_static["allocationPolicy"] = json!("static");
    let unversioned = format!("https://{HOST}/enrollmentGroups/g1");
    let rows = [
        put("another id than the path's", &changed("/enrollmentGroupId", json!("g3"))).refused(400, bad()),
        put("a key of fifteen bytes", &changed("/attestation/symmetricKey/primaryKey", json!("AAAAAAAAAAAAAAAAAAAA"))).refused(400, bad()),
        put("static over two hubs", &two_static).refused(400, bad()),
        put("custom without a webhook", &changed("/allocationPolicy", json!("custom"))).refused(400, bad()),
        put("a hub that is not linked", &changed("/iotHubs/0", json!("foreign.azure-devices.net")))
            .refused(400, Says::Provisioning(400_209)),
        put("keys and certificates", &changed("/attestation", json!({ "type": "symmetricKey", "x509": { "caReferences": {} } })))
            .refused(400, bad()),
        put("no certificate", &changed("/attestation", json!({ "type": "x509", "x509": { "signingCertificates": {} } })))
            .refused(400, bad()),
        put(
            "an authority that is not there",
            &changed("/attestation", json!({ "type": "x509", "x509": { "caReferences": { "primary": "x" } } })),
        )
        .refused(400, bad()),
        put("a device's certificate", &changed("/attestation", json!({ "type": "x509", "x509": { "clientCertificates": {} } })))
            .refused(400, bad()),
        put("a TPM", &changed("/attestation", json!({ "type": "tpm", "tpm": { "endorsementKey": "AAAA" } }))).refused(400, bad()),
        row("a bulk operation for nothing", &good, "POST", &url("/enrollmentGroups"))
            .json(&json!({ "mode": "create", "enrollmentGroups": [] }))
            .refused(400, bad()),
        row("a query that is not understood", &good, "POST", &url("/enrollmentGroups/query"))
            .json(&json!({ "query": "SELECT * FROM enrollmentGroups WHERE enrollmentGroupId <> 'g1'" }))
            .refused(400, bad()),
        put("an unknown field", &painted).refused(400, broken()),
        put("an unknown status", &changed("/provisioningStatus", json!("asleep"))).refused(400, broken()),
        put("an allocation in the resource manager's spelling", &changed("/allocationPolicy", json!("GeoLatency"))).refused(400, broken()),
        row("no JSON", &good, "PUT", &url("/enrollmentGroups/g2")).text("application/json", "{").refused(400, broken()),
        row("no api-version", &good, "GET", &unversioned).refused(400, broken()),
        row("an unknown api-version", &good, "GET", &format!("{unversioned}?api-version=2001-01-01")).refused(400, broken()),
        row("another method", &good, "PATCH", &url("/enrollmentGroups/g1")).refused(405, Says::Provisioning(405_001)),
        row("another type of content", &good, "PUT", &url("/enrollmentGroups/g2"))
            .text("text/plain", &group_body("g2", &[EAST.to_owned()]).to_string())
            .refused(415, Says::Provisioning(415_001)),
    ];
    all_hold(&bench, &rows).await;
}

#[tokio::test]
async fn the_operation_too_many_in_a_minute_is_told_when_to_come_back() {
    let bench = cloud(|options| options.limits.service_operations_per_minute = 2).await;
    let good = signatures(&bench).await.good;
    assert_eq!(bench.dps("GET", "/enrollmentGroups/g1", &[], None).await.status, 200);
    let rows = [row("too often", &good, "GET", &url("/enrollmentGroups/g1")).refused(429, Says::Provisioning(429_001))];
    all_hold(&bench, &rows).await;
}
