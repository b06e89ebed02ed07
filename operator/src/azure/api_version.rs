//! What is told where a cloud speaks only an older api-version, and a rewrite in it could lose something.

use moorage_plan::{Reason, Why};

/// Why a thing is not brought to its spec, and what can be done.
pub fn not_rewritten(what: &str, loss: &str) -> Why {
    let note =
        format!("{what} differs from its spec and is not rewritten: {loss}; make the change in Azure by other means, or change the spec");
    Why::new(Reason::ApiVersionUnsupported, note)
}

/// Why what ties a thing to others is not undone, and what can be done.
pub fn not_undone(what: &str, loss: &str, by_hand: &str) -> Why {
    Why::new(Reason::ApiVersionUnsupported, format!("{what} is not rewritten: {loss}; {by_hand} in Azure by other means"))
}
