//! Whether objects that others rest on have a right to what they ask for, judged once until something changes from which that follows.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::object::ObjectKey;

/// Verdicts, each with what had changed before it was given.
#[derive(Debug, Default)]
pub struct Verdicts(Mutex<HashMap<ObjectKey, (Counts, bool)>>);

/// How much had changed of objects and of pages of the ledger.
pub type Counts = [u64; 2];

impl Verdicts {
    /// The verdict on an object as things are, given anew only if something has changed.
    pub fn of(&self, object: &ObjectKey, now: impl Fn() -> Counts, judge: impl Fn() -> bool) -> bool {
        // Looked at before it is judged: what changes meanwhile makes the verdict an old one.
        let state = now();
        let known = self.lock().get(object).filter(|(of, _)| *of == state).map(|(_, verdict)| *verdict);
        if let Some(verdict) = known {
            debug_assert!(verdict == judge() || now() != state, "the verdict on {object} rests on something that is not counted");
            return verdict;
        }
        let verdict = judge();
        self.lock().insert(object.clone(), (state, verdict));
        verdict
    }

    /// Forgets an object that is gone.
    pub fn forget(&self, object: &ObjectKey) {
        self.lock().remove(object);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ObjectKey, (Counts, bool)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::object::{ChangeCounts, KindName};

    #[test]
    fn a_verdict_is_given_once_until_something_changes_that_it_rests_on() {
        let (changes, verdicts, judged) = (ChangeCounts::default(), Verdicts::default(), Cell::new(0));
        let hubs = ObjectKey::new(KindName::TenantHubGroup, "contoso", "hubs");
        let ask = |refused: bool| {
            let judge = || {
                judged.set(judged.get() + 1);
                refused
            };
            verdicts.of(&hubs, || [changes.up_to(hubs.kind), 0], judge)
        };
        assert!(ask(true));
        let once = judged.get();
        changes.count(KindName::DeviceCredential);
        assert!(ask(true));
        let again = if cfg!(debug_assertions) { once + 1 } else { once };
        assert_eq!(judged.get(), again, "only to check it");
        for (kind, refused) in [(KindName::CloudAccount, false), (KindName::TenantHubGroup, true)] {
            changes.count(kind);
            assert_eq!(ask(refused), refused);
        }
        verdicts.forget(&hubs);
        assert!(!ask(false));
    }
}
