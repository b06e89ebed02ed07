//! What a rewrite in an older api-version could lose: what that version has no field for is not shown in it, and whether its PUT
//! keeps or resets that, no documentation says.

use serde_json::{Map, Value};

use super::{Document, Path};
use crate::azure::pipeline::version::Spoken;

/// The names that an older api-version knows of the objects at a path.
pub(crate) type KnownNames = (&'static Path, &'static [&'static str]);

/// Why what was read, or is to be written, in a version could lose something by that; `None` if it cannot.
///
/// What we did not make may have anything: it is written in the newest version or not at all. What we made has what we wrote, so
/// that only a name which the older version does not know says that somebody wrote in a newer one.
pub(crate) fn loss(document: &Document, known: &[KnownNames], spoken: Spoken) -> Option<String> {
    let version = spoken.version;
    if !spoken.is_older {
        return None;
    }
    if document.was_read() && !document.is_ours {
        return Some(format!(
            "it was not made by Moorage, and api-version {version}, the newest that its cloud takes, may not show all that it has"
        ));
    }
    let name = known.iter().find_map(|known| document.unknown_name(known))?;
    Some(format!("it has {name}, which api-version {version}, the newest that its cloud takes, does not know"))
}

/// A name that is not among the known ones, of the objects at a path.
pub(super) fn unknown_in<'a>(map: &'a Map<String, Value>, path: &Path, names: &[&str]) -> Option<&'a str> {
    match path {
        [] => map.iter().find(|(name, value)| !value.is_null() && !names.contains(&name.as_str())).map(|(name, _)| name.as_str()),
        [first, "*", rest @ ..] => map.get(*first)?.as_array()?.iter().find_map(|value| unknown_in(value.as_object()?, rest, names)),
        [first, rest @ ..] => unknown_in(map.get(*first)?.as_object()?, rest, names),
    }
}
