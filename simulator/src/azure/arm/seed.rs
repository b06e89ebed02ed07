//! Resource groups that nobody asked for over the API.

use serde_json::Map;

use crate::azure::resource::group::ResourceGroup;
use crate::azure::state::Azure;

impl Azure {
    /// Makes a resource group, unless it is there.
    pub fn add_resource_group(&mut self, subscription: &str, name: &str, location: &str) {
        let key = (subscription.to_lowercase(), name.to_lowercase());
        self.groups.entry(key).or_insert_with(|| ResourceGroup {
            subscription: subscription.to_owned(),
            name: name.to_owned(),
            location: location.to_owned(),
            tags: Map::new(),
            deleting: false,
        });
    }

    /// Has the cloud be one that is behind, or no longer, see [`crate::Variants::older_cloud`].
    pub fn set_older_cloud(&mut self, older: bool) {
        self.options.variants.older_cloud = older;
    }
}
