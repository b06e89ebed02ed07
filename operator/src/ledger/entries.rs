//! Every name and value of an entry in the ledger.

use crate::{
    ledger::{Entries, Ledger},
    object::ObjectKey,
};

/// Value: it was seen in place, so that its absence is a loss and no reason to make it again.
pub const MADE: &str = "made";
/// Value: we are about to make it.
pub const CLAIMED: &str = "claimed";
/// Value: it was there before us, and stays.
pub const ADOPTED: &str = "adopted";

/// The resource group that was made for an object, or was about to be; its value is the group's name.
pub const RESOURCE_GROUP: &str = "resource-group";
/// The provisioning service itself.
pub const SERVICE: &str = "service";
/// Where the provisioning service is that was claimed.
pub const SERVICE_PLACE: &str = "service-at";
/// The enrollment group itself.
pub const GROUP: &str = "group";
/// The certificate (PEM) of the authority that devices of a group were issued by when it was last seen in place.
pub const AUTHORITY: &str = "authority";
/// The certificate (PEM) of the one before it, whose devices the group goes on accepting.
pub const FORMER_AUTHORITY: &str = "former-authority";
/// The group was disabled as its spec said, or was then found so: whoever enables it in the spec has it enabled.
pub const DISABLED: &str = "disabled";
/// The state in which the thing was last seen as its spec says, under `driftPolicy: Report`.
pub const APPLIED: &str = "applied";

/// How entries of hubs begin; the hub's name follows, in lower case.
pub const HUB: &str = "hub.";
/// How entries begin of where a hub is that was claimed; the hub's name follows.
pub const HUB_PLACE: &str = "at.";
/// How entries of links begin; the hub's name follows, and the value is the digest of the key that the link was last written with,
/// [`BY_IDENTITY`], or [`STALE`].
pub const LINK: &str = "link.";
/// How entries begin of the provisioning service that a hub is linked to, or is about to be; the hub's name follows.
pub const LINKED_TO: &str = "to.";
/// How entries of roles begin; the name of the hub follows on which the provisioning service has a role.
pub const ROLE: &str = "role.";
/// Value of a link without a key.
pub const BY_IDENTITY: &str = "identity";
/// Value of a link that was there before the hub: to one that is no more, so that it cannot work.
pub const STALE: &str = "stale";

/// How entries begin that those read who rest on a thing: what was seen of it while it was admitted.
pub const FACT: &str = "fact.";
/// What is known of a provisioning service.
pub const SERVICE_FACTS: &str = "fact.service";
/// What is known of an enrollment group.
pub const GROUP_FACTS: &str = "fact.group";
/// How entries begin of what is known of hubs; the hub's name follows.
pub const HUB_FACTS: &str = "fact.hub.";

/// How entries of devices that were created in a hub begin; a hash of the hub and the device follows.
pub const IDENTITY: &str = "identity.";
/// How entries of registration ids begin whose individual enrollment disenrolls their device; the value is the provisioning service.
pub const DISENROLLED: &str = "disenrolled.";
/// How entries of registration ids begin whose device has an individual enrollment of ours; the value is the provisioning service.
pub const ENROLLED: &str = "enrolled.";

/// How entries of registration ids begin whose individual enrollment we have disabled, beside what it is for; the value is the provisioning
/// service.
pub const OFF: &str = "off.";

/// How the entries begin of registration ids that have an enrollment of ours.
const OF_ENROLLMENTS: [&str; 3] = [DISENROLLED, ENROLLED, LEFT_ENROLLMENT];

/// How entries begin of what an object left in a cloud when it was let go (`moorage.dev/orphan`): they take room in a grant, and claim
/// nothing.
pub const LEFT: &str = "left.";
/// Such an entry of a hub; the hub's name follows, and the value is where it is, and the provisioning service that it is linked to, if any.
pub const LEFT_HUB: &str = "left.hub.";
/// Between the places in which hubs of one name were left.
pub const LEFT_IN: &str = "; ";
/// Such an entry of a provisioning service; its name follows, and the value is where it is.
pub const LEFT_SERVICE: &str = "left.service.";
/// Such an entry of an individual enrollment; the registration id follows, and the value is the provisioning service.
pub const LEFT_ENROLLMENT: &str = "left.enrollment.";

/// The entry of a thing with a name.
pub fn of(prefix: &str, name: &str) -> String {
    format!("{prefix}{}", name.to_lowercase())
}

/// What the ledger says of an entry.
pub fn recorded<'a>(entries: &'a Entries, entry: &str) -> Option<&'a str> {
    entries.get(entry).map(String::as_str)
}

/// Whether a record says that the thing is in place and its owner's.
pub fn is_in_place(record: Option<&str>) -> bool {
    matches!(record, Some(MADE | ADOPTED))
}

/// Whether a page says that its owner made something, or is about to: more than what it left when it was let go.
pub fn says_made(entries: &Entries) -> bool {
    entries.keys().any(|entry| !entry.starts_with(LEFT))
}

/// What stays on a page whose owner, of a namespace, is let go with the cloud as it is: what takes room in a grant, as it claims nothing any more. What is
/// the namespace's own takes room in none.
pub fn left_of(entries: &Entries, namespace: &str) -> Entries {
    let is_own = |owned: &str| owned.strip_prefix(namespace).is_some_and(|rest| rest.starts_with('/'));
    let left = |(entry, value): (&String, &String)| {
        if entry.starts_with(LEFT) {
            // What is told with the hub itself.
            let is_told = entry.strip_prefix(LEFT_HUB).is_some_and(|hub| entries.contains_key(&of(HUB, hub)));
            return (!is_told).then(|| (entry.clone(), value.clone()));
        }
        if let Some(hub) = entry.strip_prefix(HUB) {
            let linked_to = recorded(entries, &of(LINKED_TO, hub));
            let is_left = value != ADOPTED || linked_to.is_some();
            let now =
                [recorded(entries, &of(HUB_PLACE, hub)).filter(|_| is_left), linked_to].into_iter().flatten().collect::<Vec<_>>().join(" ");
            let now = if now.split(' ').all(is_own) { String::new() } else { now };
            let left = left_beside(recorded(entries, &of(LEFT_HUB, hub)), &now);
            return (!left.is_empty()).then(|| (of(LEFT_HUB, hub), left));
        }
        if entry == SERVICE_PLACE {
            let is_left = !is_own(value) && recorded(entries, SERVICE).is_some_and(|record| record != ADOPTED);
            return is_left.then(|| (of(LEFT_SERVICE, value.rsplit('/').next().unwrap_or_default()), value.clone()));
        }
        let id = [ENROLLED, DISENROLLED].iter().find_map(|prefix| entry.strip_prefix(prefix))?;
        (!is_own(value)).then(|| (format!("{LEFT_ENROLLMENT}{id}"), value.clone()))
    };
    entries.iter().filter_map(left).collect()
}

/// What was left behind of a hub's name, in one place and in others before it.
pub fn left_beside(before: Option<&str>, now: &str) -> String {
    let parts = before.into_iter().flat_map(|before| before.split(LEFT_IN)).filter(|part| *part != now);
    parts.chain([now]).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(LEFT_IN)
}

/// What those see of a page who rest on its owner.
pub fn facts(entries: &Entries) -> impl Iterator<Item = (&String, &String)> {
    entries.range(FACT.to_owned()..).take_while(|(entry, _)| entry.starts_with(FACT))
}

/// The entries of devices for which we wrote an individual enrollment in a provisioning service, by owner.
pub fn of_enrollments_in(ledger: &Ledger, service: &ObjectKey) -> Vec<(ObjectKey, String)> {
    let service = service.name.to_string();
    let ours = |entry: &str| OF_ENROLLMENTS.iter().chain([&OFF]).any(|prefix| entry.starts_with(prefix));
    of_devices(ledger, |entry, value| ours(entry) && value == service)
}

/// The registration ids that have an enrollment of ours in a provisioning service, by the owners in whose name.
pub fn enrollments_in(ledger: &Ledger, service: &ObjectKey) -> Vec<(ObjectKey, String)> {
    let service = service.name.to_string();
    let ours = OF_ENROLLMENTS.into_iter().flat_map(|prefix| ledger.beginning_with(prefix));
    ours.filter(|(.., value)| *value == service).map(|(owner, id, _)| (owner, id.replace('C', ":"))).collect()
}

/// How many enrollments of ours there are at most in any provisioning service.
pub fn most_enrollments(ledger: &Ledger) -> usize {
    OF_ENROLLMENTS.into_iter().map(|prefix| ledger.count_beginning_with(prefix)).sum()
}

/// The entries of devices that a namespace's credentials created in a hub, by owner: only those of the hub's own namespace do.
pub fn of_devices_in(ledger: &Ledger, hub: &str, namespace: &str) -> Vec<(ObjectKey, String)> {
    let place = format!(" {hub}/devices/");
    let mut entries = of_devices(ledger, |entry, value| entry.starts_with(IDENTITY) && value.contains(&place));
    entries.retain(|(owner, _)| &*owner.name.namespace == namespace);
    entries
}

fn of_devices(ledger: &Ledger, is_meant: impl Fn(&str, &str) -> bool) -> Vec<(ObjectKey, String)> {
    let owners = ledger.owners().into_iter();
    let of_owner = |owner: ObjectKey| {
        let entries = ledger.of(&owner);
        let here = entries.iter().filter(|(entry, value)| is_meant(entry, value));
        here.map(|(entry, _)| (owner.clone(), entry.clone())).collect::<Vec<_>>()
    };
    owners.flat_map(of_owner).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_page_that_is_let_go_stays_what_takes_room_and_nothing_that_claims() {
        let page = |entries: &[(&str, &str)]| entries.iter().map(|(entry, value)| ((*entry).to_owned(), (*value).to_owned())).collect();
        let before: Entries = page(&[
            ("hub.a", MADE),
            ("at.a", "s/rg"),
            ("to.a", "platform/dps"),
            ("fact.hub.a", "s/rg a.azure-devices.net platform/dps"),
            ("hub.b", CLAIMED),
            ("at.b", "s/rg"),
            ("hub.c", ADOPTED),
            ("hub.e", CLAIMED),
            ("at.e", "s/elsewhere"),
            ("left.hub.e", "s/rg"),
            ("link.a", "digest"),
            ("resource-group", "rg"),
            ("enrolled.x", "platform/dps"),
            ("disenrolled.y", "platform/dps"),
            ("identity.1", "made"),
            ("left.hub.d", "s/rg platform/dps"),
        ]);
        let left: Entries = page(&[
            ("left.hub.a", "s/rg platform/dps"),
            ("left.hub.b", "s/rg"),
            ("left.hub.d", "s/rg platform/dps"),
            ("left.hub.e", "s/rg; s/elsewhere"),
            ("left.enrollment.x", "platform/dps"),
            ("left.enrollment.y", "platform/dps"),
        ]);
        assert_eq!(left_of(&before, "contoso"), left);
        assert_eq!(left_beside(Some("s/rg; t/rg a/dps"), "s/rg"), "t/rg a/dps; s/rg");
        assert!(says_made(&before) && !says_made(&left));
        assert_eq!(left_of(&left, "contoso"), left, "a second time changes nothing");
        let of_service = |record| page(&[("service", record), ("service-at", "a/azure/s/rg/dps"), ("group", MADE)]);
        assert_eq!(left_of(&of_service(MADE), "contoso"), page(&[("left.service.dps", "a/azure/s/rg/dps")]));
        assert_eq!(left_of(&of_service(ADOPTED), "contoso"), Entries::new());
        assert_eq!(left_of(&of_service(MADE), "a"), Entries::new(), "its own account's");
    }
}
