//! Somebody else's hands in the cloud.

use crate::case::{Hand, SERVICE, group_id, hub_name};
use crate::cloud_view::Sight;
use crate::devices::home;
use crate::story::Story;

/// Does what somebody else would; nothing if there is nothing to do it to.
pub fn use_hand(story: &mut Story<'_>, hand: Hand) {
    let case = story.case;
    let hub = |t: u8, h: u8| hub_name(case.tenant(t), case.hub(case.tenant(t), h));
    let seen = story.world.cloud.snapshot();
    let there = |what: &str| seen.lines().any(|line| line.trim_start().starts_with(&format!("{what} ")));
    let service = there(&format!("service {SERVICE}"));
    let group = |t: u8| group_id(case.tenant(t));
    let has_group = |t: u8| service && there(&format!("group {}", group(t)));
    match hand {
        Hand::Resize(t, h, units) if there(&format!("hub {}", hub(t, h))) => {
            story.world.cloud.seed(|azure| azure.set_sku(&hub(t, h), "S1", i64::from(units)));
            story.touch(hub(t, h));
        }
        Hand::Tag(t, h) if there(&format!("hub {}", hub(t, h))) => {
            story.world.cloud.seed(|azure| azure.set_hub_tag(&hub(t, h), "costs", "many"));
            story.touch(hub(t, h));
        }
        Hand::DeleteHub(t, h) => {
            story.world.cloud.seed(|azure| azure.delete_hub(&hub(t, h)));
            story.touch(hub(t, h));
            story.touch(format!("end of {}", hub(t, h)));
        }
        Hand::Unlink(t, h) if service => {
            story.world.cloud.seed(|azure| azure.remove_link(SERVICE, &format!("{}.azure-devices.net", hub(t, h))));
            story.touch(format!("link {}", hub(t, h)));
        }
        Hand::RollLinkPolicy(t, h) => {
            let policy = link_policy(case.tenant(t));
            if story.world.cloud.seed(|azure| azure.hub_policy_keys(&hub(t, h), &policy)).is_some() {
                story.world.cloud.seed(|azure| azure.roll_hub_policy(&hub(t, h), &policy));
            }
        }
        Hand::DeleteService => {
            story.world.cloud.seed(|azure| azure.delete_service(SERVICE));
            story.touch(SERVICE.to_owned());
        }
        Hand::DeleteGroup(t) if service => {
            story.world.cloud.seed(|azure| azure.delete_group(SERVICE, &group(t)));
            story.touch(group(t));
        }
        Hand::FreeGroup(t) if has_group(t) => story.world.cloud.seed(|azure| azure.set_group_hubs(SERVICE, &group(t), &[])),
        Hand::DisableGroup(t) if has_group(t) => story.world.cloud.seed(|azure| azure.set_group_enabled(SERVICE, &group(t), false)),
        Hand::Enroll(t, d, enabled) if service => {
            let id = case.registration_id(case.tenant(t), case.device(case.tenant(t), d));
            story.world.cloud.seed(|azure| azure.add_enrollment(SERVICE, &id, enabled));
            story.touch(format!("enrollment {id}"));
        }
        Hand::Unenroll(t, d) if service => {
            let id = case.registration_id(case.tenant(t), case.device(case.tenant(t), d));
            story.world.cloud.seed(|azure| azure.delete_enrollment(SERVICE, &id));
            story.touch(format!("enrollment {id}"));
        }
        Hand::Upload(t, n) => story.upload_authority(case.tenant(t), n),
        Hand::TakeRole(t, h) | Hand::GiveRole(t, h) => roles(story, &hub(t, h), matches!(hand, Hand::GiveRole(..))),
        Hand::DisableDevice(t, d) | Hand::DeleteDevice(t, d) | Hand::ReplaceDevice(t, d) => {
            let t = case.tenant(t);
            devices(story, t, case.device(t, d), hand);
        }
        Hand::ExpireTokens => story.world.cloud.seed(moorage_simulator::Azure::expire_tokens),
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

/// Lets the service into a hub by its identity, or out.
pub fn roles(story: &mut Story<'_>, hub: &str, given: bool) {
    let Some(principal) = story.world.cloud.seed(|azure| azure.service_principal(SERVICE)) else { return };
    if !Sight::of(&story.world.cloud).blocks.contains_key(&format!("hub {hub}")) {
        return;
    }
    story.world.cloud.seed(|azure| if given { azure.grant_hub_role(hub, &principal) } else { azure.withdraw_hub_roles(hub, &principal) });
    story.touch(hub.to_owned());
}

/// Does something to a device in its hub, if it is there.
fn devices(story: &mut Story<'_>, t: usize, d: usize, hand: Hand) {
    let Some((hub, id)) = home(story, t, d) else { return };
    story.world.cloud.seed(|azure| match hand {
        Hand::DisableDevice(..) => azure.set_device_enabled(&hub, &id, false),
        Hand::DeleteDevice(..) => azure.delete_device(&hub, &id),
        _ => azure.add_device(&hub, &id),
    });
    story.touch(format!("device {hub} {id}"));
}

/// Name of the policy that a tenant's hub group makes in its hubs.
pub fn link_policy(tenant: usize) -> String {
    let namespace = crate::case::TENANTS[tenant];
    let hash = moorage_keys::owner_hash(crate::world::INSTALLATION, "TenantHubGroup", namespace, &format!("{namespace}-hubs"));
    format!("moorage-{hash}")
}
