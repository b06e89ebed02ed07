//! Who may do what with a hub.

use azure_core::http::Method;
use serde::Deserialize;
use serde_json::json;
use zeroize::Zeroizing;

use crate::{
    azure::{
        arm::{Arm, ResourceId},
        pipeline::{request::Operation, version::ApiVersion},
    },
    error::{Class, Detail, Error},
    flow::access::WriteAccess,
};

/// The role by which a provisioning service registers devices in a hub: "IoT Hub Data Contributor" (Microsoft: "Azure built-in roles").
const DATA_CONTRIBUTOR: &str = "4fc6c259-987e-4a07-842e-c321cc9d413f";

/// `Microsoft.Authorization/roleAssignments`.
const VERSION: ApiVersion = ApiVersion::only("2022-04-01");

const HUB_ROLES: Operation = Operation {
    name: "role_assignment.list",
    step: "list role assignments of IoT hub",
    method: Method::Get,
    template: "/subscriptions/{}/resourceGroups/{}/providers/Microsoft.Devices/IotHubs/{}/providers/Microsoft.Authorization/roleAssignments",
    version: VERSION,
    quota: Arm::READS,
};
const HUB_ROLE_PUT: Operation = Operation {
    name: "role_assignment.put",
    step: "assign role on IoT hub",
    method: Method::Put,
    template: "/subscriptions/{}/resourceGroups/{}/providers/Microsoft.Devices/IotHubs/{}/providers/Microsoft.Authorization/roleAssignments/{}",
    version: VERSION,
    quota: Arm::WRITES,
};
const HUB_ROLE_DELETE: Operation = Operation {
    name: "role_assignment.delete",
    step: "delete role assignment of IoT hub",
    method: Method::Delete,
    template: "/subscriptions/{}/resourceGroups/{}/providers/Microsoft.Devices/IotHubs/{}/providers/Microsoft.Authorization/roleAssignments/{}",
    version: VERSION,
    quota: Arm::DELETIONS,
};

/// Who may do something with a hub's devices: the name of the assignment tells whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleAssignment {
    /// Its name, a GUID that whoever made it has chosen.
    pub name: String,
    /// The object id of whoever may.
    pub principal: String,
}

#[derive(Deserialize)]
struct Assigned {
    name: String,
    properties: Assignment,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Assignment {
    role_definition_id: String,
    principal_id: String,
}

impl Arm {
    /// A hub as scopes name it.
    pub fn hub_scope(&self, hub: &ResourceId) -> String {
        let [subscription, group, hub] = self.place(hub);
        format!("/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Devices/IotHubs/{hub}")
    }

    /// Who may register devices in a hub, by an assignment that was made for it or for something around it.
    ///
    /// # Errors
    /// When the resource manager refuses to list them.
    pub async fn hub_contributors(&self, hub: &ResourceId) -> Result<Vec<RoleAssignment>, Error> {
        let call = HUB_ROLES.call(&self.place(hub)).query("%24filter=atScope()");
        let listed: Vec<Assigned> = self.all(call, HUB_ROLES).await?;
        let is_contributor = |assigned: &Assigned| {
            let role = assigned.properties.role_definition_id.rsplit('/').next().unwrap_or_default();
            role.eq_ignore_ascii_case(DATA_CONTRIBUTOR)
        };
        let contributors = listed.into_iter().filter(is_contributor);
        Ok(contributors.map(|assigned| RoleAssignment { name: assigned.name, principal: assigned.properties.principal_id }).collect())
    }

    /// Lets a principal register devices in a hub, by an assignment of this name; one that exists under another name is as good.
    ///
    /// # Errors
    /// When the account may not assign roles, or the answer is lost.
    pub async fn assign_hub_contributor(&self, access: &WriteAccess, hub: &ResourceId, name: &str, principal: &str) -> Result<(), Error> {
        let [subscription, group, hub] = self.place(hub);
        let role = format!("/subscriptions/{subscription}/providers/Microsoft.Authorization/roleDefinitions/{DATA_CONTRIBUTOR}");
        // Without its type a principal that was made a moment ago is not found.
        let body = json!({ "properties": { "roleDefinitionId": role, "principalId": principal, "principalType": "ServicePrincipal" } });
        let call = HUB_ROLE_PUT.call(&[subscription, group, hub, name]).body(Zeroizing::new(body.to_string().into_bytes()));
        match self.client.write(access, call).await {
            Err(error) if error.class() == Class::Conflict && error.detail() == Detail::Exists => Ok(()),
            sent => sent.map(drop),
        }
    }

    /// Takes an assignment from a hub; one that is not there is no error.
    ///
    /// # Errors
    /// When the account may not, or the answer is lost.
    pub async fn delete_hub_role(&self, access: &WriteAccess, hub: &ResourceId, name: &str) -> Result<(), Error> {
        let [subscription, group, hub] = self.place(hub);
        self.client.remove(access, HUB_ROLE_DELETE.call(&[subscription, group, hub, name])).await
    }
}
