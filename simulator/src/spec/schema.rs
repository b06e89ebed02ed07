//! Schemas, compiled into one arena: references are indices, inheritance is flattened.

use std::collections::HashMap;
use std::sync::OnceLock;

use fancy_regex::Regex;
use serde_json::Value;

use super::format::TextFormat;

pub(super) mod compile;

/// An index into the arena.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SchemaId(pub(super) usize);

/// All schemas of all files.
#[derive(Default)]
pub(super) struct Arena(pub(super) Vec<Schema>);

impl Arena {
    pub(super) fn get(&self, id: SchemaId) -> &Schema {
        &self.0[id.0]
    }
}

/// What a value must be.
#[derive(Default)]
pub(super) struct Schema {
    pub(super) shape: Shape,
    pub(super) choices: Option<Choices>,
}

#[derive(Default)]
pub(super) enum Shape {
    #[default]
    Any,
    Object(Object),
    Array(Array),
    Text(Text),
    Integer(Integer),
    Number(Number),
    Boolean,
    Either(Vec<SchemaId>),
}

impl Shape {
    /// What a value of this shape is called in a report.
    pub(super) fn rule(&self) -> &'static str {
        match self {
            Self::Any => "may be anything",
            Self::Object(_) => "must be an object",
            Self::Array(_) => "must be an array",
            Self::Text(_) => "must be a string",
            Self::Integer(_) => "must be an integer",
            Self::Number(_) => "must be a number",
            Self::Boolean => "must be a boolean",
            Self::Either(_) => "has none of the declared types",
        }
    }
}

/// The values of an enumeration.
pub(super) struct Choices {
    pub(super) values: Vec<Value>,
    /// Answers may spell them in another case.
    pub(super) any_case_in_answers: bool,
}

#[derive(Default)]
pub(super) struct Object {
    pub(super) properties: HashMap<String, Property>,
    pub(super) required: Vec<String>,
    pub(super) others: Others,
    pub(super) variants: Option<Variants>,
}

pub(super) struct Property {
    pub(super) schema: SchemaId,
    pub(super) read_only: bool,
}

/// What holds for properties that are not named. A closed world is the default: swagger would let them pass.
#[derive(Clone, Copy, Default)]
pub(super) enum Others {
    #[default]
    Refused,
    Anything,
    Each(SchemaId),
}

/// The definitions among which a property of the object chooses.
pub(super) struct Variants {
    pub(super) discriminator: String,
    pub(super) by_tag: HashMap<String, SchemaId>,
}

pub(super) struct Array {
    pub(super) items: SchemaId,
    pub(super) length: Bounds<u64>,
    pub(super) unique: bool,
}

pub(super) struct Text {
    pub(super) format: Option<TextFormat>,
    pub(super) pattern: Option<Pattern>,
    pub(super) length: Bounds<u64>,
}

pub(super) struct Integer {
    pub(super) narrow: bool,
    pub(super) range: Bounds<f64>,
}

pub(super) struct Number {
    pub(super) range: Bounds<f64>,
}

/// Inclusive limits.
#[derive(Clone, Copy)]
pub(super) struct Bounds<T> {
    pub(super) least: Option<T>,
    pub(super) most: Option<T>,
}

impl<T: PartialOrd> Bounds<T> {
    #[expect(clippy::needless_pass_by_value, reason = "T is a number")]
    pub(super) fn hold(&self, value: T) -> bool {
        self.least.as_ref().is_none_or(|least| value >= *least) && self.most.as_ref().is_none_or(|most| value <= *most)
    }
}

/// A regular expression that is compiled when first asked: most never are.
pub(super) struct Pattern {
    pub(super) text: String,
    compiled: OnceLock<Option<Regex>>,
}

impl Pattern {
    pub(super) fn new(text: &str) -> Self {
        Self { text: text.to_owned(), compiled: OnceLock::new() }
    }

    /// The expression, unless it is none.
    pub(super) fn regex(&self) -> Option<&Regex> {
        self.compiled.get_or_init(|| Regex::new(&self.text).ok()).as_ref()
    }

    /// Whether the text fits; a pattern that is no expression, or gives up on the text, fits nothing.
    pub(super) fn accepts(&self, text: &str) -> bool {
        self.regex().is_some_and(|regex| regex.is_match(text).unwrap_or(false))
    }
}
