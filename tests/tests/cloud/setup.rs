use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use jiff::Timestamp;
use moorage_cloud::{
    Arm, Azure, CallRecord, Cloud, DpsService, EndpointMap, Error, Identity, PolicyKey, Registry, ResourceId, Transport, TransportOptions,
    WriteAccess,
};
use moorage_keys::{SymmetricKey, Token};
use moorage_simulator::{CLIENT, CLIENT_SECRET, LoggedRequest, NewHub, NewService, Options, SUBSCRIPTION, Simulator, TENANT};

pub const GROUP: &str = "rg-contoso";

/// The right to write, which comes with the clients of a cloud.
pub fn access() -> &'static WriteAccess {
    static ACCESS: OnceLock<WriteAccess> = OnceLock::new();
    ACCESS.get_or_init(|| {
        let transport = Transport::new(&TransportOptions::default()).expect("a transport");
        Azure::new(Cloud::public(), transport, Arc::new(|| Timestamp::UNIX_EPOCH)).1
    })
}

/// A simulator, and an operator's view of it.
pub struct Bench {
    pub simulator: Arc<Simulator>,
    pub azure: Azure,
    pub calls: Arc<Mutex<Vec<CallRecord>>>,
}

impl Bench {
    pub async fn new() -> Self {
        Self::with(Options::default(), |_| ()).await
    }

    pub async fn with(options: Options, adjust: impl FnOnce(&mut TransportOptions)) -> Self {
        let simulator = Arc::new(Simulator::start(options).await.expect("the simulator starts"));
        let map = EndpointMap { address: simulator.address(), ca_pem: simulator.ca_pem().to_owned() };
        let mut options = TransportOptions { endpoint_map: Some(map), ..TransportOptions::default() };
        adjust(&mut options);
        let transport = Transport::new(&options).expect("a transport");
        let calls = Arc::new(Mutex::new(Vec::new()));
        let (seen, clock) = (calls.clone(), simulator.clone());
        let observer = move |call: &CallRecord| seen.lock().expect("no panic").push(*call);
        let clock = Arc::new(move || -> Timestamp { clock.now() });
        let (azure, _) = Azure::observed(Cloud::public(), transport, clock, Arc::new(observer));
        Self { simulator, azure, calls }
    }

    pub fn identity(&self) -> Identity {
        self.identity_by(CLIENT_SECRET)
    }

    pub fn identity_by(&self, secret: &str) -> Identity {
        self.azure.client_secret(TENANT, CLIENT, &Token::new(secret)).expect("an identity")
    }

    pub fn arm(&self) -> Arm {
        self.azure.arm(&self.identity(), SUBSCRIPTION)
    }

    /// A hub that is there, and its registry.
    pub fn registry(&self, hub: &str) -> Registry {
        let new = NewHub { subscription: SUBSCRIPTION, group: GROUP, name: hub, location: "eastus", sku: "S1" };
        let key = self.simulator.seed(|azure| {
            azure.add_hub(new);
            azure.hub_policy_keys(hub, "iothubowner")
        });
        let host = self.azure.cloud().hub_named(hub).expect("a hub's name");
        self.azure.registry(&host, policy("iothubowner", key))
    }

    /// A provisioning service that is there, with one hub linked, and its service API.
    pub fn dps(&self, name: &str, hub: &str) -> DpsService {
        self.registry(hub);
        let new = NewService { subscription: SUBSCRIPTION, group: GROUP, name, location: "eastus" };
        let key = self.simulator.seed(|azure| {
            azure.add_service(new);
            azure.link_hub(name, hub);
            azure.service_policy_keys(name, "provisioningserviceowner")
        });
        let host = self.azure.cloud().dps_named(name).expect("a service's name");
        self.azure.dps(&host, policy("provisioningserviceowner", key))
    }

    /// Requests to hosts that end so.
    pub fn requests_to(&self, host: &str) -> usize {
        self.simulator.requests().iter().filter(|request| request.host.ends_with(host)).count()
    }

    /// Every request so far was as the vendor's files say, and known as one that is refused if it is not.
    pub fn is_in_order(&self) {
        let loose = |request: &&LoggedRequest| !request.held && !request.host.starts_with("login.");
        assert_eq!(self.simulator.requests().iter().find(loose).map(|request| &request.product), None);
        assert_eq!(self.simulator.violations(), Vec::<String>::new());
    }

    /// Reads until what is read has the wanted state; the last thing seen is told when it never has.
    #[expect(clippy::panic, reason = "a test that waits in vain has failed")]
    pub async fn until<T: std::fmt::Debug, F: Future<Output = Result<T, Error>>>(
        &self,
        mut look: impl FnMut() -> F,
        wanted: impl Fn(&T) -> bool,
    ) -> T {
        let mut last = None;
        let looking = tokio::time::timeout(Duration::from_secs(20), async {
            loop {
                match look().await {
                    Ok(seen) if wanted(&seen) => return seen,
                    seen => last = Some(seen),
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        looking.await.unwrap_or_else(|_| panic!("not in time; last seen: {last:?}"))
    }
}

pub fn resource(name: &str) -> ResourceId {
    ResourceId { group: GROUP.to_owned(), name: name.to_owned() }
}

fn policy(name: &str, keys: Option<(String, String)>) -> PolicyKey {
    let (primary, _) = keys.expect("the policy is there");
    PolicyKey { name: name.to_owned(), key: SymmetricKey::from_base64(&primary).expect("a key") }
}
