//! Everything that a group should be, and how it differs from what is there.

use moorage_cloud::{AllocationPolicy, EnrollmentGroup as Document, HubHost, KeyPair, Reprovisioning, Signers};
use moorage_crds::{EnrollmentGroup, ProvisioningStatus, ReprovisionPolicy};
use moorage_keys::Thumbprint;

use crate::azure::{
    enrollment_group::{allocation, keys::digest_of, webhook::Webhook},
    twin,
};

/// By what a group knows its devices.
#[derive(Clone, Copy)]
pub(super) enum Proof<'a> {
    /// By keys, which the Secret holds.
    Keys(&'a KeyPair),
    /// By who signed their certificates.
    Signers(&'a Signers),
}

impl Proof<'_> {
    /// The whole group, before anything else is said of it.
    pub(super) fn new_document(self, id: &str) -> Document {
        match self {
            Self::Keys(keys) => Document::with_symmetric_keys(id, keys),
            Self::Signers(signers) => Document::with_certificates(id, signers),
        }
    }

    /// Whether devices that have their credential by it can register.
    pub(super) fn opens(self, there: &Document, keys: Option<&KeyPair>) -> bool {
        match self {
            Self::Keys(stored) => keys == Some(stored),
            Self::Signers(Signers::Certificates(pair)) => there.accepts(&pair.primary),
            Self::Signers(references) => there.has_signers(references),
        }
    }

    fn field(self) -> &'static str {
        match self {
            Self::Keys(_) => "symmetricKey",
            Self::Signers(_) => "x509",
        }
    }

    /// Whether it is just what is there.
    pub(super) fn is(self, there: &Document, keys: Option<&KeyPair>) -> bool {
        match self {
            Self::Keys(stored) => keys == Some(stored),
            Self::Signers(signers) => there.has_signers(signers),
        }
    }

    /// What it is recognised by in the ledger.
    fn words(self) -> String {
        match self {
            Self::Keys(keys) => format!("keys {}", digest_of(keys)),
            Self::Signers(Signers::Certificates(pair)) => {
                pair.iter().map(|authority| format!("signed by {}", authority.thumbprint())).collect::<Vec<_>>().join(" ")
            }
            Self::Signers(Signers::References(pair)) => pair.iter().map(|name| format!("signed by {name}")).collect::<Vec<_>>().join(" "),
        }
    }
}

/// What a group should be.
pub(super) struct Desired<'a> {
    pub(super) group: &'a EnrollmentGroup,
    pub(super) hubs: &'a [HubHost],
    pub(super) proof: Proof<'a>,
    pub(super) webhook: Option<&'a Webhook>,
    /// Whether a group that is found disabled may be enabled: whoever else has disabled it had a reason.
    pub(super) may_enable: bool,
}

impl Desired<'_> {
    /// How the group would be written, of what is there now.
    pub(super) fn document(&self, there: Document) -> Document {
        let spec = &self.group.spec;
        let had_a_webhook = there.allocation() == Some(AllocationPolicy::Custom);
        let enabled = self.enables(&there);
        let document = there.with_hubs(allocation(self.group), self.hubs).with_enabled(enabled).with_reprovisioning(self.reprovisioning());
        let mut document = match self.proof {
            Proof::Keys(keys) => document.with_keys(keys),
            Proof::Signers(signers) => document.with_signers(signers),
        };
        document = match self.webhook {
            Some(webhook) => document.with_custom_allocation(Some((webhook.expose_url(), &webhook.version))),
            None if had_a_webhook => document.with_custom_allocation(None),
            None => document,
        };
        if let Some(twin) = &spec.initial_twin {
            document = document.with_initial_tags(twin.tags.read()).with_initial_desired(twin.desired.read());
        }
        match &spec.capabilities {
            Some(capabilities) => document.with_edge(capabilities.iot_edge),
            None => document,
        }
    }

    /// What differs between the group in DPS and its spec, by field. What the spec says nothing of is no difference.
    pub(super) fn drift(&self, there: &Document, keys: Option<&KeyPair>) -> Vec<&'static str> {
        let spec = &self.group.spec;
        let twin = spec.initial_twin.as_ref();
        let webhook = self.webhook.map(|webhook| (webhook.expose_url(), webhook.version.as_str()));
        [
            ("iotHubs", self.has_hubs(there)),
            ("allocationPolicy", there.allocation() == Some(allocation(self.group))),
            // One that is not asked is of no consequence.
            ("customAllocationDefinition", webhook.is_none() || there.custom_allocation() == webhook),
            ("provisioningStatus", there.is_enabled() == self.enables(there)),
            ("reprovisionPolicy", there.reprovisioning() == self.reprovisioning()),
            ("initialTwin.tags", twin.is_none_or(|twin| twin::holds(there.initial_tags(), &twin.tags.read()))),
            ("initialTwin.desired", twin.is_none_or(|twin| twin::holds(there.initial_desired(), &twin.desired.read()))),
            ("capabilities", spec.capabilities.as_ref().is_none_or(|wanted| there.is_edge() == wanted.iot_edge)),
            (self.proof.field(), self.proof.is(there, keys)),
        ]
        .into_iter()
        .filter_map(|(field, same)| (!same).then_some(field))
        .collect()
    }

    /// What the spec asks for, in words: once it was seen in place, a difference is somebody else's doing.
    pub(super) fn state(&self) -> String {
        let spec = &self.group.spec;
        let hosts: Vec<_> = self.hubs.iter().map(|hub| hub.host().as_str().to_lowercase()).collect();
        let mut words = vec![format!("{:?}, {:?}", spec.allocation_policy, spec.provisioning_status), hosts.join(" "), self.proof.words()];
        if spec.reprovision_policy != ReprovisionPolicy::default() {
            words.push(format!("{:?}", spec.reprovision_policy));
        }
        if let Some(webhook) = self.webhook {
            words.push(format!("webhook {} {}", fingerprint(webhook.expose_url()), webhook.version));
        }
        if let Some(twin) = &spec.initial_twin {
            words.push(format!("twin {}", fingerprint(&serde_json::to_string(twin).expect("an initial twin serializes"))));
        }
        if let Some(capabilities) = &spec.capabilities {
            words.push(format!("edge {}", capabilities.iot_edge));
        }
        words.join(", ")
    }

    fn has_hubs(&self, there: &Document) -> bool {
        let mut listed: Vec<_> = there.hubs().into_iter().map(str::to_lowercase).collect();
        listed.sort();
        listed == self.hubs.iter().map(|hub| hub.host().as_str().to_lowercase()).collect::<Vec<_>>()
    }

    /// Whether somebody else has disabled it.
    pub(super) fn is_found_disabled(&self, there: &Document) -> bool {
        self.group.spec.provisioning_status == ProvisioningStatus::Enabled && !there.is_enabled() && !self.may_enable
    }

    fn enables(&self, there: &Document) -> bool {
        self.group.spec.provisioning_status == ProvisioningStatus::Enabled && (self.may_enable || there.is_enabled())
    }

    fn reprovisioning(&self) -> Reprovisioning {
        match self.group.spec.reprovision_policy {
            ReprovisionPolicy::MigrateData => Reprovisioning::Migrate,
            ReprovisionPolicy::ResetData => Reprovisioning::Reset,
            ReprovisionPolicy::Never => Reprovisioning::Never,
        }
    }
}

/// Tells one text from another in the ledger. The keys in webhooks' URLs are too long to be guessed from it.
fn fingerprint(text: &str) -> String {
    Thumbprint::of(text.as_bytes()).to_string()
}
