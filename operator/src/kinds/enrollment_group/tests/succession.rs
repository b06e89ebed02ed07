//! An authority that is issued anew in place: nobody is locked out unasked.

use moorage_cloud::Signers;
use moorage_crds::annotations::DROP_AUTHORITY;
use moorage_keys::Authority;

use super::{
    x509::{FAR, authority, by_certificate, found_by, pair},
    *,
};
use crate::{
    controller::linter::annotate,
    kinds::enrollment_group::succession::beside_former,
    ledger::entries::{AUTHORITY, FORMER_AUTHORITY},
};

/// A group that names one authority, and leaves the other place free.
fn alone() -> EnrollmentGroup {
    object(&json!({ "attestation": { "x509": { "signingCertificates": { "primary": { "secretName": "new-ca" } } } } }))
}

/// A group, what is there of it, and what the ledger says: as far as authorities matter.
struct Step<'a> {
    there: &'a [&'a Authority],
    /// Primary and secondary of the spec.
    spec: (&'a Authority, Option<&'a Authority>),
    issuing: Option<&'a Authority>,
    former: Option<&'a Authority>,
}

impl Step<'_> {
    fn seen(&self) -> LiveState {
        let signers = beside_former(pair(self.spec.0, self.spec.1), self.former);
        let (issuing, former) = (self.issuing.cloned(), self.former.cloned());
        LiveState { issuing, former, ..found_by(signers, self.there) }
    }

    fn plan(&self, press: &EnrollmentGroup) -> Plan<Action> {
        plan(press, self.seen(), Goal::Present)
    }

    /// The entries that are written down.
    fn notes(&self, press: &EnrollmentGroup) -> Vec<(&'static str, Option<String>)> {
        match &self.plan(press).actions[..] {
            [Action::RecordAuthorities { notes, .. }] => notes.clone(),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn an_authority_that_is_issued_anew_in_place_takes_over_and_the_one_before_it_stays_until_it_ends() {
    let (old, new, press) = (authority("old", FAR), authority("new", FAR), alone());
    // It is in place, and that is written down.
    let known = Step { there: &[&old], spec: (&old, None), issuing: None, former: None };
    assert_eq!(known.notes(&press), [(AUTHORITY, Some(old.pem()))]);
    // The Secret holds another: first the ledger, then Azure, with both.
    let before = Step { there: &[&old], spec: (&new, None), issuing: Some(&old), former: None };
    assert!(before.plan(&press).usable, "devices of the one before go on");
    assert_eq!(before.notes(&press), [(FORMER_AUTHORITY, Some(old.pem())), (AUTHORITY, Some(new.pem()))]);
    let noted = Step { issuing: Some(&new), former: Some(&old), ..before };
    let written = noted.plan(&press);
    let [Action::Put { document, .. }] = &written.actions[..] else { panic!("{written:?}") };
    assert!(document.has_signers(&pair(&new, Some(&old))));
    let both = Step { there: &[&new, &old], ..noted };
    assert_eq!(described(&both.plan(&press)), ["met | again in 307800000 s | usable"]);
    // One that has ended opens nothing any more.
    let ended = authority("ended", (2026, 2, 1));
    let over = Step { there: &[&new, &ended], spec: (&new, None), issuing: Some(&new), former: Some(&ended) };
    assert_eq!(over.notes(&press), [(FORMER_AUTHORITY, None)]);
    let nothing_to_keep = Step { there: &[&ended], spec: (&new, None), issuing: Some(&ended), former: None };
    assert!(matches!(nothing_to_keep.plan(&press).actions[..], [Action::Put { .. }]));
}

#[test]
fn who_is_taken_out_of_the_spec_in_words_is_not_kept() {
    let (old, new, press) = (authority("old", FAR), authority("new", FAR), by_certificate(&json!({})));
    let out = Step { there: &[&new, &old], spec: (&new, None), issuing: Some(&new), former: None };
    let plan = out.plan(&press);
    let [Action::Put { document, .. }] = &plan.actions[..] else { panic!("{plan:?}") };
    assert!(document.has_signers(&pair(&new, None)));
    // A second one that is named takes the place of one that was kept.
    let third = authority("third", FAR);
    let named = Step { there: &[&new, &old], spec: (&new, Some(&third)), issuing: Some(&new), former: Some(&old) };
    assert_eq!(named.notes(&press), [(FORMER_AUTHORITY, None)]);
}

#[test]
fn a_change_that_would_lock_devices_out_asks_first() {
    let [first, second, third] = ["first", "second", "third"].map(|name| authority(name, FAR));
    // Twice anew, while devices of the first are still accepted; and anew, while the spec names another beside it.
    let twice = Step { there: &[&second, &first], spec: (&third, None), issuing: Some(&second), former: Some(&first) };
    let beside = Step { there: &[&second, &first], spec: (&third, Some(&first)), issuing: Some(&second), former: None };
    for (step, goes) in [(&twice, &first), (&beside, &second)] {
        let mut press = if step.spec.1.is_some() { by_certificate(&json!({})) } else { alone() };
        let asked = step.plan(&press);
        assert!(asked.actions.is_empty() && asked.usable, "{asked:?}");
        let note = asked.standing.why().map(|why| why.note.clone()).unwrap_or_default();
        assert!(note.contains(&format!("{DROP_AUTHORITY}={}", goes.thumbprint())), "{note}");
        annotate(&mut press.metadata, DROP_AUTHORITY, &third.thumbprint().to_string());
        assert!(step.plan(&press).actions.is_empty(), "that is another");
        annotate(&mut press.metadata, DROP_AUTHORITY, &goes.thumbprint().to_string());
        let notes = step.notes(&press);
        let kept = notes.iter().any(|note| *note == (FORMER_AUTHORITY, Some(second.pem())));
        assert_eq!((kept, notes.last()), (goes == &first, Some(&(AUTHORITY, Some(third.pem())))));
    }
}

#[test]
fn a_former_authority_whose_devices_have_followed_is_dropped_when_that_is_said() {
    let (old, new) = (authority("old", FAR), authority("new", FAR));
    let mut press = alone();
    annotate(&mut press.metadata, DROP_AUTHORITY, &old.thumbprint().to_string().to_lowercase());
    let both = Step { there: &[&new, &old], spec: (&new, None), issuing: Some(&new), former: Some(&old) };
    assert_eq!(both.notes(&press), [(FORMER_AUTHORITY, None)]);
    assert_eq!(beside_former(pair(&new, None), Some(&new)), pair(&new, None), "none stands beside itself");
    let references = Signers::References(moorage_cloud::Pair { primary: "a".to_owned(), secondary: None });
    assert_eq!(beside_former(references.clone(), Some(&old)), references);
}
