//! From a file's paths to operations.

use std::sync::Arc;

use http::Method;
use serde_json::Value;

use crate::spec::declared::Api;
use crate::spec::library::Library;
use crate::spec::operation::{Answers, Body, Content, Facts, Location, Operation, OperationRef, Parameter};
use crate::spec::schema::compile::Compiler;
use crate::spec::template::Template;

const METHODS: [Method; 7] = [Method::GET, Method::PUT, Method::POST, Method::DELETE, Method::PATCH, Method::HEAD, Method::OPTIONS];

/// A document of one version of an API.
pub(crate) struct Edition<'e> {
    pub(crate) api: &'static Api,
    /// The place of the API's plane in the book.
    pub(crate) plane: usize,
    pub(crate) name: &'e str,
    pub(crate) version: &'e str,
}

/// Reads operations and compiles the schemas they need.
pub(crate) struct Reader<'l> {
    library: &'l Library,
    pub(crate) compiler: Compiler<'l>,
    pub(crate) operations: Vec<Operation>,
}

impl<'l> Reader<'l> {
    pub(crate) fn new(library: &'l Library) -> Self {
        Self { library, compiler: Compiler::new(library), operations: Vec::new() }
    }

    /// Reads all operations of a document.
    pub(crate) fn read(&mut self, edition: &Edition<'_>) {
        let Some(document) = self.library.document(edition.name) else {
            return;
        };
        for paths in ["paths", "x-ms-paths"] {
            for (path, item) in document.get(paths).and_then(Value::as_object).into_iter().flatten() {
                for method in METHODS {
                    if let Some(operation) = item.get(method.as_str().to_ascii_lowercase()) {
                        let shared = parameters(item);
                        self.operation(edition, document, path, &method, shared, operation);
                    }
                }
            }
        }
    }

    fn operation(&mut self, edition: &Edition<'_>, document: &Value, path: &str, method: &Method, shared: &'l [Value], value: &'l Value) {
        let declared: Vec<&Value> =
            shared.iter().chain(parameters(value)).map(|parameter| self.parameter_value(edition.name, parameter)).collect();
        let template = Template::parse(path, |name| {
            declared
                .iter()
                .any(|parameter| parameter["name"] == name && parameter["in"] == "path" && parameter["x-ms-skip-url-encoding"] == true)
        });
        let facts = Facts {
            api: edition.api.name,
            plane: edition.plane,
            api_version: edition.version.to_owned(),
            id: value["operationId"].as_str().unwrap_or(path).to_owned(),
            method: method.clone(),
            template: path.to_owned(),
            index: self.operations.len(),
        };
        let operation = Operation {
            facts: OperationRef(Arc::new(facts)),
            exactness: template.exactness(),
            template,
            parameters: declared.iter().filter_map(|one| self.parameter(edition.name, one)).collect(),
            body: declared.iter().find_map(|one| self.body(edition.name, one)),
            consumes: consumes(value).or_else(|| consumes(document)).unwrap_or_default(),
            answers: self.answers(edition.name, value),
        };
        self.operations.push(operation);
    }

    fn parameter_value(&self, document: &str, value: &'l Value) -> &'l Value {
        match value.get("$ref").and_then(Value::as_str) {
            Some(reference) => self.library.resolve(document, reference).expect("a test follows every reference of the embedded files").1,
            None => value,
        }
    }

    fn parameter(&mut self, document: &str, value: &Value) -> Option<Parameter> {
        let location = match value["in"].as_str()? {
            "path" => Location::Path,
            "query" => Location::Query,
            "header" => Location::Header,
            _ => return None,
        };
        Some(Parameter {
            name: value["name"].as_str()?.to_owned(),
            location,
            required: value["required"].as_bool().unwrap_or(false),
            schema: self.compiler.schema(document, value),
        })
    }

    fn body(&mut self, document: &str, value: &Value) -> Option<Body> {
        (value["in"] == "body").then(|| Body {
            required: value["required"].as_bool().unwrap_or(false),
            schema: self.compiler.schema(document, &value["schema"]),
        })
    }

    fn answers(&mut self, document: &str, operation: &Value) -> Answers {
        let mut answers = Answers::default();
        for (status, answer) in operation["responses"].as_object().into_iter().flatten() {
            let content = match answer.get("schema") {
                Some(schema) if answer["x-or-nothing"] == true => Content::JsonOrNothing(self.compiler.schema(document, schema)),
                Some(schema) => Content::Json(self.compiler.schema(document, schema)),
                None => Content::Nothing,
            };
            match status.parse() {
                Ok(status) => answers.listed.push((status, content)),
                Err(_) => answers.default = Some(content),
            }
        }
        answers
    }
}

fn parameters(value: &Value) -> &[Value] {
    value.get("parameters").and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn consumes(value: &Value) -> Option<Vec<String>> {
    let types = value.get("consumes")?.as_array()?;
    let types: Vec<String> = types.iter().filter_map(|one| Some(one.as_str()?.to_ascii_lowercase())).collect();
    (!types.is_empty()).then_some(types)
}
