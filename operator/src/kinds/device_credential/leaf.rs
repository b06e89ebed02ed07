//! The credential of a device that proves itself by a certificate: its own, which its group's authority signs.
//!
//! A certificate's key is made here and can be had from nowhere else, so nothing is computed anew: what the Secret's annotations
//! say of it decides whether it is kept.

mod life;
mod perform;
mod plan;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use moorage_crds::{DeviceCredential, EnrollmentGroup, Slot, annotations as names};
use moorage_keys::{Authority, Digest, IdScope, RegistrationId, SymmetricKey, Thumbprint, keyed_digest};
use moorage_plan::{Reason, Renewal};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::observe::secret_of;
use super::reprovisioning::{self, Asked, open_request};
use super::secret::{SeenSecret, is_intact};
use crate::{cluster::SecretData, env::Env, error::Halt, key::Name, kind::Kind, kinds::enrollment_group};

pub(super) use self::life::renewal;
pub(super) use self::perform::perform;
pub use self::plan::Step;
#[cfg(test)]
pub(super) use self::plan::annotations;
pub(super) use self::plan::{plan, told};

/// The names of the entries that every Secret of a certificate has.
pub(super) const CERTIFICATE: &str = "tls.crt";
pub(super) const KEY: &str = "tls.key";
pub(super) const AUTHORITY: &str = "ca.crt";

/// What a credential is made of, and what there is of it.
pub struct Looked {
    pub(super) source: Source,
    pub(super) renewal: Renewal,
    pub(super) secret: Option<SeenSecret>,
    /// Secrets that were made for this credential under another name.
    pub(super) stale: Vec<Name>,
    /// Whether the device is to register anew.
    pub(super) asked: Option<Asked>,
}

/// Everything that a content follows from, beside the certificate.
#[derive(Clone, Debug)]
pub struct Source {
    pub(super) registration_id: RegistrationId,
    /// Entries that say where the device registers, by the names that were asked for.
    pub(super) entries: Vec<(String, String)>,
    /// Who signs.
    pub(super) authority: Authority,
    /// The Secret of the authority, with its key.
    pub(super) issuer: Name,
    pub(super) id_scope: IdScope,
}

impl Source {
    /// Recognises what the Secret says beside the certificate.
    pub(super) fn fingerprint(&self) -> String {
        let text = serde_json::to_string(&self.entries).expect("texts serialize");
        Thumbprint::of(text.as_bytes()).to_string()
    }

    /// The content around a certificate and its key.
    pub(super) fn content(&self, certificate: &str, key: &Zeroizing<String>) -> SecretData {
        let text = |text: &str| Zeroizing::new(text.to_owned());
        let own = [
            (CERTIFICATE.to_owned(), text(certificate)),
            (KEY.to_owned(), key.clone()),
            (AUTHORITY.to_owned(), text(&self.authority.pem())),
        ];
        own.into_iter().chain(self.entries.iter().map(|(name, value)| (name.clone(), text(value)))).collect()
    }
}

/// Recognises a content to those who hold the certificate's key, and to nobody else; `None` if it has none.
pub(super) fn digest(data: &SecretData) -> Option<Digest> {
    let hash = Zeroizing::new(<[u8; 32]>::from(Sha256::digest(data.expose(KEY)?)));
    let parts = data.keys().flat_map(|name| [name, data.expose(name).unwrap_or_default()]);
    Some(keyed_digest(&SymmetricKey::from(*hash), parts))
}

/// Whether a Secret was written for a certificate: its type cannot change.
pub(super) fn is_of_a_certificate(meta: &ObjectMeta) -> bool {
    meta.annotations.as_ref().is_some_and(|annotations| annotations.contains_key(names::CERTIFICATE_AUTHORITY))
}

/// Whether a device proves itself by a certificate: its group knows its devices so, and it has no enrollment of its own.
///
/// # Errors
/// Halts if the credential asks for what does not fit.
pub(super) fn is_asked_for(credential: &DeviceCredential, group: &EnrollmentGroup) -> Result<bool, Halt> {
    let spec = &credential.spec;
    let asked = group.spec.attestation.x509.is_some() && spec.individual_enrollment.is_none();
    if !asked && spec.certificate.is_some() {
        let note = "the device is known by keys, and a certificate would open nothing; take spec.certificate out";
        return Err(Halt::stuck(Reason::Invalid, note));
    }
    if asked && (spec.dps_token.is_some() || spec.hub_token.is_some() || spec.connection_string) {
        let note = "the group knows its devices by certificates, which have no tokens and no connection string; take spec.dpsToken, spec.hubToken and spec.connectionString out";
        return Err(Halt::stuck(Reason::Invalid, note));
    }
    Ok(asked)
}

/// What the credential's certificate depends on beside what every credential does: a change of it wakes the group, and the
/// group's credentials then.
pub(super) async fn look(
    env: &Env,
    credential: &DeviceCredential,
    group: &EnrollmentGroup,
    registration_id: RegistrationId,
    longest: Option<&str>,
) -> Result<Looked, Halt> {
    let renewal = renewal(credential, longest)?;
    let source = source(env, credential, group, registration_id).await?;
    let at = secret_of(credential);
    let secret = match env.secrets.meta(&at)? {
        Some(meta) => Some(SeenSecret { intact: is_intact(env, credential, &at, &meta, is_as_written).await?, meta }),
        None => None,
    };
    let request = secret.as_ref().and_then(|secret| Some((open_request(credential, &secret.meta)?, secret)));
    let asked = match request {
        Some((token, secret)) => Some(reprovisioning::look(env, group, &source.registration_id, token, &secret.meta).await?),
        None => None,
    };
    let stale = env.secrets.owned_by(&credential.key()).into_iter().filter(|owned| *owned != at).collect();
    Ok(Looked { source, renewal, secret, stale, asked })
}

async fn source(
    env: &Env,
    credential: &DeviceCredential,
    group: &EnrollmentGroup,
    registration_id: RegistrationId,
) -> Result<Source, Halt> {
    let at = group.key().at;
    let waiting = |what: &str| Halt::not_yet(Reason::DependencyNotReady, format!("EnrollmentGroup {at} {what}"));
    let status = group.status.as_ref().ok_or_else(|| waiting("was not reconciled yet"))?;
    let (Some(id_scope), Some(host)) = (&status.id_scope, &status.provisioning_host) else {
        return Err(waiting("is not in the provisioning service yet"));
    };
    if status.iot_hubs.is_empty() {
        // Such a group gives its devices any hub that is linked, other tenants' among them.
        return Err(waiting("names no hub of its tenant in the provisioning service yet"));
    }
    let issuer = enrollment_group::issuer_of(group).ok_or_else(|| {
        let note = format!(
            "EnrollmentGroup {at} refers to authorities that only the provisioning service knows, and nobody here can sign for them; have the device's certificate made elsewhere, or use signingCertificates there"
        );
        Halt::stuck(Reason::DependencyMissing, note)
    })?;
    let authority = authority(env, &issuer, &at).await?;
    let accepted = status
        .certificate_authorities
        .iter()
        .any(|one| one.slot == Slot::Primary && one.thumbprint.as_deref().is_some_and(|told| authority.thumbprint().is(told)));
    if !accepted {
        return Err(waiting("is bringing its authority to the provisioning service"));
    }
    let id_scope = IdScope::parse(id_scope).map_err(|_| waiting("tells an id scope that is none"))?;
    let renamed = |name: &str| credential.spec.secret.keys.get(name).cloned().unwrap_or_else(|| name.to_owned());
    let facts = [("registrationId", registration_id.as_str()), ("idScope", id_scope.as_str()), ("provisioningHost", host)];
    let entries = facts.into_iter().map(|(name, value)| (renamed(name), value.to_owned())).collect();
    Ok(Source { registration_id, entries, authority, issuer, id_scope })
}

/// The authority that signs, which has its key in the cluster.
async fn authority(env: &Env, issuer: &Name, group: &Name) -> Result<Authority, Halt> {
    let data = env.secrets.source(issuer).await?;
    let read = data.as_ref().and_then(|data| Authority::from_pem(data.expose(CERTIFICATE)?).ok());
    let (Some(data), Some(authority)) = (data, read) else {
        let note = format!("EnrollmentGroup {group} has no authority now: its condition says why");
        return Err(Halt::not_yet(Reason::DependencyNotReady, note));
    };
    if data.expose(KEY).is_none_or(|key| key.trim().is_empty()) {
        let note = format!(
            "Secret {issuer} of EnrollmentGroup {group} has no {KEY}, and without it nobody here can sign; put the authority's key there, or have the device's certificate made elsewhere"
        );
        return Err(Halt::stuck(Reason::DependencyMissing, note));
    }
    Ok(authority)
}

/// Whether a content is the one that its annotations describe.
pub(super) fn is_as_written(meta: &ObjectMeta, data: &SecretData) -> bool {
    let written = meta.annotations.as_ref().and_then(|annotations| annotations.get(names::DIGEST));
    digest(data).is_some_and(|digest| written == Some(&digest.to_string()))
}
