//! The proxies through which one operator reaches the API server and the cloud.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use anyhow::Context as _;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use kube::config::Kubeconfig;
use moorage_cloud::EndpointMap;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::task::{AbortHandle, JoinSet};
use tokio_rustls::TlsAcceptor;

use super::authority::authority;
use super::judge::Judge;
use super::passage::carry_out;
use super::upstream::{Proxied, Upstream};

/// Two proxies; when this is dropped, every connection through them is cut.
pub(super) struct Seam {
    cluster: SocketAddr,
    cloud: SocketAddr,
    serving: [AbortHandle; 2],
}

impl Drop for Seam {
    fn drop(&mut self) {
        self.serving.iter().for_each(AbortHandle::abort);
    }
}

impl Seam {
    /// Opens the proxies before the cluster and the cloud.
    ///
    /// # Errors
    /// A listener cannot be had.
    pub async fn open(judge: Arc<Judge>, cluster: Upstream, cloud: Upstream) -> anyhow::Result<Self> {
        let tls = TlsAcceptor::from(authority()?.server.clone());
        let (plain, cluster_at) = listen().await?;
        let (secured, cloud_at) = listen().await?;
        let proxy = |upstream| Arc::new(Proxy { judge: judge.clone(), upstream: Arc::new(upstream) });
        let (cluster, cloud) = (proxy(cluster), proxy(cloud));
        let serving =
            [tokio::spawn(cluster.serve(plain, None)).abort_handle(), tokio::spawn(cloud.serve(secured, Some(tls))).abort_handle()];
        Ok(Self { cluster: cluster_at, cloud: cloud_at, serving })
    }

    /// The kubeconfig that leads through the proxy, with the same proof of who one is.
    pub fn kubeconfig(&self, direct: &Kubeconfig) -> Kubeconfig {
        let mut through = direct.clone();
        for cluster in through.clusters.iter_mut().filter_map(|named| named.cluster.as_mut()) {
            cluster.server = Some(format!("http://{}", self.cluster));
            cluster.certificate_authority_data = None;
        }
        through
    }

    /// Where the clouds are.
    ///
    /// # Errors
    /// The certificates cannot be made.
    pub fn clouds(&self) -> anyhow::Result<EndpointMap> {
        Ok(EndpointMap { address: self.cloud, ca_pem: authority()?.ca_pem.clone() })
    }
}

async fn listen() -> anyhow::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("failed to open a proxy")?;
    let at = listener.local_addr()?;
    Ok((listener, at))
}

struct Proxy {
    judge: Arc<Judge>,
    upstream: Arc<Upstream>,
}

type Answer = anyhow::Result<http::Response<reqwest::Body>>;

impl Proxy {
    /// Serves until it is dropped, and its connections with it.
    async fn serve(self: Arc<Self>, listener: TcpListener, tls: Option<TlsAcceptor>) {
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                accepted = listener.accept() => {
                    let Ok((stream, _)) = accepted else { continue };
                    let _delayed = stream.set_nodelay(true);
                    let (proxy, tls) = (self.clone(), tls.clone());
                    connections.spawn(async move {
                        match tls {
                            None => proxy.converse(stream).await,
                            Some(tls) => if let Ok(stream) = tls.accept(stream).await { proxy.converse(stream).await },
                        }
                    });
                }
                Some(_) = connections.join_next() => {}
            }
        }
    }

    async fn converse(self: Arc<Self>, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
        let service = service_fn(move |request| {
            let proxy = self.clone();
            async move { proxy.answer(request).await }
        });
        // It ends with an error when an answer is lost on purpose.
        let _ended = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
    }

    /// An error closes the connection without an answer.
    async fn answer(&self, request: http::Request<Incoming>) -> Answer {
        let (parts, body) = request.into_parts();
        let body = body.collect().await?.to_bytes();
        let side = self.upstream.side;
        let verdict = self.judge.judge(side, parts.method.as_str(), parts.uri.path(), &body);
        carry_out(&self.judge, verdict, side, Proxied { upstream: self.upstream.clone(), parts, body }).await
    }
}
