//! The messages of SASL mechanisms (the `auth_bytes` of SaslAuthenticate), from both sides.
//!
//! What goes over the wire and what is computed from it, nothing else: no sockets, no clock and no
//! randomness, so that whoever has those (a client, a broker) decides about them. A nonce is handed
//! in.
//!
//! ```text
//!          client                                            server
//!  PLAIN   PlainLogin::encode ────────────────────────────► PlainLogin::decode
//!                                                            PlainLogin::authenticate
//!
//!  SCRAM   ScramClient::first_message ────────────────────► ScramClientFirst::decode
//!          ScramClient::respond ◄─────── server first ────── ScramClientFirst::challenge
//!          ScramProof::message ───────── client final ─────► ScramChallenge::verify
//!          ScramProof::verify ◄───────── server final ──────
//!
//!  OAUTH   OAuthBearerLogin::encode ──────────────────────► OAuthBearerLogin::decode
//!          oauthbearer_verify ◄────────── "" or an error ─── OAuthBearerRefusal::encode
//!          OAUTHBEARER_ACKNOWLEDGEMENT ─── after an error ─►
//! ```
//!
//! What is received is not believed: lengths and iteration counts are bounded, and whatever is not a
//! message is an error. Passwords, keys and tokens are compared in constant time and never part of
//! any `Debug` or error. They are not wiped from memory when they are dropped.
//!
//! ```
//! use thalweg_protocol::sasl::*;
//!
//! # fn main() -> Result<(), SaslError> {
//! let credential = ScramCredential::derive(ScramMechanism::Sha256, "pencil", b"salt", 4096)?;
//!
//! let client = ScramClient::new(ScramMechanism::Sha256, "user", "pencil", "client-nonce")?;
//! let first = ScramClientFirst::decode(&client.first_message())?;
//! assert_eq!(first.username(), "user");
//! let challenge = first.challenge(credential, "server-nonce")?;
//! let proof = client.respond(&challenge.message())?;
//! let server_final = challenge.verify(&proof.message())?;
//! proof.verify(&server_final)?;
//! # Ok(())
//! # }
//! ```

mod base64;
mod error;
mod mechanism;
mod oauthbearer;
mod plain;
mod scram;
mod secret;
#[cfg(test)]
mod tests;

pub use error::SaslError;
pub use mechanism::SaslMechanism;
pub use oauthbearer::{
    OAUTHBEARER_ACKNOWLEDGEMENT, OAuthBearerLogin, OAuthBearerRefusal, oauthbearer_verify,
};
pub use plain::PlainLogin;
pub use scram::{
    ScramChallenge, ScramClient, ScramClientFirst, ScramCredential, ScramMechanism, ScramProof,
};

/// The longest message that is read, in bytes. Kafka's are a few hundred; a token may be some
/// thousands.
pub(crate) const MESSAGE_BYTES_MAX: usize = 64 << 10;

/// The text of a message, if it can be one.
fn text<'m>(message: &'m [u8], kind: &'static str) -> Result<&'m str, SaslError> {
    let malformed = |reason| SaslError::Malformed { kind, reason };
    if message.len() > MESSAGE_BYTES_MAX {
        return Err(malformed("it is longer than 65536 bytes"));
    }
    std::str::from_utf8(message).map_err(|_| malformed("it is not UTF-8"))
}
