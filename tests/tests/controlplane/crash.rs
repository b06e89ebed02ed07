use anyhow::Context;
use moorage_tests::{
    controlplane::{ControlPlane, Options, block_on},
    progress::Silent,
    wait::{NotYet, until},
};
use std::{env, fs, future, io::Write, path::PathBuf, process::Stdio, time::Duration};
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{ChildStdout, Command},
};

/// Set in the process that is to be killed.
const VICTIM: &str = "MOORAGE_TEST_VICTIM";
const SOON: Duration = Duration::from_secs(20);

async fn start() -> anyhow::Result<ControlPlane> {
    ControlPlane::start(Options::default(), &Silent).await
}

/// Starts a control plane, tells its directory and processes, and waits for its own end.
async fn be_the_victim() -> anyhow::Result<()> {
    let plane = start().await?;
    let mut stdout = std::io::stdout();
    writeln!(stdout, "\ndirectory {}", plane.directory().display())?;
    for process in plane.processes().await {
        writeln!(stdout, "process {process}")?;
    }
    writeln!(stdout, "end")?;
    future::pending().await
}

async fn next(lines: &mut Lines<BufReader<ChildStdout>>) -> anyhow::Result<String> {
    lines.next_line().await?.context("the victim ended early")
}

/// Whether a process runs; one that nobody has waited for does not.
fn runs(process: &str) -> bool {
    let status = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // The state follows the name, which is in parentheses.
    status.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with('Z'))
}

#[test]
#[cfg(target_os = "linux")]
fn the_servers_are_gone_when_their_harness_is_killed() -> anyhow::Result<()> {
    const NAME: &str = "crash::the_servers_are_gone_when_their_harness_is_killed";
    if env::var_os(VICTIM).is_some() {
        return block_on(be_the_victim());
    }
    block_on(async {
        let mut victim = Command::new(env::current_exe()?)
            .args(["--exact", NAME, "--nocapture"])
            .env(VICTIM, "1")
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let mut lines = BufReader::new(victim.stdout.take().context("its output is a pipe")?).lines();
        let mut directory = PathBuf::new();
        let mut processes = Vec::new();
        loop {
            let line = next(&mut lines).await?;
            if let Some(path) = line.strip_prefix("directory ") {
                directory = path.into();
            } else if let Some(process) = line.strip_prefix("process ") {
                processes.push(process.to_owned());
            } else if line == "end" {
                break;
            }
        }
        assert_eq!(processes.iter().map(|process| runs(process)).collect::<Vec<_>>(), [true; 3]);

        victim.kill().await?;
        let look = || async {
            let left: Vec<&String> = processes.iter().filter(|process| runs(process)).collect();
            if left.is_empty() { Ok(()) } else { Err(NotYet::seen(format!("{left:?} run"))) }
        };
        until("the servers are gone", SOON, look).await?;

        start().await?.stop().await?;
        assert!(!directory.exists(), "the next run clears them away");
        Ok(())
    })
}

#[test]
fn a_stopped_control_plane_leaves_nothing() -> anyhow::Result<()> {
    block_on(async {
        let plane = start().await?;
        let directory = plane.directory().to_owned();
        let processes = plane.processes().await;
        plane.stop().await?;
        assert!(!directory.exists());
        assert!(!processes.iter().any(|process| runs(&process.to_string())));
        Ok(())
    })
}

#[test]
fn the_api_server_can_be_paused_and_started_again() -> anyhow::Result<()> {
    block_on(async {
        let plane = start().await?;
        let paused = plane.pause_apiserver().await?;
        let client = plane.admin();
        let asked = client.apiserver_version();
        tokio::pin!(asked);
        let answered = tokio::time::timeout(Duration::from_millis(500), &mut asked).await;
        assert!(answered.is_err(), "a paused server does not answer: {answered:?}");
        paused.resume().await?;
        tokio::time::timeout(SOON, &mut asked).await.context("it hangs after the pause")??;

        let before = plane.processes().await;
        plane.restart_apiserver().await?;
        let after = plane.processes().await;
        assert_eq!((before[0] == after[0], before[1] == after[1], before[2] == after[2]), (true, false, true));
        plane.admin().apiserver_version().await?;
        plane.stop().await
    })
}
