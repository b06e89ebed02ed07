use moorage_keys::sas::{Sas, expiry_of, iot_hub_service, parse};
use moorage_keys::{HostName, SymmetricKey};

use super::{KEY, Outcome, assert_untold, secrets, told};

const PREFIX: &str = "SharedAccessSignature ";

/// What the key of the corpus has signed, in the texts that were signed.
const SIGNED: [(&str, &str); 2] =
    [("contoso-east-hub.azure-devices.net", "1782907200"), ("0ne00123ABC%2Fregistrations%2Fcontoso-device", "1782910800")];

/// Shared access signatures, as devices, Secrets and people bring them.
pub fn sas(data: &[u8]) -> Outcome {
    let Ok(text) = str::from_utf8(data) else { return Outcome::Refused };
    let read = parse(text);
    assert_eq!(expiry_of(text), read.as_ref().ok().map(Sas::expiry));
    match &read {
        Err(error) => secrets(text, &[' ', '&', '=']).for_each(|part| assert_untold(part, &told(error))),
        Ok(read) => {
            assert!(text.len() <= 8 * 1024, "it is read whatever its length");
            is_not_forged(read, text);
            is_not_shown(read, text);
            can_be_made_again(read);
        }
    }
    Outcome::of(read.ok().as_ref())
}

fn field<'a>(text: &'a str, name: &str) -> &'a str {
    let fields = text.strip_prefix(PREFIX).unwrap_or_default().split('&');
    fields.filter_map(|field| field.split_once('=')).find_map(|(found, value)| (found == name).then_some(value)).unwrap_or_default()
}

/// Whoever has no key cannot make a signature for anything, nor for any other time.
fn is_not_forged(read: &Sas, text: &str) {
    let signed = read.is_signed_by(&key());
    let genuine = SIGNED.contains(&(field(text, "sr"), field(text, "se")));
    assert!(genuine || !signed, "it was not signed for this, or not until then");
}

fn is_not_shown(read: &Sas, text: &str) {
    let signature = field(text, "sig");
    let elsewhere = read.resource().contains(signature) || read.policy().unwrap_or_default().contains(signature);
    if !elsewhere {
        assert_untold(signature, &format!("{read:?}"));
    }
}

fn can_be_made_again(read: &Sas) {
    let Ok(host) = HostName::parse(read.resource()) else { return };
    let policy = read.policy().unwrap_or("iothubowner");
    let made = iot_hub_service(&host, policy, &key(), read.expiry());
    let again = parse(made.expose()).expect("what is made can be read");
    assert_eq!((again.resource(), again.policy(), again.expiry()), (host.as_str(), Some(policy), read.expiry()));
    assert!(again.is_signed_by(&key()), "its own key does not know it");
    assert!(!again.is_signed_by(&SymmetricKey::from([7; 32])), "any key will do");
}

fn key() -> SymmetricKey {
    SymmetricKey::from_base64(KEY).expect("a constant key")
}
