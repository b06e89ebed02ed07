//! Enrollments and authorities that nobody wrote over the API, and changes of them that no request makes.

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::azure::dps::attestation::Attestation;
use crate::azure::dps::certificate::{Certificate, KnownAuthority};
use crate::azure::dps::service::{Enrollment, Individual};
use crate::azure::state::Azure;

impl Azure {
    /// Makes an enrollment group with fresh keys that uses these hubs.
    pub fn add_group(&mut self, service: &str, id: &str, hubs: &[&str]) {
        let label = format!("service/{}/group/{id}", service.to_lowercase());
        let group = self.fresh_enrollment(&label, id, hubs);
        self.service_mut(service).groups.insert(id.to_owned(), group);
    }

    /// Makes an individual enrollment with fresh keys that uses every linked hub, in place of the one that is there.
    pub fn add_enrollment(&mut self, service: &str, registration: &str, enabled: bool) {
        let label = format!("service/{}/enrollment/{registration}", service.to_lowercase());
        let enrollment = Enrollment { enabled, ..self.fresh_enrollment(&label, registration, &[]) };
        let individual = Individual { enrollment, device: None };
        self.service_mut(service).individuals.insert(registration.to_lowercase(), individual);
    }

    /// Enables or disables an individual enrollment.
    ///
    /// # Panics
    /// There is no such enrollment.
    pub fn set_enrollment_enabled(&mut self, service: &str, registration: &str, enabled: bool) {
        let etag = format!("{:08x}", self.count());
        let individual = self.service_mut(service).individuals.get_mut(&registration.to_lowercase());
        let enrollment = &mut individual.expect("a wrong name is a mistake of the test's author").enrollment;
        (enrollment.enabled, enrollment.etag) = (enabled, etag);
    }

    /// Deletes an individual enrollment.
    pub fn delete_enrollment(&mut self, service: &str, registration: &str) {
        self.service_mut(service).individuals.remove(&registration.to_lowercase());
    }

    fn fresh_enrollment(&mut self, label: &str, id: &str, hubs: &[&str]) -> Enrollment {
        Enrollment {
            id: id.to_owned(),
            etag: format!("{:08x}", self.count()),
            attestation: Attestation::Keys {
                primary: self.keyring.long_key(&format!("{label}/primary")),
                secondary: self.keyring.long_key(&format!("{label}/secondary")),
            },
            enabled: true,
            allocation_policy: None,
            hubs: hubs.iter().map(|host| host.to_lowercase()).collect(),
            update_hub_assignment: true,
            migrate_device_data: true,
            rest: Map::new(),
            created: self.settled,
            updated: self.settled,
            visible_from: Timestamp::MIN,
        }
    }

    #[expect(clippy::panic, reason = "a wrong name is a mistake of the test's author")]
    fn group_mut(&mut self, service: &str, id: &str) -> &mut Enrollment {
        let etag = format!("{:08x}", self.count());
        let group = self.service_mut(service).groups.get_mut(id).unwrap_or_else(|| panic!("there is no group {id}"));
        group.etag = etag;
        group
    }

    /// Enables or disables an enrollment group.
    pub fn set_group_enabled(&mut self, service: &str, id: &str, enabled: bool) {
        self.group_mut(service, id).enabled = enabled;
    }

    /// Sets a field of a group that the service keeps as it was written.
    pub fn set_group_field(&mut self, service: &str, id: &str, name: &str, value: Value) {
        self.group_mut(service, id).rest.insert(name.to_owned(), value);
    }

    /// Such a field of a group.
    pub fn group_field(&self, service: &str, id: &str, name: &str) -> Option<Value> {
        self.provisioning().get(&service.to_lowercase())?.groups.get(id)?.rest.get(name).cloned()
    }

    /// Changes which hubs a group uses; none means all linked ones.
    pub fn set_group_hubs(&mut self, service: &str, id: &str, hubs: &[&str]) {
        self.group_mut(service, id).hubs = hubs.iter().map(|host| host.to_lowercase()).collect();
    }

    /// Has a device's record tell of another hub.
    #[expect(clippy::panic, reason = "a wrong name is a mistake of the test's author")]
    pub fn set_assigned_hub(&mut self, service: &str, registration: &str, host: &str) {
        let records = &mut self.service_mut(service).registrations;
        let record = records.get_mut(&registration.to_lowercase()).unwrap_or_else(|| panic!("{registration} has not registered"));
        record.hub = Some(host.to_lowercase());
    }

    /// Deletes an enrollment group.
    pub fn delete_group(&mut self, service: &str, id: &str) {
        self.service_mut(service).groups.remove(id);
    }

    /// An enrollment group's keys, if it has keys: primary, then secondary.
    pub fn group_keys(&self, service: &str, id: &str) -> Option<(String, String)> {
        let group = self.provisioning().get(&service.to_lowercase())?.groups.get(id)?;
        let [primary, secondary] = group.attestation.keys()?;
        Some((primary.clone(), secondary.clone()))
    }

    /// The keys of an individual enrollment, if it has keys: primary, then secondary.
    pub fn enrollment_keys(&self, service: &str, registration: &str) -> Option<(String, String)> {
        let individual = self.provisioning().get(&service.to_lowercase())?.individuals.get(&registration.to_lowercase())?;
        let [primary, secondary] = individual.enrollment.attestation.keys()?;
        Some((primary.clone(), secondary.clone()))
    }

    /// Uploads an authority's certificate to a provisioning service, verified, in place of the one of that name.
    ///
    /// # Panics
    /// The text is no certificate.
    pub fn add_authority(&mut self, service: &str, name: &str, pem: &str) {
        let certificate = Certificate::read(pem).expect("a wrong certificate is a mistake of the test's author");
        let (now, etag) = (self.settled, self.etag());
        let authority = KnownAuthority { name: name.to_owned(), certificate, verified: true, code: None, etag, created: now, updated: now };
        self.service_mut(service).authorities.insert(name.to_lowercase(), authority);
    }
}
