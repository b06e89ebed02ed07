//! What the API server knows of our kinds.

use http::StatusCode;
use moorage_plan::Class;
use serde_json::Value;

use super::{ApiReader, refused};
use crate::error::Error;

/// Where the API server describes a group and version, in OpenAPI 3, to everybody who is authenticated (the `ClusterRole` `system:discovery`).
const DESCRIPTION: &str = "/openapi/v3/apis/moorage.dev/v1alpha1";

impl ApiReader {
    /// The description of our API group as it is served; `None` if there is none, or it may not be read.
    ///
    /// # Errors
    /// What the API server says.
    pub async fn served_description(&self) -> Result<Option<Value>, Error> {
        let step = "failed to read the definitions that the API server has";
        let request = http::Request::get(DESCRIPTION).body(Vec::new()).map_err(kube::core::request::Error::BuildRequest);
        match self.0.send(step, request).await? {
            (StatusCode::NOT_FOUND | StatusCode::FORBIDDEN, _) => Ok(None),
            (status, reply) if status.is_success() => {
                let malformed = |_| Error::own(format!("{step}: the reply came back malformed"), Class::Unavailable);
                serde_json::from_slice(&reply).map(Some).map_err(malformed)
            }
            (status, reply) => Err(refused(step, status, &reply)),
        }
    }
}
