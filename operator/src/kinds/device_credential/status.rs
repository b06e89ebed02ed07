//! What is told of a credential.

use jiff::Timestamp;
use moorage_crds::{AssignedHub as HubStatus, CommonStatus, DeviceCredential, DeviceCredentialStatus, Slot, annotations as names};
use moorage_plan::Lifetime;

use crate::{
    cluster::Found,
    controller::context::Caches,
    kinds::device_credential::{
        assignment::hub::AssignedHub,
        certificate::{
            ObservedOutput,
            annotations::certificate_annotations_of,
            cert_manager::{ObservedCertManager, document::is_made_for},
            is_of_a_certificate, lifetime,
            registration_info::RegistrationInfo,
            signed_here::ObservedSignedHere,
        },
        keys::ObservedKeys,
        observe::{Observed, ObservedWithKeys},
        outputs::secret_content::Origin,
        plan::seed,
        secret::annotations::{annotation, key_annotations_of},
        subject::secret_of,
    },
};

/// The status that follows from what was seen.
pub fn build_status(credential: &DeviceCredential, seen: &Observed, common: CommonStatus) -> DeviceCredentialStatus {
    match seen {
        Observed::Nothing | Observed::Enrollment(_) | Observed::Identity(_) => {
            DeviceCredentialStatus { common, ..credential.status.clone().unwrap_or_default() }
        }
        Observed::Keys(seen) => status_of_keys(credential, seen, common),
        Observed::SignedHere(seen) => status_of_signed_here(credential, seen, common),
        Observed::CertManager(seen) => status_of_cert_manager(credential, seen, common),
    }
}

/// What the credential's Secret is good for, and until when.
pub fn ready_message(credential: &DeviceCredential, seen: &Observed) -> String {
    let until = match seen {
        Observed::Keys(seen) => seen.secret.as_ref().and_then(|secret| {
            let lives = key_annotations_of(&secret.meta).lives;
            seen.renewals.asked(&lives).first_to_end().map(|life| life.not_after)
        }),
        Observed::SignedHere(seen) => seen.seen.not_after(),
        Observed::CertManager(seen) => seen.seen.not_after(),
        Observed::Nothing | Observed::Enrollment(_) | Observed::Identity(_) => return String::new(),
    };
    let until = until.map(|until| format!(" until {}", until.strftime("%Y-%m-%d %H:%M UTC"))).unwrap_or_default();
    format!("Secret {} holds a working credential{until}", secret_of(credential))
}

/// Until when what the credential's Secret holds can be used, as its metadata says, or, where that cannot be read, as was told last.
pub fn usable_until(credential: &DeviceCredential, caches: &Caches) -> Timestamp {
    let Ok(meta) = caches.secrets.meta(&secret_of(credential)) else {
        return credential.status.as_ref().and_then(|told| told.not_after).unwrap_or(Timestamp::MAX);
    };
    let written = meta.filter(|meta| key_annotations_of(meta).revision > 0);
    written.map_or(Timestamp::MIN, |meta| {
        let life = if is_of_a_certificate(&meta) {
            certificate_annotations_of(&meta).life
        } else {
            key_annotations_of(&meta).lives.first_to_end()
        };
        life.map_or(Timestamp::MAX, |life| life.not_after)
    })
}

fn status_of_keys(credential: &DeviceCredential, seen: &ObservedWithKeys, common: CommonStatus) -> DeviceCredentialStatus {
    let meta = seen.secret.as_ref().map(|secret| &*secret.meta);
    let written = meta.map(key_annotations_of);
    let lives = written.as_ref().map(|written| seen.renewals.asked(&written.lives)).unwrap_or_default();
    let token = lives.first_to_end();
    let (registration_id, id_scope) = match &seen.origin {
        Origin::Service { registration_id, id_scope, .. } => (Some(registration_id), Some(id_scope)),
        Origin::Hub { .. } => (None, None),
    };
    DeviceCredentialStatus {
        common,
        registration_id: registration_id.map(|id| id.as_str().to_owned()),
        assigned_hub: hub_status(seen).map(Box::new),
        id_scope: id_scope.map(|scope| scope.as_str().to_owned()),
        secret_name: Some(secret_of(credential).name.to_string()),
        secret_resource_version: meta.and_then(|meta| meta.resource_version.clone()),
        revision: written.map(|written| written.revision),
        slot: Some(match &seen.keys {
            ObservedKeys::Derived(keys) => keys.slot,
            ObservedKeys::Generated(..) => Slot::Primary,
        }),
        not_before: token.map(|life| life.not_before),
        not_after: token.map(|life| life.not_after),
        reprovision_requested_at: meta.and_then(|meta| annotation(meta, names::REPROVISIONED)).cloned(),
        renewal_time: seen.renewals.due(&lives, seed(credential)),
    }
}

fn hub_status(seen: &ObservedWithKeys) -> Option<HubStatus> {
    if let Origin::Hub { hub, device } = &seen.origin {
        return Some(HubStatus { hub: hub.as_str().to_owned(), device_id: device.as_str().to_owned(), registered_at: None });
    }
    let assigned = seen.assigned.as_ref()?;
    let (hub, device_id) = match &assigned.assigned_hub {
        AssignedHub::Own(identity) => (identity.hub.to_string(), identity.device.as_str().to_owned()),
        AssignedHub::None | AssignedHub::Foreign => return None,
    };
    Some(HubStatus { hub, device_id, registered_at: assigned.registered })
}

/// What is told of a certificate.
pub fn status_of_signed_here(credential: &DeviceCredential, seen: &ObservedSignedHere, common: CommonStatus) -> DeviceCredentialStatus {
    let due = |life| lifetime::due(seen.renewal, &seen.source.authority, life, seed(credential));
    certificate_status(credential, &seen.source.registration_info, &seen.seen, common, due)
}

/// What is told of such a certificate.
pub fn status_of_cert_manager(credential: &DeviceCredential, seen: &ObservedCertManager, common: CommonStatus) -> DeviceCredentialStatus {
    let due = match &seen.found {
        Found::Certificate(certificate) if is_made_for(credential, &certificate.metadata) => certificate.status.renewal_time,
        Found::Certificate(_) | Found::Nothing | Found::NotInstalled => None,
    };
    certificate_status(credential, &seen.registration_info, &seen.seen, common, |_| due)
}

/// The same, wherever it was issued.
pub fn certificate_status(
    credential: &DeviceCredential,
    registration_info: &RegistrationInfo,
    seen: &ObservedOutput,
    common: CommonStatus,
    due: impl FnOnce(Lifetime) -> Option<Timestamp>,
) -> DeviceCredentialStatus {
    let meta = seen.secret.as_ref().map(|secret| &*secret.meta).filter(|meta| is_of_a_certificate(meta));
    let before = meta.map(certificate_annotations_of);
    let life = before.as_ref().and_then(|before| before.life);
    DeviceCredentialStatus {
        common,
        registration_id: Some(registration_info.registration_id.as_str().to_owned()),
        id_scope: Some(registration_info.id_scope.as_str().to_owned()),
        secret_name: Some(secret_of(credential).name.to_string()),
        secret_resource_version: meta.and_then(|meta| meta.resource_version.clone()),
        revision: before.map(|before| before.revision),
        not_before: life.map(|life| life.not_before),
        not_after: life.map(|life| life.not_after),
        renewal_time: life.and_then(due),
        reprovision_requested_at: meta.and_then(|meta| annotation(meta, names::REPROVISIONED)).cloned(),
        ..DeviceCredentialStatus::default()
    }
}
