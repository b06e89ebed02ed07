//! What all resources of the resource manager have in common.

pub(crate) mod errors;
pub(crate) mod operation;
pub(crate) mod page;
pub(crate) mod regions;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

/// A resource group.
pub(crate) struct ResourceGroup {
    pub subscription: String,
    pub name: String,
    pub location: String,
    pub tags: Map<String, Value>,
    pub deleting: bool,
}

/// Where a resource lives and how it stands.
#[derive(Clone)]
pub(crate) struct Resource {
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
    /// The key of its resource group.
    pub fn group_key(&self) -> (String, String) {
        (self.subscription.to_lowercase(), self.group.to_lowercase())
    }

    /// Whether it lives in that subscription and resource group.
    pub fn lives_in(&self, subscription: &str, group: &str) -> bool {
        self.subscription.eq_ignore_ascii_case(subscription) && self.group.eq_ignore_ascii_case(group)
    }

    /// Whether the entity tag of an `If-Match` header fits; quotes do not matter here.
    pub fn fits(&self, if_match: &str) -> bool {
        let wanted = if_match.trim_matches('"');
        wanted == "*" || wanted == self.etag
    }
}

/// What the resource is busy with; the number is that of the operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    Creating(u64),
    Updating(u64),
    Active,
    Deleting(u64),
}

impl Phase {
    /// Ends the operation of that number; true when the resource is then gone.
    pub fn end(&mut self, number: u64) -> bool {
        match *self {
            Self::Creating(mine) | Self::Updating(mine) if mine == number => {
                *self = Self::Active;
                false
            }
            Self::Deleting(mine) => mine == number,
            Self::Creating(_) | Self::Updating(_) | Self::Active => false,
        }
    }

    /// `properties.provisioningState`.
    pub fn provisioning_state(self) -> &'static str {
        match self {
            Self::Creating(_) => "Activating",
            Self::Updating(_) => "Transitioning",
            Self::Active => "Succeeded",
            Self::Deleting(_) => "Deleting",
        }
    }

    /// `properties.state`.
    pub fn state(self) -> &'static str {
        match self {
            Self::Active => "Active",
            other => other.provisioning_state(),
        }
    }

    /// Whether the data plane answers.
    pub fn serves(self) -> bool {
        matches!(self, Self::Active | Self::Updating(_))
    }
}

/// A shared access policy.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Policy {
    pub name: String,
    /// As the caller wrote them, comma and blank between.
    pub rights: String,
    pub primary: String,
    pub secondary: String,
}

impl Policy {
    /// Whether the policy has that right.
    pub fn grants(&self, right: &str) -> bool {
        self.rights.split(',').any(|mine| mine.trim().eq_ignore_ascii_case(right))
    }

    /// Whether the key is one of its two.
    pub fn has_key(&self, key: &str) -> bool {
        self.primary == key || self.secondary == key
    }

    /// As a GET shows it.
    pub fn without_keys(&self) -> Value {
        json!({ "keyName": self.name, "rights": self.rights })
    }

    /// As `listkeys` shows it.
    pub fn with_keys(&self) -> Value {
        json!({
            "keyName": self.name,
            "rights": self.rights,
            "primaryKey": self.primary,
            "secondaryKey": self.secondary,
        })
    }
}
