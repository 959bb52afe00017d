//! The client's side.

use bytes::Bytes;

use super::super::{MESSAGE_BYTES_MAX, base64, text};
use super::messages::{ServerFirst, encode_name, is_nonce, parse_server_final};
use super::{SaslError, ScramMechanism, Secret, xor};

/// `n,,`: no channel binding, and nobody else to act as.
const GS2_HEADER: &str = "n,,";

/// A client that has not heard of the server yet.
#[derive(Debug, Clone)]
pub struct ScramClient {
    mechanism: ScramMechanism,
    password: Secret,
    nonce: String,
    /// The first message without its header.
    bare: String,
}

impl ScramClient {
    /// A login by name and password. The nonce is to be random and new for every login: some twenty
    /// letters and digits.
    ///
    /// # Errors
    /// The name or the password is empty, the name too long, or the nonce not printable ASCII without
    /// a comma.
    pub fn new(
        mechanism: ScramMechanism,
        username: &str,
        password: &str,
        nonce: &str,
    ) -> Result<Self, SaslError> {
        let unsendable = |what, reason| Err(SaslError::Unsendable { what, reason });
        if username.is_empty() {
            return unsendable("user name", "it is empty");
        }
        if username.contains('\0') || username.len() > MESSAGE_BYTES_MAX / 8 {
            return unsendable(
                "user name",
                "it has a NUL character or more than 8192 bytes",
            );
        }
        if password.is_empty() {
            return unsendable("password", "it is empty");
        }
        if !is_nonce(nonce) || nonce.len() > 256 {
            return unsendable("nonce", "it is not up to 256 printable characters of ASCII");
        }
        Ok(ScramClient {
            mechanism,
            password: Secret::new(password.as_bytes()),
            nonce: nonce.to_owned(),
            bare: format!("n={},r={nonce}", encode_name(username)),
        })
    }

    /// Says that name and password are the id and the HMAC of a delegation token (KIP-48).
    pub fn with_delegation_token(mut self) -> Self {
        self.bare.push_str(",tokenauth=true");
        self
    }

    /// The client first message.
    pub fn first_message(&self) -> Bytes {
        Bytes::from(format!("{GS2_HEADER}{}", self.bare))
    }

    /// Answers the server first message. Computing the proof takes milliseconds, up to about a second
    /// if the server demands as many iterations as are accepted.
    ///
    /// # Errors
    /// It is no such message, it does not belong to this exchange, or it demands too few or too many
    /// iterations.
    pub fn respond(self, server_first: &[u8]) -> Result<ScramProof, SaslError> {
        let first = ServerFirst::parse(text(server_first, "SCRAM server first message")?)?;
        let added = first.nonce.strip_prefix(&self.nonce);
        if added.is_none_or(str::is_empty) {
            return Err(SaslError::WrongNonce);
        }
        let mechanism = self.mechanism;
        let password = self.password.bytes();
        let salted = mechanism.salted_password(password, &first.salt, first.iterations)?;
        let binding = base64::encode(GS2_HEADER.as_bytes());
        let without_proof = format!("c={binding},r={}", first.nonce);
        // Without the extensions a server may have added. RFC 5802 signs them too, but what Kafka's
        // clients sign is what servers have to understand.
        let signed = format!("{},{},{without_proof}", self.bare, first.understood);

        let client_key = mechanism.client_key(&salted);
        let stored_key = mechanism.hash(client_key.bytes());
        let signature = mechanism.hmac(&stored_key, signed.as_bytes());
        let proof = xor(client_key.bytes(), signature.bytes());
        let server_key = mechanism.server_key(&salted);
        Ok(ScramProof {
            message: format!("{without_proof},p={}", base64::encode(proof.bytes())),
            server_signature: mechanism.hmac(&server_key, signed.as_bytes()),
        })
    }
}

/// A client that proves itself, and waits for the server to do so.
#[derive(Debug, Clone)]
pub struct ScramProof {
    message: String,
    server_signature: Secret,
}

impl ScramProof {
    /// The client final message.
    pub fn message(&self) -> Bytes {
        Bytes::copy_from_slice(self.message.as_bytes())
    }

    /// Checks the server final message: only then is it known that the server knows the password.
    ///
    /// # Errors
    /// It is no such message, the server refused, or it does not know the password.
    pub fn verify(self, server_final: &[u8]) -> Result<(), SaslError> {
        let signature = parse_server_final(text(server_final, "SCRAM server final message")?)?;
        if self.server_signature.is(&signature) {
            return Ok(());
        }
        Err(SaslError::WrongServerSignature)
    }
}
