//! The cloud's side, read from the world that the simulator prints.

/// What is in the cloud.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Cloud {
    pub resource_groups: Vec<String>,
    pub hubs: Vec<Hub>,
    pub services: Vec<Service>,
}

/// An IoT hub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hub {
    pub name: String,
    pub region: String,
    /// Tier and units: `S1x1`.
    pub sku: String,
    /// It carries the operator's mark.
    pub marked: bool,
    pub policies: Vec<String>,
    pub devices: Vec<String>,
}

/// A provisioning service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Service {
    pub name: String,
    pub links: Vec<Link>,
    pub groups: Vec<Group>,
}

/// A link to a hub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Link {
    pub host: String,
    pub region: String,
    pub policy: String,
}

/// An enrollment group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Group {
    pub name: String,
    pub allocation: String,
    /// Hosts.
    pub hubs: Vec<String>,
}

impl Hub {
    /// Whether a host is this hub's.
    pub fn has_host(&self, host: &str) -> bool {
        host.split('.').next().is_some_and(|name| name.eq_ignore_ascii_case(&self.name))
    }
}

impl Cloud {
    /// Reads a world.
    pub fn read(world: &str) -> Self {
        let mut cloud = Self::default();
        for line in world.lines() {
            let words: Vec<&str> = line.split_whitespace().collect();
            if line.starts_with(' ') { cloud.detail(line, &words) } else { cloud.thing(line, &words) }
        }
        cloud
    }

    fn thing(&mut self, line: &str, words: &[&str]) {
        let text = |word: &&str| (*word).to_owned();
        match words {
            ["resource", "group", place, ..] => self.resource_groups.extend(place.rsplit('/').next().map(str::to_owned)),
            ["hub", name, "in", _, region, sku, ..] => {
                let marked = line.contains("\"moorage-owner\"");
                let (name, region, sku) = (text(name), text(region), text(sku));
                self.hubs.push(Hub { name, region, sku, marked, policies: Vec::new(), devices: Vec::new() });
            }
            ["service", name, "in", ..] => self.services.push(Service { name: text(name), links: Vec::new(), groups: Vec::new() }),
            _ => {}
        }
    }

    /// A line that belongs to the thing before it; services come after all hubs.
    fn detail(&mut self, line: &str, words: &[&str]) {
        let text = |word: &&str| (*word).to_owned();
        let (hub, service) = (self.hubs.last_mut(), self.services.last_mut());
        match (words, service, hub) {
            (["link", host, region, policy, ..], Some(service), _) => {
                service.links.push(Link { host: text(host), region: text(region), policy: text(policy) });
            }
            (["group", name, _, allocation, ..], Some(service), _) => {
                let listed = line.split_once('[').and_then(|(_, rest)| rest.split_once(']'));
                let hubs = listed.map(|(hosts, _)| hosts.split_whitespace().map(str::to_owned).collect()).unwrap_or_default();
                service.groups.push(Group { name: text(name), allocation: text(allocation), hubs });
            }
            (["policy", name, ..], None, Some(hub)) => hub.policies.push(text(name)),
            (["device", id, ..], None, Some(hub)) => hub.devices.push(text(id)),
            _ => {}
        }
    }

    /// A hub by name.
    pub fn hub(&self, name: &str) -> Option<&Hub> {
        self.hubs.iter().find(|hub| hub.name.eq_ignore_ascii_case(name))
    }

    /// Every link of every service.
    pub fn links(&self) -> impl Iterator<Item = (&Service, &Link)> {
        self.services.iter().flat_map(|service| service.links.iter().map(move |link| (service, link)))
    }

    /// Whether any service links a hub.
    pub fn is_linked(&self, hub: &Hub) -> bool {
        self.links().any(|(_, link)| hub.has_host(&link.host))
    }

    /// What is in it, by sort and name.
    pub fn things(&self) -> Vec<(&'static str, &str)> {
        let groups = self.resource_groups.iter().map(|name| ("resource group", name.as_str()));
        let hubs = self.hubs.iter().map(|hub| ("hub", hub.name.as_str()));
        groups.chain(hubs).chain(self.services.iter().map(|service| ("provisioning service", service.name.as_str()))).collect()
    }
}

/// A world but for the identities that devices were given in hubs: these are the hub owner's.
pub(super) fn without_devices(world: &str) -> String {
    world.split_inclusive('\n').filter(|line| !line.starts_with("  device ")).collect()
}

#[cfg(test)]
mod tests {
    use moorage_simulator::{NewHub, NewService, Simulator};

    use super::{Cloud, Group};
    use crate::controlplane::block_on;
    use crate::harness::{SUBSCRIPTION, cloud_options};

    #[test]
    fn the_cloud_is_read_as_the_simulator_prints_it() -> anyhow::Result<()> {
        let simulator = block_on(Simulator::start(cloud_options()))?;
        simulator.seed(|azure| {
            azure.add_resource_group(SUBSCRIPTION, "rg", "westus");
            for (name, location) in [("west", "westus"), ("east", "eastus")] {
                azure.add_hub(NewHub { subscription: SUBSCRIPTION, group: "rg", name, location, sku: "S2" });
            }
            azure.set_hub_tag("west", "moorage-owner", "demo/TenantHubGroup/a/b");
            azure.add_service(NewService { subscription: SUBSCRIPTION, group: "rg", name: "dps", location: "eastus" });
            azure.link_hub("dps", "west");
            azure.add_group("dps", "devices", &["west.azure-devices.net"]);
        });
        let cloud = Cloud::read(&simulator.snapshot());
        assert_eq!(cloud.things(), [("resource group", "rg"), ("hub", "east"), ("hub", "west"), ("provisioning service", "dps")]);
        let west = cloud.hub("west").expect("it is there");
        assert_eq!((west.region.as_str(), west.sku.as_str(), west.marked, cloud.is_linked(west)), ("westus", "S2x1", true, true));
        assert!(west.policies.iter().any(|policy| policy == "iothubowner"), "{west:?}");
        let east = cloud.hub("east").expect("it is there");
        assert_eq!((east.marked, cloud.is_linked(east)), (false, false));
        let hubs = vec!["west.azure-devices.net".to_owned()];
        let group = Group { name: "devices".to_owned(), allocation: "-".to_owned(), hubs };
        assert_eq!(cloud.services.iter().map(|service| service.groups.clone()).collect::<Vec<_>>(), [[group]]);
        Ok(())
    }
}
