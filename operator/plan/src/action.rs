//! What an action tells of itself.

use std::fmt::Debug;

use crate::Reason;

/// Where an effect takes place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// In the API server.
    Cluster,
    /// In a cloud.
    Cloud,
}

impl Target {
    /// The word under which it is counted.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cluster => "cluster",
            Self::Cloud => "cloud",
        }
    }
}

/// An effect that was decided on.
pub trait Act: Debug + Send + Sync {
    /// The word for it: Event reason, metric label, log field.
    fn reason(&self) -> Reason;

    /// What it does, in the words of `status.planned` and of the Event: "Create IoT hub contoso-east-hub in eastus".
    fn note(&self) -> String;

    /// Where it takes place.
    fn target(&self) -> Target {
        Target::Cloud
    }

    /// Whether users want to read an Event about it.
    fn is_news(&self) -> bool {
        true
    }
}
