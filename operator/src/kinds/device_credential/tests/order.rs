//! A certificate that cert-manager issues.

mod shop;

use self::shop::{Shop, Temper, at, ordered, params, signer};
use super::*;
use moorage_crds::annotations;
use moorage_keys::Authority;
use moorage_plan::{Plan, Reason, Standing};
use proptest::prelude::*;
use rcgen::ExtendedKeyUsagePurpose;

use crate::{
    controller::linter::{World, fates, reason, settle},
    kinds::device_credential::{
        certificate::{
            cert_manager::{Trust, cert_manager_issuer_of, certificate_name_of, document::DesiredCertificate},
            lifetime::certificate_renewal,
        },
        plan::with_stale,
    },
};

fn days(number: i64) -> Timestamp {
    now() + SignedDuration::from_hours(24 * number)
}

/// What is done and told at each look, with cert-manager going on in between.
fn story(shop: &mut Shop) -> Vec<String> {
    let mut lines = Vec::new();
    loop {
        let plan = shop.plan();
        lines.extend(described(&plan));
        plan.actions.iter().for_each(|action| shop.apply(action));
        if !shop.go_on() && plan.actions.is_empty() {
            return lines;
        }
    }
}

#[test]
fn a_certificate_is_ordered_into_a_secret_of_its_own_and_handed_on_once_it_is_issued() {
    let (mut shop, at) = (Shop::new(), at());
    let create = "not yet, CreateSecret: The certificate is being ordered | again in 30 s";
    let order = "not yet, OrderCertificate: The certificate is being ordered | again in 30 s";
    assert_eq!(
        story(&mut shop),
        [
            &format!("CreateSecret: Create Secret {at} for cert-manager to put the certificate into"),
            create,
            &format!("OrderCertificate: Order Certificate {at} of ClusterIssuer wind"),
            order,
            &format!("UpdateSecret: Tie Secret {at} to its Certificate, with which it goes"),
            "not yet, UpdateSecret: The certificate is being ordered | again in 30 s",
            "CreateSecret: Create Secret contoso/press-7 with a certificate until 2026-05-30T12:00:00Z",
            "not yet, CreateSecret: The credential is being written",
            "met | again in 5184000 s | usable",
        ]
    );
    let written = shop.output.expect("written");
    let names: Vec<_> = written.data.keys().collect();
    assert_eq!(names, ["ca.crt", "idScope", "registrationId", "tls.crt", "tls.key"]);
    assert_eq!(written.data.expose("tls.key"), shop.reserved.expect("reserved").data.expose("tls.key"));
}

#[test]
fn cert_manager_is_asked_for_what_the_spec_says() {
    let document = Shop::new().looked().order.document(&ordered(), None);
    let name = &*at().name;
    let marks = json!({ "moorage.dev/owner-kind": "DeviceCredential", "moorage.dev/owner-name": "press-7" });
    let labels = json!({ "app.kubernetes.io/managed-by": "moorage" });
    assert_eq!(
        document,
        json!({
            "apiVersion": "cert-manager.io/v1",
            "kind": "Certificate",
            "metadata": {
                "name": name,
                "namespace": "contoso",
                "labels": labels,
                "annotations": marks,
                "ownerReferences": [{
                    "apiVersion": "moorage.dev/v1alpha1", "kind": "DeviceCredential", "name": "press-7", "controller": true,
                    "uid": crate::controller::linter::UID,
                }],
            },
            "spec": {
                "secretName": name,
                "commonName": "press-7",
                "duration": "2160h0m0s",
                "renewBefore": "734h24m0s",
                "privateKey": { "algorithm": "ECDSA", "size": 256, "encoding": "PKCS8", "rotationPolicy": "Always" },
                "usages": ["digital signature", "client auth"],
                "issuerRef": { "name": "wind", "kind": "ClusterIssuer", "group": "cert-manager.io" },
                "secretTemplate": { "labels": labels, "annotations": marks },
                "revisionHistoryLimit": 1,
            },
        })
    );
}

proptest! {
    #[test]
    fn whatever_becomes_of_its_actions_the_secret_holds_what_was_issued_and_was_written_once(fates in fates()) {
        let mut shop = Shop::new();
        let plan = settle(&mut shop, fates);
        prop_assert_eq!(&plan.standing, &Standing::Met);
        let (stored, issued) = (shop.output.as_ref().expect("written"), shop.reserved.as_ref().expect("reserved"));
        prop_assert_eq!(stored.data.expose("tls.key"), issued.data.expose("tls.key"));
        let owners: Vec<_> = issued.meta.owner_references.iter().flatten().map(|owner| owner.kind.as_str()).collect();
        prop_assert_eq!(owners, ["DeviceCredential", "Certificate"]);
        prop_assert_eq!(shop.written, 1);
    }
}

#[test]
fn without_cert_manager_nothing_is_done_and_it_is_told_what_to_do() {
    let mut shop = Shop { installed: false, ..Shop::new() };
    let told_now = "stuck, DependencyMissing: spec.certificate.issuerRef asks cert-manager for the certificate, and this cluster does not have it; install cert-manager, or leave issuerRef out to have the group's authority sign | again in 30 s";
    assert_eq!(story(&mut shop), [told_now]);
    shop.installed = true;
    assert_eq!(settle(&mut shop, Vec::new()).standing, Standing::Met);
}

#[test]
fn what_was_handed_on_stays_good_when_cert_manager_goes() {
    let shop = Shop { installed: false, ..Shop::at_rest() };
    assert_eq!((reason(&shop.plan()), shop.plan().usable), (Some(Reason::DependencyMissing), true));
}

#[test]
fn a_certificate_that_no_authority_of_the_group_vouches_for_reaches_no_device() {
    let mut shop = Shop { signer: signer("wind"), ..Shop::new() };
    let plan = settle(&mut shop, Vec::new());
    let sentence = "stuck, CertificateUnfit: the certificate that ClusterIssuer wind issued opens nothing: no authority of EnrollmentGroup platform/press vouches for it; name the authority of ClusterIssuer wind there (signingCertificates), or another issuer in spec.certificate.issuerRef | again in 30 s";
    assert_eq!(described(&plan), [sentence]);
    assert!(shop.output.is_none());

    // One that the device has stays as it is, and goes on opening the door.
    let mut shop = Shop::at_rest();
    let before = shop.output.clone();
    shop.deliver(signer("wind").sign(&shop.asked()));
    let plan = settle(&mut shop, Vec::new());
    assert_eq!((reason(&plan), plan.usable), (Some(Reason::CertificateUnfit), true));
    assert_eq!(shop.output.map(|kept| kept.meta), before.map(|kept| kept.meta));
}

#[test]
fn what_the_device_has_is_of_no_use_any_more_once_its_authority_is_taken_out_of_the_group() {
    let mut shop = Shop::at_rest();
    shop.trust = Trust::In(vec![signer("next").authority()]);
    let plan = shop.plan();
    assert_eq!((plan.actions.len(), reason(&plan), plan.usable), (0, Some(Reason::CertificateUnfit), false));
}

#[test]
fn what_opens_nothing_is_told_by_its_flaw_and_written_nowhere() {
    let mut shop = Shop::at_rest();
    let good = shop.signer.sign(&shop.asked());
    let signed = |change: fn(&mut rcgen::CertificateParams)| {
        let mut asked = params("press-7", days(1), 90);
        change(&mut asked);
        shop.signer.sign(&asked)
    };
    let with = |name: &str, text: &str| {
        let mut data = good.clone();
        data.0.insert(name.to_owned(), text.to_owned().into());
        data
    };
    let table = [
        (
            signed(|params| params.distinguished_name.push(rcgen::DnType::CommonName, "press-8")),
            Reason::CertificateUnfit,
            "common name is \"press-8\", and the device registers as press-7",
        ),
        (
            signed(|params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth]),
            Reason::CertificateUnfit,
            "it is not for clients",
        ),
        (signed(|params| params.not_after = rcgen::date_time_ymd(2026, 3, 2)), Reason::CertificateUnfit, "which is not now"),
        (signed(|params| params.not_before = rcgen::date_time_ymd(2026, 3, 4)), Reason::CertificateUnfit, "which is not now"),
        (
            signed(|params| params.not_after = rcgen::date_time_ymd(2026, 9, 1)),
            Reason::NotGranted,
            "holds until 2026-09-01T00:00:00Z, longer than EnrollmentGroup platform/press grants",
        ),
        (with("tls.key", ""), Reason::SecretMalformed, "it holds no private key in PEM"),
        (with("tls.key", good.expose("tls.crt").expect("there")), Reason::SecretMalformed, "it holds no private key in PEM"),
        (with("tls.crt", &shop.signer.pem), Reason::SecretMalformed, "its private key is not that of its certificate"),
        (with("tls.crt", "hello"), Reason::SecretMalformed, "it holds no certificate in PEM"),
    ];
    (shop.now, shop.longest) = (days(2), Some(SignedDuration::from_hours(24 * 90)));
    let before = shop.output.clone().map(|kept| kept.meta);
    for (data, expected, sentence) in table {
        shop.deliver(data);
        let plan = settle(&mut shop, Vec::new());
        let note = described(&plan).remove(0);
        assert!(reason(&plan) == Some(expected) && note.contains(sentence), "{sentence}: {note}");
        assert_eq!((shop.output.clone().map(|kept| kept.meta), plan.usable), (before.clone(), true));
    }
    shop.deliver(good);
    assert_eq!(settle(&mut shop, Vec::new()).standing, Standing::Met);
}

#[test]
fn what_was_renewed_is_handed_on_at_once_and_nothing_is_written_when_nothing_changed() {
    let mut shop = Shop::at_rest();
    shop.now = days(60);
    let write = "RenewCertificate: Write Secret contoso/press-7 with a certificate until 2026-07-29T12:00:00Z";
    assert_eq!(shop.renew(), [write, "not yet, RenewCertificate: The credential is being rewritten | usable"]);
    settle(&mut shop, Vec::new());
    assert_eq!(shop.written, 2);
    let annotations = shop.output.as_ref().and_then(|kept| kept.meta.annotations.clone()).expect("it has some");
    assert_eq!(annotations[annotations::REVISION], "2");
    for later in [61, 70, 100] {
        shop.now = days(later);
        assert!(shop.plan().actions.is_empty());
    }
}

#[test]
fn a_renewal_that_is_late_is_looked_for_and_one_that_fails_is_told_while_the_certificate_still_holds() {
    let mut shop = Shop::at_rest();
    assert_eq!(shop.plan().look_again, Some(days(60)));
    shop.now = days(61);
    assert_eq!(shop.plan().look_again, Some(days(61) + SignedDuration::from_secs(30)));
    let generation = shop.certificate.as_ref().and_then(|certificate| certificate.metadata.generation);
    shop.say(&json!([
        { "type": "Ready", "status": "True", "observedGeneration": generation },
        { "type": "Issuing", "status": "False", "observedGeneration": generation, "reason": "Failed", "message": "the vault is sealed" },
    ]));
    let plan = shop.plan();
    let note = plan.standing.why().expect("it says why").note.clone();
    assert!(plan.usable && reason(&plan) == Some(Reason::CertificateRefused), "{plan:?}");
    assert!(note.contains(": the vault is sealed; correct ClusterIssuer wind, or name another"), "{note}");
    shop.now = days(90);
    assert!(!shop.plan().usable);
}

#[test]
fn what_cert_manager_says_of_a_refusal_is_passed_on() {
    let mut shop = Shop { temper: Temper::Refuses, ..Shop::new() };
    let sentence = format!(
        "stuck, CertificateRefused: cert-manager did not issue Certificate {}: The certificate request has failed to complete and will be retried: no such issuer; correct ClusterIssuer wind, or name another in spec.certificate.issuerRef; it is tried again by itself | again in 30 s",
        at()
    );
    assert_eq!(described(&settle(&mut shop, Vec::new())), [sentence]);
}

#[test]
fn what_cert_manager_says_of_an_earlier_order_is_not_believed() {
    let mut shop = Shop::at_rest();
    shop.credential.spec.certificate = Some(read(json!({ "issuerRef": { "name": "other", "kind": "Issuer" } })));
    let change = format!("OrderCertificate: Change Certificate {}, which is ordered of Issuer other", at());
    let plan = shop.plan();
    assert_eq!(described(&plan)[0], change);
    assert!(plan.usable);
    shop.apply(&plan.actions[0]);
    let waiting = format!(
        "not yet, AwaitingCertificate: cert-manager has not issued Certificate {} yet: cert-manager has not looked at it; is its controller running? | again in 2 s | usable",
        at()
    );
    assert_eq!(described(&shop.plan()), [waiting]);
    shop.now = days(1);
    settle(&mut shop, Vec::new());
    assert_eq!(shop.written, 2);
}

#[test]
fn an_order_that_somebody_changes_is_placed_again() {
    let mut shop = Shop::at_rest();
    shop.certificate.as_mut().expect("ordered").spec["commonName"] = json!("press-8");
    assert_eq!(reason(&shop.plan()), Some(Reason::OrderCertificate));
    // A field that is not ours is.
    let mut shop = Shop::at_rest();
    shop.certificate.as_mut().expect("ordered").spec["additionalOutputFormats"] = json!([]);
    assert_eq!(shop.plan().standing, Standing::Met);
}

#[test]
fn after_a_restore_everything_belongs_to_the_object_as_it_is_now() {
    let mut shop = Shop::at_rest();
    shop.credential.metadata.uid = Some("a-new-uid".to_owned());
    assert_eq!(settle(&mut shop, Vec::new()).standing, Standing::Met);
    for meta in [&shop.output.expect("written").meta, &shop.reserved.expect("reserved").meta, &shop.certificate.expect("ordered").metadata]
    {
        assert!(meta.owner_references.iter().flatten().any(|owner| owner.uid == "a-new-uid"), "{meta:?}");
    }
}

#[test]
fn a_certificate_that_is_older_does_not_take_the_place_of_a_newer_one_that_opens_the_door() {
    let mut shop = Shop::at_rest();
    let older = shop.reserved.clone().expect("reserved").data;
    shop.now = days(60);
    shop.renew();
    settle(&mut shop, Vec::new());
    shop.deliver(older);
    assert_eq!(settle(&mut shop, Vec::new()).standing, Standing::Met);
    assert_eq!(shop.written, 2);
    // It is better than none.
    shop.output = None;
    settle(&mut shop, Vec::new());
    assert_eq!(shop.written, 3);
}

#[test]
fn what_belongs_to_somebody_else_is_left_alone() {
    type Put = fn(&mut Shop);
    let table: [(Put, Reason); 3] = [
        (|shop| shop.output = Some(Kept { meta: ObjectMeta::default(), data: SecretData::default() }), Reason::SecretNotOurs),
        (|shop| shop.reserved = Some(Kept { meta: ObjectMeta::default(), data: SecretData::default() }), Reason::SecretNotOurs),
        (|shop| shop.certificate = Some(read(json!({ "metadata": { "name": "a" } }))), Reason::AlreadyExists),
    ];
    for (put, expected) in table {
        let mut shop = Shop::new();
        put(&mut shop);
        let plan = shop.plan();
        assert_eq!((plan.actions.len(), reason(&plan)), (0, Some(expected)));
        assert!(plan.standing.why().expect("it says why").note.contains("belongs to somebody else and is left alone; delete it"));
    }
}

#[test]
fn a_content_that_somebody_changed_is_written_again() {
    let mut shop = Shop::at_rest();
    shop.output.as_mut().expect("written").data.0.insert("tls.key".to_owned(), "hello".to_owned().into());
    let plan = shop.plan();
    assert_eq!((reason(&plan), plan.usable), (Some(Reason::UpdateSecret), false));
    assert_eq!(settle(&mut shop, Vec::new()).standing, Standing::Met);
}

#[test]
fn a_secret_of_another_type_is_made_again_only_when_there_is_something_to_put_into_it() {
    let mut meta = Shop::at_rest().output.expect("written").meta;
    meta.annotations.as_mut().expect("it has some").remove(annotations::CERTIFICATE_AUTHORITY);
    let of_keys = Kept { meta, data: SecretData::default() };
    let mut shop = Shop { output: Some(of_keys), temper: Temper::Refuses, ..Shop::new() };
    settle(&mut shop, Vec::new());
    assert!(shop.output.is_some());
    shop.deliver(shop.signer.sign(&shop.asked()));
    assert_eq!(described(&shop.plan())[0], "DeleteSecret: Delete Secret contoso/press-7, whose type cannot change, to make it again");
    assert_eq!(settle(&mut shop, Vec::new()).standing, Standing::Met);
}

#[test]
fn where_only_the_provisioning_service_knows_the_authorities_one_has_to_come_with_the_certificate() {
    let mut shop = Shop { trust: Trust::Unknown, ..Shop::new() };
    assert_eq!(settle(&mut shop, Vec::new()).standing, Standing::Met);
    let mut alone = shop.signer.sign(&shop.asked());
    alone.0.remove("ca.crt");
    shop.deliver(alone);
    let plan = settle(&mut shop, Vec::new());
    assert_eq!(reason(&plan), Some(Reason::CertificateUnfit));
    assert!(described(&plan)[0].contains("no authority comes with it that vouches for it"));
}

#[test]
fn a_secret_under_a_former_name_goes_once_the_new_one_is_there() {
    let former = NamespacedName::new("contoso", "former");
    let mut shop = Shop { stale: vec![former.clone()], ..Shop::new() };
    settle(&mut shop, Vec::new());
    assert_eq!(shop.stale, Vec::<NamespacedName>::new());
    assert_eq!(shop.written, 1);
}

#[test]
fn an_order_is_taken_back_when_its_credential_asks_for_none_any_more() {
    let (mut credential, former) = (ordered(), NamespacedName::new("contoso", "former"));
    credential.spec.certificate = None;
    let actions = with_stale(&credential, Vec::new(), &[at(), former]);
    let notes: Vec<_> = actions.iter().map(moorage_plan::Act::note).collect();
    let cancel = format!("Delete Certificate {} and its Secret: cert-manager is not asked any more", at());
    assert_eq!(notes, [cancel.as_str(), "Delete Secret contoso/former, which has another name now"]);
}

#[test]
fn what_cert_manager_would_refuse_is_not_asked() {
    let refused_in = |secret: Option<&str>, id: &str, certificate: serde_json::Value| {
        let mut credential = ordered();
        credential.spec.certificate = Some(read(certificate));
        credential.spec.secret.name = secret.map(str::to_owned);
        let issuer = cert_manager_issuer_of(&credential).expect("it has one");
        let renewal = certificate_renewal(&credential, None).expect("a renewal");
        let desired = DesiredCertificate::of(&credential, issuer, &RegistrationId::parse(id).expect("an id"), renewal);
        desired.err().map(|standing| standing.why().expect("it says why").note.clone())
    };
    let refused = |id: &str, certificate: serde_json::Value| refused_in(None, id, certificate);
    let plain = || json!({ "issuerRef": { "name": "wind" } });
    let same = refused_in(Some(&at().name), "press-7", plain()).expect("cert-manager would write over it");
    assert!(same.ends_with("is the one that cert-manager fills; name another in spec.secret.name"), "{same}");
    assert_eq!(refused(&"a".repeat(64), plain()), None);
    let long = refused(&"a".repeat(65), plain()).expect("it is too long");
    assert!(long.starts_with("cert-manager issues no certificate for a name of more than 64 characters"), "{long}");
    let late = |before: &str| refused("press-7", json!({ "issuerRef": { "name": "wind" }, "duration": "1h", "renewBefore": before }));
    assert_eq!(late("6m"), None);
    assert!(late("4m").expect("it is too late").contains("at least 5m before its end"));
}

#[test]
fn names_of_orders_are_names_and_two_credentials_have_two() {
    let named = |name: &str| {
        let mut credential = ordered();
        credential.metadata.name = Some(name.to_owned());
        certificate_name_of(&credential).name
    };
    let long = format!("{}.{}", "a".repeat(235), "b".repeat(17));
    let other = format!("{}.{}", "a".repeat(235), "c".repeat(17));
    assert_ne!(named(&long), named(&other));
    assert_eq!((named(&long).len(), named("press-7").len()), (252, 24));
    assert!(named("press-7").starts_with("press-7-") && !named(&long).contains(".-"));
}
