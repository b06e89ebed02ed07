//! What a simulator is started with.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

use jiff::SignedDuration;

use crate::azure::clouds::AzureCloud;
use crate::engine::faults::Rule;
use crate::engine::listener::MqttListener;
use crate::spec::Strictness;

/// The Entra tenant of the default options.
pub const TENANT: &str = "11111111-1111-4111-8111-111111111111";
/// The application of the default options.
pub const CLIENT: &str = "22222222-2222-4222-8222-222222222222";
/// The client secret of the default options.
pub const CLIENT_SECRET: &str = "simulated-client-secret";
/// The subscription of the default options.
pub const SUBSCRIPTION: &str = "33333333-3333-4333-8333-333333333333";

/// Everything that can be chosen before the start.
#[derive(Debug, Clone)]
pub struct Options {
    /// Which of Azure's clouds this is.
    pub cloud: AzureCloud,
    /// The tenants of other clouds, which this one knows to be there.
    pub tenants_elsewhere: Vec<String>,
    /// Where the simulator listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Whether the port of MQTT, which some clients cannot be told to change, is open too.
    pub mqtt: MqttListener,
    /// From where hubs and provisioning services are reached through private endpoints: their firewalls ask nobody there. Every other address is on
    /// the internet, those of this machine too.
    pub private_networks: Vec<Network>,
    /// What keys and id scopes are made from; `None` draws a fresh seed.
    pub seed: Option<String>,
    /// Whose requests are refused for whatever breaks the vendor's OpenAPI, also where the services read over it.
    pub strictness: Strictness,
    /// The applications that may ask for tokens.
    pub applications: Vec<Application>,
    /// The subscriptions that exist.
    pub subscriptions: Vec<Subscription>,
    /// Which Azure region a network address lies next to; the first match counts.
    pub networks: Vec<Network>,
    /// The region of every other address.
    pub default_region: String,
    /// How long one step of the clock waits for its followers, in real time.
    pub patience: Duration,
    /// How long a bearer token is good for, in real time.
    pub token_lifetime: Duration,
    /// How long things take.
    pub latency: Latency,
    /// Whether things take their time, and are seen late.
    pub profile: Profile,
    /// The quotas that are enforced.
    pub limits: Limits,
    /// Which of the unproven behaviours Azure has in this run.
    pub variants: Variants,
    /// Where the webhooks of custom allocation are.
    pub webhooks: Webhooks,
    /// The fault plan at the start.
    pub faults: Vec<Rule>,
}

impl Default for Options {
    fn default() -> Self {
        let network =
            |third, region: &str| Network { address: IpAddr::V4(Ipv4Addr::new(127, 0, third, 0)), prefix: 24, region: region.to_owned() };
        Self {
            cloud: AzureCloud::default(),
            tenants_elsewhere: Vec::new(),
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            mqtt: MqttListener::default(),
            private_networks: Vec::new(),
            seed: None,
            strictness: Strictness::default(),
            applications: vec![Application::default()],
            subscriptions: vec![Subscription::default()],
            networks: vec![network(1, "eastus"), network(2, "westus"), network(3, "westeurope"), network(4, "southeastasia")],
            default_region: "eastus".to_owned(),
            patience: Duration::from_mins(1),
            token_lifetime: Duration::from_hours(1),
            latency: Latency::default(),
            profile: Profile::default(),
            limits: Limits::default(),
            variants: Variants::default(),
            webhooks: Webhooks::default(),
            faults: Vec::new(),
        }
    }
}

/// How the webhooks of custom allocation are found; no other host is ever called.
#[derive(Debug, Clone)]
pub struct Webhooks {
    /// The addresses of their host names.
    pub hosts: Vec<(String, SocketAddr)>,
    /// The certificates of the authorities that they are trusted by, in PEM.
    pub roots: Vec<String>,
    /// How long an answer may take, in real time.
    pub patience: Duration,
}

impl Default for Webhooks {
    fn default() -> Self {
        Self { hosts: Vec::new(), roots: Vec::new(), patience: Duration::from_secs(5) }
    }
}

/// An application registration with its service principal.
#[derive(Clone)]
pub struct Application {
    /// The tenants in which it has a service principal.
    pub tenants: Vec<String>,
    /// The application (client) id.
    pub client_id: String,
    /// The client secrets that are valid now.
    pub client_secrets: Vec<String>,
    /// The federated credentials.
    pub federated: Vec<FederatedCredential>,
    /// The subscriptions in which it holds a role; `None` means every one of its tenants.
    pub subscriptions: Option<Vec<String>>,
}

impl std::fmt::Debug for Application {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Application")
            .field("tenants", &self.tenants)
            .field("client_id", &self.client_id)
            .field("subscriptions", &self.subscriptions)
            .finish_non_exhaustive()
    }
}

impl Default for Application {
    fn default() -> Self {
        Self {
            tenants: vec![TENANT.to_owned()],
            client_id: CLIENT.to_owned(),
            client_secrets: vec![CLIENT_SECRET.to_owned()],
            federated: Vec::new(),
            subscriptions: None,
        }
    }
}

/// A foreign token that stands for an application.
#[derive(Debug, Clone)]
pub struct FederatedCredential {
    /// The token's `iss`; `None` accepts any.
    pub issuer: Option<String>,
    /// The token's `sub`.
    pub subject: String,
    /// One of the token's `aud`.
    pub audience: String,
}

/// A subscription and the tenant that it trusts.
#[derive(Debug, Clone)]
pub struct Subscription {
    /// The subscription id.
    pub id: String,
    /// The tenant whose tokens it takes.
    pub tenant: String,
}

impl Default for Subscription {
    fn default() -> Self {
        Self { id: SUBSCRIPTION.to_owned(), tenant: TENANT.to_owned() }
    }
}

/// A network and the Azure region that it is next to.
#[derive(Debug, Clone)]
pub struct Network {
    /// Any address of the network.
    pub address: IpAddr,
    /// The length of the prefix in bits.
    pub prefix: u8,
    /// The region's name, as `eastus`.
    pub region: String,
}

impl Network {
    /// Whether the address lies in this network.
    pub fn contains(&self, address: IpAddr) -> bool {
        let bits = |address: IpAddr| match address {
            IpAddr::V4(v4) => (32_u32, u128::from(u32::from(v4))),
            IpAddr::V6(v6) => (128, u128::from(v6)),
        };
        let ((width, mine), (other_width, theirs)) = (bits(self.address), bits(address));
        let free = width.saturating_sub(u32::from(self.prefix));
        let cut = |value: u128| value.checked_shr(free).unwrap_or(0);
        width == other_width && cut(mine) == cut(theirs)
    }
}

impl FromStr for Network {
    type Err = String;

    /// Reads `127.0.1.0/24=eastus`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || format!("expected a network as 127.0.1.0/24=eastus, got {text}");
        let (cidr, region) = text.split_once('=').ok_or_else(wrong)?;
        let (address, prefix) = cidr.split_once('/').ok_or_else(wrong)?;
        Ok(Self { address: address.parse().map_err(|_| wrong())?, prefix: prefix.parse().map_err(|_| wrong())?, region: region.to_owned() })
    }
}

/// How long operations take on the domain clock, and what waiting time the answers ask for.
#[derive(Debug, Clone)]
pub struct Latency {
    /// A long-running operation of the resource manager.
    pub operation: SignedDuration,
    /// The assignment of a device by the provisioning service.
    pub assignment: SignedDuration,
    /// The `Retry-After` of an operation under way, in whole seconds on the wire.
    pub retry_after: SignedDuration,
}

impl Default for Latency {
    fn default() -> Self {
        Self {
            operation: SignedDuration::from_millis(150),
            assignment: SignedDuration::from_millis(50),
            retry_after: SignedDuration::from_secs(1),
        }
    }
}

/// How soon what was done is done, and seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Profile {
    /// As soon as [`Latency`] says, and at once.
    #[default]
    Instant,
    /// Operations and assignments take 0.2 to 2 s longer, what is new is 404 to a GET for as long, and is missing from lists and
    /// queries for up to 2 s more; drawn from the seed, on the domain clock.
    AzureLike,
}

impl FromStr for Profile {
    type Err = String;

    /// Reads `instant` or `azure-like`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "instant" => Ok(Self::Instant),
            "azure-like" => Ok(Self::AzureLike),
            other => Err(format!("expected instant or azure-like, got {other}")),
        }
    }
}

/// A token bucket: so many calls at once, and so many more a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenBucket {
    /// Calls that may come at once.
    pub burst: u32,
    /// Calls a second in the long run.
    pub per_second: u32,
}

/// The documented quotas (Microsoft Learn: "IoT Hub Device Provisioning Service limits",
/// "Reference - IoT Hub quotas and throttling", "Understand how Azure Resource Manager throttles requests").
#[derive(Debug, Clone)]
pub struct Limits {
    /// Service operations a minute and provisioning service.
    pub service_operations_per_minute: u32,
    /// Device registrations and status lookups a minute and provisioning service.
    pub registrations_per_minute: u32,
    /// Polls of its operation by one device in ten seconds.
    pub polls_per_ten_seconds: u32,
    /// Registry operations a minute and unit of an S1, S2 or free hub; S3 has fifty times as many.
    pub registry_operations_per_unit: u32,
    /// Symmetric-key enrollment groups of one provisioning service.
    pub symmetric_groups: usize,
    /// X.509 enrollment groups of one provisioning service.
    pub certificate_groups: usize,
    /// Certificates of authorities of one provisioning service.
    pub authorities: usize,
    /// Individual enrollments of one provisioning service.
    pub individual_enrollments: usize,
    /// Hubs linked to one provisioning service.
    pub linked_hubs: usize,
    /// Paid hubs of one subscription.
    pub paid_hubs: usize,
    /// Reads of the resource manager by one principal in one subscription.
    pub resource_reads: TokenBucket,
    /// Writes of the same; a POST is one.
    pub resource_writes: TokenBucket,
    /// Deletions of the same.
    pub resource_deletions: TokenBucket,
    /// Entries of one page of a list of the resource manager.
    pub page: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            service_operations_per_minute: 1_000,
            registrations_per_minute: 1_000,
            polls_per_ten_seconds: 5,
            registry_operations_per_unit: 100,
            symmetric_groups: 100,
            certificate_groups: 100,
            authorities: 25,
            individual_enrollments: 1_000_000,
            linked_hubs: 50,
            paid_hubs: 50,
            resource_reads: TokenBucket { burst: 250, per_second: 25 },
            resource_writes: TokenBucket { burst: 200, per_second: 10 },
            resource_deletions: TokenBucket { burst: 200, per_second: 10 },
            page: 1_000,
        }
    }
}

/// What Azure does where its documentation is silent: one choice for each doubt.
#[derive(Debug, Clone, Default)]
pub struct Variants {
    /// What a masked connection string in a link does on PUT.
    pub masked_link: MaskedLink,
    /// What a PUT does to a link by identity whose api-version does not know of such links.
    pub identity_link: IdentityLink,
    /// What a PUT does to what its api-version does not know.
    pub older_put: OlderPut,
    /// Whether the cloud is behind: it refuses the newest api-version of hubs, provisioning services and enrollments.
    pub older_cloud: bool,
    /// What an update of an enrollment does that carries no keys.
    pub group_keys_left_out: KeysLeftOut,
    /// What a hub's or a service's PUT does with a policy that carries no keys.
    pub policy_keys_left_out: KeysLeftOut,
    /// Whether a GET of a hub or a service names its policies.
    pub policies_on_get: PoliciesOnGet,
    /// Whether lists of the resource manager begin with an empty page that has a `nextLink`.
    pub lists_begin_empty: bool,
    /// Whether queries for individual enrollments leave the records of their devices out.
    pub queries_leave_records_out: bool,
    /// What a second registration of a device writes to the hub's identity.
    pub reregistration: Reregistration,
    /// Whether devices that use the second key of an enrollment, a group's or their own, are turned away at the provisioning service.
    pub second_key: SecondKey,
    /// How long a new hub, service or group is still 404 to a GET, on the domain clock.
    pub read_after_create: SignedDuration,
}

/// See [`Variants::masked_link`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum MaskedLink {
    /// The stored key stays.
    #[default]
    Kept,
    /// The asterisks become the key, and provisioning through the link breaks.
    StoredLiterally,
}

/// See [`Variants::identity_link`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum IdentityLink {
    /// The link stays and opens nothing any more.
    #[default]
    Broken,
    /// The link stays as it was.
    Kept,
    /// The PUT is refused.
    Refused,
}

/// See [`Variants::older_put`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OlderPut {
    /// It is reset.
    #[default]
    Reset,
    /// It stays as it is.
    Kept,
}

/// What happens to keys that a PUT leaves out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum KeysLeftOut {
    /// The service makes new ones.
    #[default]
    Regenerated,
    /// The stored ones stay.
    Kept,
}

/// See [`Variants::reregistration`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Reregistration {
    /// Both slots are written: the key used, then the other one derived from the group.
    BothKeys,
    /// Only the primary slot is written, with the key used.
    KeyUsed,
    /// Nothing is written unless the device moves to another hub.
    #[default]
    NothingUnlessMoved,
}

/// See [`Variants::second_key`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SecondKey {
    /// Both keys are taken.
    #[default]
    Accepted,
    /// Only the primary key does; the secondary gets 401.
    Refused,
}

/// See [`Variants::policies_on_get`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum PoliciesOnGet {
    /// The list is left out, as in the outputs of `az iot hub show` and `az iot dps show`.
    #[default]
    LeftOut,
    /// The policies are listed without their keys.
    WithoutKeys,
}
