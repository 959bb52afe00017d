//! The server's side.

use bytes::Bytes;

use super::super::{base64, text};
use super::messages::{ClientFinal, ClientFirst, is_nonce};
use super::{SaslError, ScramCredential, xor};

/// A client's first message.
#[derive(Debug, Clone)]
pub struct ScramClientFirst {
    gs2_header: String,
    bare: String,
    authorization_id: String,
    username: String,
    nonce: String,
    is_token: bool,
}

impl ScramClientFirst {
    /// Reads the message.
    ///
    /// # Errors
    /// It is no such message, or its user name is not ASCII: Kafka's brokers know no other.
    pub fn decode(message: &[u8]) -> Result<Self, SaslError> {
        let first = ClientFirst::parse(text(message, "SCRAM client first message")?)?;
        Ok(ScramClientFirst {
            gs2_header: first.gs2_header.to_owned(),
            bare: first.bare.to_owned(),
            authorization_id: first.authorization_id,
            username: first.username,
            nonce: first.nonce.to_owned(),
            is_token: first.is_token,
        })
    }

    /// Who the client says it is, or the id of its token. Not to be believed before
    /// [`ScramChallenge::verify`].
    pub fn username(&self) -> &str {
        &self.username
    }

    /// Whether the user name is the id of a delegation token (KIP-48), and the password its HMAC.
    pub fn is_token(&self) -> bool {
        self.is_token
    }

    /// Challenges the client to prove that it knows the user's password. The nonce is to be random
    /// and new for every login.
    ///
    /// # Errors
    /// The client wants to act as another user, or the nonce is not printable ASCII without a comma.
    pub fn challenge(
        self,
        credential: ScramCredential,
        nonce: &str,
    ) -> Result<ScramChallenge, SaslError> {
        if !self.authorization_id.is_empty() && self.authorization_id != self.username {
            return Err(SaslError::AuthorizationId);
        }
        if !is_nonce(nonce) {
            return Err(SaslError::Unsendable {
                what: "nonce",
                reason: "it is not printable ASCII without a comma",
            });
        }
        let nonce = format!("{}{nonce}", self.nonce);
        let salt = base64::encode(credential.salt());
        Ok(ScramChallenge {
            message: format!("r={nonce},s={salt},i={}", credential.iterations()),
            first: self,
            credential,
            nonce,
        })
    }
}

/// A challenge that the client has to answer.
#[derive(Debug, Clone)]
pub struct ScramChallenge {
    first: ScramClientFirst,
    credential: ScramCredential,
    nonce: String,
    message: String,
}

impl ScramChallenge {
    /// Who the client says it is. Not to be believed before [`verify`](Self::verify).
    pub fn username(&self) -> &str {
        &self.first.username
    }

    /// The server first message.
    pub fn message(&self) -> Bytes {
        Bytes::copy_from_slice(self.message.as_bytes())
    }

    /// Checks the client final message. Gives the server final message, by which the server proves
    /// itself.
    ///
    /// # Errors
    /// It is no such message, it does not belong to this exchange, or the client does not know the
    /// password.
    pub fn verify(self, client_final: &[u8]) -> Result<Bytes, SaslError> {
        let client_final = ClientFinal::parse(text(client_final, "SCRAM client final message")?)?;
        let same_header = client_final.channel_binding == self.first.gs2_header.as_bytes();
        if client_final.nonce != self.nonce || !same_header {
            return Err(SaslError::WrongNonce);
        }
        let signed = format!(
            "{},{},{}",
            self.first.bare, self.message, client_final.without_proof
        );
        let mechanism = self.credential.mechanism();
        let stored_key = self.credential.stored_key_secret();
        let signature = mechanism.hmac(stored_key, signed.as_bytes());
        let client_key = xor(signature.bytes(), &client_final.proof);
        let complete = client_final.proof.len() == mechanism.key_bytes();
        if !complete || !stored_key.is(mechanism.hash(client_key.bytes()).bytes()) {
            return Err(SaslError::WrongProof {
                username: self.first.username,
            });
        }
        let server_key = self.credential.server_key_secret();
        let signature = mechanism.hmac(server_key, signed.as_bytes());
        Ok(Bytes::from(format!(
            "v={}",
            base64::encode(signature.bytes())
        )))
    }
}
