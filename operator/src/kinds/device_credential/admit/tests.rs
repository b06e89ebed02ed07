//! What is admitted, and what each refusal says: over caches that are built by hand.

mod room;

use std::sync::Arc;

use moorage_crds::{AzureCloud, CloudAccount, ProvisioningService};
use serde_json::{Value, json};

use super::*;
use crate::{
    azure::facts::{HubFacts, ServiceFacts},
    cache::objects::Cached,
    controller::{
        kind::Kind,
        linter::{caches, note, read},
    },
    ledger::entries::{GROUP, GROUP_FACTS, MADE, SERVICE, SERVICE_FACTS},
    object::KindName,
};

/// Where the provisioning service is.
const PLACE: &str = "platform/azure/s/iot/dps";
/// The host of the one hub.
const HOST: &str = "contoso-east.azure-devices.net";
const GLOBAL: &str = "global.azure-devices-provisioning.net";

/// Caches with these objects in them.
struct Cluster(Caches);

impl Cluster {
    fn nothing() -> Self {
        Self(caches())
    }

    fn with<K: Kind + Cached>(self, object: &K) -> Self {
        self.0.objects.put(&object.key(), object.references(), Arc::new(object.clone()));
        self
    }

    /// A cluster in which everything is there that a group rests on, and in the ledger.
    fn platform() -> Self {
        let seen = Self::nothing().with(&account()).with(&service()).with(&hubs());
        let text = str::to_owned;
        let service = ServiceFacts {
            id_scope: text("0ne00000001"),
            service_host: text("dps.azure-devices-provisioning.net"),
            device_host: text(GLOBAL),
        };
        note(&seen.0, &self::service().key(), &[(SERVICE, text(MADE)), (SERVICE_FACTS, service.written(PLACE))]);
        let linked = HubFacts::written("platform/azure/s/contoso", HOST, Some("platform/dps"));
        note(&seen.0, &hubs().key(), &[("hub.east", text(MADE)), ("fact.hub.east", linked)]);
        seen.with_group(&[text(HOST)])
    }

    /// The same with a group that gives devices these hubs.
    fn with_group(self, hubs: &[String]) -> Self {
        let facts = GroupFacts::written(PLACE, hubs, Some("digest"), &[]);
        note(&self.0, &group().key(), &[(GROUP, MADE.to_owned()), (GROUP_FACTS, facts)]);
        self
    }

    /// What the ledger says of a credential.
    fn with_entry(self, owner: &str, entry: &str, value: &str) -> Self {
        note(&self.0, &ObjectKey::new(KindName::DeviceCredential, "contoso", owner), &[(entry, value.to_owned())]);
        self
    }

    fn judge(&self, credential: &DeviceCredential, goal: Goal) -> Result<Admitted, String> {
        credential.admit(&self.0, goal).map_err(|standing| {
            let why = standing.why().expect("it says why");
            format!("{}: {}", why.reason, why.note)
        })
    }

    /// The refusal of a credential that is in the caches too, as it always is.
    fn refusal(self, credential: &DeviceCredential) -> String {
        let seen = self.with(credential);
        seen.judge(credential, Goal::Present).map(|admitted| format!("{admitted:?}")).expect_err("it is refused")
    }

    fn admitted(self, credential: &DeviceCredential, goal: Goal) -> Admitted {
        self.with(credential).judge(credential, goal).expect("it is admitted")
    }
}

fn credential_of(name: &str, created: &str, spec: &Value) -> DeviceCredential {
    let metadata = json!({ "namespace": "contoso", "name": name, "uid": name, "creationTimestamp": created });
    read(json!({ "apiVersion": "moorage.dev/v1alpha1", "kind": "DeviceCredential", "metadata": metadata, "spec": spec }))
}

const EARLY: &str = "2026-01-01T00:00:00Z";
const LATE: &str = "2026-02-01T00:00:00Z";

/// A credential of the group, with more in its spec.
fn credential(more: &Value) -> DeviceCredential {
    let mut spec = json!({ "enrollmentGroupRef": { "name": "press", "namespace": "platform" } });
    spec.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    credential_of("contoso-7", LATE, &spec)
}

fn in_hub() -> DeviceCredential {
    credential_of("contoso-7", LATE, &json!({ "hubRef": { "name": "hubs", "hub": "east" }, "deletionPolicy": "Disenroll" }))
}

fn group_with(attestation: &Value, grants: &Value) -> EnrollmentGroup {
    read(json!({
        "apiVersion": "moorage.dev/v1alpha1",
        "kind": "EnrollmentGroup",
        "metadata": { "namespace": "platform", "name": "press", "uid": "a-group" },
        "spec": {
            "provisioningServiceRef": { "name": "dps" },
            "tenantHubGroupRef": { "name": "hubs", "namespace": "contoso" },
            "attestation": attestation,
            "grants": grants,
        },
    }))
}

fn keys() -> Value {
    json!({ "symmetricKey": {} })
}

fn certificates() -> Value {
    json!({ "x509": { "signingCertificates": { "primary": { "secretName": "ca" } } } })
}

fn grants() -> Value {
    json!([{ "namespaces": ["contoso"], "registrationIds": "contoso-*", "maxTokenTtl": "24h", "maxDevices": 1 }])
}

fn group() -> EnrollmentGroup {
    group_with(&keys(), &grants())
}

fn certifying() -> EnrollmentGroup {
    group_with(&certificates(), &grants())
}

fn account() -> CloudAccount {
    read(json!({
        "apiVersion": "moorage.dev/v1alpha1",
        "kind": "CloudAccount",
        "metadata": { "namespace": "platform", "name": "azure", "uid": "an-account" },
        "spec": {
            "azure": { "tenantId": "t", "subscriptionId": "S", "workloadIdentity": { "clientId": "c", "serviceAccountName": "a" } },
            "grants": [{ "namespaces": ["contoso"], "resourceGroups": ["contoso"] }],
        },
    }))
}

fn service() -> ProvisioningService {
    read(json!({
        "apiVersion": "moorage.dev/v1alpha1",
        "kind": "ProvisioningService",
        "metadata": { "namespace": "platform", "name": "dps", "uid": "a-service" },
        "spec": {
            "accountRef": { "name": "azure" }, "resourceGroup": "iot", "name": "dps", "location": "eastus",
            "grants": [{ "namespaces": ["contoso"] }],
        },
    }))
}

fn hubs() -> TenantHubGroup {
    read(json!({
        "apiVersion": "moorage.dev/v1alpha1",
        "kind": "TenantHubGroup",
        "metadata": { "namespace": "contoso", "name": "hubs", "uid": "some-hubs" },
        "spec": {
            "accountRef": { "name": "azure", "namespace": "platform" },
            "provisioningServiceRef": { "name": "dps", "namespace": "platform" },
            "resourceGroup": { "name": "contoso" },
            "hubs": [{ "name": "east", "location": "westeurope" }],
        },
    }))
}

#[test]
fn a_name_that_is_none_is_refused() {
    let refusal = Cluster::platform().with(&group()).refusal(&credential(&json!({ "registrationId": "no spaces" })));
    assert!(refusal.starts_with("Invalid: ") && refusal.ends_with("; set spec.registrationId of a new DeviceCredential"), "{refusal}");
    let mut device = in_hub();
    device.spec.device_id = Some("no spaces".to_owned());
    let refusal = Cluster::platform().with(&hubs()).refusal(&device);
    assert!(refusal.starts_with("Invalid: ") && refusal.ends_with("; set spec.deviceId of a new DeviceCredential"), "{refusal}");
}

#[test]
fn a_credential_of_neither_a_group_nor_a_hub_is_refused() {
    let neither = credential_of("contoso-7", LATE, &json!({}));
    assert_eq!(Cluster::nothing().refusal(&neither), "Invalid: give exactly one of spec.enrollmentGroupRef and spec.hubRef");
}

#[test]
fn a_group_that_is_not_there_is_waited_for() {
    let refusal = Cluster::nothing().refusal(&credential_of("contoso-7", LATE, &json!({ "enrollmentGroupRef": { "name": "press" } })));
    assert_eq!(refusal, "DependencyMissing: EnrollmentGroup contoso/press does not exist; create it, or correct spec.enrollmentGroupRef");
    let refusal = Cluster::nothing().refusal(&in_hub());
    assert!(refusal.starts_with("DependencyMissing: TenantHubGroup contoso/hubs does not exist; create it"), "{refusal}");
}

#[test]
fn a_device_that_was_not_granted_is_refused_also_when_it_goes() {
    let (seen, other) =
        (Cluster::platform().with(&group()), credential(&json!({ "registrationId": "fabrikam-7", "deletionPolicy": "Disenroll" })));
    let note =
        "NotGranted: EnrollmentGroup platform/press does not exist, or does not grant registration id fabrikam-7 to namespace contoso";
    for goal in [Goal::Present, Goal::Absent] {
        let refusal = seen.judge(&other, goal).expect_err("it is refused");
        assert!(refusal.starts_with(note), "{refusal}");
        assert_eq!(Cluster::platform().judge(&other, goal).expect_err("it is refused"), refusal, "whether the group exists is told");
    }
}

#[test]
fn a_token_is_no_shorter_than_makes_sense_and_no_longer_than_was_granted() {
    let refusal = |field: &str, ttl: &str| {
        Cluster::platform().with(&group()).refusal(&credential(&json!({ field: { "ttl": ttl, "renewAtPercent": 50 } })))
    };
    assert_eq!(refusal("dpsToken", "5m"), "Invalid: spec.dpsToken.ttl is at least 10m");
    let long = "NotGranted: spec.hubToken.ttl 48h is longer than the group grants (24h); ask for at most that";
    assert_eq!(refusal("hubToken", "48h"), long);
}

/// An older credential of the same device, in a group without limits.
fn rivals() -> (Cluster, DeviceCredential) {
    let spec = json!({ "registrationId": "contoso-7", "enrollmentGroupRef": { "name": "press", "namespace": "platform" } });
    let grants = json!([{ "namespaces": ["contoso"], "registrationIds": "contoso-*" }]);
    let older = credential_of("contoso-old", EARLY, &spec);
    (Cluster::platform().with(&group_with(&keys(), &grants)).with(&hubs()).with(&older), credential(&json!({})))
}

#[test]
fn a_registration_id_belongs_to_the_oldest() {
    let (seen, younger) = rivals();
    let taken = "AlreadyExists: registration id contoso-7 belongs to DeviceCredential contoso/contoso-old, which came first; choose another, or delete one of the two";
    assert_eq!(seen.refusal(&younger), taken);
    let (seen, mut younger) = rivals();
    younger.spec.deletion_policy = DevicePolicy::Disenroll;
    assert!(matches!(seen.admitted(&younger, Goal::Absent), Admitted::Nothing), "the device is that of the older one");
}

#[test]
fn a_device_in_a_hub_belongs_to_the_oldest() {
    let (seen, _) = rivals();
    let refusal = seen.refusal(&in_hub());
    assert!(refusal.starts_with("AlreadyExists: ") && refusal.contains("contoso/contoso-old"), "{refusal}");
}

#[test]
fn a_device_in_a_hub_belongs_to_whom_the_ledger_knows_before_the_oldest() {
    let (seen, _) = rivals();
    let seen = seen.with(&hubs()).with_entry("contoso-7", "identity.0123456789abcdef", &format!("made 1 {HOST}/devices/contoso-7"));
    assert!(matches!(seen.admitted(&in_hub(), Goal::Present), Admitted::Identity(..)));
}

#[test]
fn whoever_was_not_granted_a_device_keeps_it_from_nobody() {
    let (seen, mut older) = (Cluster::platform().with(&group()).with(&hubs()), credential(&json!({ "registrationId": "fabrikam-7" })));
    older.metadata.name = Some("older".to_owned());
    older.metadata.creation_timestamp = None;
    older.spec.individual_enrollment = Some(read(json!({ "deviceId": "contoso-7" })));
    assert!(matches!(seen.with(&older).admitted(&in_hub(), Goal::Present), Admitted::Identity(..)));
}

#[test]
fn what_does_not_go_with_the_proof_of_the_group_is_refused() {
    let of_keys = Cluster::platform().with(&group()).refusal(&credential(&json!({ "certificate": {} })));
    assert_eq!(of_keys, "Invalid: the device is known by keys, and a certificate would open nothing; take spec.certificate out");
    let of_certificates = Cluster::platform().with(&certifying()).refusal(&credential(&json!({ "connectionString": true })));
    assert!(of_certificates.starts_with("Invalid: the group knows its devices by certificates, which have no tokens"), "{of_certificates}");
}

#[test]
fn a_certificate_that_makes_no_sense_is_refused() {
    let refusal = |certificate: Value| Cluster::platform().with(&certifying()).refusal(&credential(&json!({ "certificate": certificate })));
    assert_eq!(refusal(json!({ "duration": "59m" })), "Invalid: spec.certificate.duration is at least 1h");
    let long = "NotGranted: spec.certificate.duration 90d is longer than the group grants (24h); ask for at most that";
    assert_eq!(refusal(json!({ "duration": "90d" })), long);
    let late = refusal(json!({ "duration": "1h", "renewBefore": "4m", "issuerRef": { "name": "wind" } }));
    assert!(late.contains("at least 5m before its end"), "{late}");
}

#[test]
fn a_group_whose_authorities_nobody_here_has_signs_nothing() {
    let names = json!({ "x509": { "caReferences": { "primary": "root" } } });
    let refusal = Cluster::platform().with(&group_with(&names, &json!([{ "namespaces": ["contoso"], "registrationIds": "*" }])));
    let refusal = refusal.refusal(&credential(&json!({})));
    assert!(refusal.starts_with("DependencyMissing: EnrollmentGroup platform/press refers to authorities that only"), "{refusal}");
}

#[test]
fn an_enrollment_of_its_own_that_makes_no_sense_is_refused() {
    let refusal = |own: Value| Cluster::platform().with(&group()).refusal(&credential(&json!({ "individualEnrollment": own })));
    assert!(refusal(json!({ "deviceId": "no spaces" })).starts_with("Invalid: spec.individualEnrollment.deviceId: "));
    let tag = "Invalid: spec.individualEnrollment.initialTwin.tags.moorage is the operator's own tag; take it away";
    assert_eq!(refusal(json!({ "initialTwin": { "tags": { "moorage": {} } } })), tag);
}

#[test]
fn a_group_that_is_not_ready_is_waited_for() {
    let refusal = |seen: Cluster| seen.with(&group()).refusal(&credential(&json!({})));
    let waits = |what: &str| format!("DependencyNotReady: EnrollmentGroup platform/press {what}");
    let unseen = Cluster::nothing().with(&account()).with(&service()).with(&hubs());
    assert_eq!(refusal(unseen), waits("is not in the provisioning service yet"));
    let without_hubs = Cluster::platform().with_group(&[]);
    assert_eq!(refusal(without_hubs), waits("names no hub of its tenant in the provisioning service yet"));
}

/// Whoever has the right to write statuses gains nothing by it.
#[test]
fn a_group_of_which_only_its_status_says_that_it_is_ready_is_waited_for() {
    let mut forged = group();
    forged.status = Some(read(json!({
        "observedGeneration": 1,
        "conditions": [],
        "idScope": "0ne00000001",
        "provisioningHost": "global.azure-devices-provisioning.net",
        "iotHubs": [HOST],
        "keysDigest": "digest",
    })));
    let seen = Cluster::nothing().with(&account()).with(&service()).with(&hubs()).with(&forged);
    let waits = "DependencyNotReady: EnrollmentGroup platform/press is not in the provisioning service yet";
    assert_eq!(seen.refusal(&credential(&json!({}))), waits);
}

/// What rests on something that is refused is nothing.
#[test]
fn a_group_whose_grants_were_withdrawn_upstream_gives_nothing_any_more() {
    let mut ungranted = service();
    ungranted.spec.grants.clear();
    let mut elsewhere = hubs();
    elsewhere.spec.provisioning_service_ref = Some(read(json!({ "name": "other", "namespace": "platform" })));
    let mut moved = account();
    moved.spec.azure.subscription_id = "another".to_owned();
    let table = [Cluster::platform().with(&ungranted), Cluster::platform().with(&elsewhere), Cluster::platform().with(&moved)];
    for seen in table {
        let refusal = seen.with(&group()).refusal(&credential(&json!({})));
        assert_eq!(refusal, "DependencyNotReady: EnrollmentGroup platform/press is not in the provisioning service yet");
    }
}

#[test]
fn hosts_of_another_cloud_are_nothing_to_what_the_ledger_says_of_a_service_or_a_hub() {
    let mut government = account();
    government.spec.azure.cloud = AzureCloud::Government;
    let refusal = Cluster::platform().with(&government).with(&group()).refusal(&credential(&json!({})));
    assert_eq!(refusal, "DependencyNotReady: EnrollmentGroup platform/press is not in the provisioning service yet");
    assert!(HubFacts::of(&Cluster::platform().0, &hubs()).iter().any(|hub| hub.host == HOST));
    assert_eq!(HubFacts::of(&Cluster::platform().with(&government).0, &hubs()), []);
}

#[test]
fn the_name_of_a_device_in_its_hub_is_inside_the_grant_as_its_registration_id_is() {
    let judged = |device: &str| {
        let credential = credential(&json!({ "individualEnrollment": { "deviceId": device } }));
        Cluster::platform().with(&group()).with(&credential).judge(&credential, Goal::Present)
    };
    assert!(judged("Contoso-Press").is_ok());
    let refusal = judged("fabrikam-7").expect_err("it is refused");
    let note = "NotGranted: EnrollmentGroup platform/press does not exist, or does not grant device id fabrikam-7 to namespace contoso";
    assert!(refusal.starts_with(note), "{refusal}");
}

#[test]
fn what_the_ledger_says_decides_what_is_looked_at() {
    let seen = || Cluster::platform().with(&group()).with_entry("contoso-7", "disenrolled.contoso-7", "platform/dps");
    assert!(matches!(seen().admitted(&credential(&json!({})), Goal::Present), Admitted::Reenrollment(_)));
    // Whoever is to have an enrollment of its own changes the one that is there.
    let own = credential(&json!({ "individualEnrollment": {} }));
    assert!(matches!(seen().admitted(&own, Goal::Present), Admitted::Registration(_, terms) if terms.written_for.is_none()));
    let of_another = Cluster::platform().with(&group()).with_entry("contoso-old", "enrolled.contoso-7", "platform/dps");
    let admitted = of_another.admitted(&credential(&json!({})), Goal::Present);
    assert!(matches!(admitted, Admitted::Registration(_, terms) if matches!(terms.written_for, Some((_, Meant::Enrolled)))));
}

#[test]
fn what_is_undone_is_what_was_made() {
    let cut_off = credential(&json!({ "deletionPolicy": "Disenroll" }));
    assert!(matches!(Cluster::platform().with(&group()).admitted(&cut_off, Goal::Absent), Admitted::Disenrollment(_)));
    let kept = credential(&json!({ "deletionPolicy": "Retain" }));
    assert!(matches!(Cluster::nothing().admitted(&kept, Goal::Absent), Admitted::Nothing), "not even its group has to be there");
    assert!(matches!(Cluster::platform().with(&hubs()).admitted(&in_hub(), Goal::Absent), Admitted::Nothing), "it was never claimed");
    let claimed = Cluster::platform().with(&hubs()).with_entry("contoso-7", "identity.0123456789abcdef", "claimed");
    assert!(matches!(claimed.admitted(&in_hub(), Goal::Absent), Admitted::Departure(_)));
    assert!(matches!(Cluster::platform().with(&hubs()).admitted(&in_hub(), Goal::Present), Admitted::Identity(..)));
}
