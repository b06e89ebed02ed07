//! News for users, as Kubernetes Events.

use std::time::Duration;

use kube::runtime::events::{Event, EventType, Recorder, Reporter};
use kube::{Client, Resource};
use moorage_plan::Reason;

use crate::{
    cluster::FIELD_MANAGER,
    controller::{kind::Kind, leader_election::Leadership},
    error::bounded,
};

/// Longest note that the API server takes (1 kB).
const LONGEST_NOTE: usize = 1000;

/// Longest action that the API server takes, less the mark of a cut.
const LONGEST_ACTION: usize = 124;

/// How long an Event may take: an object's reconciliation waits for it.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Writes Events; repeated ones become a series.
#[derive(Clone)]
pub struct Events {
    recorder: Recorder,
    leadership: Leadership,
}

impl Events {
    /// Events in the operator's name.
    pub fn new(client: Client, leadership: Leadership) -> Self {
        let reporter = Reporter { controller: FIELD_MANAGER.to_owned(), instance: None };
        Self { recorder: Recorder::new(client, reporter), leadership }
    }

    /// Tells what was done.
    pub async fn news<K: Kind>(&self, object: &K, reason: Reason, note: &str) {
        self.publish(object, EventType::Normal, reason, note).await;
    }

    /// Tells what somebody has to see to.
    pub async fn warning<K: Resource<DynamicType = ()>>(&self, object: &K, reason: Reason, note: &str) {
        self.publish(object, EventType::Warning, reason, note).await;
    }

    /// An Event that cannot be written is logged, and holds up nothing; a replica that no longer leads tells nothing.
    async fn publish<K: Resource<DynamicType = ()>>(&self, object: &K, type_: EventType, reason: Reason, note: &str) {
        if !self.leadership.leads() {
            return;
        }
        let event = Event {
            type_,
            reason: reason.to_string(),
            note: Some(bounded(note, LONGEST_NOTE)),
            // Events of the same action and reason become one series with the first note: another hub is another action.
            action: bounded(note, LONGEST_ACTION),
            secondary: None,
        };
        let about = object.object_ref(&());
        let written = tokio::time::timeout(LONGEST_WAIT, self.recorder.publish(&event, &about)).await;
        let error = match written {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("the API server did not answer within {} s", LONGEST_WAIT.as_secs()),
        };
        let text = |part: &Option<String>| part.clone().unwrap_or_default();
        let object_name = format!("{} {}/{}", text(&about.kind), text(&about.namespace), text(&about.name));
        // In a namespace that is on its way out nothing new can be made.
        if object.meta().deletion_timestamp.is_some() {
            tracing::debug!(object = object_name, %reason, error, "an Event could not be written");
        } else {
            tracing::warn!(object = object_name, %reason, error, "an Event could not be written");
        }
    }
}
