//! What holds for every input, friendly or hostile.

use jiff::Timestamp;
use moorage_keys::{ConnectionString, DeviceId, HostName, IdError, IdScope, ModuleId, RegistrationId, SymmetricKey, sas};
use proptest::prelude::*;

fn key() -> impl Strategy<Value = SymmetricKey> {
    prop::collection::vec(any::<u8>(), 16..=64).prop_map(|bytes| SymmetricKey::from_bytes(&bytes).expect("16 to 64"))
}

fn host() -> impl Strategy<Value = HostName> {
    "[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?(\\.[a-z]{2,8}){1,3}".prop_map(|text| HostName::parse(&text).expect("a host"))
}

fn device() -> impl Strategy<Value = DeviceId> {
    "[-A-Za-z0-9.%_*?!(),:=@$']{1,128}".prop_map(|text| DeviceId::parse(&text).expect("a device id"))
}

fn near_token() -> impl Strategy<Value = String> {
    let field = prop_oneof!["sr=[a-z%2F.]{0,12}", "sig=[A-Za-z0-9%+/=]{0,12}", "se=[-+0-9]{0,25}", "skn=\\PC{0,8}"];
    prop::collection::vec(field, 0..6).prop_map(|fields| format!("SharedAccessSignature {}", fields.join("&")))
}

proptest! {
    #[test]
    fn a_key_survives_base64(key in key()) {
        prop_assert_eq!(SymmetricKey::from_base64(&key.expose_base64()), Ok(key));
    }

    #[test]
    fn a_registration_id_is_taken_as_it_is(text in "[-a-z0-9._:]{0,127}[-a-z0-9]") {
        let id = RegistrationId::parse(&text).expect("a registration id");
        prop_assert_eq!(id.as_str(), text.as_str());
        prop_assert_eq!(DeviceId::parse(&text), Ok(DeviceId::from(&id)));
    }

    #[test]
    fn a_registration_id_with_another_character_is_refused(
        before in "[a-z0-9]{0,10}", wrong in "[^-a-z0-9._:]", after in "[a-z0-9]{1,10}",
    ) {
        let refused = matches!(RegistrationId::parse(&format!("{before}{wrong}{after}")), Err(IdError::Character { .. }));
        prop_assert!(refused);
    }

    #[test]
    fn a_token_is_read_back_as_it_was_made(
        host in host(), policy in "\\PC{1,30}", key in key(), other in key(), second in 0..253_402_207_200_i64,
    ) {
        let expiry = Timestamp::from_second(second).expect("a time");
        let token = sas::iot_hub_service(&host, &policy, &key, expiry);
        let read = sas::parse(token.expose()).expect("our own token");
        prop_assert_eq!(read.resource(), host.as_str());
        prop_assert_eq!(read.policy(), Some(policy.as_str()));
        prop_assert_eq!(read.expiry(), expiry);
        prop_assert!(read.is_signed_by(&key));
        prop_assert_eq!(read.is_signed_by(&other), key == other);
    }

    #[test]
    fn a_connection_string_is_read_back_as_it_was_made(host in host(), device in device(), key in key()) {
        let module = ModuleId::parse("m1").expect("a module id");
        for made in [
            ConnectionString::service(host.clone(), "registryReadWrite", key.clone()).expect("a policy name"),
            ConnectionString::device(host.clone(), device.clone(), key.clone()),
            ConnectionString::module(host, device, module, key),
        ] {
            prop_assert_eq!(ConnectionString::parse(made.expose().expose()), Ok(made));
        }
    }

    #[test]
    fn hostile_text_never_panics_and_is_never_shown(text in "\\PC{0,300}") {
        let errors = [
            sas::parse(&text).err().map(|error| format!("{error} {error:?}")),
            ConnectionString::parse(&text).err().map(|error| format!("{error} {error:?}")),
            SymmetricKey::from_base64(&text).err().map(|error| format!("{error} {error:?}")),
            IdScope::parse(&text).err().map(|error| error.to_string()),
            HostName::parse(&text).err().map(|error| error.to_string()),
        ];
        for error in errors.into_iter().flatten() {
            prop_assert!(text.chars().count() < 12 || !error.contains(&text));
        }
    }

    #[test]
    fn a_text_that_looks_like_a_token_never_panics(text in near_token()) {
        prop_assert_eq!(sas::expiry_of(&text), sas::parse(&text).ok().map(|read| read.expiry()));
    }

    #[test]
    fn a_text_that_looks_like_a_connection_string_never_panics(
        parts in prop::collection::vec("(HostName|SharedAccessKeyName|SharedAccessKey|DeviceId|ModuleId|x)=?\\PC{0,12}", 0..6),
    ) {
        let _ = ConnectionString::parse(&parts.join(";"));
    }
}
