//! What services tell of their resources, kept whole: a field that is not known here survives a read and a write.

use std::fmt;

use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use zeroize::{Zeroize, Zeroizing};

use crate::azure::pipeline::version::Spoken;
use older::KnownNames;

pub(crate) mod device;
pub(crate) mod enrollment;
pub(crate) mod enrollment_group;
pub(crate) mod hub;
pub(crate) mod individual_enrollment;
pub(crate) mod network;
mod older;
mod policies;
pub(crate) mod provisioning_service;
pub(crate) mod registration;
pub(crate) mod resource_group;

/// A path into a document; `*` stands for every element of a list and every value of a map.
pub(crate) type Path = [&'static str];

/// Fields whose texts are secret, wherever they are in a document.
const SECRET_FIELDS: [&str; 6] =
    ["primaryKey", "secondaryKey", "connectionString", "webhookUrl", "sharedAccessKey", "storageConnectionString"];

/// A JSON object that is edited in place, wiped of its secrets when dropped, and never printed with them.
#[derive(Clone, PartialEq, Default)]
pub(crate) struct Document {
    fields: Map<String, Value>,
    /// The api-version in which it was read; none if it is new, or was listed.
    pub(crate) read_in: Option<Spoken>,
    /// Whether it is known to be one that we made.
    pub(crate) is_ours: bool,
}

impl Document {
    pub(crate) fn of(value: Value) -> Self {
        if let Value::Object(fields) = value { Self { fields, ..Self::default() } } else { Self::default() }
    }

    pub(crate) fn was_read(&self) -> bool {
        self.read_in.is_some()
    }

    /// A name that an older version does not know, of the object at a path or of one of several there.
    pub(crate) fn unknown_name(&self, (path, names): &KnownNames) -> Option<&str> {
        older::unknown_in(&self.fields, path, names)
    }

    pub(crate) fn get(&self, path: &Path) -> Option<&Value> {
        let (first, rest) = path.split_first()?;
        rest.iter().try_fold(self.fields.get(*first)?, |value, name| value.get(name)).filter(|value| !value.is_null())
    }

    pub(crate) fn text(&self, path: &Path) -> Option<&str> {
        self.get(path)?.as_str()
    }

    pub(crate) fn list(&self, path: &Path) -> &[Value] {
        self.get(path).and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    /// Puts a value at a path, making the objects on the way.
    pub(crate) fn set(&mut self, path: &Path, value: impl Into<Value>) {
        let Some((last, way)) = path.split_last() else { return };
        let mut map = &mut self.fields;
        for name in way {
            let next = map.entry(*name).or_insert(Value::Null);
            if !next.is_object() {
                *next = Value::Object(Map::new());
            }
            map = next.as_object_mut().expect("an object was put here");
        }
        map.insert((*last).to_owned(), value.into());
    }

    pub(crate) fn remove(&mut self, path: &Path) {
        let Some((last, way)) = path.split_last() else { return };
        let mut map = &mut self.fields;
        for name in way {
            let Some(next) = map.get_mut(*name).and_then(Value::as_object_mut) else { return };
            map = next;
        }
        map.remove(*last);
    }

    /// The list at a path, to be edited; made if it is not there.
    pub(crate) fn list_mut(&mut self, path: &Path) -> &mut Vec<Value> {
        if !self.get(path).is_some_and(Value::is_array) {
            self.set(path, Value::Array(Vec::new()));
        }
        self.there(path).as_array_mut().expect("the list was put here")
    }

    /// The object at a path, to be edited; made if it is not there.
    pub(crate) fn object_mut(&mut self, path: &Path) -> &mut Map<String, Value> {
        if !self.get(path).is_some_and(Value::is_object) {
            self.set(path, Value::Object(Map::new()));
        }
        self.there(path).as_object_mut().expect("the object was put here")
    }

    fn there(&mut self, path: &Path) -> &mut Value {
        let (first, rest) = path.split_first().expect("what is edited has a path");
        let root = self.fields.get_mut(*first).expect("the value was put here");
        rest.iter().fold(root, |value, name| &mut value[*name])
    }

    /// The bytes to send: everything but the fields that only the service writes.
    pub(crate) fn to_send(&self, read_only: &[&Path]) -> Zeroizing<Vec<u8>> {
        let mut sent = self.clone();
        for path in read_only {
            strip_map(&mut sent.fields, path);
        }
        Zeroizing::new(serde_json::to_vec(&sent.fields).expect("a JSON object has text"))
    }
}

impl Drop for Document {
    fn drop(&mut self) {
        visit_secrets(&mut self.fields, &mut |text| text.zeroize());
    }
}

impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = self.clone();
        visit_secrets(&mut shown.fields, &mut |text| {
            text.zeroize();
            text.push_str("[redacted]");
        });
        let text = serde_json::to_string(&shown.fields).map_err(|_| fmt::Error)?;
        f.write_str(&text)
    }
}

impl<'de> Deserialize<'de> for Document {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Map::deserialize(deserializer).map(|fields| Self { fields, ..Self::default() })
    }
}

fn strip(value: &mut Value, path: &Path) {
    match value {
        Value::Object(map) => strip_map(map, path),
        Value::Array(list) if path.first() == Some(&"*") => {
            for element in list {
                strip(element, &path[1..]);
            }
        }
        _ => {}
    }
}

fn strip_map(map: &mut Map<String, Value>, path: &Path) {
    match path {
        [] => {}
        ["*", rest @ ..] => {
            for value in map.values_mut() {
                strip(value, rest);
            }
        }
        [last] => drop(map.remove(*last)),
        [first, rest @ ..] => {
            if let Some(value) = map.get_mut(*first) {
                strip(value, rest);
            }
        }
    }
}

/// Visits each text of a secret field, and each text that holds a key in its midst.
fn visit_secrets(map: &mut Map<String, Value>, act: &mut dyn FnMut(&mut String)) {
    for (name, value) in map {
        let named = SECRET_FIELDS.iter().any(|field| field.eq_ignore_ascii_case(name));
        visit_secret(value, named, act);
    }
}

fn visit_secret(value: &mut Value, named: bool, act: &mut dyn FnMut(&mut String)) {
    match value {
        Value::String(text) if named || holds_key(text) => act(text),
        Value::Array(list) => list.iter_mut().for_each(|element| visit_secret(element, named, act)),
        Value::Object(map) => visit_secrets(map, act),
        _ => {}
    }
}

fn holds_key(text: &str) -> bool {
    ["SharedAccessKey=", "AccountKey=", "SharedAccessSignature ", "&sig=", "?sig=", "?code="].iter().any(|sign| text.contains(sign))
}

/// The newtype around a document that each kind of resource is.
macro_rules! document {
    ($(#[$doc:meta])* $name:ident, read_only: $read_only:expr) => {
        $crate::azure::models::document! {
            $(#[$doc])*
            $name
        }

        impl $name {
            pub(crate) const READ_ONLY: &[&$crate::azure::models::Path] = $read_only;

            /// The bytes to send: everything that was read or set but for what only the service writes.
            pub(crate) fn to_send(&self) -> zeroize::Zeroizing<Vec<u8>> {
                self.0.to_send(Self::READ_ONLY)
            }
        }
    };
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq)]
        pub struct $name(pub(crate) $crate::azure::models::Document);

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "{}({:?})", stringify!($name), self.0)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            /// Reads the resource as the service writes it.
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $crate::azure::models::Document::deserialize(deserializer).map(Self)
            }
        }
    };
}

/// What is written in the newest api-version, or in an older one where nothing can be lost by that.
macro_rules! written_in_one_version {
    ($name:ident, $older:expr) => {
        impl $name {
            pub(crate) const KNOWN_TO_OLDER: &[$crate::azure::models::older::KnownNames] = $older;

            /// The same, known to be one that we made, or not to be.
            #[must_use]
            pub fn made_by_us(mut self, is_ours: bool) -> Self {
                self.0.is_ours = is_ours;
                self
            }

            /// Why a rewrite could lose something, because the cloud speaks only an older api-version; none if it cannot.
            pub fn possible_loss(&self) -> Option<String> {
                self.loss_in(self.0.read_in?)
            }

            /// The same of what is to be written in an api-version.
            pub(crate) fn loss_in(&self, spoken: $crate::azure::pipeline::version::Spoken) -> Option<String> {
                $crate::azure::models::older::loss(&self.0, Self::KNOWN_TO_OLDER, spoken)
            }
        }

        impl $crate::azure::pipeline::service_client::Versioned for $name {
            fn read_in(mut self, spoken: $crate::azure::pipeline::version::Spoken) -> Self {
                self.0.read_in = Some(spoken);
                self
            }
        }
    };
}

/// What every resource of the resource manager has.
macro_rules! tagged {
    ($name:ident) => {
        impl $name {
            /// The resource's id in the resource manager; compare without regard to case.
            pub fn id(&self) -> Option<&str> {
                self.0.text(&["id"])
            }

            /// The resource's name.
            pub fn name(&self) -> Option<&str> {
                self.0.text(&["name"])
            }

            /// The region, as the service writes it, such as `eastus` or `East US`.
            pub fn location(&self) -> Option<&str> {
                self.0.text(&["location"])
            }

            /// The value of a tag; the names of tags are the same in any case.
            pub fn tag(&self, key: &str) -> Option<&str> {
                let tags = self.0.get(&["tags"])?.as_object()?;
                tags.iter().find(|(name, _)| name.eq_ignore_ascii_case(key))?.1.as_str()
            }

            /// The same with a tag set.
            #[must_use]
            pub fn with_tag(mut self, key: &str, value: &str) -> Self {
                let tags = self.0.object_mut(&["tags"]);
                let known = tags.keys().find(|name| name.eq_ignore_ascii_case(key)).cloned();
                tags.insert(known.unwrap_or_else(|| key.to_owned()), value.into());
                self
            }

            /// The same without a tag.
            #[must_use]
            pub fn without_tag(mut self, key: &str) -> Self {
                if self.tag(key).is_some() {
                    self.0.object_mut(&["tags"]).retain(|name, _| !name.eq_ignore_ascii_case(key));
                }
                self
            }

            /// How far the last change is: `Succeeded`, `Failed`, `Canceled`, or still going on.
            pub fn provisioning_state(&self) -> Option<&str> {
                self.0.text(&["properties", "provisioningState"])
            }
        }
    };
}

pub(crate) use {document, tagged, written_in_one_version};

#[cfg(test)]
mod tests;
