//! The operations of the files.

use std::fmt;
use std::sync::Arc;

use http::Method;

use crate::spec::schema::SchemaId;
use crate::spec::template::{Exactness, Template};

#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct Facts {
    pub(crate) api: &'static str,
    /// The plane's place in the book.
    pub(crate) plane: usize,
    pub(crate) api_version: String,
    pub(crate) id: String,
    pub(crate) method: Method,
    pub(crate) template: String,
    pub(crate) index: usize,
}

/// One operation of one version of an API; cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OperationRef(pub(crate) Arc<Facts>);

impl OperationRef {
    /// Whose operation it is, e.g. `IoT Hub registry`.
    pub fn api(&self) -> &'static str {
        self.0.api
    }

    /// The api-version, e.g. `2023-06-30`.
    pub fn api_version(&self) -> &str {
        &self.0.api_version
    }

    /// The operationId, e.g. `IotHubResource_CreateOrUpdate`.
    pub fn id(&self) -> &str {
        &self.0.id
    }

    /// The HTTP method.
    pub fn method(&self) -> &Method {
        &self.0.method
    }

    /// The path with its parameters in braces.
    pub fn template(&self) -> &str {
        &self.0.template
    }
}

impl fmt::Display for OperationRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} of {}", self.id(), self.api_version(), self.api())
    }
}

/// An operation with all that a check needs.
pub(crate) struct Operation {
    pub(crate) facts: OperationRef,
    pub(crate) template: Template,
    pub(crate) exactness: Exactness,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) body: Option<Body>,
    pub(crate) consumes: Vec<String>,
    pub(crate) answers: Answers,
}

/// What an answer carries.
#[derive(Clone, Copy)]
pub(crate) enum Content {
    Nothing,
    Json(SchemaId),
    JsonOrNothing(SchemaId),
}

/// The answers by status, and what every other one carries, if that is declared.
#[derive(Default)]
pub(crate) struct Answers {
    pub(crate) listed: Vec<(u16, Content)>,
    pub(crate) default: Option<Content>,
}

/// A parameter that travels as text.
pub(crate) struct Parameter {
    pub(crate) name: String,
    pub(crate) location: Location,
    pub(crate) required: bool,
    pub(crate) schema: SchemaId,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Location {
    Path,
    Query,
    Header,
}

pub(crate) struct Body {
    pub(crate) required: bool,
    pub(crate) schema: SchemaId,
}
