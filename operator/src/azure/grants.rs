//! What may be reached: said by its owner as lists, and looked up by these functions alone, on every pass, for reads and for writes.

use moorage_crds::{Adoption, CloudAccount, EnrollmentGrant, EnrollmentGroup, ProvisioningService};
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
    let grants = account.spec.grants.iter().filter(|grant| {
        names(&grant.namespaces, namespace)
            && grant.resource_groups.iter().any(|group| Pattern::new(group).matches_ignoring_case(resource_group))
    });
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

/// Whether a provisioning service lets a namespace link hubs and enroll devices.
///
/// # Errors
/// `NotGranted`, with the lines to add.
pub fn on_provisioning_service(service: &ProvisioningService, namespace: &str) -> Result<(), Standing> {
    let key = service.key();
    if &*key.name.namespace == namespace || service.spec.grants.iter().any(|grant| names(&grant.namespaces, namespace)) {
        return Ok(());
    }
    Err(Standing::stalled(
        Reason::NotGranted,
        format!(
            "ProvisioningService {} grants nothing to namespace {namespace}; its owner can add to spec.grants: {{namespaces: [{namespace}]}}",
            key.name
        ),
    ))
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
    let mut grants = group.spec.grants.iter();
    let found = grants.find(|grant| names(&grant.namespaces, namespace) && Pattern::new(&grant.registration_ids).matches_ignoring_case(id));
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

fn names(namespaces: &[String], namespace: &str) -> bool {
    namespaces.iter().any(|pattern| Pattern::new(pattern).matches(namespace))
}
