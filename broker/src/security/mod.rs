//! Who may connect: users, their credentials, and the dialogue by which a connection says whose it
//! is (SASL). What they may do then is `crate::acl`'s business.

mod sasl;
mod session;
#[cfg(feature = "tls")]
mod subject;
mod token;

pub use sasl::{Sasl, TokenLogin};
pub(crate) use session::{SaslSession, Step};
#[cfg(feature = "tls")]
pub(crate) use subject::subject_of;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use thalweg_protocol::StrBytes;
use thalweg_protocol::sasl::{SaslError, SaslMechanism, ScramCredential, ScramMechanism};

use crate::store::Changes;

/// Makes of a token whose it is.
pub(crate) type TokenValidator = dyn Fn(&str) -> Result<TokenLogin, String> + Send + Sync;

/// Users and their credentials, and what of SASL is switched on.
#[derive(Default)]
pub(crate) struct Security {
    /// Without any there is no SASL.
    mechanisms: Vec<SaslMechanism>,
    plain: BTreeMap<String, String>,
    scram: BTreeMap<(StrBytes, ScramMechanism), ScramCredential>,
    validator: Option<Arc<TokenValidator>>,
    pub(crate) changes: Changes<(StrBytes, ScramMechanism)>,
}

/// The most SCRAM credentials that are kept: each costs memory.
const CREDENTIALS_MAX: usize = 100_000;

/// As `kafka-configs` makes them.
const ITERATIONS: u32 = 4096;

impl Security {
    /// Takes over what was asked for, with salts from `random`.
    ///
    /// # Errors
    /// A user's password is empty.
    pub(crate) fn configure(
        &mut self,
        sasl: &Sasl,
        random: &mut fastrand::Rng,
    ) -> Result<(), SaslError> {
        self.mechanisms = sasl.mechanisms().to_vec();
        self.validator = sasl.validator();
        for (name, password) in sasl.users() {
            self.plain.insert(name.clone(), password.clone());
            for mechanism in sasl.mechanisms() {
                let SaslMechanism::Scram(mechanism) = mechanism else {
                    continue;
                };
                let salt = random.u128(..).to_be_bytes();
                let credential = ScramCredential::derive(*mechanism, password, &salt, ITERATIONS)?;
                self.set_scram(name.as_str().into(), credential);
            }
        }
        Ok(())
    }

    /// Forgets the users of SCRAM that were made at the start: the folder says which there are.
    pub(crate) fn forget_scram(&mut self) {
        self.scram.clear();
    }

    /// Whether connections have to say whose they are.
    pub(crate) fn asks_for_sasl(&self) -> bool {
        !self.mechanisms.is_empty()
    }

    fn mechanisms(&self) -> &[SaslMechanism] {
        &self.mechanisms
    }

    /// A user's credential.
    pub(crate) fn scram(&self, user: &str, mechanism: ScramMechanism) -> Option<&ScramCredential> {
        self.scram.get(&(user.into(), mechanism))
    }

    /// Keeps a credential in the place of the user's last one.
    pub(crate) fn set_scram(&mut self, user: StrBytes, credential: ScramCredential) {
        let key = (user.detached(), credential.mechanism());
        self.changes.note(|| key.clone());
        self.scram.insert(key, credential);
    }

    /// Forgets a credential. Whether there was one.
    pub(crate) fn remove_scram(&mut self, user: &StrBytes, mechanism: ScramMechanism) -> bool {
        let key = (user.detached(), mechanism);
        self.changes.note(|| key.clone());
        self.scram.remove(&key).is_some()
    }

    /// Whether there is no room for more credentials.
    pub(crate) fn is_full(&self) -> bool {
        self.scram.len() >= CREDENTIALS_MAX
    }

    /// All credentials, by user and mechanism.
    pub(crate) fn all_scram(&self) -> impl Iterator<Item = (&StrBytes, &ScramCredential)> {
        self.scram
            .iter()
            .map(|((user, _), credential)| (user, credential))
    }

    /// All users with a credential, by name.
    pub(crate) fn scram_users(&self) -> impl Iterator<Item = &StrBytes> {
        self.scram.keys().map(|(user, _)| user)
    }
}

impl fmt::Debug for Security {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Security")
            .field("mechanisms", &self.mechanisms)
            .field("scram", &self.scram.len())
            .finish_non_exhaustive()
    }
}
