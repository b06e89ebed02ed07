//! Enrollment groups: upsert, read, delete, keys, query.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::group_document::{Wanted, read, shown};
use super::pages::page;
use super::refusal::{bad, missing, no_such_host, refused, stale};
use crate::azure::{Azure, Group, Service};
use crate::exchange::{Answer, Call, Outcome};
use crate::options::KeysLeftOut;

fn service<'a>(azure: &'a Azure, name: &str, now: Timestamp) -> Result<&'a Service, Answer> {
    azure.services.get(name).ok_or_else(|| no_such_host(name, now))
}

pub(super) fn no_such_group(id: &str, now: Timestamp) -> Answer {
    missing(404_202, &format!("EnrollmentGroupNotFound: {id}."), now)
}

fn find<'a>(azure: &'a Azure, name: &str, id: &str, now: Timestamp) -> Result<&'a Group, Answer> {
    service(azure, name, now)?.groups.get(id).ok_or_else(|| no_such_group(id, now))
}

/// Whether an `If-Match` header fits the group's tag.
fn fits(group: &Group, if_match: &str) -> bool {
    let wanted = if_match.trim_matches('"');
    wanted == "*" || wanted == group.etag
}

fn check_condition(before: Option<&Group>, call: &Call, id: &str, now: Timestamp) -> Result<(), Answer> {
    match (before, call.header("if-match")) {
        (None, None) => Ok(()),
        (Some(group), Some(etag)) if fits(group, etag) => Ok(()),
        (_, Some(_)) => Err(stale(now)),
        (Some(_), None) => {
            let message = format!("EnrollmentConflict: the enrollment group {id} exists.");
            Err(refused(409, 409_201, &message, now))
        }
    }
}

/// The keys given; for those left out new ones, or the old ones where the variant says so.
fn keys_after(azure: &mut Azure, name: &str, id: &str, wanted: &Wanted, old: Option<&Group>) -> [String; 2] {
    let kept = azure.options.variants.group_keys_left_out == KeysLeftOut::Kept;
    let old = old.filter(|_| kept);
    let mut slot = |given: Option<&String>, old: Option<&String>, slot: &str| match given.or(old) {
        Some(key) => azure.keyring.keep(key.clone()),
        None => azure.keyring.long_key(&format!("service/{name}/group/{id}/{slot}")),
    };
    [
        slot(wanted.primary.as_ref(), old.map(|group| &group.primary), "primary"),
        slot(wanted.secondary.as_ref(), old.map(|group| &group.secondary), "secondary"),
    ]
}

/// Creates without `If-Match`, updates with it.
pub(super) fn put(azure: &mut Azure, name: &str, id: &str, call: &Call, now: Timestamp) -> Outcome {
    let body = call.json.as_ref().filter(|body| body.is_object());
    let body = body.ok_or_else(|| bad(400_003, "The body is no JSON object.", now))?;
    let there = service(azure, name, now)?;
    let before = there.groups.get(id).cloned();
    check_condition(before.as_ref(), call, id, now)?;
    let wanted = read(there, id, body, now)?;
    let most = azure.options.limits.symmetric_groups;
    if before.is_none() && there.groups.len() >= most {
        let message = format!("TooManyEnrollments: {most} symmetric-key groups at most.");
        return Err(bad(400_210, &message, now));
    }
    let old = before.as_ref();
    let [primary, secondary] = keys_after(azure, name, id, &wanted, old);
    let visible_from = now + azure.options.variants.read_after_create;
    let group = Group {
        id: id.to_owned(),
        etag: format!("{:08x}-0000-0100-0000-{:012x}", azure.count(), now.as_second()),
        primary,
        secondary,
        enabled: wanted.enabled,
        allocation_policy: wanted.allocation_policy,
        hubs: wanted.hubs,
        update_hub_assignment: wanted.update_hub_assignment,
        migrate_device_data: wanted.migrate_device_data,
        rest: wanted.rest,
        created: old.map_or(now, |group| group.created),
        updated: now,
        visible_from: old.map_or(visible_from, |group| group.visible_from),
    };
    let answer = Answer::json(200, shown(&group));
    if let Some(service) = azure.services.get_mut(name) {
        service.groups.insert(id.to_owned(), group);
    }
    Ok(answer)
}

pub(super) fn get(azure: &Azure, name: &str, id: &str, now: Timestamp) -> Outcome {
    let group = find(azure, name, id, now)?;
    if group.visible_from > now {
        return Err(no_such_group(id, now));
    }
    Ok(Answer::json(200, shown(group)))
}

/// Both keys; the only way to read them.
pub(super) fn keys(azure: &Azure, name: &str, id: &str, now: Timestamp) -> Outcome {
    let group = find(azure, name, id, now)?;
    Ok(Answer::json(
        200,
        json!({
            "type": "symmetricKey",
            "symmetricKey": {
                "primaryKey": group.primary,
                "secondaryKey": group.secondary,
            },
        }),
    ))
}

/// Deletes the group; the registrations that it made stay.
pub(super) fn delete(azure: &mut Azure, name: &str, id: &str, call: &Call, now: Timestamp) -> Outcome {
    let group = find(azure, name, id, now)?;
    let condition = call.header("if-match");
    if condition.is_some_and(|etag| !fits(group, etag)) {
        return Err(stale(now));
    }
    if let Some(service) = azure.services.get_mut(name) {
        service.groups.remove(id);
    }
    Ok(Answer::new(204))
}

/// Lists the groups; no other query than for all of them is known.
pub(super) fn query(azure: &Azure, name: &str, call: &Call, now: Timestamp) -> Outcome {
    let text = call.json.as_ref().and_then(|body| body["query"].as_str());
    let known = text.is_some_and(|text| {
        let words: Vec<String> = text.split_whitespace().map(str::to_lowercase).collect();
        words == ["select", "*", "from", "enrollmentgroups"]
    });
    if !known {
        let message = "Only SELECT * FROM enrollmentGroups is simulated.";
        return Err(bad(400_004, message, now));
    }
    let all: Vec<(String, Value)> = service(azure, name, now)?.groups.iter().map(|(id, group)| (id.clone(), shown(group))).collect();
    Ok(page(call, "enrollmentGroup", all))
}
