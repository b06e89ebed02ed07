//! Where in Azure the things of an object are, as far as the objects tell it now.

use moorage_crds::{CloudAccount, EnrollmentGroup, ObjectRef, ProvisioningService};

use crate::{
    azure::{accounts::account_key, enrollment_group},
    cache::objects::Objects,
    object::{Keyed, NamespacedName},
};

/// The provisioning service of an enrollment group.
pub fn of_enrollments(objects: &Objects, group: &EnrollmentGroup) -> Option<String> {
    of_service(objects, &*objects.of::<ProvisioningService>().get(&enrollment_group::service_of(group).name)?)
}

/// A provisioning service.
pub fn of_service(objects: &Objects, service: &ProvisioningService) -> Option<String> {
    let spec = &service.spec;
    let group = of_resource_group(objects, &spec.account_ref, &service.key().name.namespace, &spec.resource_group)?;
    Some(format!("{group}/providers/Microsoft.Devices/provisioningServices/{}", spec.name))
}

/// A resource group, as an account reaches it.
pub fn of_resource_group(objects: &Objects, account: &ObjectRef, namespace: &str, resource_group: &str) -> Option<String> {
    let at: NamespacedName = account_key(account, namespace).name;
    let subscription = &objects.of::<CloudAccount>().get(&at)?.spec.azure.subscription_id;
    Some(format!("/subscriptions/{subscription}/resourceGroups/{resource_group}"))
}
