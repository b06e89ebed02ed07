use anyhow::Context as _;
use serde_json::{Value, json};

use crate::example::Example;

/// How many there are of everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scale {
    /// Subscriptions, each with a provisioning service of its own.
    pub subscriptions: usize,
    /// Tenants, each with a hub of its own; the subscriptions get them in turn.
    pub tenants: usize,
    /// Devices of all tenants together.
    pub devices: usize,
    /// Objects that the noisy tenant has at once, beside its own devices.
    pub noise: usize,
}

impl Scale {
    /// Small enough for every run of the tests.
    pub const SMALL: Self = Self { subscriptions: 2, tenants: 8, devices: 100, noise: 120 };
    /// As large as an installation that shares its services well.
    pub const FULL: Self = Self { subscriptions: 4, tenants: 50, devices: 1_250, noise: 300 };

    /// The full size if `MOORAGE_LOAD=full` asks for it.
    pub fn chosen() -> Self {
        if std::env::var("MOORAGE_LOAD").is_ok_and(|size| size == "full") { Self::FULL } else { Self::SMALL }
    }
}

/// Tenants like contoso in `examples/s0-tenants.yaml`, as many as there are.
pub struct Crowd {
    pub(super) scale: Scale,
    example: Example,
}

impl Crowd {
    /// The tenant that makes noise.
    pub(super) const NOISY: usize = 0;
    /// The tenant whose hub is dead.
    pub(super) const DEAD: usize = 1;

    /// A crowd in namespaces of its own.
    ///
    /// # Errors
    /// If the example cannot be read.
    pub fn new(scale: Scale, suffix: &str) -> anyhow::Result<Self> {
        Ok(Self { scale, example: Example::read("s0-tenants.yaml", suffix)? })
    }

    pub(super) fn namespaces(&self) -> Vec<String> {
        let mut all: Vec<_> = (0..self.scale.tenants).map(|tenant| self.namespace(tenant)).collect();
        all.push(self.example.namespace("platform"));
        all
    }

    pub(super) fn namespace(&self, tenant: usize) -> String {
        self.example.namespace(&name_of(tenant))
    }

    pub(super) fn hub(tenant: usize) -> String {
        format!("{}-east-hub", name_of(tenant))
    }

    pub(super) fn subscription(number: usize) -> String {
        format!("22222222-2222-4222-8222-{number:012}")
    }

    /// The platform's own objects: an account and a provisioning service for each subscription.
    pub(super) fn platform(&self) -> Example {
        let mut objects = vec![self.found("Secret", "azure")];
        for number in 0..self.scale.subscriptions {
            let tenants: Vec<_> = (0..self.scale.tenants).filter(|tenant| tenant % self.scale.subscriptions == number).collect();
            let mut account = self.found("CloudAccount", "azure");
            account["metadata"]["name"] = json!(format!("azure-{number}"));
            account["spec"]["azure"]["subscriptionId"] = json!(Self::subscription(number));
            account["spec"]["grants"] = tenants
                .iter()
                .map(|tenant| json!({ "namespaces": [self.namespace(*tenant)], "resourceGroups": [format!("{}-*", name_of(*tenant))] }))
                .collect();
            let mut service = self.found("ProvisioningService", "contoso-dps");
            service["spec"]["grants"][0]["namespaces"] = tenants.iter().map(|tenant| self.namespace(*tenant)).collect();
            objects.extend([account, Self::of_subscription(&service, number)]);
        }
        self.with(objects)
    }

    /// All that belongs to one tenant, its enrollment group among it.
    pub(super) fn tenant(&self, tenant: usize) -> Example {
        self.with(self.objects_of(tenant))
    }

    /// All that belongs to the tenants that have no trouble of their own.
    pub(super) fn quiet(&self) -> Example {
        self.with((2..self.scale.tenants).flat_map(|tenant| self.objects_of(tenant)).collect())
    }

    /// Further devices of a tenant, which are disenrolled when they go.
    pub(super) fn guests(&self, tenant: usize, count: usize) -> Vec<Value> {
        let guest = |number| {
            let mut device = self.device(tenant, &format!("guest-{number}"));
            device["spec"]["deletionPolicy"] = json!("Disenroll");
            device
        };
        (0..count).map(guest).collect()
    }

    fn objects_of(&self, tenant: usize) -> Vec<Value> {
        let mut hubs = self.found("TenantHubGroup", "contoso-us");
        hubs["spec"]["hubs"].as_array_mut().expect("a list").truncate(1);
        let group = self.found("EnrollmentGroup", "contoso-us-devices");
        let own = [hubs, group].map(|object| self.of_tenant(&object, tenant));
        let devices = self.scale.devices / self.scale.tenants;
        own.into_iter().chain((0..devices).map(|number| self.device(tenant, &number.to_string()))).collect()
    }

    fn device(&self, tenant: usize, name: &str) -> Value {
        let mut device = self.found("DeviceCredential", "contoso-simdevice-east");
        device["metadata"]["name"] = json!(format!("contoso-simdevice-{name}"));
        self.of_tenant(&device, tenant)
    }

    fn of_tenant(&self, object: &Value, tenant: usize) -> Value {
        let object = Self::of_subscription(object, tenant % self.scale.subscriptions);
        replaced(&object, "contoso", &name_of(tenant))
    }

    fn of_subscription(object: &Value, number: usize) -> Value {
        let mut object = replaced(object, "contoso-dps", &format!("shared-dps-{number}"));
        if let Some(account) = object["spec"].get_mut("accountRef") {
            account["name"] = json!(format!("azure-{number}"));
        }
        object
    }

    fn found(&self, kind: &str, name: &str) -> Value {
        let found = self.example.objects().iter().find(|object| object["kind"] == kind && object["metadata"]["name"] == name);
        found.with_context(|| format!("{kind} {name}")).expect("the example has it").clone()
    }

    fn with(&self, objects: Vec<Value>) -> Example {
        let mut example = self.example.clone();
        *example.objects_mut() = objects;
        example
    }
}

fn name_of(tenant: usize) -> String {
    format!("tenant{tenant}")
}

fn replaced(object: &Value, from: &str, to: &str) -> Value {
    serde_json::from_str(&object.to_string().replace(from, to)).expect("a name in place of a name")
}

#[cfg(test)]
mod tests {
    use super::{Crowd, Scale};

    #[test]
    fn a_tenant_is_contoso_under_another_name_with_one_hub_behind_the_service_of_its_subscription() {
        let crowd = Crowd::new(Scale { devices: 16, ..Scale::SMALL }, "x").expect("the example is read");
        let text = crowd.tenant(3).text();
        assert!(!text.contains("contoso"), "{text}");
        let objects = crowd.tenant(3).objects().to_vec();
        let names: Vec<_> = objects.iter().map(|object| object["metadata"]["name"].as_str().unwrap_or_default()).collect();
        assert_eq!(names, ["tenant3-us", "tenant3-us-devices", "tenant3-simdevice-0", "tenant3-simdevice-1"]);
        assert_eq!(objects[0]["spec"]["provisioningServiceRef"]["name"], "shared-dps-1");
        assert_eq!(objects[0]["spec"]["accountRef"]["name"], "azure-1");
        assert_eq!(objects[0]["spec"]["hubs"].as_array().map(Vec::len), Some(1));
        assert_eq!(objects[1]["metadata"]["namespace"], "platform-x");
        assert_eq!(objects[2]["metadata"]["namespace"], "tenant3-x");
    }
}
