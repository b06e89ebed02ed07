//! What is seen of a provisioning service: its resource group, itself, and what is counted in it.

use std::collections::BTreeMap;
use std::sync::Arc;

use moorage_cloud::{Arm, Availability, ProvisioningService as Document, ResourceId};
use moorage_crds::{Adoption, ProvisioningService};
use moorage_plan::{Goal, Why};

use crate::{
    azure::{
        Context,
        arm_resource::{
            self, is_active,
            observe::Known,
            resource_group::{self, ObservedGroup, State},
        },
        dps,
        facts::{ServiceFacts, service_place},
        tags,
        usage::Count,
    },
    error::{Error, ObserveError},
    kinds::provisioning_service::admit::{Admitted, Grant},
    ledger::{
        Entries,
        entries::{self, SERVICE, recorded},
    },
    object::{Keyed, ObjectKey},
};

/// What was seen of a service's world.
pub enum Observed {
    /// It is to go, and the cloud is none of its business.
    Kept { users: Option<String> },
    /// It was looked at.
    Live(Box<LiveState>),
}

/// A look at a service.
pub struct LiveState {
    pub(super) group: ObservedGroup,
    pub(super) service: arm_resource::ObservedResource<Document>,
    /// Whether anything is written down.
    pub(super) noted: bool,
    pub(super) granted: Adoption,
    pub(super) users: Option<String>,
    /// Why it refuses the operator, if it does.
    pub(super) refusal: Option<Why>,
    /// Its enrollment groups, as they were counted last.
    pub(super) groups: Option<Count>,
    /// Ledger entries of devices that are disenrolled in the service.
    pub(super) disenrolled: Vec<(ObjectKey, String)>,
    /// Whether it was known before to those who rest on it.
    pub(super) is_known: bool,
    /// Where it is.
    pub(super) place: String,
    /// The tags that it is to have.
    pub(super) tags: BTreeMap<String, String>,
}

pub(super) fn id_of(object: &ProvisioningService) -> ResourceId {
    ResourceId { group: object.spec.resource_group.clone(), name: object.spec.name.clone() }
}

pub(super) async fn observe(
    object: &ProvisioningService,
    ctx: &Context,
    admitted: &Admitted,
    goal: Goal,
) -> Result<Observed, ObserveError> {
    match admitted {
        Admitted::Kept { users } => Ok(Observed::Kept { users: users.clone() }),
        Admitted::Granted(grant) => Ok(Observed::Live(Box::new(look(object, ctx, grant, goal).await?))),
    }
}

async fn look(object: &ProvisioningService, ctx: &Context, grant: &Grant, goal: Goal) -> Result<LiveState, ObserveError> {
    let (key, id) = (object.key(), id_of(object));
    let entries: Arc<Entries> = ctx.ledger.of(&key);
    let arm = grant.account.arm(ctx).await?;
    let mut group = resource_group::observe(ctx, &arm, &key, &id.group).await?;
    let document = if group.state == State::Missing { None } else { read(&arm, &id).await? };
    let known = Known {
        record: recorded(&entries, SERVICE).map(str::to_owned),
        is_wanted: goal == Goal::Present,
        is_contested: grant.holder.is_some(),
    };
    let name = async || -> Result<Availability, Error> {
        let asked = arm.provisioning_service_name(&id.name).await;
        asked.map_err(|error| Error::cloud(format!("failed to ask for the name of provisioning service {}", id.name), error))
    };
    let service = arm_resource::observe::observe(ctx, &key, document, known, name()).await?;
    if goal == Goal::Absent {
        resource_group::look_inside(&arm, &id.group, &mut group).await?;
    }
    let (refusal, groups) = match service.own().filter(|document| goal == Goal::Present && is_active(*document)) {
        Some(document) => use_it(object, ctx, document).await,
        None => (None, None),
    };
    Ok(LiveState {
        group,
        refusal,
        groups,
        is_known: ServiceFacts::of(&ctx.ledger, &key, &service_place(arm.subscription(), object), arm.cloud()).is_some(),
        place: service_place(arm.subscription(), object),
        tags: tags::wanted(ctx, &object.spec.tags),
        service,
        noted: entries::says_made(&entries),
        granted: grant.account.adoption,
        users: grant.users.clone(),
        disenrolled: if goal == Goal::Absent { entries::of_enrollments_in(&ctx.ledger, &key) } else { Vec::new() },
    })
}

async fn read(arm: &Arm, id: &ResourceId) -> Result<Option<Document>, Error> {
    let read = arm.provisioning_service(id).await;
    read.map_err(|error| Error::cloud(format!("failed to look at provisioning service {}", id.name), error))
}

/// Why a service refuses the operator, if it does, and how many enrollment groups it has.
async fn use_it(object: &ProvisioningService, ctx: &Context, document: &Document) -> (Option<Why>, Option<Count>) {
    let key = object.key();
    let namespace = &key.name.namespace;
    let Ok(service) = dps::service(ctx, &key.name, namespace, namespace).await else { return (None, None) };
    match dps::refusal(ctx, &service, document).await {
        Some(why) => (Some(why), ctx.clients.counts.last(&dps::groups_of(&service))),
        None => (None, count_groups(&key, ctx, &service).await),
    }
}

/// A count that fails holds nothing up: the last one stays until the next look.
async fn count_groups(key: &ObjectKey, ctx: &Context, service: &dps::Service) -> Option<Count> {
    match dps::count_groups(ctx, service).await {
        Ok(counted) => Some(counted),
        Err(halt) => {
            tracing::debug!(object = %key, ?halt, "the enrollment groups were not counted");
            ctx.clients.counts.last(&dps::groups_of(service))
        }
    }
}
