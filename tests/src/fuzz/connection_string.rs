use moorage_keys::{ConnectionString, Subject};

use super::{Outcome, assert_untold, secrets, told};

/// Connection strings of hubs, as the cloud and people bring them.
pub fn connection_string(data: &[u8]) -> Outcome {
    let Ok(text) = str::from_utf8(data) else { return Outcome::Refused };
    let read = ConnectionString::parse(text);
    match &read {
        Err(error) => secrets(text, &[';', '=']).for_each(|part| assert_untold(part, &told(error))),
        Ok(read) => holds(read, text),
    }
    Outcome::of(read.ok().as_ref())
}

fn holds(read: &ConnectionString, text: &str) {
    assert!(text.len() <= 4 * 1024, "it is read whatever its length");
    assert_eq!(read.is_masked(), read.key().is_none());
    let written = read.expose();
    assert_eq!(ConnectionString::parse(written.expose()).as_ref(), Ok(read), "it is not read as it was written");
    // A text that is trimmed and put in order is the same text: nothing is lost, nothing is added.
    let parts = |text: &str| text.trim_ascii().split(';').filter(|part| !part.is_empty()).count();
    assert_eq!(parts(text), parts(written.expose()));
    let shown = format!("{read} {read:?} {written:?}");
    if let Some(key) = read.key() {
        let named = match read.subject() {
            Subject::Policy(name) => name.clone(),
            Subject::Device(device) => device.to_string(),
            Subject::Module(device, module) => format!("{device} {module}"),
        };
        if !named.contains(key.expose_base64().as_str()) {
            assert_untold(&key.expose_base64(), &shown);
        }
    }
}
