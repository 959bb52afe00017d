//! How a byte stream to a broker comes to be.

use std::fmt;
use std::io;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use crate::spawn::BoxFuture;

/// A connected, ordered, reliable stream of bytes.
///
/// Implemented for everything that can be read, written and moved between threads.
pub trait ByteStream: AsyncRead + AsyncWrite + Unpin + Send + 'static {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send + 'static> ByteStream for T {}

/// Opens streams to brokers: the seam under everything a client sends.
///
/// [`TcpTransport`] is the default. Tests and simulations bring their own.
pub trait Transport: Send + Sync + fmt::Debug + 'static {
    /// Connects to `host` (a name or an address) and `port`.
    ///
    /// The caller bounds the time; dropping the future gives the attempt up.
    fn connect<'a>(
        &'a self,
        host: &'a str,
        port: u16,
    ) -> BoxFuture<'a, io::Result<Box<dyn ByteStream>>>;
}

/// A transport that opens each stream by a function of host and port: for brokers within this
/// process, as `thalweg_broker::EmbeddedBroker::connector` gives them.
///
/// ```
/// use thalweg_client::{ClientConfig, transport_fn};
///
/// let config = ClientConfig::new("127.0.0.1:9092").transport(transport_fn(|_host, _port| {
///     let (client, _server) = tokio::io::duplex(64);
///     Ok(client)
/// }));
/// ```
pub fn transport_fn<S: ByteStream>(
    open: impl Fn(&str, u16) -> io::Result<S> + Send + Sync + 'static,
) -> impl Transport {
    TransportFn(open)
}

struct TransportFn<F>(F);

impl<F> fmt::Debug for TransportFn<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TransportFn")
    }
}

impl<F, S> Transport for TransportFn<F>
where
    F: Fn(&str, u16) -> io::Result<S> + Send + Sync + 'static,
    S: ByteStream,
{
    fn connect<'a>(
        &'a self,
        host: &'a str,
        port: u16,
    ) -> BoxFuture<'a, io::Result<Box<dyn ByteStream>>> {
        let opened = (self.0)(host, port).map(|stream| Box::new(stream) as Box<dyn ByteStream>);
        Box::pin(std::future::ready(opened))
    }
}

/// TCP without Nagle's delay. All addresses of a host name are tried, in the resolver's order.
#[derive(Debug, Clone, Default)]
pub struct TcpTransport {
    _private: (),
}

impl TcpTransport {
    /// Plain TCP.
    pub fn new() -> Self {
        TcpTransport::default()
    }
}

impl Transport for TcpTransport {
    fn connect<'a>(
        &'a self,
        host: &'a str,
        port: u16,
    ) -> BoxFuture<'a, io::Result<Box<dyn ByteStream>>> {
        Box::pin(async move {
            let stream = TcpStream::connect((host, port)).await?;
            // A request is written whole; waiting for more to send only adds latency.
            stream.set_nodelay(true)?;
            Ok(Box::new(stream) as Box<dyn ByteStream>)
        })
    }
}
