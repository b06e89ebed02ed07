//! Everything that exists in the simulated cloud.

pub(crate) mod delay;
pub(crate) mod meter;
pub(crate) mod parts;

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::azure::access::directory::Directory;
use crate::azure::access::roles::RoleAssignment;
use crate::azure::options::Options;
use crate::azure::resource::group::ResourceGroup;
use crate::azure::resource::kind::ResourceType;
use crate::azure::resource::operation::Operation;
use crate::azure::resource::{Resource, ResourceId};
use crate::azure::service::Service;
use crate::azure::state::parts::Parts;
use crate::engine::keys::Keyring;

/// The state of the cloud; every change happens under one lock, at one domain time.
pub struct Azure {
    pub(crate) services: &'static [&'static dyn Service],
    pub(crate) options: Options,
    pub(crate) directory: Directory,
    pub(crate) keyring: Keyring,
    /// By subscription and name, both in lower case.
    pub(crate) groups: BTreeMap<(String, String), ResourceGroup>,
    /// By what they are for and by their names, both in lower case.
    pub(crate) roles: BTreeMap<(String, String), RoleAssignment>,
    /// Every long-running operation, by its id.
    pub(crate) operations: BTreeMap<String, Operation>,
    /// What each service keeps for itself.
    pub(crate) parts: Parts,
    due: BTreeMap<(Timestamp, u64), Due>,
    /// How many delays were drawn.
    pub(crate) delays: u64,
    counted: u64,
    /// The domain time up to which everything has happened.
    pub(crate) settled: Timestamp,
}

/// Something that happens by itself, at the time when it is due.
type Due = Box<dyn FnOnce(&mut Azure, Timestamp) + Send>;

/// A long-running operation that has begun.
pub(crate) struct Begun {
    pub number: u64,
    /// The id in the polling addresses.
    pub id: String,
}

impl Azure {
    pub(crate) fn new(services: &'static [&'static dyn Service], options: Options, seed: [u8; 32]) -> Self {
        let mut keyring = Keyring::new(seed);
        for application in &options.applications {
            for secret in &application.client_secrets {
                keyring.keep(secret.clone());
            }
        }
        let mut azure = Self {
            services,
            directory: Directory::new(&options),
            options,
            keyring,
            groups: BTreeMap::new(),
            roles: BTreeMap::new(),
            operations: BTreeMap::new(),
            parts: Parts::default(),
            due: BTreeMap::new(),
            delays: 0,
            counted: 0,
            settled: Timestamp::MIN,
        };
        for service in services {
            service.start(&mut azure);
        }
        azure
    }

    /// The next number of this cloud: for entity tags, operations and tracking ids.
    pub(crate) fn count(&mut self) -> u64 {
        self.counted += 1;
        self.counted
    }

    /// A fresh entity tag as the resource manager writes it.
    pub(crate) fn etag(&mut self) -> String {
        format!("AAAAA{:06X}=", self.count())
    }

    /// Begins a long-running operation, at whose end something happens to what its number stands on.
    pub(crate) fn begin(&mut self, now: Timestamp, end: impl FnOnce(&mut Self, u64) + Send + 'static) -> Begun {
        let number = self.count();
        let due = now + self.options.latency.operation + self.delay();
        let id = format!("b3BlcmF0aW9u{number:06}");
        self.operations.insert(id.clone(), Operation { due, deletes: false });
        self.schedule(due, move |azure, _| end(azure, number));
        Begun { number, id }
    }

    /// Begins a long-running operation on a resource.
    pub(crate) fn begin_on(&mut self, kind: &'static dyn ResourceType, id: &ResourceId<'_>, now: Timestamp) -> Begun {
        let id = id.kept();
        self.begin(now, move |azure, number| {
            let gone = kind.resource_mut(azure, &id.id()).is_some_and(|resource| resource.phase.end(number));
            if gone {
                azure.remove(kind, &id.id());
            }
        })
    }

    /// Has an operation that has begun end with nothing.
    pub(crate) fn deletes(&mut self, begun: &Begun) {
        if let Some(operation) = self.operations.get_mut(&begun.id) {
            operation.deletes = true;
        }
    }

    /// Removes a resource, with the roles on it; one that is made again under its name has none of them.
    pub(crate) fn remove(&mut self, kind: &dyn ResourceType, id: &ResourceId<'_>) {
        let scope = kind.resource_mut(self, id).map(|resource| resource.scope());
        kind.remove(self, id);
        self.roles.retain(|_, role| Some(&role.scope) != scope.as_ref());
    }

    /// Has something happen at a time.
    pub(crate) fn schedule(&mut self, at: Timestamp, what: impl FnOnce(&mut Self, Timestamp) + Send + 'static) {
        let number = self.count();
        self.due.insert((at, number), Box::new(what));
    }

    /// Makes everything happen that is due, in order, and says when the next thing is.
    pub(crate) fn settle(&mut self, now: Timestamp) -> Option<Timestamp> {
        self.settled = now;
        let next = self.happen_until(now);
        self.changed(now);
        next
    }

    /// Has every service follow up on a change.
    pub(crate) fn changed(&mut self, now: Timestamp) {
        for service in self.services {
            service.changed(self, now);
        }
    }

    fn happen_until(&mut self, now: Timestamp) -> Option<Timestamp> {
        while let Some(entry) = self.due.first_entry() {
            let at = entry.key().0;
            if at > now {
                return Some(at);
            }
            let happen = entry.remove();
            happen(self, at);
        }
        None
    }

    /// Every type of resources of the resource manager.
    pub(crate) fn resource_types(&self) -> impl Iterator<Item = &'static dyn ResourceType> + use<> {
        self.services.iter().flat_map(|service| service.resource_types()).copied()
    }

    /// The resources of a resource group, each with its type.
    pub(crate) fn resources_in(&self, subscription: &str, group: &str) -> Vec<(&'static dyn ResourceType, &Resource)> {
        let all = self.resource_types().flat_map(|kind| kind.resources(self).map(move |resource| (kind, resource)));
        all.filter(|(_, resource)| resource.is_in(subscription, group)).collect()
    }
}
