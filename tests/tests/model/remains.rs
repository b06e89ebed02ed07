//! In what the cloud differs from how it was found, and what is left of us in the cluster.

use moorage_crds::annotations;
use serde_json::{Value, json};

use crate::case::{SERVICE, group_id};
use crate::cloud_view::{HOSTS, Sight};
use crate::judge::Wrongs;
use crate::story::Story;

/// The differences, but for what others and devices did, and for what disenrolls devices.
pub fn differences(story: &Story<'_>, found: &Sight) -> Wrongs {
    let now = Sight::of(&story.world.cloud);
    let mut wrongs = Vec::new();
    for (name, lines) in &now.blocks {
        if !found.blocks.contains_key(name) {
            wrongs.push(format!("{name} is left:\n{}", lines.join("\n")));
        }
    }
    for (name, before) in &found.blocks {
        let touched = name.rsplit([' ', '/']).next().is_some_and(|name| story.touches(name) > 0);
        match now.blocks.get(name) {
            // What others have changed is no longer as it was; that nothing of ours is in it still holds.
            Some(after) if touched => {
                wrongs.extend(after.iter().filter(|line| line.contains("moorage-")).map(|line| format!("{name} still has {line}")));
            }
            Some(after) => {
                let (before, after) = (cleaned(story, name, before), cleaned(story, name, after));
                if before != after {
                    wrongs.push(format!("{name} is not as it was found:\n- {}\n+ {}", before.join("\n- "), after.join("\n+ ")));
                }
            }
            None if touched => {}
            None => wrongs.push(format!("{name} is gone")),
        }
    }
    wrongs
}

/// The lines that neither devices nor the people of the story have changed.
fn cleaned(story: &Story<'_>, block: &str, lines: &[String]) -> Vec<String> {
    let is_service = block == format!("service {SERVICE}");
    let ids: Vec<_> = story
        .case
        .tenants
        .iter()
        .enumerate()
        .flat_map(|(t, tenant)| (0..tenant.devices.len()).map(move |d| (t, d)))
        .map(|(t, d)| format!("enrollment {} ", story.case.registration_id(t, d)))
        .collect();
    let groups: Vec<_> = (0..story.case.tenants.len()).map(|t| format!("group {} ", group_id(t))).collect();
    let stays = |line: &&String| {
        let devices = ["device ", "registration ", "twin "].iter().any(|beginning| line.starts_with(beginning));
        // Azure gives out an identity, and does not take it back.
        let devices = devices || is_service && (line.starts_with("identity ") || line.starts_with("certificate "));
        let people = is_service && (ids.iter().any(|id| line.starts_with(id)) || groups.iter().any(|group| line.starts_with(group)));
        let unlinked = line
            .strip_prefix("link ")
            .and_then(|rest| rest.split('.').next())
            .is_some_and(|hub| story.touches(&format!("link {hub}")) + story.touches(hub) > 0);
        !(devices || people || unlinked)
    };
    let masked = story.case.quirks.masked_link_is_stored;
    let shown = |line: &String| match line.strip_prefix("link ").and_then(|rest| rest.rsplit_once(' ')) {
        Some((rest, _)) if masked => format!("link {rest}"),
        _ => line.clone(),
    };
    lines.iter().filter(stays).map(shown).collect()
}

/// What is left of us in the cluster.
pub fn traces(story: &Story<'_>) -> Wrongs {
    let ours = |object: &Value| object["metadata"]["labels"][annotations::MANAGED_BY] == annotations::MANAGER;
    let secrets = story.world.cluster.all("Secret").into_iter().filter(ours);
    let mut wrongs: Vec<_> = secrets.map(|secret| format!("Secret {} is left", secret["metadata"]["name"])).collect();
    let sight = Sight::of(&story.world.cloud);
    for page in story.world.cluster.all("ConfigMap") {
        let data = page["data"].as_object().cloned().unwrap_or_default();
        if !data.iter().all(|(entry, value)| outlives(&sight, entry, value.as_str().unwrap_or_default())) {
            wrongs.push(format!("the ledger still says: {}", json!(data)));
        }
    }
    wrongs
}

/// What is known of a device outlives its credential, as long as there is a service, or a hub, that knows the device.
fn outlives(sight: &Sight, entry: &str, value: &str) -> bool {
    if ["disenrolled.", "enrolled.", "off."].iter().any(|prefix| entry.starts_with(prefix)) {
        return sight.blocks.contains_key(&format!("service {SERVICE}"));
    }
    let place = value.rsplit(' ').next().and_then(|place| place.split_once("/devices/"));
    let knows = |(host, device): (&str, &str)| sight.has_device(host.trim_end_matches(HOSTS), device);
    entry.starts_with("identity.") && place.is_some_and(knows)
}
