//! Role assignments on a resource (`Microsoft.Authorization/roleAssignments`).

use jiff::Timestamp;
use regex::Regex;
use serde_json::{Value, json};
use std::sync::LazyLock;

use crate::azure::access::roles::RoleAssignment;
use crate::azure::resource::ResourceId;
use crate::azure::resource::errors::{arm, no_body, no_such_resource, unknown_path};
use crate::azure::resource::kind::ResourceType;
use crate::azure::resource::page::page;
use crate::azure::state::Azure;
use crate::engine::http::{Outcome, Request, Response};

/// Answers everything on the role assignments of a resource; `rest` is the path behind them, `name` its first segment as written.
pub(crate) fn on_resource(
    azure: &mut Azure,
    request: &Request,
    now: Timestamp,
    kind: &dyn ResourceType,
    id: &ResourceId<'_>,
    rest: &[&str],
    name: &str,
) -> Outcome {
    let resource = kind.resource_mut(azure, id).filter(|resource| resource.is_in(id.subscription, id.group));
    let scope = resource.ok_or_else(|| no_such_resource(&kind.kind().to_string(), id.name, id.group))?.scope();
    let key = (scope.clone(), name.to_lowercase());
    match (request.method.as_str(), rest) {
        ("GET", []) => Ok(list(azure, request, &scope)),
        ("GET", [_]) => {
            let found = azure.roles.get(&key).ok_or_else(|| arm(404, "RoleAssignmentNotFound", "The role assignment is not found."))?;
            Ok(Response::json(200, shown(found)))
        }
        ("PUT", [_]) => put(azure, request, now, scope, name),
        ("DELETE", [_]) => Ok(azure.roles.remove(&key).map_or_else(|| Response::new(204), |gone| Response::json(200, shown(&gone)))),
        _ => Err(unknown_path(request)),
    }
}

/// Those at the hub and above it, of one principal if the filter says so.
fn list(azure: &Azure, request: &Request, scope: &str) -> Response {
    static PRINCIPAL: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"(?i)principalId eq '([^']*)'").expect("the pattern is right"));
    let of = request.parameter("$filter").and_then(|filter| PRINCIPAL.captures(filter)).map(|found| found[1].to_owned());
    let reaching = azure.roles.values().filter(|role| role.reaches(scope));
    let all = reaching.filter(|role| of.as_ref().is_none_or(|principal| role.principal.eq_ignore_ascii_case(principal)));
    page(azure, request, all.map(shown).collect())
}

fn put(azure: &mut Azure, request: &Request, now: Timestamp, scope: String, name: &str) -> Outcome {
    let given = &request.json.as_ref().filter(|body| body.is_object()).ok_or_else(no_body)?["properties"];
    let text = |field: &str| given[field].as_str().unwrap_or_default().to_owned();
    let wanted = RoleAssignment {
        name: name.to_owned(),
        definition: text("roleDefinitionId"),
        principal: text("principalId"),
        principal_type: text("principalType"),
        created: now,
        scope,
    };
    if !is_guid(name) {
        return Err(arm(400, "InvalidRoleAssignmentId", &format!("The role assignment ID '{name}' is not valid. It must be a GUID.")));
    }
    // What is not said is a user, and an identity is none.
    if wanted.principal_type.is_empty() {
        let message = format!("Principal {} does not exist in the directory.", wanted.principal);
        return Err(arm(400, "PrincipalNotFound", &message));
    }
    let same = |other: &RoleAssignment| {
        other.scope == wanted.scope && other.role() == wanted.role() && other.principal.eq_ignore_ascii_case(&wanted.principal)
    };
    let key = (wanted.scope.clone(), name.to_lowercase());
    match azure.roles.get(&key) {
        Some(there) if same(there) => return Ok(Response::json(200, shown(there))),
        Some(_) => {
            let message = "Tenant ID, application ID, principal ID, and scope are not allowed to be updated.";
            return Err(arm(409, "RoleAssignmentUpdateNotPermitted", message));
        }
        None if azure.roles.values().any(same) => {
            return Err(arm(409, "RoleAssignmentExists", "The role assignment already exists."));
        }
        None => {}
    }
    let response = Response::json(201, shown(&wanted));
    azure.roles.insert(key, wanted);
    Ok(response)
}

fn is_guid(text: &str) -> bool {
    let parts: Vec<usize> = text.split('-').map(str::len).collect();
    parts == [8, 4, 4, 4, 12] && text.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
}

fn shown(role: &RoleAssignment) -> Value {
    json!({
        "id": format!("{}/providers/Microsoft.Authorization/roleAssignments/{}", role.scope, role.name),
        "name": role.name,
        "type": "Microsoft.Authorization/roleAssignments",
        "properties": {
            "roleDefinitionId": role.definition,
            "principalId": role.principal,
            "principalType": role.principal_type,
            "scope": role.scope,
            "createdOn": role.created,
            "updatedOn": role.created,
        },
    })
}
