//! The objects of a case, as people write them.

use moorage_tests::stage::{CLIENT, SUBSCRIPTION, TENANT};
use serde_json::{Value, json};

use crate::case::{ACCOUNT, Case, PLATFORM, Ref, SERVICE, TENANTS, group_id, hub_name, region, resource_group};

/// Name of an entry that a device key is given.
pub const RENAMED: &str = "IOTHUB_DEVICE_KEY";

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
    json!({
        "accountRef": { "name": ACCOUNT },
        "resourceGroup": "platform-rg",
        "name": SERVICE,
        "location": "eastus",
        "adoption": adoption(case.service.adopted),
        "grants": grants,
        "deletionPolicy": policy(case.service.deleted),
    })
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
    json!({
        "accountRef": { "name": ACCOUNT, "namespace": PLATFORM },
        "provisioningServiceRef": { "name": SERVICE, "namespace": PLATFORM },
        "resourceGroup": group,
        "hubs": hubs,
        "deletionPolicy": policy(tenant.deleted),
    })
}

fn hub(case: &Case, t: usize, h: usize) -> Value {
    let hub = &case.tenants[t].hubs[h];
    json!({
        "name": hub_name(t, h),
        "location": region(h),
        "sku": { "name": "S1", "capacity": hub.units },
        "adoption": adoption(hub.adopted),
        "link": { "allocationWeight": hub.weight, "applyAllocationPolicy": false },
    })
}

fn group(case: &Case, t: usize) -> Value {
    let enrollment = &case.tenants[t].enrollment;
    let key = if enrollment.secret_named { json!({ "secretName": format!("{}-named-keys", TENANTS[t]) }) } else { json!({}) };
    json!({
        "provisioningServiceRef": { "name": SERVICE, "namespace": PLATFORM },
        "tenantHubGroupRef": { "name": format!("{}-hubs", TENANTS[t]), "namespace": TENANTS[t] },
        "attestation": { "symmetricKey": key },
        "allocationPolicy": "GeoLatency",
        "provisioningStatus": if enrollment.disabled { "Disabled" } else { "Enabled" },
        "adoption": adoption(enrollment.adopted),
        "grants": grants_of_group(t),
        "deletionPolicy": policy(enrollment.deleted),
    })
}

/// What lets a tenant hold credentials: of its own ids, and of a few that tenants dispute.
pub fn grants_of_group(tenant: usize) -> Value {
    let of = |ids: &str| json!({ "namespaces": [TENANTS[tenant]], "registrationIds": ids, "maxTokenTtl": "400h" });
    json!([of(&format!("{}-*", TENANTS[tenant])), of("shared-*")])
}

fn device(case: &Case, t: usize, d: usize) -> Value {
    let device = &case.tenants[t].devices[d];
    let (_, namespace, _) = case.place(Ref::Group(u8::try_from(t).expect("few")));
    let mut spec = json!({
        "enrollmentGroupRef": { "name": group_id(t), "namespace": namespace },
        "deletionPolicy": if device.disenrolled { "Disenroll" } else { "Retain" },
        "secret": {},
    });
    if device.id.is_some() {
        spec["registrationId"] = case.registration_id(t, d).into();
    }
    if let Some(hours) = device.token {
        spec["dpsToken"] = token(hours);
    }
    if device.secret_named {
        spec["secret"]["name"] =
            secret_name(&case.place(Ref::Device(u8::try_from(t).expect("few"), u8::try_from(d).expect("few"))).2).into();
    }
    if device.key_renamed {
        spec["secret"]["keys"] = json!({ "deviceKey": RENAMED });
    }
    spec
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
