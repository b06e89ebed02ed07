//! A credential and the Secrets of its namespace.

mod certificate;
mod keys;
mod login;
mod order;
mod secret;
mod world;

use super::*;
use moorage_crds::annotations as names;
use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::SignedDuration;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use moorage_cloud::KeyPair;
use moorage_crds::Slot;
use moorage_keys::{IdScope, RegistrationId};
use moorage_plan::Renewal;
use serde_json::json;

use crate::{
    cache::secrets::owner_of,
    cluster::SecretData,
    controller::linter::{described, metadata as object_metadata, now, read},
    kinds::device_credential::{
        keys::{Keys, ObservedKeys},
        observe::ObservedWithKeys,
        outputs::{
            entries,
            secret_content::{Origin, Source, is_sealed_by_its_own_key},
            tokens::Tokens,
        },
        plan::{Action, plan_keys},
        secret::{metadata::metadata, read::ObservedSecret},
        subject::secret_of,
    },
    object::NamespacedName,
};

const DAY: Renewal = Renewal { ttl: SignedDuration::from_hours(24), at_percent: 50 };

/// A Secret as it is in the cluster.
#[derive(Clone, Debug)]
struct Kept {
    meta: ObjectMeta,
    data: SecretData,
}

/// The Secrets of a namespace.
type Secrets = BTreeMap<NamespacedName, Kept>;

fn object() -> DeviceCredential {
    read(json!({
        "apiVersion": "moorage.dev/v1alpha1",
        "kind": "DeviceCredential",
        "metadata": object_metadata("contoso", "press-7"),
        "spec": { "enrollmentGroupRef": { "name": "press", "namespace": "platform" } },
    }))
}

fn source() -> Source {
    let group = KeyPair { primary: [1; 64].into(), secondary: [2; 64].into() };
    let registration_id = RegistrationId::parse("press-7").expect("an id");
    let keys = Keys::derived(&group, &registration_id, Slot::Primary);
    let id_scope = IdScope::parse("0ne00000001").expect("a scope");
    let host = "global.azure-devices-provisioning.net".to_owned();
    let origin = Origin::Service { registration_id, id_scope, host };
    Source { origin, keys, login: None, connection_string: false, names: BTreeMap::new() }
}

/// What a look at a credential sees of these Secrets.
fn look(credential: &DeviceCredential, source: &Source, renewal: Option<Renewal>, secrets: &Secrets) -> ObservedWithKeys {
    let at = secret_of(credential);
    let digest = |kept: &Kept| kept.meta.annotations.as_ref().and_then(|annotations| annotations.get(names::DIGEST)).cloned();
    let intact = |kept: &Kept| digest(kept).is_some_and(|digest| is_sealed_by_its_own_key(&kept.data, &digest));
    let secret = secrets.get(&at).map(|kept| ObservedSecret { meta: Arc::new(kept.meta.clone()), intact: intact(kept) });
    let ours = |(name, kept): (&NamespacedName, &Kept)| (owner_of(&kept.meta).as_ref() == Some(&credential.key())).then(|| name.clone());
    let stale = secrets.iter().filter_map(ours).filter(|name| *name != at).collect();
    let (origin, keys) = (source.origin.clone(), ObservedKeys::Derived(source.keys.clone()));
    let renewals = Tokens(renewal.map(|renewal| (entries::DPS_TOKEN, renewal)).into_iter().collect());
    ObservedWithKeys { origin, keys, assigned: None, renewals, secret, stale, asked: None, group: "platform/press".to_owned() }
}

/// The same with another name for an entry.
fn renamed(entry: &str, name: &str) -> DeviceCredential {
    let mut credential = object();
    credential.spec.secret.keys.insert(entry.to_owned(), name.to_owned());
    credential
}

/// What an action does to the Secrets.
fn apply(credential: &DeviceCredential, action: &Action, secrets: &mut Secrets) {
    match action {
        Action::Write { at, content, revision, over, .. } => {
            let (old, new) = (secrets.get(at).map(|kept| &kept.meta), over.as_deref());
            // A creation is refused where there is one, and a replacement where it is not the one that was seen.
            if old == new {
                let meta = metadata(credential, at, content, *revision, new);
                secrets.insert(at.clone(), Kept { meta, data: content.data.clone() });
            }
        }
        Action::Delete(at) => drop(secrets.remove(at)),
        Action::Enrollment(_) | Action::Reprovision(_) | Action::Keys(_) | Action::Leave(_) | Action::Certificate(_) | Action::Order(_) => {
            panic!("{action:?}")
        }
    }
}

/// The Secrets after a credential was written at a time.
fn written(credential: &DeviceCredential, renewal: Option<Renewal>, when: Timestamp) -> Secrets {
    let mut secrets = Secrets::new();
    let plan = plan_keys(credential, &look(credential, &source(), renewal, &secrets), when);
    apply(credential, &plan.actions[0], &mut secrets);
    secrets
}
