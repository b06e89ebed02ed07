//! An account has no effects.

use super::plan::Action;
use crate::controller::kind::Performed;

/// There is nothing to perform.
pub(super) fn perform(action: &Action) -> Performed {
    match *action {}
}
