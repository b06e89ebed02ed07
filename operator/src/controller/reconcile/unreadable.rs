//! An object that is stored and cannot be read: its owner is told, and may let it go. Nothing else is done for it, and nothing that was
//! made for it is touched.

use jiff::Timestamp;
use kube::core::PartialObjectMetaExt;
use moorage_crds::{CommonStatus, annotations, conditions};
use moorage_plan::{Class, Goal, Reason, Standing, Why, retry_in};
use serde_json::{Value, json};

use super::Next;
use crate::{
    cache::unreadable::Unreadable,
    controller::{
        Controller,
        kind::Kind,
        queue::Priority,
        readiness::{Look, is_ready},
        reconcile::{
            report::{news_of, with_common},
            schedule::seed,
        },
        status::{ConditionInputs, Drift},
    },
    error::Error,
    object::ObjectKey,
};

/// Tells the owner of an object that cannot be read, or lets the object go.
pub(super) async fn report<K: Kind>(controller: &Controller, key: &ObjectKey, unreadable: &Unreadable, now: Timestamp) -> Next {
    let reported = match way_out(unreadable) {
        WayOut::LetGo => controller.let_go::<K>(key, &unreadable.metadata).await,
        WayOut::Told(note) => tell::<K>(controller, key, unreadable, note, now).await,
    };
    let error = reported.err()?;
    let failures = controller.attempts.failed(key);
    if failures > 1 || !matches!(error.class, Class::Conflict) {
        tracing::warn!(object = %key, error = error.chain(), "that it cannot be read could not be reported");
    }
    Some((now + retry_in(error.class, failures, seed(key)), Priority::Changed))
}

enum WayOut {
    LetGo,
    Told(String),
}

fn way_out(unreadable: &Unreadable) -> WayOut {
    let Unreadable { error, metadata, .. } = unreadable;
    let annotation = |name: &str| metadata.annotations.as_ref().and_then(|all| all.get(name)).map(String::as_str);
    let is_held = metadata.finalizers.iter().flatten().any(|finalizer| finalizer == annotations::FINALIZER);
    if metadata.deletion_timestamp.is_some() && is_held && annotation(annotations::ORPHAN) == Some("true") {
        return WayOut::LetGo;
    }
    let cannot = format!("the object cannot be read, and nothing is done for it until it can: {error}");
    WayOut::Told(if metadata.deletion_timestamp.is_some() {
        format!("{cannot}; correct it, and it is deleted with what it made, or let it go with {}: \"true\"", annotations::ORPHAN)
    } else {
        format!("{cannot}; correct its spec or its metadata")
    })
}

async fn tell<K: Kind>(
    controller: &Controller,
    key: &ObjectKey,
    unreadable: &Unreadable,
    note: String,
    now: Timestamp,
) -> Result<(), Error> {
    let Unreadable { metadata, status, .. } = unreadable;
    let before = status.clone().filter(Value::is_object).unwrap_or_else(|| json!({}));
    let told: CommonStatus = serde_json::from_value(before.clone()).unwrap_or_default();
    let goal = if metadata.deletion_timestamp.is_some() { Goal::Absent } else { Goal::Present };
    let standing = Standing::Stalled(Why::new(Reason::Invalid, note));
    let generation = metadata.generation;
    let usable = is_ready(Look::Unreadable, &standing, now);
    let inputs = ConditionInputs {
        goal,
        standing: &standing,
        usable,
        ready: String::new(),
        drift: Drift::Unseen,
        warnings: &controller.warnings(K::KIND),
        generation,
        now,
    };
    let common = CommonStatus {
        observed_generation: generation.unwrap_or(-1),
        conditions: inputs.conditions(&told.conditions),
        planned: Vec::new(),
        sync_requested_at: told.sync_requested_at,
    };
    let status = with_common(before.clone(), &common);
    if controller.write_status::<K>(key, metadata.resource_version.as_deref(), &before, &status).await?
        && let Some((reason, note)) = news_of(conditions::STALLED, &before, &status)
    {
        controller.events.warning(&metadata.clone().into_response_partial::<K>(), reason, &note).await;
    }
    controller.attempts.settled(key);
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::from_value;

    use super::*;

    fn told(metadata: Value) -> Option<String> {
        let metadata = from_value(metadata).expect("metadata");
        match way_out(&Unreadable { error: "recursion limit exceeded".to_owned(), metadata, status: None, granted: Vec::new() }) {
            WayOut::LetGo => None,
            WayOut::Told(note) => Some(note),
        }
    }

    #[test]
    fn it_is_let_go_only_when_it_is_deleted_held_by_us_and_its_owner_says_so() {
        let deleted = "2026-03-01T12:00:00Z";
        let orphan = json!({ annotations::ORPHAN: "true" });
        let held = json!([annotations::FINALIZER]);
        assert_eq!(told(json!({ "deletionTimestamp": deleted, "finalizers": held, "annotations": orphan })), None);
        for (metadata, way) in [
            (json!({}), "; correct its spec or its metadata"),
            (json!({ "finalizers": held, "annotations": orphan }), "; correct its spec or its metadata"),
            (json!({ "deletionTimestamp": deleted, "finalizers": held }), "or let it go with moorage.dev/orphan: \"true\""),
            (json!({ "deletionTimestamp": deleted, "annotations": orphan }), "or let it go with moorage.dev/orphan: \"true\""),
        ] {
            let note = told(metadata.clone()).expect("it is told");
            assert!(note.contains("recursion limit exceeded") && note.ends_with(way), "{metadata}: {note}");
        }
    }
}
