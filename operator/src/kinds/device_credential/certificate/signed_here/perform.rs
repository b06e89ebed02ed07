//! Issuing a certificate, and writing it.

use jiff::SignedDuration;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use moorage_crds::DeviceCredential;
use moorage_keys::Leaf;
use moorage_plan::{Class, Lifetime, Reason};

use crate::{
    azure::{Context, Writer},
    cluster::{SecretData, SecretType},
    error::{Error, reached},
    kinds::device_credential::{
        certificate::{
            annotations::certificate_annotations,
            certificate_digest, is_as_written,
            signed_here::{CertificateSource, plan::SigningStep},
        },
        outputs::entries::{CERTIFICATE, KEY},
        secret::{metadata::metadata_of, perform::put_secret},
    },
    object::NamespacedName,
};

/// A device's clock may be a little behind.
const BEHIND: SignedDuration = SignedDuration::from_mins(5);

/// Performs one step.
pub async fn perform_signing(credential: &DeviceCredential, writer: &Writer<'_>, step: &SigningStep) -> Result<(), Error> {
    match step {
        SigningStep::Issue { at, source, life, revision, over, .. } => {
            let data = issue(writer, source, *life).await?;
            write(credential, writer, at, source, &data, *life, *revision, over.as_deref()).await
        }
        SigningStep::Rewrite { at, source, life, revision, over } => {
            let data = around(writer, at, source, over).await?;
            write(credential, writer, at, source, &data, *life, *revision, Some(over)).await
        }
        SigningStep::Replace { at } => writer.delete_secret(at).await,
    }
}

async fn issue(ctx: &Context, source: &CertificateSource, life: Lifetime) -> Result<SecretData, Error> {
    let at = &source.issuer;
    let changed = || Error::own(format!("Secret {at} has changed while a certificate was to be issued"), Class::Conflict);
    let data = reached(ctx.secrets.source(at).await)?.ok_or_else(changed)?;
    let key = data.expose(KEY).ok_or_else(changed)?;
    let from = life.not_before.saturating_sub(BEHIND).unwrap_or(life.not_before);
    let leaf = Leaf::issue(&source.authority, key, &source.registration_info.registration_id, (from, life.not_after)).map_err(|error| {
        let step = format!("failed to issue a certificate with {KEY} of Secret {at}: {error}; put the key of its {CERTIFICATE} there");
        Error::own(step, Class::Invalid).because(Reason::SecretMalformed)
    })?;
    let above = if source.authority.is_root() { String::new() } else { source.authority.pem() };
    Ok(source.registration_info.content(&format!("{}{above}", leaf.certificate()), leaf.expose_key(), &source.authority.pem()))
}

/// What the Secret is to hold around the certificate that it has.
async fn around(ctx: &Context, at: &NamespacedName, source: &CertificateSource, over: &ObjectMeta) -> Result<SecretData, Error> {
    let changed = || Error::own(format!("Secret {at} has changed while it was to be written"), Class::Conflict);
    let (meta, data) = ctx.secrets.read(at).await?.ok_or_else(changed)?;
    let same = meta.resource_version == over.resource_version && is_as_written(&meta, &data);
    let (certificate, key) = data.0.get(CERTIFICATE).zip(data.0.get(KEY)).filter(|_| same).ok_or_else(changed)?;
    Ok(source.registration_info.content(certificate, key, &source.authority.pem()))
}

#[expect(clippy::too_many_arguments, reason = "what is written, what is said of it, and over what")]
async fn write(
    credential: &DeviceCredential,
    writer: &Writer<'_>,
    at: &NamespacedName,
    source: &CertificateSource,
    data: &SecretData,
    life: Lifetime,
    revision: i64,
    over: Option<&ObjectMeta>,
) -> Result<(), Error> {
    let digest = certificate_digest(data).expect("what is issued has a key").to_string();
    let metadata = metadata_of(
        credential,
        at,
        certificate_annotations(&source.registration_info, source.authority.thumbprint(), life, &digest, revision),
        over,
    );
    put_secret(writer, at, SecretType::Tls, &metadata, data, over).await
}
