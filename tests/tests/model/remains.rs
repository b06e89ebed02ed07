//! In what the cloud differs from how it was found.

use crate::case::{SERVICE, group_id};
use crate::judge::Wrongs;
use crate::sight::Sight;
use crate::story::Story;

/// The differences, but for what others and devices did, and for what bars devices.
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
        let devices = line.starts_with("device ") || line.starts_with("registration ");
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
