//! What an older version of the service API does not know, and so does not show.

use serde_json::Value;

use crate::exchange::{Answer, Call};

const OLD: &str = "2018-09-01-preview";

/// Takes out of an answer, be it one record or a page of them, what came after the version that was asked for.
pub(super) fn as_of(call: &Call, mut answer: Answer) -> Answer {
    if call.parameter("api-version") == Some(OLD) {
        match &mut answer.body {
            Some(Value::Array(page)) => page.iter_mut().for_each(forget),
            Some(record) => forget(record),
            None => {}
        }
    }
    answer
}

fn forget(record: &mut Value) {
    let Some(fields) = record.as_object_mut() else { return };
    fields.remove("optionalDeviceInformation");
    // Devices of a group got capabilities later than single ones.
    if fields.contains_key("enrollmentGroupId") {
        fields.remove("capabilities");
    }
}
