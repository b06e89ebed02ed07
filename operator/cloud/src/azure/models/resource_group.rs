//! Resource groups.

use serde_json::json;

use super::{Document, document, tagged};

document! {
    /// A resource group.
    ResourceGroup, read_only: &[&["id"], &["name"], &["type"], &["properties", "provisioningState"]]
}
tagged!(ResourceGroup);

impl ResourceGroup {
    /// A group that is to be created in a region.
    pub fn new(location: &str) -> Self {
        Self(Document::of(json!({ "location": location })))
    }
}
