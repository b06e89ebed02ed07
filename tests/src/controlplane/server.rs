//! A server process that does not outlive its harness.

use super::source::Program;
use crate::process;
use anyhow::Context;
use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
};
use tokio::process::{Child, ChildStdin, Command};

/// How many lines of a log a failure shows.
const TAIL: usize = 15;

/// A running server; it ends when this is dropped or the process that holds it ends in any way.
#[derive(Debug)]
pub(super) struct Server {
    pub name: &'static str,
    child: Child,
    /// The other end of the server's standard input, closed by the kernel if nobody else does.
    _leash: Option<ChildStdin>,
    log: PathBuf,
}

impl Server {
    /// Starts `program` with its output added to `<name>.log` in `directory`.
    pub fn start(program: &Program, arguments: &[String], directory: &Path) -> anyhow::Result<Self> {
        let path = directory.join(format!("{}.log", program.name));
        let log = File::options().create(true).append(true).open(&path);
        let log = log.with_context(|| format!("failed to open {}", path.display()))?;
        let mut child = program
            .leashed()
            .args(arguments)
            .current_dir(directory)
            // Memory for processor time: the test machine is short of the latter.
            .env("GOGC", "200")
            .stdout(log.try_clone().with_context(|| format!("failed to share {}", path.display()))?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("failed to start {}", program.path.display()))?;
        Ok(Self { name: program.name, _leash: child.stdin.take(), child, log: path })
    }

    /// The process id, unless the server has ended.
    pub fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Waits for the server's end.
    pub async fn ended(&mut self) -> std::io::Result<ExitStatus> {
        self.child.wait().await
    }

    /// Kills the server and waits for its end.
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        let killed = self.child.kill().await;
        killed.with_context(|| format!("failed to kill {}", self.name))
    }

    /// Stops the server where it is: its connections stay open, and nothing answers.
    pub async fn pause(&self) -> anyhow::Result<Paused> {
        let id = self.id().with_context(|| format!("{} does not run", self.name))?;
        let mut waker = Command::new("/bin/sh");
        waker.args(["-c", WAKE, &id.to_string()]).stdin(Stdio::piped());
        let waker = waker.spawn().context("failed to start what wakes a paused server")?;
        let paused = Paused { waker };
        process::freeze(id).await.with_context(|| format!("failed to pause {}", self.name))?;
        Ok(paused)
    }

    /// The end of the log, under its path.
    pub fn tail(&self) -> String {
        tail(&self.log)
    }
}

/// Lets the process `$0` go on when standard input ends, thus also if the harness is killed meanwhile.
const WAKE: &str = r#"cat >/dev/null; kill -CONT "$0""#;

/// A server that is paused; it goes on when this is dropped.
#[derive(Debug)]
#[must_use = "the server goes on when this is dropped"]
pub struct Paused {
    waker: Child,
}

impl Paused {
    /// Lets the server go on.
    ///
    /// # Errors
    ///
    /// The process that wakes it has failed.
    pub async fn resume(mut self) -> anyhow::Result<()> {
        drop(self.waker.stdin.take());
        let status = self.waker.wait().await.context("failed to wake a paused server")?;
        anyhow::ensure!(status.success(), "failed to wake a paused server: {status}");
        Ok(())
    }
}

/// The last lines of the log at `path`, under that path.
pub(super) fn tail(path: &Path) -> String {
    let bytes = fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().collect();
    let last = &lines[lines.len().saturating_sub(TAIL)..];
    format!("--- {}\n{}", path.display(), last.join("\n"))
}
