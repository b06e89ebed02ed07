//! Devices over MQTT.

use crate::bench::{Bench, GROUP_KEY, HUBS, OTHER_GROUP_KEY, call, derive, east, sas};
use crate::talker::{Hello, Talker, to_hub};
use jiff::SignedDuration;
use moorage_simulator::{Fault, Match, MqttListener, Occurrence, Options, Rule, Simulator, Transport};
use mqtt_proto::QoS;
use mqtt_proto::v3::{ConnectReturnCode, Packet, SubscribeReturnCode};
use serde_json::{Value, json};

const ID: &str = "contoso-simdevice-east";
const ANSWERS: &str = "$dps/registrations/res/#";
const REGISTER: &str = "$dps/registrations/PUT/iotdps-register/?$rid=1";

/// Connects a new device to the provisioning service by its global name.
async fn to_service(bench: &Bench, scope: &str, id: &str, key: &str) -> (Talker, ConnectReturnCode) {
    let resource = format!("{scope}/registrations/{id}");
    // As Microsoft's Python client over MQTT: without `skn`.
    let password = sas(&resource, key, None, bench.simulator.now().as_second() + 600);
    let user_name = format!("{resource}/api-version=2019-03-31&ClientVersion=tests");
    let name = "global.azure-devices-provisioning.net";
    let hello = Hello { name, client_id: id, user_name: &user_name, password: Some(&password), identity: None };
    Talker::try_hello(&bench.simulator, &hello).await
}

async fn registered(bench: &Bench) -> String {
    let scope = bench.provisioned(&HUBS).await;
    assert_eq!(bench.register(&east(&scope)).await.body["status"], "assigned");
    scope
}

/// A device at its hub.
async fn connected(bench: &Bench) -> Talker {
    registered(bench).await;
    let (talker, code) = to_hub(&bench.simulator, "hub-east", ID, &derive(GROUP_KEY, ID), 600).await;
    assert_eq!(code, ConnectReturnCode::Accepted);
    talker
}

fn connection_state(device: &Value) -> &str {
    device["connectionState"].as_str().unwrap()
}

#[tokio::test]
async fn a_device_registers_by_two_messages_and_is_told_how_long_to_wait_between_them() {
    let bench = Bench::new().await;
    let scope = bench.provisioned(&HUBS).await;
    let (mut talker, code) = to_service(&bench, &scope, ID, &derive(GROUP_KEY, ID)).await;
    assert_eq!(code, ConnectReturnCode::Accepted);
    assert_eq!(talker.subscribe(ANSWERS, QoS::Level1).await, SubscribeReturnCode::MaxLevel1);
    let (topic, body) = talker.ask(REGISTER, &json!({ "registrationId": ID }).to_string()).await;
    assert_eq!(topic, "$dps/registrations/res/202/?$rid=1&retry-after=1");
    assert_eq!(body["status"], "assigning");
    bench.settle().await;
    let operation = body["operationId"].as_str().unwrap();
    let poll = format!("$dps/registrations/GET/iotdps-get-operationstatus/?$rid=2&operationId={operation}");
    let (topic, body) = talker.ask(&poll, "").await;
    assert_eq!(topic, "$dps/registrations/res/200/?$rid=2");
    assert_eq!(body["registrationState"]["assignedHub"], "hub-east.azure-devices.net");
    let logged: Vec<(String, Option<u16>)> =
        bench.simulator.requests().into_iter().rev().take(3).map(|entry| (entry.method, entry.status)).collect();
    assert_eq!(logged, [("GET".to_owned(), Some(200)), ("PUT".to_owned(), Some(202)), ("CONNECT".to_owned(), Some(200))]);
    assert_eq!(bench.simulator.violations(), [""; 0]);
}

#[tokio::test]
async fn what_a_registration_is_refused_for_is_the_same_as_over_https() {
    let bench = Bench::with(Options {
        limits: moorage_simulator::Limits { registrations_per_minute: 1, ..Default::default() },
        ..crate::bench::options()
    });
    let bench = bench.await;
    let scope = bench.provisioned(&HUBS).await;
    let (mut talker, _) = to_service(&bench, &scope, ID, &derive(GROUP_KEY, ID)).await;
    talker.subscribe(ANSWERS, QoS::Level0).await;
    let (topic, body) = talker.ask(REGISTER, &json!({ "registrationId": "other" }).to_string()).await;
    assert_eq!((topic.as_str(), &body["errorCode"]), ("$dps/registrations/res/400/?$rid=1", &json!(400_004)));
    talker.ask(REGISTER, &json!({ "registrationId": ID }).to_string()).await;
    let (topic, body) = talker.ask(REGISTER, &json!({ "registrationId": ID }).to_string()).await;
    assert!(topic.starts_with("$dps/registrations/res/429/?$rid=1&retry-after="), "{topic}");
    assert_eq!(body["errorCode"], 429_001);
    bench.simulator.seed(|azure| azure.delete_group("dps", "g1"));
    let (topic, body) = talker.ask(REGISTER, &json!({ "registrationId": ID }).to_string()).await;
    assert_eq!((topic.as_str(), &body["errorCode"]), ("$dps/registrations/res/404/?$rid=1", &json!(404_201)));
}

#[tokio::test]
async fn a_wrong_key_is_turned_away_with_code_5_and_a_wrong_name_with_its_own() {
    let bench = Bench::new().await;
    let scope = registered(&bench).await;
    let key = derive(GROUP_KEY, ID);
    assert_eq!(to_service(&bench, &scope, ID, &derive(GROUP_KEY, "other")).await.1, ConnectReturnCode::NotAuthorized);
    assert_eq!(to_service(&bench, "0neFFFFFFFF", ID, &key).await.1, ConnectReturnCode::NotAuthorized);
    let hub = async |device, key| to_hub(&bench.simulator, "hub-east", device, key, 600).await.1;
    let other_key = derive(OTHER_GROUP_KEY, ID);
    assert_eq!(hub(ID, &other_key).await, ConnectReturnCode::NotAuthorized);
    assert_eq!(hub("none", &key).await, ConnectReturnCode::NotAuthorized);
    let host = "hub-east.azure-devices.net";
    let password = sas(&format!("{host}/devices/{ID}"), &key, None, bench.simulator.now().as_second() + 600);
    let hello = async |client_id: &str, user_name: &str| {
        let hello = Hello { name: host, client_id, user_name, password: Some(&password), identity: None };
        Talker::try_hello(&bench.simulator, &hello).await.1
    };
    let version = "?api-version=2020-09-30";
    assert_eq!(hello(ID, &format!("{host}/{ID}/{version}")).await, ConnectReturnCode::Accepted);
    assert_eq!(hello("another", &format!("{host}/{ID}/{version}")).await, ConnectReturnCode::IdentifierRejected);
    assert_eq!(hello(ID, &format!("{host}/{ID}/module/{version}")).await, ConnectReturnCode::BadUserNameOrPassword);
    assert_eq!(hello(ID, &format!("hub-west.azure-devices.net/{ID}/{version}")).await, ConnectReturnCode::NotAuthorized);
}

#[tokio::test]
async fn telemetry_is_kept_with_its_properties_and_its_length_over_either_transport() {
    let bench = Bench::new().await;
    let mut talker = connected(&bench).await;
    let topic = format!("devices/{ID}/messages/events/%24.ct=application%2Fjson&level=high");
    assert!(talker.publish_surely(&topic, "{\"temperature\":21.5}").await);
    let resource = format!("hub-east.azure-devices.net/devices/{ID}");
    let signature = sas(&resource, &derive(GROUP_KEY, ID), None, bench.simulator.now().as_second() + 60);
    let url = format!("https://{resource}/messages/events?api-version=2020-03-13");
    let headers = [("authorization", signature.as_str()), ("iothub-app-level", "low")];
    assert_eq!(call(&bench.client, "POST", &url, &headers, Some(&json!(7))).await.status, 204);
    let told = bench.simulator.telemetry();
    let told: Vec<_> = told.iter().map(|one| (one.hub.as_str(), one.device.as_str(), one.transport, one.bytes)).collect();
    assert_eq!(told, [("hub-east", ID, Transport::Mqtt, 20), ("hub-east", ID, Transport::Https, 1)]);
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let [first, second] = &bench.simulator.telemetry()[..] else { panic!("two messages") };
    assert_eq!(first.properties, [pair("$.ct", "application/json"), pair("level", "high")]);
    assert_eq!(second.properties, [pair("level", "low")]);
    let shown = call(&bench.client, "GET", "https://any.host/sim/telemetry", &[], None).await.body;
    assert_eq!((&shown[0]["device"], &shown[0]["transport"]), (&json!(ID), &json!("mqtt")));
}

#[tokio::test]
async fn a_device_reads_its_twin_reports_to_it_and_hears_what_is_wished() {
    let bench = Bench::new().await;
    let mut talker = connected(&bench).await;
    for filter in ["$iothub/twin/res/#", "$iothub/twin/PATCH/properties/desired/#"] {
        assert_eq!(talker.subscribe(filter, QoS::Level0).await, SubscribeReturnCode::MaxLevel0);
    }
    let (topic, body) = talker.ask("$iothub/twin/GET/?$rid=1", "").await;
    assert_eq!(topic, "$iothub/twin/res/200/?$rid=1");
    assert_eq!(body, json!({ "desired": { "$version": 1 }, "reported": { "$version": 1 } }));
    let (topic, body) = talker.ask("$iothub/twin/PATCH/properties/reported/?$rid=2", r#"{"firmware":"1.2"}"#).await;
    assert_eq!((topic.as_str(), body), ("$iothub/twin/res/204/?$rid=2&$version=2", Value::Null));
    let path = format!("/twins/{ID}");
    let wished = json!({ "properties": { "desired": { "interval": 30 } }, "tags": { "plant": "7" } });
    let got = bench.hub("hub-east", "PATCH", &path, &[("if-match", "*")], Some(&wished)).await;
    assert_eq!(got.status, 200, "{}", got.body);
    assert_eq!(got.body["properties"]["reported"]["firmware"], "1.2");
    let (topic, body) = talker.message().await;
    assert_eq!(topic, "$iothub/twin/PATCH/properties/desired/?$version=2");
    assert_eq!(body, json!({ "interval": 30, "$version": 2 }));
    let (topic, _) = talker.ask("$iothub/twin/PATCH/properties/reported/?$rid=3", "no json").await;
    assert_eq!(topic, "$iothub/twin/res/400/?$rid=3");
}

#[tokio::test]
async fn a_later_connection_of_a_device_takes_over() {
    let bench = Bench::new().await;
    let mut first = connected(&bench).await;
    let (mut second, _) = to_hub(&bench.simulator, "hub-east", ID, &derive(GROUP_KEY, ID), 600).await;
    assert!(first.read().await.is_none());
    assert!(second.publish_surely(&format!("devices/{ID}/messages/events/"), "x").await);
    let path = format!("/devices/{ID}");
    assert_eq!(connection_state(&bench.hub("hub-east", "GET", &path, &[], None).await.body), "Connected");
}

#[tokio::test]
async fn a_connection_ends_when_its_signature_expires_on_the_domain_clock() {
    let bench = Bench::new().await;
    let mut talker = connected(&bench).await;
    bench.simulator.advance(SignedDuration::from_secs(590)).await.unwrap();
    assert!(talker.publish_surely(&format!("devices/{ID}/messages/events/"), "x").await);
    bench.simulator.advance(SignedDuration::from_secs(11)).await.unwrap();
    assert!(talker.read().await.is_none());
    let path = format!("/devices/{ID}");
    assert_eq!(connection_state(&bench.hub("hub-east", "GET", &path, &[], None).await.body), "Disconnected");
}

#[tokio::test]
async fn a_connection_ends_when_its_signature_expires_while_nothing_else_happens() {
    let bench = Bench::new().await;
    registered(&bench).await;
    let (mut talker, code) = to_hub(&bench.simulator, "hub-east", ID, &derive(GROUP_KEY, ID), 2).await;
    assert_eq!(code, ConnectReturnCode::Accepted);
    assert!(talker.read().await.is_none());
}

/// Whether a device is still connected after the hub's device was written, or deleted.
async fn survives(change: impl AsyncFn(&Bench, Value)) -> bool {
    let bench = Bench::new().await;
    let mut talker = connected(&bench).await;
    let device = bench.hub("hub-east", "GET", &format!("/devices/{ID}"), &[], None).await.body;
    change(&bench, device).await;
    talker.write(Packet::Pingreq).await;
    talker.read().await.is_some()
}

async fn put(bench: &Bench, device: &Value) {
    let got = bench.hub("hub-east", "PUT", &format!("/devices/{ID}"), &[("if-match", "*")], Some(device)).await;
    assert_eq!(got.status, 200, "{}", got.body);
}

#[tokio::test]
async fn a_connection_ends_with_the_right_to_it() {
    let rolled = async |slot: &str| {
        survives(async |bench, mut device| {
            device["authentication"]["symmetricKey"][slot] = GROUP_KEY.into();
            put(bench, &device).await;
        })
        .await
    };
    assert!(rolled("secondaryKey").await);
    assert!(!rolled("primaryKey").await);
    let disabled = async |bench: &Bench, mut device: Value| {
        device["status"] = "disabled".into();
        put(bench, &device).await;
    };
    assert!(!survives(disabled).await);
    let deleted = async |bench: &Bench, _: Value| {
        bench.hub("hub-east", "DELETE", &format!("/devices/{ID}"), &[("if-match", "*")], None).await;
    };
    assert!(!survives(deleted).await);
    assert!(!survives(async |bench, _| bench.simulator.seed(|azure| azure.delete_hub("hub-east"))).await);
    let swapped = async |bench: &Bench, mut device: Value| {
        let keys = &mut device["authentication"]["symmetricKey"];
        (keys["primaryKey"], keys["secondaryKey"]) = (keys["secondaryKey"].clone(), keys["primaryKey"].clone());
        put(bench, &device).await;
    };
    assert!(survives(swapped).await);
}

#[tokio::test]
async fn a_device_may_not_listen_or_speak_where_it_has_no_business() {
    let bench = Bench::new().await;
    let mut talker = connected(&bench).await;
    for filter in ["#", "devices/other/messages/devicebound/#", "devices/+/messages/events/#"] {
        assert_eq!(talker.subscribe(filter, QoS::Level1).await, SubscribeReturnCode::Failure, "{filter}");
    }
    let own = format!("devices/{ID}/messages/devicebound/#");
    assert_eq!(talker.subscribe(&own, QoS::Level2).await, SubscribeReturnCode::MaxLevel1);
    assert!(!talker.publish_surely("devices/other/messages/events/", "x").await);
    assert_eq!(bench.simulator.telemetry(), []);
}

#[tokio::test]
async fn who_does_not_listen_for_answers_gets_none() {
    let bench = Bench::new().await;
    let mut talker = connected(&bench).await;
    talker.publish("$iothub/twin/GET/?$rid=1", "").await;
    talker.write(Packet::Pingreq).await;
    assert_eq!(talker.read().await, Some(Packet::Pingresp));
}

#[tokio::test]
async fn the_fault_plan_hits_messages_as_it_hits_requests() {
    let bench = Bench::new().await;
    registered(&bench).await;
    let rule = |method: &str, fault| Rule {
        matching: Match { method: Some(method.to_owned()), host: Some("hub-east.azure-devices.net".to_owned()), ..Match::default() },
        occurrence: Occurrence::Nth(1),
        fault,
    };
    bench.simulator.faults().add(rule("CONNECT", Fault::Throttle { retry_after: 1 })).unwrap();
    bench.simulator.faults().add(rule("PUBLISH", Fault::LostAfter)).unwrap();
    let dial = async || to_hub(&bench.simulator, "hub-east", ID, &derive(GROUP_KEY, ID), 600).await;
    assert_eq!(dial().await.1, ConnectReturnCode::ServerUnavailable);
    let (mut talker, code) = dial().await;
    assert_eq!(code, ConnectReturnCode::Accepted);
    assert!(!talker.publish_surely(&format!("devices/{ID}/messages/events/"), "x").await);
    assert_eq!(bench.simulator.telemetry().len(), 1);
}

#[tokio::test]
async fn simulators_side_by_side_each_have_the_port_of_mqtt() {
    let open = async || Simulator::start(Options { mqtt: MqttListener::Anywhere, ..crate::bench::options() }).await.unwrap();
    let (one, other) = (open().await, open().await);
    let [first, second] = [&one, &other].map(|simulator| simulator.mqtt_address().unwrap());
    assert_eq!((first.port(), second.port()), (8_883, 8_883));
    assert_ne!(first, second);
    assert!(Simulator::start(Options { mqtt: MqttListener::At(first.ip()), ..crate::bench::options() }).await.is_err());
}
