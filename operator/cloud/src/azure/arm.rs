//! The resource manager: what all of its resources have in common. Each resource has a file of its own beside it.

use std::fmt;
use std::sync::Arc;

use moorage_keys::HostName;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::azure::client::{Azure, Shared};
use crate::azure::endpoints::{Cloud, Endpoint};
use crate::azure::entra::{Bearer, Identity};
use crate::azure::pipeline::paging::MOST_PAGES;
use crate::azure::pipeline::request::{Call, Operation};
use crate::azure::pipeline::service_client::{Service, ServiceClient, endless};
use crate::error::Error;
use crate::flow::bulkhead::Bulkhead;
use crate::flow::limits::{Limit, Quota};
use crate::flow::rejected::CALLER;

pub(crate) mod hubs;
pub(crate) mod names;
mod provisioning_services;
mod resource_groups;
pub(crate) mod role_assignments;
mod subscriptions;

const SERVICE: Service = Service { name: "resource_manager", bulkheads: of_resource_and_subscription };
const HOST: Endpoint =
    Endpoint { public: "management.azure.com", government: "management.usgovcloudapi.net", china: "management.chinacloudapi.cn" };
/// For whom its tokens are.
const AUDIENCE: Endpoint = Endpoint {
    public: "https://management.azure.com",
    government: "https://management.core.usgovcloudapi.net",
    china: "https://management.chinacloudapi.cn",
};

/// The resource manager, as one identity sees one subscription.
///
/// No method waits for a long operation: the resource is read again, and says by its provisioning state how far it is.
#[derive(Clone)]
pub struct Arm {
    client: ServiceClient,
    subscription: String,
}

/// The place of a hub or of a provisioning service in a subscription.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResourceId {
    /// The resource group's name.
    pub group: String,
    /// The resource's own name.
    pub name: String,
}

/// A list as the resource manager writes it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct List<T> {
    #[serde(default = "Vec::new")]
    value: Vec<T>,
    next_link: Option<String>,
}

impl ResourceId {
    /// Reads the place out of an id of the resource manager.
    pub fn parse(id: &str) -> Option<Self> {
        let parts: Vec<_> = id.split('/').collect();
        let group = parts.iter().position(|part| part.eq_ignore_ascii_case("resourceGroups"))?;
        Some(Self { group: (*parts.get(group + 1)?).to_owned(), name: (*parts.last()?).to_owned() })
    }
}

impl Cloud {
    /// Where resources are managed.
    pub fn resource_manager(&self) -> HostName {
        self.host_of(&HOST)
    }

    /// For whom tokens are that the resource manager takes.
    pub fn resource_manager_audience(&self) -> &'static str {
        self.name_of(&AUDIENCE)
    }
}

impl Azure {
    /// The resource manager, for one subscription.
    pub fn arm(&self, identity: &Identity, subscription: &str) -> Arm {
        Arm::new(self.shared().clone(), identity, subscription)
    }
}

impl Arm {
    /// Reads of a subscription: 250 at once and 25 a second (Microsoft: "Understand how Azure Resource Manager throttles requests"), a
    /// tenth of them left to others.
    pub const READS: Quota = Quota { name: "resource_reads", limit: Limit { burst: 225, per_minute: 1350 } };
    /// Writes: 200 at once and 10 a second, likewise. A POST counts as one, even one that only reads.
    pub const WRITES: Quota = Quota { name: "resource_writes", limit: Limit { burst: 180, per_minute: 540 } };
    /// Deletions: 200 at once and 10 a second, likewise.
    pub const DELETIONS: Quota = Quota { name: "resource_deletions", limit: Limit { burst: 180, per_minute: 540 } };

    pub(crate) fn new(shared: Arc<Shared>, identity: &Identity, subscription: &str) -> Self {
        let host = shared.cloud.resource_manager();
        let bearer = Arc::new(Bearer::new(identity, shared.cloud.resource_manager_audience()));
        let client = ServiceClient::new(shared, SERVICE, host, identity.scope_in(subscription), bearer);
        Self { client, subscription: subscription.to_owned() }
    }

    /// The same, with its calls counted as somebody's: budgets are shared fairly between all who pay from them.
    #[must_use]
    pub fn on_behalf_of(&self, payer: &str) -> Self {
        Self { client: self.client.on_behalf_of(payer), subscription: self.subscription.clone() }
    }

    /// The subscription's id.
    pub fn subscription(&self) -> &str {
        &self.subscription
    }

    /// The cloud that the subscription is in.
    pub fn cloud(&self) -> Cloud {
        self.client.cloud()
    }

    fn place<'a>(&'a self, id: &'a ResourceId) -> [&'a str; 3] {
        [&self.subscription, &id.group, &id.name]
    }

    /// Reads a list to its end; a link to another host, or out of the subscriptions, is refused.
    async fn all<T: DeserializeOwned>(&self, first: Call, next: Operation) -> Result<Vec<T>, Error> {
        let mut items = Vec::new();
        let mut call = first;
        for _ in 0..MOST_PAGES {
            let reply = self.client.send(call).await?;
            let list: List<T> = reply.json()?;
            items.extend(list.value);
            let Some(link) = list.next_link.filter(|link| !link.is_empty()) else { return Ok(items) };
            let target = self.target_of(&link).ok_or_else(|| reply.unreadable())?;
            call = next.call_at(target);
        }
        Err(endless(next))
    }

    fn target_of(&self, link: &str) -> Option<String> {
        let rest = link.strip_prefix("https://")?;
        let (host, target) = rest.split_at(rest.find('/')?);
        let host = host.strip_suffix(":443").unwrap_or(host);
        let ours = host.eq_ignore_ascii_case(self.client.host().as_str());
        let inside = target.starts_with("/subscriptions/") && !target.contains(['#', '\\']) && !target.contains("/../");
        (ours && inside && target.len() <= 8192).then(|| target.to_owned())
    }
}

/// One bulkhead to a subscription, and one to the resource in it.
///
/// A resource that hangs is no reason to believe that the resource manager does, until several of them do.
/// Of nobody else but who was accepted as the same application: what one provokes closes no other's.
fn of_resource_and_subscription(host: &HostName, scope: &str, target: &str) -> Vec<Bulkhead> {
    let resource: Arc<str> = format!("{host}{}{CALLER}{scope}", resource_in(target)).into();
    let subscription = format!("{host}{CALLER}{scope}").into();
    vec![
        Bulkhead { name: resource.clone(), width: 4, threshold: 3, about: None },
        Bulkhead { name: subscription, width: 12, threshold: 5, about: Some(resource) },
    ]
}

/// The resource that a path is about, without what is asked of it.
fn resource_in(target: &str) -> String {
    let path = target.split('?').next().unwrap_or_default().to_ascii_lowercase();
    path.split('/').take(9).collect::<Vec<_>>().join("/")
}

impl fmt::Display for ResourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.group, self.name)
    }
}

impl fmt::Debug for Arm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Arm").field("subscription", &self.subscription).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::Arm;

    #[test]
    fn no_minute_has_more_calls_than_microsoft_grants() {
        for (quota, burst, a_second) in [(Arm::READS, 250, 25), (Arm::WRITES, 200, 10), (Arm::DELETIONS, 200, 10)] {
            assert!(quota.limit.burst + quota.limit.per_minute <= burst + a_second * 60, "{quota:?}");
        }
    }
}
