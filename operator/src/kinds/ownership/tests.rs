use moorage_plan::Standing;

use super::*;
use crate::kinds::tests::told;

const MARK: &str = "house/TenantHubGroup/contoso/hubs";

#[test]
fn a_thing_is_ours_by_its_tag_or_by_the_ledger_and_never_without_proof() {
    let other = Some("house/TenantHubGroup/fabrikam/hubs");
    let stranger = Whose::Theirs { managed: false };
    let managed = Whose::Theirs { managed: true };
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
        (Some(""), Some(MADE), managed),
        (Some("HOUSE/TenantHubGroup/contoso/hubs"), None, managed),
    ];
    for (tag, recorded, expected) in table {
        assert_eq!(by_tag(MARK, tag, recorded), expected, "tag {tag:?}, ledger {recorded:?}");
    }
}

#[test]
fn what_exists_is_adopted_only_if_nobody_manages_it_and_both_the_owner_and_the_account_agree() {
    use Adoption::{IfUnmanaged, Never};
    let belongs = "IoT hub a exists and belongs to another Moorage object (see its tag moorage-owner); choose another name";
    let ask = "IoT hub a exists already; set adoption: IfUnmanaged to take it over, or choose another name";
    let grant = "IoT hub a exists already and the account's grant does not let this namespace adopt; ask its owner";
    let table = [
        (false, IfUnmanaged, IfUnmanaged, None),
        (false, IfUnmanaged, Never, Some(grant)),
        (false, Never, IfUnmanaged, Some(ask)),
        (false, Never, Never, Some(ask)),
        (true, IfUnmanaged, IfUnmanaged, Some(belongs)),
        (true, IfUnmanaged, Never, Some(belongs)),
        (true, Never, IfUnmanaged, Some(belongs)),
        (true, Never, Never, Some(belongs)),
    ];
    for (managed, wish, granted, expected) in table {
        let refused = refusal::<crate::kinds::provisioning_service::Action>("IoT hub a", managed, wish, granted);
        let expected = expected.map(|note| vec![format!("stuck, AlreadyExists: {note}")]);
        assert_eq!(refused.as_ref().map(told), expected, "managed {managed}, wish {wish:?}, grant {granted:?}");
        assert!(refused.is_none_or(|plan| matches!(plan.standing, Standing::Stuck(_))));
    }
}

#[test]
fn the_ledger_says_nothing_of_what_it_does_not_name() {
    let entries = Entries::from([("hub.a".to_owned(), MADE.to_owned())]);
    assert_eq!(recorded(&entries, "hub.a"), Some("made"));
    assert_eq!(recorded(&entries, "hub.A"), None);
    assert_eq!(recorded(&Entries::new(), "hub.a"), None);
}
