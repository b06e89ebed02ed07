//! A server that answers for every host of the cloud with whatever it is told, and remembers who was asked.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;

use crate::sweep::authority::{Authority, authority};

/// A server for one input after the other.
#[derive(Clone)]
pub(super) struct Hostile {
    pub(super) address: SocketAddr,
    pub(super) ca_pem: String,
    script: Arc<Mutex<Script>>,
}

/// What it is to say, and what it has heard.
#[derive(Debug, Default)]
pub(super) struct Script {
    /// Its replies, in order; the last one again and again.
    replies: Vec<Reply>,
    /// The end of the hosts that give them.
    speaker: &'static str,
    /// What every other host says.
    aside: Reply,
    pub(super) heard: Vec<Heard>,
    given: usize,
}

/// A reply in bytes.
#[derive(Debug, Default, Clone)]
pub(super) struct Reply {
    pub(super) bytes: Vec<u8>,
    /// Whether nothing more comes on the same connection.
    pub(super) closes: bool,
}

/// Who was asked for, and with what.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Heard {
    pub(super) host: String,
    pub(super) target: String,
    pub(super) authorization: String,
}

impl Hostile {
    pub(super) async fn start() -> anyhow::Result<Self> {
        let authority = authority()?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let script = Arc::new(Mutex::new(Script::default()));
        let server = Self { address: listener.local_addr()?, ca_pem: authority.ca_pem.clone(), script };
        let door = server.clone();
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                let guest = door.clone();
                // A client that goes away has heard enough.
                tokio::spawn(async move { guest.serve(connection, authority).await.ok() });
            }
        });
        Ok(server)
    }

    pub(super) fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn serve(&self, connection: TcpStream, authority: &Authority) -> io::Result<()> {
        connection.set_nodelay(true)?;
        let hello = LazyConfigAcceptor::new(rustls::server::Acceptor::default(), connection).await?;
        let name = hello.client_hello().server_name().unwrap_or_default().to_owned();
        // Before it is known whether the client trusts us: it is bad enough that it has come.
        self.script().heard.push(Heard { host: name, ..Heard::default() });
        let mut stream = hello.into_stream(authority.server.clone()).await?;
        while let Some(heard) = read(&mut stream).await? {
            let reply = self.script().answer(heard);
            stream.write_all(&reply.bytes).await?;
            stream.flush().await?;
            if reply.closes {
                return stream.shutdown().await;
            }
        }
        Ok(())
    }
}

impl Script {
    pub(super) fn new(speaker: &'static str, replies: Vec<Reply>, aside: Reply) -> Self {
        Self { replies, speaker, aside, ..Self::default() }
    }

    fn answer(&mut self, heard: Heard) -> Reply {
        let speaks = heard.host.ends_with(self.speaker);
        let authorization = heard.authorization.clone();
        self.heard.push(heard);
        if !speaks {
            return self.aside.clone();
        }
        let Some(last) = self.replies.len().checked_sub(1) else { return self.aside.clone() };
        let reply = self.replies[self.given.min(last)].clone();
        self.given += 1;
        reply.echoing(&authorization)
    }
}

impl Reply {
    /// Puts a status line and a length, if the headers do not give one, before headers and a body.
    pub(super) fn new(status: &str, headers: &[u8], body: &[u8]) -> Self {
        let text = String::from_utf8_lossy(headers).to_ascii_lowercase();
        let framed = ["content-length", "transfer-encoding", "connection", "upgrade"].iter().any(|name| text.contains(name));
        let echoes = [headers, body].iter().any(|text| text.windows(ECHO.len()).any(|window| window == ECHO));
        let closes = framed || echoes || !status.starts_with(['2', '3', '4', '5']) || status.starts_with("204");
        let framing = match (framed, closes) {
            (true, _) => String::new(),
            (false, true) => "connection: close\r\n".to_owned(),
            (false, false) => format!("content-length: {}\r\n", body.len()),
        };
        let mut bytes = format!("HTTP/1.1 {status}\r\n{framing}").into_bytes();
        for line in headers.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            bytes.extend_from_slice(line);
            bytes.extend_from_slice(b"\r\n");
        }
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(body);
        Self { bytes, closes }
    }

    fn echoing(mut self, authorization: &str) -> Self {
        self.bytes = super::replies::replaced(&self.bytes, ECHO, authorization.as_bytes());
        self
    }
}

/// Stands for what the client has sent to prove itself.
const ECHO: &[u8] = b"{authorization}";

/// Reads one request to its end; `None` when no more come.
async fn read(stream: &mut TlsStream<TcpStream>) -> io::Result<Option<Heard>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return Ok(None),
        }
    }
    let head = String::from_utf8_lossy(&head);
    let header = |name: &str| {
        let lines = head.lines().filter_map(|line| line.split_once(':'));
        lines.into_iter().find_map(|(found, value)| found.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())).unwrap_or_default()
    };
    let mut body = vec![0; header("content-length").parse().unwrap_or(0)];
    stream.read_exact(&mut body).await?;
    let target = head.split(' ').nth(1).unwrap_or_default().to_owned();
    Ok(Some(Heard { host: header("host"), target, authorization: header("authorization") }))
}
