//! A real control plane for tests and the demo: etcd, kube-apiserver and kube-controller-manager on loopback,
//! with RBAC and an audit log, ended with the process that started it.

mod audit;
mod authority;
mod build;
mod flags;
mod guest;
mod launch;
mod login;
mod run;
mod server;
mod shared;
mod source;

pub use audit::{AuditEvent, AuditLog};
pub use login::Login;
pub use server::Paused;
pub use shared::{block_on, owned, shared};
pub use source::Source;

use crate::progress::{Progress, step};
use anyhow::{Context, anyhow};
use authority::Authority;
use k8s_openapi::{
    api::{
        authentication::v1::{TokenRequest, TokenRequestSpec},
        core::v1::ServiceAccount,
    },
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{Api, Client, api::PostParams};
use launch::{Servers, Serving};
use login::Endpoint;
use run::RunDirectory;
use source::Programs;
use std::{
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
};
use tokio::{process::Command, sync::Mutex};

/// How long the token of a service account is asked to last: longer than any test.
const TOKEN_SECONDS: i64 = 24 * 60 * 60;

const ADMIN_KUBECONFIG: &str = "admin.kubeconfig";

/// What can be chosen about a control plane.
#[derive(Debug, Default)]
pub struct Options {
    /// Where its files, logs and database are made and kept; by default a temporary directory, removed in the end.
    pub directory: Option<PathBuf>,
    /// Kinds installed from the start, which the garbage collector thus knows at once and not half a minute later.
    pub kinds: Vec<CustomResourceDefinition>,
}

/// A running control plane. One that was started ends when this is dropped or the process ends in any way; one that is somebody's
/// own goes on, and is cleared of what was made.
pub struct ControlPlane {
    // First, so that the servers end before their directory goes.
    tenure: Tenure,
    kubectl: PathBuf,
    endpoint: Endpoint,
    client: Client,
    logins: AtomicUsize,
    run: RunDirectory,
}

/// Whose it is.
enum Tenure {
    Own(Box<Own>),
    Guest(Box<guest::Guest>),
}

/// What can be done to one's own.
struct Own {
    servers: Mutex<Servers>,
    programs: Programs,
    authority: Authority,
    port: u16,
}

impl ControlPlane {
    /// Starts a control plane from [`Source::from_env`] and waits until it works.
    ///
    /// # Errors
    ///
    /// The programs cannot be found or built, or it is not ready within a minute; the message ends with the servers' last words.
    pub async fn start(options: Options, progress: &dyn Progress) -> anyhow::Result<Self> {
        // Refused if the process has installed a provider already, which then serves as well.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let programs = Source::from_env().programs(progress).await?;
        step(progress, "Starting the control plane", Self::launch(options, programs)).await
    }

    async fn launch(options: Options, programs: Programs) -> anyhow::Result<Self> {
        let mut run = RunDirectory::new(options.directory.as_deref())?;
        let authority = Authority::new()?;
        flags::write_files(&run, &authority)?;
        let Serving { mut servers, port, endpoint, admin, client } = launch::serve(&run, &programs, &authority).await?;
        admin.write_to(&run.join(ADMIN_KUBECONFIG))?;
        launch::install(&client, &options.kinds).await?;
        flags::write_controllers_login(&run, &authority, &endpoint)?;
        let controllers = server::Server::start(&programs.controller_manager, &flags::controller_manager(&run), run.path())?;
        servers.controller_manager = Some(controllers);
        servers.while_running(launch::controllers_work(&client)).await?;
        run.remove_in_the_end();
        let kubectl = programs.kubectl.path.clone();
        let tenure = Tenure::Own(Box::new(Own { servers: Mutex::new(servers), programs, authority, port }));
        Ok(Self { tenure, kubectl, endpoint, client, logins: AtomicUsize::new(0), run })
    }

    fn own(&self) -> anyhow::Result<&Own> {
        match &self.tenure {
            Tenure::Own(own) => Ok(own),
            Tenure::Guest(_) => Err(anyhow!("this takes a control plane of its own: unset KUBECONFIG")),
        }
    }

    /// The label that all must bear which is made outside of a harness's namespaces, where one is a guest.
    pub fn mark(&self) -> Option<(&'static str, &str)> {
        match &self.tenure {
            Tenure::Own(_) => None,
            Tenure::Guest(guest) => Some(guest.mark()),
        }
    }

    /// Whether requests can be counted here. If not, `test` is told loudly not to have run: a cluster that is somebody's own shows its
    /// audit log only where `MOORAGE_AUDIT_LOG` names it.
    pub fn counts_requests(&self, test: &str) -> bool {
        let counts = match &self.tenure {
            Tenure::Own(_) => true,
            Tenure::Guest(guest) => guest.audit().is_some(),
        };
        if !counts {
            guest::say(&format!("NOT RUN on your cluster, for want of its audit log (MOORAGE_AUDIT_LOG): {test}"));
        }
        counts
    }

    /// A client that may do everything; the administrator's name in the audit log is `moorage-admin`.
    pub fn admin(&self) -> Client {
        self.client.clone()
    }

    /// The administrator's kubeconfig file.
    pub fn kubeconfig(&self) -> PathBuf {
        self.run.join(ADMIN_KUBECONFIG)
    }

    /// Where the API server listens.
    ///
    /// # Errors
    ///
    /// It is somebody's own.
    pub fn address(&self) -> anyhow::Result<SocketAddr> {
        Ok((Ipv4Addr::LOCALHOST, self.own()?.port).into())
    }

    /// The directory with the certificates, logs, audit log and database.
    pub fn directory(&self) -> &Path {
        self.run.path()
    }

    /// The path of `kubectl`.
    pub fn kubectl_path(&self) -> &Path {
        &self.kubectl
    }

    /// A user of any name, in `group` and `system:authenticated`, proved by a client certificate; who needs no creation,
    /// and may do what roles bound to the name or the group say.
    ///
    /// # Errors
    ///
    /// The name does not fit in a certificate.
    pub fn user(&self, name: &str, group: Option<&str>) -> anyhow::Result<Login> {
        let identity = self.own()?.authority.user(name, group).with_context(|| format!("failed to make the user {name}"))?;
        Ok(Login::by_certificate(&self.endpoint, name, &identity))
    }

    /// Who says that it issues this cluster's tokens.
    ///
    /// # Errors
    ///
    /// The API server does not tell.
    pub async fn issuer(&self) -> anyhow::Result<String> {
        let request = http::Request::get("/.well-known/openid-configuration").body(Vec::new())?;
        let told: serde_json::Value = self.client.request(request).await.context("failed to ask for the issuer of tokens")?;
        told["issuer"].as_str().map(str::to_owned).context("the API server names no issuer of tokens")
    }

    /// An existing service account, proved by a token of a day; the user's name is `system:serviceaccount:<namespace>:<name>`.
    ///
    /// # Errors
    ///
    /// The API server refuses the token, as for an account that does not exist.
    pub async fn service_account(&self, namespace: &str, name: &str) -> anyhow::Result<Login> {
        let api: Api<ServiceAccount> = Api::namespaced(self.admin(), namespace);
        let request = TokenRequest {
            spec: TokenRequestSpec { expiration_seconds: Some(TOKEN_SECONDS), ..TokenRequestSpec::default() },
            ..TokenRequest::default()
        };
        let answer = api.create_token_request(name, &PostParams::default(), &request).await;
        let answer = answer.with_context(|| format!("failed to get a token for the service account {namespace}/{name}"))?;
        let token = answer.status.context("the answer holds no token")?.token;
        Ok(Login::by_token(&self.endpoint, &format!("system:serviceaccount:{namespace}:{name}"), &token))
    }

    /// `kubectl` as the administrator, deaf to the settings of whoever runs the test.
    pub fn kubectl(&self) -> Command {
        self.kubectl_with(&self.kubeconfig())
    }

    /// `kubectl` as `login`.
    ///
    /// # Errors
    ///
    /// The kubeconfig cannot be written.
    pub fn kubectl_as(&self, login: &Login) -> anyhow::Result<Command> {
        let number = self.logins.fetch_add(1, Ordering::Relaxed);
        let path = self.run.join(&format!("login-{number}.kubeconfig"));
        login.write_to(&path)?;
        Ok(self.kubectl_with(&path))
    }

    fn kubectl_with(&self, kubeconfig: &Path) -> Command {
        let mut command = Command::new(self.kubectl_path());
        command.env("KUBECONFIG", kubeconfig).env("KUBECACHEDIR", self.run.join("kubectl-cache")).env("KUBERC", "off");
        command.env(source::COLLECTED.0, source::COLLECTED.1);
        command.kill_on_drop(true);
        command
    }

    /// The audit log from the start of the control plane.
    pub fn audit(&self) -> AuditLog {
        let given = match &self.tenure {
            Tenure::Own(_) => None,
            Tenure::Guest(guest) => guest.audit(),
        };
        given.unwrap_or_else(|| AuditLog::new(self.run.join(flags::AUDIT_LOG)))
    }

    /// Stops the API server where it is, so that requests hang, until the value returned is resumed or dropped.
    ///
    /// # Errors
    ///
    /// The API server does not run.
    pub async fn pause_apiserver(&self) -> anyhow::Result<Paused> {
        self.own()?.servers.lock().await.apiserver.pause().await
    }

    /// Stops etcd where it is, so that the API server answers nothing that it must look up, until the value returned is resumed or
    /// dropped.
    ///
    /// # Errors
    ///
    /// etcd does not run.
    pub async fn pause_etcd(&self) -> anyhow::Result<Paused> {
        self.own()?.servers.lock().await.etcd.pause().await
    }

    /// Kills the API server, so that connections break, and starts it again at the same address; returns when it is ready.
    ///
    /// # Errors
    ///
    /// It is not ready within a minute.
    pub async fn restart_apiserver(&self) -> anyhow::Result<()> {
        let own = self.own()?;
        let mut servers = own.servers.lock().await;
        servers.apiserver.kill().await?;
        servers.apiserver = launch::start_apiserver(&self.run, &own.programs, own.port)?;
        servers.while_running(launch::answers(&self.client)).await
    }

    /// The process ids of the servers that run.
    pub async fn processes(&self) -> Vec<u32> {
        match &self.tenure {
            Tenure::Own(own) => own.servers.lock().await.all().filter_map(server::Server::id).collect(),
            Tenure::Guest(_) => Vec::new(),
        }
    }

    /// Ends a control plane that others share: ends the servers, or clears somebody's own cluster, waits for that, and removes the
    /// directory if it is temporary.
    ///
    /// # Errors
    ///
    /// A server cannot be killed, the cluster not cleared, or the directory not removed.
    pub async fn end(&self) -> anyhow::Result<()> {
        match &self.tenure {
            Tenure::Own(own) => own.servers.lock().await.end().await?,
            Tenure::Guest(guest) => guest.leave().await?,
        }
        self.run.remove()
    }

    /// The same for one's own, with its directory in any case.
    ///
    /// # Errors
    ///
    /// As [`ControlPlane::end`].
    pub async fn stop(self) -> anyhow::Result<()> {
        self.end().await
    }
}
