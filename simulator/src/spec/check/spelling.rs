//! Bodies as the services read them: names of properties and values of enumerations have no case, and what is not known is left alone.

use serde_json::{Map, Value};

use crate::spec::schema::{Arena, Object, Others, Schema, SchemaId, Shape};

/// The name under which an object declares a property, if it does in another case.
pub(crate) fn declared_as<'o>(object: &'o Object, name: &str) -> Option<&'o str> {
    let closed = matches!(object.others, Others::Refused);
    object.properties.keys().find(|declared| closed && declared.eq_ignore_ascii_case(name)).map(String::as_str)
}

/// Writes names and values as they are declared, and takes out what is not.
pub(crate) fn read(arena: &Arena, id: SchemaId, value: &mut Value) {
    let schema = arena.get(id);
    match (&schema.shape, &mut *value) {
        (Shape::Object(object), Value::Object(map)) => read_object(arena, variant(arena, object, map), map),
        (Shape::Array(array), Value::Array(items)) => items.iter_mut().for_each(|item| read(arena, array.items, item)),
        _ => {}
    }
    read_choice(schema, value);
}

/// What the discriminator names, if the object has one and it names something.
fn variant<'a>(arena: &'a Arena, object: &'a Object, map: &Map<String, Value>) -> &'a Object {
    let chosen = object.variants.as_ref().and_then(|variants| {
        let tag = map.get(&variants.discriminator).and_then(Value::as_str)?;
        variants.by_tag.get(tag).map(|&id| arena.get(id))
    });
    match chosen.map(|schema| &schema.shape) {
        Some(Shape::Object(chosen)) => chosen,
        _ => object,
    }
}

fn read_object(arena: &Arena, object: &Object, map: &mut Map<String, Value>) {
    for (name, mut value) in std::mem::take(map) {
        let declared = if object.properties.contains_key(&name) { None } else { declared_as(object, &name).map(str::to_owned) };
        let name = declared.unwrap_or(name);
        match (object.properties.get(&name), object.others) {
            (Some(property), _) => read(arena, property.schema, &mut value),
            (None, Others::Each(schema)) => read(arena, schema, &mut value),
            (None, Others::Anything) => {}
            (None, Others::Refused) => continue,
        }
        map.insert(name, value);
    }
}

fn read_choice(schema: &Schema, value: &mut Value) {
    let Some(text) = value.as_str() else { return };
    let choices = schema.choices.iter().flat_map(|choices| &choices.values).filter_map(Value::as_str);
    if let Some(declared) = choices.into_iter().find(|choice| choice.eq_ignore_ascii_case(text)).map(str::to_owned) {
        *value = declared.into();
    }
}
