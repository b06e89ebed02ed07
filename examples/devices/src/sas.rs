//! Shared access signatures, as both services take them from a device.

use anyhow::Context as _;
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

/// Signs for a resource, until a time in seconds, with a key in base64; `skn` names the key where the service asks for a name.
pub fn sign(resource: &str, key: &str, skn: Option<&str>, expiry: i64) -> anyhow::Result<String> {
    let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let key = STANDARD.decode(key).context("the device's key is no base64")?;
    let signed = encode(resource);
    let signature = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), format!("{signed}\n{expiry}").as_bytes());
    let signature = encode(&STANDARD.encode(signature));
    let skn = skn.map_or_else(String::new, |name| format!("&skn={name}"));
    Ok(format!("SharedAccessSignature sr={signed}&sig={signature}&se={expiry}{skn}"))
}

#[cfg(test)]
mod tests {
    use super::sign;

    #[test]
    fn a_signature_covers_the_encoded_resource_and_the_expiry() -> anyhow::Result<()> {
        // By `printf 'hub%%2Fdevices%%2Fd1\n1700000000' | openssl dgst -sha256 -mac HMAC -macopt hexkey:000102…1f -binary | base64`.
        let key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
        let signed = sign("hub/devices/d1", key, None, 1_700_000_000)?;
        assert_eq!(
            signed,
            "SharedAccessSignature sr=hub%2Fdevices%2Fd1&sig=Of03J%2B5OKxonGVbuhUlCXiDz0%2F7qVZwGPhSj%2Bh%2FHhZM%3D&se=1700000000"
        );
        assert_eq!(sign("hub/devices/d1", key, Some("registration"), 1_700_000_000)?, format!("{signed}&skn=registration"));
        assert!(sign("hub", "no base64", None, 0).is_err());
        Ok(())
    }
}
