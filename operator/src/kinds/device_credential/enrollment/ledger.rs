//! What the ledger says of the individual enrollment of a device.
//!
//! The individual enrollment of a registration id is one thing, which is there for one of two purposes: enabled, with keys of the device's
//! own, because its credential asks for it (`individual`); or disabled, because its credential is gone (`disenroll`). The ledger says for
//! which, in one of two entries, and is written before each change from one to the other. A third says of an enrollment for the device's own
//! keys that it is we who have disabled it: one that somebody else has disabled is not enabled.

use moorage_keys::RegistrationId;

use crate::{
    controller::context::Caches,
    ledger::entries::{DISENROLLED, ENROLLED, LEFT_ENROLLMENT, OFF, recorded},
    object::ObjectKey,
};

/// What the names of ledger entries begin with; the registration id follows, and their value is the provisioning service.
const ENTRIES: [(Meant, &str); 2] = [(Meant::Disenrolled, DISENROLLED), (Meant::Enrolled, ENROLLED)];

/// What an individual enrollment of ours is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meant {
    /// It disenrolls its device.
    Disenrolled,
    /// Its device registers through it.
    Enrolled,
}

/// The ledger entry of a registration id. Names in a `ConfigMap` have no colons, and registration ids no capitals.
pub fn entry(prefix: &str, id: &RegistrationId) -> String {
    format!("{prefix}{}", id.as_str().replace(':', "C"))
}

/// The ledger's entries of a registration id that say what its enrollment is for, or that it is none of ours.
pub fn ledger_entries(id: &RegistrationId, now: Option<(Meant, &ObjectKey)>) -> Vec<(String, Option<String>)> {
    let value = |meant: Meant| now.filter(|(now, _)| *now == meant).map(|(_, service)| service.name.to_string());
    let of_enrollment = ENTRIES.into_iter().map(|(meant, prefix)| (entry(prefix, id), value(meant)));
    // Whatever it is now, it was not left behind.
    of_enrollment.chain([(entry(LEFT_ENROLLMENT, id), None), (entry(OFF, id), None)]).collect()
}

/// The entries of an enrollment that takes room in the service and is none of its object's any more.
pub fn entries_of_left(id: &RegistrationId, service: &ObjectKey) -> Vec<(String, Option<String>)> {
    let mut entries = ledger_entries(id, None);
    entries.retain(|(name, _)| *name != entry(LEFT_ENROLLMENT, id));
    entries.push((entry(LEFT_ENROLLMENT, id), Some(service.name.to_string())));
    entries
}

/// The entries of an enrollment for the device's own keys, with whether we have it disabled.
pub fn entries_of_enrolled(id: &RegistrationId, service: &ObjectKey, off: bool) -> Vec<(String, Option<String>)> {
    let mut entries = ledger_entries(id, Some((Meant::Enrolled, service)));
    entries.retain(|(name, _)| *name != entry(OFF, id));
    entries.push((entry(OFF, id), off.then(|| service.name.to_string())));
    entries
}

/// Whether the ledger says that it is we who have disabled the enrollment that a registration id has in that provisioning service.
pub fn is_disabled_by_us(caches: &Caches, owner: &ObjectKey, id: &RegistrationId, service: &ObjectKey) -> bool {
    let said = recorded(&caches.ledger.of(owner), &entry(OFF, id)).map(str::to_owned);
    said.as_deref() == Some(&*service.name.to_string()) || meant(caches, owner, id, service) == Some(Meant::Disenrolled)
}

/// What the ledger says that we wrote the enrollment for that a registration id has in that provisioning service.
pub fn meant(caches: &Caches, owner: &ObjectKey, id: &RegistrationId, service: &ObjectKey) -> Option<Meant> {
    let entries = caches.ledger.of(owner);
    if entries.is_empty() {
        return None;
    }
    let service = service.name.to_string();
    ENTRIES.into_iter().find(|(_, prefix)| recorded(&entries, &entry(prefix, id)) == Some(&service)).map(|(meant, _)| meant)
}

/// Another provisioning service in which a registration id has an enrollment in the name of an owner. The ledger says one thing of an id at a
/// time, so that whatever was written now would make that one forgotten.
pub fn enrolled_elsewhere(caches: &Caches, owner: &ObjectKey, id: &RegistrationId, service: &ObjectKey) -> Option<String> {
    let (entries, service) = (caches.ledger.of(owner), service.name.to_string());
    let prefixes = ENTRIES.into_iter().map(|(_, prefix)| prefix).chain([LEFT_ENROLLMENT]);
    let there = prefixes.filter_map(|prefix| recorded(&entries, &entry(prefix, id))).find(|there| **there != service);
    there.map(str::to_owned)
}

/// Another credential in whose name a device is disenrolled, or enrolled, in that provisioning service: it has the id now, and not the key to it.
pub fn written_for_another(caches: &Caches, owner: &ObjectKey, id: &RegistrationId, service: &ObjectKey) -> Option<(ObjectKey, Meant)> {
    let service = service.name.to_string();
    ENTRIES.into_iter().find_map(|(meant, prefix)| {
        let mut others = caches.ledger.owners_of(&entry(prefix, id)).into_iter();
        others.find(|(other, there)| other != owner && *there == service).map(|(other, _)| (other, meant))
    })
}
