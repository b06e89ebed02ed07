//! What must hold in every world, whatever has happened in it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::Value;

use crate::case::{Ref, SERVICE, group_id, hub_name};
use crate::cloud_view::{HOSTS, Sight};
use crate::setup::there_before;
use crate::story::{FOREIGN_GROUP, FOREIGN_HUB, Story};

/// What is wrong, in words.
pub type Wrongs = Vec<String>;

/// What must hold at any time.
pub fn always(story: &Story<'_>, found: &Sight) -> Wrongs {
    let now = Sight::of(&story.world.cloud);
    let mut wrongs = tenancy(story, &now);
    wrongs.extend(others(story, found, &now));
    wrongs.extend(their_devices(story, found, &now));
    wrongs.extend(story.world.cloud.violations().into_iter().map(|line| format!("a request breaks the OpenAPI: {line}")));
    wrongs.extend(made_twice(story));
    wrongs.extend(hosts(story));
    wrongs
}

/// What must hold when the operator is at rest and nobody hinders it.
pub fn at_rest(story: &Story<'_>) -> Wrongs {
    story
        .case
        .objects()
        .into_iter()
        .filter_map(|object| Some((object, story.get(object)?)))
        .flat_map(|(object, found)| honest(object, &found))
        .collect()
}

/// No enrollment of ours names a hub of another tenant.
fn tenancy(story: &Story<'_>, now: &Sight) -> Wrongs {
    let mut wrongs = Vec::new();
    for (t, tenant) in story.case.tenants.iter().enumerate() {
        let own: Vec<_> = (0..tenant.hubs.len()).map(|h| format!("{}.azure-devices.net", hub_name(t, h))).collect();
        for host in now.hubs_of_group(SERVICE, &group_id(t)).unwrap_or_default() {
            if !own.contains(&host) {
                wrongs.push(format!("enrollment group {} names {host}, which is not its tenant's", group_id(t)));
            }
        }
    }
    wrongs
}

/// What is of nobody of ours is as it was.
fn others(story: &Story<'_>, found: &Sight, now: &Sight) -> Wrongs {
    let mut wrongs = Vec::new();
    let mut same = |what: &str, before: Option<String>, after: Option<String>| {
        if before != after {
            wrongs.push(format!("{what}, which is somebody else's, has changed:\n- {}\n+ {}", shown(before), shown(after)));
        }
    };
    let policies = |sight: &Sight| {
        Some(
            sight
                .blocks
                .get(&format!("hub {FOREIGN_HUB}"))?
                .iter()
                .filter(|line| !line.starts_with("device "))
                .cloned()
                .collect::<Vec<_>>()
                .join("\n"),
        )
    };
    same("the foreign hub", policies(found), policies(now));
    if story.touches(SERVICE) > 0 || !story.case.service.existed {
        return wrongs;
    }
    let of = |sight: &Sight, beginning: &str| sight.line(&format!("service {SERVICE}"), beginning);
    for beginning in
        [format!("group {FOREIGN_GROUP} "), "enrollment somebody-elses-device ".to_owned(), "policy provisioningserviceowner".to_owned()]
    {
        same(&beginning, of(found, &beginning), of(now, &beginning));
    }
    let link = format!("link {FOREIGN_HUB}.azure-devices.net");
    let key_of = |told: Option<String>| match (told, story.case.quirks.masked_link_is_stored) {
        // The known limit: which key a foreign link has cannot be known.
        (Some(text), true) => text.rsplit_once(' ').map(|(rest, _)| rest.to_owned()),
        (text, _) => text,
    };
    same(&link, key_of(of(found, &link)), key_of(of(now, &link)));
    for (t, tenant) in story.case.tenants.iter().enumerate() {
        for d in (0..tenant.devices.len()).filter(|d| tenant.devices[*d].enrolled.is_some() && story.case.hub_of(t, *d).is_none()) {
            let id = story.case.registration_id(t, d);
            let beginning = format!("enrollment {id} ");
            if story.touches(beginning.trim_end()) == 0 {
                same(&beginning, of(found, &beginning), of(now, &beginning));
            }
        }
        for (h, _) in tenant.hubs.iter().enumerate().filter(|(_, hub)| hub.existed && !hub.adopted) {
            let hub = hub_name(t, h);
            if story.touches(&hub) == 0 {
                // Devices register with it as its owner wants them to.
                let without_devices = |sight: &Sight| {
                    let block = sight.block(&format!("hub {hub}"))?;
                    Some(block.lines().filter(|line| !line.starts_with("device ")).collect::<Vec<_>>().join("\n"))
                };
                same(&hub, without_devices(found), without_devices(now));
            }
        }
    }
    wrongs
}

/// A device that somebody else had in a hub is as it was, until they do something to it.
fn their_devices(story: &Story<'_>, found: &Sight, now: &Sight) -> Wrongs {
    let mut wrongs = Vec::new();
    for (t, tenant) in story.case.tenants.iter().enumerate() {
        for d in (0..tenant.devices.len()).filter(|d| tenant.devices[*d].enrolled.is_some()) {
            let (Some(hub), id) = (there_before(story.case, t, d), story.case.device_id(t, d)) else { continue };
            let of = |sight: &Sight| sight.line(&format!("hub {hub}"), &format!("device {id} "));
            if story.touches(&hub) + story.touches(&format!("device {hub} {id}")) == 0 && of(found) != of(now) {
                let (before, after) = (shown(of(found)), shown(of(now)));
                wrongs.push(format!("device {id} of hub {hub}, which is somebody else's, has changed:\n- {before}\n+ {after}"));
            }
        }
    }
    wrongs
}

fn shown(text: Option<String>) -> String {
    text.unwrap_or_else(|| "nothing".to_owned())
}

/// Each thing is made once, unless it was taken away meanwhile, or what it was made in.
fn made_twice(story: &Story<'_>) -> Wrongs {
    let mut made: BTreeMap<String, [usize; 2]> = BTreeMap::new();
    for request in story.world.cloud.requests() {
        let made = made.entry(request.path.to_lowercase()).or_default();
        match (request.method.as_str(), request.status) {
            ("PUT", Some(201)) => made[0] += 1,
            ("DELETE", Some(200..300)) => made[1] += 1,
            _ => {}
        }
    }
    let name = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
    let taken = |path: &str| made.get(path).map_or(0, |[_, deletions]| *deletions) + story.touches(&name(path));
    // A role goes with its hub, and is another one for another service.
    let around = |path: &str| match path.split_once("/providers/microsoft.authorization/roleassignments/") {
        Some((hub, _)) => {
            taken(hub)
                + story.touches(SERVICE)
                + made.iter().filter(|(path, _)| name(path) == SERVICE).map(|(_, [_, gone])| gone).sum::<usize>()
        }
        None => 0,
    };
    let twice = made.iter().filter(|(path, [puts, _])| *puts > 1 + taken(path) + around(path));
    twice.map(|(path, [puts, deletions])| format!("{path} was made {puts} times and deleted {deletions} times")).collect()
}

/// Requests go to hosts of the cloud that the objects name, and nowhere else.
fn hosts(story: &Story<'_>) -> Wrongs {
    let mut known: Vec<_> = ["login.microsoftonline.com", "management.azure.com"].map(str::to_owned).into();
    // The last is the devices' own.
    known.extend([format!("{SERVICE}.azure-devices-provisioning.net"), "global.azure-devices-provisioning.net".to_owned()]);
    let tenants = story.case.tenants.iter().enumerate();
    known.extend(tenants.flat_map(|(t, tenant)| (0..tenant.hubs.len()).map(move |h| format!("{}{HOSTS}", hub_name(t, h)))));
    let strange = story.world.cloud.requests().into_iter().filter(|request| !known.contains(&request.host));
    strange.map(|request| format!("a request went to {}{}", request.host, request.path)).collect()
}

/// A condition's status, reason and message.
pub fn condition<'a>(object: &'a Value, type_: &str) -> Option<[&'a str; 3]> {
    let condition = object["status"]["conditions"].as_array()?.iter().find(|condition| condition["type"] == type_)?;
    Some([condition["status"].as_str()?, condition["reason"].as_str()?, condition["message"].as_str()?])
}

/// Where every object stands, in a line each.
pub fn standings(story: &Story<'_>) -> String {
    let mut text = String::new();
    for object in story.case.objects() {
        let Some(found) = story.get(object) else { continue };
        let holding = ["Ready", "Reconciling", "Stalled"].iter().filter_map(|type_| Some((type_, condition(&found, type_)?)));
        let told: Vec<_> = holding
            .filter(|(_, [status, ..])| *status == "True")
            .map(|(type_, [_, reason, message])| format!("{type_} {reason}: {message}"))
            .collect();
        let leaving = if found["metadata"]["deletionTimestamp"].is_string() { " is to go" } else { "" };
        let _ = write!(text, "\n    {object:?}{leaving}: {}", told.join("; "));
    }
    text
}

/// Whether an object is Ready, and nothing is left to do for it.
pub fn is_ready(object: &Value) -> bool {
    let is = |type_: &str, wanted: &str| condition(object, type_).is_some_and(|[status, ..]| status == wanted);
    is("Ready", "True") && is("Reconciling", "False") && is("Stalled", "False")
}

/// The conditions tell of the spec that is there, and what to do where it stalls.
fn honest(object: Ref, found: &Value) -> Wrongs {
    let mut wrongs = Vec::new();
    if found["status"]["observedGeneration"] != found["metadata"]["generation"] {
        let (seen, is) = (&found["status"]["observedGeneration"], &found["metadata"]["generation"]);
        wrongs.push(format!("{object:?} tells of generation {seen}, and it is at {is}"));
    }
    for type_ in ["Ready", "Reconciling", "Stalled"] {
        match condition(found, type_) {
            None => wrongs.push(format!("{object:?} has no condition {type_}: {}", found["status"])),
            Some(["True", reason, message]) if type_ != "Ready" && message.len() < 15 => {
                wrongs.push(format!("{object:?} is {type_} for {reason}, and says only: {message}"));
            }
            Some(_) => {}
        }
    }
    let holds = |type_: &str| condition(found, type_).is_some_and(|[status, ..]| status == "True");
    if !holds("Ready") && !holds("Reconciling") && !holds("Stalled") && found["metadata"]["deletionTimestamp"].is_null() {
        wrongs.push(format!("{object:?} is not Ready, and says neither that it is under way nor that it is stuck"));
    }
    wrongs
}
