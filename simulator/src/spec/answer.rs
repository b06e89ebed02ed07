//! The check of an answer against its operation.

use serde_json::Value;

use super::body::{Direction, Walk};
use super::hosts::Plane;
use super::operation::{Content, Operation};
use super::place::Place;
use super::schema::{Arena, SchemaId, Shape};
use super::violation::{Kind, Violation};

const STATUS: Place<'_> = Place::Root("status");
const BODY: Place<'_> = Place::Root("body");

/// Checks status and body.
pub(super) fn check(arena: &Arena, operation: &Operation, arm_error: SchemaId, status: u16, body: Option<&Value>) -> Vec<Violation> {
    let mut walk = Walk::new(arena, Direction::Answer);
    let listed = operation.answers.listed.iter().find(|(code, _)| *code == status).map(|(_, content)| *content);
    let managed = operation.facts.service().plane() == Plane::Management;
    match (listed, operation.answers.default, body) {
        (Some(content), _, _) if status < 400 => check_success(&mut walk, arena, operation, content, body),
        (_, _, Some(value)) if status >= 400 && managed && value.get("error").is_some() => walk.visit(arm_error, value, BODY),
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
