//! Labels and annotations that are part of the API.

/// On any object: `"true"` stops every effect; the object is still observed and planned, and can still be deleted.
pub const PAUSED: &str = "moorage.dev/paused";
/// On any object: a new value asks for a look at the cloud now; it is echoed in `status.syncRequestedAt`.
pub const SYNC_REQUESTED_AT: &str = "moorage.dev/sync-requested-at";
/// On an object being deleted: its uid, where deletion would destroy devices or registrations.
pub const CONFIRM_DELETE: &str = "moorage.dev/confirm-delete";
/// On a `ProvisioningService`, `TenantHubGroup` or `EnrollmentGroup`: name of what has vanished from the cloud and may be made anew, empty.
pub const RECREATE: &str = "moorage.dev/recreate";
/// On a TenantHubGroup, the name of a hub whose link may be taken away for a moment, to be made anew in another way.
pub const RELINK: &str = "moorage.dev/relink";
/// On any object: `"true"` lets it go without touching the cloud.
pub const ORPHAN: &str = "moorage.dev/orphan";

/// On a `DeviceCredential`: a new value has the device register anew, as if for the first time; carried out, it is told in `status.reprovisionRequestedAt`.
pub const REPROVISION_REQUESTED_AT: &str = "moorage.dev/reprovision-requested-at";

/// Label of everything that the operator makes in the cluster.
pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// Value of [`MANAGED_BY`].
pub const MANAGER: &str = "moorage";
/// Annotation: kind of the object for which something was made. No label: a label's value has at most 63 characters, a name 253.
pub const OWNER_KIND: &str = "moorage.dev/owner-kind";
/// Annotation: name of the object for which something was made.
pub const OWNER_NAME: &str = "moorage.dev/owner-name";
/// Annotation on ledger entries: namespace of the object for which something was made.
pub const OWNER_NAMESPACE: &str = "moorage.dev/owner-namespace";
/// Annotation on ledger entries: the cluster whose operator has written them.
pub const CLUSTER: &str = "moorage.dev/cluster";
/// Annotation on ledger entries: where in the cloud the things are.
pub const PLACE: &str = "moorage.dev/place";
/// Label on ledger entries: which installation wrote it.
pub const INSTALLATION: &str = "moorage.dev/installation";
/// Finalizer on objects that have something to undo in the cloud.
pub const FINALIZER: &str = "moorage.dev/cloud";

/// On a credential's Secret: keyed digest of its content, so that a change is seen without storing anything secret.
pub const DIGEST: &str = "moorage.dev/digest";
/// On a credential's Secret: number of the content; it grows by one whenever the content changes.
pub const REVISION: &str = "moorage.dev/revision";
/// On a credential's Secret: which of the group's two keys `deviceKey` is derived from.
pub const SLOT: &str = "moorage.dev/slot";
/// On a credential's Secret: from when its token holds (RFC 3339).
pub const TOKEN_NOT_BEFORE: &str = "moorage.dev/token-not-before";
/// On a credential's Secret: until when its token holds (RFC 3339).
pub const TOKEN_NOT_AFTER: &str = "moorage.dev/token-not-after";
/// On a credential's Secret: from when its token for the hub holds (RFC 3339).
pub const HUB_TOKEN_NOT_BEFORE: &str = "moorage.dev/hub-token-not-before";
/// On a credential's Secret: until when its token for the hub holds (RFC 3339).
pub const HUB_TOKEN_NOT_AFTER: &str = "moorage.dev/hub-token-not-after";
/// On a credential's Secret: the hub, the device and the key that its connection string and its token for the hub are for.
pub const HUB_LOGIN: &str = "moorage.dev/hub-login";
/// On an `EnrollmentGroup`: the thumbprint of an authority whose devices are to be accepted no longer, although they may not have followed.
pub const DROP_AUTHORITY: &str = "moorage.dev/drop-authority";
/// On a credential's Secret: what the device's own keys were generated for; without it, they are derived from a group's.
pub const KEYS_OF: &str = "moorage.dev/keys-of";
/// On a credential's Secret: from when its certificate holds (RFC 3339).
pub const CERTIFICATE_NOT_BEFORE: &str = "moorage.dev/certificate-not-before";
/// On a credential's Secret: until when its certificate holds (RFC 3339).
pub const CERTIFICATE_NOT_AFTER: &str = "moorage.dev/certificate-not-after";
/// On a credential's Secret: thumbprint of the authority that issued its certificate; a Secret without it holds none.
pub const CERTIFICATE_AUTHORITY: &str = "moorage.dev/certificate-authority";
/// On a credential's Secret: recognises what it holds beside its certificate, which is nothing secret.
pub const CERTIFICATE_USE: &str = "moorage.dev/certificate-use";
/// On a credential's Secret: the last value of [`REPROVISION_REQUESTED_AT`] that was carried out.
pub const REPROVISIONED: &str = "moorage.dev/reprovisioned";
/// On a credential's Secret: which registration is being ended for the sake of which value of [`REPROVISION_REQUESTED_AT`].
pub const REPROVISIONING: &str = "moorage.dev/reprovisioning";
