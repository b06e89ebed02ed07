//! The firewalls of hubs and provisioning services (Microsoft Learn: "Use IoT Hub IP filters", "Use Azure IoT DPS IP connection filters",
//! "Manage public network access for your IoT Device Provisioning Service").

use std::net::IpAddr;

use serde_json::{Map, Value};

use crate::azure::options::Network;

/// Which of the two interfaces of a service is called.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// Its owner's.
    Service,
    /// Its devices'.
    Device,
}

/// Whether a service with these `properties` answers a caller from an address; `private` are the networks that come through a private endpoint.
///
/// The first rule that fits decides; an address that fits none is let in. What `networkRuleSets` denies by default is let in by a rule alone.
pub(crate) fn lets_in(properties: &Map<String, Value>, side: Side, from: IpAddr, private: &[Network]) -> bool {
    if private.iter().any(|network| network.contains(from)) {
        return true;
    }
    let is = |value: &Value, text: &str| value.as_str().is_some_and(|value| value.eq_ignore_ascii_case(text));
    if properties.get("publicNetworkAccess").is_some_and(|access| is(access, "Disabled")) {
        return false;
    }
    let fits = |rule: &&Value| rule["ipMask"].as_str().and_then(mask).is_some_and(|mask| mask.contains(from));
    let other = if side == Side::Service { "deviceApi" } else { "serviceApi" };
    let mut rules = properties.get("ipFilterRules").and_then(Value::as_array).into_iter().flatten();
    if rules.find(|rule| !is(&rule["target"], other) && fits(rule)).is_some_and(|rule| is(&rule["action"], "Reject")) {
        return false;
    }
    let Some(sets) = properties.get("networkRuleSets").filter(|sets| is(&sets["defaultAction"], "Deny")) else { return true };
    sets["ipRules"].as_array().into_iter().flatten().any(|rule| fits(&rule))
}

/// A mask as 10.0.0.0/8, or one address.
fn mask(text: &str) -> Option<Network> {
    let (address, prefix) = text.split_once('/').unwrap_or((text, ""));
    let address: IpAddr = address.parse().ok()?;
    let whole = if address.is_ipv4() { 32 } else { 128 };
    let prefix = if prefix.is_empty() { whole } else { prefix.parse().ok().filter(|prefix| *prefix <= whole)? };
    Some(Network { address, prefix, region: String::new() })
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value, json};

    use super::{Side, lets_in};
    use crate::azure::options::Network;

    #[test]
    fn a_firewall_lets_in_whom_its_first_fitting_rule_accepts_and_whoever_comes_by_a_private_endpoint() {
        let rule = |action: &str, mask: &str, target: Option<&str>| json!({ "filterName": "a", "action": action, "ipMask": mask, "target": target });
        let all = rule("Reject", "0.0.0.0/0", None);
        let rules = |rules: &[Value]| json!({ "ipFilterRules": rules });
        let table = [
            (json!({}), [true, true]),
            (json!({ "publicNetworkAccess": "Enabled" }), [true, true]),
            (json!({ "publicNetworkAccess": "Disabled" }), [false, false]),
            (json!({ "publicNetworkAccess": "Disabled", "ipFilterRules": [rule("Accept", "0.0.0.0/0", None)] }), [false, false]),
            (rules(std::slice::from_ref(&all)), [false, false]),
            (rules(&[rule("Accept", "127.0.1.0/24", None), all.clone()]), [true, true]),
            (rules(&[rule("Accept", "127.0.1.9", None), all.clone()]), [true, true]),
            (rules(&[all.clone(), rule("Accept", "127.0.1.0/24", None)]), [false, false]),
            (rules(&[rule("Reject", "127.0.1.0/24", Some("serviceApi"))]), [false, true]),
            (rules(&[rule("Reject", "127.0.1.0/24", Some("deviceApi"))]), [true, false]),
            (rules(&[rule("Reject", "127.0.1.0/24", Some("all"))]), [false, false]),
            (rules(&[rule("Reject", "10.0.0.0/8", None)]), [true, true]),
            (json!({ "networkRuleSets": { "defaultAction": "Deny", "ipRules": [] } }), [false, false]),
            (json!({ "networkRuleSets": { "defaultAction": "Allow", "ipRules": [] } }), [true, true]),
            (json!({ "networkRuleSets": { "defaultAction": "Deny", "ipRules": [rule("Allow", "127.0.1.0/24", None)] } }), [true, true]),
        ];
        let from = "127.0.1.9".parse().expect("an address");
        let private: Network = "127.0.1.0/24=eastus".parse().expect("a network");
        for (properties, expected) in table {
            let map: Map<String, Value> = properties.as_object().cloned().unwrap_or_default();
            let seen = [Side::Service, Side::Device].map(|side| lets_in(&map, side, from, &[]));
            assert_eq!(seen, expected, "{properties}");
            assert!(lets_in(&map, Side::Service, from, std::slice::from_ref(&private)), "through a private endpoint");
        }
    }
}
