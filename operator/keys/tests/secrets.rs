//! Keys and tokens: what is refused, and that nothing prints them.

use jiff::Timestamp;
use moorage_keys::{
    ConnectionString, ConnectionStringError, DeviceId, HostName, KeyError, ModuleId, Subject, SymmetricKey, Token, keyed_digest,
    owner_hash, sas,
};

const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

fn key() -> SymmetricKey {
    SymmetricKey::from_base64(KEY).expect("a key")
}

fn hub() -> HostName {
    HostName::parse("hub-eus.azure-devices.net").expect("a host")
}

#[test]
fn a_key_is_16_to_64_bytes_of_base64() {
    let refused = |text: &str| SymmetricKey::from_base64(text).expect_err("no key");
    assert_eq!(refused(""), KeyError::Empty);
    assert_eq!(refused(" \n"), KeyError::Empty);
    assert_eq!(refused("****"), KeyError::Masked);
    assert_eq!(refused("AAECAwQFBgcICQoLDA0O"), KeyError::Length(15));
    assert_eq!(refused("AAECAwQFBgcICQoLDA0OD"), KeyError::NotBase64);
    assert_eq!(refused("hunter2!"), KeyError::NotBase64);
    assert_eq!(refused(&"A".repeat(88)), KeyError::Length(66));
    assert_eq!(refused(&"A".repeat(92)), KeyError::TooLong);
    assert_eq!(SymmetricKey::from_bytes(&[7; 65]), Err(KeyError::Length(65)));
    assert!(SymmetricKey::from_bytes(&[7; 64]).is_ok());
    assert!(SymmetricKey::from_bytes(&[7; 16]).is_ok());
}

#[test]
fn a_key_from_a_file_with_a_last_newline_is_the_same_key() {
    assert_eq!(SymmetricKey::from_base64(&format!("{KEY}\n")), Ok(key()));
}

#[test]
fn debug_and_display_show_no_key_and_no_token() {
    let connection = ConnectionString::service(hub(), "iothubowner", key()).expect("a policy name");
    let token = sas::iot_hub_service(&hub(), "iothubowner", &key(), Timestamp::UNIX_EPOCH);
    assert_eq!(format!("{:?}", key()), "SymmetricKey(…)");
    assert_eq!(format!("{:?}", Token::new("secret")), "Token(…)");
    assert_eq!(connection.to_string(), "policy iothubowner of hub-eus.azure-devices.net");
    assert_eq!(
        format!("{connection:?}"),
        r#"ConnectionString { host: HostName("hub-eus.azure-devices.net"), subject: Policy("iothubowner"), key: Some(SymmetricKey(…)) }"#
    );
    assert_eq!(
        format!("{:?}", sas::parse(token.expose())),
        r#"Ok(Sas { resource: "hub-eus.azure-devices.net", policy: Some("iothubowner"), expiry: 1970-01-01T00:00:00Z, .. })"#
    );
}

#[test]
fn connection_strings_of_policies_devices_and_modules_have_microsofts_form() {
    let device = DeviceId::parse("d1").expect("a device id");
    let module = ModuleId::parse("m1").expect("a module id");
    let service = ConnectionString::service(hub(), "iothubowner", key()).expect("a policy name");
    assert_eq!(
        service.expose().expose(),
        format!("HostName=hub-eus.azure-devices.net;SharedAccessKeyName=iothubowner;SharedAccessKey={KEY}")
    );
    assert_eq!(
        ConnectionString::device(hub(), device.clone(), key()).expose().expose(),
        format!("HostName=hub-eus.azure-devices.net;DeviceId=d1;SharedAccessKey={KEY}")
    );
    assert_eq!(
        ConnectionString::module(hub(), device, module, key()).expose().expose(),
        format!("HostName=hub-eus.azure-devices.net;DeviceId=d1;ModuleId=m1;SharedAccessKey={KEY}")
    );
}

#[test]
fn a_connection_string_that_the_cloud_masked_keeps_all_but_its_key() {
    let text = "HostName=Hub-Eus.azure-devices.net;SharedAccessKeyName=iothubowner;SharedAccessKey=****";
    let read = ConnectionString::parse(text).expect("a connection string");
    assert!(read.is_masked());
    assert_eq!((read.host(), read.key()), (&hub(), None));
    assert_eq!(read.subject(), &Subject::Policy("iothubowner".to_owned()));
    assert_eq!(read.expose().expose(), "HostName=hub-eus.azure-devices.net;SharedAccessKeyName=iothubowner;SharedAccessKey=****");
}

#[test]
fn a_malformed_connection_string_is_refused_with_the_part_that_is_wrong() {
    use ConnectionStringError as Error;
    let refused = |text: &str| ConnectionString::parse(text).expect_err("no connection string");
    assert_eq!(refused(""), Error::Missing("HostName"));
    assert_eq!(refused("HostName=h.net"), Error::Missing("SharedAccessKey"));
    assert_eq!(refused("HostName=h.net;SharedAccessKey=****"), Error::Missing("SharedAccessKeyName or DeviceId"));
    assert_eq!(refused("HostName=h.net;HostName=h.net"), Error::Twice("HostName"));
    assert_eq!(refused("HostName"), Error::Shape);
    assert_eq!(refused("HostName=h.net;Endpoint=sb"), Error::UnknownPart);
    assert_eq!(refused("HostName=h.net;ModuleId=m;SharedAccessKey=****"), Error::Subject);
    assert_eq!(refused("HostName=h.net;DeviceId=d;SharedAccessKey=hunter2"), Error::Key(KeyError::NotBase64));
    assert_eq!(refused(&"x".repeat(5000)), Error::TooLong);
}

#[test]
fn a_policy_name_cannot_smuggle_a_part_into_a_connection_string() {
    let smuggled = ConnectionString::service(hub(), "a;HostName=evil.example", key());
    assert_eq!(smuggled, Err(ConnectionStringError::Policy));
}

#[test]
fn a_keyed_digest_is_32_hexadecimal_characters_and_does_not_change_between_versions() {
    let digest = keyed_digest(&key(), ["deviceKey", "abc"]);
    assert_eq!(digest.to_string(), "39875cec17d526a0cbbb0bd1885c4869");
    assert_ne!(digest, keyed_digest(&key(), ["deviceKeya", "bc"]));
    assert_ne!(digest, keyed_digest(&key(), ["deviceKey", "abc", ""]));
    assert_ne!(digest, keyed_digest(&SymmetricKey::from([9_u8; 32]), ["deviceKey", "abc"]));
}

#[test]
fn an_owner_hash_is_16_lower_case_characters_and_does_not_change_between_versions() {
    let hash = owner_hash("prod", "TenantHubGroup", "contoso", "hubs");
    assert_eq!(hash, "ep7ipmphdxsbrxa6");
    assert_ne!(hash, owner_hash("prod", "TenantHubGroup", "contos", "ohubs"));
    assert_ne!(hash, owner_hash("test", "TenantHubGroup", "contoso", "hubs"));
}
