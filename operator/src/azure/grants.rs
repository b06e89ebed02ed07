//! What may be reached: said by its owner as lists, and looked up by these functions alone, on every pass, for reads and for writes.

use moorage_crds::{AccountGrant, Adoption, AllocationGrant, CloudAccount, EnrollmentGrant, EnrollmentGroup, ProvisioningService, SkuName};
use moorage_plan::{Pattern, Reason, Standing};

use crate::object::Keyed;

/// How far an account lets a namespace go in a resource group.
///
/// The own namespace always may. Azure compares the names of resource groups without regard to case.
///
/// # Errors
/// `NotGranted`, with the lines to add.
pub fn on_account(account: &CloudAccount, namespace: &str, resource_group: &str) -> Result<Adoption, Standing> {
    let key = account.key();
    if &*key.name.namespace == namespace {
        return Ok(Adoption::Always);
    }
    let grants = account.spec.grants.iter().filter(|grant| is_for(grant, namespace, resource_group));
    grants.map(|grant| grant.adoption).max().ok_or_else(|| {
        Standing::stalled(
            Reason::NotGranted,
            format!(
                "CloudAccount {} does not grant resource group {resource_group} to namespace {namespace}; \
                 its owner can add to spec.grants: {{namespaces: [{namespace}], resourceGroups: [{resource_group}]}}",
                key.name
            ),
        )
    })
}

/// How many hubs, and of what size, a grant lets a namespace have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HubLimits {
    /// Most hubs of all namespaces of the grant, and these; no limit if `None`.
    pub most: Option<(i32, Vec<String>)>,
    /// Tiers; all if empty.
    pub skus: Vec<SkuName>,
    /// Most units of one hub; no limit if `None`.
    pub most_units: Option<i32>,
}

/// The limits for the hubs of a namespace in a resource group of an account; none for the account's own namespace. Of several grants the
/// first that fits counts.
pub fn hub_limits(account: &CloudAccount, namespace: &str, resource_group: &str) -> HubLimits {
    if *account.key().name.namespace == *namespace {
        return HubLimits::default();
    }
    let grant = account.spec.grants.iter().find(|grant| is_for(grant, namespace, resource_group));
    grant.map_or_else(HubLimits::default, |grant| HubLimits {
        most: grant.max_hubs.map(|most| (most, grant.namespaces.clone())),
        skus: grant.skus.clone(),
        most_units: grant.max_units,
    })
}

fn is_for(grant: &AccountGrant, namespace: &str, resource_group: &str) -> bool {
    names(&grant.namespaces, namespace)
        && grant.resource_groups.iter().any(|group| Pattern::new(group).matches_ignoring_case(resource_group))
}

/// How far a provisioning service lets a namespace link hubs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkRight {
    /// Most hubs of all namespaces of the grant, and these; no limit if `None`.
    pub most: Option<(i32, Vec<String>)>,
    /// Which enrollments they may take devices from.
    pub allocation: AllocationGrant,
}

/// Whether a provisioning service lets a namespace link hubs. Of several grants the first that fits counts.
///
/// # Errors
/// `NotGranted`, with the lines to add.
pub fn on_provisioning_service(service: &ProvisioningService, namespace: &str) -> Result<LinkRight, Standing> {
    let key = service.key();
    if &*key.name.namespace == namespace {
        return Ok(LinkRight { most: None, allocation: AllocationGrant::Any });
    }
    let grant = service.spec.grants.iter().find(|grant| names(&grant.namespaces, namespace));
    let right =
        grant.map(|grant| LinkRight { most: grant.max_hubs.map(|most| (most, grant.namespaces.clone())), allocation: grant.allocation });
    right.ok_or_else(|| {
        Standing::stalled(
            Reason::NotGranted,
            format!(
                "ProvisioningService {} grants nothing to namespace {namespace}; its owner can add to spec.grants: {{namespaces: [{namespace}]}}",
                key.name
            ),
        )
    })
}

/// The grant by which an enrollment group lets a namespace have a registration id, or a device of a name; `None` for its own namespace.
///
/// # Errors
/// `NotGranted`, with the lines to add.
pub fn on_enrollment_group<'a>(
    group: &'a EnrollmentGroup,
    namespace: &str,
    what: &str,
    id: &str,
) -> Result<Option<&'a EnrollmentGrant>, Standing> {
    let key = group.key();
    if &*key.name.namespace == namespace {
        return Ok(None);
    }
    let found = group.spec.grants.iter().find(|grant| covers(grant, namespace, id));
    found.map(Some).ok_or_else(|| {
        Standing::stalled(
            Reason::NotGranted,
            format!(
                "EnrollmentGroup {} does not grant {what} {id} to namespace {namespace}; \
                 its owner can add to spec.grants: {{namespaces: [{namespace}], registrationIds: \"<tenant>-*\"}}",
                key.name
            ),
        )
    })
}

/// Whether a grant of an enrollment group lets a namespace have a registration id, or a device of a name.
pub fn covers(grant: &EnrollmentGrant, namespace: &str, id: &str) -> bool {
    names(&grant.namespaces, namespace) && Pattern::new(&grant.registration_ids).matches_ignoring_case(id)
}

/// Whether a list of names and of names with a trailing `*` has a namespace.
pub fn names(namespaces: &[String], namespace: &str) -> bool {
    namespaces.iter().any(|pattern| Pattern::new(pattern).matches(namespace))
}

#[cfg(test)]
mod tests;
