//! Somebody else's hands on devices, in hubs and in enrollments of their own, and on the authorities that sign for them.

use serde_json::{Value, json};

use crate::azure::dps::authority::Authority;
use crate::azure::dps::certificate::Certificate;
use crate::azure::iot_hub::hub::{Authentication, Device};
use crate::azure::iot_hub::twin::Twin;
use crate::azure::state::Azure;

impl Azure {
    /// A device of a hub as `GET /devices/{id}` would show it, keys and all.
    pub fn device(&self, hub: &str, id: &str) -> Option<Value> {
        let device = self.hubs.get(&hub.to_lowercase())?.devices.get(id)?;
        let keys = device.authentication.keys();
        Some(json!({
            "deviceId": device.id,
            "status": if device.enabled { "enabled" } else { "disabled" },
            "primaryKey": keys.map(|[primary, _]| primary),
            "secondaryKey": keys.map(|[_, secondary]| secondary),
            "messages": device.messages,
        }))
    }

    /// Makes a device with fresh keys in a hub, in place of the one that is there.
    pub fn add_device(&mut self, hub: &str, id: &str) {
        let label = format!("hub/{}/device/{id}", hub.to_lowercase());
        let authentication = Authentication::Keys {
            primary: self.keyring.key(&format!("{label}/primary")),
            secondary: self.keyring.key(&format!("{label}/secondary")),
        };
        let (now, etag, generation) = (self.looked, self.etag(), self.count().to_string());
        let device = Device {
            id: id.to_owned(),
            generation,
            etag,
            enabled: true,
            status_reason: None,
            authentication,
            edge: false,
            status_updated: now,
            last_activity: None,
            messages: 0,
            twin: Twin::new(now),
        };
        self.hub_mut(hub).devices.insert(id.to_owned(), device);
    }

    /// Enables or disables a device of a hub; nothing if the hub does not know it.
    pub fn set_device_enabled(&mut self, hub: &str, id: &str, enabled: bool) {
        let etag = self.etag();
        if let Some(device) = self.hub_mut(hub).devices.get_mut(id) {
            (device.enabled, device.etag) = (enabled, etag);
        }
    }

    /// Deletes a device of a hub.
    pub fn delete_device(&mut self, hub: &str, id: &str) {
        self.hub_mut(hub).devices.remove(id);
    }

    /// The keys of an individual enrollment, if it has keys: primary, then secondary.
    pub fn enrollment_keys(&self, service: &str, registration: &str) -> Option<(String, String)> {
        let individual = self.services.get(&service.to_lowercase())?.individuals.get(&registration.to_lowercase())?;
        let [primary, secondary] = individual.enrollment.attestation.keys()?;
        Some((primary.clone(), secondary.clone()))
    }

    /// Uploads an authority's certificate to a provisioning service, verified, in place of the one of that name.
    ///
    /// # Panics
    /// The text is no certificate.
    pub fn add_authority(&mut self, service: &str, name: &str, pem: &str) {
        let certificate = Certificate::read(pem).expect("a wrong certificate is a mistake of the test's author");
        let (now, etag) = (self.looked, self.etag());
        let authority = Authority { name: name.to_owned(), certificate, verified: true, code: None, etag, created: now, updated: now };
        self.service_mut(service).authorities.insert(name.to_lowercase(), authority);
    }
}
