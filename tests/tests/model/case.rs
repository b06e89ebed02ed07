//! A case: a world, and what happens in it. It prints as JSON, and is read from it again.

use moorage_tests::apiserver::Trouble;
use serde::{Deserialize, Serialize};

/// Namespaces of the tenants, by number.
pub const TENANTS: [&str; 2] = ["contoso", "fabrikam"];
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
    pub reregistration: u8,
    pub second_key_is_refused: bool,
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
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TenantCase {
    pub granted: bool,
    /// The resource group was there before.
    pub group_existed: bool,
    pub deleted: bool,
    pub hubs: Vec<HubCase>,
    pub enrollment: EnrollmentCase,
    pub devices: Vec<DeviceCase>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HubCase {
    pub units: u8,
    pub weight: u8,
    pub existed: bool,
    pub adopted: bool,
    /// Somebody else has linked it, if it was there before.
    pub linked: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a choice of its own")]
pub struct EnrollmentCase {
    /// It was there before, if the service was.
    pub existed: bool,
    pub adopted: bool,
    pub deleted: bool,
    pub disabled: bool,
    /// It lives in the tenant's namespace, not in the platform's.
    pub at_home: bool,
    pub secret_named: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a choice of its own")]
pub struct DeviceCase {
    /// Its registration id is not its name, but one of a few.
    pub id: Option<u8>,
    /// Hours that its token lasts.
    pub token: Option<u8>,
    pub secret_named: bool,
    pub key_renamed: bool,
    pub disenrolled: bool,
    /// Somebody else has enrolled it, if the service was there before; enabled or not.
    pub enrolled: Option<bool>,
    /// Somebody else has a Secret of that name.
    pub strange_secret: bool,
}

/// Something that happens, with what goes wrong meanwhile.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    pub action: Action,
    pub cluster: Vec<Trouble>,
    pub cloud: Vec<CloudTrouble>,
    pub wait: Wait,
}

/// How long the next step waits.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Wait {
    /// So many turns of whatever else runs: in the midst of things.
    Turns(u16),
    /// Until nothing moves, at this time.
    Stillness,
    /// So many minutes.
    Minutes(u16),
}

/// One request of the operator to the cloud that meets with trouble.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CloudTrouble {
    pub method: Method,
    /// Which of those, counted from 1.
    pub nth: u8,
    pub fault: CloudFault,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Method {
    Any,
    Get,
    Put,
    Post,
    Delete,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum CloudFault {
    Throttle(u8),
    Status(u16),
    LostBefore,
    LostAfter,
    Slow,
    Truncated,
}

/// An object of ours; numbers count modulo what there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ref {
    Account,
    Service,
    Hubs(u8),
    Group(u8),
    Device(u8, u8),
}

/// What somebody does.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Action {
    Nothing,
    Reapply(Ref),
    Delete(Ref),
    Confirm(Ref),
    Pause(Ref, bool),
    Sync(Ref, u8),
    Recreate(Ref, u8),
    Keep(Ref, bool),
    Grant(Ref, u8, bool),
    Resize(u8, u8, u8),
    Weigh(u8, u8, u8),
    DropHub(u8, u8),
    Enable(u8, bool),
    RenameSecret(u8, u8, bool),
    RenameKey(u8, u8, bool),
    Token(u8, u8, Option<u8>),
    Disenroll(u8, u8, bool),
    Tamper(u8, u8, Tampering),
    TamperKeys(u8, Tampering),
    LoseStatus(Ref),
    Register(u8, u8),
    Restart,
    BreakWatches(bool),
    BarSecrets(u8, bool),
    Cloud(Hand),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Tampering {
    Delete,
    Corrupt,
    StripAnnotations,
    StripLabels,
}

/// What somebody else does in the cloud.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Hand {
    Resize(u8, u8, u8),
    Tag(u8, u8),
    DeleteHub(u8, u8),
    Unlink(u8, u8),
    RollLinkPolicy(u8, u8),
    DeleteService,
    DeleteGroup(u8),
    FreeGroup(u8),
    DisableGroup(u8),
    Enroll(u8, u8, bool),
    Unenroll(u8, u8),
    ExpireTokens,
    RollClientSecret,
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
                let namespace = if self.tenants[t].enrollment.at_home { TENANTS[t] } else { PLATFORM };
                ("EnrollmentGroup", namespace, group_id(t))
            }
            Ref::Device(t, d) => {
                let t = self.tenant(t);
                ("DeviceCredential", TENANTS[t], device_name(t, self.device(t, d)))
            }
        }
    }

    /// What a device registers as.
    pub fn registration_id(&self, tenant: usize, device: usize) -> String {
        match self.tenants[tenant].devices[device].id {
            Some(n) => format!("shared-{}", n % 3),
            None => device_name(tenant, device),
        }
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
