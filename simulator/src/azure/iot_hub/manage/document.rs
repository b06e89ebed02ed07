//! A hub's JSON: Azure's defaults, what a GET shows, and secrets behind asterisks.

use serde_json::{Map, Value, json};

use crate::azure::iot_hub::hub::Hub;
use crate::azure::iot_hub::manage::version;
use crate::azure::options::PoliciesOnGet;
use crate::azure::resource::phase::Phase;
use crate::azure::state::Azure;
use crate::engine::http::Request;

/// The properties that a hub has when its creator names none.
pub(crate) fn defaults(sku: &str) -> Map<String, Value> {
    let partitions = if sku == "F1" { 2 } else { 4 };
    let value = json!({
        "eventHubEndpoints": { "events": { "retentionTimeInDays": 1, "partitionCount": partitions } },
        "routing": {
            "endpoints": {
                "serviceBusQueues": [], "serviceBusTopics": [], "eventHubs": [],
                "storageContainers": [], "cosmosDBSqlContainers": [],
            },
            "routes": [],
            "fallbackRoute": {
                "name": "$fallback", "source": "DeviceMessages", "condition": "true",
                "endpointNames": ["events"], "isEnabled": true,
            },
        },
        "storageEndpoints": {
            "$default": { "sasTtlAsIso8601": "PT1H", "connectionString": "", "containerName": "" },
        },
        "messagingEndpoints": {
            "fileNotifications": {
                "lockDurationAsIso8601": "PT1M", "ttlAsIso8601": "PT1H", "maxDeliveryCount": 10,
            },
        },
        "enableFileUploadNotifications": false,
        "cloudToDevice": {
            "maxDeliveryCount": 10, "defaultTtlAsIso8601": "PT1H",
            "feedback": {
                "lockDurationAsIso8601": "PT1M", "ttlAsIso8601": "PT1H", "maxDeliveryCount": 10,
            },
        },
        "features": "None",
        "disableLocalAuth": false,
        "enableDataResidency": false,
        "ipFilterRules": [],
    });
    match value {
        Value::Object(defaults) => defaults,
        _ => Map::new(),
    }
}

fn tier(sku: &str) -> &'static str {
    match sku.as_bytes().first() {
        Some(b'F') => "Free",
        Some(b'B') => "Basic",
        _ => "Standard",
    }
}

/// The resource id; its second segment comes in lower case, unlike the request's.
pub(crate) fn id(hub: &Hub) -> String {
    format!(
        "/subscriptions/{}/resourcegroups/{}/providers/Microsoft.Devices/IotHubs/{}",
        hub.resource.subscription, hub.resource.group, hub.resource.name
    )
}

/// What a GET or a PUT answers: no policy keys, connection strings masked, and in an older version nothing that it does not know.
pub(crate) fn shown(azure: &Azure, hub: &Hub, request: &Request) -> Value {
    let resource = &hub.resource;
    let mut properties = hub.properties.clone();
    mask(&mut properties);
    show_events(hub, &mut properties);
    if version::knows(request) {
        version::show(hub, &mut properties);
    } else {
        version::forget(&mut properties);
    }
    if azure.options.variants.policies_on_get == PoliciesOnGet::WithoutKeys {
        let listed = hub.policies.iter().map(crate::azure::microsoft_devices::policies::Policy::without_keys).collect();
        properties.insert("authorizationPolicies".to_owned(), listed);
    }
    properties.insert("provisioningState".to_owned(), resource.phase.provisioning_state().into());
    properties.insert("state".to_owned(), resource.phase.state().into());
    if !matches!(resource.phase, Phase::Creating(_)) {
        properties.insert("hostName".to_owned(), hub.host().into());
    }
    properties.insert("locations".to_owned(), json!([{ "location": resource.location, "role": "primary" }]));
    let mut document = json!({
        "id": id(hub),
        "name": resource.name,
        "type": "Microsoft.Devices/IotHubs",
        "location": resource.location,
        "tags": resource.tags,
        "etag": resource.etag,
        "properties": properties,
        "sku": { "name": hub.sku, "tier": tier(&hub.sku), "capacity": hub.capacity },
    });
    if let Some(identity) = &hub.identity {
        document["identity"] = identity.clone();
    }
    document
}

fn show_events(hub: &Hub, properties: &mut Map<String, Value>) {
    let Some(events) = properties.get_mut("eventHubEndpoints").and_then(|endpoints| endpoints.get_mut("events")) else {
        return;
    };
    let partitions = events["partitionCount"].as_u64().unwrap_or(4);
    let name = hub.resource.name.to_lowercase();
    events["partitionIds"] = (0..partitions).map(|number| number.to_string()).collect();
    events["path"] = name.clone().into();
    events["endpoint"] = format!("sb://ihsimulated-{name}.servicebus.windows.net/").into();
}

/// Puts asterisks over every key in the routing and file-upload endpoints.
fn mask(properties: &mut Map<String, Value>) {
    for_each_connection(properties, &mut |_, connection| {
        *connection = masked(connection);
    });
}

/// Gives every masked connection string of `wanted` the value that is stored under its endpoint.
pub(crate) fn unmask(wanted: &mut Map<String, Value>, stored: &Map<String, Value>) {
    let mut known = Vec::new();
    for_each_connection(&mut stored.clone(), &mut |endpoint, connection| {
        known.push((endpoint.to_owned(), connection.clone()));
    });
    for_each_connection(wanted, &mut |endpoint, connection| {
        let before = known.iter().find(|(name, _)| name == endpoint);
        if let Some((_, before)) = before.filter(|_| connection.contains("=****")) {
            connection.clone_from(before);
        }
    });
}

fn for_each_connection(properties: &mut Map<String, Value>, visit: &mut dyn FnMut(&str, &mut String)) {
    let mut enter = |name: String, endpoint: &mut Value| {
        if let Some(Value::String(connection)) = endpoint.get_mut("connectionString") {
            visit(&name, connection);
        }
    };
    if let Some(Value::Object(kinds)) = properties.get_mut("routing").and_then(|routing| routing.get_mut("endpoints")) {
        for endpoint in kinds.values_mut().filter_map(Value::as_array_mut).flatten() {
            let name = endpoint["name"].as_str().unwrap_or_default().to_owned();
            enter(name, endpoint);
        }
    }
    if let Some(Value::Object(uploads)) = properties.get_mut("storageEndpoints") {
        for (name, endpoint) in uploads.iter_mut() {
            enter(format!("upload {name}"), endpoint);
        }
    }
}

fn masked(connection: &str) -> String {
    let parts = connection.split(';').map(|part| {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        match name {
            "SharedAccessKey" | "AccountKey" => format!("{name}=****"),
            "Endpoint" if !value.contains(":5671") => {
                format!("Endpoint={}:5671/", value.trim_end_matches('/'))
            }
            _ => part.to_owned(),
        }
    });
    parts.collect::<Vec<_>>().join(";")
}

/// A hub's properties with every key behind asterisks.
pub(crate) fn masked_properties(hub: &Hub) -> Map<String, Value> {
    let mut properties = hub.properties.clone();
    mask(&mut properties);
    properties
}
