//! What the operator of one run logs, kept to be shown if the run fails.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use tracing::Dispatch;
use tracing_subscriber::{EnvFilter, fmt::MakeWriter};

/// A log that is kept.
#[derive(Clone, Debug, Default)]
pub struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// Where an operator logs to.
    pub fn dispatch(&self) -> Dispatch {
        let filter = EnvFilter::new("info,moorage_operator=debug,hyper=warn,rustls=warn");
        Dispatch::new(tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false).with_writer(self.clone()).finish())
    }

    /// Writes a line of our own.
    pub fn note(&self, line: &str) {
        let mut bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        bytes.extend_from_slice(format!("--- {line}\n").as_bytes());
    }

    /// Forgets all lines.
    pub fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// All lines so far.
    pub fn text(&self) -> String {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

/// One event's way into the log.
#[derive(Debug)]
pub struct Line(Log);

impl io::Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Line;

    fn make_writer(&'a self) -> Line {
        Line(self.clone())
    }
}
