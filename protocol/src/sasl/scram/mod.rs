//! SCRAM (RFC 5802) with SHA-256 (RFC 7677) and SHA-512, without channel binding, as Kafka has it.
//!
//! ```text
//! client first   n,,n=USER,r=NONCE                          [,tokenauth=true]
//! server first   r=NONCE+MORE,s=SALT,i=ITERATIONS
//! client final   c=biws,r=NONCE+MORE,p=PROOF
//! server final   v=SIGNATURE                                 or e=ERROR
//! ```
//! The keys are those of the RFC:
//! ```text
//! salted password = PBKDF2(password, salt, iterations)
//! client key      = HMAC(salted password, "Client Key")      stored key = H(client key)
//! server key      = HMAC(salted password, "Server Key")
//! proof           = client key XOR HMAC(stored key, all messages)
//! signature       = HMAC(server key, all messages)
//! ```
//! As in Kafka, passwords are taken as they are, without SASLprep.

mod client;
mod credential;
mod messages;
mod server;

pub use client::{ScramClient, ScramProof};
pub use credential::ScramCredential;
pub use server::{ScramChallenge, ScramClientFirst};

use std::fmt;

use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256, Sha512};

use super::error::SaslError;
use super::secret::Secret;

/// SCRAM with one of two hashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ScramMechanism {
    /// SCRAM-SHA-256.
    Sha256,
    /// SCRAM-SHA-512.
    Sha512,
}

impl ScramMechanism {
    /// The fewest iterations that are accepted, Kafka's own minimum.
    pub const ITERATIONS_MIN: u32 = 4096;

    /// The most iterations that are computed: about a second. Kafka's brokers store no credential
    /// with more than 16,384.
    pub const ITERATIONS_MAX: u32 = 1_000_000;

    /// The name, as SaslHandshake has it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "SCRAM-SHA-256",
            Self::Sha512 => "SCRAM-SHA-512",
        }
    }

    /// The mechanism that AlterUserScramCredentials means by a number.
    pub const fn from_code(code: i8) -> Option<Self> {
        match code {
            1 => Some(Self::Sha256),
            2 => Some(Self::Sha512),
            _ => None,
        }
    }

    /// The number in AlterUserScramCredentials and DescribeUserScramCredentials.
    pub const fn code(self) -> i8 {
        match self {
            Self::Sha256 => 1,
            Self::Sha512 => 2,
        }
    }

    /// Bytes of every key, hash and proof.
    pub const fn key_bytes(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }

    /// What the password of a user comes to. Takes time: some milliseconds for 4,096 iterations.
    fn salted_password(
        self,
        password: &[u8],
        salt: &[u8],
        iterations: u32,
    ) -> Result<Secret, SaslError> {
        let (min, max) = (Self::ITERATIONS_MIN, Self::ITERATIONS_MAX);
        if !(min..=max).contains(&iterations) {
            return Err(SaslError::Iterations {
                iterations,
                min,
                max,
            });
        }
        let mut salted = vec![0; self.key_bytes()];
        match self {
            Self::Sha256 => pbkdf2::pbkdf2_hmac::<Sha256>(password, salt, iterations, &mut salted),
            Self::Sha512 => pbkdf2::pbkdf2_hmac::<Sha512>(password, salt, iterations, &mut salted),
        }
        Ok(Secret::new(salted))
    }

    fn hash(self, bytes: &[u8]) -> Secret {
        match self {
            Self::Sha256 => Secret::new(Sha256::digest(bytes).to_vec()),
            Self::Sha512 => Secret::new(Sha512::digest(bytes).to_vec()),
        }
    }

    fn hmac(self, key: &Secret, message: &[u8]) -> Secret {
        match self {
            Self::Sha256 => Secret::new(hmac::<Hmac<Sha256>>(key, message)),
            Self::Sha512 => Secret::new(hmac::<Hmac<Sha512>>(key, message)),
        }
    }

    fn client_key(self, salted_password: &Secret) -> Secret {
        self.hmac(salted_password, b"Client Key")
    }

    fn server_key(self, salted_password: &Secret) -> Secret {
        self.hmac(salted_password, b"Server Key")
    }
}

fn hmac<M: Mac + hmac::digest::KeyInit>(key: &Secret, message: &[u8]) -> Vec<u8> {
    let mac = <M as Mac>::new_from_slice(key.bytes()).expect("HMAC takes keys of any length");
    mac.chain_update(message).finalize().into_bytes().to_vec()
}

/// Each byte of one combined with that of the other.
fn xor(one: &[u8], other: &[u8]) -> Secret {
    let bytes = one.iter().zip(other).map(|(one, other)| one ^ other);
    Secret::new(bytes.collect::<Vec<_>>())
}

impl fmt::Display for ScramMechanism {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
