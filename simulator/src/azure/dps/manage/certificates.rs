//! The certificates of authorities that a provisioning service keeps, and the proof that somebody holds their keys.

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use serde_json::{Map, Value, json};

use crate::azure::dps::certificate::{Certificate, KnownAuthority};
use crate::azure::dps::manage::find;
use crate::azure::dps::service::ProvisioningService;
use crate::azure::microsoft_devices::errors::{bad, devices, stale};
use crate::azure::resource::ResourceId;
use crate::azure::resource::errors::{no_body, no_such_resource, unknown_path};
use crate::azure::state::Azure;
use crate::engine::http::{Outcome, Request, Response};
use crate::engine::keys;

const KIND: &str = "Microsoft.Devices/provisioningServices/certificates";

/// Answers everything on one certificate; `rest` is the path behind its name.
pub(crate) fn one(azure: &mut Azure, request: &Request, now: Timestamp, id: &ResourceId<'_>, rest: &[&str]) -> Outcome {
    find(azure, id)?;
    let name = request.segments.get(9).map_or("", String::as_str);
    match (request.method.as_str(), rest) {
        ("PUT", []) => put(azure, request, now, id, name),
        ("GET", []) => known(azure, id, name).map(|authority| Response::json(200, shown(id, authority))),
        ("DELETE", []) => delete(azure, request, id, name),
        ("POST", ["generateverificationcode"]) => ask_for_proof(azure, request, now, id, name),
        ("POST", ["verify"]) => prove(azure, request, now, id, name),
        _ => Err(unknown_path(request)),
    }
}

/// Lists a service's certificates.
pub(crate) fn list(azure: &Azure, id: &ResourceId<'_>) -> Outcome {
    let all: Vec<Value> = find(azure, id)?.authorities.values().map(|authority| shown(id, authority)).collect();
    Ok(Response::json(200, json!({ "value": all })))
}

fn known<'a>(azure: &'a Azure, id: &ResourceId<'_>, name: &str) -> Result<&'a KnownAuthority, Response> {
    find(azure, id)?.certificate(name).ok_or_else(|| no_such_resource(KIND, name, id.group))
}

/// The certificate whose entity tag the request has to bring along.
fn matched<'a>(azure: &'a Azure, request: &Request, id: &ResourceId<'_>, name: &str) -> Result<&'a KnownAuthority, Response> {
    let authority = known(azure, id, name)?;
    let tag = request.header("if-match").map_or("", |tag| tag.trim_matches('"'));
    if tag == "*" || tag == authority.etag { Ok(authority) } else { Err(stale(name)) }
}

fn service_mut<'a>(azure: &'a mut Azure, id: &ResourceId<'_>) -> &'a mut ProvisioningService {
    azure.provisioning_mut().get_mut(&id.name.to_lowercase()).expect("the service was found under the same lock")
}

fn put(azure: &mut Azure, request: &Request, now: Timestamp, id: &ResourceId<'_>, name: &str) -> Outcome {
    let given = &request.json.as_ref().filter(|body| body.is_object()).ok_or_else(no_body)?["properties"];
    let before = find(azure, id)?.certificate(name).cloned();
    match &before {
        Some(_) => _ = matched(azure, request, id, name)?,
        None if request.header("if-match").is_some_and(|tag| tag != "*") => return Err(stale(name)),
        None => {}
    }
    if !valid_name(name) {
        return Err(bad(400_006, &format!("The certificate name '{name}' is not valid.")));
    }
    let most = azure.options.limits.authorities;
    if before.is_none() && find(azure, id)?.authorities.len() >= most {
        return Err(bad(400_305, &format!("A provisioning service keeps {most} certificates at most.")));
    }
    let certificate = given["certificate"].as_str().and_then(Certificate::read);
    let certificate = certificate.ok_or_else(|| bad(400_306, "The certificate is not valid."))?;
    let authority = KnownAuthority {
        name: before.as_ref().map_or(name, |before| &before.name).to_owned(),
        verified: given["isVerified"].as_bool().unwrap_or(false),
        code: None,
        etag: azure.etag(),
        created: before.map_or(now, |before| before.created),
        updated: now,
        certificate,
    };
    let response = Response::json(200, shown(id, &authority));
    service_mut(azure, id).authorities.insert(name.to_lowercase(), authority);
    Ok(response)
}

fn valid_name(name: &str) -> bool {
    (1..=64).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
}

fn delete(azure: &mut Azure, request: &Request, id: &ResourceId<'_>, name: &str) -> Outcome {
    if find(azure, id)?.certificate(name).is_none() {
        return Ok(Response::new(204));
    }
    matched(azure, request, id, name)?;
    service_mut(azure, id).authorities.remove(&name.to_lowercase());
    Ok(Response::new(200))
}

/// Gives the code that has to be the common name of a certificate which the authority signs.
fn ask_for_proof(azure: &mut Azure, request: &Request, now: Timestamp, id: &ResourceId<'_>, name: &str) -> Outcome {
    matched(azure, request, id, name)?;
    let purpose = format!("code/{}/{}", id.name.to_lowercase(), name.to_lowercase());
    let code = azure.keyring.name(&purpose, 48).to_uppercase();
    let authority = written(azure, now, id, name);
    authority.code = Some(code.clone());
    let mut document = shown(id, authority);
    document["properties"]["verificationCode"] = code.into();
    Ok(Response::json(200, document))
}

fn prove(azure: &mut Azure, request: &Request, now: Timestamp, id: &ResourceId<'_>, name: &str) -> Outcome {
    let authority = matched(azure, request, id, name)?;
    let given = request.json.as_ref().and_then(|body| body["certificate"].as_str()).and_then(Certificate::read);
    let proof = given.ok_or_else(|| bad(400_306, "The certificate is not valid."))?;
    let asked = authority.code.as_deref();
    if asked.is_none() || proof.common_name() != asked || !proof.signed_by(&authority.certificate, now) {
        let message = "The certificate does not show that you hold the authority's key: its common name has to be the code, and the authority has to sign it.";
        return Err(devices(400, 400_307, "BadRequest", message));
    }
    let authority = written(azure, now, id, name);
    (authority.verified, authority.code) = (true, None);
    Ok(Response::json(200, shown(id, authority)))
}

/// The certificate with another entity tag.
fn written<'a>(azure: &'a mut Azure, now: Timestamp, id: &ResourceId<'_>, name: &str) -> &'a mut KnownAuthority {
    let etag = azure.etag();
    let authority = service_mut(azure, id).authorities.get_mut(&name.to_lowercase());
    let authority = authority.expect("the certificate was found under the same lock");
    (authority.etag, authority.updated) = (etag, now);
    authority
}

fn shown(id: &ResourceId<'_>, authority: &KnownAuthority) -> Value {
    let (certificate, mut properties) = (&authority.certificate, Map::new());
    let time = |time: &Timestamp| rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(time).unwrap_or_default();
    let mut set = |name: &str, value: Value| properties.insert(name.to_owned(), value);
    set("subject", certificate.subject.as_str().into());
    set("expiry", time(&certificate.not_after).into());
    set("thumbprint", certificate.sha1().into());
    set("isVerified", authority.verified.into());
    set("certificate", keys::encode(&certificate.der).into());
    set("created", time(&authority.created).into());
    set("updated", time(&authority.updated).into());
    json!({
        "id": format!(
            "/subscriptions/{}/resourceGroups/{}/providers/Microsoft.Devices/ProvisioningServices/{}/certificates/{}",
            id.subscription, id.group, id.name, authority.name
        ),
        "name": authority.name,
        "type": "Microsoft.Devices/ProvisioningServices/Certificates",
        "etag": authority.etag,
        "properties": properties,
    })
}
