//! The cloud as it is seen at a time: blocks of lines, one a resource.

use std::collections::BTreeMap;

use moorage_simulator::Simulator;

/// What the hosts of hubs end with.
pub const HOSTS: &str = ".azure-devices.net";

/// The cloud at a time.
#[derive(Debug, Clone)]
pub struct Sight {
    /// By what a block begins with: `hub contoso-hub-0`, `service model-dps`, `resource group …`.
    pub blocks: BTreeMap<String, Vec<String>>,
}

impl Sight {
    /// The cloud as it is now.
    pub fn of(cloud: &Simulator) -> Self {
        let mut blocks: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let mut name = String::new();
        for line in cloud.snapshot().lines() {
            if !line.starts_with(' ') {
                let words = if line.starts_with("resource group") { 3 } else { 2 };
                name = line.split(' ').take(words).collect::<Vec<_>>().join(" ");
            }
            blocks.entry(name.clone()).or_default().push(line.trim_start().to_owned());
        }
        Self { blocks }
    }

    /// A block's lines.
    pub fn block(&self, name: &str) -> Option<String> {
        self.blocks.get(name).map(|lines| lines.join("\n"))
    }

    /// The line of a block that begins so.
    pub fn line(&self, block: &str, beginning: &str) -> Option<String> {
        self.blocks.get(block)?.iter().find(|line| line.starts_with(beginning)).cloned()
    }

    /// The hosts of hubs that a group names; `None` if there is no such group.
    pub fn hubs_of_group(&self, service: &str, group: &str) -> Option<Vec<String>> {
        self.hubs_of(service, &format!("group {group} "))
    }

    /// The hosts of hubs that the group, or the enrollment, names whose line begins so.
    pub fn hubs_of(&self, service: &str, beginning: &str) -> Option<Vec<String>> {
        let line = self.line(&format!("service {service}"), beginning)?;
        let (_, rest) = line.split_once('[')?;
        let (hubs, _) = rest.split_once(']')?;
        Some(hubs.split(' ').filter(|host| !host.is_empty()).map(str::to_owned).collect())
    }

    /// The hub to which a device is assigned, as the record of its registration tells.
    pub fn assigned(&self, service: &str, id: &str) -> Option<String> {
        let line = self.line(&format!("service {service}"), &format!("registration {id} "))?;
        line.split(' ').find(|word| word.ends_with(HOSTS)).map(|host| host.trim_end_matches(HOSTS).to_owned())
    }

    /// Whether a hub knows a device.
    pub fn has_device(&self, hub: &str, device: &str) -> bool {
        self.line(&format!("hub {hub}"), &format!("device {device} ")).is_some()
    }
}
