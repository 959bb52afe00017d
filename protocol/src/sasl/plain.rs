//! PLAIN (RFC 4616): `authorization id, NUL, user name, NUL, password`.

use bytes::Bytes;

use super::error::SaslError;
use super::secret::Secret;
use super::text;

/// What a client says about itself by PLAIN.
#[derive(Debug, Clone)]
pub struct PlainLogin {
    authorization_id: String,
    username: String,
    password: Secret,
}

impl PlainLogin {
    /// A login by name and password.
    ///
    /// # Errors
    /// One of them is empty or has a NUL character, which ends it on the wire.
    pub fn new(username: &str, password: &str) -> Result<Self, SaslError> {
        for (what, text) in [("user name", username), ("password", password)] {
            let unsendable = |reason| SaslError::Unsendable { what, reason };
            if text.is_empty() {
                return Err(unsendable("it is empty"));
            }
            if text.contains('\0') {
                return Err(unsendable("it has a NUL character"));
            }
        }
        Ok(PlainLogin {
            authorization_id: String::new(),
            username: username.to_owned(),
            password: Secret::new(password.as_bytes()),
        })
    }

    /// Asks to act as `id`, which Kafka allows only if it is the user name.
    ///
    /// # Errors
    /// The id has a NUL character.
    pub fn with_authorization_id(mut self, id: &str) -> Result<Self, SaslError> {
        if id.contains('\0') {
            return Err(SaslError::Unsendable {
                what: "authorization id",
                reason: "it has a NUL character",
            });
        }
        id.clone_into(&mut self.authorization_id);
        Ok(self)
    }

    /// The message. It holds the password as it is.
    pub fn encode(&self) -> Bytes {
        let id = self.authorization_id.as_bytes();
        let parts = [id, self.username.as_bytes(), self.password.bytes()];
        Bytes::from(parts.join(&0))
    }

    /// Reads a client's message.
    ///
    /// # Errors
    /// It is no such message, or a part of it is missing.
    pub fn decode(message: &[u8]) -> Result<Self, SaslError> {
        let mut parts = text(message, "PLAIN message")?.split('\0');
        let (Some(authorization_id), Some(username), Some(password), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            let nuls = message.iter().filter(|byte| **byte == 0).count();
            let count = (nuls + 1).min(4);
            return Err(SaslError::PlainTokens { count });
        };
        if username.is_empty() {
            return Err(SaslError::UsernameMissing);
        }
        if password.is_empty() {
            return Err(SaslError::PasswordMissing);
        }
        Ok(PlainLogin {
            authorization_id: authorization_id.to_owned(),
            username: username.to_owned(),
            password: Secret::new(password.as_bytes()),
        })
    }

    /// Who the client says it is. Not to be believed before [`authenticate`](Self::authenticate).
    pub fn username(&self) -> &str {
        &self.username
    }

    /// Checks the password against the user's, `None` if there is no such user.
    ///
    /// # Errors
    /// The password is another, or the client wants to act as another user, which Kafka does not
    /// know.
    pub fn authenticate(&self, password: Option<&str>) -> Result<(), SaslError> {
        let known = password.is_some_and(|known| self.password.is(known.as_bytes()));
        if !known {
            return Err(SaslError::WrongPassword);
        }
        if !self.authorization_id.is_empty() && self.authorization_id != self.username {
            return Err(SaslError::AuthorizationId);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_goes_over_the_wire() {
        let login = PlainLogin::new("user", "pencil").expect("both can be sent");
        assert_eq!(login.encode().as_ref(), b"\0user\0pencil");
        let read = PlainLogin::decode(&login.encode()).expect("a login");
        assert_eq!(read.username(), "user");
        assert_eq!(read.authenticate(Some("pencil")), Ok(()));
        for wrong in [None, Some(""), Some("pencils"), Some("pencim")] {
            assert_eq!(read.authenticate(wrong), Err(SaslError::WrongPassword));
        }
    }

    #[test]
    fn the_password_is_never_shown() {
        let login = PlainLogin::new("user", "pencil").expect("both can be sent");
        assert!(!format!("{login:?}").contains("pencil"));
    }

    #[test]
    fn what_would_end_a_part_early_is_not_sent() {
        for (username, password) in [("", "p"), ("u", ""), ("u\0x", "p"), ("u", "p\0")] {
            let error = PlainLogin::new(username, password).expect_err("not sendable");
            assert!(matches!(error, SaslError::Unsendable { .. }));
        }
        assert!(PlainLogin::decode(b"\0user\0\xff").is_err(), "not UTF-8");
    }
}
