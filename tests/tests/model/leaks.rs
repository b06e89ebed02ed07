//! No secret is where it can be read by those who may not read Secrets.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use moorage_crds::KindName;
use serde_json::Value;

use crate::judge::Wrongs;
use crate::story::Story;

/// What is short is no secret.
const SHORTEST: usize = 20;
/// Entries of Secrets that are told elsewhere too: hosts, scopes, names, certificates.
const PUBLIC: [&str; 7] = ["registrationId", "idScope", "provisioningHost", "deviceId", "hubHost", "tls.crt", "ca.crt"];
/// The kinds, beside ours, that more people may read than Secrets.
const READABLE: [&str; 2] = ["ConfigMap", "Event"];

/// Where a secret can be read.
pub fn leaks(story: &Story<'_>, log: &str) -> Wrongs {
    let cluster = &story.world.cluster;
    let mut secrets = story.world.cloud.secrets_ever_held();
    for secret in cluster.all("Secret") {
        let data = secret["data"].as_object().cloned().unwrap_or_default();
        for (name, value) in data.iter().filter(|(name, _)| !PUBLIC.contains(&name.as_str())) {
            let Some(encoded) = value.as_str() else { continue };
            secrets.push(encoded.to_owned());
            let text = STANDARD.decode(encoded).ok().and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default();
            // A text of several lines is cut where it is shown.
            secrets.extend(text.lines().filter(|line| !(name.starts_with("tls.") && line.starts_with("-----"))).map(str::to_owned));
        }
    }
    secrets.retain(|secret| secret.len() >= SHORTEST);
    let mut texts: Vec<(String, String)> = vec![("the log".to_owned(), log.to_owned())];
    let readable = KindName::ALL.iter().map(|kind| kind.as_str()).chain(READABLE);
    texts.extend(readable.map(|kind| (kind.to_owned(), Value::from(cluster.all(kind)).to_string())));
    let leak = |(place, text): &(String, String)| {
        let found = secrets.iter().find(|secret| text.contains(secret.as_str()))?;
        Some(format!("a secret that begins with {} is in {place}", &found[..4]))
    };
    texts.iter().filter_map(leak).collect()
}
