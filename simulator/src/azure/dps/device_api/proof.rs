//! How a device proves to the provisioning service who it is.

use jiff::Timestamp;

use crate::azure::access::sas::Signature;
use crate::azure::dps::attestation::{Attestation, Slots};
use crate::azure::dps::certificate::Certificate;
use crate::azure::dps::service::{Credential, Enrollment, ProvisioningService, Through};
use crate::azure::dps::service_api::refusal::{missing, unauthorized};
use crate::azure::options::SecondKey;
use crate::azure::state::Azure;
use crate::engine::http::{Request, Response};
use crate::engine::tls::client_certificates::{self, Refusal};

/// A device that proved who it is.
pub(crate) struct Proved {
    pub service: String,
    pub registration: String,
    pub through: Through,
    pub credential: Credential,
}

/// Finds the enrollment that the device's key or certificate belongs to.
pub(crate) fn prove(azure: &mut Azure, name: &str, id: &str, request: &Request, now: Timestamp) -> Result<Proved, Response> {
    let by_certificate = request.header("authorization").is_none() && !request.peer.chain.is_empty();
    let (through, credential) =
        if by_certificate { certified(&azure.provisioning()[name], id, request, now)? } else { signed(azure, name, id, request, now)? };
    Ok(Proved { service: name.to_owned(), registration: id.to_owned(), through, credential })
}

fn signed(azure: &mut Azure, name: &str, id: &str, request: &Request, now: Timestamp) -> Result<(Through, Credential), Response> {
    let signature =
        request.header("authorization").and_then(Signature::parse).ok_or_else(|| unauthorized("No device credential was sent.", now))?;
    if signature.expired(now) {
        return Err(unauthorized("The signature has expired.", now));
    }
    let service = &azure.provisioning()[name];
    let wanted = format!("{}/registrations/{id}", service.id_scope).to_lowercase();
    if signature.resource.to_lowercase() != wanted {
        return Err(unauthorized("The signature is for another resource.", now));
    }
    let only_primary = azure.options.variants.second_key == SecondKey::Refused;
    let found = candidates(service, id, now)?.into_iter().find_map(|(through, enrollment)| {
        let key = key_used(&through, enrollment, id, &signature, only_primary)?;
        Some((through, key))
    });
    let (through, key) = found.ok_or_else(|| unauthorized("The signature fits no enrollment of this id.", now))?;
    azure.keyring.keep(key.clone());
    azure.keyring.keep(signature.sig);
    Ok((through, Credential::Key(key)))
}

fn certified(service: &ProvisioningService, id: &str, request: &Request, now: Timestamp) -> Result<(Through, Credential), Response> {
    let chain = &request.peer.chain[..];
    let [leaf, ..] = chain else {
        return Err(unauthorized(&Refusal::Missing.to_string(), now));
    };
    if !client_certificates::common_name(chain).is_some_and(|name| name.eq_ignore_ascii_case(id)) {
        return Err(unauthorized("The certificate's common name is not the registration id.", now));
    }
    let mut last = Refusal::UnknownIssuer;
    for (through, enrollment) in candidates(service, id, now)? {
        let checked = match service.anchors(&enrollment.attestation) {
            Anchors::None => continue,
            Anchors::Signers(signers) => client_certificates::signed_by(chain, &signers, now),
            Anchors::Leaves(leaves) => client_certificates::one_of(chain, &leaves, now),
        };
        match checked {
            Ok(()) => {
                let [sha1, _] = client_certificates::thumbprints(leaf);
                return Ok((through, Credential::Certificate(sha1)));
            }
            Err(Refusal::UnknownIssuer) => {}
            Err(refusal) => last = refusal,
        }
    }
    Err(unauthorized(&last.to_string(), now))
}

/// The enrollments that may let a registration id in: its own and no other, else every group, the one that did before first
/// (Microsoft Learn: "How to disenroll a device").
fn candidates<'a>(service: &'a ProvisioningService, id: &str, now: Timestamp) -> Result<Vec<(Through, &'a Enrollment)>, Response> {
    if let Some(individual) = service.individual(id) {
        return Ok(vec![(Through::Individual, &individual.enrollment)]);
    }
    let mut groups: Vec<&Enrollment> = service.groups.values().collect();
    if groups.is_empty() {
        return Err(missing(404_201, "EnrollmentNotFound: no enrollment for this id.", now));
    }
    if let Some(Through::Group(before)) = service.registrations.get(&id.to_lowercase()).map(|record| &record.through) {
        groups.sort_by_key(|group| group.id != *before);
    }
    Ok(groups.into_iter().map(|group| (Through::Group(group.id.clone()), group)).collect())
}

fn key_used(through: &Through, enrollment: &Enrollment, id: &str, signature: &Signature, only_primary: bool) -> Option<String> {
    let [primary, secondary] = through.device_keys(enrollment, id);
    let keys = [primary, secondary.filter(|_| !only_primary)];
    keys.into_iter().flatten().find(|key| signature.made_with(key))
}

/// What a client certificate is held against, in DER.
enum Anchors<'a> {
    /// No certificate opens the enrollment.
    None,
    /// One of these is at the top of the device's chain.
    Signers(Vec<&'a [u8]>),
    /// The device's certificate is one of these.
    Leaves(Vec<&'a [u8]>),
}

impl ProvisioningService {
    /// What the client certificate of a device of such an enrollment is held against.
    fn anchors<'a>(&'a self, attestation: &'a Attestation) -> Anchors<'a> {
        fn ders(slots: &Slots<Certificate>) -> Vec<&[u8]> {
            slots.filled().map(|certificate| certificate.der.as_slice()).collect()
        }
        match attestation {
            Attestation::Keys { .. } => Anchors::None,
            Attestation::Signers(slots) => Anchors::Signers(ders(slots)),
            Attestation::Leaves(slots) => Anchors::Leaves(ders(slots)),
            Attestation::References(names) => {
                let known = names.filled().filter_map(|name| self.certificate(name)).filter(|authority| authority.verified);
                Anchors::Signers(known.map(|authority| authority.certificate.der.as_slice()).collect())
            }
        }
    }
}
