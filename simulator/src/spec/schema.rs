//! Schemas, compiled into one arena: references are indices, inheritance is flattened.

use std::collections::HashMap;
use std::sync::OnceLock;

use fancy_regex::Regex;
use serde_json::Value;

use crate::spec::schema::format::TextFormat;

pub(crate) mod compile;
mod format;

/// An index into the arena.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SchemaId(pub(crate) usize);

/// All schemas of all files.
#[derive(Default)]
pub(crate) struct Arena(pub(crate) Vec<Schema>);

impl Arena {
    pub(crate) fn get(&self, id: SchemaId) -> &Schema {
        &self.0[id.0]
    }
}

/// What a value must be.
#[derive(Default)]
pub(crate) struct Schema {
    pub(crate) shape: Shape,
    pub(crate) choices: Option<Choices>,
}

#[derive(Default)]
pub(crate) enum Shape {
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
    pub(crate) fn rule(&self) -> &'static str {
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
pub(crate) struct Choices {
    pub(crate) values: Vec<Value>,
    /// Answers may spell them in another case.
    pub(crate) any_case_in_answers: bool,
}

#[derive(Default)]
pub(crate) struct Object {
    pub(crate) properties: HashMap<String, Property>,
    pub(crate) required: Vec<String>,
    pub(crate) others: Others,
    pub(crate) variants: Option<Subtypes>,
}

pub(crate) struct Property {
    pub(crate) schema: SchemaId,
    pub(crate) read_only: bool,
}

/// What holds for properties that are not named. A closed world is the default: swagger would let them pass.
#[derive(Clone, Copy, Default)]
pub(crate) enum Others {
    #[default]
    Refused,
    Anything,
    Each(SchemaId),
}

/// The definitions among which a property of the object chooses.
pub(crate) struct Subtypes {
    pub(crate) discriminator: String,
    pub(crate) by_tag: HashMap<String, SchemaId>,
}

pub(crate) struct Array {
    pub(crate) items: SchemaId,
    pub(crate) length: Bounds<u64>,
    pub(crate) unique: bool,
}

pub(crate) struct Text {
    pub(crate) format: Option<TextFormat>,
    pub(crate) pattern: Option<Pattern>,
    pub(crate) length: Bounds<u64>,
}

pub(crate) struct Integer {
    pub(crate) narrow: bool,
    pub(crate) range: Bounds<f64>,
}

pub(crate) struct Number {
    pub(crate) range: Bounds<f64>,
}

/// Inclusive limits.
#[derive(Clone, Copy)]
pub(crate) struct Bounds<T> {
    pub(crate) least: Option<T>,
    pub(crate) most: Option<T>,
}

impl<T: PartialOrd> Bounds<T> {
    #[expect(clippy::needless_pass_by_value, reason = "T is a number")]
    pub(crate) fn hold(&self, value: T) -> bool {
        self.least.as_ref().is_none_or(|least| value >= *least) && self.most.as_ref().is_none_or(|most| value <= *most)
    }
}

/// A regular expression that is compiled when first asked: most never are.
pub(crate) struct Pattern {
    pub(crate) text: String,
    compiled: OnceLock<Option<Regex>>,
}

impl Pattern {
    pub(crate) fn new(text: &str) -> Self {
        Self { text: text.to_owned(), compiled: OnceLock::new() }
    }

    /// The expression, unless it is none.
    pub(crate) fn regex(&self) -> Option<&Regex> {
        self.compiled.get_or_init(|| Regex::new(&self.text).ok()).as_ref()
    }

    /// Whether the text fits; a pattern that is no expression, or gives up on the text, fits nothing.
    pub(crate) fn accepts(&self, text: &str) -> bool {
        self.regex().is_some_and(|regex| regex.is_match(text).unwrap_or(false))
    }
}
