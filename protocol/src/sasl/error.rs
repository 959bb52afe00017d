//! Why an authentication failed.

use super::SaslMechanism;

/// Why a message could not be made or read, or who is at the other end not be believed.
///
/// No text of it holds a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SaslError {
    /// The other side sent something else than the message that is due.
    #[error("the other side sent no valid {kind}: {reason}")]
    Malformed {
        /// The message that was due.
        kind: &'static str,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A PLAIN message has not three parts.
    #[error("Invalid SASL/PLAIN response: expected 3 tokens, got {count}")]
    PlainTokens {
        /// How many it has; four stands for more, too.
        count: usize,
    },
    /// A PLAIN message has no user name.
    #[error("Authentication failed: username not specified")]
    UsernameMissing,
    /// A PLAIN message has no password.
    #[error("Authentication failed: password not specified")]
    PasswordMissing,
    /// There is no such user, or the password is another: PLAIN.
    #[error("Authentication failed: Invalid username or password")]
    WrongPassword,
    /// The client wants to act as somebody else.
    #[error(
        "Authentication failed: Client requested an authorization id that is different from \
         username"
    )]
    AuthorizationId,
    /// The client did not prove that it knows the password: SCRAM.
    #[error("the client does not know the password of `{username}`")]
    WrongProof {
        /// Who it said it was.
        username: String,
    },
    /// The server did not prove that it knows the password: SCRAM. Do not trust it.
    #[error("the server does not know the password; it may be somebody in between")]
    WrongServerSignature,
    /// The server's nonce does not begin with the client's, or adds nothing: SCRAM. It may be an
    /// answer to somebody else, played back.
    #[error("the other side's nonce does not belong to this exchange")]
    WrongNonce,
    /// A server demands so few iterations that the password could be guessed from the exchange, or so
    /// many that computing them is an attack.
    #[error("{iterations} iterations are not between {min} and {max}")]
    Iterations {
        /// How many.
        iterations: u32,
        /// The fewest that are safe.
        min: u32,
        /// The most that are computed.
        max: u32,
    },
    /// The server refused, and said why.
    #[error("the server refused the login: {reason}")]
    Refused {
        /// As the server said it, cut to 1,000 characters.
        reason: String,
    },
    /// What was configured cannot be said in a message of the mechanism.
    #[error("the {what} cannot be sent: {reason}")]
    Unsendable {
        /// Which part: the user name, say.
        what: &'static str,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// An extension has a name or a value that messages cannot hold.
    #[error(
        "the extension `{name}` cannot be sent: a name has letters only and is not `auth`, and \
             a value has printable ASCII characters"
    )]
    Extension {
        /// The name.
        name: String,
    },
}

impl SaslError {
    /// What a server may tell a client as the `error_message` of SaslAuthenticate, in the words of
    /// Kafka's brokers: why PLAIN failed; otherwise nothing that tells whether there is such a user.
    pub fn told_by_server(&self, mechanism: SaslMechanism, again: bool) -> String {
        match self {
            Self::PlainTokens { .. }
            | Self::UsernameMissing
            | Self::PasswordMissing
            | Self::WrongPassword
            | Self::AuthorizationId
            | Self::Refused { .. } => self.to_string(),
            _ => {
                let when = if again {
                    "re-authentication"
                } else {
                    "authentication"
                };
                format!(
                    "Authentication failed during {when} due to invalid credentials with SASL \
                     mechanism {mechanism}"
                )
            }
        }
    }
}
