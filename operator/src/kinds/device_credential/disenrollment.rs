//! Barring a device from registering, and letting it in again.
//!
//! A disabled individual enrollment of the device's registration id bars it, whatever its group says (Microsoft Learn: "How to
//! disenroll a device from Azure IoT Hub Device Provisioning Service"). It outlives the credential, and so does the ledger entry
//! that says that it is ours: a credential of the same name finds it, and takes away nothing that somebody else wrote.

use std::sync::Arc;

use jiff::Timestamp;
use moorage_cloud::{DpsService, IfMatch, IndividualEnrollment, Registration, RegistrationStatus};
use moorage_crds::{DeviceCredential, DevicePolicy, EnrollmentGroup};
use moorage_keys::RegistrationId;
use moorage_plan::{Goal, Plan, Reason};
use serde_json::{Map, Value, json};

use super::home::{self, Home, Identity};
use super::observe::group_of;
use crate::{
    clouds,
    effects::Target,
    env::Env,
    error::{Error, Halt},
    key::{KindName, ObjectKey},
    kind::{Act, Kind},
    kinds::{enrollment_group, ownership::recorded, reached, soon},
};

/// What the names of ledger entries begin with; the registration id follows, and their value is the provisioning service.
const ENTRY: &str = "disenrolled.";
/// Tag of the enrollment's initial twin that says whose it is: an enrollment has no tags of its own.
const MARK: &str = "moorage";

/// A look at what bars a device.
pub struct Looked {
    id: RegistrationId,
    service: ObjectKey,
    /// The service is gone: there is nothing in which the device could register.
    nowhere: bool,
    enrollment: Option<IndividualEnrollment>,
    /// The device's record; asked only when it is to be removed.
    registration: Option<Registration>,
    /// Whether the enrollment bears our mark.
    marked: bool,
    /// Whether the ledger says that we wrote it, or were about to.
    recorded: bool,
    /// The device's identity, if that is to go as well.
    home: Option<Home>,
    /// Name of the group, as sentences have it.
    group: String,
}

/// A step towards a device that cannot register, or back.
#[derive(Debug)]
pub enum Step {
    /// Writes the disabled enrollment.
    Bar { id: RegistrationId, over: IfMatch },
    /// Deletes the device's identity.
    Evict { identity: Identity },
    /// Deletes the record of the device's registration.
    Forget { id: RegistrationId, over: IfMatch },
    /// Deletes the disabled enrollment.
    Admit { id: RegistrationId, over: IfMatch },
    /// Writes into the ledger in which service the device is barred by us, or strikes it out.
    Record { id: RegistrationId, service: Option<String> },
}

impl Act for Step {
    fn reason(&self) -> Reason {
        match self {
            Self::Bar { .. } | Self::Forget { .. } => Reason::Disenroll,
            Self::Evict { .. } => Reason::Deprovision,
            Self::Admit { .. } => Reason::Reenroll,
            Self::Record { service: Some(_), .. } => Reason::RecordClaim,
            Self::Record { service: None, .. } => Reason::DropClaim,
        }
    }

    fn note(&self) -> String {
        match self {
            Self::Bar { id, .. } => format!("Bar registration id {id} by a disabled individual enrollment"),
            Self::Evict { identity } => format!("Delete device {} from hub {}", identity.device.as_str(), identity.hub),
            Self::Forget { id, .. } => format!("Delete the registration record of {id}"),
            Self::Admit { id, .. } => format!("Delete the individual enrollment that bars registration id {id}"),
            Self::Record { id, service: Some(service) } => format!("Write down that we bar registration id {id} in {service}"),
            Self::Record { id, service: None } => format!("Strike registration id {id}, which we no longer bar, from the ledger"),
        }
    }

    fn target(&self) -> Target {
        match self {
            Self::Bar { .. } | Self::Evict { .. } | Self::Forget { .. } | Self::Admit { .. } => Target::Cloud,
            Self::Record { .. } => Target::Cluster,
        }
    }

    fn is_news(&self) -> bool {
        !matches!(self, Self::Record { .. })
    }
}

/// The ledger entry of a registration id. Names in a `ConfigMap` have no colons, and registration ids no capitals.
fn entry(id: &RegistrationId) -> String {
    format!("{ENTRY}{}", id.as_str().replace(':', "C"))
}

/// Whether the ledger says that a device is barred by us, in that provisioning service.
pub(super) fn is_recorded(env: &Env, owner: &ObjectKey, id: &RegistrationId, service: &ObjectKey) -> bool {
    let entries = env.recorded(owner);
    !entries.is_empty() && recorded(&entries, &entry(id)) == Some(&service.at.to_string())
}

/// Another credential in whose name a device is barred in that provisioning service: it has the id now, and not the key to it.
pub(super) fn barred_for(env: &Env, owner: &ObjectKey, id: &RegistrationId, service: &ObjectKey) -> Option<ObjectKey> {
    let service = service.at.to_string();
    let others = env.ledger.owners_of(&entry(id)).into_iter();
    others.filter(|(other, there)| other != owner && *there == service).map(|(other, _)| other).next()
}

/// Where a device stands that is barred in another credential's name; `None` if what barred it is gone.
pub(super) fn barred_by_another(seen: &Looked, other: &ObjectKey) -> Option<Halt> {
    seen.enrollment.as_ref().filter(|there| !there.is_enabled())?;
    let id = &seen.id;
    let note = format!(
        "registration id {id} is barred in ProvisioningService {} since DeviceCredential {} was deleted; delete the individual enrollment \
         {id} there, or delete this object and create that one again, and the device is let in",
        seen.service.at, other.at
    );
    Some(Halt::stuck(Reason::AlreadyExists, note))
}

/// The ledger entries of devices that we bar in a provisioning service, by owner.
pub(crate) fn recorded_in(env: &Env, service: &ObjectKey) -> Vec<(ObjectKey, String)> {
    let service = service.at.to_string();
    let owners = env.ledger.owners().into_iter().filter(|owner| owner.kind == KindName::DeviceCredential);
    let of_owner = |owner: ObjectKey| {
        let entries = env.recorded(&owner);
        let here = entries.iter().filter(|(entry, value)| entry.starts_with(ENTRY) && **value == service);
        here.map(|(entry, _)| (owner.clone(), entry.clone())).collect::<Vec<_>>()
    };
    owners.flat_map(of_owner).collect()
}

/// Looks at the individual enrollment of a device, and, when that is to be removed, at its record.
pub(super) async fn look(
    credential: &DeviceCredential,
    env: &Env,
    group: &EnrollmentGroup,
    id: RegistrationId,
    goal: Goal,
) -> Result<Looked, Halt> {
    let service =
        clouds::service(env, &group.spec.provisioning_service_ref, &group.key().at.namespace, &credential.key().at.namespace).await?;
    let enrollments = match goal {
        Goal::Present => Some(clouds::enrollments(env, &service).await?),
        Goal::Absent => clouds::enrollments_to_leave(env, &service).await?,
    };
    let (enrollment, registration) = match &enrollments {
        Some(enrollments) => ask(enrollments, &id, goal).await.inspect_err(|error| env.clouds.heed(&service, error))?,
        None => (None, None),
    };
    let nowhere = enrollments.is_none();
    let (owner, service) = (credential.key(), enrollment_group::service_of(group));
    let marked =
        enrollment.as_ref().is_some_and(|there| there.initial_tags().is_some_and(|tags| tags.get(MARK) == Some(&mark(env, &owner))));
    let recorded = is_recorded(env, &owner, &id, &service);
    let evicts = goal == Goal::Absent && credential.spec.deletion_policy == DevicePolicy::Deprovision;
    let home = evicts.then(|| home::home(env, group, &id, registration.as_ref()));
    Ok(Looked { id, service, nowhere, enrollment, registration, marked, recorded, home, group: home::name_of(group) })
}

async fn ask(
    enrollments: &DpsService,
    id: &RegistrationId,
    goal: Goal,
) -> Result<(Option<IndividualEnrollment>, Option<Registration>), Error> {
    let failed = |error| Error::cloud(format!("failed to look at the enrollment of {id}"), error);
    let enrollment = enrollments.enrollment(id.as_str()).await.map_err(failed)?;
    let registration = match goal {
        Goal::Absent => enrollments.registration(id.as_str()).await.map_err(failed)?,
        Goal::Present => None,
    };
    Ok((enrollment, registration))
}

/// What is done so that the device cannot register: the enrollment first, for a device that registers meanwhile would have its
/// record again; then, on a fresh look, its identity, which only the record tells of; then the record, as often as there is one.
pub(super) fn bar(seen: &Looked, now: Timestamp) -> Plan<Step> {
    let id = &seen.id;
    let note = format!("Registration id {id} is being barred");
    if seen.nowhere {
        let strike = Step::Record { id: id.clone(), service: None };
        return if seen.recorded { Plan::act(vec![strike], Reason::DropClaim, note) } else { Plan::met() };
    }
    let write = |over| Step::Bar { id: id.clone(), over };
    let Some(there) = &seen.enrollment else {
        let claim = Step::Record { id: id.clone(), service: Some(seen.service.at.to_string()) };
        let steps = if seen.recorded { vec![write(IfMatch::Unset)] } else { vec![claim, write(IfMatch::Unset)] };
        return Plan::act(steps, Reason::Disenroll, note);
    };
    let ours = seen.marked && seen.recorded;
    match (there.is_enabled(), ours) {
        (true, true) => return Plan::act(vec![write(IfMatch::of(there.etag()))], Reason::Disenroll, note),
        (true, false) => {
            let note = format!(
                "somebody has enrolled registration id {id} individually in ProvisioningService {}, and that is left alone; delete that \
                 enrollment, or set spec.deletionPolicy: Retain",
                seen.service.at
            );
            return Plan::stuck(Reason::AlreadyExists, note);
        }
        (false, _) => {}
    }
    let mut steps = Vec::new();
    if seen.recorded && !seen.marked {
        steps.push(Step::Record { id: id.clone(), service: None });
    }
    if let (Some(record), Some(home)) = (&seen.registration, &seen.home) {
        if record.status() == Some(RegistrationStatus::Assigning) {
            return Plan::wait(Reason::Provisioning, format!("Registration id {id} is registering at this moment"), soon(now));
        }
        match home {
            Home::Nowhere => {}
            Home::In(identity) => steps.push(Step::Evict { identity: identity.clone() }),
            Home::Elsewhere(hub) => return home::out_of_reach(hub, &seen.group),
        }
    }
    if let Some(record) = &seen.registration {
        steps.push(Step::Forget { id: id.clone(), over: IfMatch::of(record.etag()) });
    }
    if steps.is_empty() { Plan::met() } else { Plan::act(steps, Reason::Disenroll, note) }
}

/// What is done so that a device that we barred can register through its group again.
pub(super) fn admit(seen: &Looked) -> Plan<Step> {
    let id = &seen.id;
    let strike = Step::Record { id: id.clone(), service: None };
    let note = format!("Registration id {id} is being let in again");
    match &seen.enrollment {
        None => Plan::act(vec![strike], Reason::DropClaim, note),
        Some(there) if seen.marked && seen.recorded && !there.is_enabled() => {
            let admit = Step::Admit { id: id.clone(), over: IfMatch::of(there.etag()) };
            Plan::act(vec![admit, strike], Reason::Reenroll, note)
        }
        Some(_) => Plan::stuck(
            Reason::AlreadyExists,
            format!(
                "registration id {id} has an individual enrollment in ProvisioningService {} that is not the disabled one that we wrote, \
                 and that is left alone; delete it there, and the device can register through its group",
                seen.service.at
            ),
        ),
    }
}

/// Performs one step.
pub(super) async fn perform(credential: &DeviceCredential, env: &Env, step: &Step) -> Result<(), Error> {
    let key = credential.key();
    match step {
        Step::Record { id, service } => env.record(&key, &[(entry(id), service.clone())]).await,
        Step::Bar { id, over } => {
            let put = enrollments(credential, env).await?.put_enrollment(id.as_str(), &barring(env, &key, id), over).await;
            put.map(drop).map_err(|error| Error::cloud(format!("failed to bar registration id {id}"), error))
        }
        Step::Evict { identity } => home::evict(env, &*group(credential, env)?, identity).await,
        Step::Forget { id, over } => {
            let deleted = enrollments(credential, env).await?.delete_registration(id.as_str(), over).await;
            deleted.map_err(|error| Error::cloud(format!("failed to delete the registration record of {id}"), error))
        }
        Step::Admit { id, over } => {
            let deleted = enrollments(credential, env).await?.delete_enrollment(id.as_str(), over).await;
            deleted.map_err(|error| Error::cloud(format!("failed to let registration id {id} in again"), error))
        }
    }
}

pub(super) fn group(credential: &DeviceCredential, env: &Env) -> Result<Arc<EnrollmentGroup>, Error> {
    let at = group_of(credential).at;
    let gone = || Error::own(format!("EnrollmentGroup {at} does not exist"), moorage_plan::Class::Conflict);
    env.stores.enrollment_groups.get(&at).ok_or_else(gone)
}

pub(super) async fn enrollments(credential: &DeviceCredential, env: &Env) -> Result<DpsService, Error> {
    let group = group(credential, env)?;
    let (namespace, payer) = (group.key().at.namespace, credential.key().at.namespace);
    let service = reached(clouds::service(env, &group.spec.provisioning_service_ref, &namespace, &payer).await)?;
    reached(clouds::enrollments(env, &service).await)
}

/// The enrollment that bars a device. Its keys are drawn here and kept by nobody: with the device's own, a leaked or forgotten
/// Secret would open the door again as soon as somebody enabled the enrollment by hand. It names no hubs, for none is ever given.
fn barring(env: &Env, owner: &ObjectKey, id: &RegistrationId) -> IndividualEnrollment {
    let tags = Map::from_iter([(MARK.to_owned(), mark(env, owner))]);
    IndividualEnrollment::with_symmetric_keys(id, &enrollment_group::fresh_keys()).with_enabled(false).with_initial_tags(tags)
}

fn mark(env: &Env, owner: &ObjectKey) -> Value {
    json!({ "owner": env.owner_tag(owner) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::tests::now;

    const ID: &str = "contoso-press";

    fn enrollment(status: &str) -> IndividualEnrollment {
        let there = json!({ "registrationId": ID, "provisioningStatus": status, "etag": "\"1\"" });
        serde_json::from_value(there).expect("an enrollment")
    }

    fn seen(enrollment: Option<IndividualEnrollment>, marked: bool, recorded: bool) -> Looked {
        let service = ObjectKey::new(KindName::ProvisioningService, "platform", "dps");
        let id = RegistrationId::parse(ID).expect("an id");
        Looked {
            id,
            service,
            nowhere: false,
            enrollment,
            registration: None,
            marked,
            recorded,
            home: None,
            group: "platform/press".to_owned(),
        }
    }

    /// The actions, or where that leaves the device.
    fn told(plan: &Plan<Step>) -> Vec<String> {
        if plan.actions.is_empty() {
            return vec![plan.standing.why().map_or("Met".to_owned(), |why| why.reason.to_string())];
        }
        plan.actions.iter().map(|step| format!("{} {}", step.reason(), step.target().as_str())).collect()
    }

    #[test]
    fn a_device_is_barred_only_over_nothing_or_over_what_is_ours_and_first_that_is_written_down() {
        let barred = |there: Option<IndividualEnrollment>, marked, recorded| told(&bar(&seen(there, marked, recorded), now()));
        assert_eq!(barred(None, false, false), ["RecordClaim cluster", "Disenroll cloud"]);
        assert_eq!(barred(None, false, true), ["Disenroll cloud"]);
        assert_eq!(barred(Some(enrollment("disabled")), true, true), ["Met"]);
        assert_eq!(barred(Some(enrollment("disabled")), false, false), ["Met"]);
        assert_eq!(barred(Some(enrollment("disabled")), false, true), ["DropClaim cluster"]);
        assert_eq!(barred(Some(enrollment("enabled")), true, true), ["Disenroll cloud"]);
        assert_eq!(barred(Some(enrollment("enabled")), true, false), ["AlreadyExists"]);
        assert_eq!(barred(Some(enrollment("enabled")), false, true), ["AlreadyExists"]);
    }

    #[test]
    fn nobody_need_be_barred_from_a_service_that_is_gone() {
        let gone = |recorded| told(&bar(&Looked { nowhere: true, ..seen(None, false, recorded) }, now()));
        assert_eq!((gone(false), gone(true)), (vec!["Met".to_owned()], vec!["DropClaim cluster".to_owned()]));
    }

    #[test]
    fn a_record_goes_after_the_device_is_barred_and_never_before() {
        let record = || serde_json::from_value(json!({ "registrationId": ID, "etag": "\"2\"" })).ok();
        let before = bar(&Looked { registration: record(), ..seen(None, false, true) }, now());
        assert!(matches!(before.actions[..], [Step::Bar { over: IfMatch::Unset, .. }]), "{before:?}");
        let after = bar(&Looked { registration: record(), ..seen(Some(enrollment("disabled")), true, true) }, now());
        assert!(matches!(after.actions[..], [Step::Forget { .. }]), "{after:?}");
    }

    #[test]
    fn a_deprovisioned_device_loses_its_identity_after_it_is_barred_and_before_its_record() {
        let record = |status: &str| serde_json::from_value(json!({ "registrationId": ID, "status": status })).ok();
        let hub = moorage_cloud::Cloud::public().hub_host("contoso-east.azure-devices.net").expect("a hub");
        let home = Home::In(Identity { hub, device: moorage_keys::DeviceId::parse(ID).expect("an id") });
        let barred = || seen(Some(enrollment("disabled")), true, true);
        let with = |home: Home, status| told(&bar(&Looked { registration: record(status), home: Some(home), ..barred() }, now()));
        assert_eq!(with(home.clone(), "assigned"), ["Deprovision cloud", "Disenroll cloud"]);
        assert_eq!(with(Home::Nowhere, "failed"), ["Disenroll cloud"]);
        assert_eq!(with(home.clone(), "assigning"), ["Provisioning"]);
        assert_eq!(with(Home::Elsewhere("fabrikam.azure-devices.net".to_owned()), "assigned"), ["NotGranted"]);
        let before = Looked { registration: record("assigned"), home: Some(home), ..seen(None, false, true) };
        assert_eq!(told(&bar(&before, now())), ["Disenroll cloud"]);
    }

    #[test]
    fn nothing_is_let_in_again_but_what_we_wrote_and_only_as_we_wrote_it() {
        let admitted = |there: Option<IndividualEnrollment>, marked, recorded| told(&admit(&seen(there, marked, recorded)));
        assert_eq!(admitted(Some(enrollment("disabled")), true, true), ["Reenroll cloud", "DropClaim cluster"]);
        assert_eq!(admitted(None, false, true), ["DropClaim cluster"]);
        assert_eq!(admitted(Some(enrollment("disabled")), false, true), ["AlreadyExists"]);
        assert_eq!(admitted(Some(enrollment("disabled")), true, false), ["AlreadyExists"]);
        assert_eq!(admitted(Some(enrollment("enabled")), true, true), ["AlreadyExists"]);
    }

    #[test]
    fn a_device_that_is_barred_in_anothers_name_is_told_of_as_long_as_it_is_barred() {
        let other = ObjectKey::new(KindName::DeviceCredential, "contoso", "old-press");
        let told = |there| match barred_by_another(&seen(there, false, false), &other) {
            Some(Halt::Standing(standing)) => standing.why().map(|why| why.note.clone()),
            _ => None,
        };
        let barred = told(Some(enrollment("disabled"))).unwrap_or_default();
        assert!(barred.starts_with("registration id contoso-press is barred in ProvisioningService platform/dps since DeviceCredential contoso/old-press was deleted"), "{barred}");
        assert_eq!(told(Some(enrollment("enabled"))), None);
        assert_eq!(told(None), None);
    }

    #[test]
    fn every_registration_id_has_a_ledger_entry_of_its_own_whose_name_a_config_map_takes() {
        let of = |id: &str| entry(&RegistrationId::parse(id).expect("an id"));
        assert_eq!(of("contoso:press.7_a"), "disenrolled.contosoCpress.7_a");
        let longest = of(&":".repeat(127).chars().chain(['a']).collect::<String>());
        assert!(longest.len() <= 253 && longest.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte)));
    }
}
