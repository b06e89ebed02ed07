//! The service API of provisioning services: enrollments and registrations.

use std::fmt;
use std::sync::Arc;

use azure_core::http::Method;
use moorage_keys::HostName;
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::{
    azure::{
        access_keys::KeyPair,
        client::{Azure, Shared},
        endpoints::{Cloud, Endpoint, HostError},
        models::{enrollment_group::EnrollmentGroup, individual_enrollment::IndividualEnrollment, registration::Registration},
        pipeline::{
            paging::{Continuation, MOST_PAGES, Page},
            request::{IfMatch, Operation},
            service_client::{Service, ServiceClient, endless, scope_of},
            version::ApiVersion,
        },
        sas::{PolicyKey, SasAuthorization},
    },
    error::Error,
    flow::{
        access::WriteAccess,
        limits::{Limit, Quota},
    },
};

const SERVICE: Service = Service::of_hosts("provisioning");
const VERSION: ApiVersion = ApiVersion::or_older("2026-11-01", "2021-10-01");
const DOMAIN: Endpoint = Endpoint {
    public: "azure-devices-provisioning.net",
    government: "azure-devices-provisioning.us",
    china: "azure-devices-provisioning.cn",
};
const DEVICE_REGISTRATION: Endpoint = Endpoint {
    public: "global.azure-devices-provisioning.net",
    government: "global.azure-devices-provisioning.us",
    china: "global.azure-devices-provisioning.cn",
};

/// The service API's host of a provisioning service, known to lie in the cloud's own domain.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DpsHost(HostName);

/// The enrollments and registrations of one provisioning service, by one of its shared access policies.
#[derive(Clone)]
pub struct DpsService {
    client: ServiceClient,
}

const fn operation(name: &'static str, step: &'static str, method: Method, template: &'static str) -> Operation {
    Operation { name, step, method, template, version: VERSION, quota: DpsService::QUOTA }
}

const GROUP: &str = "/enrollmentGroups/{}";
const GROUP_GET: Operation = operation("group.get", "read enrollment group", Method::Get, GROUP);
const GROUP_PUT: Operation = operation("group.put", "write enrollment group", Method::Put, GROUP);
const GROUP_DELETE: Operation = operation("group.delete", "delete enrollment group", Method::Delete, GROUP);
const GROUP_KEYS: Operation =
    operation("group.keys", "read keys of enrollment group", Method::Post, "/enrollmentGroups/{}/attestationmechanism");
const GROUP_QUERY: Operation = operation("group.query", "list enrollment groups", Method::Post, "/enrollmentGroups/query");
const ENROLLMENT: &str = "/enrollments/{}";
const ENROLLMENT_GET: Operation = operation("enrollment.get", "read individual enrollment", Method::Get, ENROLLMENT);
const ENROLLMENT_PUT: Operation = operation("enrollment.put", "write individual enrollment", Method::Put, ENROLLMENT);
const ENROLLMENT_DELETE: Operation = operation("enrollment.delete", "delete individual enrollment", Method::Delete, ENROLLMENT);
const ENROLLMENT_KEYS: Operation =
    operation("enrollment.keys", "read keys of individual enrollment", Method::Post, "/enrollments/{}/attestationmechanism");
const ENROLLMENT_QUERY: Operation = operation("enrollment.query", "list individual enrollments", Method::Post, "/enrollments/query");
const REGISTRATION: &str = "/registrations/{}";
const REGISTRATION_GET: Operation = operation("registration.get", "read registration", Method::Get, REGISTRATION);
const REGISTRATION_DELETE: Operation = operation("registration.delete", "delete registration", Method::Delete, REGISTRATION);
const REGISTRATION_QUERY: Operation =
    operation("registration.query", "list registrations of group", Method::Post, "/registrations/{}/query");

impl Cloud {
    /// Takes the host name of a provisioning service's service API, wherever it comes from.
    ///
    /// # Errors
    /// When it lies outside of the cloud's domain for provisioning services.
    pub fn dps_host(&self, text: &str) -> Result<DpsHost, HostError> {
        self.host_within(&DOMAIN, text).map(DpsHost)
    }

    /// The service API's host of the provisioning service of this name.
    ///
    /// # Errors
    /// When the name is no single label of a host name.
    pub fn dps_named(&self, name: &str) -> Result<DpsHost, HostError> {
        self.host_named(&DOMAIN, name).map(DpsHost)
    }

    /// Where devices register.
    pub fn device_registration(&self) -> HostName {
        self.host_of(&DEVICE_REGISTRATION)
    }

    /// Whether devices may be sent to a host to register: to one of this cloud's provisioning services, and to no other.
    pub fn registers_devices_at(&self, host: &str) -> bool {
        self.host_within(&DOMAIN, host).is_ok()
    }
}

impl DpsHost {
    /// The host name.
    pub fn host(&self) -> &HostName {
        &self.0
    }
}

impl fmt::Display for DpsHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Azure {
    /// The enrollments and registrations of one provisioning service.
    pub fn dps(&self, host: &DpsHost, policy: PolicyKey) -> DpsService {
        DpsService::new(self.shared().clone(), host, policy)
    }
}

impl DpsService {
    /// All calls of a service's service API: 1,000 a minute (Microsoft: "Azure subscription limits", Device Provisioning Service),
    /// a tenth of them left to others.
    pub const QUOTA: Quota = Quota { name: "enrollments", limit: Limit { burst: 100, per_minute: 800 } };

    pub(crate) fn new(shared: Arc<Shared>, host: &DpsHost, policy: PolicyKey) -> Self {
        let host = host.host().clone();
        let authorization = SasAuthorization::for_dps(host.clone(), policy, shared.clock.clone());
        let scope = scope_of(&host);
        Self { client: ServiceClient::new(shared, SERVICE, host, scope, Arc::new(authorization)) }
    }

    /// The same, with its calls counted as somebody's: budgets are shared fairly between all who pay from them.
    #[must_use]
    pub fn on_behalf_of(&self, payer: &str) -> Self {
        Self { client: self.client.on_behalf_of(payer) }
    }

    /// The service API's host.
    pub fn host(&self) -> &HostName {
        self.client.host()
    }

    /// Reads an enrollment group, which comes without its keys.
    ///
    /// # Errors
    /// When it cannot be known whether it is there.
    pub async fn group(&self, id: &str) -> Result<Option<EnrollmentGroup>, Error> {
        let reply = self.client.get_optional(GROUP_GET.call(&[id])).await?;
        reply.map(|reply| reply.document()).transpose()
    }

    /// Creates or replaces an enrollment group; an update goes with the `ETag` that was read, a creation without.
    ///
    /// # Errors
    /// Without sending anything when the group has no hubs, or is symmetric and lacks a key, or when something could be lost
    /// (see [`EnrollmentGroup::possible_loss`]); when the service refuses, or the answer is lost.
    pub async fn put_group(
        &self,
        access: &WriteAccess,
        id: &str,
        group: &EnrollmentGroup,
        condition: &IfMatch,
    ) -> Result<EnrollmentGroup, Error> {
        group.validate().map_err(|why| GROUP_PUT.not_sent(why))?;
        let call = GROUP_PUT.call(&[id]).read_in(group.0.read_in).if_match(condition.quoted()).body(group.to_send());
        self.client.write_whole(access, call, |spoken| group.loss_in(spoken)).await?.document()
    }

    /// Deletes an enrollment group, whose registrations stay; one that is not there is no error.
    ///
    /// # Errors
    /// When the service refuses, or the answer is lost.
    pub async fn delete_group(&self, access: &WriteAccess, id: &str, condition: &IfMatch) -> Result<(), Error> {
        self.client.remove(access, GROUP_DELETE.call(&[id]).if_match(condition.quoted())).await
    }

    /// Reads the keys of an enrollment group; none if the group is not there or not symmetric.
    ///
    /// # Errors
    /// When it cannot be known.
    pub async fn group_keys(&self, id: &str) -> Result<Option<KeyPair>, Error> {
        self.keys(GROUP_KEYS, id).await
    }

    async fn keys(&self, operation: Operation, id: &str) -> Result<Option<KeyPair>, Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Answer {
            symmetric_key: Option<KeyPair>,
        }
        let Some(reply) = self.client.get_optional(operation.call(&[id])).await? else { return Ok(None) };
        let answer: Answer = reply.json()?;
        Ok(answer.symmetric_key)
    }

    /// Asks for one enrollment group, whichever: whether the service answers us at all.
    ///
    /// # Errors
    /// When the service refuses, or does not answer.
    pub async fn probe(&self) -> Result<(), Error> {
        let query = br#"{"query":"SELECT * FROM enrollmentGroups"}"#;
        self.client.send(GROUP_QUERY.call(&[]).body(Zeroizing::new(query.to_vec())).page(1, None)).await.map(drop)
    }

    /// Lists every enrollment group; a service has a few hundred at most.
    ///
    /// # Errors
    /// When the service refuses, or its list does not end.
    pub async fn groups(&self) -> Result<Vec<EnrollmentGroup>, Error> {
        let query = br#"{"query":"SELECT * FROM enrollmentGroups"}"#;
        let mut groups = Vec::new();
        let mut after = None;
        for _ in 0..MOST_PAGES {
            let call = || GROUP_QUERY.call(&[]).body(Zeroizing::new(query.to_vec()));
            let page: Page<EnrollmentGroup> = self.client.page(call, after.as_ref()).await?;
            groups.extend(page.items);
            let Some(next) = page.next else { return Ok(groups) };
            after = Some(next);
        }
        Err(endless(GROUP_QUERY))
    }

    /// Reads the individual enrollment of a registration id, which comes without its keys.
    ///
    /// # Errors
    /// When it cannot be known whether it is there.
    pub async fn enrollment(&self, id: &str) -> Result<Option<IndividualEnrollment>, Error> {
        let reply = self.client.get_optional(ENROLLMENT_GET.call(&[id])).await?;
        reply.map(|reply| reply.document()).transpose()
    }

    /// Creates or replaces the individual enrollment of a registration id; an update goes with the `ETag` that was read, a
    /// creation without.
    ///
    /// # Errors
    /// Without sending anything when the enrollment is symmetric and lacks a key, or is enabled and has no hubs, or when
    /// something could be lost (see [`IndividualEnrollment::possible_loss`]); when the service refuses, or the answer is lost.
    pub async fn put_enrollment(
        &self,
        access: &WriteAccess,
        id: &str,
        enrollment: &IndividualEnrollment,
        condition: &IfMatch,
    ) -> Result<IndividualEnrollment, Error> {
        enrollment.validate().map_err(|why| ENROLLMENT_PUT.not_sent(why))?;
        let call = ENROLLMENT_PUT.call(&[id]).read_in(enrollment.0.read_in).if_match(condition.quoted()).body(enrollment.to_send());
        self.client.write_whole(access, call, |spoken| enrollment.loss_in(spoken)).await?.document()
    }

    /// Deletes the individual enrollment of a registration id, whose registration stays; one that is not there is no error.
    ///
    /// # Errors
    /// When the service refuses, or the answer is lost.
    pub async fn delete_enrollment(&self, access: &WriteAccess, id: &str, condition: &IfMatch) -> Result<(), Error> {
        self.client.remove(access, ENROLLMENT_DELETE.call(&[id]).if_match(condition.quoted())).await
    }

    /// Reads the keys of an individual enrollment; none if it is not there or not symmetric.
    ///
    /// # Errors
    /// When it cannot be known.
    pub async fn enrollment_keys(&self, id: &str) -> Result<Option<KeyPair>, Error> {
        self.keys(ENROLLMENT_KEYS, id).await
    }

    /// Reads one page of the individual enrollments, each with its device's record; the page after none is the first.
    ///
    /// # Errors
    /// When the service refuses.
    pub async fn enrollments(&self, after: Option<&Continuation>) -> Result<Page<IndividualEnrollment>, Error> {
        let query = br#"{"query":"SELECT * FROM enrollments"}"#;
        self.client.page(|| ENROLLMENT_QUERY.call(&[]).body(Zeroizing::new(query.to_vec())), after).await
    }

    /// Reads the record of a device that registered.
    ///
    /// # Errors
    /// When it cannot be known whether it is there.
    pub async fn registration(&self, id: &str) -> Result<Option<Registration>, Error> {
        let reply = self.client.get_optional(REGISTRATION_GET.call(&[id])).await?;
        reply.map(|reply| reply.json()).transpose()
    }

    /// Deletes the record of a device that registered, whose identity in its hub stays; one that is not there is no
    /// error.
    ///
    /// # Errors
    /// When the service refuses, or the answer is lost.
    pub async fn delete_registration(&self, access: &WriteAccess, id: &str, condition: &IfMatch) -> Result<(), Error> {
        self.client.remove(access, REGISTRATION_DELETE.call(&[id]).if_match(condition.quoted())).await
    }

    /// Reads one page of the records of an enrollment group's devices; the page after none is the first.
    ///
    /// # Errors
    /// When the service refuses.
    pub async fn registrations_of(&self, group: &str, after: Option<&Continuation>) -> Result<Page<Registration>, Error> {
        self.client.page(|| REGISTRATION_QUERY.call(&[group]), after).await
    }
}

impl fmt::Debug for DpsService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DpsService").field("host", self.client.host()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::DpsService;

    #[test]
    fn no_minute_has_more_calls_than_microsoft_grants() {
        let limit = DpsService::QUOTA.limit;
        assert!(limit.burst + limit.per_minute <= 1_000);
    }
}
