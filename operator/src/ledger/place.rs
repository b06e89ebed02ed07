//! Where in a cloud the things of a page are: for people who have lost the objects, and with them the names.

use moorage_crds::{EnrollmentGroup, ObjectRef, ProvisioningService};

use crate::{
    clouds,
    key::{KindName, Name, ObjectKey},
    kind::Kind,
    kinds::{enrollment_group, hub_group_of},
    store::Stores,
};

/// The place of what is made for an owner, as far as the objects tell it now.
pub fn place_of(stores: &Stores, owner: &ObjectKey) -> Option<String> {
    match owner.kind {
        KindName::CloudAccount => None,
        KindName::ProvisioningService => service_place(stores, &*stores.provisioning_services.get(&owner.at)?),
        KindName::TenantHubGroup => {
            let group = stores.hub_groups.get(&owner.at)?;
            group_place(stores, &group.spec.account_ref, &owner.at.namespace, &group.spec.resource_group.name)
        }
        KindName::EnrollmentGroup => {
            let group = stores.enrollment_groups.get(&owner.at)?;
            Some(format!("{}/enrollmentGroups/{}", of_enrollments(stores, &group)?, enrollment_group::id_of(&group)))
        }
        KindName::DeviceCredential => {
            let credential = stores.device_credentials.get(&owner.at)?;
            if let Some(hub) = &credential.spec.hub_ref {
                let group = stores.hub_groups.get(&hub_group_of(&credential, hub).at)?;
                let place = group_place(stores, &group.spec.account_ref, &owner.at.namespace, &group.spec.resource_group.name)?;
                return Some(format!("{place}/providers/Microsoft.Devices/IotHubs/{}", hub.hub));
            }
            let group = enrollment_group::key_of(credential.spec.enrollment_group_ref.as_ref()?, &owner.at.namespace);
            Some(format!("{}/enrollments", of_enrollments(stores, &*stores.enrollment_groups.get(&group.at)?)?))
        }
    }
}

fn of_enrollments(stores: &Stores, group: &EnrollmentGroup) -> Option<String> {
    service_place(stores, &*stores.provisioning_services.get(&enrollment_group::service_of(group).at)?)
}

fn service_place(stores: &Stores, service: &ProvisioningService) -> Option<String> {
    let spec = &service.spec;
    let group = group_place(stores, &spec.account_ref, &service.key().at.namespace, &spec.resource_group)?;
    Some(format!("{group}/providers/Microsoft.Devices/provisioningServices/{}", spec.name))
}

fn group_place(stores: &Stores, account: &ObjectRef, namespace: &str, resource_group: &str) -> Option<String> {
    let at: Name = clouds::account_key(account, namespace).at;
    let subscription = &stores.accounts.get(&at)?.spec.azure.subscription_id;
    Some(format!("/subscriptions/{subscription}/resourceGroups/{resource_group}"))
}
