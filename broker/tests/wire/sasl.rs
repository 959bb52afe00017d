//! Goal: a connection is let in by every mechanism as Kafka does it, and is nobody's before that;
//! what is no authentication ends the connection and nothing else. By raw requests over connections
//! within the process, with the clock standing still.

use std::time::Duration;

use thalweg_broker::{EmbeddedBroker, Sasl, SaslMechanism, ScramMechanism, TokenLogin};
use thalweg_protocol::messages::*;
use thalweg_protocol::sasl::{OAuthBearerLogin, PlainLogin, ScramClient};
use thalweg_protocol::{ErrorCode, encode_request};

use crate::support::{PORT, Raw};

const SHA256: SaslMechanism = SaslMechanism::Scram(ScramMechanism::Sha256);
const SHA512: SaslMechanism = SaslMechanism::Scram(ScramMechanism::Sha512);

fn all() -> Sasl {
    Sasl::new(SaslMechanism::ALL)
        .user("ann", "secret")
        .user("bob", "hidden")
}

fn start(sasl: Sasl) -> EmbeddedBroker {
    let builder = EmbeddedBroker::builder().topic("t", 1).sasl(sasl);
    builder.start_here().expect("started")
}

async fn handshake(client: &mut Raw, mechanism: &str) -> SaslHandshakeResponse {
    let request = SaslHandshakeRequest {
        mechanism: mechanism.into(),
    };
    client.call(&request, 1).await
}

async fn token(client: &mut Raw, bytes: impl AsRef<[u8]>) -> SaslAuthenticateResponse {
    let request = SaslAuthenticateRequest {
        auth_bytes: bytes.as_ref().to_vec().into(),
        ..Default::default()
    };
    client.call(&request, 2).await
}

fn plain(user: &str, password: &str) -> bytes::Bytes {
    PlainLogin::new(user, password).expect("a login").encode()
}

async fn log_in(client: &mut Raw, user: &str, password: &str) -> SaslAuthenticateResponse {
    let answer = handshake(client, "PLAIN").await;
    assert_eq!(answer.error_code, ErrorCode::NONE);
    token(client, plain(user, password)).await
}

/// The last answer of SCRAM; the server has proved itself if there was no error.
async fn scram(
    client: &mut Raw,
    mechanism: ScramMechanism,
    user: &str,
    password: &str,
) -> SaslAuthenticateResponse {
    let answer = handshake(client, mechanism.name()).await;
    assert_eq!(answer.error_code, ErrorCode::NONE);
    let login = ScramClient::new(mechanism, user, password, "fyko").expect("a login");
    let first = token(client, login.first_message()).await;
    if !first.error_code.is_none() {
        return first;
    }
    let proof = login.respond(&first.auth_bytes).expect("a challenge");
    let last = token(client, proof.message()).await;
    if last.error_code.is_none() {
        proof.verify(&last.auth_bytes).expect("the server's proof");
    }
    last
}

async fn is_let_in(client: &mut Raw) -> bool {
    let answer = client.call(&MetadataRequest::default(), 12).await;
    answer.brokers.len() == 1
}

#[tokio::test(start_paused = true)]
async fn a_plain_user_is_let_in_and_nobody_else() {
    let kafka = start(all());
    let mut ann = Raw::connect(&kafka, PORT);
    let answer = log_in(&mut ann, "ann", "secret").await;
    assert_eq!(answer.error_code, ErrorCode::NONE);
    assert_eq!(answer.session_lifetime_ms, 0);
    assert!(is_let_in(&mut ann).await);

    for (user, password) in [("ann", "wrong"), ("ann", "hidden"), ("eve", "secret")] {
        let mut eve = Raw::connect(&kafka, PORT);
        let answer = log_in(&mut eve, user, password).await;
        assert_eq!(answer.error_code, ErrorCode::SASL_AUTHENTICATION_FAILED);
        let message = "Authentication failed: Invalid username or password";
        assert_eq!(answer.error_message.as_deref(), Some(message));
        assert!(eve.is_closed().await, "after a failure");
    }
    assert!(is_let_in(&mut ann).await, "others do not matter");
}

#[tokio::test(start_paused = true)]
async fn a_connection_of_nobody_may_ask_what_the_broker_can_and_no_more() {
    let kafka = start(all());
    let mut client = Raw::connect(&kafka, PORT);
    let request = ApiVersionsRequest {
        client_software_name: "raw".into(),
        client_software_version: "1".into(),
        ..Default::default()
    };
    let answer = client.call(&request, 3).await;
    assert_eq!(answer.error_code, ErrorCode::NONE);
    let keys: Vec<i16> = answer.api_keys.iter().map(|key| key.api_key).collect();
    assert!(keys.contains(&17) && keys.contains(&36), "{keys:?}");
    client.send(&MetadataRequest::default(), 12).await;
    assert!(client.is_closed().await);

    // Within the exchange the request is answered first.
    let mut client = Raw::connect(&kafka, PORT);
    handshake(&mut client, "PLAIN").await;
    let answer = client.call(&FindCoordinatorRequest::default(), 2).await;
    assert_eq!(answer.error_code, ErrorCode::ILLEGAL_SASL_STATE);
    assert!(client.is_closed().await);
}

#[tokio::test(start_paused = true)]
async fn a_mechanism_that_is_not_switched_on_is_refused_with_those_that_are() {
    let kafka = start(Sasl::new([SHA256, SaslMechanism::Plain]).user("ann", "secret"));
    for mechanism in ["SCRAM-SHA-512", "GSSAPI", ""] {
        let mut client = Raw::connect(&kafka, PORT);
        let answer = handshake(&mut client, mechanism).await;
        assert_eq!(answer.error_code, ErrorCode::UNSUPPORTED_SASL_MECHANISM);
        assert_eq!(answer.mechanisms, ["SCRAM-SHA-256", "PLAIN"]);
        assert!(client.is_closed().await);
    }
}

#[tokio::test(start_paused = true)]
async fn without_sasl_there_is_nothing_to_say() {
    let kafka = EmbeddedBroker::builder().start_here().expect("started");
    let mut client = Raw::connect(&kafka, PORT);
    let answer = handshake(&mut client, "PLAIN").await;
    assert_eq!(answer.error_code, ErrorCode::ILLEGAL_SASL_STATE);
    let answer = token(&mut client, b"x").await;
    assert_eq!(answer.error_code, ErrorCode::ILLEGAL_SASL_STATE);
    assert!(is_let_in(&mut client).await);
}

#[tokio::test(start_paused = true)]
async fn scram_lets_those_in_who_know_the_password() {
    let kafka = start(Sasl::new([SHA256, SHA512]).user("ann", "secret"));
    for mechanism in [ScramMechanism::Sha256, ScramMechanism::Sha512] {
        let mut ann = Raw::connect(&kafka, PORT);
        let answer = scram(&mut ann, mechanism, "ann", "secret").await;
        assert_eq!(answer.error_code, ErrorCode::NONE, "{mechanism:?}");
        assert!(is_let_in(&mut ann).await);
        for (user, password) in [("ann", "wrong"), ("eve", "secret")] {
            let mut eve = Raw::connect(&kafka, PORT);
            let answer = scram(&mut eve, mechanism, user, password).await;
            assert_eq!(answer.error_code, ErrorCode::SASL_AUTHENTICATION_FAILED);
            let message = answer.error_message.expect("a message");
            assert!(message.contains("invalid credentials"), "{message}");
            assert!(eve.is_closed().await);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_user_of_scram_is_made_and_ended_while_the_broker_runs() {
    let kafka = start(Sasl::new([SHA256, SaslMechanism::Plain]).user("admin", "root"));
    let mut admin = Raw::connect(&kafka, PORT);
    log_in(&mut admin, "admin", "root").await;
    // PBKDF2 with HMAC-SHA-256 of "pencil" and this salt, 4096 times: RFC 7677's example.
    let salt = b"\x5b\x6d\x99\x68\x9d\x12\x35\x8e\xec\xa0\x4b\x14\x12\x36\xfa\x81";
    let salted = [
        0xc4, 0xa4, 0x95, 0x10, 0x32, 0x3a, 0xb4, 0xf9, 0x52, 0xca, 0xc1, 0xfa, 0x99, 0x44, 0x19,
        0x39, 0xe7, 0x8e, 0xa7, 0x4d, 0x6b, 0xe8, 0x1d, 0xdf, 0x70, 0x96, 0xe8, 0x75, 0x13, 0xdc,
        0x61, 0x5d,
    ];
    let upsert = |iterations| AlterUserScramCredentialsRequest {
        upsertions: vec![ScramCredentialUpsertion {
            name: "user".into(),
            mechanism: 1,
            iterations,
            salt: salt.to_vec().into(),
            salted_password: salted.to_vec().into(),
            ..Default::default()
        }],
        ..Default::default()
    };
    for (iterations, error_code) in [
        (4095, ErrorCode::UNACCEPTABLE_CREDENTIAL),
        (16_385, ErrorCode::UNACCEPTABLE_CREDENTIAL),
        (4096, ErrorCode::NONE),
    ] {
        let answer = admin.call(&upsert(iterations), 0).await;
        assert_eq!(answer.results[0].error_code, error_code, "{iterations}");
    }
    let mut user = Raw::connect(&kafka, PORT);
    let answer = scram(&mut user, ScramMechanism::Sha256, "user", "pencil").await;
    assert_eq!(answer.error_code, ErrorCode::NONE);

    let all = DescribeUserScramCredentialsRequest::default();
    let answer = admin.call(&all, 0).await;
    let users: Vec<&str> = answer.results.iter().map(|row| &*row.user).collect();
    assert_eq!(users, ["admin", "user"]);
    let credential = &answer.results[1].credential_infos[0];
    assert_eq!((credential.mechanism, credential.iterations), (1, 4096));

    let delete = AlterUserScramCredentialsRequest {
        deletions: vec![ScramCredentialDeletion {
            name: "user".into(),
            mechanism: 1,
            ..Default::default()
        }],
        ..Default::default()
    };
    let answer = admin.call(&delete, 0).await;
    assert_eq!(answer.results[0].error_code, ErrorCode::NONE);
    let answer = admin.call(&delete, 0).await;
    assert_eq!(answer.results[0].error_code, ErrorCode::RESOURCE_NOT_FOUND);
    let mut user = Raw::connect(&kafka, PORT);
    let answer = scram(&mut user, ScramMechanism::Sha256, "user", "pencil").await;
    assert_eq!(answer.error_code, ErrorCode::SASL_AUTHENTICATION_FAILED);
}

#[tokio::test(start_paused = true)]
async fn a_token_is_its_subjects_and_a_refused_one_is_explained_first() {
    let kafka = EmbeddedBroker::builder()
        .start_time_ms(50_000)
        .sasl(Sasl::new([SaslMechanism::OAuthBearer]))
        .start_here()
        .expect("started");
    // {"alg":"none"}, {"sub":"ann","exp":100}
    let ann = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbm4iLCJleHAiOjEwMH0.";
    let login = OAuthBearerLogin::new(ann).expect("a token").encode();
    let mut client = Raw::connect(&kafka, PORT);
    handshake(&mut client, "OAUTHBEARER").await;
    let answer = token(&mut client, &login).await;
    assert_eq!(answer.error_code, ErrorCode::NONE);
    assert_eq!(answer.session_lifetime_ms, 50_000, "until the token ends");
    assert!(is_let_in(&mut client).await);

    tokio::time::advance(Duration::from_secs(51)).await;
    let mut client = Raw::connect(&kafka, PORT);
    handshake(&mut client, "OAUTHBEARER").await;
    let answer = token(&mut client, &login).await;
    assert_eq!(answer.error_code, ErrorCode::NONE, "not yet");
    assert_eq!(answer.auth_bytes.as_ref(), br#"{"status":"invalid_token"}"#);
    let answer = token(&mut client, b"\x01").await;
    assert_eq!(answer.error_code, ErrorCode::SASL_AUTHENTICATION_FAILED);
    assert!(client.is_closed().await);
}

#[tokio::test(start_paused = true)]
async fn a_programs_own_validator_decides_about_tokens() {
    let validator = |token: &str| match token.strip_prefix("of-") {
        Some(name) => Ok(TokenLogin {
            principal: name.to_owned(),
            expires_ms: None,
        }),
        None => Err("it is nobody's".to_owned()),
    };
    let kafka = start(Sasl::new([SaslMechanism::OAuthBearer]).token_validator(validator));
    for (text, accepted) in [("of-ann", true), ("ann", false)] {
        let mut client = Raw::connect(&kafka, PORT);
        handshake(&mut client, "OAUTHBEARER").await;
        let login = OAuthBearerLogin::new(text).expect("a token").encode();
        let answer = token(&mut client, &login).await;
        assert_eq!(answer.auth_bytes.is_empty(), accepted);
    }
}

#[tokio::test(start_paused = true)]
async fn after_the_first_handshake_the_messages_come_bare() {
    let kafka = start(all());
    for (password, accepted) in [("secret", true), ("wrong", false)] {
        let mut client = Raw::connect(&kafka, PORT);
        let request = SaslHandshakeRequest {
            mechanism: "PLAIN".into(),
        };
        client.call(&request, 0).await;
        client.send_frame(&plain("ann", password)).await;
        let answer = client.receive_frame().await;
        assert_eq!(answer.is_some(), accepted, "a failure is not answered");
        if accepted {
            assert!(is_let_in(&mut client).await);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_does_not_authenticate_again_in_time_ends() {
    let kafka = EmbeddedBroker::builder()
        .config("connections.max.reauth.ms", "60000")
        .sasl(all())
        .start_here()
        .expect("started");
    let mut lazy = Raw::connect(&kafka, PORT);
    let answer = log_in(&mut lazy, "ann", "secret").await;
    assert_eq!(answer.session_lifetime_ms, 60_000);
    let mut diligent = Raw::connect(&kafka, PORT);
    log_in(&mut diligent, "ann", "secret").await;

    tokio::time::advance(Duration::from_secs(50)).await;
    assert!(is_let_in(&mut lazy).await);
    let answer = log_in(&mut diligent, "ann", "secret").await;
    assert_eq!(answer.session_lifetime_ms, 60_000);

    tokio::time::advance(Duration::from_secs(11)).await;
    lazy.send(&MetadataRequest::default(), 12).await;
    assert!(lazy.is_closed().await);
    assert!(is_let_in(&mut diligent).await);

    // Nobody becomes somebody else.
    let answer = log_in(&mut diligent, "bob", "hidden").await;
    assert_eq!(answer.error_code, ErrorCode::SASL_AUTHENTICATION_FAILED);
    let message = answer.error_message.expect("a message");
    assert!(message.starts_with("Cannot change principals"), "{message}");
    assert!(diligent.is_closed().await);
}

#[tokio::test(start_paused = true)]
async fn the_principal_is_the_one_that_acls_name() {
    let kafka = EmbeddedBroker::builder()
        .topic("t", 1)
        .config(
            "authorizer.class.name",
            "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        )
        .config("super.users", "User:ann")
        .sasl(all())
        .start_here()
        .expect("started");
    for (user, password, seen) in [("ann", "secret", 1), ("bob", "hidden", 0)] {
        let mut client = Raw::connect(&kafka, PORT);
        log_in(&mut client, user, password).await;
        let all = MetadataRequest {
            topics: None,
            ..Default::default()
        };
        let answer = client.call(&all, 12).await;
        assert_eq!(answer.topics.len(), seen, "{user}");
    }
}

#[tokio::test(start_paused = true)]
async fn hostile_messages_end_their_connection_and_nothing_else() {
    // Damaged messages of every mechanism, bare and within requests, by a seed that is printed.
    let kafka = start(all());
    let seed = 11;
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let good: Vec<Vec<u8>> = vec![
        plain("ann", "secret").to_vec(),
        b"n,,n=ann,r=fyko".to_vec(),
        b"n,,\x01auth=Bearer eyJhbGciOiJub25lIn0.e30.\x01\x01".to_vec(),
        vec![0; 3],
    ];
    for round in 0..200 {
        let mut client = Raw::connect(&kafka, PORT);
        let mechanism = SaslMechanism::ALL[random.usize(..4)].name();
        let version = random.i16(0..=1);
        let request = SaslHandshakeRequest {
            mechanism: mechanism.into(),
        };
        client.call(&request, version).await;
        for _ in 0..3 {
            let mut bytes = good[random.usize(..good.len())].clone();
            for _ in 0..random.usize(..4) {
                let at = random.usize(..bytes.len());
                bytes[at] = random.u8(..);
            }
            bytes.truncate(random.usize(..=bytes.len()));
            if version == 1 {
                let request = SaslAuthenticateRequest {
                    auth_bytes: bytes.into(),
                    ..Default::default()
                };
                let frame = encode_request(&request, 2, 9, None).expect("a request");
                bytes = frame.to_bytes()[4..].to_vec();
            }
            client.send_frame(&bytes).await;
            if client.receive_frame().await.is_none() {
                break;
            }
        }
        if round % 50 == 0 {
            let mut ann = Raw::connect(&kafka, PORT);
            log_in(&mut ann, "ann", "secret").await;
            assert!(is_let_in(&mut ann).await);
        }
    }
    let mut large = Raw::connect(&kafka, PORT);
    large.send_frame(&vec![0; 600_000]).await;
    assert!(large.is_closed().await, "nobody may send much");
}

/// Goal: users of SCRAM that are named at the start are made with the folder and not with every start,
/// as `kafka-storage format --add-scram` makes them: who was ended stays away, also after a kill
/// before anything else was stored.
#[tokio::test(start_paused = true)]
async fn users_named_at_the_start_are_made_once_for_a_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    let described = |ann: &str| {
        let sasl = Sasl::new([SHA256, SaslMechanism::Plain]);
        let sasl = sasl.user("ann", ann).user("bob", "hidden");
        EmbeddedBroker::builder().data(folder.path()).sasl(sasl)
    };
    let lets_in = async |kafka: &EmbeddedBroker, user: &str, password: &str| {
        let mut client = Raw::connect(kafka, PORT);
        let answer = scram(&mut client, ScramMechanism::Sha256, user, password).await;
        answer.error_code == ErrorCode::NONE
    };
    let kafka = described("secret").start_here().expect("started");
    assert!(lets_in(&kafka, "ann", "secret").await && lets_in(&kafka, "bob", "hidden").await);
    drop(kafka);

    // A kill while the folder was being made: it is made again, with all who are named.
    let state = folder.path().join("state");
    let kafka = crate::support::reopen(|| {
        let whole = std::fs::read_to_string(&state).expect("text");
        let is_users = |line: &&str| line.contains("scram/");
        let users: String = whole
            .split_inclusive('\n')
            .filter(is_users)
            .take(1)
            .collect();
        std::fs::write(&state, users).expect("written");
        described("secret")
    })
    .await;
    assert!(lets_in(&kafka, "ann", "secret").await && lets_in(&kafka, "bob", "hidden").await);
    let mut admin = Raw::connect(&kafka, PORT);
    log_in(&mut admin, "ann", "secret").await;
    let request = AlterUserScramCredentialsRequest {
        deletions: vec![ScramCredentialDeletion {
            name: "bob".into(),
            mechanism: 1,
            ..Default::default()
        }],
        ..Default::default()
    };
    let answer = admin.call(&request, 0).await;
    assert_eq!(answer.results[0].error_code, ErrorCode::NONE);
    drop((kafka, admin));

    let kafka = crate::support::reopen(|| described("another")).await;
    assert!(!lets_in(&kafka, "bob", "hidden").await, "ended");
    assert!(
        lets_in(&kafka, "ann", "secret").await,
        "as the folder has it"
    );
    let mut client = Raw::connect(&kafka, PORT);
    let answer = log_in(&mut client, "ann", "another").await;
    assert_eq!(
        answer.error_code,
        ErrorCode::NONE,
        "PLAIN is as it was started"
    );
}
