//! `ProvisioningService`: one DPS, shared by tenants.
//!
//! A service that is made again has a new id scope, and every device in the field would be lost: so it is kept unless its owner
//! says `Delete` and confirms, and one that has vanished is not made again unasked.

use jiff::{SignedDuration, Timestamp};
use moorage_cloud::{Arm, Availability, Detail, LinkSeen, ProvisioningService as Document, ResourceId};
use moorage_crds::{
    Adoption, CommonStatus, DeletionPolicy, Headroom, ObjectRef, ProvisioningService, ProvisioningServiceStatus, annotations,
};
use moorage_plan::{Act, Goal, Plan, Reason, Standing, Target};
use serde_json::{Value, json};

use crate::{
    azure::{
        Context, Writer, accounts,
        arm_resource::ownership::{Maker, OWNER_TAG, Whose, by_tag, name_taken, older_claim, refusal},
        arm_resource::resource_group::{self, SeenGroup, State},
        clients::{self, Clients},
        cloud_path,
        dps::{
            self, MOST_LINKS,
            links::{self, tells_of_identities},
        },
        usage::Count,
    },
    cache::objects::Objects,
    controller::{
        context::Caches,
        kind::{Kind, Performed},
        reconcile::{
            dependents::users_to_wait_for,
            schedule::{patiently, soon},
        },
    },
    error::{Error, ObserveError, reached},
    ledger::entries::{self, ADOPTED, CLAIMED, MADE, RESOURCE_GROUP, SERVICE, recorded},
    object::{Dependency, Keyed, ObjectKey},
};

/// What was seen of a service's world.
pub enum Seen {
    /// It is to go, and the cloud is none of its business.
    Kept { users: Option<String> },
    /// It was looked at.
    Looked(Box<Looked>),
}

/// A look at a service.
pub struct Looked {
    group: SeenGroup,
    service: Option<Document>,
    /// Whether somebody in the world has its name, although no such service is seen; asked only before it could be created, or while
    /// it may be.
    name_is_taken: bool,
    whose: Whose,
    record: Option<String>,
    /// Whether anything is written down.
    noted: bool,
    granted: Adoption,
    users: Option<String>,
    /// Its enrollment groups, as they were counted last.
    groups: Option<Count>,
    /// Ledger entries of devices that are barred in the service.
    barred: Vec<(ObjectKey, String)>,
}

/// What can be done for a service.
#[derive(Debug)]
pub enum Action {
    CreateGroup {
        name: String,
        location: String,
    },
    DeleteGroup {
        name: String,
    },
    Create {
        id: ResourceId,
        location: String,
    },
    Delete {
        id: ResourceId,
    },
    Record {
        to: Option<&'static str>,
    },
    /// Gives the service a managed identity.
    EnableIdentity,
    /// Strikes what the ledger says of a device that was barred in the service, which is gone.
    ForgetBarred {
        owner: ObjectKey,
        entry: String,
    },
}

impl Act for Action {
    fn reason(&self) -> Reason {
        match self {
            Self::CreateGroup { .. } => Reason::CreateResourceGroup,
            Self::DeleteGroup { .. } => Reason::DeleteResourceGroup,
            Self::Create { .. } => Reason::CreateProvisioningService,
            Self::EnableIdentity => Reason::UpdateProvisioningService,
            Self::Delete { .. } => Reason::DeleteProvisioningService,
            Self::Record { to: Some(_) } => Reason::RecordClaim,
            Self::Record { to: None } | Self::ForgetBarred { .. } => Reason::DropClaim,
        }
    }

    fn note(&self) -> String {
        match self {
            Self::CreateGroup { name, location } => format!("Create resource group {name} in {location}"),
            Self::DeleteGroup { name } => format!("Delete resource group {name}, which is empty"),
            Self::Create { id, location } => format!("Create provisioning service {} in {location}", id.name),
            Self::EnableIdentity => "Give the provisioning service a managed identity".to_owned(),
            Self::Delete { id } => format!("Delete provisioning service {}", id.name),
            Self::Record { to: Some(to) } => format!("Write down that the provisioning service is {to}"),
            Self::Record { to: None } => "Strike the provisioning service from the ledger".to_owned(),
            Self::ForgetBarred { owner, .. } => format!("Strike what barred the device of {owner} from the ledger"),
        }
    }

    fn target(&self) -> Target {
        if matches!(self, Self::Record { .. } | Self::ForgetBarred { .. }) { Target::Cluster } else { Target::Cloud }
    }

    fn is_news(&self) -> bool {
        !matches!(self, Self::Record { .. } | Self::ForgetBarred { .. })
    }
}

impl Kind for ProvisioningService {
    const DRIFT_PERIOD: SignedDuration = SignedDuration::from_mins(30);
    type Clients = Clients;
    type Admitted = ();
    type Observed = Seen;
    type Action = Action;

    fn references(&self) -> Vec<Dependency> {
        vec![Dependency::Object(accounts::account_key(&self.spec.account_ref, &self.key().name.namespace))]
    }

    fn status(&self) -> Option<&CommonStatus> {
        self.status.as_ref().map(|status| &status.common)
    }

    /// It must outlive those who need it to undo what they made.
    fn has_something_to_undo(&self) -> bool {
        true
    }

    fn visible_to_dependents(&self) -> Value {
        let status = self
            .status
            .as_ref()
            .map(|status| (&status.id_scope, &status.service_operations_host, &status.device_provisioning_host, &status.principal_id));
        let groups = self.status.as_ref().and_then(|status| status.enrollment_groups);
        json!([self.spec, status, groups.is_some_and(|groups| groups.used >= groups.limit)])
    }

    fn cloud_path(&self, stores: &Objects) -> Option<String> {
        cloud_path::of_service(stores, self)
    }

    fn admit(&self, _: &Caches, _: Goal) -> Result<(), Standing> {
        Ok(())
    }

    async fn observe(&self, ctx: &Context, (): &(), goal: Goal) -> Result<Seen, ObserveError> {
        let key = self.key();
        let users = (goal == Goal::Absent).then(|| users_to_wait_for(&ctx.objects, &key)).flatten();
        let kept = goal == Goal::Absent && (self.spec.deletion_policy == DeletionPolicy::Retain || users.is_some());
        // Whoever has something to undo needs the hosts that the status tells, and a status can be lost.
        let told = self.status.as_ref().is_some_and(|status| status.service_operations_host.is_some());
        if kept && (users.is_none() || told) {
            return Ok(Seen::Kept { users });
        }
        let reach = accounts::reach(ctx, &self.spec.account_ref, &key.name.namespace, &self.spec.resource_group).await?;
        let id = self.id();
        let group = resource_group::observe(ctx, &reach.arm, &key, &id.group, goal == Goal::Absent).await?;
        let service = if group.state == State::Missing { None } else { links::read(&reach.arm, &id, tells_of_identities(self)).await? };
        let entries = ctx.ledger.of(&key);
        let record = recorded(&entries, SERVICE).map(str::to_owned);
        let could_be_overlooked = goal == Goal::Present || record.as_deref() == Some(CLAIMED);
        let name_is_taken = service.is_none() && could_be_overlooked && self.name_is_taken(&reach.arm).await?;
        let tag = service.as_ref().and_then(|service| service.tag(OWNER_TAG));
        let mut whose = by_tag(&ctx.owner_tag(&key), tag, record.as_deref(), |tag| ctx.is_living_owner(tag));
        let is_same = |other: &Self| other.spec.name.eq_ignore_ascii_case(&self.spec.name);
        if goal == Goal::Present && whose != Whose::Ours && older_claim(ctx, self, is_same).is_some() {
            whose = Whose::Theirs(Maker::Living);
        }
        let groups = if goal == Goal::Present && service.is_some() { self.count_groups(ctx).await } else { None };
        let barred = if goal == Goal::Absent { entries::of_enrollments_in(&ctx.ledger, &key) } else { Vec::new() };
        Ok(Seen::Looked(Box::new(Looked {
            group,
            service,
            name_is_taken,
            whose,
            record,
            noted: !entries.is_empty(),
            granted: reach.adoption,
            users,
            groups,
            barred,
        })))
    }

    fn plan(&self, seen: &Seen, goal: Goal, now: Timestamp) -> Plan<Action> {
        match (goal, seen) {
            (_, Seen::Kept { users: Some(users) }) => {
                Plan::wait(Reason::InUse, format!("still needed by {users} to undo what they made"), None)
            }
            (_, Seen::Kept { users: None }) => Plan::met(),
            (Goal::Present, Seen::Looked(seen)) => self.present(seen, now),
            (Goal::Absent, Seen::Looked(seen)) => self.absent(seen, now),
        }
    }

    async fn perform(&self, writer: &Writer<'_>, action: &Action) -> Performed {
        self.carry_out(writer, action).await.into()
    }

    fn headroom(&self, seen: &Seen) -> Vec<(&'static str, i64)> {
        let Seen::Looked(seen) = seen else { return Vec::new() };
        let left = |service: &Document| i64::try_from(MOST_LINKS.saturating_sub(service.links().len())).unwrap_or(0);
        let links = seen.service.as_ref().map(|service| ("linked_hubs", left(service)));
        links.into_iter().chain(seen.groups.map(|groups| ("enrollment_groups", groups.left()))).collect()
    }

    fn ready_message(&self, seen: &Seen) -> String {
        let Seen::Looked(seen) = seen else { return String::new() };
        let scope = seen.service.as_ref().and_then(Document::id_scope).map(|scope| scope.as_str().to_owned()).unwrap_or_default();
        format!("Provisioning service {} takes devices under id scope {scope}", self.spec.name)
    }

    fn build_status(&self, seen: &Seen, common: CommonStatus) -> Value {
        let looked = match seen {
            Seen::Looked(looked) => Some(&**looked),
            Seen::Kept { .. } => None,
        };
        let service = looked.and_then(|looked| looked.service.as_ref());
        let before = self.status.clone().unwrap_or_default();
        let status = match (looked, service) {
            (Some(looked), Some(service)) => ProvisioningServiceStatus {
                common,
                id_scope: service.id_scope().map(|scope| scope.as_str().to_owned()).or(before.id_scope),
                service_operations_host: service.service_host().map(str::to_owned).or(before.service_operations_host),
                device_provisioning_host: service.device_host().map(str::to_owned).or(before.device_provisioning_host),
                adopted: Some(looked.whose == Whose::Adopted),
                principal_id: service.principal().map(str::to_owned),
                linked_hubs: Some(links(&service.links())),
                enrollment_groups: looked.groups.map(Count::told),
            },
            (Some(_), None) => ProvisioningServiceStatus { common, ..ProvisioningServiceStatus::default() },
            (None, _) => ProvisioningServiceStatus { common, ..before },
        };
        serde_json::to_value(status).expect("a status serializes")
    }
}

fn links(links: &[LinkSeen]) -> Headroom {
    let count = |n: usize| i32::try_from(n).unwrap_or(i32::MAX);
    Headroom { used: count(links.len()), limit: count(MOST_LINKS) }
}

fn creation_failed(id: &ResourceId, error: moorage_cloud::Error) -> Error {
    let taken = error.detail() == Detail::NameTaken;
    let error = Error::cloud(format!("failed to create provisioning service {}", id.name), error);
    if taken { error.because(Reason::NameTaken) } else { error }
}

/// What a service decides, on its own document.
trait Decide {
    fn id(&self) -> ResourceId;
    fn count_groups(&self, ctx: &Context) -> impl Future<Output = Option<Count>> + Send;
    fn carry_out(&self, writer: &Writer<'_>, action: &Action) -> impl Future<Output = Result<(), Error>> + Send;
    fn name_is_taken(&self, arm: &Arm) -> impl Future<Output = Result<bool, Error>> + Send;
    fn present(&self, seen: &Looked, now: Timestamp) -> Plan<Action>;
    fn absent(&self, seen: &Looked, now: Timestamp) -> Plan<Action>;
}

impl Decide for ProvisioningService {
    fn id(&self) -> ResourceId {
        ResourceId { group: self.spec.resource_group.clone(), name: self.spec.name.clone() }
    }

    /// A count that fails holds nothing up: the last one stays until the next look.
    async fn count_groups(&self, ctx: &Context) -> Option<Count> {
        let key = self.key();
        let itself = ObjectRef { name: key.name.name.to_string(), namespace: None };
        let service = dps::service(ctx, &itself, &key.name.namespace, &key.name.namespace).await.ok()?;
        match dps::count_groups(ctx, &service).await {
            Ok(counted) => Some(counted),
            Err(halt) => {
                tracing::debug!(object = %key, ?halt, "the enrollment groups were not counted");
                ctx.clients.counts.last(&dps::groups_of(&service))
            }
        }
    }

    async fn carry_out(&self, writer: &Writer<'_>, action: &Action) -> Result<(), Error> {
        let key = self.key();
        let arm = match action {
            Action::Record { to: Some(to) } => return writer.record(&[(SERVICE.to_owned(), Some((*to).to_owned()))]).await,
            Action::Record { to: None } => {
                return writer.record(&[SERVICE, RESOURCE_GROUP].map(|entry| (entry.to_owned(), None))).await;
            }
            Action::ForgetBarred { owner, entry } => return writer.record_for(owner, &[(entry.clone(), None)]).await,
            _ => reached(accounts::reach(writer, &self.spec.account_ref, &key.name.namespace, &self.spec.resource_group).await)?.arm,
        };
        match action {
            Action::CreateGroup { name, location } => resource_group::create(writer, &arm, &key, name, location).await,
            Action::DeleteGroup { name } => resource_group::delete(writer, &arm, &key, name).await,
            Action::Create { id, location } => {
                let _turn = writer.clients.turn(&arm, id).await?;
                let service = Document::new(location).with_tag(OWNER_TAG, &writer.owner_tag(&key));
                let service = if tells_of_identities(self) { service.with_system_assigned_identity() } else { service };
                let put = arm.put_provisioning_service(writer.access(), id, &service).await;
                put.map(drop).map_err(|error| creation_failed(id, error))
            }
            Action::EnableIdentity => {
                let itself = ObjectRef { name: key.name.name.to_string(), namespace: None };
                let service = reached(dps::service(writer, &itself, &key.name.namespace, &key.name.namespace).await)?;
                let what = format!("the identity of provisioning service {}", service.id.name);
                let change = Document::with_system_assigned_identity;
                links::rewrite(writer, &service, true, &what, change).await.map(drop)
            }
            Action::Delete { id } => {
                let _turn = writer.clients.turn(&arm, id).await?;
                writer.clients.service_keys.forget(&clients::service_id(&arm, id));
                let deleted = arm.delete_provisioning_service(writer.access(), id).await;
                deleted.map_err(|error| Error::cloud(format!("failed to delete provisioning service {}", id.name), error))
            }
            Action::Record { .. } | Action::ForgetBarred { .. } => Ok(()),
        }
    }

    async fn name_is_taken(&self, arm: &Arm) -> Result<bool, Error> {
        let failed = |error| Error::cloud(format!("failed to ask for the name of provisioning service {}", self.spec.name), error);
        Ok(arm.provisioning_service_name(&self.spec.name).await.map_err(failed)? == Availability::Taken)
    }

    fn present(&self, seen: &Looked, now: Timestamp) -> Plan<Action> {
        let (id, name) = (self.id(), &self.spec.name);
        let create_group = |location| Action::CreateGroup { name: id.group.clone(), location };
        let Some(service) = &seen.service else {
            let lost = matches!(seen.record.as_deref(), Some(MADE | ADOPTED));
            if lost && self.annotation(annotations::RECREATE) != Some(name) {
                return Plan::stalled(
                    Reason::Vanished,
                    format!(
                        "provisioning service {name} has vanished from Azure; a new one has a new id scope, which every device must learn: \
                         restore it, or annotate this object with {}={name}",
                        annotations::RECREATE
                    ),
                );
            }
            if let Some(plan) = resource_group::missing(&seen.group, &id.group, Some(&self.spec.location), now, create_group) {
                return plan;
            }
            if seen.name_is_taken {
                return name_taken(&format!("provisioning service {name}"), &id.group, seen.record.as_deref(), now);
            }
            let mut actions = Vec::new();
            if seen.record.as_deref() != Some(CLAIMED) {
                actions.push(Action::Record { to: Some(CLAIMED) });
            }
            actions.push(Action::Create { id, location: self.spec.location.clone() });
            return Plan::act(actions, Reason::CreateProvisioningService, format!("Provisioning service {name} is being created"));
        };
        if let Whose::Theirs(maker) = seen.whose {
            let what = format!("provisioning service {name}");
            return refusal(&what, maker, self.spec.adoption, seen.granted).unwrap_or_else(|| {
                Plan::act(vec![Action::Record { to: Some(ADOPTED) }], Reason::RecordClaim, format!("{what} is being adopted"))
            });
        }
        match (service.provisioning_state(), service.state()) {
            (Some("Failed" | "Canceled"), _) => Plan::stalled(
                Reason::Invalid,
                format!("Azure failed to set provisioning service {name} up; see its activity log, delete it there, and it is made again"),
            ),
            (Some("Succeeded") | None, Some("Active") | None) if service.id_scope().is_some() => match (seen.whose, seen.record.as_deref())
            {
                (Whose::Ours, Some(MADE)) | (Whose::Adopted | Whose::Theirs(_), _) => {
                    let lacks_identity = tells_of_identities(self) && service.principal().is_none();
                    let note = format!("provisioning service {name} is being given an identity");
                    if !lacks_identity {
                        Plan::met()
                    } else if service.keeps_every_link() {
                        Plan::act(vec![Action::EnableIdentity], Reason::UpdateProvisioningService, note).usable(true)
                    } else {
                        let note = "the provisioning service has links that do not say how they work, which a write of ours might break";
                        Plan::stalled(Reason::UnknownLinks, note).usable(true)
                    }
                }
                (Whose::Ours, _) => Plan::act(
                    vec![Action::Record { to: Some(MADE) }],
                    Reason::RecordClaim,
                    format!("Provisioning service {name} is in place"),
                )
                .usable(true),
            },
            (state, _) => {
                let known = self.status.as_ref().is_some_and(|status| status.id_scope.is_some());
                let note = format!("provisioning service {name} is {}", state.unwrap_or("being set up"));
                Plan::wait(Reason::Provisioning, note, soon(now)).usable(known && service.id_scope().is_some())
            }
        }
    }

    fn absent(&self, seen: &Looked, now: Timestamp) -> Plan<Action> {
        let (id, name) = (self.id(), &self.spec.name);
        if let Some(users) = &seen.users {
            return Plan::wait(Reason::InUse, format!("still needed by {users} to undo what they made"), None);
        }
        if let Some(service) = seen.service.as_ref().filter(|_| seen.whose == Whose::Ours) {
            if service.provisioning_state() == Some("Deleting") || service.state() == Some("Deleting") {
                return Plan::wait(Reason::Provisioning, format!("provisioning service {name} is being deleted"), soon(now));
            }
            if !self.deletion_is_confirmed() {
                return Plan::wait(
                    Reason::AwaitingConfirmation,
                    self.confirmation("the id scope is lost for ever and every device must learn a new one"),
                    None,
                );
            }
            if !service.links().is_empty() {
                let note = format!("provisioning service {name} still has {} linked hubs; unlink them first", service.links().len());
                return Plan::wait(Reason::InUse, note, patiently(now));
            }
            return Plan::act(
                vec![Action::Delete { id }],
                Reason::DeleteProvisioningService,
                format!("Provisioning service {name} is being deleted"),
            );
        }
        if seen.name_is_taken {
            return name_taken(&format!("provisioning service {name}"), &id.group, seen.record.as_deref(), now);
        }
        if seen.service.is_none() && !seen.barred.is_empty() {
            let forget = |(owner, entry): &(ObjectKey, String)| Action::ForgetBarred { owner: owner.clone(), entry: entry.clone() };
            let actions = seen.barred.iter().map(forget).collect();
            return Plan::act(actions, Reason::DropClaim, "What barred devices is gone with the provisioning service");
        }
        let delete = || Action::DeleteGroup { name: id.group.clone() };
        if let Some(plan) = resource_group::leftover(&seen.group, &id.group, now, delete) {
            return plan;
        }
        if seen.noted {
            return Plan::act(vec![Action::Record { to: None }], Reason::DropClaim, "The ledger is being cleared");
        }
        Plan::met()
    }
}

#[cfg(test)]
mod tests;
