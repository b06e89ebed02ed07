//! The parsed files and the references between them.

use std::collections::{BTreeMap, HashMap};

use percent_encoding::percent_decode_str;
use serde_json::Value;

use crate::spec::change::Change;
use crate::spec::declared::Specs;

/// A chain of references longer than this is a ring.
const LONGEST_CHAIN: usize = 16;

/// Where a definition stands.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Address {
    pub(crate) document: String,
    pub(crate) pointer: String,
}

/// A definition that builds on another one and is chosen by its discriminator.
pub(crate) struct Subtype {
    pub(crate) tag: String,
    pub(crate) address: Address,
}

/// All documents by name.
#[derive(Default)]
pub(crate) struct Library {
    documents: BTreeMap<String, Value>,
    subtypes: HashMap<Address, Vec<Subtype>>,
}

impl Library {
    /// All files, with the deviations made and the versions without a file derived.
    pub(crate) fn of(specs: &[Specs]) -> Self {
        let mut library = Self::default();
        for source in specs.iter().flat_map(|specs| specs.sources) {
            library.add(source.name, source.text).expect("the embedded files are JSON");
        }
        for deviation in specs.iter().flat_map(|specs| specs.deviations) {
            let fits = library.derive(deviation.document, deviation.document, deviation.changes);
            debug_assert!(fits, "stale deviation of {}", deviation.document);
        }
        for model in specs.iter().flat_map(|specs| specs.models) {
            let fits = library.derive(model.document, &edition_name(model.document, model.version), model.changes);
            debug_assert!(fits, "stale model of {} {}", model.document, model.version);
        }
        library.note_subtypes();
        library
    }

    /// Parses and keeps a document.
    ///
    /// # Errors
    /// When the text is no JSON.
    pub(crate) fn add(&mut self, name: &str, text: &str) -> Result<(), serde_json::Error> {
        self.documents.insert(name.to_owned(), serde_json::from_str(text)?);
        Ok(())
    }

    /// Keeps a changed copy of a document; false if there is none or a change did not fit.
    #[must_use]
    pub(crate) fn derive(&mut self, from: &str, name: &str, changes: &[Change]) -> bool {
        let Some(mut copy) = self.documents.get(from).cloned() else {
            return false;
        };
        let fits = changes.iter().all(|change| change.apply(&mut copy));
        self.documents.insert(name.to_owned(), copy);
        fits
    }

    pub(crate) fn document(&self, name: &str) -> Option<&Value> {
        self.documents.get(name)
    }

    #[cfg(test)]
    pub(crate) fn documents(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.documents.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// Follows a reference, and the references it leads to, up to something that is none.
    pub(crate) fn resolve(&self, from: &str, reference: &str) -> Option<(Address, &Value)> {
        let mut address = address_of(from, reference)?;
        for _ in 0..LONGEST_CHAIN {
            let value = self.documents.get(&address.document)?.pointer(&address.pointer)?;
            match value.get("$ref").and_then(Value::as_str) {
                Some(next) => address = address_of(&address.document, next)?,
                None => return Some((address, value)),
            }
        }
        None
    }

    /// Finds, once all documents are there, who builds on whom.
    pub(crate) fn note_subtypes(&mut self) {
        let mut subtypes: HashMap<Address, Vec<Subtype>> = HashMap::new();
        for (document, value) in &self.documents {
            let Some(definitions) = value.get("definitions").and_then(Value::as_object) else {
                continue;
            };
            for (name, definition) in definitions {
                for reference in bases(definition) {
                    if let Some((base, _)) = self.resolve(document, reference) {
                        subtypes.entry(base).or_default().push(subtype(document, name, definition));
                    }
                }
            }
        }
        self.subtypes = subtypes;
    }

    /// The definitions that build on this one, directly.
    pub(crate) fn subtypes(&self, address: &Address) -> &[Subtype] {
        self.subtypes.get(address).map_or(&[], Vec::as_slice)
    }
}

/// The name under which a version without a file of its own is kept.
pub(crate) fn edition_name(document: &str, version: &str) -> String {
    format!("{document}@{version}")
}

/// The references under `allOf`.
pub(crate) fn bases(definition: &Value) -> impl Iterator<Item = &str> {
    definition.get("allOf").and_then(Value::as_array).into_iter().flatten().filter_map(|part| part.get("$ref")?.as_str())
}

fn subtype(document: &str, name: &str, definition: &Value) -> Subtype {
    let tag = definition.get("x-ms-discriminator-value").and_then(Value::as_str);
    Subtype {
        tag: tag.unwrap_or(name).to_owned(),
        address: Address { document: document.to_owned(), pointer: format!("/definitions/{}", name.replace('~', "~0").replace('/', "~1")) },
    }
}

fn address_of(from: &str, reference: &str) -> Option<Address> {
    let (file, pointer) = reference.split_once('#')?;
    Some(Address {
        document: if file.is_empty() { from.to_owned() } else { beside(from, file) },
        pointer: percent_decode_str(pointer).decode_utf8().ok()?.into_owned(),
    })
}

/// The name of a file as seen from another one's folder.
fn beside(from: &str, file: &str) -> String {
    let mut folders: Vec<&str> = from.split('/').collect();
    folders.pop();
    for step in file.split('/') {
        match step {
            "." => {}
            ".." => {
                folders.pop();
            }
            name => folders.push(name),
        }
    }
    folders.join("/")
}
