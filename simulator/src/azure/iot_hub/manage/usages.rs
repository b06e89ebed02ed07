//! How many hubs of each kind a subscription has, and may have.

use serde_json::json;

use crate::azure::state::Azure;
use crate::engine::http::Response;

/// Free hubs that a subscription may have (Microsoft Learn: "IoT Hub quotas and throttling").
pub(crate) const FREE_HUBS: usize = 1;

/// The hubs of a subscription, free or paid.
pub(crate) fn hubs(azure: &Azure, subscription: &str, free: bool) -> usize {
    let here = azure.hubs().values().filter(|hub| hub.resource.subscription.eq_ignore_ascii_case(subscription));
    here.filter(|hub| (hub.sku == "F1") == free).count()
}

/// Answers what is used.
pub(crate) fn list(azure: &Azure, subscription: &str) -> Response {
    let entry = |free: bool, limit: usize| {
        let (name, words) = if free { ("freeIotHubCount", "Free IoT hubs") } else { ("paidIotHubCount", "Paid IoT hubs") };
        json!({
            "id": format!("/subscriptions/{subscription}/providers/Microsoft.Devices/usages/{name}"),
            "type": "Microsoft.Devices/usages",
            "unit": "Count",
            "currentValue": hubs(azure, subscription, free),
            "limit": limit,
            "name": { "value": name, "localizedValue": words },
        })
    };
    Response::json(200, json!({ "value": [entry(true, FREE_HUBS), entry(false, azure.options.limits.paid_hubs)] }))
}
