//! Device provisioning services in the resource manager.

pub(crate) mod certificates;
pub(crate) mod identities;
pub(crate) mod links;
pub(crate) mod put;

use jiff::Timestamp;
use serde_json::{Value, json};

use self::put::put;
use crate::azure::arm::Place;
use crate::azure::arm::resource_groups::{must_exist, tags_of};
use crate::azure::dps::service::Service;
use crate::azure::iot_hub::manage::name_answer;
use crate::azure::options::PoliciesOnGet;
use crate::azure::resource::errors::{no_body, no_such_resource, not_active, unknown_path};
use crate::azure::resource::operation::{announce, poll};
use crate::azure::resource::page::page;
use crate::azure::resource::{Phase, Policy};
use crate::azure::state::{Azure, Due};
use crate::engine::http::{Answer, Call, Outcome};

/// Answers everything on one provisioning service.
pub(crate) fn one(azure: &mut Azure, call: &Call, now: Timestamp, place: &Place<'_>, rest: &[&str]) -> Outcome {
    match (call.method.as_str(), rest) {
        ("GET", ["operationresults", id]) => poll(azure, call, id, now),
        ("PUT", []) => put(azure, call, now, place),
        ("PATCH", []) => patch(azure, call, now, place),
        ("DELETE", []) => delete(azure, call, now, place),
        ("GET", []) => {
            let service = find(azure, place)?;
            if service.resource.visible_from > now {
                return Err(missing(place));
            }
            Ok(Answer::json(200, shown(azure, service, call)))
        }
        ("POST", ["listkeys"]) => {
            let value: Vec<Value> = find(azure, place)?.policies.iter().map(Policy::with_keys).collect();
            Ok(Answer::json(200, json!({ "value": value })))
        }
        ("POST", ["keys", key, "listkeys"]) => {
            let policy = find(azure, place)?.policy(key);
            let policy = policy.ok_or_else(|| no_such_resource("provisioningServices/keys", key, place.group))?;
            Ok(Answer::json(200, policy.with_keys()))
        }
        ("GET", ["certificates"]) => certificates::list(azure, place),
        (_, ["certificates", _, rest @ ..]) => certificates::one(azure, call, now, place, rest),
        _ => Err(unknown_path(call)),
    }
}

fn missing(place: &Place<'_>) -> Answer {
    no_such_resource("provisioningServices", place.name, place.group)
}

pub(crate) fn find<'a>(azure: &'a Azure, place: &Place<'_>) -> Result<&'a Service, Answer> {
    must_exist(azure, place.subscription, place.group)?;
    azure
        .services
        .get(&place.name.to_lowercase())
        .filter(|service| service.resource.lives_in(place.subscription, place.group))
        .ok_or_else(|| missing(place))
}

fn delete(azure: &mut Azure, call: &Call, now: Timestamp, place: &Place<'_>) -> Outcome {
    let key = place.name.to_lowercase();
    match find(azure, place)?.resource.phase {
        Phase::Creating(_) | Phase::Updating(_) => return Err(not_active(place.name)),
        Phase::Active | Phase::Deleting(_) => {}
    }
    let begun = azure.begin(now, |number| Due::Service(key.clone(), number));
    if let Some(service) = azure.services.get_mut(&key)
        && service.resource.phase == Phase::Active
    {
        service.resource.phase = Phase::Deleting(begun.number);
    }
    Ok(announce(azure, call, &begun, Answer::new(202)))
}

fn patch(azure: &mut Azure, call: &Call, now: Timestamp, place: &Place<'_>) -> Outcome {
    let body = call.json.as_ref().ok_or_else(no_body)?;
    if find(azure, place)?.resource.phase != Phase::Active {
        return Err(not_active(place.name));
    }
    let key = place.name.to_lowercase();
    let begun = azure.begin(now, |number| Due::Service(key.clone(), number));
    let etag = azure.etag();
    let service = azure.services.get_mut(&key).ok_or_else(|| missing(place))?;
    service.resource.tags = tags_of(body).unwrap_or_default();
    service.resource.etag = etag;
    service.resource.phase = Phase::Updating(begun.number);
    let answer = Answer::json(200, shown(azure, &azure.services[&key], call));
    Ok(announce(azure, call, &begun, answer))
}

/// What a GET or a PUT answers: no policy keys, links masked, and in an older version nothing of identities.
pub(crate) fn shown(azure: &Azure, service: &Service, call: &Call) -> Value {
    let knows_identities = identities::knows(call);
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
    set("deviceProvisioningHostName", "global.azure-devices-provisioning.net".into());
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

/// Lists the services of a subscription, or of one of its groups.
pub(crate) fn list(azure: &Azure, call: &Call, subscription: &str, group: Option<&str>, now: Timestamp) -> Answer {
    let value: Vec<Value> = azure
        .services
        .values()
        .filter(|service| {
            let resource = &service.resource;
            let here = match group {
                Some(group) => resource.lives_in(subscription, group),
                None => resource.subscription.eq_ignore_ascii_case(subscription),
            };
            here && azure.lists(resource.visible_from, now)
        })
        .map(|service| shown(azure, service, call))
        .collect();
    page(azure, call, value)
}

/// Says whether a service's name is free, in all subscriptions of everybody.
pub(crate) fn check_name(azure: &Azure, call: &Call) -> Outcome {
    name_answer(call, |name| azure.services.contains_key(name))
}
