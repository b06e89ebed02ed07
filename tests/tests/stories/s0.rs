//! S0: two tenants, regional hubs, one shared provisioning service, one hub that was there before.

use std::net::{IpAddr, Ipv4Addr};

use moorage_simulator::NewHub;
use moorage_tests::controlplane::{block_on, shared};
use moorage_tests::device::{Device, Step};
use moorage_tests::example::Example;
use moorage_tests::operator::Running;
use moorage_tests::stage::{SUBSCRIPTION, Stage, cloud_options};

const EAST: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 1, 1));
const WEST: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 2, 1));

/// The S0 example, applied and Ready.
struct Tenants {
    stage: Stage,
    example: Example,
    operator: Running,
}

impl Tenants {
    async fn ready(story: &str) -> anyhow::Result<Self> {
        let example = Example::read("s0-tenants.yaml", story)?;
        let stage = Stage::set(shared().await?, story, &example.namespaces(), cloud_options()).await?;
        stage.cloud().edit(|azure| {
            azure.add_resource_group(SUBSCRIPTION, "fabrikam-rg", "southeastasia");
            azure.add_hub(NewHub {
                subscription: SUBSCRIPTION,
                group: "fabrikam-rg",
                name: "fabrikam-asia-hub",
                location: "southeastasia",
                sku: "S1",
            });
        });
        let operator = stage.operator().await?;
        stage.apply(&example).await?;
        stage.until_all_ready().await?;
        Ok(Self { stage, example, operator })
    }

    async fn device(&self, name: &str, tenant: &str, from: IpAddr) -> anyhow::Result<Device> {
        let secret = self.stage.secret(&self.example.namespace(tenant), name).await?;
        Device::new(secret, &self.stage.network(), from)
    }
}

#[test]
fn s0_7_each_region_s_device_gets_its_tenant_s_nearest_hub_with_what_its_secret_holds() -> anyhow::Result<()> {
    block_on(async {
        let tenants = Tenants::ready("nearest").await?;
        let mut steps = Vec::new();
        let east = tenants.device("contoso-simdevice-east", "contoso", EAST).await?;
        let (hub, device_id) = east.register(Some("IOTHUB_DEVICE_KEY"), |step| steps.push(step.clone())).await?;
        assert_eq!((hub.as_str(), device_id.as_str()), ("contoso-east-hub.azure-devices.net", "contoso-simdevice-east"));
        assert_eq!(steps.first(), Some(&Step::Connected));
        assert!(steps.contains(&Step::Assigning), "{steps:?}");
        east.send_telemetry(&hub, &device_id, "IOTHUB_DEVICE_KEY").await?;

        let west = tenants.device("contoso-simdevice-west", "contoso", WEST).await?;
        let (hub, _) = west.register(None, |_| {}).await?;
        assert_eq!(hub, "contoso-west-hub.azure-devices.net");
        assert_eq!(tenants.stage.cloud().violations(), Vec::<String>::new());
        tenants.operator.stop().await
    })
}
