//! What a run calls its own, and draws, by the names that are the same in every run.

use std::sync::Arc;

use anyhow::Context as _;
use jiff::Timestamp;
use moorage_cloud::{Azure, Cloud, EndpointMap, PolicyKey, Transport, TransportOptions};
use moorage_keys::{RegistrationId, SymmetricKey, derive_device_key, keyed_digest, owner_hash};

use crate::sweep::fixture::{Cast, Fixture};
use crate::test_env::TestEnv;

/// Texts of one run with the names that they have in every run, in the order in which they are replaced.
pub(super) struct Names(Vec<(String, String)>);

impl Names {
    /// Those that the cloud tells at once.
    pub fn of(env: &TestEnv, fixture: &Fixture) -> Self {
        let run = env.name().to_owned();
        let (cast, mut names) = (fixture.cast(), Vec::new());
        for part in fixture.parts() {
            let hash = owner_hash(&run, part.kind, &part.namespace, part.name);
            let policy = format!("moorage-{hash}");
            for hub in cast.hubs {
                names.extend(link_digest(env, hub, &policy).map(|digest| (digest, format!("the digest of the link's key in {hub}"))));
            }
            names.push((hash, format!("hash-of-{}", part.name)));
            let order = owner_hash("cert-manager", part.kind, &part.namespace, part.name);
            names.push((order, format!("order-of-{}", part.name)));
        }
        names.extend(group_names(env, cast).unwrap_or_default());
        names.extend(identity_names(env, cast).into_iter().flatten());
        names.push((format!("-{run}"), String::new()));
        names.push((run, "installation".to_owned()));
        Self(names)
    }

    /// Those, and the keys that only the provisioning service tells.
    pub async fn with_enrolled_keys(env: &TestEnv, fixture: &Fixture) -> Self {
        let mut names = Self::of(env, fixture);
        names.0.splice(0..0, enrolled_keys(env, fixture.cast()).await.unwrap_or_default());
        names
    }

    /// A text with the names that every run has.
    pub fn replaced(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
    }
}

fn link_digest(env: &TestEnv, hub: &str, policy: &str) -> Option<String> {
    let (primary, _) = env.cloud().edit(|azure| azure.hub_policy_keys(hub, policy))?;
    let key = SymmetricKey::from_base64(&primary).ok()?;
    Some(keyed_digest(&key, [policy.as_bytes()]).to_string())
}

/// The keys of the device that is in a hub, as the hub holds them.
fn identity_names(env: &TestEnv, cast: &Cast) -> Option<Vec<(String, String)>> {
    let (hub, device) = cast.in_hub?;
    let there = env.cloud().edit(|azure| azure.device(hub, device))?;
    let key = |slot: &str| Some((there[slot].as_str()?.to_owned(), format!("the {slot} of {device}")));
    Some(vec![key("primaryKey")?, key("secondaryKey")?])
}

/// The keys of the device with an individual enrollment, as the provisioning service holds them.
async fn enrolled_keys(env: &TestEnv, cast: &Cast) -> Option<Vec<(String, String)>> {
    let map = EndpointMap { address: env.cloud().address(), ca_pem: env.cloud().ca_pem().to_owned() };
    let transport = Transport::new(&TransportOptions { endpoint_map: Some(map), ..TransportOptions::default() }).ok()?;
    // Tokens are signed for long enough, however late it is there.
    let azure = Azure::new(Cloud::public(), transport, Arc::new(|| Timestamp::from_second(4_000_000_000).expect("in range")));
    let (primary, _) = env.cloud().edit(|azure| azure.service_policy_keys(cast.service, "provisioningserviceowner"))?;
    let policy = PolicyKey { name: "provisioningserviceowner".to_owned(), key: SymmetricKey::from_base64(&primary).ok()? };
    let keys = azure.dps(&azure.cloud().dps_named(cast.service).ok()?, policy).enrollment_keys(cast.enrolled).await.ok()??;
    let named = [("primary", &keys.primary), ("secondary", &keys.secondary)];
    Some(named.map(|(slot, key)| (key.expose_base64().to_string(), format!("the {slot} key of {}'s enrollment", cast.enrolled))).to_vec())
}

/// The keys of the enrollment group as the cloud holds them, and what follows from them.
fn group_names(env: &TestEnv, cast: &Cast) -> anyhow::Result<Vec<(String, String)>> {
    let (group, devices) = cast.derived.context("no device derives its keys")?;
    let keys = env.cloud().edit(|azure| azure.group_keys(cast.service, group));
    let (primary, secondary) = keys.context("there is no group")?;
    let pair = [("primary", SymmetricKey::from_base64(&primary)?), ("secondary", SymmetricKey::from_base64(&secondary)?)];
    let digest = keyed_digest(&pair[0].1, [pair[1].1.expose_bytes()]).to_string();
    let mut names = vec![(digest, "the digest of the group's keys".to_owned())];
    for device in devices {
        let id = RegistrationId::parse(device)?;
        for (slot, key) in &pair {
            let derived = derive_device_key(key, &id);
            names.push((derived.expose_base64().to_string(), format!("derived for {device} from the {slot} key")));
        }
    }
    names.push((primary, "the group's primary key".to_owned()));
    names.push((secondary, "the group's secondary key".to_owned()));
    Ok(names)
}
