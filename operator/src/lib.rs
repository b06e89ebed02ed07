//! The operator: observes what users wrote and what the clouds have, plans, performs, and reports.
//!
//! The rooms, each of which may use those before it: `cluster` (the API server), `cache` and `ledger` (what is known), `controller`
//! (the engine), `azure` (what kinds of that cloud share), `kinds` (one folder each).

pub mod azure;
pub mod cache;
pub mod cli;
pub mod clock;
pub mod cluster;
pub mod controller;
pub mod error;
pub mod kinds;
pub mod ledger;
pub mod object;
pub mod run;
