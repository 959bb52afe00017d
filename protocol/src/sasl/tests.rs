//! Goal: nobody logs in with damaged messages, and none of them does harm. Method: a whole exchange
//! of each mechanism, each of its messages cut and damaged in every place and replaced by noise.

use proptest::prelude::*;

use super::*;

const MECHANISM: ScramMechanism = ScramMechanism::Sha256;

/// The messages of an exchange that succeeds.
fn scram() -> [Vec<u8>; 4] {
    let client = ScramClient::new(MECHANISM, "user", "pencil", "abc").expect("sendable");
    let first = client.first_message();
    let challenge = ScramClientFirst::decode(&first).expect("a first message");
    let challenge = challenge.challenge(credential(), "def").expect("a nonce");
    let proof = client.respond(&challenge.message()).expect("a challenge");
    let server_first = challenge.message();
    let server_final = challenge.verify(&proof.message()).expect("the password");
    [first, server_first, proof.message(), server_final].map(|message| message.to_vec())
}

fn credential() -> ScramCredential {
    ScramCredential::derive(MECHANISM, "pencil", b"salt", 4096).expect("enough iterations")
}

/// Every way to change one byte of `message` by one bit, and every prefix of it.
fn damaged(message: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let flip = |place: usize| {
        let mut damaged = message.to_vec();
        damaged[place] ^= 1;
        [damaged, message[..place].to_vec()]
    };
    (0..message.len()).flat_map(flip)
}

#[test]
fn a_server_that_does_not_know_the_password_is_not_believed() {
    let [_, server_first, _, server_final] = scram();
    let client = || ScramClient::new(MECHANISM, "user", "pencil", "abc").expect("sendable");
    let proof = client().respond(&server_first).expect("a challenge");
    assert_eq!(proof.clone().verify(&server_final), Ok(()));
    for damaged in damaged(&server_final) {
        assert!(proof.clone().verify(&damaged).is_err(), "{damaged:?}");
    }
    // Another challenge may be answered, but that answer proves nothing about this one.
    for damaged in damaged(&server_first) {
        if let Ok(proof) = client().respond(&damaged) {
            assert!(proof.verify(&server_final).is_err(), "{damaged:?}");
        }
    }
}

#[test]
fn a_client_that_does_not_know_the_password_is_not_let_in() {
    let [first, _, client_final, _] = scram();
    for damaged in damaged(&first) {
        let Ok(first) = ScramClientFirst::decode(&damaged) else {
            continue;
        };
        if let Ok(challenge) = first.challenge(credential(), "def") {
            assert!(challenge.verify(&client_final).is_err(), "{damaged:?}");
        }
    }
    // A proof of another exchange, and one for another user.
    let challenge = |nonce| {
        let first = ScramClientFirst::decode(&first).expect("a first message");
        first.challenge(credential(), nonce).expect("a nonce")
    };
    let error = challenge("deg").verify(&client_final);
    assert_eq!(error, Err(SaslError::WrongNonce));
    let client = ScramClient::new(MECHANISM, "user", "pencils", "abc").expect("sendable");
    let other = challenge("def");
    let proof = client.respond(&other.message()).expect("a challenge");
    let error = other
        .verify(&proof.message())
        .expect_err("another password");
    assert!(matches!(error, SaslError::WrongProof { .. }), "{error}");
}

#[test]
fn nobody_acts_as_another_user() {
    let first = ScramClientFirst::decode(b"n,a=admin,n=user,r=abc").expect("a first message");
    let error = first
        .challenge(credential(), "def")
        .expect_err("another user");
    assert_eq!(error, SaslError::AuthorizationId);
    let login = PlainLogin::new("user", "pencil")
        .and_then(|login| login.with_authorization_id("admin"))
        .expect("sendable");
    let login = PlainLogin::decode(&login.encode()).expect("a login");
    let error = login.authenticate(Some("pencil"));
    assert_eq!(error, Err(SaslError::AuthorizationId));
}

#[test]
fn a_server_cannot_make_a_client_compute_for_ever() {
    let client = || ScramClient::new(MECHANISM, "user", "pencil", "abc").expect("sendable");
    for iterations in [
        "4095",
        "1000001",
        "4294967295",
        "4294967296",
        "99999999999999999999",
    ] {
        let challenge = format!("r=abcdef,s=AAAA,i={iterations}");
        assert!(
            client().respond(challenge.as_bytes()).is_err(),
            "{iterations}"
        );
    }
    let salt = "AAAA".repeat(1000);
    let challenge = format!("r=abcdef,s={salt},i=4096");
    assert!(
        client().respond(challenge.as_bytes()).is_err(),
        "a salt of 3000 bytes"
    );
    let huge = vec![b'a'; MESSAGE_BYTES_MAX + 1];
    assert!(ScramClientFirst::decode(&huge).is_err());
    assert!(PlainLogin::decode(&huge).is_err());
}

#[test]
fn no_secret_is_ever_shown() {
    let client = ScramClient::new(MECHANISM, "user", "pencil", "abc").expect("sendable");
    let credential = credential();
    let mut shown = format!("{client:?} {credential:?}");
    let first = ScramClientFirst::decode(&client.first_message()).expect("a first message");
    let challenge = first.challenge(credential, "def").expect("a nonce");
    let proof = client.respond(&challenge.message()).expect("a challenge");
    shown += &format!(" {challenge:?} {:?}", proof.clone().verify(b"v=AAAA"));
    let wrong = challenge.verify(b"c=biws,r=abcdef,p=AAAA");
    shown += &format!(" {wrong:?}");
    assert!(!shown.contains("pencil"), "{shown}");
    assert!(
        !format!("{proof:?}").contains("server_signature: ["),
        "{proof:?}"
    );
}

proptest! {
    #[test]
    fn noise_is_no_message(noise in prop::collection::vec(any::<u8>(), 0..200)) {
        read_all(&noise);
    }

    /// Noise in the letters of the messages gets further into the readers.
    #[test]
    fn noise_that_looks_like_a_message_does_no_harm(noise in "[n,=arscivpbe0-9A-D\\x01 ]{0,60}") {
        read_all(noise.as_bytes());
    }
}

fn read_all(message: &[u8]) {
    let _ = PlainLogin::decode(message);
    let _ = OAuthBearerLogin::decode(message);
    let _ = oauthbearer_verify(message);
    let client = ScramClient::new(MECHANISM, "user", "pencil", "abc").expect("sendable");
    assert!(client.respond(message).is_err(), "without our nonce");
    let first = ScramClientFirst::decode(b"n,,n=user,r=abc").expect("a first message");
    let challenge = first.challenge(credential(), "def").expect("a nonce");
    assert!(challenge.verify(message).is_err(), "without a proof");
    if let Ok(first) = ScramClientFirst::decode(message) {
        let _ = first.challenge(credential(), "def");
    }
}
