//! Swagger's and Azure's named formats of texts.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// A format that can be checked; others are annotations only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TextFormat {
    Bytes,
    Date,
    DateTime,
    DateTimeZoneless,
    Rfc1123,
    Duration,
    Uri,
    Uuid,
}

impl TextFormat {
    pub(crate) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "byte" => Self::Bytes,
            "date" => Self::Date,
            "date-time" => Self::DateTime,
            "date-time-zoneless" => Self::DateTimeZoneless,
            "date-time-rfc1123" => Self::Rfc1123,
            "duration" => Self::Duration,
            "uri" | "url" => Self::Uri,
            "uuid" => Self::Uuid,
            _ => return None,
        })
    }

    pub(crate) fn accepts(self, text: &str) -> bool {
        match self {
            Self::Bytes => STANDARD.decode(text).is_ok(),
            Self::Date => text.len() == 10 && text.parse::<jiff::civil::Date>().is_ok(),
            Self::DateTime => is_rfc3339(text),
            Self::DateTimeZoneless => is_rfc3339(text) || text.parse::<jiff::civil::DateTime>().is_ok(),
            Self::Rfc1123 => jiff::fmt::rfc2822::parse(text).is_ok(),
            Self::Duration => text.starts_with(['P', '-']) && text.parse::<jiff::Span>().is_ok(),
            Self::Uri => text.parse::<http::Uri>().is_ok_and(|uri| uri.scheme().is_some()),
            Self::Uuid => is_uuid(text),
        }
    }

    pub(crate) fn rule(self) -> &'static str {
        match self {
            Self::Bytes => "must be base64",
            Self::Date => "must be a date",
            Self::DateTime => "must be an RFC 3339 time",
            Self::DateTimeZoneless => "must be an RFC 3339 time, its zone may be missing",
            Self::Rfc1123 => "must be an RFC 1123 time",
            Self::Duration => "must be an ISO 8601 duration",
            Self::Uri => "must be an absolute URI",
            Self::Uuid => "must be a UUID",
        }
    }
}

fn is_rfc3339(text: &str) -> bool {
    text.contains(['T', 't']) && text.parse::<jiff::Timestamp>().is_ok()
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

#[cfg(test)]
mod tests {
    use super::TextFormat;

    fn verdicts(name: &str, texts: [&str; 4]) -> [bool; 4] {
        let format = TextFormat::named(name).expect("a format");
        texts.map(|text| format.accepts(text))
    }

    #[test]
    fn each_format_takes_its_own_and_nothing_else() {
        let yes_yes_no_no = [true, true, false, false];
        let rows = [
            ("byte", ["", "aGk=", "aGk", "a-_="]),
            ("date", ["2026-11-01", "0001-01-01", "2026-13-01", "2026-11-01T00:00:00Z"]),
            ("date-time", ["2026-11-01T10:00:00Z", "2026-11-01T10:00:00.1234567+02:00", "2026-11-01T10:00:00", "2026-11-01"]),
            ("date-time-zoneless", ["0001-01-01T00:00:00", "0001-01-01T00:00:00Z", "yesterday", ""]),
            ("date-time-rfc1123", ["Sun, 01 Nov 2026 10:00:00 GMT", "Thu, 01 Jan 1970 00:00:00 GMT", "2026-11-01T10:00:00Z", "Sun"]),
            ("duration", ["PT1H", "P1DT12H", "1:00:00", "1 hour"]),
            ("uri", ["https://example.com/a", "sb://contoso.servicebus.windows.net:5671/", "contoso", "/a"]),
            (
                "uuid",
                [
                    "4633458b-17de-408a-b874-0445c86b69e6",
                    "4633458B-17DE-408A-B874-0445C86B69E6",
                    "4633458b17de408ab8740445c86b69e6",
                    "4633458g-17de-408a-b874-0445c86b69e6",
                ],
            ),
        ];
        for (name, texts) in rows {
            assert_eq!(verdicts(name, texts), yes_yes_no_no, "{name}");
        }
    }

    #[test]
    fn an_unknown_format_is_an_annotation() {
        assert_eq!(TextFormat::named("password"), None);
    }
}
