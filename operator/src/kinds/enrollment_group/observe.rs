//! What a group needs to know: its provisioning service, its tenant's hubs, its keys, and itself in DPS.

use std::sync::Arc;

use moorage_cloud::{Cloud, DpsService, EnrollmentGroup as Document, HubHost, KeyPair, Signers};
use moorage_crds::{DeletionPolicy, EnrollmentGroup, TenantHubGroup};
use moorage_keys::RegistrationId;
use moorage_plan::{Goal, Reason};

use super::keys::{has_keys, id_of, is_ours, secret_of, stored_keys};
use super::{
    signers::{issues, signers},
    twin,
};
use crate::{
    azure::{
        Context,
        arm_resource::ownership::older_claim,
        dps::{self, Service},
        enrollment_group::{
            hub_group_of, service, service_of,
            webhook::{Webhook, webhook},
        },
        usage::Count,
    },
    controller::reconcile::dependents::users_to_wait_for,
    error::{Error, ObserveError},
    ledger::entries::{APPLIED, CLAIMED, GROUP, recorded},
    object::{Keyed, NamespacedName, ObjectKey},
};

/// What was seen of a group's world.
pub enum Seen {
    /// It is to go, and the cloud is none of its business.
    Kept { users: Option<String> },
    /// It was looked at.
    Looked(Box<Looked>),
}

/// A look at a group.
pub struct Looked {
    pub(super) group: Option<Document>,
    /// The keys that DPS holds.
    pub(super) keys: Option<KeyPair>,
    /// The keys that the Secret holds.
    pub(super) stored: Option<KeyPair>,
    /// Who signs the devices' certificates, as the spec and its Secrets say; `None` for a group of keys.
    pub(super) signers: Option<Signers>,
    /// Whether the authority's key is in the cluster, so that credentials can be issued.
    pub(super) issues: bool,
    /// What chooses the devices' hub, if the spec names it.
    pub(super) webhook: Option<Webhook>,
    /// Hosts of the tenant's hubs that can take devices; `None` while that cannot be said.
    pub(super) hubs: Option<Vec<HubHost>>,
    pub(super) record: Option<String>,
    /// See [`APPLIED`].
    pub(super) applied: Option<String>,
    /// Whether devices have registered through it; asked only when it could be removed.
    pub(super) has_registrations: bool,
    /// The groups of keys that the service has; asked only when one more is to be made.
    pub(super) others: Option<Count>,
    /// Whether there is a Secret with its keys; asked only when the group is to go.
    pub(super) keys_secret_is_ours: bool,
    pub(super) id_scope: Option<String>,
    pub(super) provisioning_host: Option<String>,
}

pub(super) async fn observe(group: &EnrollmentGroup, ctx: &Context, goal: Goal) -> Result<Seen, ObserveError> {
    let key = group.key();
    if goal == Goal::Absent {
        let users = users_to_wait_for(&ctx.objects, &key);
        if group.spec.deletion_policy == DeletionPolicy::Retain || users.is_some() {
            return Ok(Seen::Kept { users });
        }
    }
    RegistrationId::parse(id_of(group))
        .map_err(|error| ObserveError::stalled(Reason::Invalid, format!("the enrollment group's id: {error}")))?;
    if let Some(older) = older_rival(ctx, group).filter(|_| goal == Goal::Present) {
        let note = format!(
            "enrollment group {} belongs to EnrollmentGroup {}, which is older; choose another enrollmentGroupId, or delete one of the two",
            id_of(group),
            older.name
        );
        return Err(ObserveError::stalled(Reason::AlreadyExists, note));
    }
    if let Some(flaw) = group.spec.initial_twin.as_ref().and_then(twin::flaw).filter(|_| goal == Goal::Present) {
        return Err(ObserveError::stalled(Reason::Invalid, flaw));
    }
    let service = service(ctx, group).await?;
    let (enrollments, hubs) = match goal {
        Goal::Present => (Some(dps::enrollments(ctx, &service).await?), hubs(ctx, group, &service)?),
        Goal::Absent => (dps::enrollments_to_leave(ctx, &service).await?, None),
    };
    let looked = look(group, ctx, enrollments.as_ref(), &service, hubs, goal).await;
    if let Err(ObserveError::Failed(error)) = &looked {
        ctx.clients.heed(&service, error);
    }
    looked.map(|looked| Seen::Looked(Box::new(looked)))
}

/// An older object that wants the group of the same name: a group has no tags that could tell whose it is.
fn older_rival(ctx: &Context, group: &EnrollmentGroup) -> Option<ObjectKey> {
    older_claim(ctx, group, |other: &EnrollmentGroup| service_of(other) == service_of(group) && id_of(other) == id_of(group))
}

async fn look(
    group: &EnrollmentGroup,
    ctx: &Context,
    enrollments: Option<&DpsService>,
    service: &Service,
    hubs: Option<Vec<HubHost>>,
    goal: Goal,
) -> Result<Looked, ObserveError> {
    let id = id_of(group);
    let failed = |error| Error::cloud(format!("failed to look at enrollment group {id}"), error);
    let (mut found, mut keys, mut has_registrations) = (None, None, false);
    if let Some(enrollments) = enrollments {
        found = enrollments.group(id).await.map_err(failed)?;
        if found.is_some() {
            if has_keys(group) {
                keys = enrollments.group_keys(id).await.map_err(failed)?;
            }
            let leaving = goal == Goal::Absent;
            has_registrations = leaving && !enrollments.registrations_of(id, None).await.map_err(failed)?.items.is_empty();
        }
    }
    let is_new = goal == Goal::Present && found.is_none() && has_keys(group);
    let others = if is_new { Some(dps::count_groups(ctx, service).await?) } else { None };
    let entries = ctx.ledger.of(&group.key());
    let record = recorded(&entries, GROUP).map(str::to_owned);
    let (stored, signers) = match (goal, record.as_deref()) {
        (Goal::Present, _) => proof(ctx, group).await?,
        // Only it can tell whether what is there is what we were about to make.
        (Goal::Absent, Some(CLAIMED)) if found.is_some() => unless_denied(proof(ctx, group).await.map(Some))?.unwrap_or_default(),
        (Goal::Absent, _) => (None, None),
    };
    let issues = goal == Goal::Present && issues(ctx, group).await?;
    let webhook = if goal == Goal::Present { webhook(ctx, group).await? } else { None };
    let keys_secret = match goal {
        Goal::Absent if has_keys(group) => unless_denied(ctx.secrets.meta(&secret_of(group)))?,
        Goal::Absent | Goal::Present => None,
    };
    let status = service.object.status.as_ref();
    Ok(Looked {
        group: found,
        keys,
        stored,
        signers,
        issues,
        webhook,
        hubs,
        record,
        applied: recorded(&entries, APPLIED).map(str::to_owned),
        has_registrations,
        others,
        keys_secret_is_ours: keys_secret.is_some_and(|meta| is_ours(group, &meta)),
        id_scope: status.and_then(|status| status.id_scope.clone()),
        provisioning_host: status.and_then(|status| status.device_provisioning_host.clone()),
    })
}

/// By what the group's devices prove themselves: keys that are stored, or who signs certificates.
async fn proof(ctx: &Context, group: &EnrollmentGroup) -> Result<(Option<KeyPair>, Option<Signers>), ObserveError> {
    if has_keys(group) { Ok((stored_keys(ctx, group).await?, None)) } else { Ok((None, signers(ctx, group).await?)) }
}

/// The namespace, and with it the right to look, may go before the group does.
fn unless_denied<T>(found: Result<Option<T>, ObserveError>) -> Result<Option<T>, ObserveError> {
    match found {
        Err(ObserveError::Blocked(_)) => Ok(None),
        found => found,
    }
}

fn hubs(ctx: &Context, group: &EnrollmentGroup, service: &Service) -> Result<Option<Vec<HubHost>>, ObserveError> {
    let at: NamespacedName = hub_group_of(group).name;
    let found: Option<Arc<TenantHubGroup>> = ctx.objects.of::<TenantHubGroup>().get(&at);
    let hub_group = found.ok_or_else(|| {
        ObserveError::reconciling(
            Reason::DependencyMissing,
            format!("TenantHubGroup {at} does not exist; create it, or correct spec.tenantHubGroupRef"),
        )
    })?;
    linked_hubs(ctx.clients.azure().cloud(), group, &hub_group, &service.object.key().name.namespace)
}

/// The hubs of the spec that are linked now. Never those of another tenant, and never none: an enrollment that names no hubs
/// uses all that are linked to the service (Microsoft Learn: "How to use allocation policies across IoT hubs").
pub(super) fn linked_hubs(
    cloud: &Cloud,
    group: &EnrollmentGroup,
    hub_group: &TenantHubGroup,
    services_namespace: &str,
) -> Result<Option<Vec<HubHost>>, ObserveError> {
    let at = hub_group.key().name;
    let namespace = &group.key().name.namespace;
    if at.namespace != *namespace && services_namespace != &**namespace {
        let note = format!(
            "hubs of namespace {} can be named here only by whoever owns the provisioning service; move this object to its namespace, or to that of the hubs",
            at.namespace
        );
        return Err(ObserveError::stalled(Reason::NotGranted, note));
    }
    let wanted = wanted_hubs(group, hub_group)?;
    let Some(status) = &hub_group.status else { return Ok(None) };
    let mut hosts = Vec::new();
    for hub in status.hubs.iter().filter(|hub| hub.linked && wanted.contains(&hub.name.as_str())) {
        let Some(host) = &hub.host_name else { continue };
        let host = cloud.hub_host(host);
        hosts.push(
            host.map_err(|_| {
                ObserveError::stalled(Reason::Invalid, format!("hub {} says that its host is one outside of Azure", hub.name))
            })?,
        );
    }
    hosts.sort_by(|a, b| a.host().as_str().cmp(b.host().as_str()));
    // While it is being set up, half of the hubs would draw all devices.
    let complete = hosts.len() == wanted.len();
    let settled = complete || group.status.as_ref().is_some_and(|status| !status.iot_hubs.is_empty());
    Ok((settled && !hosts.is_empty()).then_some(hosts))
}

/// The names of the hubs that the spec means: all of the hub group, or those that are named.
fn wanted_hubs<'a>(group: &EnrollmentGroup, hub_group: &'a TenantHubGroup) -> Result<Vec<&'a str>, ObserveError> {
    let there = || hub_group.spec.hubs.iter().map(|hub| hub.name.as_str());
    let named = &group.spec.hubs;
    if let Some(unknown) = named.iter().find(|name| !there().any(|hub| hub.eq_ignore_ascii_case(name))) {
        let note = format!("TenantHubGroup {} has no hub {unknown}; add it there, or correct spec.hubs", hub_group.key().name);
        return Err(ObserveError::stalled(Reason::DependencyMissing, note));
    }
    Ok(there().filter(|hub| named.is_empty() || named.iter().any(|name| name.eq_ignore_ascii_case(hub))).collect())
}
