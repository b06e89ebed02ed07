//! A type of resources, as the service that has them declares it.

use std::fmt;

use jiff::Timestamp;
use serde_json::Value;

use crate::azure::resource::{Resource, ResourceId};
use crate::azure::state::Azure;
use crate::engine::http::{Outcome, Request, Response};

/// The name of a type, as `Microsoft.Devices/IotHubs`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ResourceKind {
    /// The namespace of the resource provider.
    pub provider: &'static str,
    pub name: &'static str,
}

impl fmt::Display for ResourceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.provider, self.name)
    }
}

/// A type of resources; the resource manager knows each by this alone. The names of
/// some are unique in Azure, of others in their resource group.
pub(crate) trait ResourceType: Sync {
    /// Its name.
    fn kind(&self) -> ResourceKind;

    /// Every resource of the type.
    fn resources<'a>(&self, azure: &'a Azure) -> Box<dyn Iterator<Item = &'a Resource> + 'a>;

    /// What all resources have in common, of one that is there.
    fn resource_mut<'a>(&self, azure: &'a mut Azure, id: &ResourceId<'_>) -> Option<&'a mut Resource>;

    /// Forgets a resource.
    fn remove(&self, azure: &mut Azure, id: &ResourceId<'_>);

    /// A resource that is there as a GET shows it.
    fn shown(&self, azure: &Azure, request: &Request, id: &ResourceId<'_>) -> Value;

    /// Answers a request to a resource; `rest` is the path behind its name, in lower case.
    fn answer(&self, azure: &mut Azure, request: &Request, now: Timestamp, id: &ResourceId<'_>, rest: &[&str]) -> Outcome;

    /// Answers a request to the provider in a subscription, such as the check of a name; `None` if it is not the type's.
    fn answer_in_subscription(&self, _azure: &Azure, _request: &Request, _subscription: &str, _rest: &[&str]) -> Option<Outcome> {
        None
    }

    /// The newest api-version of the type that a cloud speaks which is behind, see [`crate::Variants::older_cloud`].
    fn older_version(&self) -> Option<&'static str> {
        None
    }

    /// Whether principals can be given roles on its resources.
    fn takes_roles(&self) -> bool {
        false
    }
}

impl Azure {
    /// The type of that provider and name.
    pub(crate) fn resource_type(&self, provider: &str, name: &str) -> Option<&'static dyn ResourceType> {
        self.resource_types().find(|one| {
            let kind = one.kind();
            kind.provider.eq_ignore_ascii_case(provider) && kind.name.eq_ignore_ascii_case(name)
        })
    }
}

/// What a list shows of a type: the resources of a subscription, or of one of its groups.
pub(crate) fn listed(
    azure: &Azure,
    request: &Request,
    kind: &dyn ResourceType,
    subscription: &str,
    group: Option<&str>,
    now: Timestamp,
) -> Response {
    let here = |resource: &&Resource| match group {
        Some(group) => resource.is_in(subscription, group),
        None => resource.subscription.eq_ignore_ascii_case(subscription),
    };
    let seen = kind.resources(azure).filter(here).filter(|resource| azure.lists(resource.visible_from, now));
    let value = seen.map(|resource| kind.shown(azure, request, &resource.id())).collect();
    crate::azure::resource::page::page(azure, request, value)
}
