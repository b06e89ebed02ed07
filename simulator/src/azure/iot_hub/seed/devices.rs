//! Devices that nobody registered over the API.

use serde_json::{Value, json};

use crate::azure::iot_hub::hub::{Authentication, Device};
use crate::azure::iot_hub::twin::Twin;
use crate::azure::state::Azure;

impl Azure {
    /// A device of a hub as `GET /devices/{id}` would show it, keys and all.
    pub fn device(&self, hub: &str, id: &str) -> Option<Value> {
        let device = self.hubs().get(&hub.to_lowercase())?.devices.get(id)?;
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
        let (now, etag, generation) = (self.settled, self.etag(), self.count().to_string());
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
}
