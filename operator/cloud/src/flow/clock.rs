//! Whose time it is.

use std::sync::Arc;

use jiff::Timestamp;

/// Tells the time; tokens, budgets and waits go by it.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;
