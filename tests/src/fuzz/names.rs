use moorage_cloud::{Cloud, ResourceId};
use moorage_keys::{DeviceId, HostName, IdScope, ModuleId, RegistrationId};
use moorage_plan::Pattern;
use reqwest::Url;

use super::Outcome;

/// Names of devices, hosts and scopes, and the patterns of grants: the first line is a name, the next two are patterns.
pub fn names(data: &[u8]) -> Outcome {
    let Ok(text) = str::from_utf8(data) else { return Outcome::Refused };
    let mut lines = text.splitn(3, '\n');
    let mut line = || lines.next().unwrap_or_default();
    let (name, one, other) = (line(), line(), line());
    patterns(name, one, other);
    let _ = ResourceId::parse(name);
    let (id, host) = (ids(name), hosts(name));
    if id || host { Outcome::Accepted } else { Outcome::Refused }
}

fn ids(name: &str) -> bool {
    let length = name.len();
    let made_of = |others: &str| name.chars().all(|c| c.is_ascii_alphanumeric() || others.contains(c));
    let registry = (1..=128).contains(&length) && made_of("-.%_*?!(),:=@$'");
    assert_eq!(DeviceId::parse(name).is_ok(), registry, "device id {name:?}");
    assert_eq!(ModuleId::parse(name).is_ok(), registry, "module id {name:?}");
    assert_eq!(IdScope::parse(name).is_ok(), (1..=32).contains(&length) && made_of(""), "id scope {name:?}");
    let lower = !name.contains(|c: char| c.is_ascii_uppercase());
    let registration = (1..=128).contains(&length) && made_of("-._:") && lower && !name.ends_with(['.', '_', ':']);
    let read = RegistrationId::parse(name);
    assert_eq!(read.is_ok(), registration, "registration id {name:?}");
    if let Ok(id) = read {
        assert_eq!((id.as_str(), DeviceId::from(&id).as_str()), (name, name));
    }
    registry
}

/// Whatever is taken for a host of the cloud's is one, to whoever makes an URL of it.
fn hosts(name: &str) -> bool {
    let cloud = Cloud::public();
    if let Ok(host) = HostName::parse(name) {
        assert_eq!((host.as_str(), HostName::parse(host.as_str())), (name.to_ascii_lowercase().as_str(), Ok(host.clone())));
    }
    let hub = cloud.hub_host(name).map(|hub| hub.host().clone()).ok();
    let service = cloud.dps_host(name).map(|service| service.host().clone()).ok();
    assert!(hub.is_none() || service.is_none(), "{name:?} cannot be both");
    lies_in(hub.as_ref(), ".azure-devices.net");
    lies_in(service.as_ref(), ".azure-devices-provisioning.net");
    let named = cloud.hub_named(name).map(|hub| hub.host().clone()).ok();
    lies_in(named.as_ref(), ".azure-devices.net");
    if let Some(named) = &named {
        assert_eq!(named.as_str(), format!("{}.azure-devices.net", name.to_ascii_lowercase()));
        assert_eq!(named.as_str().matches('.').count(), 2, "{name:?} is one label");
    }
    let named = cloud.dps_named(name).map(|service| service.host().clone()).ok();
    lies_in(named.as_ref(), ".azure-devices-provisioning.net");
    hub.is_some() || service.is_some()
}

fn lies_in(host: Option<&HostName>, domain: &str) {
    let Some(host) = host else { return };
    let url = Url::parse(&format!("https://{host}/devices/d1")).expect("a host makes an URL");
    let told = (url.host_str(), url.port(), url.username(), url.path());
    assert_eq!(told, (Some(host.as_str()), None, "", "/devices/d1"), "{host} is more than a host");
    let label = host.as_str().strip_suffix(domain);
    assert!(label.is_some_and(|label| !label.is_empty()), "{host} is not in {domain}");
}

fn patterns(name: &str, one: &str, other: &str) {
    let (first, second) = (Pattern::new(one), Pattern::new(other));
    let expected = match one.strip_suffix('*') {
        Some(prefix) => name.as_bytes().starts_with(prefix.as_bytes()),
        None => name == one,
    };
    assert_eq!(first.matches(name), expected, "{one:?} and {name:?}");
    let ignoring = Pattern::new(&one.to_ascii_lowercase()).matches(&name.to_ascii_lowercase());
    assert_eq!(first.matches_ignoring_case(name), ignoring, "{one:?} and {name:?}, whatever their case");
    assert_eq!(first.overlaps(&second), second.overlaps(&first), "{one:?} and {other:?}");
    assert!(!(first.matches(name) && second.matches(name)) || first.overlaps(&second), "{one:?} and {other:?} share {name:?}");
}
