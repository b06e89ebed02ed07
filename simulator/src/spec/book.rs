//! The book: all operations of all files, and the way from a request to its operation.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde_json::Value;

use super::deviations::DEVIATIONS;
use super::hosts::Plane;
use super::library::Library;
use super::models::MODELS;
use super::operation::{Operation, OperationRef};
use super::place::Place;
use super::reading::{Edition, Reader};
use super::request::API_VERSION;
use super::schema::{Arena, SchemaId};
use super::sources::{ARM_ERROR, SOURCES, Source};
use super::template::split;
use super::violation::{Kind, Violation};
use super::{SeenRequest, Verdict, answer, request};

/// The vendor's description of what may be said to Azure's services, and what they may answer.
pub struct SpecBook {
    arena: Arena,
    operations: Vec<Operation>,
    by_plane: HashMap<Plane, Vec<usize>>,
    arm_error: SchemaId,
}

impl SpecBook {
    /// The one book of the process, made when first asked for.
    pub fn azure() -> &'static Self {
        static BOOK: LazyLock<SpecBook> = LazyLock::new(|| SpecBook::bind(&library()));
        &BOOK
    }

    /// Every operation of every version.
    pub fn operations(&self) -> impl Iterator<Item = &OperationRef> {
        self.operations.iter().map(|operation| &operation.facts)
    }

    /// Finds the operation of a request and all that is wrong with it.
    pub fn check(&self, seen: &SeenRequest<'_>) -> Verdict {
        let mut violations = Vec::new();
        let found = self.find(seen, &mut violations);
        if let Some(operation) = found {
            violations.extend(request::check(&self.arena, operation, seen));
        }
        Verdict { operation: found.map(|operation| operation.facts.clone()), violations }
    }

    /// Finds all that is wrong with an answer to the operation.
    pub fn check_answer(&self, op: &OperationRef, status: u16, body: Option<&Value>) -> Vec<Violation> {
        match self.operations.get(op.0.index) {
            Some(operation) => answer::check(&self.arena, operation, self.arm_error, status, body.filter(|value| !value.is_null())),
            None => Vec::new(),
        }
    }

    fn find(&self, seen: &SeenRequest<'_>, violations: &mut Vec<Violation>) -> Option<&Operation> {
        let mut missing = |kind, place, rule: &'static str| violations.push(Violation::new(kind, place, rule));
        let Some(plane) = Plane::of(seen.host, seen.path) else {
            missing(Kind::UnknownHost, Place::Root("host"), "belongs to no described service");
            return None;
        };
        let segments = split(seen.path);
        let fitting: Vec<&Operation> =
            self.of_plane(plane).filter(|operation| operation.template.fits(&segments, seen.query, plane.ignores_case())).collect();
        if fitting.is_empty() {
            missing(Kind::UndeclaredPath, Place::Root("path"), "is not declared");
            return None;
        }
        let mut same_method: Vec<&Operation> = fitting.into_iter().filter(|operation| operation.facts.method() == seen.method).collect();
        let Some(exactest) = same_method.iter().map(|operation| operation.exactness.clone()).max() else {
            missing(Kind::UndeclaredMethod, Place::Root("method"), "is not declared for this path");
            return None;
        };
        same_method.retain(|operation| operation.exactness == exactest);
        choose_version(&same_method, seen.query, violations)
    }

    fn of_plane(&self, plane: Plane) -> impl Iterator<Item = &Operation> {
        let indices = self.by_plane.get(&plane).map_or(&[][..], Vec::as_slice);
        indices.iter().map(|&index| &self.operations[index])
    }

    fn bind(library: &Library) -> Self {
        let mut reader = Reader::new(library);
        for source in &SOURCES {
            read_editions(&mut reader, library, source);
        }
        let arm_error = reader.compiler.reference(ARM_ERROR.0, ARM_ERROR.1);
        let mut by_plane: HashMap<Plane, Vec<usize>> = HashMap::new();
        for operation in &reader.operations {
            let plane = operation.facts.service().plane();
            by_plane.entry(plane).or_default().push(operation.facts.0.index);
        }
        Self { by_plane, arm_error, arena: reader.compiler.finish(), operations: reader.operations }
    }
}

/// The version asked for, else the newest, so that the rest of the request is checked as well.
fn choose_version<'o>(candidates: &[&'o Operation], query: &[(String, String)], violations: &mut Vec<Violation>) -> Option<&'o Operation> {
    let root = Place::Root("query");
    let place = root.key(API_VERSION);
    match query.iter().find(|(name, _)| name == API_VERSION) {
        None => violations.push(Violation::new(Kind::MissingApiVersion, place, "is required")),
        Some((_, version)) => {
            let asked = candidates.iter().find(|operation| operation.facts.api_version() == version);
            if let Some(operation) = asked {
                return Some(operation);
            }
            let mut known: Vec<&str> = candidates.iter().map(|operation| operation.facts.api_version()).collect();
            known.sort_unstable();
            let rule = format!("must be one of: {}", known.join(" | "));
            violations.push(Violation::new(Kind::UnknownApiVersion, place, rule));
        }
    }
    candidates.iter().max_by_key(|operation| operation.facts.api_version()).copied()
}

/// All files, with the deviations made and the versions without a file derived.
pub(super) fn library() -> Library {
    let mut library = Library::default();
    for source in &SOURCES {
        library.shelve(source.name, source.text).expect("the embedded files are JSON");
    }
    for deviation in &DEVIATIONS {
        let fits = library.derive(deviation.document, deviation.document, deviation.changes);
        debug_assert!(fits, "stale deviation of {}", deviation.document);
    }
    for model in &MODELS {
        let fits = library.derive(model.document, &edition_name(model.document, model.version), model.changes);
        debug_assert!(fits, "stale model of {} {}", model.document, model.version);
    }
    library.note_heirs();
    library
}

fn edition_name(document: &str, version: &str) -> String {
    format!("{document}@{version}")
}

fn read_editions(reader: &mut Reader<'_>, library: &Library, source: &Source) {
    let Some(service) = source.service else {
        return;
    };
    let document = library.document(source.name).expect("every source was shelved");
    let version = document["info"]["version"].as_str().unwrap_or_default();
    reader.read(&Edition { service, name: source.name, version });
    for model in MODELS.iter().filter(|model| model.document == source.name) {
        reader.read(&Edition { service, name: &edition_name(model.document, model.version), version: model.version });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let library = library();
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
        for (name, document) in library().documents() {
            let mut found = Vec::new();
            patterns(document, &mut found);
            for pattern in found {
                assert!(fancy_regex::Regex::new(pattern).is_ok(), "{pattern} in {name}");
            }
        }
    }

    #[test]
    fn a_deviation_or_model_that_no_longer_fits_its_file_is_noticed() {
        let mut library = library();
        let stale = [super::super::change::Change::Remove("/definitions/NoSuchThing")];
        assert!(!library.derive("azure/iothub/iothub.json", "stale", &stale));
    }
}
