//! Texts from elsewhere, made fit for a log: bounded, on one line, without anything that looks like a key or a token.

/// Longest message that leaves this crate, in characters.
const LONGEST: usize = 300;
/// More than this is not even looked at.
const LOOKED_AT: usize = 4 * 1024;
/// The base64 of 16 bytes, the shortest key there is, has 24 characters.
const KEY_LENGTH: usize = 22;
const REDACTED: &str = "[redacted]";

/// What begins the part of a message that is of the single request.
const PASSING: [&str; 6] = ["Trace ID:", "Correlation ID:", "Timestamp:", "Tracking ID:", "TrackingId:", "TrackingId "];

/// Names whose value is a secret.
const ANNOUNCERS: [&str; 15] = [
    "accountkey",
    "access_token",
    "authorization",
    "bearer",
    "client_assertion",
    "client_secret",
    "code",
    "connectionstring",
    "password",
    "primarykey",
    "secondarykey",
    "sharedaccesskey",
    "sharedaccesssignature",
    "sig",
    "token",
];

/// Shortens a text to 300 characters of one line and takes out what may be secret.
pub(crate) fn scrub(text: &str) -> String {
    let mut clean = String::new();
    let mut after_name = false;
    for piece in pieces(&lasting(text).chars().take(LOOKED_AT).collect::<String>()) {
        if piece.starts_with(is_delimiter) {
            after_name &= piece.chars().all(|c| matches!(c, ' ' | ':' | '"' | '\'' | '\\'));
            clean.extend(piece.chars().map(|c| if c.is_control() { ' ' } else { c }));
            continue;
        }
        let (name, value) = piece.split_once('=').unwrap_or((piece, ""));
        let announces = ANNOUNCERS.contains(&name.to_ascii_lowercase().as_str());
        if announces && !value.is_empty() {
            clean.push_str(name);
            clean.push('=');
            clean.push_str(REDACTED);
        } else if looks_secret(piece) || (after_name && piece.len() >= KEY_LENGTH) {
            clean.push_str(REDACTED);
        } else {
            clean.push_str(piece);
        }
        after_name = announces;
    }
    clean.trim().chars().take(LONGEST).collect()
}

/// The part of a text that is the same each time: services end theirs with ids and times of the single request.
fn lasting(text: &str) -> &str {
    let end = PASSING.iter().filter_map(|mark| text.find(mark)).min();
    end.map_or(text, |end| text[..end].trim_end_matches([' ', ',', ';', '\r', '\n']))
}

/// Cuts a text into alternating delimiters and what is between them.
fn pieces(text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let delimiter = is_delimiter(first);
        let end = rest.find(|c| is_delimiter(c) != delimiter).unwrap_or(rest.len());
        let (piece, after) = rest.split_at(end);
        pieces.push(piece);
        rest = after;
    }
    pieces
}

fn is_delimiter(c: char) -> bool {
    c.is_whitespace() || c.is_control() || ";&,:?\"'<>(){}[]\\|`".contains(c)
}

/// Says whether a piece holds something of the shape of a base64 key, a JSON web token or a generated client secret.
fn looks_secret(piece: &str) -> bool {
    let plain =
        piece.replace("%3D", "=").replace("%3d", "=").replace("%2F", "/").replace("%2f", "/").replace("%2B", "+").replace("%2b", "+");
    let (before, _) = plain.rsplit_once('=').unwrap_or_default();
    let padded = before.split('=').map(base64_at_end).any(|tail| is_mixed(tail) || (plain.ends_with('=') && tail.len() >= KEY_LENGTH));
    let token = plain.find("eyJ").is_some_and(|start| plain.len() - start >= KEY_LENGTH);
    let client_secret = |part: &str| part.contains('~') && is_mixed(part);
    padded
        || token
        || plain.split(|c: char| !(c.is_ascii_alphanumeric() || c == '+')).any(is_mixed)
        || plain.split(|c: char| !(c.is_ascii_alphanumeric() || "~._-".contains(c))).any(client_secret)
}

fn base64_at_end(text: &str) -> &str {
    let before = text.trim_end_matches(|c: char| c.is_ascii_alphanumeric() || "+/".contains(c));
    &text[before.len()..]
}

fn is_mixed(part: &str) -> bool {
    part.len() >= KEY_LENGTH
        && part.bytes().any(|byte| byte.is_ascii_uppercase())
        && part.bytes().any(|byte| byte.is_ascii_lowercase())
        && part.bytes().any(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::scrub;

    const KEY: &str = "p3w2DQr9WqEGBLUSlFi1jPQ7UWQL4siAGy75HFTFbf8=";

    #[test]
    fn what_is_of_the_single_request_is_left_out_so_that_the_same_failure_reads_the_same() {
        let told = |id: &str| scrub(&format!("AADSTS7000215: Invalid client secret provided. Trace ID: {id} Timestamp: {id}"));
        assert_eq!(told("1"), "AADSTS7000215: Invalid client secret provided.");
        assert_eq!(told("1"), told("2"));
    }

    #[test]
    fn a_plain_sentence_stays_as_it_is() {
        let text = "The Resource 'Microsoft.Devices/IotHubs/contoso-east' under resource group 'rg-1' was not found.";
        assert_eq!(scrub(text), text);
        let id = "/subscriptions/0b1f6471-1bf0-4dda-aec3-111122223333/resourceGroups/Contoso/providers/Microsoft.Devices";
        assert_eq!(scrub(id), id);
        let setting = "sharedAccessSignatureAuthorizationRule=1";
        assert_eq!(scrub(setting), setting);
    }

    #[test]
    fn keys_tokens_and_connection_strings_are_taken_out() {
        assert_eq!(
            scrub("bad HostName=h.example.net;SharedAccessKeyName=iothubowner;SharedAccessKey=short"),
            "bad HostName=h.example.net;SharedAccessKeyName=iothubowner;SharedAccessKey=[redacted]"
        );
        assert_eq!(
            scrub("SharedAccessSignature sr=h.net&sig=YQPkBT50N%2Bx%3D&se=1700000000&skn=owner"),
            "SharedAccessSignature sr=h.net&sig=[redacted]&se=1700000000&skn=owner"
        );
        assert_eq!(scrub(&format!("key {KEY} is bad")), "key [redacted] is bad");
        assert_eq!(scrub(r#"{"primaryKey":"aaaaaaaaaaaaaaaaaaaaaaaa"}"#), r#"{"primaryKey":"[redacted]"}"#);
        assert_eq!(scrub("Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.x"), "Bearer [redacted]");
    }

    #[test]
    fn a_secret_is_taken_out_whatever_its_slashes_and_whatever_follows_it() {
        let key = "p3w2DQr9WqEG/LUSlFi1jPQ7U/QL4siAGy75HFTFbf8=";
        assert_eq!(scrub(&format!("{key}. Or {key}x, or k={key}!")), "[redacted] Or [redacted], or [redacted]");
        assert_eq!(scrub("p3w2DQr9WqEG%2FLUSlFi1jPQ7U%2FQL4siAGy75HFTFbf8%3D."), "[redacted]");
        assert_eq!(scrub("secret 3fX8Q~fuzzing.only-opens_nothing4Cw0N2dcTj."), "secret [redacted]");
        assert_eq!(scrub("{token}eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.x"), "{token}[redacted]");
        assert_eq!(scrub("not-eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.x"), "[redacted]");
    }

    #[test]
    fn a_text_is_cut_to_300_characters_of_one_line() {
        assert_eq!(scrub(&"ä ".repeat(500)).chars().count(), 300);
        assert_eq!(scrub("one\ntwo\u{1b}[31m"), "one two [31m");
    }
}
