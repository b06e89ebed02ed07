//! Asking cert-manager, and writing what it has issued.

use moorage_crds::DeviceCredential;
use serde_json::json;
use zeroize::Zeroizing;

use super::super::super::writing::{described, put};
use super::super::{CERTIFICATE, KEY};
use super::document::{is_ours, reserved};
use super::plan::Step;
use crate::{
    cluster::{Found, SecretData, SecretType},
    controller::context::Env,
    error::Error,
    object::{Keyed, Name, Thing},
};

pub(crate) async fn perform(credential: &DeviceCredential, env: &Env, step: &Step) -> Result<(), Error> {
    match step {
        Step::Reserve { at } => {
            let nothing = || Zeroizing::new(String::new());
            let empty: SecretData = [(CERTIFICATE.to_owned(), nothing()), (KEY.to_owned(), nothing())].into_iter().collect();
            let version = env.cluster.create_secret_of(SecretType::Tls, &reserved(credential, at), &empty).await?;
            env.await_write(&credential.key(), &Thing::Secret(at.clone()), version);
            Ok(())
        }
        Step::Place { at, document, anew: false, .. } => env.cluster.create_certificate(at, document).await,
        Step::Place { at, document, anew: true, .. } => env.cluster.apply_certificate(at, document).await,
        Step::Tie { at, owners, over } => {
            let version = over.resource_version.as_deref().unwrap_or_default();
            let version = env.cluster.mark_secret(at, version, json!({ "ownerReferences": owners })).await?;
            env.await_write(&credential.key(), &Thing::Secret(at.clone()), version);
            Ok(())
        }
        Step::Write { at, fit, said, over, .. } => {
            let metadata = described(credential, at, (**said).clone(), over.as_deref());
            put(credential, env, at, SecretType::Tls, &metadata, &fit.data, over.as_deref()).await
        }
        Step::Replace { at } => delete_secret(env, at).await,
        Step::Cancel { at } => {
            // The Certificate first: while it is there, its Secret comes back.
            if let Found::Certificate(certificate) = env.cluster.certificate(at).await?
                && is_ours(credential, &certificate.metadata)
            {
                env.cluster.delete_certificate(at, &certificate.metadata).await?;
            }
            delete_secret(env, at).await
        }
    }
}

async fn delete_secret(env: &Env, at: &Name) -> Result<(), Error> {
    match env.secrets.meta(at).ok().flatten() {
        Some(seen) => env.cluster.delete_secret(at, &seen).await,
        None => Ok(()),
    }
}
