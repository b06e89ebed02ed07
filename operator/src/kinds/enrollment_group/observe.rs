//! What a group needs to know: its provisioning service, its tenant's hubs, its keys, and itself in DPS.

use moorage_cloud::{Cloud, DpsService, EnrollmentGroup as Document, HubHost, KeyPair, Signers};
use moorage_crds::{EnrollmentGroup, TenantHubGroup};
use moorage_keys::Authority;
use moorage_plan::{Class, Goal, Reason};

use super::{
    admit::{Admitted, Sought, wanted_hubs},
    authorities::{issues, signers},
    keys::{are_generated, has_keys, id_of, is_ours, secret_of, stored_keys},
    succession::beside_former,
};
use crate::{
    azure::{
        Context,
        dps::{self, Service},
        enrollment_group::{
            payer_of,
            webhook::{Webhook, webhook},
        },
        facts::{GroupFacts, HubFacts, ServiceFacts},
        usage::Count,
    },
    error::{Error, ObserveError},
    ledger::entries::{ADOPTED, APPLIED, AUTHORITY, CLAIMED, DISABLED, FORMER_AUTHORITY, GROUP, MADE, is_in_place, recorded},
    object::Keyed,
};

/// What was seen of a group's world.
pub enum Observed {
    /// It is to go, and the cloud is none of its business.
    Kept { users: Option<String> },
    /// It was looked at.
    Live(Box<LiveState>),
}

/// A look at a group.
pub struct LiveState {
    pub(super) group: Option<Document>,
    /// The keys that DPS holds.
    pub(super) keys: Option<KeyPair>,
    /// The keys that the Secret holds.
    pub(super) stored: Option<KeyPair>,
    /// What the keys that the Secret holds say that the group is to us, where the ledger does not.
    pub(super) stored_as: &'static str,
    /// Who signs the devices' certificates, as the spec and its Secrets say; `None` for a group of keys.
    pub(super) signers: Option<Signers>,
    /// The authority that devices were issued by when it was last seen in place, as the ledger says.
    pub(super) issuing: Option<Authority>,
    /// The one before it, whose devices go on being accepted, as the ledger says.
    pub(super) former: Option<Authority>,
    /// Whether the authority's key is in the cluster, so that credentials can be issued.
    pub(super) issues: bool,
    /// What chooses the devices' hub, if the spec names it.
    pub(super) webhook: Option<Webhook>,
    /// Hosts of the tenant's hubs that can take devices; `None` while that cannot be said.
    pub(super) hubs: Option<Vec<HubHost>>,
    pub(super) record: Option<String>,
    /// See [`APPLIED`].
    pub(super) applied: Option<String>,
    /// See [`DISABLED`].
    pub(super) disabled: Option<String>,
    /// Whether devices have registered through it; asked only when it could be removed.
    pub(super) has_registrations: bool,
    /// The groups of keys that the service has; asked only when one more is to be made.
    pub(super) others: Option<Count>,
    /// Whether there is a Secret with its keys; asked only when the group is to go.
    pub(super) keys_secret_is_ours: bool,
    /// Where devices register.
    pub(super) service: Option<ServiceFacts>,
    /// Where the service is.
    pub(super) place: String,
}

pub(super) async fn observe(group: &EnrollmentGroup, ctx: &Context, admitted: &Admitted, goal: Goal) -> Result<Observed, ObserveError> {
    let Sought { service, hub_group } = match admitted {
        Admitted::Kept { users } => return Ok(Observed::Kept { users: users.clone() }),
        Admitted::Sought(sought) => &**sought,
    };
    let service = service.connect(ctx, &payer_of(ctx, group)).await?;
    let enrollments = match goal {
        Goal::Present => Some(dps::enrollments(ctx, &service).await?),
        Goal::Absent => dps::enrollments_to_leave(ctx, &service).await?,
    };
    let hubs = match hub_group {
        Some(hub_group) => {
            let names_hubs = GroupFacts::of(ctx, group).is_some_and(|known| !known.hubs.is_empty());
            linked_hubs(service.arm.cloud(), group, hub_group, &HubFacts::of(ctx, hub_group), names_hubs)?
        }
        None => None,
    };
    let looked = look(group, ctx, enrollments.as_ref(), &service, hubs, goal).await;
    match looked {
        Ok(looked) => Ok(Observed::Live(Box::new(looked))),
        Err(ObserveError::Failed(error)) => Err(dps::refused(ctx, &service, error).await.into()),
        Err(halt) => Err(halt),
    }
}

async fn look(
    group: &EnrollmentGroup,
    ctx: &Context,
    enrollments: Option<&DpsService>,
    service: &Service,
    hubs: Option<Vec<HubHost>>,
    goal: Goal,
) -> Result<LiveState, ObserveError> {
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
    let entries = ctx.ledger.of(&group.key());
    let record = recorded(&entries, GROUP).map(str::to_owned);
    if let Some(enrollments) = enrollments.filter(|_| found.is_none() && is_in_place(record.as_deref())) {
        is_really_gone(enrollments, id).await?;
    }
    let is_new = goal == Goal::Present && found.is_none() && has_keys(group);
    let others = if is_new { Some(dps::count_groups(ctx, service).await?) } else { None };
    let found = found.map(|there| there.made_by_us(record.as_deref() == Some(MADE)));
    let (stored, signers) = match (goal, record.as_deref()) {
        (Goal::Present, _) => proof(ctx, group).await?,
        // Only it can tell whether what is there is what we were about to make.
        (Goal::Absent, Some(CLAIMED)) if found.is_some() => unless_denied(proof(ctx, group).await.map(Some))?.unwrap_or_default(),
        (Goal::Absent, _) => (None, None),
    };
    let written = |entry| recorded(&entries, entry).and_then(|text| Authority::from_pem(text).ok());
    let (issuing, former) = (written(AUTHORITY), written(FORMER_AUTHORITY));
    let signers = signers.map(|signers| beside_former(signers, former.as_ref()));
    let issues = goal == Goal::Present && issues(ctx, group).await?;
    let webhook = if goal == Goal::Present { webhook(ctx, group).await? } else { None };
    let keys_secret = match goal {
        Goal::Absent if has_keys(group) => unless_denied(ctx.secrets.meta(&secret_of(group)))?,
        Goal::Absent | Goal::Present => None,
    };
    let place = service.place();
    Ok(LiveState {
        group: found,
        keys,
        stored,
        stored_as: if are_generated(ctx, group) { MADE } else { ADOPTED },
        signers,
        issuing,
        former,
        issues,
        webhook,
        hubs,
        record,
        applied: recorded(&entries, APPLIED).map(str::to_owned),
        disabled: recorded(&entries, DISABLED).map(str::to_owned),
        has_registrations,
        others,
        keys_secret_is_ours: keys_secret.is_some_and(|meta| is_ours(group, &meta)),
        service: ServiceFacts::of(&ctx.ledger, &service.object.key(), &place, service.arm.cloud()),
        place,
    })
}

/// Whether a group that was there, and is not found, is in the service's list neither: Azure may fail to find what it has.
async fn is_really_gone(enrollments: &DpsService, id: &str) -> Result<(), ObserveError> {
    let listed = enrollments.groups().await.map_err(|error| Error::cloud("failed to list the enrollment groups", error))?;
    if listed.iter().filter_map(Document::id).any(|listed| listed.eq_ignore_ascii_case(id)) {
        let note = format!(
            "enrollment group {id} is not shown, although the list of the provisioning service has it; nothing is done until it is"
        );
        return Err(Error::own(note, Class::Conflict).because(Reason::Vanished).into());
    }
    Ok(())
}

impl LiveState {
    /// Whether the ledger says that it was disabled as its spec said.
    pub(super) fn is_disabled_by_spec(&self) -> bool {
        self.disabled.is_some()
    }
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

/// The hubs of the spec that are linked now. Never those of another tenant, and never none: an enrollment that names no hubs
/// uses all that are linked to the service (Microsoft Learn: "How to use allocation policies across IoT hubs").
pub(super) fn linked_hubs(
    cloud: Cloud,
    group: &EnrollmentGroup,
    hub_group: &TenantHubGroup,
    known: &[HubFacts],
    names_hubs: bool,
) -> Result<Option<Vec<HubHost>>, ObserveError> {
    let wanted = wanted_hubs(group, hub_group)?;
    let is_wanted = |hub: &&HubFacts| hub.linked && wanted.iter().any(|name| name.eq_ignore_ascii_case(&hub.name));
    let mut hosts = Vec::new();
    for hub in known.iter().filter(is_wanted) {
        let host = cloud.hub_host(&hub.host);
        hosts.push(
            host.map_err(|_| {
                ObserveError::stalled(Reason::Invalid, format!("hub {} says that its host is one outside of Azure", hub.name))
            })?,
        );
    }
    hosts.sort_by(|a, b| a.host().as_str().cmp(b.host().as_str()));
    // While it is being set up, half of the hubs would draw all devices.
    let settled = names_hubs || hosts.len() == wanted.len();
    Ok((settled && !hosts.is_empty()).then_some(hosts))
}
