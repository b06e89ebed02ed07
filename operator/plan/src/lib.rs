//! Decisions, pure: no clock, no client, no `await`.
//!
//! Whoever decides gives everything that the decision needs, the time included, and gets everything that was decided.

mod action;
mod class;
mod counted;
mod duration;
mod pattern;
mod plan;
mod reason;
mod renewal;
mod spread;

pub use action::{Act, Target};
pub use class::{Class, retry_in};
pub use counted::counted;
pub use duration::{DurationError, parse_duration};
pub use pattern::Pattern;
pub use plan::{Goal, Plan, Standing, Why};
pub use reason::Reason;
pub use renewal::{Lifetime, Renewal};
pub use spread::{Seed, spread};
