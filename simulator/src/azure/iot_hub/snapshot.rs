//! Hubs, and the devices in them, as text.

use serde_json::Value;

use crate::azure::iot_hub::hub::{Authentication, Device, Hub};
use crate::azure::iot_hub::manage::document::masked_properties;
use crate::azure::microsoft_devices::policies;
use crate::azure::resource;
use crate::azure::state::Azure;
use crate::engine::snapshot::{Snapshot, canonical, tags};

/// Prints a hub with its roles and devices.
pub(crate) fn hub(page: &mut Snapshot<'_>, azure: &Azure, hub: &Hub) {
    let sku = format!(" {}x{}", hub.sku, hub.capacity);
    resource::print(page, "hub", &hub.resource, &sku);
    if let Some(identity) = &hub.identity {
        page.line(1, &format!("identity {}", canonical(identity)));
    }
    // The values of connection strings must not be shown.
    let properties = masked_properties(hub);
    page.line(1, &format!("properties {}", canonical(&Value::Object(properties))));
    policies::print(page, &hub.policies);
    let scope = hub.resource.scope();
    for role in azure.roles.values().filter(|role| role.scope == scope) {
        page.line(1, &format!("role {} of {}", role.role(), role.principal));
    }
    for device in hub.devices.values() {
        print_device(page, device);
    }
}

fn print_device(page: &mut Snapshot<'_>, device: &Device) {
    let proof = match &device.authentication {
        Authentication::Keys { primary, secondary } => [primary, secondary].map(|key| page.secret_of(&device.id, key)).join(" "),
        Authentication::Thumbprints { primary, secondary } => {
            let slots = [primary, secondary].map(|slot| slot.as_ref().map_or_else(|| "-".to_owned(), |thumbprint| page.secret(thumbprint)));
            format!("thumbprints {}", slots.join(" "))
        }
    };
    let status = if device.enabled { "enabled" } else { "disabled" };
    page.line(1, &format!("device {} {status} {proof}", device.id));
    if !device.twin.is_empty() {
        let [desired, reported] =
            [&device.twin.desired, &device.twin.reported].map(|part| canonical(&Value::Object(part.values().clone())));
        page.line(2, &format!("twin{} desired {desired} reported {reported}", tags(&device.twin.tags)));
    }
}
