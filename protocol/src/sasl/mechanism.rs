//! The mechanisms by name.

use std::fmt;

use super::ScramMechanism;

/// A mechanism of Kafka's that is implemented here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum SaslMechanism {
    /// Name and password as they are (RFC 4616); over TLS, or they can be read by all.
    Plain,
    /// Proof of the password by a hash of it (RFC 5802, RFC 7677).
    Scram(ScramMechanism),
    /// A bearer token of OAuth 2 (RFC 7628).
    OAuthBearer,
}

impl SaslMechanism {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::Plain,
        Self::Scram(ScramMechanism::Sha256),
        Self::Scram(ScramMechanism::Sha512),
        Self::OAuthBearer,
    ];

    /// The mechanism of a name, as SaslHandshake and `sasl.enabled.mechanisms` spell it.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|mechanism| mechanism.name() == name)
    }

    /// The name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::Scram(mechanism) => mechanism.name(),
            Self::OAuthBearer => "OAUTHBEARER",
        }
    }
}

impl fmt::Display for SaslMechanism {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
