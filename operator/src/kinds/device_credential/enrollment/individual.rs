//! The individual enrollment of a device: keys of its own, in the hubs and by the policy of its group.

use std::hash::{DefaultHasher, Hash, Hasher};

use kube::Resource;
use moorage_cloud::{Cloud, DpsService, HubHost, IfMatch, IndividualEnrollment as Document, KeyPair, Reprovisioning};
use moorage_crds::{DeviceCredential, EnrollmentGroup, IndividualEnrollment, ProvisioningStatus, ReprovisionPolicy, annotations as names};
use moorage_keys::{DeviceId, RegistrationId, Thumbprint, keyed_digest};
use moorage_plan::{Reason, Standing, Why};
use serde_json::{Map, Value};

use crate::{
    azure::{
        Context,
        api_version::not_rewritten,
        dps,
        enrollment_group::{
            self,
            webhook::{Webhook, webhook},
        },
        facts::GroupFacts,
        twin,
    },
    controller::kind::Kind,
    error::{Error, ObserveError, bounded},
    kinds::device_credential::{
        enrollment::{
            ledger::{Meant, entries_of_enrolled, is_disabled_by_us, meant},
            seen::{MARK, bears_mark, disabled, is_really_gone, mark},
        },
        keys::generated::{CloudDocument, FoundInCloud, GeneratedKeys, LedgerNote, StoredKeys},
    },
    object::{Keyed, ObjectKey},
};

/// What the enrollment is to be like.
struct DesiredEnrollment<'a> {
    spec: &'a IndividualEnrollment,
    group: &'a EnrollmentGroup,
    /// Of its service.
    id_scope: Option<String>,
    hubs: Vec<HubHost>,
    /// What chooses among them, if the group has such a thing.
    webhook: Option<Webhook>,
    device: Option<DeviceId>,
    /// The tags of the initial twin, with the one that says whose the enrollment is.
    tags: Map<String, Value>,
    desired: Map<String, Value>,
}

/// An individual enrollment as it is asked for, if that makes sense.
#[derive(Clone, Debug)]
pub struct Individual {
    spec: IndividualEnrollment,
    device: Option<DeviceId>,
}

impl Individual {
    /// The enrollment that a spec asks for.
    ///
    /// # Errors
    /// `Invalid`, where a name is none, or is ours.
    pub fn of(spec: &IndividualEnrollment) -> Result<Self, Standing> {
        let wrong = |error| Standing::stalled(Reason::Invalid, format!("spec.individualEnrollment.deviceId: {error}"));
        let device = spec.device_id.as_deref().map(DeviceId::parse).transpose().map_err(wrong)?;
        if let Some(flaw) = spec.initial_twin.as_ref().and_then(|twin| twin::validate(twin, "spec.individualEnrollment.initialTwin")) {
            return Err(Standing::stalled(Reason::Invalid, flaw));
        }
        if spec.initial_twin.as_ref().is_some_and(|twin| twin.tags.read().contains_key(MARK)) {
            let note = format!("spec.individualEnrollment.initialTwin.tags.{MARK} is the operator's own tag; take it away");
            return Err(Standing::stalled(Reason::Invalid, note));
        }
        Ok(Self { spec: spec.clone(), device })
    }
}

/// Looks at a device's individual enrollment, unless that was done a short while ago.
pub async fn observe_individual(
    ctx: &Context,
    credential: &DeviceCredential,
    group: &EnrollmentGroup,
    id: &RegistrationId,
    individual: &Individual,
    stored: StoredKeys,
) -> Result<GeneratedKeys, ObserveError> {
    let key = credential.key();
    let of_service = enrollment_group::service_of(group);
    let what = format!("individual enrollment {id} in ProvisioningService {}", of_service.name);
    let desired_enrollment = DesiredEnrollment::of(ctx, credential, group, individual, webhook(ctx, group).await?)?;
    let meant = meant(ctx, &key, id, &of_service);
    let off = is_disabled_by_us(ctx, &key, id, &of_service);
    // A twin may be large, and what was seen is remembered for each device.
    let state = Thumbprint::of(desired_enrollment.state(&stored, (meant, off), &of_service).as_bytes()).to_string();
    let is_known = stored.live.is_some() && stored.pending.is_none() && !asks_for_a_look(credential);
    if is_known && ctx.clients.settled.fresh(&key, &state, ctx.clock.now()).is_some() {
        return Ok(GeneratedKeys::settled(what, stored, CloudDocument::Enrollment(Box::new(desired_enrollment.fresh(id)))));
    }
    let service = enrollment_group::service_for(ctx, group, &key.name.namespace).await?;
    let enrollments = dps::enrollments(ctx, &service).await?;
    let (there, keys) = match ask(&enrollments, id).await {
        Ok(found) => found,
        Err(error) => return Err(dps::refused(ctx, &service, error).await.into()),
    };
    if there.is_none() && meant.is_some() {
        is_really_gone(&enrollments, id).await?;
    }
    if there.is_none() && service.object.meta().deletion_timestamp.is_some() {
        let note = format!("ProvisioningService {} is being deleted, and no device is enrolled in it any more", of_service.name);
        return Err(ObserveError::reconciling(Reason::DependencyMissing, note));
    }
    // Its keys prove it where the ledger was lost.
    let is_proven = keys.is_some() && keys.as_ref() == stored.keys();
    let ours = |there: &Document| (meant.is_some() || is_proven) && bears_mark(ctx, &key, there);
    let there = there.map(|there| {
        let is_ours = ours(&there);
        there.made_by_us(is_ours)
    });
    let (is_enabled, enables) = (there.as_ref().is_none_or(Document::is_enabled), desired_enrollment.is_enabled());
    let obstacle = |there: &Document| {
        let disabled = || (enables && !is_enabled && !off).then(|| disabled(id, &of_service));
        let is_to_change = !desired_enrollment.differs(there).is_empty() || keys.as_ref() != stored.keys();
        let unspoken = || there.possible_loss().filter(|_| is_to_change).map(|loss| not_rewritten(&what, &loss));
        if ours(there) { disabled().or_else(unspoken) } else { Some(somebody_elses(id, &of_service)) }
    };
    let noted = |off: bool, text: String| LedgerNote { entries: entries_of_enrolled(id, &of_service, off), text };
    let found = there.as_ref().map(|there| FoundInCloud {
        obstacle: obstacle(there),
        keys: keys.clone(),
        differs: desired_enrollment.differs(there),
        over: IfMatch::of(there.etag()),
        proof: None,
    });
    // Until it is enabled again, the ledger says that it is for us to enable it.
    let stays_off = !enables || off && !is_enabled;
    let claim = if meant != Some(Meant::Enrolled) {
        Some(noted(stays_off, format!("Write down that we enroll registration id {id} in {}", of_service.name)))
    } else if stays_off && !off {
        Some(noted(true, format!("Write down that we disable the enrollment of {id} in {}", of_service.name)))
    } else if off && !stays_off {
        Some(noted(false, format!("Write down that the enrollment of {id} in {} is enabled", of_service.name)))
    } else {
        None
    };
    let wanted = CloudDocument::Enrollment(Box::new(desired_enrollment.over(there.unwrap_or_else(|| desired_enrollment.fresh(id)))));
    let generated = GeneratedKeys { what, stored, claim, there: found, wanted };
    if generated.is_settled() {
        ctx.clients.settled.keep(&key, state, (), ctx.clock.now());
    } else {
        ctx.clients.settled.forget(&key);
    }
    Ok(generated)
}

/// Whether somebody has asked for a look at the cloud that was not told to be done.
pub fn asks_for_a_look(credential: &DeviceCredential) -> bool {
    let told = credential.common_status().and_then(|told| told.sync_requested_at.as_deref());
    credential.annotation(names::SYNC_REQUESTED_AT).map(|text| bounded(text, 64)).as_deref() != told
}

async fn ask(enrollments: &DpsService, id: &RegistrationId) -> Result<(Option<Document>, Option<KeyPair>), Error> {
    let failed = |error| Error::cloud(format!("failed to look at the enrollment of {id}"), error);
    let there = enrollments.enrollment(id.as_str()).await.map_err(failed)?;
    let keys = if there.is_some() { enrollments.enrollment_keys(id.as_str()).await.map_err(failed)? } else { None };
    Ok((there, keys))
}

fn somebody_elses(id: &RegistrationId, service: &ObjectKey) -> Why {
    let note = format!(
        "registration id {id} has an individual enrollment in ProvisioningService {} that was not made for this object, and that is left \
         alone; delete it there, or take spec.individualEnrollment away",
        service.name
    );
    Why::new(Reason::AlreadyExists, note)
}

impl<'a> DesiredEnrollment<'a> {
    fn of(
        ctx: &Context,
        credential: &DeviceCredential,
        group: &'a EnrollmentGroup,
        individual: &'a Individual,
        webhook: Option<Webhook>,
    ) -> Result<Self, ObserveError> {
        let known = GroupFacts::of(ctx, group);
        let hosts = known.iter().flat_map(|known| &known.hubs);
        let cloud = known.as_ref().map_or_else(Cloud::public, |known| known.cloud);
        let hubs: Result<Vec<_>, _> = hosts.map(|host| cloud.hub_host(host)).collect();
        let elsewhere = |_| {
            ObserveError::reconciling(Reason::DependencyNotReady, format!("EnrollmentGroup {} names no hub of Azure", group.key().name))
        };
        let id_scope = known.map(|known| known.service.id_scope);
        let Individual { spec, device } = individual;
        let twin = spec.initial_twin.clone().unwrap_or_default();
        let mut tags = twin.tags.read();
        tags.insert(MARK.to_owned(), mark(ctx, &credential.key()));
        Ok(Self {
            spec,
            group,
            id_scope,
            hubs: hubs.map_err(elsewhere)?,
            webhook,
            device: device.clone(),
            tags,
            desired: twin.desired.read(),
        })
    }

    fn webhook(&self) -> Option<(&str, &str)> {
        self.webhook.as_ref().map(|webhook| (webhook.expose_url(), webhook.version.as_str()))
    }

    fn is_enabled(&self) -> bool {
        self.group.spec.provisioning_status == ProvisioningStatus::Enabled
    }

    fn is_edge(&self) -> bool {
        self.spec.capabilities.unwrap_or_default().iot_edge
    }

    fn reprovisioning(&self) -> Reprovisioning {
        match self.spec.reprovision_policy {
            ReprovisionPolicy::MigrateData => Reprovisioning::Migrate,
            ReprovisionPolicy::ResetData => Reprovisioning::Reset,
            ReprovisionPolicy::Never => Reprovisioning::Never,
        }
    }

    fn fresh(&self, id: &RegistrationId) -> Document {
        self.over(Document::of_device(id))
    }

    fn over(&self, there: Document) -> Document {
        there
            .with_hubs(enrollment_group::allocation(self.group), &self.hubs)
            .with_custom_allocation(self.webhook())
            .with_enabled(self.is_enabled())
            .with_reprovisioning(self.reprovisioning())
            .with_device_id(self.device.as_ref())
            .with_edge(self.is_edge())
            .with_initial_tags(self.tags.clone())
            .with_initial_desired(self.desired.clone())
    }

    /// What differs in an enrollment, by field.
    fn differs(&self, there: &Document) -> Vec<&'static str> {
        let sorted = |mut hosts: Vec<String>| {
            hosts.sort();
            hosts
        };
        let hubs = sorted(there.hubs().into_iter().map(str::to_lowercase).collect());
        let wanted = sorted(self.hubs.iter().map(|hub| hub.host().as_str().to_owned()).collect());
        let same =
            |there: Option<&Map<String, Value>>, wanted: &Map<String, Value>| there.map_or(wanted.is_empty(), |there| there == wanted);
        [
            ("iotHubs", hubs == wanted),
            ("allocationPolicy", there.allocation() == Some(enrollment_group::allocation(self.group))),
            ("customAllocationDefinition", there.custom_allocation() == self.webhook()),
            ("provisioningStatus", there.is_enabled() == self.is_enabled()),
            ("reprovisionPolicy", there.reprovisioning() == self.reprovisioning()),
            ("deviceId", there.device_id() == self.device.as_ref().map(DeviceId::as_str)),
            ("capabilities", there.is_edge() == self.is_edge()),
            ("initialTwin", same(there.initial_tags(), &self.tags) && same(there.initial_desired(), &self.desired)),
        ]
        .into_iter()
        .filter_map(|(field, same)| (!same).then_some(field))
        .collect()
    }

    /// What is looked for, in words: when it was seen so, and nothing of it has changed, there is no need to look.
    fn state(&self, stored: &StoredKeys, (meant, off): (Option<Meant>, bool), service: &ObjectKey) -> String {
        let hubs: Vec<_> = self.hubs.iter().map(ToString::to_string).collect();
        let keys = stored.live.as_ref().map(|keys| keyed_digest(&keys.primary, [keys.secondary.expose_bytes()]).to_string());
        let allocation = enrollment_group::allocation(self.group);
        // A service that is made anew under its name has another.
        let id_scope = self.id_scope.as_deref();
        let mut webhook = DefaultHasher::new();
        self.webhook().hash(&mut webhook);
        format!(
            "{service} {id_scope:?} {meant:?} {off} {keys:?} {hubs:?} {allocation:?} {:x} {} {:?}",
            webhook.finish(),
            self.is_enabled(),
            self.spec
        )
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::controller::linter::{metadata, read};
    use crate::object::KindName;

    const HOST: &str = "contoso-east.azure-devices.net";

    fn group() -> EnrollmentGroup {
        read(json!({
            "apiVersion": "moorage.dev/v1alpha1",
            "kind": "EnrollmentGroup",
            "metadata": metadata("platform", "press"),
            "spec": {
                "provisioningServiceRef": { "name": "dps" },
                "tenantHubGroupRef": { "name": "hubs" },
                "attestation": { "symmetricKey": {} },
            },
        }))
    }

    fn spec() -> IndividualEnrollment {
        read(json!({
            "deviceId": "Press-7",
            "capabilities": { "iotEdge": true },
            "reprovisionPolicy": "ResetData",
            "initialTwin": { "tags": { "hall": { "number": 4 } }, "desired": { "seconds": 30 } },
        }))
    }

    fn desired_enrollment<'a>(group: &'a EnrollmentGroup, spec: &'a IndividualEnrollment) -> DesiredEnrollment<'a> {
        let hubs = vec![moorage_cloud::Cloud::public().hub_host(HOST).expect("a hub")];
        let device = Some(DeviceId::parse("Press-7").expect("an id"));
        let twin = spec.initial_twin.clone().unwrap_or_default();
        DesiredEnrollment {
            spec,
            group,
            id_scope: Some("0ne00000001".to_owned()),
            hubs,
            webhook: None,
            device,
            tags: twin.tags.read(),
            desired: twin.desired.read(),
        }
    }

    /// The enrollment as the service shows it, with one field as somebody has changed it.
    fn there(field: &str, value: Value) -> Document {
        let mut shown = json!({
            "registrationId": "press-7",
            "deviceId": "Press-7",
            "attestation": { "type": "symmetricKey" },
            "provisioningStatus": "enabled",
            "allocationPolicy": "geoLatency",
            "iotHubs": [HOST],
            "reprovisionPolicy": { "updateHubAssignment": true, "migrateDeviceData": false },
            "capabilities": { "iotEdge": true },
            "initialTwin": { "tags": { "hall": { "number": 4 } }, "properties": { "desired": { "seconds": 30 } } },
            "optionalDeviceInformation": { "note": "somebody's" },
        });
        shown[field] = value;
        read(shown)
    }

    #[test]
    fn what_somebody_has_changed_is_found_by_its_field_and_put_right_and_the_rest_is_left() {
        let (group, spec) = (group(), spec());
        let desired_enrollment = desired_enrollment(&group, &spec);
        assert_eq!(desired_enrollment.differs(&there("etag", json!("1"))), Vec::<&str>::new());
        assert_eq!(
            desired_enrollment.differs(&desired_enrollment.fresh(&RegistrationId::parse("press-7").expect("an id"))),
            Vec::<&str>::new()
        );
        for (field, value) in [
            ("iotHubs", json!([HOST, "fabrikam.azure-devices.net"])),
            ("allocationPolicy", json!("hashed")),
            ("customAllocationDefinition", json!({ "webhookUrl": "https://elsewhere.example", "apiVersion": "2021-10-01" })),
            ("provisioningStatus", json!("disabled")),
            ("reprovisionPolicy", json!({ "updateHubAssignment": false, "migrateDeviceData": false })),
            ("deviceId", json!("press-7")),
            ("capabilities", Value::Null),
            ("initialTwin", json!({ "tags": {}, "properties": { "desired": { "seconds": 30 } } })),
            ("initialTwin", json!({ "tags": { "hall": { "number": 4 } } })),
        ] {
            let changed = there(field, value);
            assert_eq!(desired_enrollment.differs(&changed), [field]);
            let put_right = desired_enrollment.over(changed);
            assert_eq!(desired_enrollment.differs(&put_right), Vec::<&str>::new(), "{field}");
            assert!(format!("{put_right:?}").contains("somebody's"), "{field}");
        }
    }

    #[test]
    fn the_webhook_of_the_group_chooses_the_hub_of_this_device_as_well() {
        let (group, spec) = (group(), spec());
        let mut desired_enrollment = desired_enrollment(&group, &spec);
        desired_enrollment.webhook = Some(Webhook::new("https://choose.example?code=1", "2021-10-01"));
        assert_eq!(desired_enrollment.differs(&there("etag", json!("1"))), ["customAllocationDefinition"]);
        let state = |desired_enrollment: &DesiredEnrollment<'_>| {
            desired_enrollment.state(
                &StoredKeys::default(),
                (None, false),
                &ObjectKey::new(KindName::ProvisioningService, "platform", "dps"),
            )
        };
        let before = state(&desired_enrollment);
        desired_enrollment.webhook = Some(Webhook::new("https://choose.example?code=2", "2021-10-01"));
        assert_ne!(state(&desired_enrollment), before, "a look that was taken with another one is no look");
        assert!(!before.contains("choose.example"), "{before}");
    }

    #[test]
    fn a_look_into_a_service_that_was_made_anew_since_is_no_look() {
        let (group, spec) = (group(), spec());
        let service = ObjectKey::new(KindName::ProvisioningService, "platform", "dps");
        let mut desired = desired_enrollment(&group, &spec);
        let before = desired.state(&StoredKeys::default(), (None, false), &service);
        desired.id_scope = Some("0ne00000002".to_owned());
        assert_ne!(desired.state(&StoredKeys::default(), (None, false), &service), before);
    }

    #[test]
    fn a_device_of_a_disabled_group_is_refused_like_any_other_of_it() {
        let (mut group, spec) = (group(), spec());
        group.spec.provisioning_status = ProvisioningStatus::Disabled;
        assert_eq!(desired_enrollment(&group, &spec).differs(&there("etag", json!("1"))), ["provisioningStatus"]);
    }
}
