//! The Secret of a device that proves itself by a certificate.

use super::*;
use moorage_keys::Authority;
use moorage_plan::Reason;

use crate::kinds::device_credential::{
    certificate::{
        ObservedOutput,
        annotations::certificate_annotations,
        certificate_digest,
        lifetime::certificate_renewal,
        registration_info::RegistrationInfo,
        signed_here::{
            CertificateSource, ObservedSignedHere,
            plan::{SigningStep, plan_signed_here},
        },
    },
    plan::{Action, plan_keys},
    secret::{metadata::metadata_of, read::ObservedSecret},
};

const QUARTER: Renewal = Renewal { ttl: SignedDuration::from_hours(90 * 24), at_percent: 66 };

/// An authority that holds from the first of January to a day.
fn authority((year, month, day): (i32, u8, u8)) -> Authority {
    let mut params = rcgen::CertificateParams::default();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    (params.not_before, params.not_after) = (rcgen::date_time_ymd(2026, 1, 1), rcgen::date_time_ymd(year, month, day));
    let key = rcgen::KeyPair::generate().expect("a key");
    Authority::from_pem(&params.self_signed(&key).expect("it signs itself").pem()).expect("an authority")
}

fn source(authority: &Authority) -> CertificateSource {
    let entries = [("registrationId", "press-7"), ("idScope", "0ne00000001")].map(|(name, value)| (name.to_owned(), value.to_owned()));
    let registration_info = RegistrationInfo {
        registration_id: RegistrationId::parse("press-7").expect("an id"),
        id_scope: IdScope::parse("0ne00000001").expect("a scope"),
        entries: entries.into(),
    };
    CertificateSource { registration_info, authority: authority.clone(), issuer: NamespacedName::new("platform", "ca") }
}

fn look(source: &CertificateSource, secret: Option<ObjectMeta>) -> ObservedSignedHere {
    let secret = secret.map(|meta| ObservedSecret { meta: Arc::new(meta), intact: true });
    ObservedSignedHere { source: source.clone(), renewal: QUARTER, seen: ObservedOutput { secret, ..ObservedOutput::default() } }
}

/// The metadata of the Secret after the step that a look asks for.
fn after(credential: &DeviceCredential, looked: &ObservedSignedHere, when: Timestamp) -> ObjectMeta {
    let plan = plan_signed_here(credential, looked, when);
    let [Action::Certificate(SigningStep::Issue { at, source, life, revision, over, .. })] = &plan.actions[..] else { panic!("{plan:?}") };
    let said = certificate_annotations(&source.registration_info, source.authority.thumbprint(), *life, "a-digest", *revision);
    metadata_of(credential, at, said, over.as_deref())
}

fn days(number: i64) -> Timestamp {
    now() + SignedDuration::from_hours(24 * number)
}

const FAR: (i32, u8, u8) = (2036, 1, 1);

#[test]
fn a_certificate_is_issued_for_the_life_that_was_asked_for_and_written_into_a_new_secret() {
    let plan = plan_signed_here(&object(), &look(&source(&authority(FAR)), None), now());
    let create = "CreateSecret: Create Secret contoso/press-7 with a certificate until 2026-05-30T12:00:00Z";
    assert_eq!(described(&plan), [create, "not yet, CreateSecret: The certificate is being issued"]);
}

#[test]
fn a_certificate_is_kept_until_its_day_and_renewed_while_it_still_holds() {
    let (credential, source) = (object(), source(&authority(FAR)));
    let meta = after(&credential, &look(&source, None), now());
    let looked = || look(&source, Some(meta.clone()));
    let rest = plan_signed_here(&credential, &looked(), now());
    let due = rest.look_again.expect("it is renewed some day");
    assert!((days(50)..=days(60)).contains(&due), "{due}");
    assert!(rest.actions.is_empty() && rest.usable);
    assert!(plan_signed_here(&credential, &looked(), due - SignedDuration::from_secs(1)).actions.is_empty());
    let renewal = plan_signed_here(&credential, &looked(), due);
    assert!(
        matches!(&renewal.actions[..], [Action::Certificate(SigningStep::Issue { revision: 2, why: Reason::RenewCertificate, .. })]),
        "{renewal:?}"
    );
    assert!(renewal.usable);
    // The operator was away for too long.
    assert!(!plan_signed_here(&credential, &looked(), days(90)).usable);
}

#[test]
fn when_another_authority_takes_over_the_device_gets_a_certificate_of_it_and_can_use_the_old_one_meanwhile() {
    let (credential, old, new) = (object(), source(&authority(FAR)), source(&authority(FAR)));
    let meta = after(&credential, &look(&old, None), now());
    let plan = plan_signed_here(&credential, &look(&new, Some(meta.clone())), days(1));
    assert!(plan.usable);
    let renewed = after(&credential, &look(&new, Some(meta)), days(1));
    assert!(plan_signed_here(&credential, &look(&new, Some(renewed)), days(1)).actions.is_empty());
}

#[test]
fn a_content_that_somebody_changed_is_issued_anew() {
    let (credential, source) = (object(), source(&authority(FAR)));
    let mut looked = look(&source, Some(after(&object(), &look(&source, None), now())));
    looked.seen.secret.as_mut().expect("there").intact = false;
    let plan = plan_signed_here(&credential, &looked, days(1));
    let update = "UpdateSecret: Write revision 2 to Secret contoso/press-7 with a certificate until 2026-05-31T12:00:00Z";
    assert_eq!(described(&plan), [update, "not yet, UpdateSecret: The certificate is being issued anew"]);
}

#[test]
fn a_certificate_stays_when_only_what_is_beside_it_changes() {
    let (credential, source) = (object(), source(&authority(FAR)));
    let meta = after(&credential, &look(&source, None), now());
    let mut moved = source.clone();
    moved.registration_info.entries[1].1 = "0ne00000002".to_owned();
    let plan = plan_signed_here(&credential, &look(&moved, Some(meta)), days(1));
    let rewrite = "UpdateSecret: Write revision 2 to Secret contoso/press-7 around its certificate";
    assert_eq!(described(&plan), [rewrite, "not yet, UpdateSecret: The credential is being rewritten | usable"]);
}

#[test]
fn a_secret_is_made_again_when_the_group_knows_its_devices_otherwise_now() {
    let (credential, certified) = (object(), source(&authority(FAR)));
    let replace = "DeleteSecret: Delete Secret contoso/press-7, whose type cannot change, to make it again";
    let of_keys = written(&credential, None, now()).into_values().next().expect("written").meta;
    assert_eq!(described(&plan_signed_here(&credential, &look(&certified, Some(of_keys)), now()))[0], replace);

    let of_a_certificate = after(&credential, &look(&certified, None), now());
    let kept = Kept { meta: of_a_certificate, data: SecretData::default() };
    let secrets = Secrets::from([(NamespacedName::new("contoso", "press-7"), kept)]);
    let wanted = super::look(&credential, &super::source(), None, &secrets);
    assert_eq!(described(&plan_keys(&credential, &wanted, now()))[0], replace);
}

#[test]
fn a_certificate_ends_with_its_authority_and_is_not_renewed_in_vain() {
    let (credential, source) = (object(), source(&authority((2026, 4, 1))));
    let meta = after(&credential, &look(&source, None), now());
    let plan = plan_signed_here(&credential, &look(&source, Some(meta.clone())), days(30));
    let end: Timestamp = "2026-04-01T00:00:00Z".parse().expect("a time");
    assert_eq!((plan.actions.len(), plan.look_again), (0, Some(end)));
    let over = "stuck, CertificateExpired: the authority of Secret platform/ca has ended and signs nothing any more; renew it";
    assert_eq!(described(&plan_signed_here(&credential, &look(&source, Some(meta)), end)), [over]);
}

#[test]
fn a_secret_of_somebody_else_is_left_alone() {
    let stranger = ObjectMeta { name: Some("press-7".to_owned()), ..ObjectMeta::default() };
    let plan = plan_signed_here(&object(), &look(&source(&authority(FAR)), Some(stranger)), now());
    assert!(
        plan.actions.is_empty() && described(&plan)[0].starts_with("stuck, SecretNotOurs: Secret contoso/press-7 belongs to somebody else")
    );
}

/// What is made of the spec's certificate, and of what the group grants.
fn renewal(certificate: serde_json::Value, longest: Option<&str>) -> Result<Renewal, String> {
    let mut credential = object();
    credential.spec.certificate = Some(read(certificate));
    certificate_renewal(&credential, longest).map_err(|standing| standing.why().expect("it says why").note.clone())
}

#[test]
fn a_certificate_lives_as_long_as_its_spec_says_and_its_group_grants() {
    let days = |days: i64, at_percent| Ok(Renewal { ttl: SignedDuration::from_hours(24 * days), at_percent });
    assert_eq!(renewal(json!({}), None), days(90, 66));
    assert_eq!(renewal(json!({ "duration": "30d", "renewAtPercent": 50 }), Some("30d")), days(30, 50));
    assert_eq!(renewal(json!({ "duration": "90d", "renewBefore": "30d" }), None), days(90, 66));
    let refused = "spec.certificate.duration 31d is longer than the group grants (30d); ask for at most that";
    assert_eq!(renewal(json!({ "duration": "31d" }), Some("30d")), Err(refused.to_owned()));
    assert_eq!(renewal(json!({ "duration": "59m" }), None), Err("spec.certificate.duration is at least 1h".to_owned()));
    let never = "spec.certificate.renewBefore is more than a hundredth and less than the whole of 10d";
    for before in ["10d", "0s"] {
        assert_eq!(renewal(json!({ "duration": "10d", "renewBefore": before }), None), Err(never.to_owned()));
    }
}

#[test]
fn a_digest_shows_any_change_of_the_content() {
    let key = zeroize::Zeroizing::new("a key".to_owned());
    let content = source(&authority(FAR)).registration_info.content("a certificate", &key, "an authority");
    let names: Vec<_> = content.keys().collect();
    assert_eq!(names, ["ca.crt", "idScope", "registrationId", "tls.crt", "tls.key"]);
    let other = source(&authority(FAR)).registration_info.content("a certificate", &key, "another");
    assert_ne!(certificate_digest(&content), certificate_digest(&other));
    assert_eq!(certificate_digest(&content), certificate_digest(&content.clone()));
    assert_eq!(certificate_digest(&SecretData::default()), None);
}
