//! What is behind the proxies.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use futures::FutureExt as _;
use http::header::{CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use http::request::Parts;
use http_body_util::BodyExt;
use kube::config::Kubeconfig;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::judge::Side;
use super::passage::{Later, Passage};

/// A server that requests are passed on to.
#[derive(Debug)]
pub(crate) struct Upstream {
    pub side: Side,
    /// `None`: the host that the request names.
    base: Option<String>,
    http: reqwest::Client,
}

impl Upstream {
    /// The API server that a kubeconfig leads to.
    ///
    /// # Errors
    /// The kubeconfig names no server, or no authority.
    pub fn cluster(kubeconfig: &Kubeconfig) -> anyhow::Result<Self> {
        let cluster = kubeconfig.clusters.first().and_then(|named| named.cluster.as_ref()).context("the kubeconfig names no cluster")?;
        let base = cluster.server.clone().context("the kubeconfig names no server")?;
        let authority = STANDARD.decode(cluster.certificate_authority_data.as_deref().unwrap_or_default())?;
        let http = client(&authority)?.build()?;
        Ok(Self { side: Side::Cluster, base: Some(base), http })
    }

    /// The simulator at an address.
    ///
    /// # Errors
    /// Its authority is no certificate.
    pub fn cloud(address: SocketAddr, ca_pem: &str) -> anyhow::Result<Self> {
        let http = client(ca_pem.as_bytes())?.dns_resolver(OneAddress(address)).build()?;
        Ok(Self { side: Side::Cloud, base: None, http })
    }

    /// Passes a request on; its answer may go on for as long as it likes.
    ///
    /// # Errors
    /// The server did not answer.
    pub async fn pass(&self, request: &Parts, body: Bytes) -> anyhow::Result<http::Response<reqwest::Body>> {
        let path = request.uri.path_and_query().map_or("/", |path| path.as_str());
        let url = if let Some(base) = &self.base {
            format!("{base}{path}")
        } else {
            let host = request.headers.get(HOST).and_then(|host| host.to_str().ok()).context("the request names no host")?;
            format!("https://{host}{path}")
        };
        let mut headers = request.headers.clone();
        for hop in [HOST, CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING] {
            headers.remove(hop);
        }
        let answer = self.http.request(request.method.clone(), url).headers(headers).body(body).send().await?;
        let mut answer = http::Response::from(answer);
        for hop in [CONNECTION, TRANSFER_ENCODING] {
            answer.headers_mut().remove(hop);
        }
        Ok(answer)
    }

    /// Passes a request on and waits for the end of its answer: then its effect has taken place.
    ///
    /// # Errors
    /// As [`Upstream::pass`].
    pub async fn whole(&self, request: &Parts, body: Bytes) -> anyhow::Result<http::StatusCode> {
        let answer = self.pass(request, body).await?;
        let status = answer.status();
        answer.into_body().collect().await?;
        Ok(status)
    }
}

/// A request on its way through a proxy.
pub(super) struct Proxied {
    pub upstream: Arc<Upstream>,
    pub parts: Parts,
    pub body: Bytes,
}

impl Passage for Proxied {
    type Answer = http::Response<reqwest::Body>;
    type Error = anyhow::Error;

    async fn pass(&self) -> anyhow::Result<http::Response<reqwest::Body>> {
        self.upstream.pass(&self.parts, self.body.clone()).await
    }

    async fn whole(&self) -> anyhow::Result<()> {
        self.upstream.whole(&self.parts, self.body.clone()).await.map(drop)
    }

    fn status(answer: &Self::Answer) -> u16 {
        answer.status().as_u16()
    }

    fn lost(why: &'static str) -> anyhow::Error {
        anyhow!(why)
    }

    fn later(self) -> (Bytes, Later) {
        (self.body.clone(), async move { self.upstream.whole(&self.parts, self.body.clone()).await }.boxed())
    }
}

fn client(authority: &[u8]) -> anyhow::Result<reqwest::ClientBuilder> {
    let authority = reqwest::Certificate::from_pem(authority).context("the authority is no certificate")?;
    let builder = reqwest::Client::builder().tls_certs_only([authority]).no_proxy();
    Ok(builder.redirect(reqwest::redirect::Policy::none()).retry(reqwest::retry::never()))
}

struct OneAddress(SocketAddr);

impl Resolve for OneAddress {
    fn resolve(&self, _: Name) -> Resolving {
        let addresses: Addrs = Box::new(std::iter::once(self.0));
        Box::pin(std::future::ready(Ok(addresses)))
    }
}
