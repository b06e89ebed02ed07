//! The names of the entries, before any renaming.

pub const REGISTRATION_ID: &str = "registrationId";
pub const ID_SCOPE: &str = "idScope";
pub const PROVISIONING_HOST: &str = "provisioningHost";
pub const DEVICE_ID: &str = "deviceId";
pub const HUB_HOST: &str = "hubHost";
pub const DEVICE_KEY: &str = "deviceKey";
pub const PRIMARY_KEY: &str = "primaryKey";
pub const SECONDARY_KEY: &str = "secondaryKey";
pub const DPS_TOKEN: &str = "dpsToken";
pub const CONNECTION_STRING: &str = "connectionString";
pub const HUB_TOKEN: &str = "hubToken";
/// What a Secret of its type holds, under names that nobody can change.
pub const CERTIFICATE: &str = "tls.crt";
pub const KEY: &str = "tls.key";
pub const AUTHORITY: &str = "ca.crt";
/// Keys that are not in the cloud yet, and are no credential until they are. No entry can be given such a name.
pub const PENDING: [&str; 2] = ["moorage.pendingPrimaryKey", "moorage.pendingSecondaryKey"];
