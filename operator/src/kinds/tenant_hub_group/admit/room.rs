//! Who has room in a grant: every hub group that asks by it, judged at once.
//!
//! Room goes by the ledger alone: the hubs that are there keep their place, and what was left behind has its. Whoever asks for more takes none by
//! asking, and gets what is left when that is written down, one object at a time ([`claims`](crate::azure::claims)).

use std::collections::{BTreeSet, HashMap};

use jiff::Timestamp;

use crate::object::ObjectKey;

/// A hub group that asks by a grant.
#[derive(Clone, Debug)]
pub(super) struct Asking<'a> {
    /// Who asks, and since when.
    pub(super) age: (Option<Timestamp>, ObjectKey),
    /// The hubs that its spec names.
    pub(super) named: &'a BTreeSet<String>,
    /// The hubs that it has there, or may have, by this grant.
    pub(super) made: BTreeSet<&'a str>,
    /// Whether a hub that it takes out makes room.
    pub(super) frees: bool,
}

/// What room there is for a hub group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Room {
    /// There is.
    Enough,
    /// There will be, when hubs that are taken out are gone.
    Later,
    /// There is none: so many of others come first, so many were left behind, and so many are its own.
    None {
        /// Of others that come first.
        first: usize,
        /// Left behind by whoever it was.
        left: usize,
        /// Its own.
        own: usize,
    },
}

/// Where a name stands in a grant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Standing {
    /// Somebody who asks for it has it there.
    there: bool,
    /// Somebody older than the one who is judged does.
    there_of_older: bool,
    /// It was left behind.
    left: bool,
}

/// What is counted of the names of a grant.
#[derive(Clone, Copy)]
enum Count {
    /// What keeps its place before one that has its own.
    FirstOfThere,
    /// The same, and what was left behind.
    FirstOfThereAndLeft,
    /// What is there: it comes before one that asks for more.
    First,
    /// The same, and what was left behind.
    FirstAndLeft,
    /// What is there, or was left behind, whoever comes first.
    ThereAndLeft,
}

impl Count {
    const ALL: [Self; 5] = [Self::FirstOfThere, Self::FirstOfThereAndLeft, Self::First, Self::FirstAndLeft, Self::ThereAndLeft];

    fn holds(self, name: Standing) -> bool {
        match self {
            Self::FirstOfThere => name.there_of_older,
            Self::FirstOfThereAndLeft => name.there_of_older || name.left,
            Self::First => name.there,
            Self::FirstAndLeft | Self::ThereAndLeft => name.there || name.left,
        }
    }
}

/// The names of a grant, and how many of each sort there are: a hub group changes only those that it names.
#[derive(Default)]
struct Tally<'a> {
    names: HashMap<&'a str, Standing>,
    counts: [usize; Count::ALL.len()],
}

impl<'a> Tally<'a> {
    fn of(&self, name: &str) -> Standing {
        self.names.get(name).copied().unwrap_or_default()
    }

    fn change(&mut self, name: &'a str, change: impl FnOnce(&mut Standing)) {
        let standing = self.names.entry(name).or_default();
        let before = *standing;
        change(standing);
        let after = *standing;
        for (count, sort) in self.counts.iter_mut().zip(Count::ALL) {
            *count = *count + usize::from(sort.holds(after)) - usize::from(sort.holds(before));
        }
    }

    /// How many names of a sort there are beside those of a hub group.
    fn beside(&self, sort: Count, group: &Asking<'_>) -> usize {
        self.counts[sort as usize] - group.named.iter().filter(|name| sort.holds(self.of(name))).count()
    }
}

/// The room of everybody who asks by a grant for `most` hubs, beside what was left behind.
pub(super) fn rooms<'a>(mut asking: Vec<Asking<'a>>, left: impl IntoIterator<Item = &'a str>, most: usize) -> HashMap<ObjectKey, Room> {
    let mut tally = Tally::default();
    asking.sort_by(|a, b| a.age.cmp(&b.age));
    left.into_iter().for_each(|name| tally.change(name, |standing| standing.left = true));
    for group in &asking {
        group
            .named
            .iter()
            .filter(|name| group.made.contains(&***name))
            .for_each(|name| tally.change(name, |standing| standing.there = true));
    }
    let mut rooms = HashMap::new();
    for group in &asking {
        rooms.insert(group.age.1.clone(), room(&tally, group, most));
        for name in group.named.iter().filter(|name| group.made.contains(&***name)) {
            tally.change(name, |standing| standing.there_of_older = true);
        }
    }
    rooms
}

fn room(tally: &Tally<'_>, group: &Asking<'_>, most: usize) -> Room {
    let own = group.named.len();
    let has_all = group.named.iter().all(|name| group.made.contains(&**name));
    // Its own hub that is to go makes room for another.
    let leaving: Vec<_> =
        group.made.iter().filter(|name| group.frees && !group.named.contains(**name)).map(|name| tally.of(name)).collect();
    let keeps = has_all || group.frees && own <= group.made.len();
    let (first, with_left) = if keeps { (Count::FirstOfThere, Count::FirstOfThereAndLeft) } else { (Count::First, Count::FirstAndLeft) };
    let first_of_others = tally.beside(first, group);
    // What was left behind keeps nobody from what it has.
    let left = if has_all {
        0
    } else {
        let freed = leaving.iter().filter(|name| with_left.holds(**name) && !first.holds(**name)).count();
        tally.beside(with_left, group) - first_of_others - freed
    };
    if first_of_others + left + own > most {
        return Room::None { first: first_of_others, left, own };
    }
    let in_the_end = if keeps { Count::ThereAndLeft } else { Count::FirstAndLeft };
    let still_there = leaving.iter().filter(|name| !in_the_end.holds(**name)).count();
    if !has_all && tally.beside(in_the_end, group) + still_there + own > most { Room::Later } else { Room::Enough }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::object::KindName;

    const NAMES: [&str; 6] = ["a", "b", "c", "d", "e", "f"];

    #[derive(Clone, Debug)]
    struct Group {
        named: BTreeSet<String>,
        made: BTreeSet<&'static str>,
        frees: bool,
    }

    fn key(n: usize) -> ObjectKey {
        ObjectKey::new(KindName::TenantHubGroup, "contoso", &format!("hubs-{n}"))
    }

    prop_compose! {
        fn groups()(
            groups in prop::collection::vec(
                (prop::sample::subsequence(&NAMES[..], 1..4), prop::sample::subsequence(&NAMES[..], 0..4), any::<bool>()),
                1..6,
            ),
        ) -> Vec<Group> {
            let group = |(named, made, frees): (Vec<&'static str>, Vec<&'static str>, bool)| {
                Group { named: named.into_iter().map(str::to_owned).collect(), made: made.into_iter().collect(), frees }
            };
            groups.into_iter().map(group).collect()
        }
    }

    /// The rule as it is told, group by group and set by set.
    fn as_told(groups: &[Group], left: &BTreeSet<&str>, most: usize, n: usize) -> Room {
        let group = &groups[n];
        let mine: BTreeSet<&str> = group.named.iter().map(String::as_str).collect();
        let has_all = mine.is_subset(&group.made);
        let leaving: BTreeSet<&str> = group.made.iter().copied().filter(|name| group.frees && !mine.contains(name)).collect();
        let my_rank = (!(has_all || group.frees && mine.len() <= group.made.len()), n);
        let (mut first, mut there) = (BTreeSet::new(), BTreeSet::new());
        for (m, other) in groups.iter().enumerate().filter(|(m, _)| *m != n) {
            for name in other.named.iter().map(String::as_str) {
                let is_there = other.made.contains(name);
                if is_there {
                    there.insert(name);
                }
                if is_there && (false, m) < my_rank {
                    first.insert(name);
                }
            }
        }
        let kept: BTreeSet<&str> = if has_all { BTreeSet::new() } else { left - &leaving };
        let beside = |names: &BTreeSet<&str>| names.difference(&mine).count();
        if beside(&(&first | &kept)) + mine.len() > most {
            return Room::None { first: beside(&first), left: beside(&(&kept - &first)), own: mine.len() };
        }
        let all = &(&first | &there) | &(left | &leaving);
        if !has_all && beside(&all) + mine.len() > most { Room::Later } else { Room::Enough }
    }

    proptest! {
        #[test]
        fn everybody_is_judged_at_once_as_each_would_be_alone(
            groups in groups(), left in prop::sample::subsequence(&NAMES[..], 0..4), most in 0..7_usize,
        ) {
            let left: BTreeSet<&str> = left.into_iter().collect();
            let asking = groups.iter().enumerate().map(|(n, group)| Asking {
                age: (Timestamp::from_second(i64::try_from(n).expect("few")).ok(), key(n)),
                named: &group.named,
                made: group.made.clone(),
                frees: group.frees,
            });
            let rooms = rooms(asking.collect(), left.iter().copied(), most);
            for n in 0..groups.len() {
                prop_assert_eq!(rooms[&key(n)], as_told(&groups, &left, most, n), "{}", n);
            }
        }

        /// Whatever is asked for: who is let in at once has room beside all that is there.
        #[test]
        fn whoever_may_make_one_more_does_not_go_beyond_the_grant(
            groups in groups(), left in prop::sample::subsequence(&NAMES[..], 0..4), most in 0..7_usize,
        ) {
            let asking = groups.iter().enumerate().map(|(n, group)| Asking {
                age: (None, key(n)), named: &group.named, made: group.made.clone(), frees: group.frees,
            });
            let rooms = rooms(asking.collect(), left.iter().copied(), most);
            for (n, group) in groups.iter().enumerate() {
                let asks_for_more = group.named.iter().any(|name| !group.made.contains(&**name));
                if asks_for_more && rooms[&key(n)] == Room::Enough {
                    let there = groups.iter().flat_map(|other| other.named.iter().filter(|name| other.made.contains(&***name)));
                    let all: BTreeSet<&str> = there.chain(&group.named).map(String::as_str).chain(left.iter().copied()).collect();
                    prop_assert!(all.len() <= most);
                }
            }
        }
    }
}
