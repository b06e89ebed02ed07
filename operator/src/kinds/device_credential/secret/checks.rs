//! What a credential's Secret is checked for.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use moorage_crds::{DeviceCredential, annotations as names};
use moorage_plan::{Plan, Reason};

use crate::{
    cache::secrets::owner_of,
    kinds::device_credential::{
        certificate::is_of_a_certificate,
        outputs::secret_content::Content,
        secret::{
            annotations::{annotation, key_annotations, key_annotations_of},
            metadata::has_asked_metadata,
            read::ObservedSecret,
        },
    },
    object::{Keyed, KindName, NamespacedName},
};

/// What is wrong with a credential's Secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// It is somebody else's.
    NotOurs,
    /// It was made for another sort of content.
    WrongType,
    /// Somebody has changed what it holds.
    Tampered,
    /// What it holds is to be renewed.
    RenewalDue,
    /// It is not what would be written now.
    ContentDiffers,
    /// There is one under a former name.
    Stale,
}

/// What a credential's Secret is for: its type follows from that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holds {
    /// Keys, and what is made with them.
    Keys,
    /// A certificate, and its key.
    Certificate,
}

/// What is known of a content that is to be.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// Whether what there is has had its time.
    pub renewal_due: bool,
    /// Whether the Secret says of its content what would be said.
    pub says_so: bool,
    /// Secrets that were made for the credential under another name.
    pub stale: &'a [NamespacedName],
}

/// The checks of a credential's Secret, in their order: the first that fails tells what is done.
#[derive(Clone, Copy)]
pub struct Checks<'a> {
    pub credential: &'a DeviceCredential,
    pub secret: &'a ObservedSecret,
    pub holds: Holds,
}

impl Checks<'_> {
    /// Whether anything may be written there.
    pub fn of_place(&self) -> Result<(), Flaw> {
        // Make sure that the Secret was made for this object: any other is left alone.
        self.ours()?;
        // Make sure that it can hold this: a type cannot change.
        self.of_type()
    }

    /// Whether what is there is what is to be.
    pub fn of_content(&self, expected: &Expected<'_>) -> Result<(), Flaw> {
        // Make sure that it holds what we put there.
        fails(!self.secret.intact, Flaw::Tampered)?;
        // Make sure that it is renewed on its day, whatever else has changed.
        fails(expected.renewal_due, Flaw::RenewalDue)?;
        // Make sure that it holds what was asked for, and goes when this very object does.
        let is_as_asked = is_owned_by(self.credential, &self.secret.meta) && has_asked_metadata(self.credential, &self.secret.meta);
        fails(!expected.says_so || !is_as_asked, Flaw::ContentDiffers)?;
        // Make sure that no other is left, once this one is there.
        fails(!expected.stale.is_empty(), Flaw::Stale)
    }

    /// Whether it was made for this object.
    pub fn ours(&self) -> Result<(), Flaw> {
        fails(!is_ours(self.credential, &self.secret.meta), Flaw::NotOurs)
    }

    /// Whether it can hold this.
    pub fn of_type(&self) -> Result<(), Flaw> {
        fails(is_of_a_certificate(&self.secret.meta) != (self.holds == Holds::Certificate), Flaw::WrongType)
    }
}

fn fails(is_so: bool, flaw: Flaw) -> Result<(), Flaw> {
    if is_so { Err(flaw) } else { Ok(()) }
}

/// The plan for a credential whose Secret is somebody else's.
pub fn left_alone<A>(at: &NamespacedName) -> Plan<A> {
    let note = format!("Secret {at} belongs to somebody else and is left alone; delete it, or name another in spec.secret.name");
    Plan::stalled(Reason::SecretNotOurs, note)
}

/// Ours if it says so, and no other object controls it. The uid does not count: a restore changes it.
pub fn is_ours(credential: &DeviceCredential, meta: &ObjectMeta) -> bool {
    let key = credential.key();
    let mut owners = meta.owner_references.iter().flatten().filter(|owner| owner.controller == Some(true));
    owner_of(meta).as_ref() == Some(&key)
        && owners.all(|owner| owner.kind == KindName::DeviceCredential.as_str() && *owner.name == *key.name.name)
}

/// Whether the Secret goes when this very object goes; after a restore it names a uid that is no more.
pub fn is_owned_by(credential: &DeviceCredential, meta: &ObjectMeta) -> bool {
    meta.owner_references.iter().flatten().any(|owner| Some(&owner.uid) == credential.meta().uid.as_ref())
}

/// Whether a Secret with keys says of its content what would be said.
pub fn says_so(secret: &ObservedSecret, content: &Content) -> bool {
    let revision = key_annotations_of(&secret.meta).revision;
    revision > 0 && key_annotations(content, revision).iter().all(|(name, value)| annotation(&secret.meta, name) == Some(value))
}

/// Whether what a Secret holds can be used now.
pub fn is_usable(secret: &ObservedSecret, now: Timestamp) -> bool {
    let before = key_annotations_of(&secret.meta);
    secret.intact && before.revision > 0 && before.lives.last(now)
}

/// Whether the connection string and the token that a Secret holds are still good.
pub fn is_same_login(secret: &ObservedSecret, content: &Content) -> bool {
    annotation(&secret.meta, names::HUB_LOGIN) == content.login.as_ref()
}
