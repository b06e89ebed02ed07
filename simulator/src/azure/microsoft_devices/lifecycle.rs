//! How a resource of `Microsoft.Devices` is changed and deleted: by long-running operations, one at a time.

use jiff::Timestamp;

use crate::azure::microsoft_devices::errors::not_active;
use crate::azure::resource::errors::{no_body, no_such_resource};
use crate::azure::resource::kind::ResourceType;
use crate::azure::resource::operation::announce;
use crate::azure::resource::phase::Phase;
use crate::azure::resource::{Resource, ResourceId, tags_of};
use crate::azure::state::Azure;
use crate::engine::http::{Outcome, Request, Response};

fn resource<'a>(azure: &'a mut Azure, kind: &dyn ResourceType, id: &ResourceId<'_>) -> Result<&'a mut Resource, Response> {
    let missing = || no_such_resource(&kind.kind().to_string(), id.name, id.group);
    kind.resource_mut(azure, id).ok_or_else(missing)
}

/// Begins to delete a resource that is there.
pub(crate) fn delete(
    azure: &mut Azure,
    request: &Request,
    now: Timestamp,
    kind: &'static dyn ResourceType,
    id: &ResourceId<'_>,
) -> Outcome {
    match resource(azure, kind, id)?.phase {
        Phase::Creating(_) | Phase::Updating(_) => return Err(not_active(id.name)),
        Phase::Active | Phase::Deleting(_) => {}
    }
    let begun = azure.begin_on(kind, id, now);
    azure.deletes(&begun);
    let resource = resource(azure, kind, id)?;
    if resource.phase == Phase::Active {
        resource.phase = Phase::Deleting(begun.number);
    }
    Ok(announce(azure, request, &begun, Response::new(202)))
}

/// Changes the tags of a resource that is there.
pub(crate) fn patch(azure: &mut Azure, request: &Request, now: Timestamp, kind: &'static dyn ResourceType, id: &ResourceId<'_>) -> Outcome {
    let body = request.json.as_ref().ok_or_else(no_body)?;
    if resource(azure, kind, id)?.phase != Phase::Active {
        return Err(not_active(id.name));
    }
    let begun = azure.begin_on(kind, id, now);
    let etag = azure.etag();
    let resource = resource(azure, kind, id)?;
    resource.tags = tags_of(body).unwrap_or_default();
    resource.etag = etag;
    resource.phase = Phase::Updating(begun.number);
    let response = Response::json(200, kind.shown(azure, request, id));
    Ok(announce(azure, request, &begun, response))
}
