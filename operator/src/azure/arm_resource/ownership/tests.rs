//! Whose a thing is, and who may adopt it.

use moorage_plan::Standing;

use super::*;
use crate::{
    controller::linter::described,
    ledger::{Entries, entries::recorded},
};

const MARK: &str = "house/TenantHubGroup/contoso/hubs";

#[test]
fn a_thing_is_ours_by_its_tag_or_by_the_ledger_and_never_without_proof() {
    let other = Some("house/TenantHubGroup/fabrikam/hubs");
    let stranger = Whose::Theirs(Maker::Stranger);
    let managed = Whose::Theirs(Maker::Living);
    let former = Some("house/TenantHubGroup/contoso/no-more");
    let theirs = Whose::Theirs(Maker::Former);
    let table = [
        (Some(MARK), None, Whose::Ours),
        (Some(MARK), Some(CLAIMED), Whose::Ours),
        (Some(MARK), Some(MADE), Whose::Ours),
        (Some(MARK), Some(ADOPTED), Whose::Ours),
        (None, None, stranger),
        (None, Some(CLAIMED), stranger),
        (None, Some(MADE), Whose::Ours),
        (None, Some(ADOPTED), Whose::Adopted),
        (None, Some("a word of a later version"), stranger),
        (other, None, managed),
        (other, Some(CLAIMED), managed),
        (other, Some(MADE), managed),
        (other, Some(ADOPTED), Whose::Adopted),
        (former, None, theirs),
        (former, Some(MADE), theirs),
        (former, Some(ADOPTED), Whose::Adopted),
        (Some(""), Some(MADE), theirs),
        (Some("HOUSE/TenantHubGroup/contoso/hubs"), None, theirs),
    ];
    for (tag, recorded, expected) in table {
        assert_eq!(by_tag(MARK, tag, recorded, |tag| Some(tag) == other), expected, "tag {tag:?}, ledger {recorded:?}");
    }
}

#[test]
fn what_exists_is_adopted_only_as_far_as_both_its_owner_and_the_account_agree_and_never_from_an_object_that_lives() {
    use Adoption::{Always, IfUnmanaged, Never};
    use Maker::{Former, Living, OtherCluster, Stranger};
    let belongs = "IoT hub a exists and belongs to another Moorage object (see its tag moorage-owner); choose another name";
    let ask = "IoT hub a exists already; set adoption: IfUnmanaged to take it over, or choose another name";
    let ask_all = "IoT hub a exists and was made by a Moorage object that is no more, or by another installation (see its tag moorage-owner); \
                   set adoption: Always to take it over, or choose another name";
    let grant = |desired| {
        format!(
            "IoT hub a exists already and the account's grant does not let this namespace adopt it (adoption: {desired}); ask its owner"
        )
    };
    let elsewhere = "IoT hub a is managed by an installation with the same id in another cluster (see its tag moorage-cluster), and only one of the \
                     two may act; if that cluster is no more, or was moved here, start this operator with --take-over-from and the tag's value, else \
                     with an installation id of its own";
    let expected = |maker, desired, granted| match (maker, desired, granted) {
        (Living, ..) => Some(belongs.to_owned()),
        (OtherCluster, ..) => Some(elsewhere.to_owned()),
        (Stranger, Never, _) => Some(ask.to_owned()),
        (Stranger, IfUnmanaged, Never) => Some(grant("IfUnmanaged")),
        (Stranger, Always, Never) | (Former, Always, Never | IfUnmanaged) => Some(grant("Always")),
        (Former, Never | IfUnmanaged, _) => Some(ask_all.to_owned()),
        (Stranger, IfUnmanaged | Always, IfUnmanaged | Always) | (Former, Always, Always) => None,
    };
    let modes = [Never, IfUnmanaged, Always];
    for (maker, desired, granted) in [Stranger, Former, Living, OtherCluster]
        .into_iter()
        .flat_map(|maker| modes.map(|desired| modes.map(|granted| (maker, desired, granted))))
        .flatten()
    {
        let refused = refusal::<crate::controller::linter::Named>("IoT hub a", maker, desired, granted);
        let expected = expected(maker, desired, granted)
            .map(|note| vec![format!("stuck, {}: {note}", if maker == OtherCluster { "OtherCluster" } else { "AlreadyExists" })]);
        assert_eq!(refused.as_ref().map(described), expected, "made by {maker:?}, desired {desired:?}, grant {granted:?}");
        assert!(refused.is_none_or(|plan| matches!(plan.standing, Standing::Stalled(_))));
    }
}

#[test]
fn the_ledger_says_nothing_of_what_it_does_not_name() {
    let entries = Entries::from([("hub.a".to_owned(), MADE.to_owned())]);
    assert_eq!(recorded(&entries, "hub.a"), Some("made"));
    assert_eq!(recorded(&entries, "hub.A"), None);
    assert_eq!(recorded(&Entries::new(), "hub.a"), None);
}
