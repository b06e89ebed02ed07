//! What follows from all objects of a kind, and from the ledger: worked out once until something of that changes.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::cache::verdicts::Counts;

type Value = Arc<dyn Any + Send + Sync>;

/// Values by their types, each with what had changed before it was worked out.
#[derive(Default)]
pub struct Derived(Mutex<HashMap<TypeId, (Counts, Value)>>);

impl Derived {
    /// The value as things are, worked out anew only if something has changed.
    pub fn of<T: Send + Sync + 'static>(&self, now: impl Fn() -> Counts, work_out: impl FnOnce() -> T) -> Arc<T> {
        // Looked at before it is worked out: what changes meanwhile makes the value an old one.
        let state = now();
        let known = |(of, value): &(Counts, Value)| (*of == state).then(|| value.clone());
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&TypeId::of::<T>()).and_then(known);
        if let Some(Ok(value)) = known.map(Arc::downcast) {
            return value;
        }
        let value = Arc::new(work_out());
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(TypeId::of::<T>(), (state, value.clone()));
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_worked_out_once_until_something_changes() {
        let derived = Derived::default();
        let mut times = 0;
        let mut ask = |state| {
            let value: Arc<String> = derived.of(
                || state,
                || {
                    times += 1;
                    format!("{state:?}")
                },
            );
            (value.to_string(), times)
        };
        assert_eq!(ask([1, 1]), ("[1, 1]".to_owned(), 1));
        assert_eq!(ask([1, 1]), ("[1, 1]".to_owned(), 1));
        assert_eq!(ask([1, 2]), ("[1, 2]".to_owned(), 2));
        assert_eq!(*derived.of(|| [1, 2], || 7_u8), 7, "another type is another value");
        assert_eq!(ask([1, 2]).1, 2);
    }
}
