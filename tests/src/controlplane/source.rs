//! Where the programs of the control plane come from.

use super::build;
use crate::progress::Progress;
use anyhow::bail;
use std::{
    env,
    path::{Path, PathBuf},
    process::Stdio,
};
use tokio::process::Command;

const ASSETS: &str = "KUBEBUILDER_ASSETS";

/// Where the programs of the control plane come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The Go program in `tests/controlplane`, built once and kept in the cache.
    Built,
    /// A directory with `etcd`, `kube-apiserver` and `kubectl`, as `setup-envtest` makes it;
    /// `kube-controller-manager`, which that leaves out, is used if there.
    Assets(PathBuf),
}

impl Source {
    /// What `KUBEBUILDER_ASSETS` names, else the built program.
    pub fn from_env() -> Self {
        match env::var_os(ASSETS) {
            Some(directory) if !directory.is_empty() => Self::Assets(directory.into()),
            _ => Self::Built,
        }
    }

    /// Finds the programs, building them if need be.
    ///
    /// # Errors
    ///
    /// A program is missing, or does not build; the message names the remedy.
    pub(super) async fn programs(&self, progress: &dyn Progress) -> anyhow::Result<Programs> {
        match self {
            Self::Built => Ok(Programs::built(&build::built(progress).await?)),
            Self::Assets(directory) => {
                let mut programs = Programs::assets(directory)?;
                // Without it nothing collects garbage or makes service accounts.
                if !programs.controller_manager.path.is_file() {
                    let built = Programs::built(&build::built(progress).await?);
                    programs.controller_manager = built.controller_manager;
                }
                Ok(programs)
            }
        }
    }
}

/// The four programs.
#[derive(Clone, Debug)]
pub(super) struct Programs {
    pub etcd: Program,
    pub apiserver: Program,
    pub controller_manager: Program,
    pub kubectl: Program,
}

impl Programs {
    fn built(directory: &Path) -> Self {
        Self::at(directory, true)
    }

    fn assets(directory: &Path) -> anyhow::Result<Self> {
        let programs = Self::at(directory, false);
        for program in [&programs.etcd, &programs.apiserver, &programs.kubectl] {
            if !program.path.is_file() {
                bail!(
                    "{} is not there: unset {ASSETS} to build the control plane from source, or point it to a directory that has it",
                    program.path.display()
                );
            }
        }
        Ok(programs)
    }

    fn at(directory: &Path, ends_with_stdin: bool) -> Self {
        let program = |name: &'static str| Program { name, path: directory.join(name), ends_with_stdin };
        Self {
            etcd: program("etcd"),
            apiserver: program("kube-apiserver"),
            controller_manager: program("kube-controller-manager"),
            kubectl: program("kubectl"),
        }
    }
}

/// One program, and whether it ends by itself when its standard input does.
#[derive(Clone, Debug)]
pub(super) struct Program {
    pub name: &'static str,
    pub path: PathBuf,
    ends_with_stdin: bool,
}

/// Turns into the program `$0`, beside a watcher that kills it when standard input ends.
const LEASH: &str = r#"exec 3<&0
{ cat <&3; kill -9 $$; } >/dev/null 2>&1 &
exec "$0" "$@" 3<&-"#;

/// How seldom Go collects garbage: the tests have more memory than processor time.
pub const COLLECTED: (&str, &str) = ("GOGC", "400");

impl Program {
    /// A command that runs the program until the pipe at its standard input is closed.
    pub fn leashed(&self) -> Command {
        let mut command = if self.ends_with_stdin {
            Command::new(&self.path)
        } else {
            let mut shell = Command::new("/bin/sh");
            shell.arg("-c").arg(LEASH).arg(&self.path);
            shell
        };
        command.env(COLLECTED.0, COLLECTED.1).stdin(Stdio::piped()).kill_on_drop(true);
        command
    }
}
