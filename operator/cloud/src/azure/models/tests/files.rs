//! The tables of the models against Microsoft's OpenAPI files, which the simulator ships.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::azure::models::enrollment_group::EnrollmentGroup;
use crate::azure::models::hub::Hub;
use crate::azure::models::individual_enrollment::IndividualEnrollment;
use crate::azure::models::older::KnownNames;
use crate::azure::models::provisioning_service::ProvisioningService;

/// The definition of a resource in a file.
pub struct Definition {
    file: &'static str,
    name: &'static str,
}

pub const HUB: Definition = Definition { file: "iothub/iothub-2026-11-01.json", name: "IotHubDescription" };
pub const SERVICE: Definition = Definition { file: "dps/mgmt-iotdps-2026-11-01.json", name: "ProvisioningServiceDescription" };
pub const GROUP: Definition = Definition { file: "dps/dataplane-service-2026-11-01.json", name: "EnrollmentGroup" };
pub const ENROLLMENT: Definition = Definition { file: "dps/dataplane-service-2026-11-01.json", name: "IndividualEnrollment" };

/// What the provisioning service alone writes, although no version of its file says so.
pub const UNMARKED: [&str; 6] = [
    "etag",
    "resourcegroup",
    "subscriptionid",
    "properties/state",
    "properties/provisioningState",
    "properties/privateEndpointConnections",
];

/// The files, each with its folder.
struct Files(BTreeMap<String, Value>);

impl Files {
    fn read(&mut self, file: &str) -> &Value {
        self.0.entry(file.to_owned()).or_insert_with(|| {
            let path = format!("{}/../../simulator/specs/azure/{file}", env!("CARGO_MANIFEST_DIR"));
            let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
            serde_json::from_str(&text).expect("JSON")
        })
    }

    fn at(&mut self, file: &str, pointer: &str) -> Value {
        self.read(file).pointer(pointer).unwrap_or_else(|| panic!("{file} has no {pointer}")).clone()
    }

    /// Follows a reference, if it is one: the file that it leads to, and what is there.
    fn resolved(&mut self, file: &str, schema: &Value) -> (String, Value) {
        let Some(reference) = schema["$ref"].as_str() else { return (file.to_owned(), schema.clone()) };
        let (other, pointer) = reference.split_once('#').expect("a reference has a pointer");
        let other = if other.is_empty() { file.to_owned() } else { other.trim_start_matches("../").to_owned() };
        let there = self.at(&other, pointer);
        self.resolved(&other, &there)
    }

    /// Tells of each property: where it is, and whether it is marked as read-only.
    fn properties(&mut self, file: &str, schema: &Value, path: &str, told: &mut Vec<(String, bool)>) {
        assert!(path.split('/').count() < 12, "{path} does not end");
        let (file, schema) = self.resolved(file, schema);
        for base in schema["allOf"].as_array().into_iter().flatten() {
            self.properties(&file, base, path, told);
        }
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            let place = if path.is_empty() { name.clone() } else { format!("{path}/{name}") };
            let (_, target) = self.resolved(&file, property);
            let read_only = property["readOnly"] == true || target["readOnly"] == true;
            told.push((place.clone(), read_only));
            if !read_only {
                self.properties(&file, property, &place, told);
            }
        }
        for inner in [&schema["items"], &schema["additionalProperties"]].into_iter().filter(|inner| inner.is_object()) {
            self.properties(&file, inner, &format!("{path}/*"), told);
        }
    }
}

fn told(definition: &Definition) -> Vec<(String, bool)> {
    let (mut files, mut told) = (Files(BTreeMap::new()), Vec::new());
    let schema = files.at(definition.file, &format!("/definitions/{}", definition.name));
    files.properties(definition.file, &schema, "", &mut told);
    told
}

/// The paths that the file marks as read-only, but for what is below one of them.
pub fn read_only(definition: &Definition) -> BTreeSet<String> {
    told(definition).into_iter().filter(|(_, read_only)| *read_only).map(|(path, _)| path).collect()
}

/// How the paths begin of what is in an object.
fn within(path: &[&str]) -> String {
    path.iter().fold(String::new(), |prefix, name| format!("{prefix}{name}/"))
}

#[test]
fn what_a_file_marks_as_read_only_is_never_sent_and_nothing_else_is_left_out() {
    let table = [
        (HUB, Hub::READ_ONLY, &[][..]),
        (SERVICE, ProvisioningService::READ_ONLY, &UNMARKED[..]),
        (GROUP, EnrollmentGroup::READ_ONLY, &[]),
        (ENROLLMENT, IndividualEnrollment::READ_ONLY, &[]),
    ];
    for (definition, ours, unmarked) in table {
        let ours: BTreeSet<String> = ours.iter().map(|path| path.join("/")).collect();
        let within = |path: &String| unmarked.iter().any(|outer| path.starts_with(&format!("{outer}/")));
        let marked = read_only(&definition).into_iter().filter(|path| !within(path));
        let theirs: BTreeSet<String> = marked.chain(unmarked.iter().map(|path| (*path).to_owned())).collect();
        assert_eq!(ours, theirs, "{} of {}", definition.name, definition.file);
    }
}

#[test]
fn what_an_older_version_knows_is_what_its_file_has() {
    let table: [(Definition, &[KnownNames]); 4] = [
        (Definition { file: "iothub/iothub.json", name: "IotHubDescription" }, Hub::KNOWN_TO_OLDER),
        (Definition { file: "dps/mgmt-iotdps.json", name: "ProvisioningServiceDescription" }, ProvisioningService::KNOWN_TO_OLDER),
        (Definition { file: "dps/dataplane-service.json", name: "EnrollmentGroup" }, EnrollmentGroup::KNOWN_TO_OLDER),
        (Definition { file: "dps/dataplane-service.json", name: "IndividualEnrollment" }, IndividualEnrollment::KNOWN_TO_OLDER),
    ];
    for (definition, known) in table {
        let told = told(&definition);
        for (path, names) in known {
            let prefix = within(path);
            let below = told.iter().filter_map(|(place, _)| place.strip_prefix(&prefix)).filter(|name| !name.contains('/'));
            let theirs: BTreeSet<&str> = below.collect();
            assert_eq!(names.iter().copied().collect::<BTreeSet<_>>(), theirs, "{prefix} of {}", definition.file);
        }
    }
}

/// Every property that only the newest file has is found by a name that the older version does not know.
#[test]
fn what_came_with_the_newest_version_is_unknown_to_the_older_one() {
    let table: [(Definition, Definition, &[KnownNames]); 4] = [
        (HUB, Definition { file: "iothub/iothub.json", name: "IotHubDescription" }, Hub::KNOWN_TO_OLDER),
        (SERVICE, Definition { file: "dps/mgmt-iotdps.json", name: "ProvisioningServiceDescription" }, ProvisioningService::KNOWN_TO_OLDER),
        (GROUP, Definition { file: "dps/dataplane-service.json", name: "EnrollmentGroup" }, EnrollmentGroup::KNOWN_TO_OLDER),
        (ENROLLMENT, Definition { file: "dps/dataplane-service.json", name: "IndividualEnrollment" }, IndividualEnrollment::KNOWN_TO_OLDER),
    ];
    for (newest, older, known) in table {
        let before: BTreeSet<String> = told(&older).into_iter().map(|(path, _)| path).collect();
        let is_looked_at = |path: &str| {
            known.iter().any(|(at, names)| {
                let prefix = within(at);
                path.strip_prefix(&prefix).is_some_and(|rest| !names.contains(&rest.split('/').next().unwrap_or_default()))
            })
        };
        let writable = told(&newest).into_iter().filter(|(_, read_only)| !read_only).map(|(path, _)| path);
        let overlooked: Vec<String> = writable.filter(|path| !before.contains(path) && !is_looked_at(path)).collect();
        assert_eq!(overlooked, [""; 0], "{} of {}", newest.name, newest.file);
    }
}
