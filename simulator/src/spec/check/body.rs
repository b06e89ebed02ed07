//! The walk through a JSON value with its schema.

use std::collections::HashSet;

use serde_json::{Map, Number as JsonNumber, Value};

use crate::spec::check::place::Place;
use crate::spec::check::spelling::declared_as;
use crate::spec::check::violation::{Kind, Violation};
use crate::spec::schema::{Arena, Array, Bounds, Choices, Integer, Object, Others, Property, Schema, SchemaId, Shape, Subtypes, Text};

#[cfg(test)]
mod tests;

/// Which way the value went: a caller may not write read-only properties, the service may.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    Request,
    Answer,
}

/// Compares values with schemas and collects what does not fit.
pub(crate) struct Walk<'a> {
    arena: &'a Arena,
    direction: Direction,
    pub(crate) found: Vec<Violation>,
}

impl<'a> Walk<'a> {
    pub(crate) fn new(arena: &'a Arena, direction: Direction) -> Self {
        Self { arena, direction, found: Vec::new() }
    }

    pub(crate) fn report(&mut self, kind: Kind, place: Place<'_>, rule: impl Into<std::borrow::Cow<'static, str>>) {
        self.found.push(Violation::new(kind, place, rule));
    }

    /// Checks one value.
    pub(crate) fn visit(&mut self, id: SchemaId, value: &Value, place: Place<'_>) {
        let schema = self.arena.get(id);
        if let (Shape::Object(Object { variants: Some(variants), .. }), Value::Object(map)) = (&schema.shape, value) {
            self.visit_variant(schema, variants, map, place);
        } else {
            self.visit_as(schema, value, place);
        }
    }

    fn visit_as(&mut self, schema: &Schema, value: &Value, place: Place<'_>) {
        match (&schema.shape, value) {
            (Shape::Any, _) | (Shape::Boolean, Value::Bool(_)) => {}
            (Shape::Object(object), Value::Object(map)) => self.visit_object(object, map, place),
            (Shape::Array(array), Value::Array(items)) => self.visit_array(array, items, place),
            (Shape::Text(text), Value::String(value)) => self.visit_text(text, value, place),
            (Shape::Integer(integer), Value::Number(number)) => self.visit_integer(integer, number, place),
            (Shape::Number(shape), Value::Number(number)) => self.visit_range(shape.range, number, place),
            (Shape::Either(ways), _) => self.visit_either(ways, &schema.shape, value, place),
            (shape, _) => return self.report(Kind::WrongType, place, shape.rule()),
        }
        if let Some(choices) = &schema.choices {
            self.visit_choice(choices, value, place);
        }
    }

    /// Hands the object over to the definition that its discriminator names; that one is not asked again.
    fn visit_variant(&mut self, base: &Schema, variants: &Subtypes, map: &Map<String, Value>, place: Place<'_>) {
        let tag = map.get(&variants.discriminator).and_then(Value::as_str);
        let chosen = match tag.map(|tag| variants.by_tag.get(tag)) {
            None => base,
            Some(Some(&id)) => self.arena.get(id),
            Some(None) => {
                let rule = one_of(variants.by_tag.keys().map(String::as_str));
                self.report(Kind::UnknownValue, place.key(&variants.discriminator), rule);
                return;
            }
        };
        if let Shape::Object(object) = &chosen.shape {
            self.visit_object(object, map, place);
        }
    }

    /// A property that is null counts as left out, as Azure has it.
    fn visit_object(&mut self, object: &Object, map: &Map<String, Value>, place: Place<'_>) {
        for name in &object.required {
            let read_only = object.properties.get(name).is_some_and(|property| property.read_only);
            let excused = read_only && self.direction == Direction::Request;
            if !excused && self.given(map, name).is_none_or(Value::is_null) {
                self.report(Kind::MissingProperty, place.key(name), "is required");
            }
        }
        for (name, value) in map {
            let here = place.key(name);
            let known = object.properties.get(name).or_else(|| self.respelt(object, name, here));
            match (known, object.others) {
                (Some(property), _) if property.read_only && self.direction == Direction::Request => {
                    self.report(Kind::ReadOnly, here, "is read-only, the service ignores it");
                }
                (Some(_), _) if value.is_null() => {}
                (Some(property), _) => self.visit(property.schema, value, here),
                (None, Others::Anything) => {}
                (None, Others::Each(schema)) => self.visit(schema, value, here),
                (None, Others::Refused) => self.report(Kind::UndeclaredProperty, here, "is not declared"),
            }
        }
    }

    /// The value of a property, in whichever case a caller writes its name.
    fn given<'v>(&self, map: &'v Map<String, Value>, name: &str) -> Option<&'v Value> {
        let any_case = |name: &str| map.iter().find(|(given, _)| given.eq_ignore_ascii_case(name)).map(|(_, value)| value);
        map.get(name).or_else(|| any_case(name).filter(|_| self.direction == Direction::Request))
    }

    /// The property that a caller means who writes its name in another case.
    fn respelt<'o>(&mut self, object: &'o Object, name: &str, here: Place<'_>) -> Option<&'o Property> {
        let declared = declared_as(object, name).filter(|_| self.direction == Direction::Request)?;
        self.report(Kind::Spelling, here, format!("is spelt {declared}"));
        object.properties.get(declared)
    }

    fn visit_array(&mut self, array: &Array, items: &[Value], place: Place<'_>) {
        if !array.length.hold(items.len() as u64) {
            self.report(Kind::Length, place, length_rule(array.length, "items"));
        }
        let mut seen = HashSet::new();
        if array.unique && !items.iter().all(|item| seen.insert(item)) {
            self.report(Kind::Repeated, place, "must not repeat an item");
        }
        for (index, item) in items.iter().enumerate() {
            self.visit(array.items, item, place.index(index));
        }
    }

    fn visit_text(&mut self, text: &Text, value: &str, place: Place<'_>) {
        if !text.length.hold(value.chars().count() as u64) {
            self.report(Kind::Length, place, length_rule(text.length, "characters"));
        }
        if let Some(pattern) = text.pattern.as_ref().filter(|pattern| !pattern.accepts(value)) {
            self.report(Kind::Pattern, place, format!("must match {}", pattern.text));
        }
        if let Some(format) = text.format.filter(|format| !format.accepts(value)) {
            self.report(Kind::Format, place, format.rule());
        }
    }

    fn visit_integer(&mut self, integer: &Integer, number: &JsonNumber, place: Place<'_>) {
        match number.as_i64() {
            None => self.report(Kind::WrongType, place, "must be an integer of 64 bits"),
            Some(value) if integer.narrow && i32::try_from(value).is_err() => {
                self.report(Kind::Range, place, "must be an integer of 32 bits");
            }
            Some(_) => self.visit_range(integer.range, number, place),
        }
    }

    fn visit_range(&mut self, range: Bounds<f64>, number: &JsonNumber, place: Place<'_>) {
        if number.as_f64().is_some_and(|value| !range.hold(value)) {
            let rule = match (range.least, range.most) {
                (Some(least), Some(most)) => format!("must be from {least} to {most}"),
                (Some(least), None) => format!("must be at least {least}"),
                (None, most) => format!("must be at most {}", most.unwrap_or_default()),
            };
            self.report(Kind::Range, place, rule);
        }
    }

    fn visit_either(&mut self, ways: &[SchemaId], shape: &Shape, value: &Value, place: Place<'_>) {
        let fits = ways.iter().any(|&way| {
            let mut trial = Walk::new(self.arena, self.direction);
            trial.visit(way, value, place);
            trial.found.is_empty()
        });
        if !fits {
            self.report(Kind::WrongType, place, shape.rule());
        }
    }

    /// Open enumerations (`modelAsString`) are held to their values as well: nobody here means an unknown one.
    fn visit_choice(&mut self, choices: &Choices, value: &Value, place: Place<'_>) {
        if choices.values.contains(value) {
            return;
        }
        let meant =
            choices.values.iter().filter_map(Value::as_str).find(|choice| value.as_str().is_some_and(|it| choice.eq_ignore_ascii_case(it)));
        match (meant, self.direction) {
            (Some(_), Direction::Answer) if choices.any_case_in_answers => {}
            (Some(choice), Direction::Request) => self.report(Kind::Spelling, place, format!("is spelt {choice}")),
            _ => self.report_unknown(choices, place),
        }
    }

    fn report_unknown(&mut self, choices: &Choices, place: Place<'_>) {
        let rule = one_of(choices.values.iter().filter_map(Value::as_str));
        self.report(Kind::UnknownValue, place, rule);
    }
}

fn one_of<'a>(values: impl Iterator<Item = &'a str>) -> String {
    let mut values: Vec<&str> = values.collect();
    values.sort_unstable();
    format!("must be one of: {}", values.join(" | "))
}

fn length_rule(length: Bounds<u64>, unit: &str) -> String {
    match (length.least, length.most) {
        (Some(least), Some(most)) => format!("must have {least} to {most} {unit}"),
        (Some(least), None) => format!("must have at least {least} {unit}"),
        (None, most) => format!("must have at most {} {unit}", most.unwrap_or_default()),
    }
}
