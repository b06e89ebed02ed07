//! A case: a world, and what happens in it. It prints as JSON, and is read from it again.

mod happening;

use serde::{Deserialize, Serialize};

pub use self::happening::*;

/// Namespaces of the tenants, by number. One begins with the name of the other: what is granted to one is not to the other.
pub const TENANTS: [&str; 2] = ["contoso", "contos"];
/// The platform team's namespace.
pub const PLATFORM: &str = "platform";
/// The operator's namespace.
pub const OPERATOR: &str = "moorage-system";
/// Name of the provisioning service, in the cluster and in the cloud.
pub const SERVICE: &str = "model-dps";
/// Name of the account, and of the Secret with its client secret.
pub const ACCOUNT: &str = "azure";

/// A world, and what happens in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Case {
    /// What the cloud does where nobody knows what it does.
    pub quirks: Quirks,
    /// How long the API server's watches hold each event back, in milliseconds.
    pub lag: u16,
    pub service: ServiceCase,
    pub tenants: Vec<TenantCase>,
    /// In which order objects are applied: each number picks the next of those that are left.
    pub order: Vec<u8>,
    pub steps: Vec<Step>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a doubt of its own")]
pub struct Quirks {
    pub masked_link_is_stored: bool,
    pub group_keys_are_kept: bool,
    pub policy_keys_are_kept: bool,
    pub policies_are_listed: bool,
    pub lists_begin_empty: bool,
    #[serde(default)]
    pub queries_leave_records_out: bool,
    pub reregistration: u8,
    pub second_key_is_refused: bool,
    /// What becomes of a link by identity when it is written in a version that knows of none.
    pub identity_link: u8,
    /// Seconds for which what is new is not found.
    pub read_after_create: u8,
    /// Seconds that a long operation takes.
    pub operation: u8,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a choice of its own")]
pub struct ServiceCase {
    /// It was there before.
    pub existed: bool,
    pub adopted: bool,
    pub deleted: bool,
    /// Somebody else has linked hubs and enrolled devices in it, if it was there before.
    pub foreign: bool,
    /// That hub is linked by identity.
    pub foreign_by_identity: bool,
    /// The account may not assign roles.
    pub roles_barred: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a choice of its own")]
pub struct TenantCase {
    pub granted: bool,
    /// The resource group was there before.
    pub group_existed: bool,
    pub deleted: bool,
    /// Its hubs are linked to no provisioning service.
    pub unprovisioned: bool,
    pub hubs: Vec<HubCase>,
    pub enrollment: EnrollmentCase,
    pub devices: Vec<DeviceCase>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a choice of its own")]
pub struct HubCase {
    pub units: u8,
    pub weight: u8,
    pub existed: bool,
    pub adopted: bool,
    /// Somebody else has linked it, if it was there before.
    pub linked: bool,
    /// It is to be linked by identity.
    pub by_identity: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a choice of its own")]
pub struct EnrollmentCase {
    /// It was there before, if the service was.
    pub existed: bool,
    pub adopted: bool,
    pub deleted: bool,
    pub disabled: bool,
    pub secret_named: bool,
    pub proof: Proof,
}

/// How devices prove that they belong to a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Proof {
    /// By keys that are derived from the group's.
    Keys,
    /// By certificates of authorities of the cluster, of two if so.
    Signed(bool),
    /// By certificates of authorities that the service knows, of two if so.
    Referred(bool),
}

/// How a device comes to its hub.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Way {
    /// It registers as one of its group.
    Group,
    /// It registers by an enrollment of its own.
    Alone,
    /// It is created in that hub.
    Hub(u8),
}

/// What becomes of a device when its credential is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Parting {
    Retain,
    Disenroll,
    Deprovision,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a choice of its own")]
pub struct DeviceCase {
    pub way: Way,
    /// Its id is not its name, but one of a few.
    pub id: Option<u8>,
    /// It has a name of its own in its hub, if it has an enrollment of its own.
    pub called: bool,
    /// Hours that its token for the provisioning service lasts.
    pub token: Option<u8>,
    /// Hours that its token for its hub lasts.
    pub hub_token: Option<u8>,
    pub connection_string: bool,
    /// Hours that its certificate lasts, if it has one.
    pub certificate: Option<u8>,
    pub secret_named: bool,
    pub key_renamed: bool,
    pub parting: Parting,
    /// Somebody else has enrolled it, if the service was there before; enabled or not. Or has created it, if the hub was.
    pub enrolled: Option<bool>,
    /// Somebody else has a Secret of that name.
    pub strange_secret: bool,
}

impl Case {
    /// A tenant by number.
    pub fn tenant(&self, n: u8) -> usize {
        usize::from(n) % self.tenants.len()
    }

    /// A hub of a tenant by number.
    pub fn hub(&self, tenant: usize, n: u8) -> usize {
        usize::from(n) % self.tenants[tenant].hubs.len()
    }

    /// A device of a tenant by number.
    pub fn device(&self, tenant: usize, n: u8) -> usize {
        usize::from(n) % self.tenants[tenant].devices.len()
    }

    /// Every object, in the order in which people write them down.
    pub fn objects(&self) -> Vec<Ref> {
        let number = |n: usize| u8::try_from(n).expect("few");
        let mut all = vec![Ref::Account, Ref::Service];
        for (t, tenant) in self.tenants.iter().enumerate() {
            all.extend([Ref::Hubs(number(t)), Ref::Group(number(t))]);
            all.extend((0..tenant.devices.len()).map(|d| Ref::Device(number(t), number(d))));
        }
        all
    }

    /// Kind, namespace and name of an object.
    pub fn place(&self, object: Ref) -> (&'static str, &'static str, String) {
        match object {
            Ref::Account => ("CloudAccount", PLATFORM, ACCOUNT.to_owned()),
            Ref::Service => ("ProvisioningService", PLATFORM, SERVICE.to_owned()),
            Ref::Hubs(t) => {
                let t = self.tenant(t);
                ("TenantHubGroup", TENANTS[t], format!("{}-hubs", TENANTS[t]))
            }
            Ref::Group(t) => {
                let t = self.tenant(t);
                ("EnrollmentGroup", PLATFORM, group_id(t))
            }
            Ref::Device(t, d) => {
                let t = self.tenant(t);
                ("DeviceCredential", TENANTS[t], device_name(t, self.device(t, d)))
            }
        }
    }

    /// How a device comes to its hub.
    pub fn way(&self, tenant: usize, device: usize) -> Way {
        self.tenants[tenant].devices[device].way
    }

    /// The hub in which a device is created.
    pub fn hub_of(&self, tenant: usize, device: usize) -> Option<String> {
        match self.way(tenant, device) {
            Way::Hub(n) => Some(hub_name(tenant, self.hub(tenant, n))),
            Way::Group | Way::Alone => None,
        }
    }

    /// What a device registers as.
    pub fn registration_id(&self, tenant: usize, device: usize) -> String {
        match self.tenants[tenant].devices[device].id {
            Some(n) => format!("{}-shared-{}", TENANTS[tenant], n % 3),
            None => device_name(tenant, device),
        }
    }

    /// What a device is called in its hub.
    pub fn device_id(&self, tenant: usize, device: usize) -> String {
        let DeviceCase { way, called, id, .. } = &self.tenants[tenant].devices[device];
        match (way, id) {
            (Way::Hub(_), Some(n)) => format!("Direct-{}", n % 2),
            (Way::Hub(_), None) => device_name(tenant, device),
            (Way::Alone, _) if *called => format!("{}-Called", self.registration_id(tenant, device)),
            (Way::Group | Way::Alone, _) => self.registration_id(tenant, device),
        }
    }

    /// What a device has the right to that no other may have: its registration, or its place in a hub.
    pub fn right(&self, tenant: usize, device: usize) -> (Option<String>, String) {
        match self.hub_of(tenant, device) {
            Some(hub) => (Some(hub), self.device_id(tenant, device)),
            None => (None, self.registration_id(tenant, device)),
        }
    }

    /// Whether the provisioning service is to have an identity.
    pub fn needs_identity(&self) -> bool {
        let theirs = self.service.existed && self.service.foreign && self.service.foreign_by_identity;
        theirs || self.tenants.iter().any(|tenant| !tenant.unprovisioned && tenant.hubs.iter().any(|hub| hub.by_identity))
    }
}

/// Name of a hub in the cloud.
pub fn hub_name(tenant: usize, hub: usize) -> String {
    format!("{}-hub-{hub}", TENANTS[tenant])
}

/// Name of a tenant's resource group.
pub fn resource_group(tenant: usize) -> String {
    format!("{}-rg", TENANTS[tenant])
}

/// Name of a tenant's enrollment group, in the cluster and in the cloud.
pub fn group_id(tenant: usize) -> String {
    format!("{}-devices", TENANTS[tenant])
}

/// Name of a credential.
pub fn device_name(tenant: usize, device: usize) -> String {
    format!("{}-device-{device}", TENANTS[tenant])
}

/// Region of a hub.
pub fn region(hub: usize) -> &'static str {
    ["eastus", "westus", "westeurope"][hub % 3]
}

/// Name of one of a tenant's two authorities: its Secret's, and that of its certificate in the provisioning service.
pub fn authority_name(tenant: usize, n: u8) -> String {
    format!("{}-authority-{}", TENANTS[tenant], n % 2)
}
