//! What may be reached: said by its owner as lists, and looked up by these functions alone, on every pass, for reads and for writes.

use std::sync::Arc;

use moorage_crds::{AccountGrant, Adoption, AllocationGrant, CloudAccount, EnrollmentGrant, EnrollmentGroup, ProvisioningService};
use moorage_plan::{Pattern, Reason, Standing};

use crate::{
    cache::objects::{Cached, Objects},
    object::{Keyed, ObjectKey},
};

/// The object that a field of one in `namespace` refers to.
///
/// # Errors
/// If it is not there, or cannot be read. Whether there is such an object in another namespace is none of its business, unless that has
/// granted it something: it is told the same as if that granted nothing.
pub fn referred<K: Cached>(
    objects: &Objects,
    at: &ObjectKey,
    namespace: &str,
    field: &str,
    ungranted: impl FnOnce() -> Standing,
) -> Result<Arc<K>, Standing> {
    let is_own = *at.name.namespace == *namespace;
    if let Some(unreadable) = objects.unreadable().get(at) {
        let is_told = is_own || names(&unreadable.granted, namespace);
        return Err(if is_told { unreadable_reference(at) } else { ungranted() });
    }
    objects.of::<K>().get(&at.name).ok_or_else(|| {
        if !is_own {
            return ungranted();
        }
        Standing::reconciling(Reason::DependencyMissing, format!("{} {} does not exist; create it, or correct {field}", at.kind, at.name))
    })
}

/// Where an object stands that refers to one which cannot be read.
pub fn unreadable_reference(at: &ObjectKey) -> Standing {
    let note = format!(
        "{} {} is stored in a form that cannot be read, as its condition Stalled says, and nothing is done with it; have its owner correct it",
        at.kind, at.name
    );
    Standing::stalled(Reason::DependencyMissing, note)
}

/// The account of a name, if it lets a namespace use a resource group, and how far.
///
/// # Errors
/// If it is not there; `NotGranted`, with the lines to add.
pub fn account(
    objects: &Objects,
    at: &ObjectKey,
    namespace: &str,
    resource_group: &str,
) -> Result<(Arc<CloudAccount>, Adoption), Standing> {
    let ungranted = || {
        let note = format!(
            "CloudAccount {} does not exist, or does not grant resource group {resource_group} to namespace {namespace}; correct \
             spec.accountRef, or ask its owner to add to spec.grants: {{namespaces: [{namespace}], resourceGroups: [{resource_group}]}}",
            at.name
        );
        Standing::stalled(Reason::NotGranted, note)
    };
    let account = referred::<CloudAccount>(objects, at, namespace, "spec.accountRef", ungranted)?;
    let adoption = on_account(&account, namespace, resource_group).ok_or_else(ungranted)?;
    Ok((account, adoption))
}

/// How far an account lets a namespace go in a resource group; `None` if not at all.
///
/// The own namespace always may. Azure compares the names of resource groups without regard to case.
pub fn on_account(account: &CloudAccount, namespace: &str, resource_group: &str) -> Option<Adoption> {
    if &*account.key().name.namespace == namespace {
        return Some(Adoption::Always);
    }
    let grants = account.spec.grants.iter().filter(|grant| is_for(grant, namespace, resource_group));
    grants.map(|grant| grant.adoption).max()
}

/// The entry of an account that limits what a namespace has in a resource group, with its position; none for the account's own namespace. Of
/// several that fit it is the first.
pub fn limiting<'a>(account: &'a CloudAccount, namespace: &str, resource_group: &str) -> Option<(usize, &'a AccountGrant)> {
    if *account.key().name.namespace == *namespace {
        return None;
    }
    account.spec.grants.iter().enumerate().find(|(_, grant)| is_for(grant, namespace, resource_group))
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

/// The provisioning service of a name, if it lets a namespace use it, and how it may link hubs.
///
/// # Errors
/// If it is not there; `NotGranted`, with the lines to add.
pub fn provisioning_service(objects: &Objects, at: &ObjectKey, namespace: &str) -> Result<(Arc<ProvisioningService>, LinkRight), Standing> {
    let ungranted = || {
        let note = format!(
            "ProvisioningService {} does not exist, or grants nothing to namespace {namespace}; correct spec.provisioningServiceRef, or ask \
             its owner to add to spec.grants: {{namespaces: [{namespace}]}}",
            at.name
        );
        Standing::stalled(Reason::NotGranted, note)
    };
    let service = referred::<ProvisioningService>(objects, at, namespace, "spec.provisioningServiceRef", ungranted)?;
    let right = on_provisioning_service(&service, namespace).ok_or_else(ungranted)?;
    Ok((service, right))
}

/// How a provisioning service lets a namespace link hubs; `None` if not at all. Of several grants the first that fits counts.
pub fn on_provisioning_service(service: &ProvisioningService, namespace: &str) -> Option<LinkRight> {
    if &*service.key().name.namespace == namespace {
        return Some(LinkRight { most: None, allocation: AllocationGrant::Any });
    }
    let grant = service.spec.grants.iter().find(|grant| names(&grant.namespaces, namespace))?;
    Some(LinkRight { most: grant.max_hubs.map(|most| (most, grant.namespaces.clone())), allocation: grant.allocation })
}

/// The enrollment group of a name, for whoever wants a registration id of it.
///
/// # Errors
/// If it is not there.
pub fn enrollment_group(objects: &Objects, at: &ObjectKey, namespace: &str, id: &str) -> Result<Arc<EnrollmentGroup>, Standing> {
    let ungranted = || ungranted_device(at, namespace, "registration id", id);
    referred(objects, at, namespace, "spec.enrollmentGroupRef", ungranted)
}

/// Where whoever asks for a device stands that it was not granted.
pub fn ungranted_device(group: &ObjectKey, namespace: &str, what: &str, id: &str) -> Standing {
    let note = format!(
        "EnrollmentGroup {} does not exist, or does not grant {what} {id} to namespace {namespace}; correct spec.enrollmentGroupRef, or ask \
         its owner to add to spec.grants: {{namespaces: [{namespace}], registrationIds: \"<tenant>-*\"}}",
        group.name
    );
    Standing::stalled(Reason::NotGranted, note)
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
    found.map(Some).ok_or_else(|| ungranted_device(&key, namespace, what, id))
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
