//! TLS on the listeners.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use thalweg_protocol::StrBytes;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::cluster::Principal;
use crate::security::subject_of;

/// How long a client may take to agree on TLS.
const HANDSHAKE_AT_MOST: Duration = Duration::from_secs(10);

/// TLS on all listeners (1.2 and 1.3): who the brokers are, and whether clients have to say who
/// they are; see [`Builder::tls`](crate::Builder::tls). All is PEM.
#[derive(Clone)]
pub struct Tls {
    certificates: Vec<u8>,
    key: Vec<u8>,
    client_authorities: Option<(Vec<u8>, bool)>,
}

/// What TLS was asked for cannot be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("TLS cannot be had with the {what} that was given: {reason}")]
pub struct TlsError {
    what: &'static str,
    reason: String,
}

impl Tls {
    /// The brokers' certificate, with those between it and its authority, and its private key.
    pub fn new(certificates: impl Into<Vec<u8>>, key: impl Into<Vec<u8>>) -> Self {
        Tls {
            certificates: certificates.into(),
            key: key.into(),
            client_authorities: None,
        }
    }

    /// Clients show certificates of these authorities; all have to where that is `required`
    /// (`ssl.client.auth`). Who shows one is, without SASL, who its subject says: `User:CN=ann`.
    pub fn client_authorities(mut self, authorities: impl Into<Vec<u8>>, required: bool) -> Self {
        self.client_authorities = Some((authorities.into(), required));
        self
    }

    /// What accepts connections.
    ///
    /// # Errors
    /// Something is no PEM, or does not belong together.
    pub(crate) fn acceptor(&self) -> Result<TlsAcceptor, TlsError> {
        let provider = Arc::new(rustls_graviola::default_provider());
        let chain = certificates(&self.certificates, "certificate")?;
        let key = PrivateKeyDer::from_pem_slice(&self.key);
        let key = key.map_err(|error| fault("private key", &error))?;
        let config = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| fault("provider", &error))?;
        let config = match &self.client_authorities {
            None => config.with_no_client_auth(),
            Some((authorities, required)) => {
                const WHAT: &str = "clients' authorities";
                let mut roots = rustls::RootCertStore::empty();
                for authority in certificates(authorities, WHAT)? {
                    roots.add(authority).map_err(|error| fault(WHAT, &error))?;
                }
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
                let verifier = match required {
                    true => verifier,
                    false => verifier.allow_unauthenticated(),
                };
                let verifier = verifier.build().map_err(|error| fault(WHAT, &error))?;
                config.with_client_cert_verifier(verifier)
            }
        };
        let config = config.with_single_cert(chain, key);
        let config = config.map_err(|error| fault("certificate and private key", &error))?;
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}

fn fault(what: &'static str, error: &dyn fmt::Display) -> TlsError {
    TlsError {
        what,
        reason: error.to_string(),
    }
}

fn certificates(pem: &[u8], what: &'static str) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let all = all.map_err(|error| fault(what, &error))?;
    if all.is_empty() {
        return Err(fault(what, &"there is no certificate in it"));
    }
    Ok(all)
}

/// Agrees on TLS with a client. `None` where that fails.
pub(super) async fn agree(
    acceptor: &TlsAcceptor,
    stream: TcpStream,
) -> Option<TlsStream<TcpStream>> {
    let agreed = tokio::time::timeout(HANDSHAKE_AT_MOST, acceptor.accept(stream)).await;
    match agreed {
        Ok(Ok(stream)) => Some(stream),
        Ok(Err(error)) => {
            tracing::info!(%error, "a client did not agree on TLS");
            None
        }
        Err(_) => {
            tracing::info!("a client took too long to agree on TLS");
            None
        }
    }
}

/// Who a client's certificate says it is.
pub(super) fn principal_of(stream: &TlsStream<TcpStream>) -> Principal {
    let (_, session) = stream.get_ref();
    let certificate = session.peer_certificates().and_then(<[_]>::first);
    match certificate.and_then(|certificate| subject_of(certificate)) {
        Some(subject) => Principal {
            kind: "User".into(),
            name: StrBytes::from(subject),
        },
        None => Principal::anonymous(),
    }
}
