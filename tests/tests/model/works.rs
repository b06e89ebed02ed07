//! Everything that can be is Ready, and what is Ready works.

use crate::case::{Proof, Ref, SERVICE, Way, group_id, hub_name};
use crate::certificate::{certified_elsewhere, trust};
use crate::cloud_view::{HOSTS, Sight};
use crate::credential::credential;
use crate::devices::{device, entries, home, register};
use crate::judge::{Wrongs, is_ready};
use crate::links::{flaws, is_theirs};
use crate::objects::has_keys;
use crate::story::Story;

/// What is not Ready that should be, and what is Ready and does not work.
pub async fn works(story: &mut Story<'_>) -> Wrongs {
    let mut wrongs = Vec::new();
    for object in story.case.objects() {
        let Some(found) = story.get(object) else {
            wrongs.push(format!("{object:?} is not there"));
            continue;
        };
        if is_ready(&found) {
            wrongs.extend(object_works(story, object).await);
        } else if !is_excused(story, object) {
            wrongs.push(format!("{object:?} is not Ready: {}", found["status"]["conditions"]));
        }
    }
    wrongs
}

/// Whether a tenant's objects can come to be Ready at all, with what is there.
fn can_be_ready(story: &Story<'_>, t: usize) -> bool {
    let (case, tenant) = (story.case, &story.case.tenants[t]);
    let service = !case.service.existed || case.service.adopted || story.touches(SERVICE) > 0;
    let hub = |h: usize| !tenant.hubs[h].existed || tenant.hubs[h].adopted || story.touches(&format!("end of {}", hub_name(t, h))) > 0;
    (service || tenant.unprovisioned) && (0..tenant.hubs.len()).all(hub)
}

/// Whether a tenant's devices can be enrolled at all.
fn can_enroll(story: &Story<'_>, t: usize) -> bool {
    let (case, enrollment) = (story.case, &story.case.tenants[t].enrollment);
    let theirs = case.service.existed && enrollment.existed && story.touches(SERVICE) + story.touches(&group_id(t)) == 0;
    // Somebody else's group knows its devices by keys, and that cannot change.
    let takes = enrollment.adopted && enrollment.proof == Proof::Keys;
    can_be_ready(story, t) && !case.tenants[t].unprovisioned && (!theirs || takes)
}

/// Whether another credential has a device's registration id, or its place in a hub.
fn is_disputed(story: &Story<'_>, t: usize, d: usize) -> bool {
    let right = story.case.right(t, d);
    let all = story.case.tenants.iter().enumerate().flat_map(|(t, tenant)| (0..tenant.devices.len()).map(move |d| (t, d)));
    all.filter(|(other, device)| story.case.right(*other, *device) == right).count() > 1
}

fn is_excused(story: &Story<'_>, object: Ref) -> bool {
    match object {
        Ref::Account => false,
        Ref::Service => story.case.service.existed && !story.case.service.adopted,
        Ref::Hubs(t) => !can_be_ready(story, usize::from(t)),
        Ref::Group(t) => !can_enroll(story, usize::from(t)),
        Ref::Device(t, d) => {
            let (t, d) = (usize::from(t), usize::from(d));
            let can = match story.case.way(t, d) {
                Way::Hub(_) => can_be_ready(story, t),
                Way::Alone => can_enroll(story, t),
                Way::Group => can_enroll(story, t) && !cannot_be_certified(story, t),
            };
            !can || is_disputed(story, t, d) || wants_login(story, t, d) && !can_register(story, t, d)
        }
    }
}

/// Whether the devices of a group have their certificates from elsewhere.
fn cannot_be_certified(story: &Story<'_>, t: usize) -> bool {
    matches!(story.case.tenants[t].enrollment.proof, Proof::Referred(_))
}

/// Whether a device that registers has to do that before its credential is Ready.
fn wants_login(story: &Story<'_>, t: usize, d: usize) -> bool {
    let device = &story.case.tenants[t].devices[d];
    has_keys(story.case, t, d) && story.case.hub_of(t, d).is_none() && (device.connection_string || device.hub_token.is_some())
}

/// Whether a device can register, as far as that is up to others.
fn can_register(story: &Story<'_>, t: usize, d: usize) -> bool {
    let (id, tenant) = (story.case.registration_id(t, d), &story.case.tenants[t]);
    let disenrolls = Sight::of(&story.world.cloud).line(&format!("service {SERVICE}"), &format!("enrollment {id} "));
    // A link that somebody else wrote is theirs to keep working.
    let broken = (0..tenant.hubs.len()).any(|h| is_theirs(story, t, h)) && story.case.quirks.masked_link_is_stored;
    !tenant.enrollment.disabled && !broken && disenrolls.is_none_or(|line| line.contains("moorage"))
}

async fn object_works(story: &mut Story<'_>, object: Ref) -> Wrongs {
    match object {
        Ref::Account | Ref::Service => Vec::new(),
        Ref::Hubs(t) => {
            let tenant = &story.case.tenants[usize::from(t)];
            if tenant.unprovisioned {
                story.reach("Ready without a service");
            } else if tenant.hubs.iter().any(|hub| hub.by_identity) {
                story.reach("Ready and linked by identity");
            }
            flaws(story, usize::from(t))
        }
        Ref::Group(t) => group_works(story, usize::from(t)).await,
        Ref::Device(t, d) => device_works(story, usize::from(t), usize::from(d)).await,
    }
}

async fn group_works(story: &mut Story<'_>, t: usize) -> Wrongs {
    let tenant = &story.case.tenants[t];
    let group = group_id(t);
    let sight = Sight::of(&story.world.cloud);
    let mut wrongs: Wrongs = trust(story, t).into_iter().collect();
    let own: Vec<_> = (0..tenant.hubs.len()).map(|h| format!("{}{HOSTS}", hub_name(t, h))).collect();
    let named = sight.hubs_of_group(SERVICE, &group).unwrap_or_default();
    // A hub that is added to others waits until it is linked, and they serve meanwhile.
    let hubs = Ref::Hubs(u8::try_from(t).expect("few"));
    let all_are_linked = story.get(hubs).is_some_and(|found| is_ready(&found));
    let expected = if all_are_linked { own.len() } else { 1 };
    if named.len() < expected || !named.iter().all(|host| own.contains(host)) {
        wrongs.push(format!("EnrollmentGroup {group} is Ready, and gives its devices {named:?}"));
    }
    match tenant.enrollment.proof {
        Proof::Keys => {}
        Proof::Signed(_) => story.reach("Ready with authorities of the cluster"),
        Proof::Referred(_) => {
            story.reach("Ready with authorities of the service");
            let links = (0..tenant.hubs.len()).any(|h| is_theirs(story, t, h)) && story.case.quirks.masked_link_is_stored;
            if !tenant.enrollment.disabled && !links {
                let refused = certified_elsewhere(story, t).await.err();
                wrongs.extend(
                    refused.map(|error| {
                        format!("EnrollmentGroup {group} is Ready, and a device that people certified cannot register: {error}")
                    }),
                );
            }
        }
    }
    wrongs
}

async fn device_works(story: &mut Story<'_>, t: usize, d: usize) -> Wrongs {
    story.reach(match (story.case.way(t, d), has_keys(story.case, t, d)) {
        (Way::Hub(_), _) => "Ready in a hub",
        (Way::Alone, _) => "Ready with keys of its own",
        (Way::Group, true) => "Ready with derived keys",
        (Way::Group, false) => "Ready with a certificate",
    });
    if wants_login(story, t, d) {
        story.reach("Ready with a login to its hub");
    }
    let mut wrongs: Wrongs = credential(story, t, d).into_iter().collect();
    wrongs.extend(connects(story, t, d).await);
    wrongs.extend(registers(story, t, d).await);
    if wrongs.is_empty() && !is_disputed(story, t, d) {
        story.worked.insert((t, d));
    }
    wrongs
}

/// A device says something to its hub with what its Secret holds.
async fn connects(story: &Story<'_>, t: usize, d: usize) -> Option<String> {
    let entries = entries(story, t, d)?;
    let (string, token) = (entries.contains_key("connectionString"), entries.contains_key("hubToken"));
    let device = device(story, entries).ok()?;
    let sent = async {
        if string {
            device.send_by_connection_string().await?;
        }
        if let Some((hub, id)) = home(story, t, d) {
            let host = format!("{hub}{HOSTS}");
            if token {
                device.send_by_token(&host, &id).await?;
            }
            if story.case.hub_of(t, d).is_some() {
                device.send_telemetry(&host, &id, "deviceKey").await?;
            }
        }
        anyhow::Ok(())
    };
    sent.await
        .err()
        .map(|error| format!("credential {} is Ready, and its hub refuses its device: {error:#}", crate::case::device_name(t, d)))
}

/// A device registers, with a hub of its own tenant.
async fn registers(story: &Story<'_>, t: usize, d: usize) -> Option<String> {
    if story.case.hub_of(t, d).is_some() || !can_register(story, t, d) {
        return None;
    }
    let id = story.case.registration_id(t, d);
    let own: Vec<_> = (0..story.case.tenants[t].hubs.len()).map(|h| format!("{}{HOSTS}", hub_name(t, h))).collect();
    match register(story, t, d).await {
        Ok((hub, called)) if own.contains(&hub) && called == story.case.device_id(t, d) => None,
        Ok((hub, called)) => Some(format!("device {id} was assigned to {hub} as {called}, which is not its tenant's, or not its name")),
        Err(error) => Some(format!("credential {id} is Ready, and its device cannot register: {error}")),
    }
}
