//! The files under `examples/`, as a test applies them: in namespaces of its own, everything else to the letter.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use anyhow::Context as _;
use serde_json::Value;

/// An example file, its namespaces renamed so that tests can run beside each other.
#[derive(Clone, Debug)]
pub struct Example {
    objects: Vec<Value>,
    suffix: String,
}

impl Example {
    /// Reads `examples/<file>` and appends `-<suffix>` to every namespace; an empty suffix leaves them as they are.
    ///
    /// # Errors
    /// If the file is missing or is no YAML.
    pub fn read(file: &str, suffix: &str) -> anyhow::Result<Self> {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../examples").join(file);
        let text = fs::read_to_string(&path).with_context(|| format!("failed to read {}", path.display()))?;
        Self::parse(&text, suffix).with_context(|| format!("failed to read {file}"))
    }

    /// The same from a text.
    ///
    /// # Errors
    /// If it is no YAML.
    pub fn parse(text: &str, suffix: &str) -> anyhow::Result<Self> {
        let mut objects: Vec<Value> = serde_saphyr::from_multiple(text)?;
        objects.retain(|object| !object.is_null());
        if !suffix.is_empty() {
            for object in &mut objects {
                rename(object, suffix);
            }
        }
        Ok(Self { objects, suffix: suffix.to_owned() })
    }

    /// The objects, in the file's order.
    pub fn objects(&self) -> &[Value] {
        &self.objects
    }

    /// The objects, to be changed before they are applied.
    pub fn objects_mut(&mut self) -> &mut Vec<Value> {
        &mut self.objects
    }

    /// The object of a kind and name.
    pub fn object_mut(&mut self, kind: &str, name: &str) -> Option<&mut Value> {
        self.objects.iter_mut().find(|object| object["kind"] == kind && object["metadata"]["name"] == name)
    }

    /// The name that a namespace of the file has here.
    pub fn namespace(&self, in_file: &str) -> String {
        if self.suffix.is_empty() { in_file.to_owned() } else { format!("{in_file}-{}", self.suffix) }
    }

    /// Every namespace that an object lives in.
    pub fn namespaces(&self) -> Vec<String> {
        let named = self.objects.iter().filter_map(|object| object["metadata"]["namespace"].as_str());
        named.map(str::to_owned).collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// The whole as a list that `kubectl apply -f -` takes.
    pub fn text(&self) -> String {
        serde_json::json!({ "apiVersion": "v1", "kind": "List", "items": self.objects }).to_string()
    }
}

fn rename(object: &mut Value, suffix: &str) {
    if object["kind"] == "Namespace" {
        append(&mut object["metadata"]["name"], suffix);
    }
    visit(object, suffix);
}

fn visit(value: &mut Value, suffix: &str) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                match (key.as_str(), &mut *value) {
                    ("namespace", Value::String(_)) => append(value, suffix),
                    ("namespaces", Value::Array(names)) => names.iter_mut().for_each(|name| append(name, suffix)),
                    _ => visit(value, suffix),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| visit(item, suffix)),
        _ => {}
    }
}

fn append(name: &mut Value, suffix: &str) {
    if let Some(text) = name.as_str().filter(|text| !text.ends_with('*')) {
        *name = format!("{text}-{suffix}").into();
    }
}
