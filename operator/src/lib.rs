//! The operator: looks at what users wrote and at what the clouds have, decides, acts, and tells.
//!
//! `kind` says what a kind is, `kinds` has one file for each, and `pass` is the one course that all of them take.

pub mod admin;
pub mod args;
pub mod clock;
pub mod cloud_path;
pub mod clouds;
pub mod cluster;
pub mod connect;
pub mod counts;
pub mod effects;
pub mod env;
pub mod error;
pub mod events;
pub mod follow;
pub mod freshness;
pub mod grants;
pub mod key;
pub mod kind;
pub mod kinds;
pub mod lease;
pub mod ledger;
pub mod metrics;
pub mod pass;
pub mod queue;
pub mod run;
pub mod secrets;
pub mod status;
pub mod store;
pub mod watch;
