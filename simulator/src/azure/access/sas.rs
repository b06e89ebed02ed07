//! Shared access signatures as the services check them
//! (Microsoft Learn: "Control access to IoT Hub with shared access signatures").

use aws_lc_rs::constant_time;
use jiff::Timestamp;
use percent_encoding::percent_decode_str;

use crate::engine::keys::{decode, hmac_sha256};

/// A signature as received, its claims not yet proved.
#[derive(Clone)]
pub(crate) struct Signature {
    /// The `sr` text as received; this is what was signed.
    signed: String,
    /// The resource that `sr` names, decoded.
    pub resource: String,
    mac: Vec<u8>,
    /// The signature's base64 text, decoded from its percent encoding.
    pub sig: String,
    expiry: i64,
    expiry_text: String,
    /// The policy's name.
    pub policy: Option<String>,
}

impl Signature {
    /// Reads the `Authorization` header's text; `None` when it is no shared access signature.
    pub fn parse(header: &str) -> Option<Self> {
        let fields = header.strip_prefix("SharedAccessSignature ")?;
        let field = |name: &str| {
            fields.split('&').filter_map(|pair| pair.trim().split_once('=')).find_map(|(key, value)| (key == name).then_some(value))
        };
        let plain = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let (signed, expiry) = (field("sr")?, field("se")?);
        let sig = plain(field("sig")?);
        Some(Self {
            resource: plain(signed),
            signed: signed.to_owned(),
            mac: decode(&sig)?,
            sig,
            expiry: expiry.parse().ok()?,
            expiry_text: expiry.to_owned(),
            policy: field("skn").filter(|name| !name.is_empty()).map(plain),
        })
    }

    /// Whether the base64 key made this signature.
    pub fn made_with(&self, key: &str) -> bool {
        let Some(key) = decode(key) else {
            return false;
        };
        let text = format!("{}\n{}", self.signed, self.expiry_text);
        let expected = hmac_sha256(&key, text.as_bytes());
        constant_time::verify_slices_are_equal(&expected, &self.mac).is_ok()
    }

    /// When it expires; what is beyond all time is for ever.
    pub fn expiry(&self) -> Timestamp {
        Timestamp::from_second(self.expiry).unwrap_or(Timestamp::MAX)
    }

    /// Whether it has expired.
    pub fn expired(&self, now: Timestamp) -> bool {
        self.expiry <= now.as_second()
    }

    /// Whether the resource is `path` or a prefix of it by whole segments; the first segment, a
    /// host or an id scope, is compared without regard to case.
    pub fn covers(&self, path: &str) -> bool {
        let mut wanted = path.split('/');
        self.resource.trim_end_matches('/').split('/').enumerate().all(|(place, segment)| {
            wanted.next().is_some_and(|other| {
                let segment = percent_decode_str(segment).decode_utf8_lossy();
                segment == other || (place == 0 && segment.eq_ignore_ascii_case(other))
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::Value;

    use super::Signature;

    fn vectors() -> Vec<Value> {
        let text = include_str!("../../../tests/vectors/sas-vectors.json");
        let vectors: Value = serde_json::from_str(text).expect("the vectors are JSON");
        vectors["sas"].as_array().expect("the vectors are a list").clone()
    }

    #[test]
    fn every_vector_of_iot_hub_and_the_provisioning_service_is_accepted_with_its_key_alone() {
        let mut checked = 0;
        for row in vectors() {
            if row["kind"].as_str().is_some_and(|kind| kind.starts_with("eventhubs")) {
                continue;
            }
            let text = |field: &str| row[field].as_str().unwrap_or_default().to_owned();
            let signature = Signature::parse(&text("token")).expect("the vector is a signature");
            assert_eq!(signature.resource, text("resource"));
            assert_eq!(signature.policy.clone().unwrap_or_default(), text("skn"));
            assert!(signature.made_with(&text("key")), "{}", text("name"));
            assert!(!signature.made_with("AAAA"), "{}", text("name"));
            assert!(signature.expired(Timestamp::from_second(1_700_000_000).expect("a time")));
            assert!(!signature.expired(Timestamp::from_second(1_699_999_999).expect("a time")));
            checked += 1;
        }
        assert_eq!(checked, 5);
    }

    #[test]
    fn a_signature_is_checked_over_the_text_that_came_not_over_a_rewritten_one() {
        let key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
        let signed = "hub%2fdevices%2fd";
        let bytes = crate::engine::keys::decode(key).expect("the key is base64");
        let mac = crate::engine::keys::encode(&crate::engine::keys::hmac_sha256(&bytes, format!("{signed}\n9").as_bytes()));
        // The slash of base64 left as it is, as one SDK sends it.
        let sig = mac.replace('+', "%2B").replace('=', "%3D");
        let header = format!("SharedAccessSignature sr={signed}&sig={sig}&se=9");
        let signature = Signature::parse(&header).expect("a signature");
        assert!(signature.made_with(key));
        assert!(signature.covers("hub/devices/d/messages/events"));
        assert!(!signature.covers("hub/devices/dd"));
    }
}
