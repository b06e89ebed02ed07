//! From JSON schema, as OpenAPI 2.0 and `AutoRest` have it, to the arena.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};

use crate::spec::library::{Address, Library, bases};
use crate::spec::schema::format::TextFormat;

use crate::spec::schema::{
    Arena, Array, Bounds, Choices, Integer, Number, Object, Others, Pattern, Property, Schema, SchemaId, Shape, Subtypes, Text,
};

/// Compiles schemas of a library; each definition once, so that rings of definitions end.
pub(crate) struct Compiler<'l> {
    library: &'l Library,
    arena: Arena,
    known: HashMap<Address, SchemaId>,
}

/// Where the schema being compiled stands: the document that its references start from.
type Document<'d> = &'d str;

impl<'l> Compiler<'l> {
    pub(crate) fn new(library: &'l Library) -> Self {
        Self { library, arena: Arena::default(), known: HashMap::new() }
    }

    pub(crate) fn finish(self) -> Arena {
        self.arena
    }

    /// Compiles a schema that stands in the document.
    pub(crate) fn schema(&mut self, document: Document<'_>, value: &Value) -> SchemaId {
        if let Some(reference) = value.get("$ref").and_then(Value::as_str) {
            return self.reference(document, reference);
        }
        if let Some(reference) = wrapped(value) {
            return self.reference(document, reference);
        }
        let id = self.reserve();
        let compiled = self.compile(document, value);
        self.arena.0[id.0] = compiled;
        id
    }

    /// Compiles the definition that a reference of the document leads to.
    pub(crate) fn reference(&mut self, document: Document<'_>, reference: &str) -> SchemaId {
        let (address, value) = self.library.resolve(document, reference).expect("a test follows every reference of the embedded files");
        self.definition(&address, value)
    }

    fn definition(&mut self, address: &Address, value: &Value) -> SchemaId {
        if let Some(&id) = self.known.get(address) {
            return id;
        }
        let id = self.reserve();
        self.known.insert(address.clone(), id);
        let mut compiled = self.compile(&address.document, value);
        if let Shape::Object(object) = &mut compiled.shape {
            object.variants = self.variants(address, value);
        }
        self.arena.0[id.0] = compiled;
        id
    }

    fn reserve(&mut self) -> SchemaId {
        self.arena.0.push(Schema::default());
        SchemaId(self.arena.0.len() - 1)
    }

    fn compile(&mut self, document: Document<'_>, value: &Value) -> Schema {
        Schema { shape: self.shape(document, value), choices: choices(value) }
    }

    fn shape(&mut self, document: Document<'_>, value: &Value) -> Shape {
        match value.get("type") {
            Some(Value::Array(types)) => {
                Shape::Either(types.iter().map(|name| self.schema(document, &serde_json::json!({ "type": name }))).collect())
            }
            Some(Value::String(name)) => self.typed(document, name, value),
            _ if value.get("enum").is_some() => Shape::Text(text(value)),
            _ => self.object_or_anything(document, value),
        }
    }

    fn typed(&mut self, document: Document<'_>, name: &str, value: &Value) -> Shape {
        match name {
            "object" => self.object_or_anything(document, value),
            "array" => Shape::Array(Array {
                items: self.schema(document, value.get("items").unwrap_or(&Value::Null)),
                length: Bounds {
                    least: value.get("minItems").and_then(Value::as_u64),
                    most: value.get("maxItems").and_then(Value::as_u64),
                },
                unique: value.get("uniqueItems").and_then(Value::as_bool).unwrap_or(false),
            }),
            "string" => Shape::Text(text(value)),
            "integer" => {
                Shape::Integer(Integer { narrow: value.get("format").and_then(Value::as_str) == Some("int32"), range: range(value) })
            }
            "number" => Shape::Number(Number { range: range(value) }),
            "boolean" => Shape::Boolean,
            _ => Shape::Any,
        }
    }

    /// An object of which nothing is said is any JSON value: `AutoRest` reads it so, and Azure's services mean it so
    /// (the values of twin tags, the payload of a registration).
    fn object_or_anything(&mut self, document: Document<'_>, value: &Value) -> Shape {
        let says_nothing =
            ["properties", "allOf"].iter().all(|key| value.get(key).is_none()) && value.get("additionalProperties").is_none_or(is_anything);
        if says_nothing {
            return Shape::Any;
        }
        let mut object = Object::default();
        self.gather(document, value, &mut object, &mut HashSet::new());
        Shape::Object(object)
    }

    /// Adds to the object what the schema and all it builds on say.
    fn gather(&mut self, document: Document<'_>, value: &Value, object: &mut Object, seen: &mut HashSet<Address>) {
        for part in value.get("allOf").and_then(Value::as_array).into_iter().flatten() {
            match part.get("$ref").and_then(Value::as_str) {
                Some(reference) => {
                    let (address, base) =
                        self.library.resolve(document, reference).expect("a test follows every reference of the embedded files");
                    if seen.insert(address.clone()) {
                        self.gather(&address.document, base, object, seen);
                    }
                }
                None => self.gather(document, part, object, seen),
            }
        }
        for (name, property) in entries(value, "properties") {
            let property = Property { schema: self.schema(document, property), read_only: self.is_read_only(document, property) };
            object.properties.insert(name.clone(), property);
        }
        let required = value.get("required").and_then(Value::as_array).into_iter().flatten();
        object.required.extend(required.filter_map(|name| Some(name.as_str()?.to_owned())));
        match value.get("additionalProperties") {
            None | Some(Value::Bool(false)) => {}
            Some(rule) if is_anything(rule) => object.others = Others::Anything,
            Some(rule) => object.others = Others::Each(self.schema(document, rule)),
        }
    }

    /// By the property itself, or by the definition it refers to.
    fn is_read_only(&self, document: Document<'_>, property: &Value) -> bool {
        let target = property.get("$ref").and_then(Value::as_str);
        let target = target.and_then(|reference| self.library.resolve(document, reference));
        is_marked_read_only(property) || target.is_some_and(|(_, definition)| is_marked_read_only(definition))
    }

    fn variants(&mut self, base: &Address, value: &Value) -> Option<Subtypes> {
        let discriminator = value.get("discriminator")?.as_str()?.to_owned();
        let library = self.library;
        let mut by_tag = HashMap::new();
        let mut waiting = vec![base.clone()];
        let mut seen: HashSet<Address> = HashSet::new();
        while let Some(address) = waiting.pop() {
            for subtype in library.subtypes(&address) {
                if !seen.insert(subtype.address.clone()) {
                    continue;
                }
                let definition = library.document(&subtype.address.document)?.pointer(&subtype.address.pointer)?;
                by_tag.insert(subtype.tag.clone(), self.definition(&subtype.address, definition));
                waiting.push(subtype.address.clone());
            }
        }
        Some(Subtypes { discriminator, by_tag })
    }
}

/// A schema that only wraps a reference, so that it can say something beside it.
fn wrapped(value: &Value) -> Option<&str> {
    let alone = ["properties", "type", "additionalProperties"].iter().all(|key| value.get(key).is_none());
    let mut references = bases(value);
    let first = references.next()?;
    (alone && references.next().is_none()).then_some(first)
}

fn is_anything(rule: &Value) -> bool {
    rule.as_bool() == Some(true) || rule.as_object().is_some_and(Map::is_empty)
}

fn is_marked_read_only(value: &Value) -> bool {
    let mutability = value.get("x-ms-mutability").and_then(Value::as_array);
    value.get("readOnly").and_then(Value::as_bool) == Some(true)
        || mutability.is_some_and(|ways| ways.iter().all(|way| way.as_str() == Some("read")))
}

fn entries<'v>(value: &'v Value, key: &str) -> impl Iterator<Item = (&'v String, &'v Value)> {
    value.get(key).and_then(Value::as_object).into_iter().flatten()
}

fn choices(value: &Value) -> Option<Choices> {
    Some(Choices {
        values: value.get("enum")?.as_array()?.clone(),
        any_case_in_answers: value.get("x-answer-any-case").and_then(Value::as_bool).unwrap_or(false),
    })
}

fn text(value: &Value) -> Text {
    Text {
        format: value.get("format").and_then(Value::as_str).and_then(TextFormat::named),
        pattern: value.get("pattern").and_then(Value::as_str).map(Pattern::new),
        length: Bounds { least: value.get("minLength").and_then(Value::as_u64), most: value.get("maxLength").and_then(Value::as_u64) },
    }
}

fn range(value: &Value) -> Bounds<f64> {
    Bounds { least: value.get("minimum").and_then(Value::as_f64), most: value.get("maximum").and_then(Value::as_f64) }
}
