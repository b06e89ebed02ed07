//! A wire that can be cut: connections through it fall silent, as when a network drops every packet.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use anyhow::Context as _;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};

/// A wire to a server, from an address of its own, by which the server knows who came over it.
pub struct CuttableProxy {
    at: SocketAddr,
    intact: watch::Sender<bool>,
    serving: AbortHandle,
}

impl Drop for CuttableProxy {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl CuttableProxy {
    /// Opens a wire to `server` that comes from `from`, an address of the loopback network.
    ///
    /// # Errors
    /// A listener cannot be had.
    pub async fn open(server: SocketAddr, from: IpAddr) -> anyhow::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("failed to open a wire")?;
        let at = listener.local_addr()?;
        let (intact, state) = watch::channel(true);
        let serving = tokio::spawn(serve(listener, server, from, state)).abort_handle();
        Ok(Self { at, intact, serving })
    }

    /// Where it begins.
    pub fn address(&self) -> SocketAddr {
        self.at
    }

    /// From now on nothing comes through, in either direction.
    pub fn cut(&self) {
        self.intact.send_replace(false);
    }
}

async fn serve(listener: TcpListener, server: SocketAddr, from: IpAddr, intact: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((near, _)) = accepted else { continue };
                connections.spawn(connect(near, server, from, intact.clone()));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

/// It ends, with whatever error, when an end closes the connection.
async fn connect(near: TcpStream, server: SocketAddr, from: IpAddr, mut intact: watch::Receiver<bool>) -> std::io::Result<()> {
    intact.wait_for(|intact| *intact).await.map_err(std::io::Error::other)?;
    let socket = TcpSocket::new_v4()?;
    socket.bind((from, 0).into())?;
    let far = socket.connect(server).await?;
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
    tokio::select! {
        ended = carry(near_in, far_out, intact.clone()) => ended,
        ended = carry(far_in, near_out, intact) => ended,
    }
}

async fn carry(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut intact: watch::Receiver<bool>,
) -> std::io::Result<()> {
    let mut buffer = vec![0; 16 << 10];
    loop {
        let length = from.read(&mut buffer).await?;
        intact.wait_for(|intact| *intact).await.map_err(std::io::Error::other)?;
        if length == 0 {
            return Ok(());
        }
        to.write_all(&buffer[..length]).await?;
    }
}
