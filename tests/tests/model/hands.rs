//! Somebody else's hands in the cloud.

use crate::case::{Hand, SERVICE, group_id, hub_name};
use crate::story::Story;

/// Does what somebody else would; nothing if there is nothing to do it to.
pub fn use_hand(story: &mut Story<'_>, hand: Hand) {
    let case = story.case;
    let hub = |t: u8, h: u8| hub_name(case.tenant(t), case.hub(case.tenant(t), h));
    let seen = story.world.cloud.world();
    let there = |what: &str| seen.lines().any(|line| line.trim_start().starts_with(&format!("{what} ")));
    let service = there(&format!("service {SERVICE}"));
    let group = |t: u8| group_id(case.tenant(t));
    let has_group = |t: u8| service && there(&format!("group {}", group(t)));
    match hand {
        Hand::Resize(t, h, units) if there(&format!("hub {}", hub(t, h))) => {
            story.world.cloud.edit(|azure| azure.set_sku(&hub(t, h), "S1", i64::from(units)));
            story.touch(hub(t, h));
        }
        Hand::Tag(t, h) if there(&format!("hub {}", hub(t, h))) => {
            story.world.cloud.edit(|azure| azure.set_hub_tag(&hub(t, h), "costs", "many"));
            story.touch(hub(t, h));
        }
        Hand::DeleteHub(t, h) => {
            story.world.cloud.edit(|azure| azure.delete_hub(&hub(t, h)));
            story.touch(hub(t, h));
        }
        Hand::Unlink(t, h) if service => {
            story.world.cloud.edit(|azure| azure.remove_link(SERVICE, &format!("{}.azure-devices.net", hub(t, h))));
            story.touch(format!("link {}", hub(t, h)));
        }
        Hand::RollLinkPolicy(t, h) => {
            let policy = link_policy(case.tenant(t));
            if story.world.cloud.edit(|azure| azure.hub_policy_keys(&hub(t, h), &policy)).is_some() {
                story.world.cloud.edit(|azure| azure.roll_hub_policy(&hub(t, h), &policy));
            }
        }
        Hand::DeleteService => {
            story.world.cloud.edit(|azure| azure.delete_service(SERVICE));
            story.touch(SERVICE.to_owned());
        }
        Hand::DeleteGroup(t) if service => {
            story.world.cloud.edit(|azure| azure.delete_group(SERVICE, &group(t)));
            story.touch(group(t));
        }
        Hand::FreeGroup(t) if has_group(t) => story.world.cloud.edit(|azure| azure.set_group_hubs(SERVICE, &group(t), &[])),
        Hand::DisableGroup(t) if has_group(t) => story.world.cloud.edit(|azure| azure.set_group_enabled(SERVICE, &group(t), false)),
        Hand::Enroll(t, d, enabled) if service => {
            let id = case.registration_id(case.tenant(t), case.device(case.tenant(t), d));
            story.world.cloud.edit(|azure| azure.add_enrollment(SERVICE, &id, enabled));
            story.touch(format!("enrollment {id}"));
        }
        Hand::Unenroll(t, d) if service => {
            let id = case.registration_id(case.tenant(t), case.device(case.tenant(t), d));
            story.world.cloud.edit(|azure| azure.delete_enrollment(SERVICE, &id));
            story.touch(format!("enrollment {id}"));
        }
        Hand::ExpireTokens => story.world.cloud.edit(moorage_simulator::Azure::expire_tokens),
        Hand::RollClientSecret => story.roll_client_secret(),
        Hand::Resize(..)
        | Hand::Tag(..)
        | Hand::Unlink(..)
        | Hand::DeleteGroup(_)
        | Hand::FreeGroup(_)
        | Hand::DisableGroup(_)
        | Hand::Enroll(..)
        | Hand::Unenroll(..) => {}
    }
}

/// Name of the policy that a tenant's hub group makes in its hubs.
pub fn link_policy(tenant: usize) -> String {
    let namespace = crate::case::TENANTS[tenant];
    let hash = moorage_keys::owner_hash(crate::world::INSTALLATION, "TenantHubGroup", namespace, &format!("{namespace}-hubs"));
    format!("moorage-{hash}")
}
