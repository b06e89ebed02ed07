//! The look at one resource: its tag, what the ledger says of it, and whether somebody else has its name.

use moorage_cloud::Availability;

use crate::{
    azure::arm_resource::{
        Document, ObservedResource,
        ownership::{CLUSTER_TAG, Maker, OWNER_TAG, Whose, by_tag},
    },
    controller::context::Caches,
    error::Error,
    ledger::entries::CLAIMED,
    object::ObjectKey,
};

/// What is known of a resource beside its document.
pub struct Known {
    /// What the ledger says of it.
    pub record: Option<String>,
    /// Whether its object wants it to be there.
    pub is_wanted: bool,
    /// Whether an older object wants it too, which keeps it unless it is provably ours.
    pub is_contested: bool,
}

/// Judges whose a resource is, and asks for its name where it could be overlooked.
///
/// # Errors
/// If the name cannot be asked for.
pub async fn observe<D: Document>(
    caches: &Caches,
    owner: &ObjectKey,
    document: Option<D>,
    known: Known,
    name: impl Future<Output = Result<Availability, Error>>,
) -> Result<ObservedResource<D>, Error> {
    let whose = whose(caches, owner, document.as_ref(), &known);
    let could_be_overlooked = known.is_wanted || known.record.as_deref() == Some(CLAIMED);
    let name_is_taken = document.is_none() && could_be_overlooked && name.await? == Availability::Taken;
    let document = document.map(|document| document.made_by_us(whose == Whose::Ours));
    Ok(ObservedResource { document, name_is_taken, whose, record: known.record })
}

fn whose<D: Document>(caches: &Caches, owner: &ObjectKey, document: Option<&D>, known: &Known) -> Whose {
    let tag = document.and_then(|document| document.tag(OWNER_TAG));
    let whose = by_tag(&caches.owner_tag(owner), tag, known.record.as_deref(), |tag| caches.is_living_owner(tag));
    let cluster = document.and_then(|document| document.tag(CLUSTER_TAG));
    match whose {
        Whose::Ours if caches.installation.is_another_cluster(cluster) => Whose::Theirs(Maker::OtherCluster),
        Whose::Adopted | Whose::Theirs(_) if known.is_contested => Whose::Theirs(Maker::Living),
        Whose::Ours | Whose::Adopted | Whose::Theirs(_) => whose,
    }
}
