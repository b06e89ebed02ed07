//! What the device of a credential is called, and what the credential refers to.

use kube::Resource;
use moorage_crds::{DeviceCredential, HubRef};
use moorage_keys::{DeviceId, RegistrationId};
use moorage_plan::{Reason, Standing};

use crate::{
    azure::{self, enrollment_group},
    object::{Dependency, Keyed, KindName, NamespacedName, ObjectKey},
};

/// Which device a credential is about, and where it belongs: there is none but of a credential that says so in valid names.
#[derive(Clone, Debug)]
pub enum Subject {
    /// It registers through an enrollment group.
    OfGroup {
        /// What it registers as.
        id: RegistrationId,
        /// Its group.
        group: ObjectKey,
    },
    /// It is created in a hub.
    InHub {
        /// What it is called there.
        device: DeviceId,
        /// The hub.
        hub: HubRef,
        /// The group of hubs that has it.
        hubs: ObjectKey,
    },
}

impl Subject {
    /// The subject of a credential.
    ///
    /// # Errors
    /// `Invalid`, where names are none or references are missing.
    pub fn of(credential: &DeviceCredential) -> Result<Self, Standing> {
        let invalid = |note: String| Standing::stalled(Reason::Invalid, note);
        if let Some(group) = group_of(credential) {
            let id = RegistrationId::parse(registration_id_of(credential));
            let id = id.map_err(|error| invalid(format!("{error}; set spec.registrationId of a new DeviceCredential")))?;
            return Ok(Self::OfGroup { id, group });
        }
        let none = || invalid("give exactly one of spec.enrollmentGroupRef and spec.hubRef".to_owned());
        let hub = credential.spec.hub_ref.as_deref().ok_or_else(none)?;
        let device = DeviceId::parse(device_of(credential));
        let device = device.map_err(|error| invalid(format!("{error}; set spec.deviceId of a new DeviceCredential")))?;
        Ok(Self::InHub { device, hub: hub.clone(), hubs: hub_group_of(credential, hub) })
    }
}

/// The name of the Secret that a credential is written to.
pub fn secret_of(credential: &DeviceCredential) -> NamespacedName {
    let key = credential.key();
    NamespacedName::new(&key.name.namespace, credential.spec.secret.name.as_deref().unwrap_or(&key.name.name))
}

/// What the device registers as, as it is written.
pub fn registration_id_of(credential: &DeviceCredential) -> &str {
    credential.spec.registration_id.as_deref().or(credential.meta().name.as_deref()).unwrap_or_default()
}

/// The group that a credential belongs to.
pub fn group_of(credential: &DeviceCredential) -> Option<ObjectKey> {
    let reference = credential.spec.enrollment_group_ref.as_ref()?;
    Some(enrollment_group::key_of(reference, &credential.key().name.namespace))
}

/// The hub group in whose hub a device is created.
pub fn hub_group_of(credential: &DeviceCredential, hub: &HubRef) -> ObjectKey {
    ObjectKey::new(KindName::TenantHubGroup, &credential.key().name.namespace, &hub.name)
}

/// What a credential's device is called in the hub that it is in, or will be.
pub fn device_of(credential: &DeviceCredential) -> &str {
    let spec = &credential.spec;
    let own = spec.individual_enrollment.as_ref().and_then(|enrollment| enrollment.device_id.as_deref());
    spec.device_id.as_deref().or(own).unwrap_or_else(|| registration_id_of(credential))
}

/// What a credential refers to for the sake of its device's name in hubs. Most devices are called what they register as, and are found
/// by that.
pub fn rights_in_hubs(credential: &DeviceCredential) -> Vec<Dependency> {
    let (device, in_a_hub) = (device_of(credential), credential.spec.hub_ref.is_some());
    let name = (in_a_hub || device != registration_id_of(credential)).then(|| azure::device_id(device));
    name.into_iter().chain(in_a_hub.then(|| azure::registration_id(device))).collect()
}
