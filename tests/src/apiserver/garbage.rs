//! The garbage collector: what is owned goes when all its owners are gone.

use std::collections::BTreeSet;

use serde_json::Value;

use super::Shared;
use super::collections::collection;
use super::writing::remove;

/// Removes what is owned by what is no more. True if there was something.
pub(super) fn collect(shared: &Shared) -> bool {
    let mut state = shared.lock();
    let uids: BTreeSet<_> = state.objects.each().filter_map(|(_, object)| object["metadata"]["uid"].as_str().map(str::to_owned)).collect();
    let is_orphan = |object: &Value| {
        let owners = object["metadata"]["ownerReferences"].as_array();
        owners.is_some_and(|owners| {
            !owners.is_empty() && !owners.iter().any(|owner| owner["uid"].as_str().is_some_and(|uid| uids.contains(uid)))
        })
    };
    let orphans: Vec<_> = state.objects.each().filter(|(_, object)| is_orphan(object)).map(|(key, _)| key.clone()).collect();
    let now = (shared.now)();
    for (kind, namespace, name) in &orphans {
        let _gone = remove(&mut state, collection(kind), namespace, name, &Value::Null, now);
    }
    !orphans.is_empty()
}
