//! From where a hub or a provisioning service can be reached, as its document says.

use serde_json::Value;

use super::Document;

/// From where the service API of a hub or a provisioning service can be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NetworkAccess {
    /// From everywhere.
    Public,
    /// From the addresses that its IP filter accepts, and through private endpoints.
    Filtered,
    /// Through private endpoints alone: its public network access is disabled, and its filter is ignored.
    Disabled,
}

/// Reads it; a document that says nothing is of a service that everybody reaches.
pub(super) fn access(document: &Document) -> NetworkAccess {
    let property = |name| document.get(&["properties", name]);
    if property("publicNetworkAccess").and_then(Value::as_str) == Some("Disabled") {
        return NetworkAccess::Disabled;
    }
    // A rule for devices alone says nothing of the service API; one without a target is for both.
    let is_for_service = |rule: &&Value| !rule["target"].as_str().is_some_and(|target| target.eq_ignore_ascii_case("deviceApi"));
    let rules = property("ipFilterRules").and_then(Value::as_array).into_iter().flatten().filter(is_for_service).count();
    let denies = |sets: &Value| sets["defaultAction"].as_str().is_some_and(|action| action.eq_ignore_ascii_case("Deny"));
    if rules > 0 || property("networkRuleSets").is_some_and(denies) { NetworkAccess::Filtered } else { NetworkAccess::Public }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{NetworkAccess, Value};
    use crate::azure::models::{hub::Hub, provisioning_service::ProvisioningService};

    #[test]
    fn from_where_a_service_can_be_reached_is_read_from_its_document() {
        let rule = |target: Value| json!([{ "filterName": "a", "action": "Reject", "ipMask": "0.0.0.0/0", "target": target }]);
        let table = [
            (json!({}), NetworkAccess::Public),
            (json!({ "publicNetworkAccess": "Enabled", "ipFilterRules": [] }), NetworkAccess::Public),
            (json!({ "publicNetworkAccess": "Disabled" }), NetworkAccess::Disabled),
            (json!({ "publicNetworkAccess": "Disabled", "ipFilterRules": rule(json!("all")) }), NetworkAccess::Disabled),
            (json!({ "ipFilterRules": rule(json!("all")) }), NetworkAccess::Filtered),
            (json!({ "ipFilterRules": rule(json!("serviceApi")) }), NetworkAccess::Filtered),
            (json!({ "ipFilterRules": rule(Value::Null) }), NetworkAccess::Filtered),
            (json!({ "ipFilterRules": rule(json!("deviceApi")) }), NetworkAccess::Public),
            (json!({ "networkRuleSets": { "defaultAction": "Deny", "ipRules": [] } }), NetworkAccess::Filtered),
            (json!({ "networkRuleSets": { "defaultAction": "Allow", "ipRules": [] } }), NetworkAccess::Public),
        ];
        for (properties, expected) in table {
            let document = json!({ "properties": properties });
            let service: ProvisioningService = serde_json::from_value(document.clone()).expect("a service");
            let hub: Hub = serde_json::from_value(document.clone()).expect("a hub");
            assert_eq!((service.network_access(), hub.network_access()), (expected, expected), "{document}");
        }
    }
}
