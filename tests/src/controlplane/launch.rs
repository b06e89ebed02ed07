//! Bringing the servers up, in order, and telling why if they do not come.

use super::{
    authority::Authority,
    flags,
    login::{Endpoint, Login},
    run::RunDirectory,
    server::Server,
    source::Programs,
};
use crate::wait::{NotYet, until};
use anyhow::{Context, anyhow};
use k8s_openapi::{api::core::v1::ServiceAccount, apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition};
use kube::{Api, Client, ResourceExt, api::PostParams};
use std::{net::TcpListener, time::Duration};
use tokio::net::UnixStream;

const DEADLINE: Duration = Duration::from_mins(1);

/// How often a start is tried when somebody else takes the port that was free a moment ago.
const TRIES: usize = 3;

const ADMIN: &str = "moorage-admin";
const ADMINS: &str = "system:masters";

/// The server processes; dropped, thus ended, in the reverse order of their start.
#[derive(Debug)]
pub(super) struct Servers {
    pub controller_manager: Option<Server>,
    pub apiserver: Server,
    pub etcd: Server,
}

/// An API server that answers, and its administrator.
pub(super) struct Serving {
    pub servers: Servers,
    pub port: u16,
    pub endpoint: Endpoint,
    pub admin: Login,
    pub client: Client,
}

/// Starts etcd and the API server, and waits until the latter is ready.
pub(super) async fn serve(run: &RunDirectory, programs: &Programs, authority: &Authority) -> anyhow::Result<Serving> {
    let identity = authority.user(ADMIN, Some(ADMINS))?;
    let mut port = free_port()?;
    let mut servers =
        Servers { etcd: start_etcd(run, programs).await?, apiserver: start_apiserver(run, programs, port)?, controller_manager: None };
    for others in (0..TRIES).rev() {
        let endpoint = Endpoint { url: format!("https://127.0.0.1:{port}"), authority: authority.certificate() };
        let admin = Login::by_certificate(&endpoint, ADMIN, &identity);
        let client = admin.client().await?;
        match servers.while_running(answers(&client)).await {
            Ok(()) => return Ok(Serving { servers, port, endpoint, admin, client }),
            Err(_) if others > 0 && servers.apiserver.tail().contains("address already in use") => {
                port = free_port()?;
                servers.apiserver = start_apiserver(run, programs, port)?;
            }
            Err(error) => return Err(error),
        }
    }
    Err(anyhow!("found no free port"))
}

/// Starts etcd and waits until it listens: the API server, refused once, would wait a full second.
async fn start_etcd(run: &RunDirectory, programs: &Programs) -> anyhow::Result<Server> {
    let mut etcd = Server::start(&programs.etcd, &flags::etcd(run), run.path())?;
    let socket = run.join(flags::ETCD_SOCKET);
    let look = || async { Ok(UnixStream::connect(&socket).await.map(drop)?) };
    let outcome = tokio::select! {
        outcome = until("etcd listens", DEADLINE, look) => outcome,
        ended = etcd.ended() => Err(anyhow!("etcd ended: {ended:?}")),
    };
    outcome.map_err(|error| anyhow!("{error:#}\n{}", etcd.tail()))?;
    Ok(etcd)
}

pub(super) fn start_apiserver(run: &RunDirectory, programs: &Programs, port: u16) -> anyhow::Result<Server> {
    Server::start(&programs.apiserver, &flags::apiserver(run, port), run.path())
}

/// Waits until the API server says that it is ready.
pub(super) async fn answers(client: &Client) -> anyhow::Result<()> {
    let look = || async {
        let request = http::Request::get("/readyz").body(Vec::new())?;
        client.request_text(request).await?;
        Ok(())
    };
    until("the API server is ready", DEADLINE, look).await
}

/// Installs `kinds` and waits until the API server knows them.
///
/// Before the controller manager starts: the garbage collector looks for new kinds only twice a minute.
pub(super) async fn install(client: &Client, kinds: &[CustomResourceDefinition]) -> anyhow::Result<()> {
    let api: Api<CustomResourceDefinition> = Api::all(client.clone());
    for kind in kinds {
        let name = kind.name_any();
        api.create(&PostParams::default(), kind).await.with_context(|| format!("failed to install {name}"))?;
    }
    for kind in kinds {
        let name = kind.name_any();
        let look = || async {
            let status = api.get(&name).await?.status;
            let conditions = status.and_then(|status| status.conditions).unwrap_or_default();
            let established = conditions.iter().any(|condition| condition.type_ == "Established" && condition.status == "True");
            if established { Ok(()) } else { Err(NotYet::seen(format!("{conditions:?}"))) }
        };
        until(&format!("{name} is established"), DEADLINE, look).await?;
    }
    Ok(())
}

/// Waits until the controllers do what tests rely on first: make the service account of a namespace.
pub(super) async fn controllers_work(client: &Client) -> anyhow::Result<()> {
    let api: Api<ServiceAccount> = Api::namespaced(client.clone(), "default");
    let look = || async { Ok(api.get("default").await.map(|_| ())?) };
    until("the default service account appears", DEADLINE, look).await
}

impl Servers {
    /// Waits for `ready`, unless a server ends before; a failure shows what the servers said.
    pub async fn while_running(&mut self, ready: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
        let outcome = tokio::select! {
            outcome = ready => outcome,
            ended = self.first_end() => Err(ended),
        };
        outcome.map_err(|error| anyhow!("the control plane is not ready: {error:#}\n{}", self.tails()))
    }

    async fn first_end(&mut self) -> anyhow::Error {
        let controllers = async {
            match &mut self.controller_manager {
                Some(server) => server.ended().await,
                None => std::future::pending().await,
            }
        };
        let (name, status) = tokio::select! {
            status = self.etcd.ended() => ("etcd", status),
            status = self.apiserver.ended() => ("kube-apiserver", status),
            status = controllers => ("kube-controller-manager", status),
        };
        match status {
            Ok(status) => anyhow!("{name} ended with {status}"),
            Err(error) => anyhow!(error).context(format!("failed to watch over {name}")),
        }
    }

    fn tails(&self) -> String {
        let tails: Vec<String> = self.all().map(Server::tail).collect();
        tails.join("\n")
    }

    /// The servers in the order of their start.
    pub fn all(&self) -> impl Iterator<Item = &Server> {
        [&self.etcd, &self.apiserver].into_iter().chain(&self.controller_manager)
    }

    /// Ends the servers and waits for that.
    pub async fn end(&mut self) -> anyhow::Result<()> {
        if let Some(controller_manager) = &mut self.controller_manager {
            controller_manager.kill().await?;
        }
        self.apiserver.kill().await?;
        self.etcd.kill().await
    }
}

fn free_port() -> anyhow::Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    Ok(listener.context("failed to find a free port")?.port())
}
