//! The check of a request against its operation.

use http::HeaderMap;
use http::header::{CONTENT_TYPE, IF_MATCH, IF_NONE_MATCH};
use serde_json::Value;

use crate::spec::check::body::{Direction, Walk};
use crate::spec::check::place::Place;
use crate::spec::check::spelling;
use crate::spec::check::violation::{Kind, Severity, Violation};
use crate::spec::operation::{Location, Operation, Parameter};
use crate::spec::schema::{Arena, SchemaId, Shape};
use crate::spec::template::split;
use crate::spec::verdict::SeenRequest;

pub(crate) const API_VERSION: &str = "api-version";

const PATH: Place<'_> = Place::Root("path");
const QUERY: Place<'_> = Place::Root("query");
const HEADER: Place<'_> = Place::Root("header");
const BODY: Place<'_> = Place::Root("body");

/// A body as the service reads it, if that is not how it was sent; null where it wants none.
pub(crate) fn as_read(arena: &Arena, operation: &Operation, seen: &SeenRequest<'_>, found: &[Violation]) -> Option<Value> {
    let read_over = |violation: &Violation| violation.place().starts_with("body") && violation.kind().severity() == Severity::Tolerated;
    let mut body = seen.body.filter(|_| found.iter().any(read_over))?.clone();
    match &operation.body {
        Some(declared) => spelling::read(arena, declared.schema, &mut body),
        None => body = Value::Null,
    }
    Some(body)
}

/// Checks all but the api-version, which chose the operation.
pub(crate) fn check(arena: &Arena, operation: &Operation, seen: &SeenRequest<'_>) -> Vec<Violation> {
    let mut walk = Walk::new(arena, Direction::Request);
    check_path(&mut walk, arena, operation, seen.path);
    check_query(&mut walk, arena, operation, seen.query);
    check_headers(&mut walk, arena, operation, seen.headers);
    check_body(&mut walk, arena, operation, seen);
    walk.found
}

fn declared<'o>(operation: &'o Operation, location: Location, name: &str) -> Option<&'o Parameter> {
    operation.parameters.iter().find(|parameter| {
        parameter.location == location
            && match location {
                Location::Header => parameter.name.eq_ignore_ascii_case(name),
                Location::Path | Location::Query => parameter.name == name,
            }
    })
}

fn check_path(walk: &mut Walk<'_>, arena: &Arena, operation: &Operation, path: &str) {
    let segments = split(path);
    for (name, value) in operation.template.bindings(&segments) {
        if let Some(parameter) = declared(operation, Location::Path, name) {
            check_text(walk, arena, parameter.schema, &value, PATH.key(name));
        }
    }
}

fn check_query(walk: &mut Walk<'_>, arena: &Arena, operation: &Operation, query: &[(String, String)]) {
    for (name, value) in query {
        if name == API_VERSION || operation.template.fixes(name) {
            continue;
        }
        match declared(operation, Location::Query, name) {
            Some(parameter) => check_text(walk, arena, parameter.schema, value, QUERY.key(name)),
            None => walk.report(Kind::UndeclaredQuery, QUERY.key(name), "is not declared"),
        }
    }
    for parameter in required(operation, Location::Query) {
        if parameter.name != API_VERSION && query.iter().all(|(name, _)| *name != parameter.name) {
            walk.report(Kind::MissingQuery, QUERY.key(&parameter.name), "is required");
        }
    }
}

fn check_headers(walk: &mut Walk<'_>, arena: &Arena, operation: &Operation, headers: &HeaderMap) {
    for parameter in &operation.parameters {
        if parameter.location != Location::Header {
            continue;
        }
        let place = HEADER.key(&parameter.name);
        match headers.get(&parameter.name).map(http::HeaderValue::to_str) {
            Some(Ok(value)) => check_text(walk, arena, parameter.schema, value, place),
            Some(Err(_)) => walk.report(Kind::WrongType, place, "must be ASCII"),
            None if parameter.required => walk.report(Kind::MissingHeader, place, "is required"),
            None => {}
        }
    }
    for (header, shown) in [(IF_MATCH, "If-Match"), (IF_NONE_MATCH, "If-None-Match")] {
        if headers.contains_key(&header) && declared(operation, Location::Header, shown).is_none() {
            let rule = "is not declared, the operation is not conditional";
            walk.report(Kind::UndeclaredHeader, HEADER.key(shown), rule);
        }
    }
}

fn required(operation: &Operation, location: Location) -> impl Iterator<Item = &Parameter> {
    let here = move |parameter: &&Parameter| parameter.required && parameter.location == location;
    operation.parameters.iter().filter(here)
}

fn check_body(walk: &mut Walk<'_>, arena: &Arena, operation: &Operation, seen: &SeenRequest<'_>) {
    let Some(body) = &operation.body else {
        if seen.body.is_some() {
            walk.report(Kind::UndeclaredBody, BODY, "is not declared");
        }
        return;
    };
    let takes_null = matches!(arena.get(body.schema).shape, Shape::Any);
    match seen.body.filter(|value| takes_null || !value.is_null()) {
        None if body.required => walk.report(Kind::MissingBody, BODY, "is required"),
        None => {}
        Some(value) => {
            check_content_type(walk, operation, seen.headers);
            walk.visit(body.schema, value, BODY);
        }
    }
}

fn check_content_type(walk: &mut Walk<'_>, operation: &Operation, headers: &HeaderMap) {
    let given = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = given.split(';').next().unwrap_or_default().trim();
    let takes = |one: &String| one == "*/*" || one.eq_ignore_ascii_case(essence);
    if !operation.consumes.iter().any(takes) {
        let rule = format!("must be one of: {}", operation.consumes.join(" | "));
        walk.report(Kind::ContentType, HEADER.key("Content-Type"), rule);
    }
}

/// Reads the text as the type that the schema wants, then checks it as JSON.
fn check_text(walk: &mut Walk<'_>, arena: &Arena, schema: SchemaId, text: &str, place: Place<'_>) {
    let value = match &arena.get(schema).shape {
        Shape::Integer(_) | Shape::Number(_) => text.parse::<serde_json::Number>().ok().map(Value::Number),
        Shape::Boolean => text.to_ascii_lowercase().parse().ok().map(Value::Bool),
        Shape::Array(_) => Some(text.split(',').map(Value::from).collect()),
        Shape::Any | Shape::Object(_) | Shape::Text(_) | Shape::Either(_) => None,
    };
    walk.visit(schema, &value.unwrap_or_else(|| Value::from(text)), place);
}
