//! The book: all operations of all files, and the way from a request to its operation.

use serde_json::Value;

use crate::spec::check::place::Place;
use crate::spec::check::request::API_VERSION;
use crate::spec::check::violation::{Kind, Violation};
use crate::spec::check::{answer, request};
use crate::spec::declared::{Deviation, Model, Plane, Source, Specs};
use crate::spec::library::{Library, edition_name};
use crate::spec::operation::{Operation, OperationRef};
use crate::spec::reading::{Edition, Reader};
use crate::spec::schema::{Arena, SchemaId};
use crate::spec::template::split;
use crate::spec::verdict::{SeenRequest, Verdict};

/// The vendor's description of what may be said to its services, and what they may answer.
pub struct SpecBook {
    specs: Vec<Specs>,
    arena: Arena,
    operations: Vec<Operation>,
    planes: Vec<PlaneOperations>,
}

/// A plane with its operations.
struct PlaneOperations {
    plane: &'static Plane,
    operations: Vec<usize>,
    gateway_error: Option<SchemaId>,
}

impl SpecBook {
    /// Reads what the services declare; where two planes answer at a host, the first of them counts.
    pub(crate) fn read(specs: Vec<Specs>) -> Self {
        let library = Library::of(&specs);
        let mut planes: Vec<&'static Plane> = Vec::new();
        let mut reader = Reader::new(&library);
        for source in specs.iter().flat_map(|specs| specs.sources) {
            let models = specs.iter().flat_map(|specs| specs.models).filter(|model| model.document == source.name);
            read_editions(&mut reader, &library, &mut planes, source, models);
        }
        let sorted = |(index, plane): (usize, &&'static Plane)| PlaneOperations {
            plane,
            operations: (0..reader.operations.len()).filter(|&one| reader.operations[one].facts.0.plane == index).collect(),
            gateway_error: None,
        };
        let mut planes: Vec<PlaneOperations> = planes.iter().enumerate().map(sorted).collect();
        for plane in &mut planes {
            plane.gateway_error = plane.plane.gateway_error.map(|(file, pointer)| reader.compiler.reference(file, pointer));
        }
        Self { specs, planes, arena: reader.compiler.finish(), operations: reader.operations }
    }

    /// Every operation of every version.
    pub fn operations(&self) -> impl Iterator<Item = &OperationRef> {
        self.operations.iter().map(|operation| &operation.facts)
    }

    /// Every deviation that is a change of one file.
    pub fn deviations(&self) -> impl Iterator<Item = &'static Deviation> {
        self.specs.iter().flat_map(|specs| specs.deviations)
    }

    /// Every version without a file of its own.
    pub fn models(&self) -> impl Iterator<Item = &'static Model> {
        self.specs.iter().flat_map(|specs| specs.models)
    }

    /// Finds the operation of a request and all that is wrong with it.
    pub fn check(&self, seen: &SeenRequest<'_>) -> Verdict {
        let mut violations = Vec::new();
        let found = self.find(seen, &mut violations);
        if let Some(operation) = found {
            violations.extend(request::check(&self.arena, operation, seen));
        }
        let as_read = found.and_then(|operation| request::as_read(&self.arena, operation, seen, &violations));
        Verdict { operation: found.map(|operation| operation.facts.clone()), violations, as_read }
    }

    /// Finds all that is wrong with an answer to the operation.
    pub fn check_answer(&self, op: &OperationRef, status: u16, body: Option<&Value>) -> Vec<Violation> {
        match self.operations.get(op.0.index) {
            Some(operation) => {
                let gateway_error = self.planes[operation.facts.0.plane].gateway_error;
                answer::check(&self.arena, operation, gateway_error, status, body.filter(|value| !value.is_null()))
            }
            None => Vec::new(),
        }
    }

    fn fitting(&self, plane: &PlaneOperations, seen: &SeenRequest<'_>, path: &str, any_case: bool) -> Vec<&Operation> {
        let segments = split(path);
        let all = plane.operations.iter().map(|&index| &self.operations[index]);
        all.filter(|operation| operation.template.fits(&segments, seen.query, any_case)).collect()
    }

    fn find(&self, seen: &SeenRequest<'_>, violations: &mut Vec<Violation>) -> Option<&Operation> {
        let mut missing = |kind, place, rule: &'static str| violations.push(Violation::new(kind, place, rule));
        let Some(plane) = self.planes.iter().find(|plane| (plane.plane.serves)(seen.host, seen.path)) else {
            missing(Kind::UnknownHost, Place::Root("host"), "belongs to no described service");
            return None;
        };
        let mut fitting = self.fitting(plane, seen, seen.path, plane.plane.ignores_case);
        if fitting.is_empty() {
            fitting = self.fitting(plane, seen, without_last_slash(seen.path), true);
            if fitting.is_empty() {
                missing(Kind::UndeclaredPath, Place::Root("path"), "is not declared");
                return None;
            }
            missing(Kind::Spelling, Place::Root("path"), "is declared in another case, or without the slash at its end");
        }
        let mut same_method: Vec<&Operation> = fitting.into_iter().filter(|operation| operation.facts.method() == seen.method).collect();
        let Some(exactest) = same_method.iter().map(|operation| operation.exactness.clone()).max() else {
            missing(Kind::UndeclaredMethod, Place::Root("method"), "is not declared for this path");
            return None;
        };
        same_method.retain(|operation| operation.exactness == exactest);
        choose_version(&same_method, seen.query, violations)
    }
}

/// Services route a path with a slash at its end as the one without.
fn without_last_slash(path: &str) -> &str {
    path.strip_suffix('/').unwrap_or(path)
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

fn read_editions(
    reader: &mut Reader<'_>,
    library: &Library,
    planes: &mut Vec<&'static Plane>,
    source: &Source,
    models: impl Iterator<Item = &'static Model>,
) {
    let Some(api) = source.api else {
        return;
    };
    let plane = planes.iter().position(|known| known.name == api.plane.name).unwrap_or_else(|| {
        planes.push(api.plane);
        planes.len() - 1
    });
    let document = library.document(source.name).expect("every source was shelved");
    let version = document["info"]["version"].as_str().unwrap_or_default();
    reader.read(&Edition { api, plane, name: source.name, version });
    for model in models {
        reader.read(&Edition { api, plane, name: &edition_name(model.document, model.version), version: model.version });
    }
}
