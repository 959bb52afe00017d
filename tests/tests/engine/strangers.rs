//! What is not a Kafka, or not one that is new enough.

use std::time::Duration;

use thalweg::{App, AppError, Bytes, millis, secs};
use thalweg_client::ClientConfig;
use thalweg_tests::brokers::{Kafka, Tests};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::support::{Corner, PATIENCE, assert_says, numbers};

pub(crate) fn tests(tests: Tests) -> Tests {
    tests
        .without_broker("whoever_is_not_kafka_is_told_as_such", async || {
            whoever_is_not_kafka_is_told_as_such().await;
        })
        .test(
            "a_broker_without_exactly_once_is_told_which_release_has_it",
            async |kafka| a_broker_without_exactly_once_is_told_which_release_has_it(&kafka).await,
        )
}

/// Listens, and does this to whoever connects.
async fn listen<F: Future<Output = ()> + Send + 'static>(
    served: impl Fn(TcpStream) -> F + Send + 'static,
) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(served(stream));
        }
    });
    address
}

/// Why an app with these servers does not start; it has to say so in time.
async fn refused(servers: &str) -> String {
    let config = ClientConfig::new(servers)
        .bootstrap_timeout(secs(3))
        .connection_setup_timeout(secs(1));
    let app = App::new("stranger")
        .client_config(config)
        .storage(thalweg::MemoryStorage::new());
    app.source::<Bytes>("in").sink::<Bytes>("out");
    let started = tokio::time::timeout(secs(20), app.start()).await;
    let error = started.expect("no hang").expect_err("no Kafka");
    assert!(matches!(error, AppError::Cluster { .. }), "{error}");
    let error = error.to_string();
    assert_says(&error, &[servers]);
    error
}

async fn whoever_is_not_kafka_is_told_as_such() {
    let web = listen(|mut stream: TcpStream| async move {
        let mut request = [0; 64];
        let _ = stream.read(&mut request).await;
        let answer = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n";
        let _ = stream.write_all(answer).await;
    });
    assert_says(&refused(&web.await).await, &["HTTP", "port"]);

    let tls = listen(|mut stream: TcpStream| async move {
        let mut request = [0; 64];
        let _ = stream.read(&mut request).await;
        // A TLS alert: unexpected message.
        let _ = stream.write_all(&[21, 3, 3, 0, 2, 2, 10]).await;
        tokio::time::sleep(PATIENCE).await;
    });
    assert_says(&refused(&tls.await).await, &["TLS"]);

    let closed = listen(|stream: TcpStream| async move { drop(stream) });
    refused(&closed.await).await;

    let silent = listen(|stream: TcpStream| async move {
        tokio::time::sleep(PATIENCE).await;
        drop(stream);
    });
    refused(&silent.await).await;

    // Lengths no frame can have, then nothing.
    let noise = listen(|mut stream: TcpStream| async move {
        let _ = stream
            .write_all(&[0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0])
            .await;
        tokio::time::sleep(PATIENCE).await;
    });
    refused(&noise.await).await;
}

async fn a_broker_without_exactly_once_is_told_which_release_has_it(kafka: &Kafka) {
    let corner = Corner::new(kafka, "old", 1).await;
    corner.write(numbers(0, 10, 5)).await;
    // A newer broker that is spoken to as if it were of that release.
    let config = ClientConfig::new(corner.servers.as_str()).broker_version("2.4");
    let app = corner.app().client_config(config);
    app.source::<Bytes>(&corner.topic("in"))
        .sink::<Bytes>(&corner.topic("out"));
    let ended = async {
        match app.start().await {
            Ok(running) => running.wait().await.expect_err("it cannot"),
            Err(error) => error,
        }
    };
    let ended = tokio::time::timeout(Duration::from_secs(30), ended).await;
    let error = ended.expect("no hang").to_string();
    assert_says(
        &error,
        &["broker ", "does not support", "it takes Kafka 2.8.2"],
    );
    tokio::time::sleep(millis(100)).await;
    assert_eq!(corner.read("out").await, []);
}
