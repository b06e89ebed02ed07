//! Whatever is there at the beginning and whatever gets lost on the way, it ends as the spec says.

mod drift;

use moorage_crds::DriftPolicy;
use moorage_crds::annotations::{CONFIRM_DELETE, RECREATE, RELINK};
use moorage_plan::Reason;
use proptest::prelude::*;

use super::*;
use crate::{
    azure::dps::MOST_LINKS,
    controller::linter::{EMPTY, Fate, World, annotate, confirm, fates, reason, settle, settle_deletion},
    ledger::entries::{self, CLAIMED},
};

#[derive(Clone, Debug)]
struct Model {
    object: TenantHubGroup,
    goal: Goal,
    site: Site,
    /// Looks that a long operation takes.
    slow: u8,
    group_moving: u8,
    group_going: bool,
    others: bool,
    made: BTreeMap<String, usize>,
}

impl Model {
    fn is_wanted(&self, name: &str) -> bool {
        self.goal == Goal::Present && self.object.spec.hubs.iter().any(|hub| hub.name == name)
    }

    fn is_confirmed(&self, name: &str) -> bool {
        let by_name = self.goal == Goal::Present && self.object.annotation(CONFIRM_DELETE) == Some(name);
        by_name || self.object.deletion_is_confirmed()
    }

    fn link(&self, name: &str) -> Option<&SiteLink> {
        self.site.links.iter().find(|link| link.host == host(name))
    }

    /// By our policy, or by the identity, as was written down before.
    fn is_ours(&self, link: &SiteLink) -> bool {
        let record =
            NAMES.iter().find(|name| host(name) == link.host).and_then(|name| self.site.entries.get(&entries::of(entries::LINK, name)));
        link.policy.as_deref() == Some(POLICY) || link.identity && record.map(String::as_str) == Some(BY_IDENTITY)
    }

    fn is_empty(&self) -> bool {
        self.site.hubs.is_empty() && !self.others
    }

    fn delete(&mut self, name: &str) {
        assert!(!self.is_wanted(name), "{name} is in the spec");
        assert!(self.link(name).is_none_or(|link| !self.is_ours(link)), "{name} is still linked by us");
        assert!(self.site.enrolled.iter().all(|(to, _)| *to != host(name)), "an enrollment names {name}");
        let confirmed = self.is_confirmed(name);
        let slow = self.slow;
        let Some(hub) = self.site.hubs.get_mut(name) else { return };
        assert!(hub.maker == Maker::Us, "{name} is not ours");
        assert!(hub.devices == 0 || confirmed, "{name} has devices");
        (hub.moving, hub.going) = (slow + 1, true);
    }

    fn write_links(&mut self, add: &[links::NewLink], remove: &[moorage_keys::HostName]) {
        assert!(self.site.links.iter().all(|link| link.policy.is_some() || link.identity), "a link could get lost");
        for link in add {
            let hub = &self.site.hubs[&link.name];
            assert!((!hub.refuses_keys || link.key.is_none()) && self.is_wanted(&link.name), "{link:?}");
            assert!(self.link(&link.name).is_none_or(|there| self.is_ours(there)), "over another's link");
            let new = if let Some(access_key) = &link.key {
                let key = (0..9).find(|key| access(*key) == *access_key);
                assert!(self.link(&link.name).is_none_or(|there| !there.identity), "Azure does not change in place how a link works");
                SiteLink { key, ..SiteLink::ours(&link.name) }
            } else {
                assert!(self.link(&link.name).is_none_or(|there| there.identity), "Azure does not change in place how a link works");
                assert!(hub.roles.iter().any(|role| Some(&*role.principal) == self.site.principal), "the hub would not let it in");
                SiteLink::by_identity(&link.name)
            };
            let new = SiteLink { weight: i64::from(link.link.allocation_weight), ..new };
            self.site.links.retain(|link| link.host != new.host);
            self.site.links.push(new);
        }
        for to in remove {
            let relinked = self.object.spec.hubs.iter().any(|hub| self.goal == Goal::Present && host(&hub.name) == to.as_str());
            let confirmed = NAMES.iter().any(|name| host(name) == to.as_str() && self.object.annotation(RELINK) == Some(name));
            let unused = self.site.enrolled.iter().all(|(host, _)| host != to.as_str());
            let stale = NAMES.iter().any(|name| host(name) == to.as_str() && self.made.contains_key(*name));
            assert!(if relinked { confirmed || stale } else { unused }, "devices are assigned to {to}");
            let theirs = self.site.links.iter().any(|link| link.host == to.as_str() && !self.is_ours(link)) && !stale;
            assert!(!theirs, "another's link");
            self.site.links.retain(|link| link.host != to.as_str());
        }
        assert!(self.site.links.len() <= MOST_LINKS);
    }
}

impl World for Model {
    type Action = Action;

    fn is_kept(&self) -> bool {
        self.goal == Goal::Absent && self.object.spec.deletion_policy == DeletionPolicy::Retain
    }

    fn plan(&self) -> Plan<Action> {
        if self.is_kept()
            && let Ok(Admitted::Kept { devices }) = self.object.admit(&EMPTY, self.goal)
        {
            return self.object.plan(&Observed::Kept { devices }, self.goal, now());
        }
        let mut site = self.site.clone();
        site.group.empty = self.goal == Goal::Absent && site.group.ours && self.is_empty();
        if self.group_moving > 0 {
            site.group.state = State::Moving;
        }
        site.plan(&self.object, self.goal)
    }

    fn apply(&mut self, action: &Action) {
        match action {
            Action::Record { entries } => {
                for (entry, value) in entries {
                    match value {
                        Some(value) => drop(self.site.entries.insert(entry.clone(), value.clone())),
                        None => drop(self.site.entries.remove(entry)),
                    }
                }
            }
            Action::ForgetDevice { owner, .. } => self.site.left.retain(|(other, _)| other != owner),
            Action::Group(Change::Create { .. }) => {
                if self.site.group.state == State::Missing {
                    self.site.group = ObservedGroup { state: State::Settled, ours: true, empty: false };
                    self.group_moving = self.slow;
                }
                assert!(self.site.group.ours, "a write takes the tags of another's group");
            }
            Action::Group(Change::Delete { .. }) => {
                assert!(self.site.group.ours && self.is_empty(), "what is in the group would go with it");
                (self.group_moving, self.group_going) = (self.slow + 1, true);
            }
            Action::CreateHub { id, sku, units, .. } => {
                assert_eq!(self.site.entries.get(&entries::of(entries::HUB, &id.name)).map(String::as_str), Some("claimed"));
                assert!(self.is_wanted(&id.name) && self.site.group.state == State::Settled);
                assert!(self.site.hubs.get(&id.name).is_none_or(|hub| hub.maker == Maker::Us), "over another's hub");
                if !self.site.hubs.contains_key(&id.name) {
                    *self.made.entry(id.name.clone()).or_default() += 1;
                    let hub = SiteHub { sku: (sku.clone(), *units), policy: None, moving: self.slow, ..SiteHub::ours() };
                    self.site.hubs.insert(id.name.clone(), hub);
                }
            }
            Action::ChangeHub { id, size, policy, .. } => {
                let slow = self.slow;
                let hub = self.site.hub(&id.name);
                assert!(hub.maker != Maker::Another && (size.is_none() || hub.maker == Maker::Us), "the size of another's hub");
                hub.sku = size.clone().unwrap_or(hub.sku.clone());
                hub.policy = hub.policy.or(policy.as_ref().map(|_| 3));
                hub.moving = slow;
            }
            Action::RemovePolicy { id, .. } => {
                assert!(self.link(&id.name).is_none_or(|link| link.policy.as_deref() != Some(POLICY)), "the link is by that policy");
                let slow = self.slow;
                let hub = self.site.hub(&id.name);
                (hub.policy, hub.moving) = (None, slow);
            }
            Action::AssignRole { id, name, principal, instead } => {
                let stands = self.site.hub(&id.name).roles.iter().any(|role| role.name == *name && role.principal != *principal);
                assert_eq!(*instead, stands, "Azure changes no assignment");
                assert!(self.site.entries.contains_key(&entries::of(entries::ROLE, &id.name)), "nobody would find it again");
                assert!(self.is_wanted(&id.name) && Some(&**principal) == self.site.principal && *name == role_on(&id.name).name);
                let roles = &mut self.site.hub(&id.name).roles;
                roles.retain(|role| role.name != *name);
                roles.push(RoleAssignment { name: name.clone(), principal: principal.clone() });
            }
            Action::DeleteRole { id, name } => {
                assert!(self.link(&id.name).is_none_or(|link| !(link.identity && self.is_ours(link))), "the link needs it");
                assert_eq!(*name, role_on(&id.name).name, "another's role");
                self.site.hub(&id.name).roles.retain(|role| role.name != *name);
            }
            Action::DeleteHub { id } => self.delete(&id.name),
            Action::WriteLinks { add, remove } => self.write_links(add, remove),
        }
    }

    fn go_on(&mut self) -> bool {
        let mut moved = false;
        for hub in self.site.hubs.values_mut().filter(|hub| hub.moving > 0) {
            (hub.moving, moved) = (hub.moving - 1, true);
        }
        self.site.hubs.retain(|_, hub| !(hub.going && hub.moving == 0));
        if self.group_moving > 0 {
            (self.group_moving, moved) = (self.group_moving - 1, true);
        }
        if self.group_going && self.group_moving == 0 {
            self.group_going = false;
            self.site.group = ObservedGroup { state: State::Missing, ours: false, empty: false };
        }
        moved
    }
}

/// How a hub stands at the beginning: the hub, what the ledger says of it, its link, and whether the ledger knows the link's key.
type Beginning = (Option<SiteHub>, Option<&'static str>, Option<SiteLink>, bool);

fn beginnings(name: &'static str) -> impl Strategy<Value = Beginning> {
    let hub = |maker, tagged| {
        let sku = prop::sample::select(vec![("S1".to_owned(), 2_i64), ("S1".to_owned(), 1), ("S2".to_owned(), 2)]);
        (sku, prop::option::of(1..3_u8), 0..3_i64, 0..3_u8).prop_map(move |(sku, policy, devices, moving)| {
            let policy = if maker == Maker::Another { None } else { policy };
            Some(SiteHub { maker, tagged, sku, policy, devices, moving, ..SiteHub::ours() })
        })
    };
    let record = |records: &'static [Option<&'static str>]| prop::sample::select(records);
    let there = prop_oneof![
        (Just(None), record(&[None, Some("claimed"), Some("made"), Some("adopted")])),
        (hub(Maker::Us, true), record(&[None, Some("claimed"), Some("made")])),
        (hub(Maker::Us, false), record(&[Some("made")])),
        (hub(Maker::Stranger, false), record(&[None, Some("claimed"), Some("adopted")])),
        (hub(Maker::Another, true), record(&[None, Some("claimed"), Some("made")])),
    ];
    let link = prop_oneof![
        Just(None),
        Just(Some(SiteLink::ours(name))),
        Just(Some(SiteLink { weight: 7, ..SiteLink::ours(name) })),
        Just(Some(SiteLink::foreign(name))),
        Just(Some(SiteLink::by_identity(name))),
    ];
    (there, link, any::<bool>()).prop_map(|((hub, record), link, known)| (hub, record, link, known))
}

const NAMES: [&str; 4] = ["a-hub", "b-hub", "c-hub", "d-hub"];

prop_compose! {
    fn models(goal: Goal)(
        hubs in (beginnings(NAMES[0]), beginnings(NAMES[1]), beginnings(NAMES[2]), beginnings(NAMES[3])),
        wanted in 1..=4_usize,
        (desired, granted) in (prop::sample::select(&[Adoption::Never, Adoption::IfUnmanaged][..]), prop::sample::select(&[Adoption::Never, Adoption::IfUnmanaged][..])),
        (ours, there, others, keeps, recreate) in (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>()),
        links in prop_oneof![Just(0_usize), Just(46), Just(48), Just(50)],
        enrolled in prop::sample::subsequence(&NAMES[..], 0..=4),
        (slow, reports, by_identity, roles) in (0..3_u8, any::<bool>(), prop::sample::subsequence(&NAMES[..], 0..=4), prop::sample::subsequence(&NAMES[..], 0..=4)),
    ) -> Model {
        let mut object = object(&NAMES[..wanted]);
        if reports {
            object.spec.drift_policy = DriftPolicy::Report;
        }
        for hub in &mut object.spec.hubs {
            hub.adoption = desired;
            if by_identity.contains(&&*hub.name) {
                hub.link.authentication = LinkAuthentication::Identity;
            }
        }
        if keeps {
            object.spec.deletion_policy = DeletionPolicy::Retain;
        }
        if recreate {
            annotate(&mut object.metadata, RECREATE, NAMES[0]);
        }
        let mut site = Site { granted, ..Site::empty() }.with_identity();
        for (name, (hub, record, link, known)) in NAMES.into_iter().zip([hubs.0, hubs.1, hubs.2, hubs.3]) {
            let Some(hub) = hub.map(|hub| SiteHub { policy: hub.policy.or(link.as_ref().and_then(|link| link.key)), ..hub }) else {
                if let Some(record) = record { site = site.recorded(&entries::of(entries::HUB, name), record); }
                if let Some(link) = link.filter(|link| link.key.is_none() && !link.identity) { site = site.linked(link); }
                continue;
            };
            site = site.with(name, hub);
            if let Some(record) = record { site = site.recorded(&entries::of(entries::HUB, name), record); }
            if let Some(link) = link.filter(|link| link.key.is_none() || record.is_some()) {
                if known && link.key.is_some() { site = site.recorded(&entries::of(entries::LINK, name), &digest_of(&access(1))); }
                let touchable = site.hub(name).maker == Maker::Us || record == Some("adopted");
                if known && link.identity && touchable { site = site.recorded(&entries::of(entries::LINK, name), BY_IDENTITY); }
                if (known || !link.identity) && touchable && roles.contains(&name) {
                    site.hub(name).roles.push(role_on(name));
                    if !link.identity { site = site.recorded(&entries::of(entries::ROLE, name), CLAIMED); }
                }
                site = site.linked(link);
            }
        }
        let room = links.saturating_sub(site.links.len());
        site = (0..room).fold(site, |site, n| site.linked(SiteLink::foreign(&format!("other-{n}"))));
        site.enrolled = enrolled.into_iter().map(|name| (host(name), "press".to_owned())).collect();
        if !(there || others) && site.hubs.is_empty() {
            site.group = ObservedGroup { state: State::Missing, ours: false, empty: false };
        } else {
            site.group.ours = ours;
        }
        Model { object, goal, site, slow, group_moving: 0, group_going: false, others, made: BTreeMap::new() }
    }
}

/// Settles; then the enrollments let go of the hubs, and then every deletion is confirmed.
fn settle_with_answers(model: &mut Model, fates: Vec<Fate>) -> Plan<Action> {
    settle(model, fates);
    model.site.enrolled.clear();
    for name in NAMES {
        settle(model, Vec::new());
        annotate(&mut model.object.metadata, CONFIRM_DELETE, name);
        annotate(&mut model.object.metadata, RELINK, name);
    }
    settle(model, Vec::new())
}

/// A hub without what is ours to change.
fn bare(hub: &SiteHub) -> SiteHub {
    SiteHub { policy: None, roles: Vec::new(), moving: 0, ..hub.clone() }
}

fn theirs_is_untouched(before: &Model, after: &Model) -> Result<(), TestCaseError> {
    for (name, hub) in before.site.hubs.iter().filter(|(_, hub)| hub.maker != Maker::Us) {
        prop_assert_eq!(after.site.hubs.get(name).map(bare), Some(bare(hub)));
    }
    let is_stale = |link: &SiteLink| after.made.keys().any(|name| host(name) == link.host);
    let is_foreign = |link: &&SiteLink| {
        let was_there = |there: &SiteLink| there.host == link.host && !before.is_ours(there);
        before.site.links.iter().any(was_there) && !is_stale(link)
    };
    let foreign = |model: &Model| model.site.links.iter().filter(is_foreign).cloned().collect::<Vec<_>>();
    prop_assert_eq!(foreign(before), foreign(after));
    prop_assert!(after.made.values().all(|made| *made <= 1));
    Ok(())
}

/// The hub of the spec is as the spec says; gives why not, where that is right.
fn as_desired(before: &Model, after: &Model, name: &str) -> Result<Option<Reason>, TestCaseError> {
    let record = after.site.entries.get(&entries::of(entries::HUB, name)).map(String::as_str);
    let known = matches!(before.site.entries.get(&entries::of(entries::HUB, name)).map(String::as_str), Some("made" | "adopted"));
    let is_lost = known && !before.site.hubs.contains_key(name) && before.object.annotation(RECREATE) != Some(name);
    prop_assert!(!is_lost || !after.made.contains_key(name), "a hub that vanished was made unasked");
    let Some(hub) = after.site.hubs.get(name) else {
        prop_assert!(matches!(record, Some("made" | "adopted")) && after.object.annotation(RECREATE) != Some(name));
        return Ok(Some(Reason::Vanished));
    };
    let may = (after.object.spec.hubs[0].adoption, after.site.granted) == (Adoption::IfUnmanaged, Adoption::IfUnmanaged);
    let is_foreign = match hub.maker {
        Maker::Us => false,
        Maker::Another => true,
        Maker::Stranger => !may && before.site.entries.get(&entries::of(entries::HUB, name)).map(String::as_str) != Some("adopted"),
    };
    if is_foreign {
        return Ok(Some(Reason::AlreadyExists));
    }
    prop_assert_eq!(record, Some(if hub.maker == Maker::Us { "made" } else { "adopted" }));
    if hub.maker == Maker::Us {
        prop_assert_eq!(&hub.sku, &("S1".to_owned(), 2));
    }
    match after.link(name) {
        None => {
            prop_assert!(after.site.links.len() + after.object.spec.hubs.len() > MOST_LINKS);
            Ok(Some(Reason::QuotaExceeded))
        }
        Some(link) if after.is_ours(link) => {
            let desired = after.object.spec.hubs.iter().find(|hub| hub.name == name).map(|hub| hub.link.authentication);
            let by_identity = desired == Some(LinkAuthentication::Identity);
            let stale = link.identity != by_identity || link.weight != 5 || !by_identity && link.key != hub.policy;
            prop_assert_eq!(stale || !by_identity, stale || hub.policy.is_some(), "a policy that the link does not need is left");
            prop_assert!(stale || by_identity == hub.roles.contains(&role_on(name)), "{:?}", hub.roles);
            // One write carries all links, and there is no room for all.
            prop_assert!(!stale || after.site.links.len() + after.object.spec.hubs.len() > MOST_LINKS, "{:?} {:?}", link, hub);
            Ok(stale.then_some(Reason::QuotaExceeded))
        }
        Some(_) => Ok(None),
    }
}

fn ends_present(before: &Model, fates: Vec<Fate>) -> Result<(), TestCaseError> {
    let mut after = before.clone();
    let last = settle_with_answers(&mut after, fates);
    theirs_is_untouched(before, &after)?;
    let mut reasons = Vec::new();
    for name in before.object.spec.hubs.iter().map(|hub| &hub.name) {
        reasons.extend(as_desired(before, &after, name)?);
    }
    prop_assert!(reason(&last).map_or(reasons.is_empty(), |reason| reasons.contains(&reason)), "{:?} for {:?}", described(&last), reasons);
    for name in &NAMES[before.object.spec.hubs.len()..] {
        if before.site.entries.contains_key(&entries::of(entries::HUB, name)) {
            is_let_go(before, &after, name)?;
        }
    }
    Ok(())
}

/// Nothing of ours is left of a hub, but the hub itself where it is kept.
fn is_let_go(before: &Model, after: &Model, name: &str) -> Result<(), TestCaseError> {
    prop_assert!(
        !after.site.entries.contains_key(&entries::of(entries::HUB, name))
            && !after.site.entries.contains_key(&entries::of(entries::LINK, name))
    );
    prop_assert!(!after.site.entries.contains_key(&entries::of(entries::ROLE, name)));
    prop_assert!(after.link(name).is_none_or(|link| link.policy.as_deref() != Some(POLICY)));
    prop_assert!(after.site.hubs.get(name).is_none_or(|hub| hub.roles.is_empty()));
    let ours = before.site.hubs.get(name).is_some_and(|hub| hub.maker == Maker::Us);
    let kept = before.object.spec.deletion_policy == DeletionPolicy::Retain;
    let adopted = before.site.entries.get(&entries::of(entries::HUB, name)).map(String::as_str) == Some("adopted");
    if ours && kept || adopted {
        prop_assert_eq!(after.site.hubs.get(name).cloned(), before.site.hubs.get(name).map(bare));
    } else if ours {
        prop_assert!(!after.site.hubs.contains_key(name));
    }
    Ok(())
}

fn ends_absent(before: &Model, fates: Vec<Fate>) -> Result<(), TestCaseError> {
    let mut after = before.clone();
    settle_deletion(&mut after, fates, |model, asked| match asked {
        Reason::InUse => model.site.enrolled.clear(),
        _ => confirm(&mut model.object.metadata),
    });
    theirs_is_untouched(before, &after)?;
    if after.is_kept() {
        prop_assert_eq!(&after.site.entries, &before.site.entries);
        return Ok(());
    }
    prop_assert!(after.site.entries.is_empty() && after.made.is_empty());
    let known = |name: &&&str| {
        before.site.entries.contains_key(&entries::of(entries::HUB, name)) || before.object.spec.hubs.iter().any(|hub| hub.name == ***name)
    };
    for name in NAMES.iter().filter(known) {
        is_let_go(before, &after, name)?;
    }
    let gone = before.site.group.state == State::Missing || before.site.group.ours && after.is_empty();
    prop_assert_eq!(after.site.group.state == State::Missing, gone);
    Ok(())
}

proptest! {
    #[test]
    fn hubs_come_to_be_as_the_spec_says_whatever_is_lost_on_the_way(model in models(Goal::Present), fates in fates()) {
        ends_present(&model, fates)?;
    }

    #[test]
    fn hubs_go_with_everything_of_ours_and_nothing_of_others(model in models(Goal::Absent), fates in fates()) {
        ends_absent(&model, fates)?;
    }
}
