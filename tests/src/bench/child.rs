//! A part that is measured: this program again, in a process of its own.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use serde::{Serialize, de::DeserializeOwned};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{ChildStdin, ChildStdout, Command};
use tokio_util::sync::CancellationToken;

use super::usage;

/// How long a part may take to end; the operator lets an effect of up to 30 s come to its end.
const END: Duration = Duration::from_secs(40);

/// A part that runs. It ends when it is told to, or when its standard input does, however that comes.
pub(super) struct Child {
    process: tokio::process::Child,
    id: u32,
    /// When it was started, which is before its first instruction.
    pub(super) started: Instant,
    leash: ChildStdin,
    said: Lines<BufReader<ChildStdout>>,
    log: PathBuf,
}

impl Child {
    /// Starts a part with its orders; what it logs goes to a file.
    pub(super) async fn start(part: &str, orders: &impl Serialize, log: PathBuf) -> anyhow::Result<Self> {
        let program = std::env::current_exe().context("failed to find this program")?;
        let mut orders = serde_json::to_string(orders).context("failed to print a part's orders")?;
        orders.push('\n');
        let file = File::create(&log).with_context(|| format!("failed to make {}", log.display()))?;
        let mut command = Command::new(program);
        command.arg(part).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(file).kill_on_drop(true);
        let started = Instant::now();
        let mut process = command.spawn().with_context(|| format!("failed to start {part}"))?;
        let mut leash = process.stdin.take().context("a part has an input")?;
        let said = BufReader::new(process.stdout.take().context("a part has an output")?).lines();
        leash.write_all(orders.as_bytes()).await.with_context(|| format!("failed to give {part} its orders"))?;
        let id = process.id().context("a part has a process")?;
        Ok(Self { process, id, started, leash, said, log })
    }

    /// Processor time so far.
    pub(super) fn cpu(&self) -> anyhow::Result<Duration> {
        usage::cpu(self.id).with_context(|| self.last_words())
    }

    /// The most memory so far, in KiB.
    pub(super) fn peak_memory(&self) -> anyhow::Result<u64> {
        usage::peak_memory(self.id).with_context(|| self.last_words())
    }

    /// The next line that it says.
    pub(super) async fn line(&mut self) -> anyhow::Result<String> {
        let line = self.said.next_line().await.context("failed to listen to a part")?;
        line.with_context(|| self.last_words())
    }

    /// Tells it to end and waits until it has.
    pub(super) async fn end(mut self) -> anyhow::Result<()> {
        drop(self.leash);
        let ended = tokio::time::timeout(END, self.process.wait()).await;
        let status = ended.with_context(|| format!("a part did not end; its log is {}", self.log.display()))??;
        ensure!(status.success(), "a part failed, {status}: {}", last_lines(&self.log));
        Ok(())
    }

    /// The end of its log, for whoever has to tell what went wrong.
    pub(super) fn last_words(&self) -> String {
        format!("a part is in trouble: {}", last_lines(&self.log))
    }
}

fn last_lines(log: &PathBuf) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(10)..].join("\n")
}

/// The part's own side: reads its orders, and gives what is cancelled when whoever started it lets go.
pub(super) fn orders<T: DeserializeOwned>() -> anyhow::Result<(T, CancellationToken)> {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).context("failed to read the orders")?;
    let orders = serde_json::from_str(&line).context("the orders are not understood: this part is started by the benchmark itself")?;
    let let_go = CancellationToken::new();
    let token = let_go.clone();
    thread::spawn(move || {
        // However it ends, nobody is there any more.
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        token.cancel();
    });
    Ok((orders, let_go))
}
