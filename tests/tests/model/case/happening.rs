//! What happens in a world, and what goes wrong meanwhile.

use moorage_tests::apiserver::Trouble;
use serde::{Deserialize, Serialize};

use super::Parting;

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
    /// Links a hub by identity, or by key.
    Authenticate(u8, u8, bool),
    /// Lets a hub be linked in another way.
    Relink(u8, u8),
    /// Asks for an identity of the service, or no longer.
    Identity(bool),
    Enable(u8, bool),
    /// Names the authorities of a group, or refers to them.
    Sign(u8, u8, Option<u8>),
    Refer(u8, u8, Option<u8>),
    /// Replaces an authority by another one under its name.
    RenewAuthority(u8, u8),
    TamperAuthority(u8, u8, Tampering),
    RenameSecret(u8, u8, bool),
    RenameKey(u8, u8, bool),
    Token(u8, u8, Option<u8>),
    HubToken(u8, u8, Option<u8>),
    ConnectionString(u8, u8, bool),
    Certificate(u8, u8, Option<u8>),
    /// Gives a device keys of its own, or takes them.
    Enroll(u8, u8, bool),
    Reprovision(u8, u8, u8),
    Part(u8, u8, Parting),
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
    /// Takes the service's role on a hub.
    TakeRole(u8, u8),
    GiveRole(u8, u8),
    DeleteService,
    DeleteGroup(u8),
    FreeGroup(u8),
    DisableGroup(u8),
    Enroll(u8, u8, bool),
    Unenroll(u8, u8),
    /// Uploads an authority of a tenant.
    Upload(u8, u8),
    DisableDevice(u8, u8),
    DeleteDevice(u8, u8),
    /// Makes another device in the place of one.
    ReplaceDevice(u8, u8),
    ExpireTokens,
    RollClientSecret,
}
