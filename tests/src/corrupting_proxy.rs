//! A proxy before the API server that spoils the replies to reads of one Secret, as a broken one on the way does.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use kube::config::Kubeconfig;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::{AbortHandle, JoinSet};

use crate::sweep::upstream::Upstream;

/// What becomes of the replies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spoilt {
    /// They come as they are.
    Not,
    /// Half of the text comes, as if it were all.
    CutShort,
    /// The values come as a text that is no base64.
    NotBase64,
    /// A text comes where there should be entries.
    NotEntries,
    /// The page of a gateway comes, with the reply in it.
    InAPage,
    /// The reply is that of another Secret.
    OfAnother,
}

impl Spoilt {
    /// Everything that can go wrong.
    pub const ALL: [Self; 5] = [Self::CutShort, Self::NotBase64, Self::NotEntries, Self::InAPage, Self::OfAnother];

    fn spoil(self, whole: &Bytes) -> anyhow::Result<Bytes> {
        let mut secret: Value = serde_json::from_slice(whole)?;
        match self {
            Self::Not => return Ok(whole.clone()),
            Self::CutShort => return Ok(whole.slice(..whole.len() / 2)),
            Self::InAPage => return Ok(format!("<html>{secret}</html>").into()),
            Self::NotBase64 => {
                for value in secret["data"].as_object_mut().context("it has entries")?.values_mut() {
                    *value = format!("%{}%", value.as_str().unwrap_or_default()).into();
                }
            }
            Self::NotEntries => secret["data"] = secret["data"].to_string().into(),
            Self::OfAnother => {
                secret["metadata"]["name"] = json!("another");
                secret["data"] = json!({});
            }
        }
        Ok(secret.to_string().into())
    }
}

#[derive(Debug)]
struct State {
    how: Spoilt,
    struck: usize,
}

/// The proxy; when it is dropped, every connection through it is cut.
#[derive(Debug)]
pub struct CorruptingProxy {
    at: SocketAddr,
    state: Arc<Mutex<State>>,
    serving: AbortHandle,
}

impl Drop for CorruptingProxy {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl CorruptingProxy {
    /// Opens a proxy before the API server of a kubeconfig; it spoils reads of one Secret.
    ///
    /// # Errors
    /// A listener cannot be had.
    pub async fn open(kubeconfig: &Kubeconfig, namespace: &str, name: &str, how: Spoilt) -> anyhow::Result<Self> {
        let upstream = Arc::new(Upstream::cluster(kubeconfig)?);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("failed to open a proxy")?;
        let at = listener.local_addr()?;
        let state = Arc::new(Mutex::new(State { how, struck: 0 }));
        let path = format!("/api/v1/namespaces/{namespace}/secrets/{name}");
        let proxy = Proxy { upstream, state: state.clone(), path: path.into() };
        let serving = tokio::spawn(proxy.serve(listener)).abort_handle();
        Ok(Self { at, state, serving })
    }

    /// The kubeconfig that leads through the proxy, with the same proof of who one is.
    pub fn kubeconfig(&self, direct: &Kubeconfig) -> Kubeconfig {
        let mut through = direct.clone();
        for cluster in through.clusters.iter_mut().filter_map(|named| named.cluster.as_mut()) {
            cluster.server = Some(format!("http://{}", self.at));
            cluster.certificate_authority_data = None;
        }
        through
    }

    /// What becomes of replies from now on.
    pub fn set(&self, how: Spoilt) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = State { how, struck: 0 };
    }

    /// How many replies were spoilt since that was last said.
    pub fn struck(&self) -> usize {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).struck
    }
}

#[derive(Clone)]
struct Proxy {
    upstream: Arc<Upstream>,
    state: Arc<Mutex<State>>,
    path: Arc<str>,
}

impl Proxy {
    async fn serve(self, listener: TcpListener) {
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                accepted = listener.accept() => {
                    let Ok((stream, _)) = accepted else { continue };
                    let proxy = self.clone();
                    let service = service_fn(move |request| {
                        let proxy = proxy.clone();
                        async move { proxy.answer(request).await }
                    });
                    connections.spawn(async move { http1::Builder::new().serve_connection(TokioIo::new(stream), service).await });
                }
                Some(_) = connections.join_next() => {}
            }
        }
    }

    async fn answer(&self, request: http::Request<Incoming>) -> anyhow::Result<http::Response<reqwest::Body>> {
        let (parts, body) = request.into_parts();
        let answer = self.upstream.pass(&parts, body.collect().await?.to_bytes()).await?;
        let how = self.state.lock().unwrap_or_else(PoisonError::into_inner).how;
        if parts.method != http::Method::GET || parts.uri.path() != &*self.path || how == Spoilt::Not || !answer.status().is_success() {
            return Ok(answer);
        }
        let (mut head, body) = answer.into_parts();
        let spoilt = how.spoil(&body.collect().await?.to_bytes())?;
        head.headers.remove(http::header::CONTENT_LENGTH);
        self.state.lock().unwrap_or_else(PoisonError::into_inner).struck += 1;
        Ok(http::Response::from_parts(head, spoilt.into()))
    }
}
