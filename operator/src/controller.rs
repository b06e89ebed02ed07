//! The engine: it takes every object through the same course, and knows no kind and no cloud.

pub mod admin;
pub mod context;
pub mod dependents;
pub mod effects;
pub mod events;
pub mod kind;
pub mod leader_election;
#[cfg(test)]
pub mod linter;
pub mod metrics;
pub mod queue;
pub mod reconcile;
pub mod schedule;
pub mod status;
pub mod watch;
