//! Device provisioning services in the resource manager.

pub(crate) mod certificates;
pub(crate) mod identities;
pub(crate) mod links;
pub(crate) mod put;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::azure::dps::manage::put::put;
use crate::azure::dps::service::{GLOBAL_HOST, KIND, ProvisioningService};
use crate::azure::microsoft_devices::lifecycle;
use crate::azure::microsoft_devices::names::name_answer;
use crate::azure::microsoft_devices::policies::Policy;
use crate::azure::options::PoliciesOnGet;
use crate::azure::resource::errors::{no_such_resource, unknown_path};
use crate::azure::resource::group::must_exist;
use crate::azure::resource::kind::{ResourceKind, ResourceType};
use crate::azure::resource::operation::poll;
use crate::azure::resource::{Resource, ResourceId};
use crate::azure::state::Azure;
use crate::engine::http::{Outcome, Request, Response};

/// The type of provisioning services.
pub(crate) struct ServiceType;

impl ResourceType for ServiceType {
    fn kind(&self) -> ResourceKind {
        KIND
    }

    fn resources<'a>(&self, azure: &'a Azure) -> Box<dyn Iterator<Item = &'a Resource> + 'a> {
        Box::new(azure.provisioning().values().map(|service| &service.resource))
    }

    fn resource_mut<'a>(&self, azure: &'a mut Azure, id: &ResourceId<'_>) -> Option<&'a mut Resource> {
        azure.provisioning_mut().get_mut(&id.name.to_lowercase()).map(|service| &mut service.resource)
    }

    fn remove(&self, azure: &mut Azure, id: &ResourceId<'_>) {
        azure.provisioning_mut().remove(&id.name.to_lowercase());
    }

    fn shown(&self, azure: &Azure, request: &Request, id: &ResourceId<'_>) -> Value {
        shown(azure, &azure.provisioning()[&id.name.to_lowercase()], request)
    }

    fn older_version(&self) -> Option<&'static str> {
        Some(identities::OLDER)
    }

    fn answer(&self, azure: &mut Azure, request: &Request, now: Timestamp, id: &ResourceId<'_>, rest: &[&str]) -> Outcome {
        one(azure, request, now, id, rest)
    }

    fn answer_in_subscription(&self, azure: &Azure, request: &Request, _subscription: &str, rest: &[&str]) -> Option<Outcome> {
        match (request.method.as_str(), rest) {
            // The name is free or not in all subscriptions of everybody.
            ("POST", ["checkprovisioningservicenameavailability"]) => {
                Some(name_answer(request, |name| azure.provisioning().contains_key(name)))
            }
            _ => None,
        }
    }
}

/// Answers everything on one provisioning service.
fn one(azure: &mut Azure, request: &Request, now: Timestamp, id: &ResourceId<'_>, rest: &[&str]) -> Outcome {
    match (request.method.as_str(), rest) {
        ("GET", ["operationresults", operation]) => poll(azure, request, &ServiceType, id, operation, now),
        ("PUT", []) => put(azure, request, now, id),
        ("PATCH", []) => {
            find(azure, id)?;
            lifecycle::patch(azure, request, now, &ServiceType, id)
        }
        ("DELETE", []) => {
            find(azure, id)?;
            lifecycle::delete(azure, request, now, &ServiceType, id)
        }
        ("GET", []) => {
            let service = find(azure, id)?;
            if service.resource.visible_from > now {
                return Err(missing(id));
            }
            Ok(Response::json(200, shown(azure, service, request)))
        }
        ("POST", ["listkeys"]) => {
            let value: Vec<Value> = find(azure, id)?.policies.iter().map(Policy::with_keys).collect();
            Ok(Response::json(200, json!({ "value": value })))
        }
        ("POST", ["keys", key, "listkeys"]) => {
            let policy = find(azure, id)?.policy(key);
            let policy = policy.ok_or_else(|| no_such_resource("Microsoft.Devices/provisioningServices/keys", key, id.group))?;
            Ok(Response::json(200, policy.with_keys()))
        }
        ("GET", ["certificates"]) => certificates::list(azure, id),
        (_, ["certificates", _, rest @ ..]) => certificates::one(azure, request, now, id, rest),
        _ => Err(unknown_path(request)),
    }
}

fn missing(id: &ResourceId<'_>) -> Response {
    no_such_resource(&KIND.to_string(), id.name, id.group)
}

pub(crate) fn find<'a>(azure: &'a Azure, id: &ResourceId<'_>) -> Result<&'a ProvisioningService, Response> {
    must_exist(azure, id.subscription, id.group)?;
    azure
        .provisioning()
        .get(&id.name.to_lowercase())
        .filter(|service| service.resource.is_in(id.subscription, id.group))
        .ok_or_else(|| missing(id))
}

/// What a GET or a PUT answers: no policy keys, links masked, and in an older version nothing of identities.
pub(crate) fn shown(azure: &Azure, service: &ProvisioningService, request: &Request) -> Value {
    let knows_identities = identities::knows(request);
    let resource = &service.resource;
    let mut properties = service.properties.clone();
    if !knows_identities {
        properties.remove(identities::LOCAL_AUTH_OFF);
    }
    let mut set = |name: &str, value: Value| properties.insert(name.to_owned(), value);
    set("state", resource.phase.state().into());
    set("provisioningState", resource.phase.provisioning_state().into());
    set("iotHubs", service.links.iter().map(|link| links::shown(link, knows_identities)).collect());
    set("allocationPolicy", service.allocation_policy.as_str().into());
    set("serviceOperationsHostName", service.host().into());
    set("deviceProvisioningHostName", GLOBAL_HOST.of(service.resource.cloud()).into());
    set("idScope", service.id_scope.as_str().into());
    if azure.options.variants.policies_on_get == PoliciesOnGet::WithoutKeys {
        set("authorizationPolicies", service.policies.iter().map(Policy::without_keys).collect());
    }
    let mut document = json!({
        "id": format!(
            "/subscriptions/{}/resourcegroups/{}/providers/Microsoft.Devices/ProvisioningServices/{}",
            resource.subscription, resource.group, resource.name
        ),
        "name": resource.name,
        "type": "Microsoft.Devices/provisioningServices",
        "location": resource.location,
        "tags": resource.tags,
        "subscriptionid": resource.subscription,
        "resourcegroup": resource.group,
        "etag": resource.etag,
        "properties": properties,
        "sku": { "name": "S1", "tier": "Standard", "capacity": service.capacity },
    });
    let tenant = azure.directory.subscription(&resource.subscription).map_or("", |there| &there.tenant);
    if let Some(identity) = identities::shown(service, tenant).filter(|_| knows_identities) {
        document["identity"] = identity;
    }
    document
}
