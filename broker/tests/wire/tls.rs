//! Goal: over TLS a client is served, alone and with SASL; who shows a certificate is who it says;
//! who shows none where one is wanted, and who speaks no TLS, is not served and disturbs nobody. By
//! rustls over TCP, with certificates made for this.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use thalweg_broker::{Builder, EmbeddedBroker, Sasl, SaslMechanism, Tls};
use thalweg_protocol::messages::*;
use thalweg_protocol::sasl::PlainLogin;
use thalweg_protocol::{ErrorCode, Request, decode_response, encode_request};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

const AUTHORITY: &[u8] = include_bytes!("../certificates/ca.pem");
const SERVER: &[u8] = include_bytes!("../certificates/server.pem");
const SERVER_KEY: &[u8] = include_bytes!("../certificates/server.key");
const CLIENT: &[u8] = include_bytes!("../certificates/client.pem");
const CLIENT_KEY: &[u8] = include_bytes!("../certificates/client.key");

fn tls() -> Tls {
    Tls::new(SERVER, SERVER_KEY)
}

fn start(tls: Tls) -> (EmbeddedBroker, String) {
    started(EmbeddedBroker::builder().tls(tls))
}

fn started(builder: Builder) -> (EmbeddedBroker, String) {
    let kafka = builder.topic("t", 1).start().expect("started");
    let address = kafka.bootstrap_servers();
    (kafka, address)
}

async fn connect(
    address: &str,
    with_certificate: bool,
    version: &'static SupportedProtocolVersion,
) -> std::io::Result<TlsStream<TcpStream>> {
    let provider = Arc::new(rustls_graviola::default_provider());
    let mut roots = RootCertStore::empty();
    let authority = CertificateDer::from_pem_slice(AUTHORITY).expect("a certificate");
    roots.add(authority).expect("an authority");
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .expect("versions")
        .with_root_certificates(roots);
    let config = if with_certificate {
        let certificate = CertificateDer::from_pem_slice(CLIENT).expect("a certificate");
        let key = PrivateKeyDer::from_pem_slice(CLIENT_KEY).expect("a key");
        let config = config.with_client_auth_cert(vec![certificate], key);
        config.expect("they belong together")
    } else {
        config.with_no_client_auth()
    };
    let stream = TcpStream::connect(address).await?;
    let name = ServerName::try_from("localhost").expect("a name");
    TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
}

async fn call<R: Request>(
    stream: &mut TlsStream<TcpStream>,
    version: i16,
    request: &R,
) -> std::io::Result<R::Response> {
    let frame = encode_request(request, version, 1, Some("tls")).expect("a request");
    stream.write_all(&frame.to_bytes()).await?;
    let length = stream.read_i32().await?;
    let mut answer = vec![0; usize::try_from(length).expect("a length")];
    stream.read_exact(&mut answer).await?;
    let (_, response) = decode_response::<R>(answer.into(), version).expect("an answer");
    Ok(response)
}

/// How many topics the broker shows.
async fn topics(stream: &mut TlsStream<TcpStream>) -> std::io::Result<usize> {
    let all = MetadataRequest {
        topics: None,
        ..Default::default()
    };
    let answer = call(stream, 12, &all).await?;
    Ok(answer.topics.len())
}

#[tokio::test]
async fn clients_are_served_over_both_versions_of_tls() {
    let (_kafka, address) = start(tls());
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let mut client = connect(&address, false, version).await.expect("agreed");
        assert_eq!(topics(&mut client).await.expect("an answer"), 1);
    }
}

#[tokio::test]
async fn who_shows_a_certificate_is_who_it_says() {
    let builder = EmbeddedBroker::builder()
        .config(
            "authorizer.class.name",
            "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        )
        .config("super.users", "User:CN=ann,OU=Tests,O=River\\, Inc.,C=DE")
        .tls(tls().client_authorities(AUTHORITY, false));
    let (_kafka, address) = started(builder);
    for (with_certificate, seen) in [(true, 1), (false, 0)] {
        let client = connect(&address, with_certificate, &rustls::version::TLS13).await;
        let count = topics(&mut client.expect("agreed"))
            .await
            .expect("an answer");
        assert_eq!(count, seen, "with a certificate: {with_certificate}");
    }
}

#[tokio::test]
async fn where_a_certificate_is_required_nobody_is_served_without() {
    let (_kafka, address) = start(tls().client_authorities(AUTHORITY, true));
    let client = connect(&address, true, &rustls::version::TLS12).await;
    assert_eq!(
        topics(&mut client.expect("agreed"))
            .await
            .expect("an answer"),
        1
    );
    // In TLS 1.3 a client learns of it with the first thing it reads.
    match connect(&address, false, &rustls::version::TLS13).await {
        Err(_) => {}
        Ok(mut client) => assert!(topics(&mut client).await.is_err(), "served"),
    }
}

#[tokio::test]
async fn sasl_goes_over_tls() {
    let sasl = Sasl::new([SaslMechanism::Plain]).user("ann", "secret");
    let (_kafka, address) = started(EmbeddedBroker::builder().tls(tls()).sasl(sasl));
    let client = connect(&address, false, &rustls::version::TLS13).await;
    let mut client = client.expect("agreed");
    let handshake = SaslHandshakeRequest {
        mechanism: "PLAIN".into(),
    };
    call(&mut client, 1, &handshake).await.expect("an answer");
    let login = SaslAuthenticateRequest {
        auth_bytes: PlainLogin::new("ann", "secret").expect("a login").encode(),
        ..Default::default()
    };
    let answer = call(&mut client, 2, &login).await.expect("an answer");
    assert_eq!(answer.error_code, ErrorCode::NONE);
    assert_eq!(topics(&mut client).await.expect("an answer"), 1);
}

#[tokio::test]
async fn who_speaks_no_tls_is_not_served_and_disturbs_nobody() {
    let (_kafka, address) = start(tls());
    let mut plain = TcpStream::connect(&address).await.expect("connected");
    let request = encode_request(&MetadataRequest::default(), 12, 1, None).expect("a request");
    let bytes: Bytes = request.to_bytes();
    plain.write_all(&bytes).await.expect("sent");
    let mut answer = Vec::new();
    let read = plain.read_to_end(&mut answer);
    let ended = tokio::time::timeout(Duration::from_secs(5), read).await;
    ended.expect("the broker ends the connection").ok();
    // An alert of TLS at the most, and nothing of Kafka.
    assert!(answer.is_empty() || answer[0] == 0x15, "{answer:?}");
    let silent = TcpStream::connect(&address).await.expect("connected");
    let client = connect(&address, false, &rustls::version::TLS13).await;
    assert_eq!(
        topics(&mut client.expect("agreed"))
            .await
            .expect("an answer"),
        1
    );
    drop(silent);
}

#[test]
fn what_is_no_certificate_or_does_not_belong_together_is_refused_at_the_start() {
    for (wrong, word) in [
        (Tls::new(b"no PEM".to_vec(), SERVER_KEY), "certificate"),
        (Tls::new(SERVER, b"no PEM".to_vec()), "private key"),
        (Tls::new(SERVER, CLIENT_KEY), "certificate and private key"),
        (tls().client_authorities(b"".to_vec(), true), "authorities"),
    ] {
        let error = EmbeddedBroker::builder().tls(wrong).start();
        let error = error.expect_err("no TLS").to_string();
        assert!(error.contains(word), "{error}");
    }
}
