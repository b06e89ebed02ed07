//! What an older version of the service API does not know, and so neither shows nor takes.

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::azure::dps::service_api::refusal::bad;
use crate::azure::options::{OlderPut, Variants};
use crate::engine::http::{Request, Response};

const OLDEST: &str = "2018-09-01-preview";
/// The newest one of a cloud that is behind.
const OLDER: &str = "2021-10-01";
const NEWEST: &str = "2026-11-01";

/// What came with [`NEWEST`], of a group and of a single device alike.
const NAMES: [&str; 3] = ["namespaceName", "certificateAuthorityName", "certificatePolicyName"];

/// Takes out of an answer, be it one record or a page of them, what came after the version that was asked for.
pub(crate) fn as_of(request: &Request, mut response: Response) -> Response {
    let version = of(request);
    match &mut response.body {
        Some(Value::Array(page)) => page.iter_mut().for_each(|record| forget(record, version)),
        Some(record) => forget(record, version),
        None => {}
    }
    response
}

/// The version of a call.
pub(crate) fn of(request: &Request) -> &str {
    request.parameter("api-version").unwrap_or_default()
}

/// A cloud that is behind refuses what is newer than it.
pub(crate) fn check(variants: &Variants, request: &Request, now: Timestamp) -> Result<(), Response> {
    match of(request) {
        version if variants.older_cloud && version > OLDER => {
            Err(bad(400_002, &format!("The api-version {version} is not supported; the newest one is {OLDER}."), now))
        }
        _ => Ok(()),
    }
}

/// Takes out of one record what came after a version.
pub(crate) fn forget(record: &mut Value, version: &str) {
    let Some(fields) = record.as_object_mut().filter(|_| version < NEWEST) else { return };
    fields.retain(|name, _| !NAMES.contains(&name.as_str()));
    if version != OLDEST {
        return;
    }
    fields.remove("payload");
    fields.remove("optionalDeviceInformation");
    // Devices of a group got capabilities later than single ones.
    if fields.contains_key("enrollmentGroupId") {
        fields.remove("capabilities");
    }
}

/// What a PUT leaves of what its version does not know.
pub(crate) fn after(
    variants: &Variants,
    version: &str,
    before: Option<&Map<String, Value>>,
    mut wanted: Map<String, Value>,
) -> Map<String, Value> {
    if version >= NEWEST {
        return wanted;
    }
    wanted.retain(|name, _| !NAMES.contains(&name.as_str()));
    let kept = before.filter(|_| variants.older_put == OlderPut::Kept).into_iter().flatten();
    wanted.extend(kept.filter(|(name, _)| NAMES.contains(&name.as_str())).map(|(name, value)| (name.clone(), value.clone())));
    wanted
}
