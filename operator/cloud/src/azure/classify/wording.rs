//! The words in which services refuse, in each of their shapes.

use azure_core::http::headers::{HeaderName, Headers};
use serde_json::{Map, Value};

const CODE_HEADERS: [HeaderName; 2] = [HeaderName::from_static("iothub-errorcode"), HeaderName::from_static("x-ms-error-code")];

/// More of a body than this is not read as an error.
const LOOKED_AT: usize = 64 * 1024;

/// The words in which a service refuses.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Wording {
    pub(super) code: Option<String>,
    pub(super) message: String,
    pub(super) request_id: Option<String>,
    /// Whether the body had one of the services' own shapes.
    pub(super) structured: bool,
}

impl Wording {
    /// Reads the resource manager's shape, the flat one of Microsoft.Devices, and the three of its data planes.
    pub(super) fn read(headers: &Headers, body: &[u8]) -> Self {
        let mut wording = match parse(body) {
            Some(map) => Self::of(&map),
            None => Self { message: text(body), ..Self::default() },
        };
        if wording.code.is_none() {
            wording.code = CODE_HEADERS.iter().find_map(|name| headers.get_optional_str(name)).map(str::to_owned);
        }
        wording.code = number_in(&wording.message).or(wording.code);
        wording
    }

    /// Reads the shape of Entra ID; its code is the first number of `error_codes`.
    pub(super) fn read_sign_in(body: &[u8]) -> Self {
        let Some(map) = parse(body) else { return Self { message: text(body), ..Self::default() } };
        let number = map.get("error_codes").and_then(|codes| codes.get(0)).and_then(scalar);
        Self {
            code: number.or_else(|| map.get("error").and_then(scalar)),
            message: map.get("error_description").and_then(scalar).unwrap_or_default(),
            request_id: map.get("correlation_id").and_then(scalar),
            structured: true,
        }
    }

    /// Says whether these are the words of something else than the service, such as a gateway's page.
    pub(super) fn is_foreign(&self) -> bool {
        !self.structured && !self.message.trim_ascii().is_empty()
    }

    fn of(map: &Map<String, Value>) -> Self {
        if let Some(inner) = map.get("error").and_then(Value::as_object) {
            return Self::flat(inner);
        }
        let Some(message) = map.get("Message").and_then(Value::as_str) else { return Self::flat(map) };
        if let Some(inner) = parse(message.as_bytes()) {
            return Self::flat(&inner);
        }
        let named = message.strip_prefix("ErrorCode:");
        Self {
            code: named.map(|rest| rest.split(';').next().unwrap_or(rest).trim().to_owned()),
            message: message.to_owned(),
            request_id: map.get("ExceptionMessage").and_then(scalar).and_then(|text| tracking_id(&text)),
            structured: true,
        }
    }

    fn flat(map: &Map<String, Value>) -> Self {
        let field = |name: &str| map.get(name).and_then(scalar);
        let code = field("code").or_else(|| field("errorCode"));
        let message = field("message");
        Self {
            structured: code.is_some() || message.is_some(),
            code,
            message: message.unwrap_or_default(),
            request_id: field("trackingId"),
        }
    }
}

fn parse(body: &[u8]) -> Option<Map<String, Value>> {
    (body.len() <= LOOKED_AT).then(|| serde_json::from_slice(body).ok()).flatten()
}

/// The first line of a body that is no JSON, such as a gateway's page.
fn text(body: &[u8]) -> String {
    String::from_utf8_lossy(body.get(..600).unwrap_or(body)).into_owned()
}

/// A code is a number to one service and a text to the next.
fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Finds the `IH412001` that Microsoft.Devices writes into a message, whatever the outer code is.
fn number_in(message: &str) -> Option<String> {
    let mut numbers = message.match_indices("IH").filter_map(|(place, _)| message.get(place + 2..place + 8));
    numbers.find(|digits| digits.bytes().all(|byte| byte.is_ascii_digit())).map(str::to_owned)
}

fn tracking_id(text: &str) -> Option<String> {
    let (_, rest) = text.split_once("Tracking ID:")?;
    Some(rest.split(['-']).next().unwrap_or(rest).trim().to_owned())
}
