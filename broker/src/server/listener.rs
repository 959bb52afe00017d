//! The one module that touches sockets.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use thalweg_protocol::BrokerId;
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::connection::Peer;
use super::{RunState, Shared};

/// Accepts connections to one broker whenever that is not stopped.
pub(super) struct Listener {
    shared: Arc<Shared>,
    node: BrokerId,
    state: watch::Receiver<RunState>,
    address: SocketAddr,
    socket: Option<TcpListener>,
}

impl Listener {
    pub(super) fn new(
        shared: Arc<Shared>,
        node: BrokerId,
        listener: std::net::TcpListener,
    ) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let state = shared.watch(node).ok_or(io::ErrorKind::NotFound)?;
        Ok(Listener {
            shared,
            node,
            state,
            address,
            socket: Some(TcpListener::from_std(listener)?),
        })
    }

    pub(super) async fn run(mut self) {
        while !self.shared.is_stopped() {
            let Some(socket) = &self.socket else {
                self.reopen().await;
                continue;
            };
            tokio::select! {
                biased;
                // What it gives is a lock, which may not live on.
                () = stopped(&mut self.state) => self.socket = None,
                accepted = socket.accept() => match accepted {
                    Ok((stream, from)) => {
                        // An answer is written whole; waiting for more to send only adds latency.
                        let _ = stream.set_nodelay(true);
                        let peer = Peer { node: self.node, host: from.ip() };
                        tokio::spawn(Arc::clone(&self.shared).serve(stream, peer));
                    }
                    // Out of files, or the peer went before it was accepted.
                    Err(error) => {
                        tracing::warn!(%error, "could not accept a connection");
                        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
                    }
                },
            }
        }
    }

    /// Waits until the broker runs again, and listens where it did.
    async fn reopen(&mut self) {
        let running = self.state.wait_for(|state| *state != RunState::Stopped);
        let gone = running.await.is_err();
        if gone || self.shared.is_stopped() {
            return;
        }
        match TcpListener::bind(self.address).await {
            Ok(socket) => self.socket = Some(socket),
            Err(error) => {
                tracing::warn!(address = %self.address, %error, "could not listen again");
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
        }
    }
}

async fn stopped(state: &mut watch::Receiver<RunState>) {
    // The sender lives as long as the listener.
    let _ = state.wait_for(|state| *state == RunState::Stopped).await;
}
