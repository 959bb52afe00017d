//! What of SASL is asked for when the brokers are started.

use std::fmt;
use std::sync::Arc;

use thalweg_protocol::sasl::SaslMechanism;

use super::TokenValidator;

/// SASL on all listeners: the mechanisms and the users; see
/// [`Builder::sasl`](crate::Builder::sasl).
///
/// ```
/// use thalweg_broker::{EmbeddedBroker, Sasl, SaslMechanism};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let kafka = EmbeddedBroker::builder()
///     .sasl(Sasl::new([SaslMechanism::Plain]).user("ann", "secret"))
///     .start()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Sasl {
    mechanisms: Vec<SaslMechanism>,
    users: Vec<(String, String)>,
    validator: Option<Arc<TokenValidator>>,
}

/// Whose a token is (OAUTHBEARER).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenLogin {
    /// The name of the principal, without `User:`.
    pub principal: String,
    /// When the token ends, in milliseconds since 1970; with `None` it does not. The connection has
    /// to authenticate again before that.
    pub expires_ms: Option<i64>,
}

impl Sasl {
    /// These mechanisms, without users yet.
    pub fn new(mechanisms: impl IntoIterator<Item = SaslMechanism>) -> Self {
        Sasl {
            mechanisms: mechanisms.into_iter().collect(),
            users: Vec::new(),
            validator: None,
        }
    }

    /// A user of PLAIN and SCRAM. More users of SCRAM can be made while the brokers run, by
    /// AlterUserScramCredentials, which also changes and ends them.
    ///
    /// With [`Builder::data`](crate::Builder::data), users of SCRAM are made once, when the folder is
    /// new, as `kafka-storage format --add-scram` does it: from then on the folder says which there
    /// are and what their passwords are. Users of PLAIN are those that are named at each start.
    pub fn user(mut self, name: impl Into<String>, password: impl Into<String>) -> Self {
        self.users.push((name.into(), password.into()));
        self
    }

    /// What says whose a token of OAUTHBEARER is, or why it is not accepted. It is called with the
    /// brokers standing still, and has to be quick.
    ///
    /// By default, as Kafka's own default: unsecured JSON web tokens (`alg` `none`) with `sub` and
    /// `exp`, which anybody can write. For tests only.
    pub fn token_validator(
        mut self,
        validator: impl Fn(&str) -> Result<TokenLogin, String> + Send + Sync + 'static,
    ) -> Self {
        self.validator = Some(Arc::new(validator));
        self
    }

    pub(super) fn mechanisms(&self) -> &[SaslMechanism] {
        &self.mechanisms
    }

    pub(super) fn users(&self) -> &[(String, String)] {
        &self.users
    }

    pub(super) fn validator(&self) -> Option<Arc<TokenValidator>> {
        self.validator.clone()
    }
}

impl fmt::Debug for Sasl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let users = self.users.iter().map(|(name, _)| name);
        f.debug_struct("Sasl")
            .field("mechanisms", &self.mechanisms)
            .field("users", &users.collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}
