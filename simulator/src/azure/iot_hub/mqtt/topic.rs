//! The topics that a hub knows.

use percent_encoding::percent_decode_str;

use crate::engine::mqtt::topic::{halves, named};

/// A message to a hub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ToHub {
    /// A device-to-cloud message with its properties.
    Telemetry(Vec<(String, String)>),
    ReadTwin {
        request_id: String,
    },
    Report {
        request_id: String,
    },
}

/// What a device may listen to at a hub: the answers about its twin,
pub(crate) const TWIN_ANSWERS: &str = "$iothub/twin/res/#";
/// what is newly wished of it,
pub(crate) const DESIRED: &str = "$iothub/twin/PATCH/properties/desired/#";
/// and methods, which nobody here invokes.
pub(crate) const METHODS: &str = "$iothub/methods/POST/#";

/// What a device listens to for messages to it, which nobody here sends.
pub(crate) fn messages_to(device: &str) -> String {
    format!("devices/{device}/messages/devicebound/#")
}

impl ToHub {
    pub fn read(topic: &str, device: &str) -> Option<Self> {
        if let Some(rest) = topic.strip_prefix("devices/") {
            let rest = rest.strip_prefix(device)?.strip_prefix("/messages/events")?;
            return match rest.strip_prefix('/') {
                Some(properties) => Some(Self::Telemetry(message_properties(properties))),
                None => rest.is_empty().then(|| Self::Telemetry(Vec::new())),
            };
        }
        let (path, pairs) = halves(topic)?;
        let request_id = named(&pairs, "$rid")?;
        match path {
            "$iothub/twin/GET" => Some(Self::ReadTwin { request_id }),
            "$iothub/twin/PATCH/properties/reported" => Some(Self::Report { request_id }),
            _ => None,
        }
    }
}

/// The property bag at the end of the topic; some clients put a question mark before it.
fn message_properties(bag: &str) -> Vec<(String, String)> {
    let plain = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let bag = bag.trim_end_matches('/');
    let pairs = bag.strip_prefix('?').unwrap_or(bag).split('&').filter(|pair| !pair.is_empty());
    pairs.map(|pair| pair.split_once('=').unwrap_or((pair, ""))).map(|(name, value)| (plain(name), plain(value))).collect()
}

#[cfg(test)]
mod tests {
    use super::ToHub;

    #[test]
    fn a_message_has_the_properties_of_its_topic_decoded() {
        let read = |topic| ToHub::read(topic, "d1");
        let pairs = |pairs: &[(&str, &str)]| pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let full = read("devices/d1/messages/events/%24.ct=application%2Fjson&level=a+b&flag");
        assert_eq!(full, Some(ToHub::Telemetry(pairs(&[("$.ct", "application/json"), ("level", "a+b"), ("flag", "")]))));
        assert_eq!(read("devices/d1/messages/events/"), Some(ToHub::Telemetry(Vec::new())));
        assert_eq!(read("devices/d1/messages/events"), Some(ToHub::Telemetry(Vec::new())));
    }

    #[test]
    fn a_device_speaks_for_itself_alone() {
        assert_eq!(ToHub::read("devices/d2/messages/events/", "d1"), None);
        assert_eq!(ToHub::read("devices/d10/messages/events/", "d1"), None);
        assert_eq!(ToHub::read("devices/d1/messages/eventsandmore", "d1"), None);
    }

    #[test]
    fn twins_are_read_and_reported_to_by_request() {
        let read = |topic| ToHub::read(topic, "d1");
        assert_eq!(read("$iothub/twin/GET/?$rid=a"), Some(ToHub::ReadTwin { request_id: "a".to_owned() }));
        assert_eq!(read("$iothub/twin/PATCH/properties/reported/?$rid=b"), Some(ToHub::Report { request_id: "b".to_owned() }));
        assert_eq!(read("$iothub/twin/PATCH/properties/desired/?$rid=b"), None);
    }
}
