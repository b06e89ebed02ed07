//! The check of an answer against its operation.

use serde_json::Value;

use crate::spec::check::body::{Direction, Walk};
use crate::spec::check::place::Place;
use crate::spec::check::violation::{Kind, Violation};
use crate::spec::operation::{Content, Operation};
use crate::spec::schema::{Arena, SchemaId, Shape};

const STATUS: Place<'_> = Place::Root("status");
const BODY: Place<'_> = Place::Root("body");

/// Checks status and body.
pub(crate) fn check(
    arena: &Arena,
    operation: &Operation,
    gateway_error: Option<SchemaId>,
    status: u16,
    body: Option<&Value>,
) -> Vec<Violation> {
    let mut walk = Walk::new(arena, Direction::Answer);
    let listed = operation.answers.listed.iter().find(|(code, _)| *code == status).map(|(_, content)| *content);
    let by_gateway = body.filter(|value| status >= 400 && value.get("error").is_some()).zip(gateway_error);
    if let Some((value, error)) = by_gateway {
        walk.visit(error, value, BODY);
        return walk.found;
    }
    match (listed, operation.answers.default, body) {
        (Some(content), _, _) if status < 400 => check_success(&mut walk, arena, operation, content, body),
        (Some(Content::Json(schema) | Content::JsonOrNothing(schema)), _, Some(value))
        | (_, Some(Content::Json(schema) | Content::JsonOrNothing(schema)), Some(value))
            if status >= 400 =>
        {
            walk.visit(schema, value, BODY);
        }
        (Some(Content::Nothing), _, Some(_)) => walk.report(Kind::UndeclaredBody, BODY, "is not declared"),
        // Gateways of every service answer without a body.
        (_, _, None) if status >= 400 => {}
        _ => walk.report(Kind::UndeclaredStatus, STATUS, declared_statuses(operation)),
    }
    walk.found
}

/// A deletion answers without the resource that the files declare.
fn check_success(walk: &mut Walk<'_>, arena: &Arena, operation: &Operation, content: Content, body: Option<&Value>) {
    let needless = |schema| operation.facts.method() == http::Method::DELETE || matches!(arena.get(schema).shape, Shape::Any);
    match (content, body) {
        (Content::Nothing, Some(_)) => walk.report(Kind::UndeclaredBody, BODY, "is not declared"),
        (Content::Json(schema) | Content::JsonOrNothing(schema), Some(value)) => walk.visit(schema, value, BODY),
        (Content::Json(schema), None) if !needless(schema) => {
            walk.report(Kind::MissingBody, BODY, "is required");
        }
        (Content::Nothing | Content::Json(_) | Content::JsonOrNothing(_), None) => {}
    }
}

fn declared_statuses(operation: &Operation) -> String {
    let mut codes: Vec<String> = operation.answers.listed.iter().map(|(code, _)| code.to_string()).collect();
    codes.sort_unstable();
    format!("must be one of: {}", codes.join(" | "))
}
