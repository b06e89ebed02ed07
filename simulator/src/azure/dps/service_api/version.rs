//! What an older version of the service API does not know, and so does not show.

use serde_json::Value;

use crate::engine::http::{Request, Response};

const OLD: &str = "2018-09-01-preview";

/// Takes out of an answer, be it one record or a page of them, what came after the version that was asked for.
pub(crate) fn as_of(request: &Request, mut response: Response) -> Response {
    let version = request.parameter("api-version").unwrap_or_default();
    match &mut response.body {
        Some(Value::Array(page)) => page.iter_mut().for_each(|record| forget(record, version)),
        Some(record) => forget(record, version),
        None => {}
    }
    response
}

/// Takes out of one record what came after a version.
pub(crate) fn forget(record: &mut Value, version: &str) {
    let Some(fields) = record.as_object_mut().filter(|_| version == OLD) else { return };
    fields.remove("payload");
    fields.remove("optionalDeviceInformation");
    // Devices of a group got capabilities later than single ones.
    if fields.contains_key("enrollmentGroupId") {
        fields.remove("capabilities");
    }
}
