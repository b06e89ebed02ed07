use std::cell::OnceCell;
use std::sync::OnceLock;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use moorage_crds::{CloudAccount, DeviceCredential, EnrollmentGroup, ProvisioningService, Slot, TenantHubGroup};
use moorage_keys::{Authority, Chain, IssueError, Leaf, RegistrationId};
use moorage_operator::azure::facts;
use moorage_operator::clock::Clock;
use moorage_operator::ledger::entries;
use moorage_operator::object::Keyed as _;
use rcgen::{KeyPair, PublicKeyData as _};
use serde_json::{Map, Value, json};
use x509_parser::prelude::{FromDer as _, Pem, X509Certificate};

use super::look::Watcher;
use super::{Outcome, assert_untold, told};
use crate::apiserver::ApiServer;
use crate::signing::{authority, authority_of};

const PLATFORM: &str = "wind-platform";
const DEVICE: (&str, &str) = ("wind", "wind-turbine-1");
const AUTHORITY: &str = "wind-ca-2026";

/// The Secret of an authority or of a device, as people and cert-manager bring it: its certificate or chain, an empty line, and its key.
/// `{certificate}` and its like stand for what is made anew in each process. Behind another empty line is what to change in such a
/// certificate: two bytes say where, the third how.
pub fn certificates(data: &[u8]) -> Outcome {
    let (chain, rest) = halves(data);
    let (key, edits) = halves(rest);
    let (Ok(chain), Ok(key)) = (str::from_utf8(chain), str::from_utf8(key)) else { return Outcome::Refused };
    let (chain, key) = (filled(chain, edits), filled(key, edits));
    is_read_as_a_device_s(&chain, &key);
    let Ok(authority) = Authority::from_pem(&chain).inspect_err(|error| tells_nothing(&[&chain, &key], &told(error))) else {
        is_issued_by_the_operator(&chain, &key, None);
        return Outcome::Refused;
    };
    assert_eq!(Authority::from_pem(&authority.pem()).as_ref(), Ok(&authority), "what is read can be written, and read again");
    assert!(!authority.subject().contains(char::is_control) && authority.subject().len() <= 1100, "nobody can be told that name");
    let issued = issued(&authority, &key);
    is_issued_by_the_operator(&chain, &key, issued.as_ref().map(|_| &authority));
    Outcome::of(issued.as_ref())
}

fn halves(data: &[u8]) -> (&[u8], &[u8]) {
    let at = data.windows(2).position(|two| two == b"\n\n");
    at.map_or((data, &[]), |at| (&data[..at], &data[at + 2..]))
}

/// Authorities with their keys, which open nothing, and a key of neither.
struct Made {
    certificates: [(&'static str, Vec<u8>); 3],
    keys: [(&'static str, String); 4],
}

fn made() -> &'static Made {
    static MADE: OnceLock<Made> = OnceLock::new();
    MADE.get_or_init(|| {
        let (ours, key) = authority("Wind devices 2026", |_| ()).expect("an authority");
        let rsa = KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).expect("a key");
        let of_rsa = authority_of("Wind devices 2027", &rsa, |_| ()).expect("an authority");
        let other = KeyPair::generate().expect("a key").serialize_pem();
        let der = |pem: &str| first(pem).expect("a certificate");
        let device = leaf(&Authority::from_pem(&ours).expect("an authority"), &key).expect("it signs");
        Made {
            certificates: [
                ("{certificate}", der(&ours)),
                ("{rsa certificate}", der(&of_rsa)),
                ("{device certificate}", der(device.certificate())),
            ],
            keys: [
                ("{device key}", device.expose_key().to_string()),
                ("{key}", key),
                ("{rsa key}", rsa.serialize_pem()),
                ("{other key}", other),
            ],
        }
    })
}

/// A text with what its words stand for.
fn filled(text: &str, edits: &[u8]) -> String {
    let keys = made().keys.iter().fold(text.to_owned(), |text, (word, key)| text.replace(word, key));
    made().certificates.iter().fold(keys, |text, (word, der)| {
        let mut der = der.clone();
        for edit in edits.chunks_exact(3) {
            let at = usize::from(u16::from_be_bytes([edit[0], edit[1]])) % der.len();
            der[at] ^= edit[2];
        }
        text.replace(word, &format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", STANDARD.encode(der)))
    })
}

fn first(chain: &str) -> Option<Vec<u8>> {
    Some(Pem::iter_from_buffer(chain.as_bytes()).next()?.ok()?.contents)
}

/// A certificate of the authority for a device, if the key is the authority's.
fn issued(authority: &Authority, key: &str) -> Option<Leaf> {
    match leaf(authority, key) {
        Ok(leaf) => {
            is_of(authority, leaf.certificate(), leaf.expose_key());
            tells_nothing(&[key, leaf.expose_key()], &format!("{leaf:?}"));
            Some(leaf)
        }
        Err(error) => {
            tells_nothing(&[key], &told(&error));
            None
        }
    }
}

fn leaf(authority: &Authority, key: &str) -> Result<Leaf, IssueError> {
    let id = RegistrationId::parse(DEVICE.1).expect("an id");
    let life = ["2026-03-01T11:55:00Z", "2046-05-30T12:00:00Z"].map(|time| time.parse().expect("a time"));
    Leaf::issue(authority, key, &id, (life[0], life[1]))
}

/// What is taken for a device's has a key that is its own, and is vouched for by nobody who has not signed it.
fn is_read_as_a_device_s(chain: &str, key: &str) {
    let read = match Chain::from_pem(chain, key) {
        Ok(read) => read,
        Err(error) => return tells_nothing(&[chain, key], &told(&error)),
    };
    tells_nothing(&[chain, key], &format!("{read:?}"));
    assert!(!read.subject().contains(char::is_control) && read.subject().len() <= 1100, "nobody can be told that name");
    let authority = Authority::from_pem(&filled("{certificate}", &[])).expect("an authority");
    let shown = first(&read.certificate(&authority)).expect("a certificate");
    let (_, leaf) = X509Certificate::from_der(&shown).expect("a certificate");
    let key = KeyPair::from_pem(key).expect("a key");
    let by_the_key = first(&authority_of("whoever has the key", &key, |_| ()).expect("it signs")).expect("a certificate");
    let (_, by_the_key) = X509Certificate::from_der(&by_the_key).expect("a certificate");
    by_the_key.verify_signature(Some(leaf.public_key())).expect("the key is not the certificate's, and was taken all the same");
    let vouched = read.vouched_for(std::slice::from_ref(&authority), Clock::system().now()).is_ok();
    let (_, trusted) = X509Certificate::from_der(authority.der()).expect("a certificate");
    let alone = read.authorities("").is_ok_and(|above| above.is_empty());
    assert!(!vouched || !alone || leaf.verify_signature(Some(trusted.public_key())).is_ok(), "nobody has vouched for it");
}

/// A certificate of the device for its key, that opens doors and signs nothing, by an authority whose key has signed it.
fn is_of(authority: &Authority, chain: &str, key: &str) {
    let (_, issuer) = X509Certificate::from_der(authority.der()).expect("an authority");
    let leaf = first(chain).expect("a certificate");
    let (_, leaf) = X509Certificate::from_der(&leaf).expect("a certificate");
    leaf.verify_signature(Some(issuer.public_key())).expect("the key is not the authority's, and was taken all the same");
    assert_eq!(leaf.issuer().as_raw(), issuer.subject().as_raw());
    assert_eq!(leaf.subject().to_string(), format!("CN={}", DEVICE.1));
    assert!(!leaf.is_ca());
    let key = KeyPair::from_pem(key).expect("a key");
    assert_eq!(key.subject_public_key_info(), leaf.public_key().raw);
}

/// The operator issues a certificate exactly if there is one to be had, and says nothing of what the Secret holds.
fn is_issued_by_the_operator(chain: &str, key: &str, expected: Option<&Authority>) {
    thread_local! { static LOOKOUT: OnceCell<Watcher> = const { OnceCell::new() } }
    let cluster = LOOKOUT.with(|lookout| {
        let lookout = lookout.get_or_init(|| Watcher::of("s0-x509.yaml"));
        let mut beside = accepted(lookout, chain);
        beside.push(secret(chain, key));
        lookout.look_at_beside(lookout.object::<DeviceCredential>("DeviceCredential"), &beside)
    });
    let written = cluster.get("Secret", DEVICE.0, DEVICE.1);
    if let (Some(written), Some(authority)) = (&written, expected) {
        let entry = |name: &str| STANDARD.decode(written["data"][name].as_str().unwrap_or_default()).expect("base64");
        let [chain, key] = ["tls.crt", "tls.key"].map(|name| String::from_utf8(entry(name)).expect("a text"));
        is_of(authority, &chain, &key);
    }
    let ended = expected.is_some_and(|authority| authority.not_after() <= Clock::system().now());
    assert!(written.is_none() || expected.is_some(), "a certificate was issued that nobody could sign");
    assert!(written.is_some() || expected.is_none() || ended, "no certificate was issued: {}", said(&cluster));
    tells_nothing(&[key], &said(&cluster));
}

/// What the operator has told of the device.
fn said(cluster: &ApiServer) -> String {
    let status = cluster.get("DeviceCredential", DEVICE.0, DEVICE.1).unwrap_or_default()["status"].to_string();
    let events: Vec<_> = cluster.all("Event").iter().map(|event| event["note"].to_string()).collect();
    format!("{status} {}", events.join(" "))
}

fn secret(chain: &str, key: &str) -> Value {
    let data = [("tls.crt", chain), ("tls.key", key)].map(|(name, text)| (name, STANDARD.encode(text)));
    let data: Map<String, Value> = data.into_iter().map(|(name, text)| (name.to_owned(), text.into())).collect();
    json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": AUTHORITY, "namespace": PLATFORM }, "data": data })
}

/// What is written down of the service and of the group, once the service accepts whom the Secret names.
fn accepted(lookout: &Watcher, chain: &str) -> Vec<Value> {
    let (account, service) = (lookout.object::<CloudAccount>("CloudAccount"), lookout.object::<ProvisioningService>("ProvisioningService"));
    let group = lookout.object::<EnrollmentGroup>("EnrollmentGroup");
    let place = facts::service_place(&account.spec.azure.subscription_id, &service);
    let of_service = facts::ServiceFacts {
        id_scope: "0ne00000001".to_owned(),
        service_host: "wind-dps.azure-devices-provisioning.net".to_owned(),
        device_host: "global.azure-devices-provisioning.net".to_owned(),
    };
    let hub_group = lookout.object::<TenantHubGroup>("TenantHubGroup");
    let (hub, of_hubs) = ("wind-east-hub", facts::place_of_hubs(&account, &hub_group.spec.resource_group.name));
    let hubs = [format!("{hub}.azure-devices.net")];
    let of_hub = facts::HubFacts::written(&of_hubs, &hubs[0], Some(&service.key().name.to_string()));
    let authorities = Authority::from_pem(chain).map(|authority| (Slot::Primary, authority.thumbprint().to_string()));
    let of_group = facts::GroupFacts::written(&place, &hubs, None, &authorities.into_iter().collect::<Vec<_>>());
    let made = || entries::MADE.to_owned();
    vec![
        Watcher::page(&service.key(), &[(entries::SERVICE, made()), (entries::SERVICE_FACTS, of_service.written(&place))]),
        Watcher::page(&hub_group.key(), &[(&entries::of(entries::HUB, hub), made()), (&entries::of(entries::HUB_FACTS, hub), of_hub)]),
        Watcher::page(&group.key(), &[(entries::GROUP, made()), (entries::GROUP_FACTS, of_group)]),
    ]
}

/// Asserts that no line of these is told: each is enough to tell a part of a key.
fn tells_nothing(texts: &[&str], told: &str) {
    let lines = texts.iter().flat_map(|text| text.lines()).map(str::trim).filter(|line| !line.starts_with("-----"));
    lines.for_each(|line| assert_untold(line, told));
}
