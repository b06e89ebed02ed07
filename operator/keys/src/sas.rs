//! Shared access signatures: made for IoT hubs and provisioning services, and read back.
//!
//! Every maker is one line over [`sign`]; services differ in the resource text, in the bytes of the signing key
//! and in the policy name.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use zeroize::Zeroizing;

use crate::hmac_sha256::hmac_sha256;
use crate::{DeviceId, HostName, IdScope, ModuleId, RegistrationId, SymmetricKey, Token};

mod read;

pub use read::{Sas, SasError, expiry_of, parse};

/// The policy name that devices send to a provisioning service.
const REGISTRATION_POLICY: &str = "registration";

const PREFIX: &str = "SharedAccessSignature ";
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A token for an IoT hub's service API, signed by one of its policies
/// (Microsoft: "Control access to IoT Hub with shared access signatures").
pub fn iot_hub_service(host: &HostName, policy: &str, key: &SymmetricKey, expiry: Timestamp) -> Token {
    sign(host.as_str(), key.expose_bytes(), Some(policy), expiry)
}

/// A token with which a device connects to its IoT hub, signed by the device's own key.
pub fn iot_hub_device(host: &HostName, device: &DeviceId, key: &SymmetricKey, expiry: Timestamp) -> Token {
    let resource = format!("{host}/devices/{}", escape(device.as_str()));
    sign(&resource, key.expose_bytes(), None, expiry)
}

/// A token with which a module connects to its IoT hub, signed by the module's own key.
pub fn iot_hub_module(host: &HostName, device: &DeviceId, module: &ModuleId, key: &SymmetricKey, expiry: Timestamp) -> Token {
    let resource = format!("{host}/devices/{}/modules/{}", escape(device.as_str()), escape(module.as_str()));
    sign(&resource, key.expose_bytes(), None, expiry)
}

/// A token for a provisioning service's service API, signed by one of its policies
/// (Microsoft: "Control access to Azure IoT Hub Device Provisioning Service with shared access signatures").
pub fn dps_service(host: &HostName, policy: &str, key: &SymmetricKey, expiry: Timestamp) -> Token {
    sign(host.as_str(), key.expose_bytes(), Some(policy), expiry)
}

/// A token with which a device registers at a provisioning service, signed by its own or its derived key.
pub fn dps_device(scope: &IdScope, registration: &RegistrationId, key: &SymmetricKey, expiry: Timestamp) -> Token {
    let resource = format!("{scope}/registrations/{registration}");
    sign(&resource, key.expose_bytes(), Some(REGISTRATION_POLICY), expiry)
}

/// Signs one resource until `expiry`, which is cut to whole seconds.
fn sign(resource: &str, key: &[u8], policy: Option<&str>, expiry: Timestamp) -> Token {
    let resource = escape(resource);
    let expiry = expiry.as_second().to_string();
    let signature = signature(&resource, &expiry, key);
    let signature = Zeroizing::new(escape(&signature));
    let mut token = format!("{PREFIX}sr={resource}&sig={}&se={expiry}", signature.as_str());
    if let Some(policy) = policy {
        token.push_str("&skn=");
        token.push_str(&escape(policy));
    }
    Token::new(token)
}

/// The signature over resource and expiry in exactly the texts that are sent.
fn signature(escaped_resource: &str, expiry: &str, key: &[u8]) -> Zeroizing<String> {
    let mac = Zeroizing::new(hmac_sha256(key, [escaped_resource.as_bytes(), b"\n", expiry.as_bytes()]));
    Zeroizing::new(STANDARD.encode(mac.as_slice()))
}

fn escape(text: &str) -> String {
    utf8_percent_encode(text, ESCAPED).to_string()
}
