//! What has become of devices whose credentials were deleted, where there still is a cloud that knows them.

use crate::case::{Parting, SERVICE, Way, hub_name};
use crate::cloud_view::Sight;
use crate::judge::Wrongs;
use crate::story::Story;

/// Devices that have not become what their credentials said.
pub fn wrongs(story: &Story<'_>) -> Wrongs {
    let sight = Sight::of(&story.world.cloud);
    let wrong = |(t, d): &(usize, usize)| {
        let device = &story.case.tenants[*t].devices[*d];
        let flaw = match story.case.hub_of(*t, *d) {
            Some(hub) => in_hub(story, &sight, &hub, *t, *d),
            None => registered(story, &sight, *t, *d),
        };
        flaw.err().map(|wrong| format!("the device of {} was to {:?}, and {wrong}", crate::case::device_name(*t, *d), device.parting))
    };
    story.worked.iter().filter_map(wrong).collect()
}

fn in_hub(story: &Story<'_>, sight: &Sight, hub: &str, t: usize, d: usize) -> Result<(), String> {
    if !sight.blocks.contains_key(&format!("hub {hub}")) {
        return Ok(());
    }
    let id = story.case.device_id(t, d);
    let line = sight.line(&format!("hub {hub}"), &format!("device {id} "));
    let now = line.as_ref().map(|line| line.starts_with(&format!("device {id} enabled ")));
    let wanted = match story.case.tenants[t].devices[d].parting {
        Parting::Retain => Some(true),
        Parting::Disenroll => Some(false),
        Parting::Deprovision => None,
    };
    if now == wanted { Ok(()) } else { Err(format!("its hub says: {line:?}")) }
}

fn registered(story: &Story<'_>, sight: &Sight, t: usize, d: usize) -> Result<(), String> {
    let (id, parting) = (story.case.registration_id(t, d), story.case.tenants[t].devices[d].parting);
    let called = story.case.device_id(t, d);
    let known = (0..story.case.tenants[t].hubs.len()).map(|h| hub_name(t, h)).find(|hub| sight.has_device(hub, &called));
    let Some(service) = sight.blocks.get(&format!("service {SERVICE}")) else { return Ok(()) };
    let line = |beginning: &str| service.iter().find(|line| line.starts_with(beginning));
    let enrollment = line(&format!("enrollment {id} "));
    if enrollment.is_some_and(|line| !line.contains("moorage")) {
        return Ok(());
    }
    let wanted = match (parting, story.case.way(t, d)) {
        (Parting::Retain, Way::Alone) if story.case.tenants[t].enrollment.disabled => Some("disabled"),
        (Parting::Retain, Way::Alone) => Some("enabled"),
        (Parting::Retain, _) => None,
        (Parting::Disenroll | Parting::Deprovision, _) => Some("disabled"),
    };
    let now = enrollment.and_then(|line| line.split(' ').nth(2));
    if now != wanted {
        return Err(format!("it is enrolled so: {enrollment:?}"));
    }
    if parting != Parting::Retain && line(&format!("registration {id} ")).is_some() {
        return Err("its registration is still on record".to_owned());
    }
    match known {
        Some(hub) if parting == Parting::Deprovision => Err(format!("hub {hub} still knows it")),
        _ => Ok(()),
    }
}
