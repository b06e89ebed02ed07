//! Whose a thing in the cloud is, by its tag or by the ledger; without proof, nobody's of ours.

use jiff::{SignedDuration, Timestamp};
use moorage_crds::Adoption;
use moorage_plan::{Plan, Reason};

use crate::{
    controller::{context::Caches, kind::Kind},
    ledger::entries::{ADOPTED, CLAIMED, MADE},
    object::{Keyed, ObjectKey},
};

/// Tag on what we made: `installation/kind/namespace/name`.
pub const OWNER_TAG: &str = "moorage-owner";
/// Tag beside it: the cluster whose operator manages the thing. An installation id may be in two clusters, by a copy of one.
pub const CLUSTER_TAG: &str = "moorage-cluster";

/// When something that we asked for and that is not seen is looked for again.
const NOT_SEEN_YET: SignedDuration = SignedDuration::from_secs(5);
/// When a name that was taken is asked for again: what took it may have been overlooked, or be gone.
const TAKEN: SignedDuration = SignedDuration::from_mins(5);

/// Whose a thing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// We made it for this object.
    Ours,
    /// It was there before, and this object took it over.
    Adopted,
    /// Somebody else's.
    Theirs(Maker),
}

/// Who stands behind a thing that is somebody else's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Maker {
    /// Nobody of ours: it bears no tag.
    Stranger,
    /// A Moorage object that is no more, or one of another installation.
    Former,
    /// A Moorage object that exists.
    Living,
    /// This very object, in another cluster with the same installation id.
    OtherCluster,
}

/// Whose a thing is, seen from the object whose things bear `mark`; `lives` says whether the object of another mark exists.
pub fn by_tag(mark: &str, tag: Option<&str>, recorded: Option<&str>, lives: impl FnOnce(&str) -> bool) -> Whose {
    match (tag, recorded) {
        (Some(tag), _) if tag == mark => Whose::Ours,
        (_, Some(ADOPTED)) => Whose::Adopted,
        // The tag was taken off behind our back; the ledger still knows.
        (None, Some(MADE)) => Whose::Ours,
        (None, _) => Whose::Theirs(Maker::Stranger),
        (Some(tag), _) => Whose::Theirs(if lives(tag) { Maker::Living } else { Maker::Former }),
    }
}

/// Whether a thing is one that was made for the object whose things bear `mark`.
pub fn is_ours(mark: &str, tag: Option<&str>, recorded: Option<&str>) -> bool {
    by_tag(mark, tag, recorded, |_| true) == Whose::Ours
}

/// Why something that exists cannot be adopted; `None` if it can.
pub fn refusal<A>(what: &str, maker: Maker, desired: Adoption, granted: Adoption) -> Option<Plan<A>> {
    let allowed = desired.min(granted);
    let note = match maker {
        Maker::Stranger if allowed >= Adoption::IfUnmanaged => return None,
        Maker::Former if allowed == Adoption::Always => return None,
        Maker::OtherCluster => {
            let note = format!(
                "{what} is managed by an installation with the same id in another cluster (see its tag {CLUSTER_TAG}), and only one of the two may \
                 act; if that cluster is no more, or was moved here, start this operator with --take-over-from and the tag's value, else with an \
                 installation id of its own"
            );
            return Some(Plan::stalled(Reason::OtherCluster, note));
        }
        Maker::Living => format!("{what} exists and belongs to another Moorage object (see its tag {OWNER_TAG}); choose another name"),
        Maker::Stranger if desired == Adoption::Never => {
            format!("{what} exists already; set adoption: IfUnmanaged to take it over, or choose another name")
        }
        Maker::Former if desired != Adoption::Always => format!(
            "{what} exists and was made by a Moorage object that is no more, or by another installation (see its tag {OWNER_TAG}); \
             set adoption: Always to take it over, or choose another name"
        ),
        Maker::Stranger | Maker::Former => {
            format!(
                "{what} exists already and the account's grant does not let this namespace adopt it (adoption: {desired:?}); ask its owner"
            )
        }
    };
    Some(Plan::stalled(Reason::AlreadyExists, note))
}

/// The plan of whoever would make a thing whose name is taken, although no such thing is seen: to make it now could be to write
/// over somebody else's, for a creation carries no `ETag`.
pub fn name_taken<A>(what: &str, group: &str, recorded: Option<&str>, now: Timestamp) -> Plan<A> {
    if recorded == Some(CLAIMED) {
        let note = format!(
            "{what} was asked for, and is not seen yet; if that lasts, its name is somebody else's, outside of resource group {group}: choose \
             another"
        );
        return Plan::wait(Reason::Provisioning, note, now.saturating_add(NOT_SEEN_YET).ok());
    }
    let note = format!("the name of {what} is taken in the world, and not by one in resource group {group}; choose another name");
    Plan::stalled(Reason::NameTaken, note).by(now.saturating_add(TAKEN).ok())
}

/// Who of the objects that want the same thing and may have it comes before `object`, and keeps the thing: whoever has it by the
/// ledger, then the oldest. After a restore objects have other ages, and the ledger is what it was.
pub fn earlier_claim<K: Kind>(caches: &Caches, object: &K, claim: &impl Claim<K>) -> Option<ObjectKey> {
    let rank = |object: &K| (!claim.is_held(caches, object), age(object));
    let mine = rank(object);
    let rivals = caches.objects.of::<K>().all().into_iter().filter(|rival| claim.is_same(rival) && claim.is_granted(caches, rival));
    rivals.map(|rival| rank(&rival)).filter(|theirs| *theirs < mine).min().map(|(_, (_, key))| key)
}

/// The right to a thing that only one object can have.
pub trait Claim<K> {
    /// Whether another object wants it too.
    fn is_same(&self, rival: &K) -> bool;

    /// Whether an object may have it.
    fn is_granted(&self, caches: &Caches, rival: &K) -> bool;

    /// Whether an object has it, as the ledger says.
    fn is_held(&self, caches: &Caches, object: &K) -> bool;
}

/// By what objects are ordered when only one of them can have it.
pub fn age<K: Kind>(object: &K) -> (Option<Timestamp>, ObjectKey) {
    (object.meta().creation_timestamp.as_ref().map(|time| time.0), object.key())
}

#[cfg(test)]
mod tests;
