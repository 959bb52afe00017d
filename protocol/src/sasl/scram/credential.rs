//! What a server stores of a user's password.

use std::fmt;

use super::{SaslError, ScramMechanism, Secret};

/// What a server stores of a user: enough to check a password, not enough to log in with.
#[derive(Clone)]
pub struct ScramCredential {
    mechanism: ScramMechanism,
    salt: Vec<u8>,
    iterations: u32,
    stored_key: Secret,
    server_key: Secret,
}

impl ScramCredential {
    /// The credential of a password. Takes some milliseconds.
    ///
    /// # Errors
    /// The password is empty, or the iterations are too few or too many.
    pub fn derive(
        mechanism: ScramMechanism,
        password: &str,
        salt: &[u8],
        iterations: u32,
    ) -> Result<Self, SaslError> {
        if password.is_empty() {
            return Err(SaslError::Unsendable {
                what: "password",
                reason: "it is empty",
            });
        }
        let salted = mechanism.salted_password(password.as_bytes(), salt, iterations)?;
        Ok(Self::new(mechanism, salt, iterations, &salted))
    }

    /// The credential of a password that was salted already, as AlterUserScramCredentials sends it.
    ///
    /// # Errors
    /// The iterations are too few or too many.
    pub fn from_salted_password(
        mechanism: ScramMechanism,
        salted_password: &[u8],
        salt: &[u8],
        iterations: u32,
    ) -> Result<Self, SaslError> {
        let (min, max) = (
            ScramMechanism::ITERATIONS_MIN,
            ScramMechanism::ITERATIONS_MAX,
        );
        if !(min..=max).contains(&iterations) {
            return Err(SaslError::Iterations {
                iterations,
                min,
                max,
            });
        }
        let salted = Secret::new(salted_password);
        Ok(Self::new(mechanism, salt, iterations, &salted))
    }

    /// A credential of what a server has stored of it.
    ///
    /// # Errors
    /// The iterations are too few or too many.
    pub fn from_keys(
        mechanism: ScramMechanism,
        salt: &[u8],
        iterations: u32,
        (stored_key, server_key): (&[u8], &[u8]),
    ) -> Result<Self, SaslError> {
        let mut credential = Self::from_salted_password(mechanism, &[], salt, iterations)?;
        credential.stored_key = Secret::new(stored_key);
        credential.server_key = Secret::new(server_key);
        Ok(credential)
    }

    fn new(mechanism: ScramMechanism, salt: &[u8], iterations: u32, salted: &Secret) -> Self {
        let client_key = mechanism.client_key(salted);
        ScramCredential {
            mechanism,
            salt: salt.to_vec(),
            iterations,
            stored_key: mechanism.hash(client_key.bytes()),
            server_key: mechanism.server_key(salted),
        }
    }

    /// The mechanism it is for.
    pub fn mechanism(&self) -> ScramMechanism {
        self.mechanism
    }

    /// The salt.
    pub fn salt(&self) -> &[u8] {
        &self.salt
    }

    /// How many iterations the password was salted with.
    pub fn iterations(&self) -> u32 {
        self.iterations
    }

    /// By which the client's proof is checked. Keep it secret.
    pub fn stored_key(&self) -> &[u8] {
        self.stored_key.bytes()
    }

    /// By which the server proves itself. Keep it secret.
    pub fn server_key(&self) -> &[u8] {
        self.server_key.bytes()
    }

    pub(super) fn server_key_secret(&self) -> &Secret {
        &self.server_key
    }

    pub(super) fn stored_key_secret(&self) -> &Secret {
        &self.stored_key
    }
}

impl fmt::Debug for ScramCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScramCredential")
            .field("mechanism", &self.mechanism)
            .field("iterations", &self.iterations)
            .finish_non_exhaustive()
    }
}
