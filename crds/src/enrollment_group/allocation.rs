//! How a group assigns a hub to a device by a webhook.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use crate::SecretKeyRef;

/// The webhook that chooses a device's hub.
#[derive(Serialize, Deserialize, KubeSchema, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.webhookUrl) != has(self.webhookUrlSecretRef)").message("give exactly one of the two: webhookUrl, or webhookUrlSecretRef where the URL holds a function key"))]
pub struct CustomAllocation {
    /// URL that the provisioning service calls, without a secret in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2048))]
    #[x_kube(validation = Rule::new("self.startsWith('https://')").message("the webhook's URL begins with https://"))]
    #[x_kube(validation = Rule::new("!self.contains('code=')").message("a function key is a secret: put the URL into a Secret and name it in webhookUrlSecretRef"))]
    pub webhook_url: Option<String>,
    /// Secret of the group's namespace that holds the URL; it is told to nobody but the provisioning service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook_url_secret_ref: Option<SecretKeyRef>,
    /// Version of the service's types that the webhook is sent, for example `2021-10-01`.
    #[schemars(regex(pattern = "^[0-9]{4}-[0-9]{2}-[0-9]{2}(-preview)?$"))]
    pub api_version: String,
}
