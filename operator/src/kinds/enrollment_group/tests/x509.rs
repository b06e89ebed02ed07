//! A group that knows its devices by certificates.

use moorage_cloud::{Attestation, IfMatch, Pair, Signers};
use moorage_crds::Slot;
use moorage_keys::Authority;

use super::*;

/// An authority that holds from the first of January to a day.
pub fn authority(name: &str, (year, month, day): (i32, u8, u8)) -> Authority {
    let mut params = rcgen::CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    (params.not_before, params.not_after) = (rcgen::date_time_ymd(2026, 1, 1), rcgen::date_time_ymd(year, month, day));
    let key = rcgen::KeyPair::generate().expect("a key");
    Authority::from_pem(&params.self_signed(&key).expect("it signs itself").pem()).expect("an authority")
}

/// Ten years: nothing is told of its end for a long time.
pub const FAR: (i32, u8, u8) = (2036, 1, 1);

pub fn pair(primary: &Authority, secondary: Option<&Authority>) -> Signers {
    Signers::Certificates(Pair { primary: primary.clone(), secondary: secondary.cloned() })
}

pub fn by_certificate(spec: &Value) -> EnrollmentGroup {
    let secrets = json!({ "primary": { "secretName": "new-ca" }, "secondary": { "secretName": "old-ca" } });
    let mut whole = json!({ "attestation": { "x509": { "signingCertificates": secrets } } });
    for (field, value) in spec.as_object().into_iter().flatten() {
        whole[field] = value.clone();
    }
    object(&whole)
}

/// A group as DPS writes it: with what it read in the certificates, and without them.
fn with_signers(signers: &[&Authority]) -> Document {
    document(|whole| {
        let slot = |authority: &&Authority| json!({ "info": { "sha256Thumbprint": authority.thumbprint().to_string().to_lowercase() } });
        let slots: serde_json::Map<_, _> = ["primary", "secondary"].map(str::to_owned).into_iter().zip(signers.iter().map(slot)).collect();
        whole["attestation"] = json!({ "type": "x509", "x509": { "signingCertificates": slots } });
    })
}

fn look_by(signers: Signers) -> LiveState {
    LiveState { stored: None, signers: Some(signers), others: None, ..look() }
}

pub fn found_by(signers: Signers, there: &[&Authority]) -> LiveState {
    let issuing = match &signers {
        Signers::Certificates(pair) => Some(pair.primary.clone()),
        Signers::References(_) => None,
    };
    LiveState { group: Some(with_signers(there)), record: Some("made".to_owned()), issuing, ..look_by(signers) }
}

#[test]
fn s0_4_a_group_of_certificates_is_made_once_its_claim_is_written_down() {
    let (ca, press) = (authority("new", FAR), by_certificate(&json!({})));
    let creating = "not yet, CreateEnrollmentGroup: Enrollment group press is being created | again in 307800000 s";
    let claim = "RecordClaim: Write down that the group is claimed";
    assert_eq!(present(&press, look_by(pair(&ca, None))), [claim, creating]);
    let plan = plan(&press, LiveState { record: Some("claimed".to_owned()), ..look_by(pair(&ca, None)) }, Goal::Present);
    let [Action::Put { document, condition: IfMatch::Unset, .. }] = &plan.actions[..] else { panic!("{plan:?}") };
    assert_eq!((document.attestation(), document.keys()), (Some(Attestation::X509), None));
    assert!(document.has_signers(&pair(&ca, None)) && !document.has_signers(&pair(&ca, Some(&ca))));
    assert_eq!(document.hubs(), [EAST, WEST]);
}

#[test]
fn a_group_that_has_vanished_is_made_again_because_its_authority_is_still_there() {
    let (ca, press) = (authority("new", FAR), by_certificate(&json!({})));
    let plan = plan(&press, LiveState { record: Some("made".to_owned()), ..look_by(pair(&ca, None)) }, Goal::Present);
    assert!(matches!(&plan.actions[..], [Action::Put { condition: IfMatch::Unset, .. }]), "{plan:?}");
}

#[test]
fn while_an_authority_takes_over_from_another_devices_of_both_are_accepted() {
    let (old, new, press) = (authority("old", FAR), authority("new", FAR), by_certificate(&json!({})));
    // What is there, what is wanted, and whether devices of the primary one can register meanwhile.
    let table: [(&[&Authority], Signers, bool); 4] = [
        (&[&old], pair(&old, Some(&new)), true),
        (&[&old, &new], pair(&new, Some(&old)), true),
        (&[&new, &old], pair(&new, None), true),
        (&[&old], pair(&new, Some(&old)), false),
    ];
    for (there, wanted, usable) in table {
        let plan = plan(&press, found_by(wanted.clone(), there), Goal::Present);
        let [Action::Put { document, fields, condition, .. }] = &plan.actions[..] else { panic!("{plan:?}") };
        assert_eq!((&fields[..], condition, plan.usable), (&["x509"][..], &IfMatch::Etag("\"AAAB\"".to_owned()), usable));
        assert!(document.has_signers(&wanted));
        assert_eq!(document.initial_tags().and_then(|tags| tags.get("line")), Some(&json!(7)), "what is not in the spec stays");
    }
    let rest = found_by(pair(&new, Some(&old)), &[&new, &old]);
    assert_eq!(present(&press, rest), ["met | again in 307800000 s | usable"]);
}

#[test]
fn the_authorities_that_azure_accepts_are_told_and_no_others() {
    let (old, new) = (authority("old", FAR), authority("new", FAR));
    let described = authorities::status(&with_signers(&[&old]), &pair(&new, Some(&old)), true);
    let [one] = &described[..] else { panic!("{described:?}") };
    assert_eq!((one.slot, one.subject.as_deref(), one.not_after), (Slot::Secondary, Some("CN=old"), Some(old.not_after())));
    assert_eq!(one.thumbprint, Some(old.thumbprint().to_string()));
}

#[test]
fn the_end_of_an_authority_is_told_in_time_and_then_nothing_is_written() {
    let press = by_certificate(&json!({ "provisioningStatus": "Disabled" }));
    let ends = authority("new", (2026, 3, 5));
    let soon = "stuck, CertificateExpiring: the authority CN=new of Secret platform/new-ca ends on 2026-03-05, and devices that it signed cannot \
                register from then on; let another take over (spec.attestation.x509.signingCertificates) | again in 302400 s | usable";
    let as_wanted = || LiveState { group: Some(with_signers(&[&ends])), ..found_by(pair(&ends, None), &[]) };
    assert_eq!(present(&by_certificate(&json!({})), as_wanted()), [soon]);

    let ended = authority("new", (2026, 3, 1));
    let over = "stuck, CertificateExpired: the authority CN=new of Secret platform/new-ca ended on 2026-03-01 \
                (spec.attestation.x509.signingCertificates.primary); renew it, or name the Secret of another";
    assert_eq!(present(&press, look_by(pair(&ended, None))), [over]);
    assert_eq!(present(&press, found_by(pair(&ended, None), &[&ended])), [over]);

    let lives = authority("other", FAR);
    let second = "stuck, CertificateExpired: the authority CN=new of Secret platform/old-ca ended on 2026-03-01 \
                  (spec.attestation.x509.signingCertificates.secondary); take it out of there | again in 307800000 s | usable";
    assert_eq!(present(&press, found_by(pair(&lives, Some(&ended)), &[&lives, &ended])), [second]);
}

#[test]
fn the_end_is_told_in_the_last_tenth_of_a_life_and_at_most_thirty_days_before() {
    let press = by_certificate(&json!({}));
    let next = |ends| authorities::ending(&press, &pair(&authority("new", ends), None), now()).next.map(|when| when.to_string());
    // 100 days, of which 10 are left; ten years, of which 30 days are.
    assert_eq!(next((2026, 4, 11)).as_deref(), Some("2026-04-01T00:00:00Z"));
    assert_eq!(next(FAR).as_deref(), Some("2035-12-02T00:00:00Z"));
}

#[test]
fn a_group_of_keys_is_nothing_for_a_spec_of_certificates() {
    let (ca, press) = (authority("new", FAR), by_certificate(&json!({ "adoption": "IfUnmanaged" })));
    let other = LiveState { group: Some(document(|_| ())), record: Some("adopted".to_owned()), ..look_by(pair(&ca, None)) };
    let refused = "stuck, AlreadyExists: enrollment group press does not know its devices by certificates; choose another enrollmentGroupId \
                   | again in 307800000 s";
    assert_eq!(present(&press, other), [refused]);
}

#[test]
fn a_group_of_others_is_adopted_or_refused_and_ours_is_known_by_its_signers() {
    let (ca, press) = (authority("new", FAR), by_certificate(&json!({})));
    let claimed = |there: &[&Authority]| LiveState { record: Some("claimed".to_owned()), ..found_by(pair(&ca, None), there) };
    let made = "RecordClaim: Write down that the group is made";
    assert_eq!(present(&press, claimed(&[&ca]))[0], made);
    let refused = "stuck, AlreadyExists: enrollment group press exists already; set adoption: IfUnmanaged to take it over and have it accept \
                   these authorities only, or choose another enrollmentGroupId | again in 307800000 s";
    assert_eq!(present(&press, claimed(&[&authority("new", FAR)])), [refused]);
    let taken = "RecordClaim: Write down that the group is adopted";
    let adopts = by_certificate(&json!({ "adoption": "IfUnmanaged" }));
    assert_eq!(present(&adopts, LiveState { record: None, ..claimed(&[&ca]) })[0], taken);
}

#[test]
fn other_signers_are_drift_that_a_report_leaves_as_it_is() {
    let (ca, other) = (authority("new", FAR), authority("other", FAR));
    let press = by_certificate(&json!({ "driftPolicy": "Report" }));
    let wanted = pair(&ca, None);
    let recorded = plan(&press, found_by(wanted.clone(), &[&ca]), Goal::Present);
    let [Action::RecordApplied { state }] = &recorded.actions[..] else { panic!("{recorded:?}") };
    let drifted = LiveState { applied: Some(state.clone()), ..found_by(wanted, &[&other]) };
    assert_eq!(plan::reported(&press, &drifted), ["x509"]);
    assert!(plan(&press, drifted, Goal::Present).drift.is_some());
    // Another authority in the spec is a change of the spec.
    let changed = LiveState { applied: Some(state.clone()), ..found_by(pair(&other, None), &[&ca]) };
    assert!(matches!(&plan(&press, changed, Goal::Present).actions[..], [Action::Put { .. }]));
}

#[test]
fn authorities_that_the_service_knows_are_named() {
    let press = object(&json!({ "attestation": { "x509": { "caReferences": { "primary": "contoso-ca" } } } }));
    let wanted = || Signers::References(Pair { primary: "contoso-ca".to_owned(), secondary: None });
    let there = |names: Value| document(|whole| whole["attestation"] = json!({ "type": "x509", "x509": { "caReferences": names } }));
    let seen = |names| LiveState { group: Some(there(names)), record: Some("made".to_owned()), ..look_by(wanted()) };
    assert_eq!(present(&press, seen(json!({ "primary": "contoso-ca" }))), ["met | usable"]);
    for names in [json!({ "primary": "other" }), json!({ "primary": "contoso-ca", "secondary": "other" })] {
        let plan = plan(&press, seen(names), Goal::Present);
        assert!(matches!(&plan.actions[..], [Action::Put { document, .. }] if document.has_signers(&wanted())), "{plan:?}");
    }
    let described = authorities::status(&there(json!({ "primary": "contoso-ca" })), &wanted(), false);
    assert_eq!(described.iter().map(|one| one.reference.as_deref()).collect::<Vec<_>>(), [Some("contoso-ca")]);
}

#[test]
fn a_group_of_certificates_goes_without_a_secret_of_keys() {
    let (ca, press) = (authority("new", FAR), by_certificate(&json!({})));
    let described = absent(&press, LiveState { hubs: None, ..found_by(pair(&ca, None), &[&ca]) });
    assert_eq!(described[0], "DeleteEnrollmentGroup: Delete enrollment group press");
    let claimed = || LiveState { hubs: None, record: Some("claimed".to_owned()), ..found_by(pair(&ca, None), &[&ca]) };
    assert_eq!(absent(&press, claimed())[0], "DeleteEnrollmentGroup: Delete enrollment group press");
    let strangers = LiveState { group: Some(with_signers(&[&authority("new", FAR)])), ..claimed() };
    assert_eq!(absent(&press, strangers)[0], "DropClaim: Strike the group from the ledger");
}
