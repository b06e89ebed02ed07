//! What a call has to pass before it is sent, whatever its protocol and whoever is called: values, and no provider.
//!
//! A service declares the values (how many calls at once, how many a minute, who counts for itself); [`gate::Gate`] holds
//! calls to them.

pub(crate) mod access;
pub(crate) mod breaker;
pub(crate) mod budget;
pub(crate) mod bulkhead;
pub(crate) mod clock;
pub(crate) mod gate;
pub(crate) mod limits;
pub(crate) mod observe;
pub(crate) mod rejected;
pub(crate) mod verdict;
