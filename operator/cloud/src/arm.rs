use std::fmt;
use std::sync::Arc;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use crate::azure::Shared;
use crate::error::Error;
use crate::identity::{Bearer, Identity};
use crate::observe::HostClass;
use crate::paging::MOST_PAGES;
use crate::request::{Call, Operation, sound};
use crate::wire::Wire;

mod hubs;
mod operations;
mod provisioning_services;
mod resource_groups;
mod role_assignments;

use operations as op;
pub use role_assignments::RoleAssignment;

/// The resource manager, as one identity sees one subscription.
///
/// No method waits for a long operation: the resource is read again, and says by its provisioning state how far it is.
#[derive(Clone)]
pub struct Arm {
    wire: Wire,
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

impl ResourceId {
    /// Reads the place out of an id of the resource manager.
    pub fn parse(id: &str) -> Option<Self> {
        let parts: Vec<_> = id.split('/').collect();
        let group = parts.iter().position(|part| part.eq_ignore_ascii_case("resourceGroups"))?;
        Some(Self { group: (*parts.get(group + 1)?).to_owned(), name: (*parts.last()?).to_owned() })
    }
}

/// Whether a global name can be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Availability {
    /// Nobody has it.
    Available,
    /// Somebody has it, perhaps in another subscription or tenant.
    Taken,
    /// It is no valid name, with the service's sentence.
    Invalid(String),
}

/// How much of one of its quotas a hub has used.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct QuotaMetric {
    /// `TotalMessages` of today, or `TotalDeviceCount`.
    pub name: String,
    /// What is used.
    pub current_value: i64,
    /// What may be used.
    pub max_value: i64,
}

/// How many hubs of a kind a subscription has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HubUsage {
    /// Whether these are the free ones, as against all others.
    pub free: bool,
    /// How many there are.
    pub used: i64,
    /// How many there may be.
    pub limit: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct UsageAnswer {
    name: UsageName,
    current_value: i64,
    limit: i64,
}

#[derive(Deserialize)]
struct UsageName {
    value: String,
}

impl UsageAnswer {
    /// What it says, if its name is understood: the vendor's description does not list the names.
    fn known(self) -> Option<HubUsage> {
        let name = self.name.value.to_ascii_lowercase();
        let (free, paid) = (name.contains("free"), name.contains("paid"));
        (free != paid).then_some(HubUsage { free, used: self.current_value, limit: self.limit })
    }
}

/// A list as the resource manager writes it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct List<T> {
    #[serde(default = "Vec::new")]
    value: Vec<T>,
    next_link: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NameAnswer {
    name_available: bool,
    reason: Option<String>,
    message: Option<String>,
}

impl Arm {
    pub(crate) fn new(shared: Arc<Shared>, identity: &Identity, subscription: &str) -> Self {
        let host = shared.cloud.resource_manager().clone();
        let bearer = Arc::new(Bearer::new(identity, &host));
        let wire = Wire::new(shared, HostClass::ResourceManager, host, subscription, bearer);
        Self { wire, subscription: subscription.to_owned() }
    }

    /// The same, with its calls counted as somebody's: budgets are shared fairly between all who pay from them.
    #[must_use]
    pub fn on_behalf_of(&self, payer: &str) -> Self {
        Self { wire: self.wire.on_behalf_of(payer), subscription: self.subscription.clone() }
    }

    /// The subscription's id.
    pub fn subscription(&self) -> &str {
        &self.subscription
    }

    /// Finds out by the cheapest read whether the identity can sign in and see the subscription.
    ///
    /// # Errors
    /// When it cannot, or the resource manager cannot be reached.
    pub async fn probe(&self) -> Result<(), Error> {
        let call = op::PROBE.call(&[&self.subscription]).query("$top=1");
        self.wire.send(call).await.map(drop)
    }

    fn place<'a>(&'a self, id: &'a ResourceId) -> [&'a str; 3] {
        [&self.subscription, &id.group, &id.name]
    }

    /// Reads a list to its end; a link to another host, or out of the subscriptions, is refused.
    async fn all<T: DeserializeOwned>(&self, first: Call, next: Operation) -> Result<Vec<T>, Error> {
        let mut items = Vec::new();
        let mut call = first;
        for _ in 0..MOST_PAGES {
            let reply = self.wire.send(call).await?;
            let list: List<T> = reply.json()?;
            items.extend(list.value);
            let Some(link) = list.next_link.filter(|link| !link.is_empty()) else { return Ok(items) };
            let target = self.target_of(&link).ok_or_else(|| reply.unreadable())?;
            call = next.call_at(target);
        }
        Err(crate::wire::endless(next))
    }

    fn target_of(&self, link: &str) -> Option<String> {
        let rest = link.strip_prefix("https://")?;
        let (host, target) = rest.split_at(rest.find('/')?);
        let host = host.strip_suffix(":443").unwrap_or(host);
        let ours = host.eq_ignore_ascii_case(self.wire.host().as_str());
        let inside = target.starts_with("/subscriptions/") && !target.contains(['#', '\\']) && !target.contains("/../");
        (ours && inside && target.len() <= 8192).then(|| target.to_owned())
    }
}

fn name_to_check(name: &str) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(serde_json::json!({ "name": name }).to_string().into_bytes())
}

impl From<NameAnswer> for Availability {
    fn from(answer: NameAnswer) -> Self {
        match answer.reason.as_deref() {
            _ if answer.name_available => Self::Available,
            Some("Invalid") => Self::Invalid(crate::scrub::scrub(&answer.message.unwrap_or_default())),
            _ => Self::Taken,
        }
    }
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
