//! The objects of a case, as people write them.

use moorage_tests::harness::{CLIENT, SUBSCRIPTION, TENANT};
use serde_json::{Value, json};

use crate::case::{
    ACCOUNT, Case, PLATFORM, Parting, Proof, Ref, SERVICE, TENANTS, Way, authority_name, group_id, hub_name, region, resource_group,
};

/// Name of an entry that a device key is given.
pub const RENAMED: &str = "IOTHUB_DEVICE_KEY";

/// Where the service has an identity from.
pub const IDENTITY: &str = "SystemAssigned";

/// An object as it is applied.
pub fn written(case: &Case, object: Ref) -> Value {
    let (kind, namespace, name) = case.place(object);
    let spec = match object {
        Ref::Account => account(case),
        Ref::Service => service(case),
        Ref::Hubs(t) => hubs(case, case.tenant(t)),
        Ref::Group(t) => group(case, case.tenant(t)),
        Ref::Device(t, d) => {
            let t = case.tenant(t);
            device(case, t, case.device(t, d))
        }
    };
    json!({
        "apiVersion": "moorage.dev/v1alpha1",
        "kind": kind,
        "metadata": { "namespace": namespace, "name": name },
        "spec": spec,
    })
}

fn account(case: &Case) -> Value {
    let grants: Vec<_> = (0..case.tenants.len()).filter(|t| case.tenants[*t].granted).map(grant_of_account).collect();
    json!({
        "azure": {
            "tenantId": TENANT,
            "subscriptionId": SUBSCRIPTION,
            "clientSecret": { "clientId": CLIENT, "secretRef": { "name": ACCOUNT, "key": "clientSecret" } },
        },
        "grants": grants,
    })
}

/// What lets a tenant reach its resource group.
pub fn grant_of_account(tenant: usize) -> Value {
    json!({ "namespaces": [TENANTS[tenant]], "resourceGroups": [format!("{}-*", TENANTS[tenant])], "adoption": "IfUnmanaged" })
}

fn service(case: &Case) -> Value {
    let grants: Vec<_> = (0..case.tenants.len()).filter(|t| case.tenants[*t].granted).map(grant_of_service).collect();
    let mut spec = json!({
        "accountRef": { "name": ACCOUNT },
        "resourceGroup": "platform-rg",
        "name": SERVICE,
        "location": "eastus",
        "adoption": adoption(case.service.adopted),
        "grants": grants,
        "deletionPolicy": policy(case.service.deleted),
    });
    if case.needs_identity() {
        spec["identity"] = IDENTITY.into();
    }
    spec
}

/// What lets a tenant link hubs.
pub fn grant_of_service(tenant: usize) -> Value {
    json!({ "namespaces": [TENANTS[tenant]] })
}

fn hubs(case: &Case, t: usize) -> Value {
    let tenant = &case.tenants[t];
    let mut group = json!({ "name": resource_group(t) });
    if !tenant.group_existed {
        group["location"] = "eastus".into();
    }
    let hubs: Vec<_> = (0..tenant.hubs.len()).map(|h| hub(case, t, h)).collect();
    let mut spec = json!({
        "accountRef": { "name": ACCOUNT, "namespace": PLATFORM },
        "resourceGroup": group,
        "hubs": hubs,
        "deletionPolicy": policy(tenant.deleted),
    });
    if !tenant.unprovisioned {
        spec["provisioningServiceRef"] = json!({ "name": SERVICE, "namespace": PLATFORM });
    }
    spec
}

fn hub(case: &Case, t: usize, h: usize) -> Value {
    let hub = &case.tenants[t].hubs[h];
    json!({
        "name": hub_name(t, h),
        "location": region(h),
        "sku": { "name": "S1", "capacity": hub.units },
        "adoption": adoption(hub.adopted),
        "link": { "allocationWeight": hub.weight, "applyAllocationPolicy": false, "authentication": authentication(hub.by_identity) },
    })
}

/// How a service proves to a hub who it is.
pub fn authentication(by_identity: bool) -> &'static str {
    if by_identity { "Identity" } else { "Key" }
}

fn group(case: &Case, t: usize) -> Value {
    let enrollment = &case.tenants[t].enrollment;
    let key = if enrollment.secret_named { json!({ "secretName": format!("{}-named-keys", TENANTS[t]) }) } else { json!({}) };
    let second = |two: bool| two.then_some(1);
    let attestation = match enrollment.proof {
        Proof::Keys => json!({ "symmetricKey": key }),
        Proof::Signed(two) => json!({ "x509": signed(t, 0, second(two)) }),
        Proof::Referred(two) => json!({ "x509": referred(t, 0, second(two)) }),
    };
    json!({
        "provisioningServiceRef": { "name": SERVICE },
        "tenantHubGroupRef": { "name": format!("{}-hubs", TENANTS[t]), "namespace": TENANTS[t] },
        "attestation": attestation,
        "allocationPolicy": "GeoLatency",
        "provisioningStatus": if enrollment.disabled { "Disabled" } else { "Enabled" },
        "adoption": adoption(enrollment.adopted),
        "grants": grants_of_group(t),
        "deletionPolicy": policy(enrollment.deleted),
    })
}

/// A group whose devices are signed for by authorities of the cluster.
pub fn signed(tenant: usize, primary: u8, secondary: Option<u8>) -> Value {
    let named = |n: u8| json!({ "secretName": authority_name(tenant, n) });
    json!({ "signingCertificates": { "primary": named(primary), "secondary": secondary.map(named) } })
}

/// A group whose devices are signed for by authorities of the service.
pub fn referred(tenant: usize, primary: u8, secondary: Option<u8>) -> Value {
    let named = |n: u8| authority_name(tenant, n);
    json!({ "caReferences": { "primary": named(primary), "secondary": secondary.map(named) } })
}

/// What lets a tenant hold credentials: of its own ids.
pub fn grants_of_group(tenant: usize) -> Value {
    let of = |ids: &str| json!({ "namespaces": [TENANTS[tenant]], "registrationIds": ids, "maxTokenTtl": "2400h" });
    json!([of(&format!("{}-*", TENANTS[tenant]))])
}

fn device(case: &Case, t: usize, d: usize) -> Value {
    let device = &case.tenants[t].devices[d];
    let number = |n: usize| u8::try_from(n).expect("few");
    let mut spec = json!({ "deletionPolicy": parting(device.parting), "secret": {} });
    match case.hub_of(t, d) {
        Some(hub) => {
            spec["hubRef"] = json!({ "name": format!("{}-hubs", TENANTS[t]), "hub": hub });
            if device.id.is_some() {
                spec["deviceId"] = case.device_id(t, d).into();
            }
        }
        None => registering(case, t, d, &mut spec),
    }
    let has_keys = has_keys(case, t, d);
    if has_keys && device.connection_string {
        spec["connectionString"] = true.into();
    }
    if let Some(hours) = device.hub_token.filter(|_| has_keys) {
        spec["hubToken"] = token(hours);
    }
    if device.secret_named {
        spec["secret"]["name"] = secret_name(&case.place(Ref::Device(number(t), number(d))).2).into();
    }
    if device.key_renamed {
        spec["secret"]["keys"] = json!({ "deviceKey": RENAMED });
    }
    spec
}

/// What is asked for a device that registers.
fn registering(case: &Case, t: usize, d: usize, spec: &mut Value) {
    let device = &case.tenants[t].devices[d];
    let (_, namespace, _) = case.place(Ref::Group(u8::try_from(t).expect("few")));
    spec["enrollmentGroupRef"] = json!({ "name": group_id(t), "namespace": namespace });
    if device.id.is_some() {
        spec["registrationId"] = case.registration_id(t, d).into();
    }
    if device.way == Way::Alone {
        spec["individualEnrollment"] = alone(case, t, d);
    }
    match (has_keys(case, t, d), device.token, device.certificate) {
        (true, Some(hours), _) => spec["dpsToken"] = token(hours),
        (false, _, Some(hours)) => spec["certificate"] = certificate(hours),
        _ => {}
    }
}

/// An enrollment of a device's own.
pub fn alone(case: &Case, t: usize, d: usize) -> Value {
    let called = case.tenants[t].devices[d].called && case.way(t, d) == Way::Alone;
    if called { json!({ "deviceId": case.device_id(t, d) }) } else { json!({}) }
}

/// Whether a device proves itself by keys.
pub fn has_keys(case: &Case, t: usize, d: usize) -> bool {
    case.way(t, d) != Way::Group || case.tenants[t].enrollment.proof == Proof::Keys
}

/// A wish for a certificate.
pub fn certificate(hours: u8) -> Value {
    json!({ "duration": format!("{hours}h"), "renewAtPercent": 66 })
}

/// What becomes of a device.
pub fn parting(parting: Parting) -> &'static str {
    match parting {
        Parting::Retain => "Retain",
        Parting::Disenroll => "Disenroll",
        Parting::Deprovision => "Deprovision",
    }
}

/// The other name of a device's Secret.
pub fn secret_name(device: &str) -> String {
    format!("{device}-credential")
}

/// A wish for a token.
pub fn token(hours: u8) -> Value {
    json!({ "ttl": format!("{hours}h"), "renewAtPercent": 66 })
}

fn adoption(adopted: bool) -> &'static str {
    if adopted { "IfUnmanaged" } else { "Never" }
}

/// What becomes of the cloud's side.
pub fn policy(deleted: bool) -> &'static str {
    if deleted { "Delete" } else { "Retain" }
}
