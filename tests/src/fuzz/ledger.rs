use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ConfigMap;
use moorage_keys::owner_hash;
use moorage_operator::ledger::{Entries, Ledger, SeenPage};
use moorage_operator::object::ObjectKey;

use super::Outcome;

const INSTALLATION: &str = "fuzz";
const NAMESPACE: &str = "moorage";

/// Pages of the ledger, as a watch may show them, one a line; a line that begins with `-` takes the page away.
pub fn ledger(data: &[u8]) -> Outcome {
    let ledger = empty();
    let mut expected: BTreeMap<ObjectKey, Entries> = BTreeMap::new();
    let mut taken = 0;
    for line in data.split(|byte| *byte == b'\n') {
        let (gone, line) = line.strip_prefix(b"-").map_or((false, line), |line| (true, line));
        let Ok(page) = serde_json::from_slice::<ConfigMap>(line) else { continue };
        let Some(SeenPage { owner, .. }) = (if gone { ledger.forget(&page) } else { ledger.put(&page) }) else { continue };
        taken += 1;
        is_its_page(&owner, &page);
        let before = if gone { expected.remove(&owner) } else { expected.insert(owner.clone(), page.data.clone().unwrap_or_default()) };
        before.iter().flatten().for_each(|(entry, _)| agree(&ledger, &expected, entry));
        page.data.iter().flatten().for_each(|(entry, _)| agree(&ledger, &expected, entry));
        let version = page.metadata.resource_version.unwrap_or_default();
        assert_eq!(ledger.version(&owner), (!gone).then_some(version));
    }
    let mut owners = ledger.owners();
    owners.sort();
    assert_eq!(owners, expected.keys().cloned().collect::<Vec<_>>());
    ledger.retain(&[]);
    assert!(expected.values().flatten().all(|(entry, _)| ledger.owners_of(entry).is_empty()), "what is gone has entries");
    if taken > 0 { Outcome::Accepted } else { Outcome::Refused }
}

/// Whoever may write a page of one owner has not written that of another.
fn is_its_page(owner: &ObjectKey, page: &ConfigMap) {
    let hash = owner_hash(INSTALLATION, owner.kind.as_str(), &owner.name.namespace, &owner.name.name);
    assert_eq!(page.metadata.name, Some(format!("moorage-ledger-{hash}")), "it is the page of another than {owner}");
}

fn agree(ledger: &Ledger, expected: &BTreeMap<ObjectKey, Entries>, entry: &str) {
    let have = |(owner, entries): (&ObjectKey, &Entries)| Some((owner.clone(), entries.get(entry)?.clone()));
    assert_eq!(ledger.owners_of(entry), expected.iter().filter_map(have).collect::<Vec<_>>(), "who has {entry:?}");
    assert!(expected.iter().all(|(owner, entries)| *ledger.of(owner) == *entries), "a page is not what was put");
}

/// A ledger in which nothing is written down yet.
fn empty() -> Ledger {
    Ledger::new(INSTALLATION, NAMESPACE, "here")
}
