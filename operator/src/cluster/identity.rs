//! Which cluster this is.

use http::StatusCode;
use k8s_openapi::api::core::v1::Namespace;
use kube::Resource;
use kube::api::Request;
use moorage_plan::{Class, Reason};
use serde::Deserialize;

use super::{ApiReader, refused};
use crate::error::Error;

/// The namespace that every cluster has, and that is never made anew.
const OF_THE_CLUSTER: &str = "kube-system";

#[derive(Deserialize)]
struct Identified {
    metadata: Uid,
}

#[derive(Deserialize)]
struct Uid {
    uid: String,
}

impl ApiReader {
    /// The uid of the namespace `kube-system`, by which clusters are told apart.
    ///
    /// # Errors
    /// What the API server says; without the right to it, the command that gives it.
    pub async fn cluster_uid(&self) -> Result<String, Error> {
        let step = "failed to read which cluster this is";
        let request = Request::new(Namespace::url_path(&(), None)).get(OF_THE_CLUSTER, &kube::api::GetParams::default());
        match self.0.send(step, request).await? {
            (StatusCode::FORBIDDEN, _) => {
                let missing = format!(
                    "{step}: the operator may not get namespace {OF_THE_CLUSTER}; let it: kubectl create clusterrolebinding \
                     moorage-cluster-identity --clusterrole=moorage-cluster-identity --serviceaccount={}:moorage",
                    self.0.operator_namespace
                );
                Err(Error::own(missing, Class::Denied).because(Reason::MissingRoleBinding))
            }
            (status, reply) if status.is_success() => {
                let malformed = |_| Error::own(format!("{step}: the reply came back malformed"), Class::Unavailable);
                serde_json::from_slice::<Identified>(&reply).map(|found| found.metadata.uid).map_err(malformed)
            }
            (status, reply) => Err(refused(step, status, &reply)),
        }
    }
}
