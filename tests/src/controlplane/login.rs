//! Ways to call the API server.

use super::{authority::Identity, run::write_private};
use anyhow::Context;
use base64::{Engine, prelude::BASE64_STANDARD};
use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};
use serde_json::{Value, json};
use std::{net::SocketAddr, path::Path};

/// A user of the API server with what proves it.
#[derive(Clone, Debug)]
pub struct Login {
    user: String,
    kubeconfig: Kubeconfig,
}

impl Login {
    pub(super) fn by_certificate(server: &Endpoint, user: &str, identity: &Identity) -> Self {
        let proof = json!({
            "client-certificate-data": BASE64_STANDARD.encode(&identity.certificate),
            "client-key-data": BASE64_STANDARD.encode(&identity.key),
        });
        Self::new(server, user, &proof)
    }

    pub(super) fn by_token(server: &Endpoint, user: &str, token: &str) -> Self {
        Self::new(server, user, &json!({ "token": token }))
    }

    fn new(server: &Endpoint, user: &str, proof: &Value) -> Self {
        let cluster = json!({
            "server": server.url,
            "certificate-authority-data": BASE64_STANDARD.encode(&server.authority),
        });
        let kubeconfig = serde_json::from_value(json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{ "name": "moorage", "cluster": cluster }],
            "users": [{ "name": user, "user": proof }],
            "contexts": [{ "name": "moorage", "context": { "cluster": "moorage", "user": user } }],
            "current-context": "moorage",
        }));
        Self { user: user.to_owned(), kubeconfig: kubeconfig.expect("the fields are those of a kubeconfig") }
    }

    /// The user's name as the API server knows it and the audit log tells it.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The kubeconfig, complete in itself.
    pub fn kubeconfig(&self) -> &Kubeconfig {
        &self.kubeconfig
    }

    /// The same user, who finds the API server at another address of this machine.
    #[must_use]
    pub fn by_way_of(&self, address: SocketAddr) -> Self {
        let mut login = self.clone();
        for cluster in login.kubeconfig.clusters.iter_mut().filter_map(|named| named.cluster.as_mut()) {
            cluster.server = Some(format!("https://{address}"));
        }
        login
    }

    /// A client that calls as this user; its connections live on the runtime that first uses them.
    ///
    /// # Errors
    ///
    /// The TLS set-up refuses the certificates.
    pub async fn client(&self) -> anyhow::Result<Client> {
        let options = KubeConfigOptions::default();
        let config = Config::from_custom_kubeconfig(self.kubeconfig.clone(), &options).await;
        let config = config.with_context(|| format!("failed to read the kubeconfig of {}", self.user))?;
        Client::try_from(config).with_context(|| format!("failed to make a client for {}", self.user))
    }

    /// Writes the kubeconfig to `path`, readable by the owner alone.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn write_to(&self, path: &Path) -> anyhow::Result<()> {
        let text = serde_saphyr::to_string(&self.kubeconfig).context("failed to print a kubeconfig")?;
        write_private(path, &text)
    }
}

/// Where the API server listens, and the authority (PEM) that signed its certificate.
#[derive(Clone, Debug)]
pub(super) struct Endpoint {
    pub url: String,
    pub authority: String,
}
