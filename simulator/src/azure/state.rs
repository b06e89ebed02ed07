//! Everything that exists in the simulated cloud.

pub(crate) mod delay;

use crate::azure::access::identity::RoleAssignment;
use crate::azure::dps::service::Service;
use crate::azure::iot_hub::connections::Sessions;
use crate::azure::iot_hub::hub::Hub;
use crate::azure::iot_hub::telemetry::Telemetry;
use crate::azure::resource::ResourceGroup;
use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::azure::access::directory::Directory;
use crate::azure::arm::throttle::{Bucket, Kind as Counted};
use crate::azure::dps::webhook::Questions;
use crate::azure::options::Options;
use crate::engine::keys::Keyring;

/// The state of the cloud; every change happens under one lock, at one domain time.
pub struct Azure {
    pub(crate) options: Options,
    pub(crate) directory: Directory,
    pub(crate) keyring: Keyring,
    /// By subscription and name, both in lower case.
    pub(crate) groups: BTreeMap<(String, String), ResourceGroup>,
    /// By name in lower case; the name is the global host name too.
    pub(crate) hubs: BTreeMap<String, Hub>,
    /// By name in lower case.
    pub(crate) services: BTreeMap<String, Service>,
    /// By what they are for and by their names, both in lower case.
    pub(crate) roles: BTreeMap<(String, String), RoleAssignment>,
    /// When each long-running operation is done.
    pub(crate) operations: BTreeMap<String, Timestamp>,
    /// What each principal has left in each subscription, by kind of call.
    pub(crate) throttles: BTreeMap<(String, String, Counted), Bucket>,
    /// The devices that are connected to their hubs.
    pub(crate) sessions: Sessions,
    /// Every device-to-cloud message, in the order of arrival.
    pub(crate) telemetry: Vec<Telemetry>,
    /// What webhooks are to be asked.
    pub(crate) questions: Questions,
    due: BTreeMap<(Timestamp, u64), Due>,
    /// How many delays were drawn.
    delays: u64,
    counted: u64,
    /// The domain time at which the cloud was last looked at.
    pub(crate) looked: Timestamp,
}

/// Something that happens by itself.
#[derive(Debug, Clone)]
pub(crate) enum Due {
    /// The hub's operation of that number ends.
    Hub(String, u64),
    /// The provisioning service's operation of that number ends.
    Service(String, u64),
    /// The resource group is gone.
    Group((String, String)),
    /// A device is assigned: the service's name and the registration operation.
    Assignment(String, String),
}

/// A long-running operation that has begun.
pub(crate) struct Begun {
    pub number: u64,
    /// The id in the polling addresses.
    pub id: String,
}

impl Azure {
    pub(crate) fn new(options: Options, seed: [u8; 32]) -> Self {
        let mut keyring = Keyring::new(seed);
        for application in &options.applications {
            for secret in &application.client_secrets {
                keyring.keep(secret.clone());
            }
        }
        Self {
            directory: Directory::new(&options),
            options,
            keyring,
            groups: BTreeMap::new(),
            hubs: BTreeMap::new(),
            services: BTreeMap::new(),
            roles: BTreeMap::new(),
            operations: BTreeMap::new(),
            throttles: BTreeMap::new(),
            sessions: Sessions::default(),
            telemetry: Vec::new(),
            questions: Questions::default(),
            due: BTreeMap::new(),
            delays: 0,
            counted: 0,
            looked: Timestamp::MIN,
        }
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

    /// Begins a long-running operation.
    pub(crate) fn begin(&mut self, now: Timestamp, what: impl FnOnce(u64) -> Due) -> Begun {
        let number = self.count();
        let due = now + self.options.latency.operation + self.delay();
        let id = format!("b3BlcmF0aW9u{number:06}");
        self.operations.insert(id.clone(), due);
        self.schedule(due, what(number));
        Begun { number, id }
    }

    pub(crate) fn schedule(&mut self, at: Timestamp, what: Due) {
        let number = self.count();
        self.due.insert((at, number), what);
    }

    /// Makes everything happen that is due, in order, and says when the next thing is.
    pub(crate) fn settle(&mut self, now: Timestamp) -> Option<Timestamp> {
        self.looked = now;
        let next = self.happen_until(now);
        self.cut_stale_connections(now);
        next
    }

    fn happen_until(&mut self, now: Timestamp) -> Option<Timestamp> {
        while let Some(entry) = self.due.first_entry() {
            let at = entry.key().0;
            if at > now {
                return Some(at);
            }
            let what = entry.remove();
            self.happen(what, at);
        }
        None
    }

    fn happen(&mut self, what: Due, at: Timestamp) {
        match what {
            Due::Hub(name, number) => {
                let phase = self.hubs.get_mut(&name).map(|hub| &mut hub.resource.phase);
                if phase.is_some_and(|phase| phase.end(number)) {
                    self.hubs.remove(&name);
                    self.drop_orphaned_roles();
                }
            }
            Due::Service(name, number) => {
                let phase = self.services.get_mut(&name).map(|service| &mut service.resource.phase);
                if phase.is_some_and(|phase| phase.end(number)) {
                    self.services.remove(&name);
                }
            }
            Due::Group(key) => {
                self.hubs.retain(|_, hub| hub.resource.group_key() != key);
                self.services.retain(|_, service| service.resource.group_key() != key);
                self.groups.remove(&key);
                self.drop_orphaned_roles();
            }
            Due::Assignment(service, operation) => {
                crate::azure::dps::assignment::complete(self, &service, &operation, at);
            }
        }
    }

    /// The provisioning service with that id scope.
    pub(crate) fn service_of_scope(&self, scope: &str) -> Option<&str> {
        self.services.iter().find(|(_, service)| service.id_scope.eq_ignore_ascii_case(scope)).map(|(name, _)| name.as_str())
    }
}
