//! How each server is told to run: alone on one machine, on loopback, for a short time.

use super::{authority::Authority, login::Endpoint, run::RunDirectory};
use anyhow::Context;
use rcgen::KeyPair;

/// Every request but those of the cluster itself that only look: who, what, and how it was answered.
const AUDIT_POLICY: &str = include_str!("../../audit-policy.yaml");

/// Where the audit log is, in the directory of the run.
pub(super) const AUDIT_LOG: &str = "audit.log";

/// Where etcd listens, in the directory of the run: a socket is free of other users and of port conflicts.
pub(super) const ETCD_SOCKET: &str = "etcd.sock";

/// The kubeconfig of the controller manager, in the directory of the run.
pub(super) const CONTROLLERS_KUBECONFIG: &str = "kube-controller-manager.kubeconfig";

/// Writes the certificates, keys and policies that the flags name.
pub(super) fn write_files(run: &RunDirectory, authority: &Authority) -> anyhow::Result<()> {
    let server = authority.server()?;
    let tokens = KeyPair::generate().context("failed to make the key of service account tokens")?;
    let public = tokens.public_key_pem();
    run.write("ca.crt", &authority.certificate())?;
    run.write("ca.key", &authority.key())?;
    run.write("apiserver.crt", &server.certificate)?;
    run.write("apiserver.key", &server.key)?;
    run.write("service-accounts.key", &tokens.serialize_pem())?;
    run.write("service-accounts.pub", &public)?;
    run.write("audit-policy.yaml", AUDIT_POLICY)?;
    Ok(())
}

pub(super) fn etcd(run: &RunDirectory) -> Vec<String> {
    let data = run.join("etcd");
    let socket = run.join(ETCD_SOCKET);
    flags(&[
        ("data-dir", &data.to_string_lossy()),
        ("listen-client-urls", &format!("unix://{}", socket.display())),
        // etcd refuses to advertise a socket; nobody reads this.
        ("advertise-client-urls", "http://127.0.0.1:0"),
        ("listen-peer-urls", "http://127.0.0.1:0"),
        ("unsafe-no-fsync", "true"),
        // Bytes: a run-away test shall not fill the disk.
        ("quota-backend-bytes", "1073741824"),
        ("log-level", "warn"),
    ])
}

pub(super) fn apiserver(run: &RunDirectory, port: u16) -> Vec<String> {
    let file = |name: &str| run.join(name).to_string_lossy().into_owned();
    flags(&[
        ("etcd-servers", &format!("unix://{}", file(ETCD_SOCKET))),
        ("bind-address", "127.0.0.1"),
        ("advertise-address", "127.0.0.1"),
        ("secure-port", &port.to_string()),
        // Endpoints refuse loopback addresses, and no pod asks for them.
        ("endpoint-reconciler-type", "none"),
        ("service-cluster-ip-range", "10.0.0.0/24"),
        ("tls-cert-file", &file("apiserver.crt")),
        ("tls-private-key-file", &file("apiserver.key")),
        ("client-ca-file", &file("ca.crt")),
        ("authorization-mode", "Node,RBAC"),
        ("service-account-issuer", "https://kubernetes.default.svc"),
        ("service-account-key-file", &file("service-accounts.pub")),
        ("service-account-signing-key-file", &file("service-accounts.key")),
        ("audit-policy-file", &file("audit-policy.yaml")),
        ("audit-log-path", &file(AUDIT_LOG)),
        // Megabytes: one file for the whole run, since the default moves a full one aside.
        ("audit-log-maxsize", "100000"),
        ("profiling", "false"),
    ])
}

pub(super) fn controller_manager(run: &RunDirectory) -> Vec<String> {
    let file = |name: &str| run.join(name).to_string_lossy().into_owned();
    flags(&[
        ("kubeconfig", &file(CONTROLLERS_KUBECONFIG)),
        ("secure-port", "0"),
        ("leader-elect", "false"),
        ("use-service-account-credentials", "true"),
        ("root-ca-file", &file("ca.crt")),
        ("service-account-private-key-file", &file("service-accounts.key")),
        ("cluster-signing-cert-file", &file("ca.crt")),
        ("cluster-signing-key-file", &file("ca.key")),
        // The default of 20 makes the collection of a test's garbage wait for its turn.
        ("kube-api-qps", "200"),
        ("kube-api-burst", "400"),
        ("profiling", "false"),
    ])
}

/// Makes the kubeconfig of the controller manager, which knows the port only when the API server runs.
pub(super) fn write_controllers_login(run: &RunDirectory, authority: &Authority, server: &Endpoint) -> anyhow::Result<()> {
    let user = "system:kube-controller-manager";
    let identity = authority.user(user, None)?;
    let login = super::Login::by_certificate(server, user, &identity);
    login.write_to(&run.join(CONTROLLERS_KUBECONFIG))
}

fn flags(flags: &[(&str, &str)]) -> Vec<String> {
    flags.iter().map(|(name, value)| format!("--{name}={value}")).collect()
}
