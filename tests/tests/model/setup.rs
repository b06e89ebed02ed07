//! What is there before anything of ours.

use moorage_simulator::{Azure, NewHub, NewService};
use moorage_tests::harness::{CLIENT_SECRET, SUBSCRIPTION};
use serde_json::json;

use crate::case::{Case, Ref, SERVICE, TENANTS, group_id, hub_name, region, resource_group};
use crate::story::{FOREIGN_GROUP, FOREIGN_HUB, Story, secret};
use crate::world::World;

/// Sets up what is there before anything of ours.
pub async fn begin(case: &Case) -> Story<'_> {
    let world = World::new(case).await;
    world.cloud.seed(|azure| {
        if case.service.existed {
            azure.add_service(NewService { subscription: SUBSCRIPTION, group: "platform-rg", name: SERVICE, location: "eastus" });
        }
        hubs(case, azure);
        if case.service.existed {
            foreign(case, azure);
            enrollments(case, azure);
        }
    });
    let mut story = Story::of(case, world);
    story.write_client_secret(CLIENT_SECRET);
    for t in 0..case.tenants.len() {
        story.write_authorities(t);
    }
    for object in case.objects() {
        if let Ref::Device(t, d) = object
            && case.tenants[usize::from(t)].devices[usize::from(d)].strange_secret
        {
            let at = story.secret_of(usize::from(t), usize::from(d));
            story.world.cluster.create(&secret(TENANTS[usize::from(t)], &at, &json!({ "theirs": "b3du" })));
        }
    }
    story
}

fn hubs(case: &Case, azure: &mut Azure) {
    for (t, tenant) in case.tenants.iter().enumerate() {
        let group = resource_group(t);
        if tenant.group_existed {
            azure.add_resource_group(SUBSCRIPTION, &group, "eastus");
        }
        for (h, hub) in tenant.hubs.iter().enumerate().filter(|(_, hub)| hub.existed) {
            azure.add_hub(NewHub { subscription: SUBSCRIPTION, group: &group, name: &hub_name(t, h), location: region(h), sku: "S1" });
            if hub.linked && case.service.existed {
                azure.link_hub(SERVICE, &hub_name(t, h));
            }
        }
        for (d, _) in tenant.devices.iter().enumerate().filter(|(_, device)| device.enrolled.is_some()) {
            if let Some(hub) = there_before(case, t, d) {
                azure.add_device(&hub, &case.device_id(t, d));
            }
        }
    }
}

/// The hub in which a device is to be created, if that was there before.
pub fn there_before(case: &Case, t: usize, d: usize) -> Option<String> {
    let hub = case.hub_of(t, d)?;
    case.tenants[t].hubs.iter().enumerate().any(|(h, seen)| seen.existed && hub_name(t, h) == hub).then_some(hub)
}

fn foreign(case: &Case, azure: &mut Azure) {
    if !case.service.foreign {
        return;
    }
    azure.add_hub(NewHub { subscription: SUBSCRIPTION, group: "elsewhere", name: FOREIGN_HUB, location: "eastus", sku: "S1" });
    if case.service.foreign_by_identity {
        azure.link_hub_by_identity(SERVICE, FOREIGN_HUB);
    } else {
        azure.link_hub(SERVICE, FOREIGN_HUB);
    }
    azure.add_group(SERVICE, FOREIGN_GROUP, &[&format!("{FOREIGN_HUB}.azure-devices.net")]);
    azure.add_enrollment(SERVICE, "somebody-elses-device", true);
}

fn enrollments(case: &Case, azure: &mut Azure) {
    for (t, tenant) in case.tenants.iter().enumerate() {
        if tenant.enrollment.existed {
            azure.add_group(SERVICE, &group_id(t), &[]);
        }
        for (d, device) in tenant.devices.iter().enumerate().filter(|(d, _)| case.hub_of(t, *d).is_none()) {
            if let Some(enabled) = device.enrolled {
                azure.add_enrollment(SERVICE, &case.registration_id(t, d), enabled);
            }
        }
    }
}
