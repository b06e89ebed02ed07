//! The walk, with small schemas.

use serde_json::{Value, json};

use super::{Direction, Walk};
use crate::spec::check::place::Place;
use crate::spec::library::Library;
use crate::spec::schema::compile::Compiler;

/// What is wrong with a value as `#/definitions/It` of the definitions.
fn found(definitions: &Value, direction: Direction, value: &Value) -> Vec<String> {
    let mut library = Library::default();
    let text = json!({ "definitions": definitions }).to_string();
    library.add("it.json", &text).expect("the text is JSON");
    library.note_subtypes();
    let mut compiler = Compiler::new(&library);
    let it = compiler.reference("it.json", "#/definitions/It");
    let arena = compiler.finish();
    let mut walk = Walk::new(&arena, direction);
    walk.visit(it, value, Place::Root("body"));
    walk.found.iter().map(ToString::to_string).collect()
}

fn asked(definitions: &Value, value: &Value) -> Vec<String> {
    found(definitions, Direction::Request, value)
}

#[test]
fn a_definition_that_holds_itself_ends() {
    let tree = json!({"It": {"properties": {"children": {"type": "array", "items": {"$ref": "#/definitions/It"}}}}});
    let deep = json!({"children": [{"children": [{"leaf": 1}]}]});
    assert_eq!(asked(&tree, &deep), ["body/children/0/children/0/leaf is not declared"]);
    let snake = json!({"It": {"allOf": [{"$ref": "#/definitions/It"}], "properties": {"length": {"type": "integer"}}}});
    assert_eq!(asked(&snake, &json!({"length": "long"})), ["body/length must be an integer"]);
}

#[test]
fn a_definition_has_what_it_builds_on() {
    let definitions = json!({
        "It": {"allOf": [{"$ref": "#/definitions/Base"}, {"properties": {"c": {"type": "string"}}}], "properties": {"b": {"type": "string"}}},
        "Base": {"required": ["a"], "properties": {"a": {"type": "string"}}}
    });
    assert_eq!(asked(&definitions, &json!({"a": "", "b": "", "c": ""})), [""; 0]);
    assert_eq!(asked(&definitions, &json!({"b": 1})), ["body/a is required", "body/b must be a string"]);
}

#[test]
fn a_discriminator_chooses_the_definition() {
    let pets = json!({
        "It": {"discriminator": "kind", "required": ["kind"], "properties": {"kind": {"type": "string"}}},
        "Cat": {"x-ms-discriminator-value": "cat", "allOf": [{"$ref": "#/definitions/It"}], "properties": {"lives": {"type": "integer"}}},
        "Lion": {"allOf": [{"$ref": "#/definitions/Cat"}], "properties": {"mane": {"type": "boolean"}}}
    });
    assert_eq!(asked(&pets, &json!({"kind": "cat", "lives": 9})), [""; 0]);
    assert_eq!(asked(&pets, &json!({"kind": "Lion", "lives": 9, "mane": true})), [""; 0]);
    assert_eq!(asked(&pets, &json!({"kind": "cat", "mane": true})), ["body/mane is not declared"]);
    assert_eq!(asked(&pets, &json!({"kind": "dog"})), ["body/kind must be one of: Lion | cat"]);
    assert_eq!(asked(&pets, &json!({})), ["body/kind is required"]);
}

#[test]
fn what_only_the_service_writes_is_required_of_the_service_alone() {
    let definitions = json!({"It": {"required": ["id"], "properties": {"id": {"type": "string", "readOnly": true}}}});
    assert_eq!(found(&definitions, Direction::Request, &json!({})), [""; 0]);
    assert_eq!(found(&definitions, Direction::Answer, &json!({})), ["body/id is required"]);
    assert_eq!(found(&definitions, Direction::Answer, &json!({"id": "1"})), [""; 0]);
}

#[test]
fn a_property_is_read_only_by_itself_by_its_definition_or_by_its_mutability() {
    let definitions = json!({
        "It": {"properties": {
            "itself": {"type": "string", "readOnly": true},
            "definition": {"$ref": "#/definitions/State"},
            "beside": {"$ref": "#/definitions/Name", "readOnly": true},
            "never": {"type": "string", "x-ms-mutability": ["read"]},
            "once": {"type": "string", "x-ms-mutability": ["read", "create"]}
        }},
        "State": {"type": "string", "readOnly": true},
        "Name": {"type": "string"}
    });
    let mut listed = asked(&definitions, &json!({"itself": "", "definition": "", "beside": "", "never": "", "once": ""}));
    listed.sort_unstable();
    assert_eq!(listed, ["beside", "definition", "itself", "never"].map(|name| format!("body/{name} is read-only, the service ignores it")));
}

#[test]
fn integers_have_their_width() {
    let width = |format: &str| json!({"It": {"type": "integer", "format": format}});
    assert_eq!(asked(&width("int32"), &json!(2_147_483_647)), [""; 0]);
    assert_eq!(asked(&width("int32"), &json!(2_147_483_648_i64)), ["body must be an integer of 32 bits"]);
    assert_eq!(asked(&width("int64"), &json!(2_147_483_648_i64)), [""; 0]);
    assert_eq!(asked(&width("int64"), &json!(u64::MAX)), ["body must be an integer of 64 bits"]);
    assert_eq!(asked(&width("int64"), &json!(1.5)), ["body must be an integer of 64 bits"]);
}

#[test]
fn limits_are_inclusive() {
    let number = json!({"It": {"type": "number", "minimum": 0, "maximum": 100}});
    assert_eq!(asked(&number, &json!(0)), [""; 0]);
    assert_eq!(asked(&number, &json!(100)), [""; 0]);
    assert_eq!(asked(&number, &json!(-0.5)), ["body must be from 0 to 100"]);
    let text = json!({"It": {"type": "string", "minLength": 2}});
    assert_eq!(asked(&text, &json!("éé")), [""; 0]);
    assert_eq!(asked(&text, &json!("é")), ["body must have at least 2 characters"]);
}

#[test]
fn items_may_have_to_differ() {
    let list = json!({"It": {"type": "array", "uniqueItems": true, "items": {"type": "string"}}});
    assert_eq!(asked(&list, &json!(["a", "b"])), [""; 0]);
    assert_eq!(asked(&list, &json!(["a", "a"])), ["body must not repeat an item"]);
}

#[test]
fn other_properties_are_refused_free_or_of_one_kind() {
    let it = |rule: Value| json!({"It": {"properties": {"a": {"type": "string"}}, "additionalProperties": rule}});
    let value = json!({"a": "", "b": 1});
    assert_eq!(asked(&it(json!(false)), &value), ["body/b is not declared"]);
    assert_eq!(asked(&it(json!(true)), &value), [""; 0]);
    assert_eq!(asked(&it(json!({})), &value), [""; 0]);
    assert_eq!(asked(&it(json!({"type": "integer"})), &value), [""; 0]);
    assert_eq!(asked(&it(json!({"type": "string"})), &value), ["body/b must be a string"]);
}

#[test]
fn a_choice_may_come_back_in_another_case_but_not_go_there() {
    let definitions = json!({"It": {"type": "string", "enum": ["JSON"], "x-answer-any-case": true}});
    assert_eq!(found(&definitions, Direction::Answer, &json!("json")), [""; 0]);
    assert_eq!(found(&definitions, Direction::Request, &json!("json")), ["body is spelt JSON"]);
}

#[test]
fn a_place_is_a_json_pointer_and_names_are_cut() {
    let definitions = json!({"It": {"properties": {"a": {"type": "string"}}}});
    assert_eq!(asked(&definitions, &json!({"a/b~c\n": 1})), ["body/a~1b~0c\u{fffd} is not declared"]);
    let long = "x".repeat(80);
    assert_eq!(asked(&definitions, &json!({ long: 1 })), [format!("body/{}… is not declared", "x".repeat(64))]);
}

#[test]
fn a_wrapped_definition_is_that_definition() {
    let definitions = json!({
        "It": {"properties": {"state": {"allOf": [{"$ref": "#/definitions/State"}], "description": "wrapped to say this"}}},
        "State": {"type": "string", "enum": ["on", "off"]}
    });
    assert_eq!(asked(&definitions, &json!({"state": "on"})), [""; 0]);
    assert_eq!(asked(&definitions, &json!({"state": "dim"})), ["body/state must be one of: off | on"]);
}

#[test]
fn a_reference_may_be_escaped_and_lead_on() {
    let definitions = json!({
        "It": {"$ref": "#/definitions/Rule%5BRights%5D"},
        "Rule[Rights]": {"$ref": "#/definitions/Text"},
        "Text": {"type": "string"}
    });
    assert_eq!(asked(&definitions, &json!(1)), ["body must be a string"]);
}
