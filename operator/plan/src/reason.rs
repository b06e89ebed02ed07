//! The words that conditions, Events, metrics and logs give as reasons.

use std::fmt;

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        /// The closed list of reasons: the same word in conditions, Events, metrics and logs.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Reason { $($(#[$doc])* $name),* }

        impl Reason {
            /// All of them.
            pub const ALL: &'static [Reason] = &[$(Reason::$name),*];

            /// The word as it is shown.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => stringify!($name)),* }
            }

            /// Whether it says that an object has no right to what it asks for, so that whatever rests on it rests on nothing. An object
            /// whose spec makes no sense now, or that waits for something, has what it has.
            pub fn is_refusal(self) -> bool {
                matches!(self, Self::NotGranted | Self::QuotaExceeded | Self::AlreadyExists | Self::NameTaken | Self::OtherCluster)
            }
        }
    };
}

reasons! {
    /// Everything is as the spec says.
    Ready,
    /// The object is paused by annotation.
    Paused,
    /// The object is being deleted.
    Deleting,

    /// A resource group is created.
    CreateResourceGroup,
    /// A resource group is deleted.
    DeleteResourceGroup,
    /// A provisioning service is created.
    CreateProvisioningService,
    /// A provisioning service is brought back to its spec.
    UpdateProvisioningService,
    /// A provisioning service is deleted.
    DeleteProvisioningService,
    /// A hub is created.
    CreateHub,
    /// A hub is brought back to its spec.
    UpdateHub,
    /// A hub is deleted.
    DeleteHub,
    /// The access policy for a link is made in a hub.
    CreateLinkPolicy,
    /// The access policy for a link is taken from a hub.
    DeleteLinkPolicy,
    /// A provisioning service is given the role on a hub that it needs to register devices there.
    AssignRole,
    /// That role is taken back.
    DeleteRole,
    /// A hub is linked to a provisioning service, or its link is corrected.
    LinkHub,
    /// A hub is unlinked from a provisioning service.
    UnlinkHub,
    /// A group's keys are generated or taken over, and stored.
    StoreGroupKeys,
    /// An enrollment group is created.
    CreateEnrollmentGroup,
    /// An enrollment group is brought back to its spec.
    UpdateEnrollmentGroup,
    /// An enrollment group is deleted.
    DeleteEnrollmentGroup,
    /// A device's own keys are generated, and stored.
    StoreDeviceKeys,
    /// A device's individual enrollment is created.
    CreateEnrollment,
    /// A device's individual enrollment is brought back to its spec.
    UpdateEnrollment,
    /// A device is created in a hub.
    CreateIdentity,
    /// A device in a hub is brought back to its spec.
    UpdateIdentity,
    /// A credential's Secret is created.
    CreateSecret,
    /// A credential's Secret is rewritten.
    UpdateSecret,
    /// A token in a credential's Secret is renewed.
    RenewToken,
    /// A certificate in a credential's Secret is renewed.
    RenewCertificate,
    /// A certificate is asked of cert-manager, or asked for otherwise.
    OrderCertificate,
    /// A Secret is deleted.
    DeleteSecret,
    /// A device is disenrolled: it can no longer register.
    Disenroll,
    /// A device's identity is deleted from its hub.
    Deprovision,
    /// A device's registration is ended, so that it registers anew.
    Reprovision,
    /// A device that we disenrolled may register again.
    Reenroll,
    /// Ownership or intent is written down before an effect.
    RecordClaim,
    /// A record that is no longer needed is removed.
    DropClaim,
    /// The finalizer is added before the first effect.
    AddFinalizer,
    /// The finalizer is taken away after the last effect.
    RemoveFinalizer,
    /// The status is written.
    ReportStatus,

    /// A long operation runs in the cloud.
    Provisioning,
    /// Something that the object refers to does not exist.
    DependencyMissing,
    /// Something that the object refers to is not ready.
    DependencyNotReady,
    /// Something that the object refers to cannot be reached.
    DependencyUnavailable,
    /// Something else still uses the object.
    InUse,
    /// Deletion would destroy something that cannot come back, and is not confirmed.
    AwaitingConfirmation,
    /// The device has not registered yet, or its hub holds another key of it.
    AwaitingRegistration,
    /// The owner of what is referred to has not granted it.
    NotGranted,
    /// Something of that name exists and may not be adopted.
    AlreadyExists,
    /// The name is taken by somebody else in the world.
    NameTaken,
    /// An installation of the same id in another cluster manages it.
    OtherCluster,
    /// Something that cannot be recreated has vanished.
    Vanished,
    /// Somebody has disabled it in the cloud, and it is not enabled unasked.
    Disabled,
    /// The cloud differs from the spec, and is left so.
    Drifted,
    /// The clock of the operator's machine is off.
    ClockSkewed,
    /// The cluster's definition of the kind is of another version than the operator.
    DefinitionOutdated,
    /// A change was lost to another writer.
    LostUpdate,
    /// A Secret of that name belongs to somebody else.
    SecretNotOurs,
    /// A Secret lacks what is needed, or holds something malformed.
    SecretMalformed,
    /// A certificate that should sign others may not.
    NotAnAuthority,
    /// Cert-manager has not issued a certificate yet.
    AwaitingCertificate,
    /// Cert-manager, or its issuer, has failed to issue a certificate, or has denied it.
    CertificateRefused,
    /// A certificate that was issued elsewhere opens nothing.
    CertificateUnfit,
    /// A certificate has ended.
    CertificateExpired,
    /// A certificate ends soon, and nobody renews it.
    CertificateExpiring,
    /// The operator may not use the Secrets of a namespace, or the tokens of a service account.
    MissingRoleBinding,
    /// The credential that something was made with is gone, and with it the means to undo it.
    CredentialGone,
    /// The resource is set to refuse keys (`disableLocalAuth`).
    LocalAuthDisabled,
    /// A provisioning service has links that the api-version in use cannot carry.
    UnknownLinks,
    /// The cloud does not speak the newest api-version, and a rewrite in an older one could lose something.
    ApiVersionUnsupported,
    /// The cloud has no room left.
    QuotaExceeded,
    /// The firewall of a service refuses the operator's address.
    NetworkBlocked,
    /// A lock in the cloud forbids the change.
    Locked,
    /// A policy of the organisation forbids the request.
    PolicyDenied,

    /// The cloud or the API server refused the request as it is.
    Invalid,
    /// The cloud or the API server refused the identity.
    Denied,
    /// Somebody else changed it at the same time.
    Conflict,
    /// The cloud or the API server asked for a pause.
    Throttled,
    /// A limit of our own holds requests back: a budget of calls, or how many may be under way at once.
    RateLimited,
    /// The cloud or the API server could not be reached.
    Unavailable,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
