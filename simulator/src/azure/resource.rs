//! What all resources of the resource manager have in common.

pub(crate) mod errors;
pub(crate) mod group;
pub(crate) mod kind;
pub(crate) mod operation;
pub(crate) mod page;
pub(crate) mod phase;
pub(crate) mod regions;

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::azure::clouds::{AzureCloud, Names};
use crate::azure::resource::kind::ResourceKind;
use crate::azure::resource::phase::Phase;
use crate::engine::snapshot::{Snapshot, tags};
use crate::spec::Plane;

/// The host of the resource manager.
pub(crate) const HOST: Names =
    Names { public: "management.azure.com", government: "management.usgovcloudapi.net", china: "management.chinacloudapi.cn" };

/// What the resource manager answers, for itself and for the services behind it.
pub(crate) const MANAGEMENT: Plane = Plane {
    name: "management",
    serves: |host, _| HOST.fits(host),
    ignores_case: true,
    gateway_error: Some(("azure/common-types/arm-v2-types.json", "#/definitions/ErrorResponse")),
};

/// A resource's place as the path names it.
#[derive(Clone, Copy)]
pub(crate) struct ResourceId<'a> {
    pub subscription: &'a str,
    pub group: &'a str,
    pub name: &'a str,
}

impl ResourceId<'_> {
    /// The same, kept for later.
    pub fn kept(self) -> KeptId {
        KeptId { subscription: self.subscription.to_owned(), group: self.group.to_owned(), name: self.name.to_owned() }
    }
}

/// A resource's place that outlives the path.
pub(crate) struct KeptId {
    subscription: String,
    group: String,
    name: String,
}

impl KeptId {
    /// The place.
    pub fn id(&self) -> ResourceId<'_> {
        ResourceId { subscription: &self.subscription, group: &self.group, name: &self.name }
    }
}

/// The tags of a body; `None` when it carries none.
pub(crate) fn tags_of(body: &Value) -> Option<Map<String, Value>> {
    body.get("tags").and_then(Value::as_object).cloned()
}

/// Where a resource lives and how it stands.
#[derive(Clone)]
pub(crate) struct Resource {
    pub kind: ResourceKind,
    pub subscription: String,
    /// The resource group's name as the creator wrote it.
    pub group: String,
    pub name: String,
    pub location: String,
    pub tags: Map<String, Value>,
    pub etag: String,
    pub phase: Phase,
    /// Until then a GET may still say 404.
    pub visible_from: Timestamp,
}

impl Resource {
    /// The cloud that it is in: each region is in one.
    pub fn cloud(&self) -> AzureCloud {
        regions::cloud_of(&self.location)
    }

    /// An active resource.
    pub fn new(kind: ResourceKind, id: &ResourceId<'_>, location: &str, etag: String, visible_from: Timestamp) -> Self {
        Self {
            kind,
            subscription: id.subscription.to_owned(),
            group: id.group.to_owned(),
            name: id.name.to_owned(),
            location: location.to_owned(),
            tags: Map::new(),
            etag,
            phase: Phase::Active,
            visible_from,
        }
    }

    /// Its place.
    pub fn id(&self) -> ResourceId<'_> {
        ResourceId { subscription: &self.subscription, group: &self.group, name: &self.name }
    }

    /// Whether it is in that subscription and resource group.
    pub fn is_in(&self, subscription: &str, group: &str) -> bool {
        self.subscription.eq_ignore_ascii_case(subscription) && self.group.eq_ignore_ascii_case(group)
    }

    /// Its id in lower case, by which role assignments know it.
    pub fn scope(&self) -> String {
        let Self { subscription, group, kind, name, .. } = self;
        format!("/subscriptions/{subscription}/resourcegroups/{group}/providers/{kind}/{name}").to_lowercase()
    }

    /// Whether the entity tag of an `If-Match` header fits; quotes do not matter here.
    pub fn fits(&self, if_match: &str) -> bool {
        let wanted = if_match.trim_matches('"');
        wanted == "*" || wanted == self.etag
    }
}

/// Prints the first line of a resource.
pub(crate) fn print(page: &mut Snapshot<'_>, word: &str, resource: &Resource, more: &str) {
    let Resource { name, subscription, group, location, .. } = resource;
    let standing = match resource.phase {
        Phase::Active => "",
        Phase::Creating(_) => " creating",
        Phase::Updating(_) => " updating",
        Phase::Deleting(_) => " deleting",
    };
    page.line(0, &format!("{word} {name} in {subscription}/{group} {location}{more}{}{standing}", tags(&resource.tags)));
}
