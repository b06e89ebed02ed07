//! The simulated Azure: what its services share, a folder for each of them, and the one list of them.

pub(crate) mod access;
mod arm;
mod cloud;
pub(crate) mod clouds;
pub(crate) mod dps;
mod entra;
pub(crate) mod iot_hub;
mod microsoft_devices;
pub(crate) mod options;
mod resource;
mod service;
pub(crate) mod state;

use std::sync::LazyLock;

use crate::azure::clouds::AzureCloud;
use crate::azure::service::Service;
use crate::spec::{SpecBook, Specs};

/// Every service; they are asked, and print themselves, in this order.
pub(crate) static SERVICES: &[&dyn Service] = &[&arm::ResourceManager, &entra::Entra, &iot_hub::IotHub, &dps::Provisioning];

/// The hosts, and the ends of hosts, that no name server of a cloud knows: those of the others.
pub(crate) fn hosts_elsewhere(cloud: AzureCloud) -> Vec<&'static str> {
    SERVICES.iter().flat_map(|service| service.hosts()).flat_map(|names| names.elsewhere(cloud)).collect()
}

fn specs() -> Vec<Specs> {
    SERVICES.iter().map(|service| service.specs()).collect()
}

impl SpecBook {
    /// The one book of the process, with all that Azure's services declare; made when first asked for.
    pub fn azure() -> &'static Self {
        static BOOK: LazyLock<SpecBook> = LazyLock::new(|| SpecBook::read(specs()));
        &BOOK
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::specs;
    use crate::spec::{Change, Library};

    fn references<'v>(value: &'v Value, found: &mut Vec<&'v str>) {
        match value {
            Value::Object(map) => {
                found.extend(map.get("$ref").and_then(Value::as_str));
                map.values().for_each(|inner| references(inner, found));
            }
            Value::Array(items) => items.iter().for_each(|inner| references(inner, found)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    fn patterns<'v>(value: &'v Value, found: &mut Vec<&'v str>) {
        match value {
            Value::Object(map) => {
                found.extend(map.get("pattern").and_then(Value::as_str));
                map.values().for_each(|inner| patterns(inner, found));
            }
            Value::Array(items) => items.iter().for_each(|inner| patterns(inner, found)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    #[test]
    fn each_reference_of_the_embedded_files_leads_somewhere() {
        let library = Library::of(&specs());
        let mut followed = 0;
        for (name, document) in library.documents() {
            let mut found = Vec::new();
            references(document, &mut found);
            for reference in found {
                assert!(library.resolve(name, reference).is_some(), "{reference} in {name}");
                followed += 1;
            }
        }
        assert!(followed > 500, "only {followed} references");
    }

    #[test]
    fn each_pattern_of_the_embedded_files_is_an_expression() {
        for (name, document) in Library::of(&specs()).documents() {
            let mut found = Vec::new();
            patterns(document, &mut found);
            for pattern in found {
                assert!(fancy_regex::Regex::new(pattern).is_ok(), "{pattern} in {name}");
            }
        }
    }

    #[test]
    fn a_deviation_or_model_that_no_longer_fits_its_file_is_noticed() {
        let mut library = Library::of(&specs());
        let stale = [Change::Remove("/definitions/NoSuchThing")];
        assert!(!library.derive("azure/iothub/iothub.json", "stale", &stale));
    }
}
