//! Whose a thing in the cloud is, by its tag or by the ledger; without proof, nobody's of ours.

use moorage_crds::Adoption;
use moorage_plan::{Plan, Reason};

use crate::ledger::Entries;

/// Tag on what we made: `installation/kind/namespace/name`.
pub(super) const OWNER_TAG: &str = "moorage-owner";

/// Ledger: it was seen in place, so that its absence is a loss and no reason to make it again.
pub(super) const MADE: &str = "made";
/// Ledger: we are about to make it.
pub(super) const CLAIMED: &str = "claimed";
/// Ledger: it was there before us, and stays.
pub(super) const ADOPTED: &str = "adopted";

/// Whose a thing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whose {
    /// We made it for this object.
    Ours,
    /// It was there before, and this object took it over.
    Adopted,
    /// Somebody else's.
    Theirs { managed: bool },
}

/// Whose a thing is, seen from the object whose things bear `mark`.
pub(super) fn by_tag(mark: &str, tag: Option<&str>, recorded: Option<&str>) -> Whose {
    match recorded {
        _ if tag == Some(mark) => Whose::Ours,
        Some(ADOPTED) => Whose::Adopted,
        // The tag was taken off behind our back; the ledger still knows.
        Some(MADE) if tag.is_none() => Whose::Ours,
        _ => Whose::Theirs { managed: tag.is_some() },
    }
}

/// What the ledger says of an entry.
pub(super) fn recorded<'a>(entries: &'a Entries, entry: &str) -> Option<&'a str> {
    entries.get(entry).map(String::as_str)
}

/// Why something that exists cannot be adopted; `None` if it can.
pub(super) fn refusal<A>(what: &str, managed: bool, wish: Adoption, granted: Adoption) -> Option<Plan<A>> {
    let note = match (managed, wish.min(granted)) {
        (false, Adoption::IfUnmanaged) => return None,
        (true, _) => format!("{what} exists and belongs to another Moorage object (see its tag {OWNER_TAG}); choose another name"),
        (false, Adoption::Never) if wish == Adoption::Never => {
            format!("{what} exists already; set adoption: IfUnmanaged to take it over, or choose another name")
        }
        (false, Adoption::Never) => {
            format!("{what} exists already and the account's grant does not let this namespace adopt; ask its owner")
        }
    };
    Some(Plan::stuck(Reason::AlreadyExists, note))
}

#[cfg(test)]
mod tests;
