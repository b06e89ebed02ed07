//! Keys that were generated for one device, and what is made of them in the cloud: its individual enrollment, or its identity in a hub.
//!
//! The keys are in the Secret, as pending ones, before they are in the cloud, and the device is given them when the cloud has them. So
//! whatever gets lost on the way, they are never lost, and what the device holds is refused for no longer than one pass takes.

use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use moorage_cloud::{Device, IfMatch, IndividualEnrollment, KeyPair};
use moorage_crds::{DeviceCredential, annotations as names};
use moorage_plan::{Act, Plan, Reason, Target, Why};

use crate::{
    cluster::SecretData,
    kinds::device_credential::{
        keys::MadeFor,
        outputs::secret_content::{keys_in, pending_in, seal},
        secret::annotations::annotation,
    },
    object::NamespacedName,
};

/// A look at a device with generated keys.
#[derive(Clone, Debug)]
pub struct GeneratedKeys {
    /// What is made of the keys, as sentences have it.
    pub what: String,
    pub stored: StoredKeys,
    /// What has to be in the ledger before there is anything of it in the cloud; `None` if it is.
    pub claim: Option<LedgerNote>,
    pub there: Option<FoundInCloud>,
    /// As it is to be, but for its keys.
    pub wanted: CloudDocument,
}

/// Something in the cloud that has the name.
#[derive(Clone, Debug)]
pub struct FoundInCloud {
    /// Why it must not be touched; `None` if it is ours.
    pub obstacle: Option<Why>,
    /// Its keys, if it has such.
    pub keys: Option<KeyPair>,
    /// What differs in it from what it is to be, beside its keys.
    pub differs: Vec<&'static str>,
    pub over: IfMatch,
    /// What is now known of it, and has to be in the ledger.
    pub proof: Option<LedgerNote>,
}

/// Entries of the ledger, with what they say in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerNote {
    pub entries: Vec<(String, Option<String>)>,
    pub text: String,
}

/// What is written to a cloud.
#[derive(Clone, Debug)]
pub enum CloudDocument {
    Enrollment(Box<IndividualEnrollment>),
    Identity(Box<Device>),
}

/// What comes of a look.
#[derive(Debug)]
pub enum Decision {
    /// There are no keys for the device yet.
    NotYet(Plan<KeyStep>),
    /// The device is given these keys, after these steps.
    Use { keys: KeyPair, first: Vec<KeyStep> },
}

/// A step towards keys that the cloud knows.
#[derive(Debug)]
pub enum KeyStep {
    /// Writes into the ledger.
    Note(LedgerNote),
    /// Generates keys, and puts them into the Secret as pending ones.
    Store { at: NamespacedName, beside: SecretData, over: Option<Arc<ObjectMeta>>, what: String },
    /// Writes what is made of the keys.
    Put { document: CloudDocument, keys: KeyPair, over: IfMatch, fields: Vec<&'static str>, what: String },
}

impl Act for KeyStep {
    fn reason(&self) -> Reason {
        match self {
            Self::Note(_) => Reason::RecordClaim,
            Self::Store { .. } => Reason::StoreDeviceKeys,
            Self::Put { document: CloudDocument::Enrollment(_), over: IfMatch::Unset, .. } => Reason::CreateEnrollment,
            Self::Put { document: CloudDocument::Enrollment(_), .. } => Reason::UpdateEnrollment,
            Self::Put { document: CloudDocument::Identity(_), over: IfMatch::Unset, .. } => Reason::CreateIdentity,
            Self::Put { document: CloudDocument::Identity(_), .. } => Reason::UpdateIdentity,
        }
    }

    fn note(&self) -> String {
        match self {
            Self::Note(note) => note.text.clone(),
            Self::Store { at, what, .. } => format!("Put new keys for {what} into Secret {at}, for the cloud to take"),
            Self::Put { over: IfMatch::Unset, what, .. } => format!("Create {what}"),
            Self::Put { fields, what, .. } => format!("Write {} of {what}", fields.join(", ")),
        }
    }

    fn target(&self) -> Target {
        match self {
            Self::Put { .. } => Target::Cloud,
            Self::Note(_) | Self::Store { .. } => Target::Cluster,
        }
    }

    fn is_news(&self) -> bool {
        matches!(self, Self::Put { .. })
    }
}

impl GeneratedKeys {
    /// What was seen to be as it is to be a short while ago.
    pub fn settled(what: String, stored: StoredKeys, wanted: CloudDocument) -> Self {
        let there = FoundInCloud { obstacle: None, keys: stored.live.clone(), differs: Vec::new(), over: IfMatch::Any, proof: None };
        Self { what, stored, claim: None, there: Some(there), wanted }
    }

    /// Whether nothing is left to do.
    pub fn is_settled(&self) -> bool {
        let found = self.there.as_ref().filter(|found| found.obstacle.is_none() && found.differs.is_empty() && found.proof.is_none());
        self.claim.is_none()
            && self.stored.pending.is_none()
            && found.is_some_and(|found| found.keys.is_some() && found.keys == self.stored.live)
    }

    /// Which keys the device is given, and what has to be done for that.
    pub fn decide(&self, at: &NamespacedName, over: Option<&Arc<ObjectMeta>>) -> Decision {
        if let Some(Why { reason, note }) = self.there.as_ref().and_then(|found| found.obstacle.clone()) {
            return Decision::NotYet(Plan::stalled(reason, note));
        }
        // Those of the Secret come first; one that has lost them gets them back from the cloud.
        let keys = self.stored.keys().or_else(|| self.there.as_ref()?.keys.as_ref());
        let mut first: Vec<_> = self.claim.iter().cloned().map(KeyStep::Note).collect();
        let Some(keys) = keys.cloned() else {
            let beside = self.stored.data.clone();
            first.push(KeyStep::Store { at: at.clone(), beside, over: over.cloned(), what: self.what.clone() });
            return Decision::NotYet(Plan::act(first, Reason::StoreDeviceKeys, format!("Keys for {} are being made", self.what)));
        };
        first.extend(self.put(&keys));
        first.extend(self.there.iter().filter_map(|found| found.proof.clone()).map(KeyStep::Note));
        Decision::Use { keys, first }
    }

    fn put(&self, keys: &KeyPair) -> Option<KeyStep> {
        let (mut fields, over) = match &self.there {
            None => (Vec::new(), IfMatch::Unset),
            Some(found) => (found.differs.clone(), found.over.clone()),
        };
        if self.there.as_ref().is_some_and(|found| found.keys.as_ref() != Some(keys)) {
            fields.push("keys");
        }
        let needed = self.there.is_none() || !fields.is_empty();
        let document = self.wanted.clone();
        needed.then(|| KeyStep::Put { document, keys: keys.clone(), over, fields, what: self.what.clone() })
    }
}

/// The generated keys that a Secret holds, as far as it is as we wrote it.
#[derive(Clone, Debug, Default)]
pub struct StoredKeys {
    /// Whether all that it holds is as its annotations describe it.
    pub intact: bool,
    /// The keys that the device is given.
    pub live: Option<KeyPair>,
    /// Keys that are to take their place once the cloud has them.
    pub pending: Option<KeyPair>,
    /// All that it holds; nothing if somebody has tampered with it.
    pub data: SecretData,
}

impl StoredKeys {
    /// The keys that the cloud is to have.
    pub fn keys(&self) -> Option<&KeyPair> {
        self.pending.as_ref().or(self.live.as_ref())
    }

    /// What a content holds that its annotations describe so.
    pub fn of(credential: &DeviceCredential, meta: &ObjectMeta, data: &SecretData, made_for: MadeFor) -> Self {
        let (named, pending) = (keys_in(data, &credential.spec.secret.keys), pending_in(data));
        let key = named.as_ref().or(pending.as_ref()).map(|pair| &pair.primary);
        let intact = key.is_some_and(|key| annotation(meta, names::DIGEST) == Some(&seal(key, data).to_string()));
        if !intact {
            return Self::default();
        }
        let live = named.filter(|_| annotation(meta, names::KEYS_OF) == Some(&format!("{made_for:?}")));
        Self { intact, live, pending, data: data.clone() }
    }
}
