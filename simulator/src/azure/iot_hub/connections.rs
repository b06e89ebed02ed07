//! The devices that hold a connection open to their hub.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::azure::iot_hub::hub::HubState;
use crate::azure::state::Azure;

/// What opened a connection, and so what keeps it open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Proof {
    /// A key of the device's own, by a signature good until then.
    Key { key: String, until: Timestamp },
    /// A policy of the hub with this key, by a signature good until then.
    Policy { name: String, key: String, until: Timestamp },
    /// A certificate with these thumbprints.
    Certificate(Vec<String>),
}

impl Proof {
    /// When it ends by itself.
    pub fn until(&self) -> Option<Timestamp> {
        match self {
            Self::Key { until, .. } | Self::Policy { until, .. } => Some(*until),
            Self::Certificate(_) => None,
        }
    }
}

/// What a hub says to a connected device on its own.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Push {
    /// Desired properties were written: the document, with its version.
    Desired(serde_json::Value, u64),
}

/// One open connection.
struct Session {
    number: u64,
    generation: String,
    proof: Proof,
    outbox: UnboundedSender<Push>,
}

/// The connection's end of a session: when its inbox closes, the hub has ended it.
pub(crate) struct Connection {
    pub hub: String,
    pub device: String,
    number: u64,
    until: Option<Timestamp>,
    pub inbox: UnboundedReceiver<Push>,
}

impl Connection {
    /// The time until what opened it expires, and a little more; `None` when it does not expire.
    pub fn expires_in(&self, now: Timestamp) -> Option<Duration> {
        let left = self.until?.duration_since(now).max(SignedDuration::ZERO) + SignedDuration::from_millis(5);
        Some(left.unsigned_abs())
    }
}

/// All open connections, by hub and device: one for each.
#[derive(Default)]
pub(crate) struct Connections(Open);

type Open = BTreeMap<(String, String), Session>;

impl Azure {
    fn connections(&self) -> &Open {
        &self.parts.get::<HubState>().connections.0
    }

    fn connections_mut(&mut self) -> &mut Open {
        &mut self.parts.get_mut::<HubState>().connections.0
    }

    /// Connects a device; the connection that it had before ends.
    pub(crate) fn connect(&mut self, hub: &str, device: &str, proof: Proof) -> Option<Connection> {
        let generation = self.hubs().get(hub)?.devices.get(device)?.generation.clone();
        let (outbox, inbox) = unbounded_channel();
        let (number, until) = (self.count(), proof.until());
        self.connections_mut().insert((hub.to_owned(), device.to_owned()), Session { number, generation, proof, outbox });
        Some(Connection { hub: hub.to_owned(), device: device.to_owned(), number, until, inbox })
    }

    /// Forgets a connection that has ended, unless a later one has taken its place.
    pub(crate) fn disconnect(&mut self, connection: &Connection) {
        let key = (connection.hub.clone(), connection.device.clone());
        if self.connections().get(&key).is_some_and(|session| session.number == connection.number) {
            self.connections_mut().remove(&key);
        }
    }

    /// Whether a device is connected.
    pub(crate) fn connected(&self, hub: &str, device: &str) -> bool {
        self.connections().contains_key(&(hub.to_owned(), device.to_owned()))
    }

    /// Tells a device something, if it is connected.
    pub(crate) fn push(&self, hub: &str, device: &str, push: Push) {
        if let Some(session) = self.connections().get(&(hub.to_owned(), device.to_owned())) {
            // A connection that ends just now misses nothing: the device reads its twin when it is back.
            let _ = session.outbox.send(push);
        }
    }

    /// Ends every connection that would not be let in again.
    pub(crate) fn cut_stale_connections(&mut self, now: Timestamp) {
        let mut sessions = std::mem::take(self.connections_mut());
        sessions.retain(|(hub, device), session| self.still_good(hub, device, session, now));
        *self.connections_mut() = sessions;
    }

    fn still_good(&self, hub: &str, device: &str, session: &Session, now: Timestamp) -> bool {
        let Some(hub) = self.hubs().get(hub).filter(|hub| hub.resource.phase.serves()) else {
            return false;
        };
        let Some(device) = hub.devices.get(device).filter(|device| device.enabled && device.generation == session.generation) else {
            return false;
        };
        if session.proof.until().is_some_and(|until| until <= now) {
            return false;
        }
        match &session.proof {
            Proof::Key { key, .. } => hub.takes_device_signatures() && device.authentication.keys().is_some_and(|keys| keys.contains(&key)),
            Proof::Policy { name, key, .. } => {
                hub.takes_device_signatures()
                    && hub.policy(name).is_some_and(|policy| policy.has_key(key) && policy.grants("DeviceConnect"))
            }
            Proof::Certificate(thumbprints) => device.authentication.knows(thumbprints),
        }
    }
}
