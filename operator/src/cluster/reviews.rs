//! Whose a token is, and what its user may do: asked of the API server, which stores nothing of either.

use std::time::Duration;

use http::StatusCode;
use k8s_openapi::api::authentication::v1::{TokenReview, UserInfo};
use k8s_openapi::api::authorization::v1::SubjectAccessReview;
use kube::Resource;
use kube::api::Request;
use moorage_plan::{Class, Reason};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::json;

use super::{ApiReader, post};
use crate::error::{Error, by_status};

/// How long the API server may take for one review: two of them fit into the 10 s that a scrape has.
const PATIENCE: Duration = Duration::from_secs(4);

/// As it is sent. The library's own type would hold a copy of the token.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SentTokenReview<'a> {
    api_version: &'static str,
    kind: &'static str,
    spec: SentToken<'a>,
}

#[derive(Serialize)]
struct SentToken<'a> {
    token: &'a str,
}

/// What is read of a review of a token: the reply repeats the token, which is left out.
#[derive(Deserialize)]
struct ReviewedToken {
    #[serde(default)]
    status: TokenVerdict,
}

#[derive(Default, Deserialize)]
struct TokenVerdict {
    #[serde(default)]
    authenticated: bool,
    user: Option<UserInfo>,
}

#[derive(Deserialize)]
struct ReviewedAccess {
    #[serde(default)]
    status: AccessVerdict,
}

#[derive(Default, Deserialize)]
struct AccessVerdict {
    #[serde(default)]
    allowed: bool,
    #[serde(default)]
    denied: bool,
}

impl ApiReader {
    /// Whose a token is; `None` if it is nobody's. For the API server it is no write.
    ///
    /// # Errors
    /// Never quotes the token, nor the reply, which may repeat it.
    pub async fn review_token(&self, token: &str) -> Result<Option<UserInfo>, Error> {
        let body = SentTokenReview { api_version: "authentication.k8s.io/v1", kind: "TokenReview", spec: SentToken { token } };
        let path = TokenReview::url_path(&(), None);
        self.review("failed to have a token reviewed", &path, &body).await.map(user_of)
    }

    /// Whether a user may use a path that is no resource, with a verb. For the API server it is no write.
    ///
    /// # Errors
    /// What the API server's status says.
    pub async fn review_access(&self, user: &UserInfo, path: &str, verb: &str) -> Result<bool, Error> {
        let body = json!({
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "spec": {
                "user": user.username,
                "uid": user.uid,
                "groups": user.groups,
                "extra": user.extra,
                "nonResourceAttributes": { "path": path, "verb": verb },
            },
        });
        let step = "failed to have a user's access reviewed";
        self.review(step, &SubjectAccessReview::url_path(&(), None), &body).await.map(|reviewed: ReviewedAccess| is_allowed(&reviewed))
    }

    async fn review<T: DeserializeOwned>(&self, step: &str, path: &str, body: &impl Serialize) -> Result<T, Error> {
        let body = serde_json::to_vec(body).expect("our own objects serialize");
        let asked = tokio::time::timeout(PATIENCE, self.0.send(step, Request::new(path).create(&post(), body))).await;
        let late = |_| Error::own(format!("{step}: no answer within {} s", PATIENCE.as_secs()), Class::Unavailable);
        let (status, reply) = asked.map_err(late)??;
        match status {
            StatusCode::FORBIDDEN => {
                let missing = format!(
                    "{step}: the operator may not; let it: kubectl create clusterrolebinding moorage-metrics-auth \
                     --clusterrole=moorage-metrics-auth --serviceaccount={}:moorage",
                    self.0.operator_namespace
                );
                Err(Error::own(missing, Class::Denied).because(Reason::MissingRoleBinding))
            }
            status if status.is_success() => {
                serde_json::from_slice(&reply).map_err(|_| Error::own(format!("{step}: the reply came back malformed"), Class::Unavailable))
            }
            status => Err(Error::own(format!("{step}: {status}"), by_status(status.as_u16(), None))),
        }
    }
}

/// The user of a review. One without a name would be reviewed as nobody, so it is none.
fn user_of(reviewed: ReviewedToken) -> Option<UserInfo> {
    let TokenVerdict { authenticated, user } = reviewed.status;
    user.filter(|user| authenticated && user.username.as_ref().is_some_and(|name| !name.is_empty()))
}

fn is_allowed(reviewed: &ReviewedAccess) -> bool {
    reviewed.status.allowed && !reviewed.status.denied
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn a_token_has_a_user_only_where_the_review_says_that_it_is_good_and_names_one() {
        let table = [
            (json!({ "status": { "authenticated": true, "user": { "username": "ada" } } }), Some("ada")),
            (json!({ "status": { "authenticated": false, "user": { "username": "ada" } } }), None),
            (json!({ "status": { "user": { "username": "ada" } } }), None),
            (json!({ "status": { "authenticated": true, "user": { "username": "" } } }), None),
            (json!({ "status": { "authenticated": true, "user": {} } }), None),
            (json!({ "status": { "authenticated": true } }), None),
            (json!({ "status": {} }), None),
            (json!({}), None),
        ];
        for (reply, expected) in table {
            let reviewed = serde_json::from_value(reply.clone()).expect("a review");
            assert_eq!(user_of(reviewed).and_then(|user| user.username).as_deref(), expected, "{reply}");
        }
    }

    #[test]
    fn access_is_given_only_by_a_review_that_allows_it_and_does_not_deny_it() {
        let table: [(Value, bool); 5] = [
            (json!({ "status": { "allowed": true } }), true),
            (json!({ "status": { "allowed": true, "denied": true } }), false),
            (json!({ "status": { "allowed": false } }), false),
            (json!({ "status": {} }), false),
            (json!({}), false),
        ];
        for (reply, expected) in table {
            let reviewed = serde_json::from_value(reply.clone()).expect("a review");
            assert_eq!(is_allowed(&reviewed), expected, "{reply}");
        }
    }
}
