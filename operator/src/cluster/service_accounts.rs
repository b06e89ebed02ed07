//! Tokens of service accounts, decoded from raw bytes as Secrets are.

use std::time::Duration;

use http::StatusCode;
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::Resource;
use kube::api::Request;
use moorage_keys::Token;
use moorage_plan::Class;
use serde::Deserialize;
use serde_json::json;
use zeroize::Zeroizing;

use super::{ApiReader, post, refusals::Refuser, refused};
use crate::{error::Error, object::NamespacedName};

/// How long a token is asked to last: it is used once and at once, and the API server gives no shorter ones.
const LIFETIME_SECONDS: i64 = 600;
/// How long the API server may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why there is no token.
#[derive(Debug)]
pub enum NoToken {
    /// The operator may not ask for it.
    NotAllowed,
    /// There is no such service account.
    NoServiceAccount,
    /// Its namespace is being deleted, and gives none any more.
    NamespaceEnds,
    /// It was not to be had now.
    Failed(Error),
}

#[derive(Deserialize)]
struct Issued {
    status: IssuedStatus,
}

#[derive(Deserialize)]
struct IssuedStatus {
    token: Zeroizing<String>,
}

impl ApiReader {
    /// A fresh token of a service account, for one audience and nobody else. Nothing is stored anywhere: for the API server it is no write.
    ///
    /// # Errors
    /// Never quotes the reply.
    pub async fn token_of(&self, service_account: &NamespacedName, audience: &str) -> Result<Token, NoToken> {
        let step = format!("failed to get a token of ServiceAccount {service_account}");
        let body = json!({
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": { "audiences": [audience], "expirationSeconds": LIFETIME_SECONDS },
        });
        let request = Request::new(ServiceAccount::url_path(&(), Some(&service_account.namespace)));
        let request = request.create_subresource("token", &service_account.name, &post(), body.to_string().into_bytes());
        let asked = tokio::time::timeout(PATIENCE, self.0.send(&step, request)).await;
        let late = |_| NoToken::Failed(Error::own(format!("{step}: no answer within {} s", PATIENCE.as_secs()), Class::Unavailable));
        let (status, reply) = asked.map_err(late)?.map_err(NoToken::Failed)?;
        match status {
            StatusCode::FORBIDDEN if Refuser::of(&reply) == Refuser::EndingNamespace => Err(NoToken::NamespaceEnds),
            StatusCode::FORBIDDEN => Err(NoToken::NotAllowed),
            StatusCode::NOT_FOUND => Err(NoToken::NoServiceAccount),
            status if status.is_success() => {
                let malformed = |_| NoToken::Failed(Error::own(format!("{step}: the reply came back malformed"), Class::Unavailable));
                let issued: Issued = serde_json::from_slice(&reply).map_err(malformed)?;
                Ok(issued.status.token.into())
            }
            status => Err(NoToken::Failed(refused(&step, status, &reply))),
        }
    }

    /// The sentence that tells how to let the operator have tokens of a service account.
    pub fn missing_token_role(&self, service_account: &NamespacedName) -> String {
        let NamespacedName { namespace, name } = service_account;
        format!(
            "the operator may not have tokens of ServiceAccount {service_account}; let it: \
             kubectl create role moorage-token-{name} -n {namespace} --verb=create --resource=serviceaccounts/token --resource-name={name} && \
             kubectl create rolebinding moorage-token-{name} -n {namespace} --role=moorage-token-{name} --serviceaccount={}:moorage",
            self.0.operator_namespace
        )
    }
}
