//! What a Ready credential's Secret must hold, and the cloud must hold of it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use moorage_keys::{DeviceId, HostName, IdScope, RegistrationId, SymmetricKey, derive_device_key, sas};
use serde_json::Value;

use crate::case::{Ref, SERVICE, Way, group_id, hub_name};
use crate::certificate;
use crate::cloud_view::{HOSTS, Sight};
use crate::devices::{entries, home};
use crate::objects::has_keys;
use crate::story::Story;

/// A Ready credential, and what its Secret holds.
pub struct Held<'a> {
    pub story: &'a Story<'a>,
    pub t: usize,
    pub d: usize,
    pub object: Value,
    pub entries: BTreeMap<String, String>,
}

/// What is wrong with a Ready credential.
pub fn credential(story: &Story<'_>, t: usize, d: usize) -> Option<String> {
    let name = crate::case::device_name(t, d);
    let object = story.get(Ref::Device(u8::try_from(t).ok()?, u8::try_from(d).ok()?))?;
    let Some(entries) = entries(story, t, d) else { return Some(format!("credential {name} is Ready and has no Secret")) };
    let held = Held { story, t, d, object, entries };
    let flaw = if has_keys(story.case, t, d) { held.keys().and_then(|keys| held.tokens(&keys)) } else { certificate::flaw(&held) };
    flaw.err().map(|wrong| format!("credential {name} is Ready, and {wrong}"))
}

impl Held<'_> {
    /// An entry of the Secret.
    pub fn entry(&self, name: &str) -> &str {
        self.entries.get(name).map_or("", String::as_str)
    }

    fn asks(&self, field: &str) -> bool {
        !matches!(self.object["spec"][field], Value::Null | Value::Bool(false))
    }

    /// The entries are these.
    pub fn expect(&self, expected: &[(&str, String)]) -> Result<(), String> {
        let wrong = expected.iter().find(|(name, value)| self.entry(name) != value);
        wrong.map_or(Ok(()), |(name, _)| Err(format!("its Secret's {name} is not what opens the door")))
    }

    /// The entries have these names and no other.
    pub fn only(&self, names: &[&str]) -> Result<(), String> {
        let (held, wanted): (BTreeSet<&str>, BTreeSet<&str>) =
            (self.entries.keys().map(String::as_str).collect(), names.iter().copied().collect());
        if held == wanted { Ok(()) } else { Err(format!("its Secret holds {held:?}, and not {wanted:?}")) }
    }

    /// Where the device registers, as its Secret has to tell.
    pub fn place(&self) -> [(&'static str, String); 3] {
        let scope = self.story.world.cloud.seed(|azure| azure.id_scope(SERVICE)).unwrap_or_default();
        [
            ("registrationId", self.story.case.registration_id(self.t, self.d)),
            ("idScope", scope),
            ("provisioningHost", "global.azure-devices-provisioning.net".to_owned()),
        ]
    }

    /// The keys are those that the cloud takes.
    fn keys(&self) -> Result<[String; 2], String> {
        let (case, cloud) = (self.story.case, &self.story.world.cloud);
        let id = case.registration_id(self.t, self.d);
        let (primary, secondary) = match (case.way(self.t, self.d), case.hub_of(self.t, self.d)) {
            (Way::Hub(_), hub) => self.of_identity(&hub.unwrap_or_default())?,
            (Way::Alone, _) => {
                self.enrolled(&id)?;
                cloud.seed(|azure| azure.enrollment_keys(SERVICE, &id)).ok_or("its individual enrollment has no keys")?
            }
            (Way::Group, _) => {
                let keys = cloud.seed(|azure| azure.group_keys(SERVICE, &group_id(self.t))).ok_or("there is no group")?;
                let id = RegistrationId::parse(&id).expect("an id");
                let derived =
                    |key: &str| derive_device_key(&SymmetricKey::from_base64(key).expect("a key"), &id).expose_base64().to_string();
                (derived(&keys.0), derived(&keys.1))
            }
        };
        self.expect(&[("deviceKey", primary.clone()), ("primaryKey", primary.clone()), ("secondaryKey", secondary.clone())])?;
        Ok([primary, secondary])
    }

    fn of_identity(&self, hub: &str) -> Result<(String, String), String> {
        let id = self.story.case.device_id(self.t, self.d);
        self.expect(&[("deviceId", id.clone()), ("hubHost", format!("{hub}{HOSTS}"))])?;
        let there = self.story.world.cloud.seed(|azure| azure.device(hub, &id)).ok_or("its hub does not know its device")?;
        if there["status"] != "enabled" {
            return Err("its device is disabled".to_owned());
        }
        let key = |field: &str| there[field].as_str().unwrap_or_default().to_owned();
        Ok((key("primaryKey"), key("secondaryKey")))
    }

    /// There is an enrollment of the device's own, as its group is.
    fn enrolled(&self, id: &str) -> Result<(), String> {
        let (case, sight) = (self.story.case, Sight::of(&self.story.world.cloud));
        let beginning = format!("enrollment {id} ");
        let line = sight.line(&format!("service {SERVICE}"), &beginning).ok_or("it has no individual enrollment")?;
        let status = if case.tenants[self.t].enrollment.disabled { "disabled" } else { "enabled" };
        let mut own: Vec<_> = (0..case.tenants[self.t].hubs.len()).map(|h| format!("{}{HOSTS}", hub_name(self.t, h))).collect();
        own.sort();
        let named = sight.hubs_of(SERVICE, &beginning).unwrap_or_default();
        let called = case.device_id(self.t, self.d);
        let as_called = called == id || line.ends_with(&format!(" device {called}"));
        if line.starts_with(&format!("{beginning}{status} ")) && named == own && as_called {
            Ok(())
        } else {
            Err(format!("its individual enrollment is not as its group is, or calls its device otherwise: {line}"))
        }
    }

    /// The tokens and the connection string that were asked for are there, and good; none that nobody asked for is.
    fn tokens(&self, keys: &[String; 2]) -> Result<(), String> {
        let registers = self.story.case.hub_of(self.t, self.d).is_none();
        let mut names = if registers {
            self.expect(&self.place())?;
            vec!["registrationId", "idScope", "provisioningHost"]
        } else {
            vec!["deviceId", "hubHost"]
        };
        names.extend(["deviceKey", "primaryKey", "secondaryKey"]);
        names.extend(["dpsToken", "connectionString", "hubToken"].into_iter().filter(|name| self.asks(name)));
        self.only(&names)?;
        let ends = [self.dps_token(&keys[0])?, self.login(keys)?];
        let first = ends.into_iter().flatten().min();
        let told: Option<Timestamp> = self.object["status"]["notAfter"].as_str().and_then(|text| text.parse().ok());
        if first == told { Ok(()) } else { Err(format!("it says that it ends at {told:?}, and it ends at {first:?}")) }
    }

    fn dps_token(&self, key: &str) -> Result<Option<Timestamp>, String> {
        if !self.asks("dpsToken") {
            return Ok(None);
        }
        let (scope, id) = (IdScope::parse(self.entry("idScope")), RegistrationId::parse(self.entry("registrationId")));
        let (scope, id) = (scope.map_err(|error| error.to_string())?, id.map_err(|error| error.to_string())?);
        let key = SymmetricKey::from_base64(key).expect("a key of the cloud");
        self.token("dpsToken", |until| sas::dps_device(&scope, &id, &key, until).expose().to_owned()).map(Some)
    }

    /// What the device logs in to its hub with, if anything of it was asked for.
    fn login(&self, keys: &[String; 2]) -> Result<Option<Timestamp>, String> {
        if !self.asks("connectionString") && !self.asks("hubToken") {
            return Ok(None);
        }
        let (hub, id) = home(self.story, self.t, self.d).ok_or("no hub knows its device")?;
        let there = self.story.world.cloud.seed(|azure| azure.device(&hub, &id)).unwrap_or_default();
        let takes = |key: &&String| [&there["primaryKey"], &there["secondaryKey"]].iter().any(|held| held.as_str() == Some(key));
        let host = format!("{hub}{HOSTS}");
        let strings = keys.iter().filter(takes).map(|key| format!("HostName={host};DeviceId={id};SharedAccessKey={key}"));
        if self.asks("connectionString") && !strings.into_iter().any(|text| text == self.entry("connectionString")) {
            return Err("its connection string is not one that its hub takes".to_owned());
        }
        if !self.asks("hubToken") {
            return Ok(None);
        }
        let (host, device) = (HostName::parse(&host).expect("a host"), DeviceId::parse(&id).expect("an id"));
        let made = keys.iter().filter(takes).map(|key| {
            let key = SymmetricKey::from_base64(key).expect("a key of the cloud");
            self.token("hubToken", |until| sas::iot_hub_device(&host, &device, &key, until).expose().to_owned())
        });
        made.reduce(Result::or).unwrap_or_else(|| Err("its hub takes none of its keys".to_owned())).map(Some)
    }

    /// Until when a token holds that is the one that is made so, and is young enough.
    fn token(&self, name: &str, make: impl Fn(Timestamp) -> String) -> Result<Timestamp, String> {
        let text = self.entry(name);
        let until = text.split('&').find_map(|part| part.strip_prefix("se=")).and_then(|seconds| seconds.parse().ok());
        let until = until.and_then(|seconds| Timestamp::from_second(seconds).ok()).ok_or(format!("its {name} is none"))?;
        if make(until) != text {
            return Err(format!("its {name} opens nothing"));
        }
        self.is_young(name, &self.object["spec"][name]["ttl"], until)?;
        Ok(until)
    }

    /// What holds until then holds no longer than was asked for, and is renewed in time.
    pub fn is_young(&self, what: &str, asked: &Value, until: Timestamp) -> Result<(), String> {
        let asked: SignedDuration = asked.as_str().unwrap_or("90d").replace("90d", "2160h").parse().expect("a duration");
        let left = until.duration_since(self.story.world.now());
        if left > asked / 4 && left <= asked {
            Ok(())
        } else {
            Err(format!("its {what}, which should hold for {asked:#}, holds for another {left:#}"))
        }
    }
}
