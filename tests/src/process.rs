//! Signals to a child process.

use crate::wait::{NotYet, until};
use anyhow::Context;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};
use std::time::Duration;

/// How long a process may take to stand still on a busy machine.
const AT_REST: Duration = Duration::from_secs(20);

/// Sends `signal` to the child process `id`.
///
/// # Errors
///
/// It does not run.
pub fn send(id: u32, signal: Signal) -> anyhow::Result<()> {
    kill_process(pid(id)?, signal).with_context(|| format!("failed to send {signal:?} to process {id}"))
}

/// Stops the child process `id` where it is until it gets `Signal::CONT`, and returns when all its threads stand still: the signal alone
/// only asks for that, and on a busy machine threads answer requests meanwhile.
///
/// # Errors
///
/// It is not a child of this process, or does not stand still within 20 s.
pub async fn freeze(id: u32) -> anyhow::Result<()> {
    send(id, Signal::STOP)?;
    let pid = pid(id)?;
    until("the process stands still", AT_REST, || async {
        waitid(WaitId::Pid(pid), WaitIdOptions::STOPPED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT)?
            .ok_or_else(|| NotYet::seen("it runs"))
    })
    .await?;
    Ok(())
}

fn pid(id: u32) -> anyhow::Result<Pid> {
    i32::try_from(id).ok().and_then(Pid::from_raw).with_context(|| format!("{id} is no process"))
}

#[cfg(test)]
mod tests {
    use super::{freeze, send};
    use rustix::process::Signal;
    use std::{process::Stdio, time::Duration};
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        process::Command,
    };

    #[tokio::test]
    async fn a_frozen_process_goes_on_where_it_was() -> anyhow::Result<()> {
        let mut echo = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true).spawn()?;
        let id = echo.id().expect("it runs");
        let (mut input, mut output) = (echo.stdin.take().expect("a pipe"), echo.stdout.take().expect("a pipe"));
        freeze(id).await?;
        freeze(id).await?;
        input.write_all(b"x").await?;
        let mut answer = [0];
        assert!(tokio::time::timeout(Duration::from_millis(300), output.read(&mut answer)).await.is_err());
        send(id, Signal::CONT)?;
        output.read_exact(&mut answer).await?;
        assert_eq!(&answer, b"x");
        Ok(())
    }
}
