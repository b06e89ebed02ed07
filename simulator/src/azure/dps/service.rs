//! A device provisioning service: links, enrollment groups, registrations.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Map, Value};
use tokio::sync::Notify;

use crate::azure::access::identity::Identities;
use crate::azure::clouds::Names;
use crate::azure::dps::attestation::{Attestation, derive};
use crate::azure::dps::certificate::KnownAuthority;
use crate::azure::microsoft_devices::policies::{Policy, made};
use crate::azure::resource::Resource;
use crate::azure::resource::kind::ResourceKind;
use crate::azure::state::Azure;
use crate::azure::state::meter::Meter;
use crate::engine::keys::Keyring;

/// The end of the host names of services, under which each is known to its owner and to devices.
pub(crate) const HOST_SUFFIX: Names = Names {
    public: ".azure-devices-provisioning.net",
    government: ".azure-devices-provisioning.us",
    china: ".azure-devices-provisioning.cn",
};
/// The name of all services together, for devices.
pub(crate) const GLOBAL_HOST: Names = Names {
    public: "global.azure-devices-provisioning.net",
    government: "global.azure-devices-provisioning.us",
    china: "global.azure-devices-provisioning.cn",
};
/// How id scopes begin.
const SCOPE_PREFIX: Names = Names { public: "0ne", government: "0ne", china: "0cn" };

/// The type of provisioning services.
pub(crate) const KIND: ResourceKind = ResourceKind { provider: "Microsoft.Devices", name: "provisioningServices" };

/// The rights that a service's policies can have.
pub(crate) const SERVICE_RIGHTS: [&str; 6] =
    ["ServiceConfig", "EnrollmentRead", "EnrollmentWrite", "DeviceConnect", "RegistrationStatusRead", "RegistrationStatusWrite"];

/// A device provisioning service.
pub(crate) struct ProvisioningService {
    pub resource: Resource,
    pub capacity: i64,
    /// `properties` without links, policies, allocation policy and what is read-only.
    pub properties: Map<String, Value>,
    /// `Hashed`, `GeoLatency` or `Static`.
    pub allocation_policy: String,
    pub id_scope: String,
    pub policies: Vec<Policy>,
    pub identities: Identities,
    pub links: Vec<Link>,
    /// The certificates of authorities, by name in lower case.
    pub authorities: BTreeMap<String, KnownAuthority>,
    /// By group id.
    pub groups: BTreeMap<String, Enrollment>,
    /// By registration id in lower case.
    pub individuals: BTreeMap<String, Individual>,
    /// By registration id in lower case.
    pub registrations: BTreeMap<String, Registration>,
    /// Registration operations by id.
    pub assignments: HashMap<String, Assignment>,
    pub operations: Meter,
    pub attempts: Meter,
    /// Polls by registration id in lower case.
    pub polls: HashMap<String, Meter>,
}

impl ProvisioningService {
    /// An empty service; its id scope depends on its name and on how often it was made.
    pub fn new(keyring: &mut Keyring, resource: Resource, policies: Vec<Policy>) -> Self {
        let purpose = format!("id scope/{}", resource.name.to_lowercase());
        let scope = keyring.name(&purpose, 8).to_uppercase();
        let prefix = SCOPE_PREFIX.of(resource.cloud());
        Self {
            resource,
            capacity: 1,
            properties: Map::new(),
            allocation_policy: "Hashed".to_owned(),
            id_scope: format!("{prefix}{scope}"),
            policies,
            identities: Identities::default(),
            links: Vec::new(),
            authorities: BTreeMap::new(),
            groups: BTreeMap::new(),
            individuals: BTreeMap::new(),
            registrations: BTreeMap::new(),
            assignments: HashMap::new(),
            operations: Meter::default(),
            attempts: Meter::default(),
            polls: HashMap::new(),
        }
    }

    /// The host name of the service API.
    pub fn host(&self) -> String {
        format!("{}{}", self.resource.name.to_ascii_lowercase(), HOST_SUFFIX.of(self.resource.cloud()))
    }

    /// The policy of that name.
    pub fn policy(&self, name: &str) -> Option<&Policy> {
        self.policies.iter().find(|policy| policy.name.eq_ignore_ascii_case(name))
    }

    /// The link to a hub's host name.
    pub fn link(&self, host: &str) -> Option<&Link> {
        self.links.iter().find(|link| link.host.eq_ignore_ascii_case(host))
    }

    /// The authority's certificate of that name.
    pub fn certificate(&self, name: &str) -> Option<&KnownAuthority> {
        self.authorities.get(&name.to_lowercase())
    }

    /// The individual enrollment of a registration id.
    pub fn individual(&self, registration: &str) -> Option<&Individual> {
        self.individuals.get(&registration.to_lowercase())
    }

    /// The enrollment through which a registration id registers.
    pub fn enrollment(&self, through: &Through, registration: &str) -> Option<&Enrollment> {
        match through {
            Through::Group(group) => self.groups.get(group),
            Through::Individual => self.individual(registration).map(|individual| &individual.enrollment),
        }
    }
}

/// A linked hub: how it is opened, and how to weigh it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Link {
    pub host: String,
    /// Whether the link has the hub's host name beside what opens it.
    pub named: bool,
    pub authentication: LinkAuthentication,
    pub location: String,
    pub apply_allocation_policy: bool,
    pub weight: i64,
}

impl Link {
    /// The connection string as a GET shows it, if there is one.
    pub fn masked(&self) -> Option<String> {
        match &self.authentication {
            LinkAuthentication::Key { policy, .. } => {
                Some(format!("HostName={};SharedAccessKeyName={policy};SharedAccessKey=****", self.host))
            }
            LinkAuthentication::SystemAssigned | LinkAuthentication::UserAssigned(_) | LinkAuthentication::Lost => None,
        }
    }

    /// The key, if it has one.
    pub fn key(&self) -> Option<&String> {
        match &self.authentication {
            LinkAuthentication::Key { key, .. } => Some(key),
            LinkAuthentication::SystemAssigned | LinkAuthentication::UserAssigned(_) | LinkAuthentication::Lost => None,
        }
    }
}

/// How a link opens its hub.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum LinkAuthentication {
    /// By a key of one of the hub's policies.
    Key { policy: String, key: String },
    /// By the identity that Azure made for the service.
    SystemAssigned,
    /// By the identity with that resource id.
    UserAssigned(String),
    /// In no way: a version that knows no identities wrote over one.
    Lost,
}

/// What an enrollment says, be it a group's or an individual one.
#[derive(Clone)]
pub(crate) struct Enrollment {
    /// The group's id, or the registration id.
    pub id: String,
    pub etag: String,
    pub attestation: Attestation,
    pub enabled: bool,
    /// `hashed`, `geoLatency`, `static` or `custom`; `None` follows the service.
    pub allocation_policy: Option<String>,
    /// Empty means every linked hub.
    pub hubs: Vec<String>,
    pub update_hub_assignment: bool,
    pub migrate_device_data: bool,
    /// The rest of the document as the caller wrote it.
    pub rest: Map<String, Value>,
    pub created: Timestamp,
    pub updated: Timestamp,
    pub visible_from: Timestamp,
}

/// The enrollment of a single registration id, which wins over every group.
#[derive(Clone)]
pub(crate) struct Individual {
    pub enrollment: Enrollment,
    /// The device's id in its hub; the registration id if `None`.
    pub device: Option<String>,
}

/// Which enrollment let a device in.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Through {
    /// The group of that id.
    Group(String),
    /// The device's own.
    Individual,
}

impl Through {
    /// The device's two keys, if the enrollment has keys: derived from a group's, an individual enrollment's as they are.
    pub fn device_keys(&self, enrollment: &Enrollment, registration: &str) -> [Option<String>; 2] {
        let Some(keys) = enrollment.attestation.keys() else {
            return [None, None];
        };
        keys.map(|key| match self {
            Self::Group(_) => derive(key, registration),
            Self::Individual => Some(key.clone()),
        })
    }
}

/// The record of a device that registered.
#[derive(Clone)]
pub(crate) struct Registration {
    pub id: String,
    pub through: Through,
    pub device: String,
    pub hub: Option<String>,
    pub status: &'static str,
    pub substatus: Option<&'static str>,
    pub error: Option<(i64, String)>,
    /// What a webhook wants the device to be told.
    pub payload: Option<Value>,
    pub etag: String,
    pub created: Timestamp,
    pub updated: Timestamp,
}

/// What a device proved itself with.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Credential {
    /// The key that it signed with.
    Key(String),
    /// The SHA-1 thumbprint of its certificate.
    Certificate(String),
}

/// A registration under way or done.
#[derive(Clone)]
pub(crate) struct Assignment {
    /// The registration id as the device wrote it, from which its key is derived.
    pub registration: String,
    /// The device's id in the hub: the first spelling of the registration id, or what its enrollment says.
    pub device: String,
    pub through: Through,
    pub credential: Credential,
    /// What the device said of itself, for a webhook.
    pub payload: Option<Value>,
    pub from: IpAddr,
    pub done: bool,
}

impl ProvisioningService {
    /// The principal by which a link opens its hub, if it does so by an identity that the service has.
    pub fn principal(&self, authentication: &LinkAuthentication) -> Option<&str> {
        match authentication {
            LinkAuthentication::SystemAssigned => self.identities.system.as_deref(),
            LinkAuthentication::UserAssigned(id) => self.identities.given.get(&id.to_lowercase()).map(|given| given.principal.as_str()),
            LinkAuthentication::Key { .. } | LinkAuthentication::Lost => None,
        }
    }
}

/// The policy of a new provisioning service.
pub(crate) fn default_service_policies(keyring: &mut Keyring, service: &str) -> Vec<Policy> {
    let label = format!("service/{}", service.to_lowercase());
    let rights = "ServiceConfig, EnrollmentRead, EnrollmentWrite, DeviceConnect, \
                  RegistrationStatusRead, RegistrationStatusWrite";
    vec![made(keyring, &label, "provisioningserviceowner", rights)]
}

/// A question that is to be put to a webhook.
pub(crate) struct Question {
    pub service: String,
    /// The registration operation that waits for the answer.
    pub operation: String,
    pub url: String,
    pub body: Value,
}

/// The questions that nobody has put yet.
#[derive(Default)]
pub(crate) struct Questions {
    pub waiting: Vec<Question>,
    pub notify: Arc<Notify>,
}

impl Questions {
    /// Has a question put.
    pub fn push(&mut self, question: Question) {
        self.waiting.push(question);
        self.notify.notify_one();
    }
}

/// What the provisioning service keeps.
#[derive(Default)]
pub(crate) struct ServiceState {
    /// By name in lower case.
    pub services: BTreeMap<String, ProvisioningService>,
    /// What webhooks are to be asked.
    pub questions: Questions,
}

impl Azure {
    /// Every provisioning service, by name in lower case.
    pub(crate) fn provisioning(&self) -> &BTreeMap<String, ProvisioningService> {
        &self.parts.get::<ServiceState>().services
    }

    /// The same, to be changed.
    pub(crate) fn provisioning_mut(&mut self) -> &mut BTreeMap<String, ProvisioningService> {
        &mut self.parts.get_mut::<ServiceState>().services
    }

    /// What webhooks are to be asked.
    pub(crate) fn questions(&self) -> &Questions {
        &self.parts.get::<ServiceState>().questions
    }

    /// The same, to be changed.
    pub(crate) fn questions_mut(&mut self) -> &mut Questions {
        &mut self.parts.get_mut::<ServiceState>().questions
    }

    /// The provisioning service with that id scope.
    pub(crate) fn service_of_scope(&self, scope: &str) -> Option<&str> {
        self.provisioning().iter().find(|(_, service)| service.id_scope.eq_ignore_ascii_case(scope)).map(|(name, _)| name.as_str())
    }
}
