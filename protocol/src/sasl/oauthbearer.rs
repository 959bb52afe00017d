//! OAUTHBEARER (RFC 7628) with Kafka's extensions (KIP-342).
//!
//! ```text
//! n,a=AUTHORIZATION ID,^A auth=Bearer TOKEN ^A NAME=VALUE ^A ... ^A        (^A is the byte 1)
//! ```
//! A server that is content answers with nothing; one that is not, with JSON, which the client
//! acknowledges by a single `^A`. Only then does the server fail the exchange.

use std::collections::BTreeMap;
use std::fmt::Write;

use bytes::Bytes;

use super::error::SaslError;
use super::secret::Secret;
use super::text;

/// What a client sends after it was told an error.
pub const OAUTHBEARER_ACKNOWLEDGEMENT: &[u8] = b"\x01";

const KIND: &str = "OAUTHBEARER client message";

/// Characters of a server's error that are kept.
const REASON_CHARACTERS_MAX: usize = 1000;

/// What a client says about itself by OAUTHBEARER.
#[derive(Debug, Clone)]
pub struct OAuthBearerLogin {
    authorization_id: String,
    token: Secret,
    extensions: BTreeMap<String, String>,
}

impl OAuthBearerLogin {
    /// A login by a token, as RFC 6750 defines it: letters, digits, `-._~+/` and `=` at the end.
    ///
    /// # Errors
    /// The token has other characters or is empty.
    pub fn new(token: &str) -> Result<Self, SaslError> {
        if !is_token(token) {
            return Err(SaslError::Unsendable {
                what: "token",
                reason: "it is no bearer token: letters, digits and -._~+/, then = signs",
            });
        }
        Ok(OAuthBearerLogin {
            authorization_id: String::new(),
            token: Secret::new(token.as_bytes()),
            extensions: BTreeMap::new(),
        })
    }

    /// Adds an extension, which the server's own validator makes something of (KIP-342). They are
    /// sent in the order of their names.
    ///
    /// # Errors
    /// The name is `auth` or has more than letters; the value is empty or not printable ASCII.
    pub fn with_extension(mut self, name: &str, value: &str) -> Result<Self, SaslError> {
        if name == "auth" || !is_name(name) || !is_value(value) {
            return Err(SaslError::Extension {
                name: name.to_owned(),
            });
        }
        self.extensions.insert(name.to_owned(), value.to_owned());
        Ok(self)
    }

    /// Asks to act as `id`, which Kafka allows only if it is the token's own principal. It is sent as
    /// it is, as Kafka's client does.
    ///
    /// # Errors
    /// The id has control characters.
    pub fn with_authorization_id(mut self, id: &str) -> Result<Self, SaslError> {
        if id.chars().any(char::is_control) {
            return Err(SaslError::Unsendable {
                what: "authorization id",
                reason: "it has control characters",
            });
        }
        id.clone_into(&mut self.authorization_id);
        Ok(self)
    }

    /// The message. It holds the token as it is.
    pub fn encode(&self) -> Bytes {
        let mut message = b"n,".to_vec();
        if !self.authorization_id.is_empty() {
            message.extend_from_slice(b"a=");
            message.extend_from_slice(self.authorization_id.as_bytes());
        }
        message.extend_from_slice(b",\x01auth=Bearer ");
        message.extend_from_slice(self.token.bytes());
        for (name, value) in &self.extensions {
            message.push(1);
            message.extend_from_slice(name.as_bytes());
            message.push(b'=');
            message.extend_from_slice(value.as_bytes());
        }
        message.extend_from_slice(b"\x01\x01");
        Bytes::from(message)
    }

    /// Reads a client's message. The token is not looked into.
    ///
    /// # Errors
    /// It is no such message.
    pub fn decode(message: &[u8]) -> Result<Self, SaslError> {
        let message = text(message, KIND)?;
        let malformed = |reason| SaslError::Malformed { kind: KIND, reason };
        let rest = message.strip_prefix("n,");
        let rest = rest.ok_or_else(|| malformed("it does not begin with `n,`"))?;
        let (id, rest) = rest
            .split_once(",\x01")
            .ok_or_else(|| malformed("its header has no end"))?;
        let id = match id.strip_prefix("a=") {
            Some(id) if is_sasl_name(id) => id,
            None if id.is_empty() => "",
            _ => return Err(malformed("it has no valid authorization id")),
        };
        let mut pairs = BTreeMap::new();
        let mut rest = rest;
        while rest != "\x01" {
            let (pair, after) = rest
                .split_once('\x01')
                .ok_or_else(|| malformed("it has no end"))?;
            let (name, value) = pair
                .split_once('=')
                .filter(|(name, value)| is_name(name) && is_value(value))
                .ok_or_else(|| malformed("it has a pair that is no NAME=VALUE"))?;
            pairs.insert(name.to_owned(), value.to_owned());
            rest = after;
        }
        let auth = pairs.remove("auth");
        let auth = auth.ok_or_else(|| malformed("it has no `auth`"))?;
        let (scheme, token) = auth
            .split_once(' ')
            .ok_or_else(|| malformed("its `auth` has no token"))?;
        let token = token.trim_start_matches(' ');
        if !scheme.eq_ignore_ascii_case("bearer") || !is_token(token) {
            return Err(malformed("its `auth` is no bearer token"));
        }
        Ok(OAuthBearerLogin {
            authorization_id: id.to_owned(),
            token: Secret::new(token.as_bytes()),
            extensions: pairs,
        })
    }

    /// The token, for whoever can tell whether it is valid.
    pub fn token(&self) -> &str {
        std::str::from_utf8(self.token.bytes()).expect("a token is ASCII: see `is_token`")
    }

    /// Whom the client wants to act as, empty if the token shall say. Kafka refuses whom the token
    /// does not name.
    pub fn authorization_id(&self) -> &str {
        &self.authorization_id
    }

    /// The extensions by name.
    pub fn extensions(&self) -> impl Iterator<Item = (&str, &str)> {
        let pairs = self.extensions.iter();
        pairs.map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// What a server says about a token that it does not accept (RFC 7628, section 3.2.2).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OAuthBearerRefusal {
    /// The kind of error: `invalid_token`.
    pub status: String,
    /// The scope a token needs.
    pub scope: Option<String>,
    /// Where the configuration of the token's issuer is to be found.
    pub openid_configuration: Option<String>,
}

impl OAuthBearerRefusal {
    /// The JSON, in the form of Kafka's brokers.
    pub fn encode(&self) -> Bytes {
        let mut json = String::from("{");
        let members = [
            ("status", Some(&self.status)),
            ("scope", self.scope.as_ref()),
            ("openid-configuration", self.openid_configuration.as_ref()),
        ];
        for (name, value) in members {
            let Some(value) = value else { continue };
            let separator = if json.len() > 1 { ", " } else { "" };
            json.push_str(separator);
            json.push_str(&format!("\"{name}\":\""));
            push_escaped(&mut json, value);
            json.push('"');
        }
        json.push('}');
        Bytes::from(json)
    }
}

fn push_escaped(json: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '"' | '\\' => json.extend(['\\', character]),
            // Writing to a string does not fail.
            '\0'..='\x1f' => drop(write!(json, "\\u{:04x}", u32::from(character))),
            _ => json.push(character),
        }
    }
}

/// What a client makes of the server's answer to its login.
///
/// # Errors
/// The server refused. It expects an [acknowledgement](OAUTHBEARER_ACKNOWLEDGEMENT), and fails the
/// exchange then.
pub fn oauthbearer_verify(answer: &[u8]) -> Result<(), SaslError> {
    if answer.is_empty() {
        return Ok(());
    }
    let reason = String::from_utf8_lossy(answer);
    Err(SaslError::Refused {
        reason: reason.chars().take(REASON_CHARACTERS_MAX).collect(),
    })
}

fn is_token(text: &str) -> bool {
    let body = text.trim_end_matches('=');
    let of_token = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
    !body.is_empty() && body.bytes().all(of_token)
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphabetic())
}

fn is_value(text: &str) -> bool {
    let of_value = |byte: u8| matches!(byte, 0x20..=0x7e | b'\t' | b'\r' | b'\n');
    !text.is_empty() && text.bytes().all(of_value)
}

/// A name in a header: ASCII, with `,` and `=` written `=2C` and `=3D`.
fn is_sasl_name(text: &str) -> bool {
    let mut parts = text.split('=');
    let plain = |part: &str| {
        part.bytes()
            .all(|byte| matches!(byte, 1..=0x7f) && byte != b',')
    };
    let first = parts.next().is_some_and(plain);
    let escape = |part: &str| part.starts_with("2C") || part.starts_with("3D");
    !text.is_empty() && first && parts.all(|part| escape(part) && plain(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_goes_over_the_wire_with_its_extensions() {
        let login = OAuthBearerLogin::new("a.b-c==")
            .and_then(|login| login.with_extension("traceId", "12 3"))
            .and_then(|login| login.with_authorization_id("alice"))
            .expect("all can be sent");
        let message = login.encode();
        assert_eq!(
            message.as_ref(),
            b"n,a=alice,\x01auth=Bearer a.b-c==\x01traceId=12 3\x01\x01"
        );
        let read = OAuthBearerLogin::decode(&message).expect("a login");
        assert_eq!(
            (read.token(), read.authorization_id()),
            ("a.b-c==", "alice")
        );
        assert_eq!(read.extensions().collect::<Vec<_>>(), [("traceId", "12 3")]);
        assert!(!format!("{read:?}").contains("a.b-c"));
    }

    #[test]
    fn every_prefix_of_a_message_is_refused() {
        let login = OAuthBearerLogin::new("abc").and_then(|login| login.with_extension("k", "v"));
        let message = login.expect("all can be sent").encode();
        for cut in 0..message.len() {
            let read = OAuthBearerLogin::decode(&message[..cut]);
            assert!(matches!(read, Err(SaslError::Malformed { .. })), "{cut}");
        }
    }

    #[test]
    fn a_refusal_is_json_whatever_it_says() {
        let refusal = OAuthBearerRefusal {
            status: "say \"no\"\n\\".to_owned(),
            scope: None,
            openid_configuration: Some("https://example.org".to_owned()),
        };
        let json = refusal.encode();
        let expected =
            r#"{"status":"say \"no\"\u000a\\", "openid-configuration":"https://example.org"}"#;
        assert_eq!(json.as_ref(), expected.as_bytes());
        assert_eq!(oauthbearer_verify(b""), Ok(()));
        let error = oauthbearer_verify(&json).expect_err("a refusal");
        assert!(error.to_string().contains("example.org"), "{error}");
        let long = oauthbearer_verify(&[0xff; 100_000]).expect_err("a refusal");
        assert!(long.to_string().chars().count() < 1100);
    }

    #[test]
    fn what_is_no_token_is_not_sent() {
        for token in ["", "=", "a b", "a\x01b", "a=b", "é"] {
            assert!(OAuthBearerLogin::new(token).is_err(), "{token:?}");
        }
    }
}
