//! What an older api-version of hubs does not know, and so neither shows nor takes.

use serde_json::{Map, Value, json};

use crate::azure::iot_hub::hub::Hub;
use crate::engine::http::Request;

/// The newest api-version of hubs.
const NEWEST: &str = "2026-11-01";
/// The newest one of a cloud that is behind.
pub(crate) const OLDER: &str = "2023-06-30";

/// What came with [`NEWEST`] below `properties` and can be written.
const WRITABLE: [&[&str]; 5] =
    [&["encryption"], &["rootCertificate"], &["ipVersion"], &["deviceStreams"], &["routing", "endpoints", "eventStreams"]];

/// Whether a call is of the version that knows all.
pub(crate) fn knows(request: &Request) -> bool {
    request.parameter("api-version").is_some_and(|version| version >= NEWEST)
}

/// Takes out what an older version does not know.
pub(crate) fn forget(properties: &mut Map<String, Value>) {
    for path in WRITABLE {
        let Some((last, way)) = path.split_last() else { continue };
        if let Some(map) = way.iter().try_fold(&mut *properties, |map, name| map.get_mut(*name)?.as_object_mut()) {
            map.remove(*last);
        }
    }
}

/// Puts back what an older version does not know.
pub(crate) fn keep(properties: &mut Map<String, Value>, stored: &Map<String, Value>) {
    for path in WRITABLE {
        let Some(((first, rest), (last, way))) = path.split_first().zip(path.split_last()) else { continue };
        let kept = rest.iter().try_fold(stored.get(*first), |value, name| Some(value?.get(*name))).flatten();
        let map = way.iter().try_fold(&mut *properties, |map, name| map.get_mut(*name)?.as_object_mut());
        if let Some((kept, map)) = kept.cloned().zip(map) {
            map.insert((*last).to_owned(), kept);
        }
    }
}

/// What only a newer version shows of what the service alone writes.
pub(crate) fn show(hub: &Hub, properties: &mut Map<String, Value>) {
    properties.insert("deviceHostName".to_owned(), format!("{}.device.azure-devices.net", hub.resource.name.to_lowercase()).into());
    properties.insert("serviceHostName".to_owned(), format!("{}.service.azure-devices.net", hub.resource.name.to_lowercase()).into());
    properties.insert("iotHubDetails".to_owned(), json!({ "gatewayVersion": "V1" }));
    if let Some(root) = properties.get_mut("rootCertificate").and_then(Value::as_object_mut) {
        root.insert("lastUpdatedTimeUtc".to_owned(), "2026-11-01T00:00:00Z".into());
    }
    let streams =
        properties.get_mut("routing").and_then(|routing| routing["endpoints"].get_mut("eventStreams")).and_then(Value::as_array_mut);
    for (number, stream) in streams.into_iter().flatten().enumerate() {
        stream["id"] = format!("event-stream-{number}").into();
    }
}

/// Takes out what the service alone writes, wherever it stands among what can be written.
pub(crate) fn without_read_only(properties: &mut Map<String, Value>) {
    if let Some(root) = properties.get_mut("rootCertificate").and_then(Value::as_object_mut) {
        root.remove("lastUpdatedTimeUtc");
    }
    let streams = properties.get_mut("routing").and_then(|routing| routing.get_mut("endpoints")?.get_mut("eventStreams")?.as_array_mut());
    for stream in streams.into_iter().flatten().filter_map(Value::as_object_mut) {
        stream.remove("id");
    }
}
