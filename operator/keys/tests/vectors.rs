//! What the vendors' libraries compute, computed by ours.

use jiff::Timestamp;
use moorage_keys::{DeviceId, HostName, IdScope, ModuleId, RegistrationId, SymmetricKey, Token, derive_device_key, sas};
use serde_json::Value;

const GROUP_KEY: &str = "rLuyBPpIJ+hOre2SFIP9Ajvdty3j0EwSP/WvTVH9eZAw5HpDuEmf13nziHy5RRXmuTy84FCLpOnhhBPASSbHYg==";

fn vectors() -> Value {
    serde_json::from_str(include_str!("vectors/sas-vectors.json")).expect("the vectors are JSON")
}

fn key(text: &str) -> SymmetricKey {
    SymmetricKey::from_base64(text).expect("a vector's key is a key")
}

fn device_key(group: &str, registration: &str) -> String {
    let registration = RegistrationId::parse(registration).expect("a vector's registration id is one");
    derive_device_key(&key(group), &registration).expose_base64().to_string()
}

#[test]
fn s0_6_a_device_key_is_derived_from_the_group_key_and_the_registration_id() {
    assert_eq!(device_key(GROUP_KEY, "contoso-simdevice-east"), "p3w2DQr9WqEGBLUSlFi1jPQ7UWQL4siAGy75HFTFbf8=");
    assert_eq!(device_key(GROUP_KEY, "contoso-simdevice-west"), "J5n4NY2GiBYy7Mp4lDDa5CbEe6zDU/c62rhjCuFWxnc=");
}

#[test]
fn s0_6_every_published_device_key_is_reproduced() {
    let vectors = vectors();
    let rows = vectors["derivedKeys"].as_array().expect("a list of keys");
    assert_eq!(rows.len(), 4);
    for row in rows {
        let field = |name: &str| row[name].as_str().expect("a text");
        assert_eq!(device_key(field("groupKey"), field("registrationId")), field("deviceKey"));
    }
}

/// Makes the token of one row; the rows of Event Hubs are not made yet.
fn token(name: &str, key: &SymmetricKey, expiry: Timestamp) -> Option<Token> {
    let hub = HostName::parse("hub-eus.azure-devices.net").expect("a host");
    let dps = HostName::parse("dps-1.azure-devices-provisioning.net").expect("a host");
    let registration = RegistrationId::parse("contoso-simdevice-east").expect("a registration id");
    let device = DeviceId::from(&registration);
    Some(match name {
        "hub-service" => sas::iot_hub_service(&hub, "iothubowner", key, expiry),
        "hub-device" => sas::iot_hub_device(&hub, &device, key, expiry),
        "hub-module" => sas::iot_hub_module(&hub, &device, &ModuleId::parse("m1").expect("a module"), key, expiry),
        "dps-service" => sas::dps_service(&dps, "provisioningserviceowner", key, expiry),
        "dps-device" => sas::dps_device(&IdScope::parse("0ne00123ABC").expect("an id scope"), &registration, key, expiry),
        _ => return None,
    })
}

#[test]
fn every_published_token_of_hubs_and_provisioning_services_is_reproduced() {
    let vectors = vectors();
    let mut made = 0;
    for row in vectors["sas"].as_array().expect("a list of tokens") {
        let field = |name: &str| row[name].as_str().expect("a text");
        let expiry = Timestamp::from_second(1_700_000_000).expect("a time");
        if let Some(token) = token(field("name"), &key(field("key")), expiry) {
            assert_eq!(token.expose(), field("token"), "{}", field("name"));
            made += 1;
        }
    }
    assert_eq!(made, 5);
}

#[test]
fn every_published_token_is_read_back_with_its_resource_policy_and_expiry() {
    for row in vectors()["sas"].as_array().expect("a list of tokens") {
        let field = |name: &str| row[name].as_str().expect("a text");
        let read = sas::parse(field("token")).expect("a vector's token is one");
        assert_eq!(read.resource(), field("resource"));
        assert_eq!(read.policy(), row["skn"].as_str());
        assert_eq!(read.expiry().as_second(), 1_700_000_000);
        let decoded = field("kind").starts_with("iot");
        assert_eq!(read.is_signed_by(&key(field("key"))), decoded, "{}", field("name"));
    }
}

#[test]
fn a_device_id_with_special_characters_is_escaped_in_the_path_and_again_in_the_token() {
    let hub = HostName::parse("hub-eus.azure-devices.net").expect("a host");
    let device = DeviceId::parse("line:1").expect("a device id");
    let key = key("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=");
    let token = sas::iot_hub_device(&hub, &device, &key, Timestamp::UNIX_EPOCH);
    let resource = "SharedAccessSignature sr=hub-eus.azure-devices.net%2Fdevices%2Fline%253A1&sig=";
    assert_eq!(token.expose().get(..resource.len()), Some(resource));
}

#[test]
fn an_expiry_is_digits_and_nothing_else() {
    let token = |expiry: &str| format!("SharedAccessSignature sr=h&sig=x&se={expiry}");
    assert_eq!(sas::expiry_of(&token("17")), Timestamp::from_second(17).ok());
    for expiry in ["+17", "-17", "1e3", "", " 17", "99999999999999999999", "9999999999999"] {
        assert_eq!(sas::expiry_of(&token(expiry)), None, "{expiry}");
    }
}
