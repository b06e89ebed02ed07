//! Many enrollments in one request, each of which succeeds or fails for itself.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::azure::dps::service_api::document::Sort;
use crate::azure::dps::service_api::refusal::{bad, refused};
use crate::azure::dps::service_api::upsert::{body, service};
use crate::azure::dps::service_api::{groups, individuals, version};
use crate::azure::state::Azure;
use crate::engine::http::{Outcome, Request, Response};

/// The longest list.
const MOST: usize = 10;

/// Does what the list says as far as it can be done, in its order.
pub(crate) fn run(azure: &mut Azure, name: &str, sort: Sort, request: &Request, now: Timestamp) -> Outcome {
    let body = body(request, now)?;
    let list = match sort {
        Sort::Group => &body["enrollmentGroups"],
        Sort::Individual => &body["enrollments"],
    };
    let list = list.as_array().filter(|list| (1..=MOST).contains(&list.len()));
    let list = list.ok_or_else(|| bad(400_004, &format!("A bulk operation is for 1 to {MOST} enrollments."), now))?;
    let mut errors = Vec::new();
    for item in list {
        let id = item[sort.id()].as_str().unwrap_or_default();
        if let Err(refusal) = one(azure, request, name, sort, id, item, now) {
            let told = refusal.body.unwrap_or_default();
            errors.push(json!({ sort.id(): id, "errorCode": told["errorCode"], "errorStatus": told["message"] }));
        }
    }
    Ok(Response::json(200, json!({ "isSuccessful": errors.is_empty(), "errors": errors })))
}

fn one(azure: &mut Azure, request: &Request, name: &str, sort: Sort, id: &str, item: &Value, now: Timestamp) -> Result<(), Response> {
    let mode = body(request, now)?["mode"].as_str().unwrap_or_default();
    let tag = match mode {
        "create" => None,
        "update" => Some("*"),
        "updateIfMatchETag" => Some(item["etag"].as_str().ok_or_else(|| refused(412, 412_001, "The entity tag is missing.", now))?),
        "delete" => {
            return match sort {
                Sort::Group => groups::remove(azure, name, id, None, now),
                Sort::Individual => individuals::remove(azure, name, id, None, now),
            };
        }
        _ => return Err(bad(400_004, "The mode is not known.", now)),
    };
    if tag.is_some() {
        let there = service(azure, name, now)?;
        match sort {
            Sort::Group => _ = there.groups.get(id).ok_or_else(|| groups::no_such_group(id, now))?,
            Sort::Individual => _ = individuals::find(there, id, now)?,
        }
    }
    match sort {
        Sort::Group => groups::write(azure, name, id, item, (tag, version::of(request)), now).map(|_| ()),
        Sort::Individual => individuals::write(azure, name, id, item, (tag, version::of(request)), now).map(|_| ()),
    }
}
