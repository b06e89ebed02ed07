//! What takes room in a grant is written down one at a time, and judged again just before: of many who were told at once that there is room
//! for one more, one gets it.

use std::time::Duration;

use moorage_plan::{Class, Standing};

use crate::{
    azure::Writer,
    error::Error,
    ledger::entries::{ADOPTED, CLAIMED, ENROLLED, HUB, HUB_PLACE, LINKED_TO, SERVICE, SERVICE_PLACE, recorded},
    object::ObjectKey,
};

/// How long a record may take to come back through the watch, so that whoever is next sees it.
const SEEN_WITHIN: Duration = Duration::from_secs(5);
/// How often it is looked for.
const LOOK: Duration = Duration::from_millis(5);

/// Entries of a page.
type Changes = [(String, Option<String>)];

/// Writes entries down. Where they take room, others wait until that is seen by all, and it is judged once more whether there is room still.
///
/// # Errors
/// `Conflict`, if there is no room any more: the next look tells. Else what the API server says.
pub async fn record(
    writer: &Writer<'_>,
    owner: &ObjectKey,
    entries: &Changes,
    judge: impl FnOnce() -> Result<(), Standing>,
) -> Result<(), Error> {
    let page = writer.ledger.of(owner);
    let is_new =
        |(entry, value): &&(String, Option<String>)| takes_room(entry, value.as_deref()) && recorded(&page, entry) != value.as_deref();
    let Some((entry, value)) = entries.iter().find(is_new) else { return writer.record(entries).await };
    let _turn = writer.clients.claims.lock().await;
    judge().map_err(|standing| {
        let why = standing.why().map(|why| why.note.clone()).unwrap_or_default();
        Error::own(format!("somebody else was given the room first: {why}"), Class::Conflict)
    })?;
    writer.record(entries).await?;
    let is_seen = async {
        while recorded(&writer.ledger.of(owner), entry) != value.as_deref() {
            tokio::time::sleep(LOOK).await;
        }
    };
    let unseen = |_| Error::own("what was written down for it is not seen yet", Class::Conflict);
    tokio::time::timeout(SEEN_WITHIN, is_seen).await.map_err(unseen)
}

/// Whether an entry says that a thing is, or may be, somewhere, or is enrolled or linked, where that counts in a grant. That one is there which was
/// claimed changes nothing.
fn takes_room(entry: &str, value: Option<&str>) -> bool {
    let is_place = [HUB_PLACE, LINKED_TO, ENROLLED].iter().any(|prefix| entry.starts_with(prefix)) || entry == SERVICE_PLACE;
    let is_claim = (entry.starts_with(HUB) || entry == SERVICE) && matches!(value, Some(CLAIMED | ADOPTED));
    is_claim || is_place && value.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::entries::MADE;

    #[test]
    fn what_takes_room_is_what_is_about_to_be_made_adopted_or_linked() {
        for (entry, value, takes) in [
            ("hub.a", Some(CLAIMED), true),
            ("hub.a", Some(ADOPTED), true),
            ("hub.a", Some(MADE), false),
            ("hub.a", None, false),
            ("service", Some(CLAIMED), true),
            ("service", Some(MADE), false),
            ("to.a", Some("platform/dps"), true),
            ("to.a", None, false),
            ("at.a", Some("s/rg"), true),
            ("service-at", Some("s/rg/dps"), true),
            ("enrolled.a", Some("platform/dps"), true),
            ("enrolled.a", None, false),
            ("link.a", Some("digest"), false),
        ] {
            assert_eq!(takes_room(entry, value), takes, "{entry} {value:?}");
        }
    }
}
