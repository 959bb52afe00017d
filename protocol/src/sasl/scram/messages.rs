//! The four messages as text.

use super::super::{base64, error::SaslError};

/// The longest salt that is read, in bytes.
const SALT_BYTES_MAX: usize = 1024;

/// `n,[a=NAME],n=NAME,r=NONCE[,EXTENSION]...`
#[derive(Debug)]
pub(super) struct ClientFirst<'m> {
    /// `n,[a=NAME],`
    pub(super) gs2_header: &'m str,
    /// What comes after it, which both sides sign.
    pub(super) bare: &'m str,
    pub(super) authorization_id: String,
    pub(super) username: String,
    pub(super) nonce: &'m str,
    /// Whether the user name is the id of a delegation token (`tokenauth=true`).
    pub(super) is_token: bool,
}

impl<'m> ClientFirst<'m> {
    pub(super) fn parse(message: &'m str) -> Result<Self, SaslError> {
        let malformed = malformed("SCRAM client first message");
        let rest = message.strip_prefix("n,");
        let rest = rest.ok_or_else(|| malformed("it does not begin with `n,`"))?;
        let (id, bare) = rest
            .split_once(',')
            .ok_or_else(|| malformed("its header has no end"))?;
        let authorization_id = match id.strip_prefix("a=") {
            Some(id) => decode_name(id),
            None => id.is_empty().then(String::new),
        };
        let authorization_id =
            authorization_id.ok_or_else(|| malformed("it has no valid authorization id"))?;
        let (gs2_header, _) = message.split_at(message.len() - bare.len());
        let mut attributes = bare.split(',');
        let username = attributes.next().and_then(|name| name.strip_prefix("n="));
        let username = username
            .and_then(decode_name)
            .ok_or_else(|| malformed("it has no user name in ASCII"))?;
        let nonce = attributes.next().and_then(|nonce| nonce.strip_prefix("r="));
        let nonce = nonce
            .filter(|nonce| is_nonce(nonce))
            .ok_or_else(|| malformed("it has no nonce"))?;
        let mut is_token = false;
        for attribute in attributes {
            let (name, value) =
                extension(attribute).ok_or_else(|| malformed("it has an invalid extension"))?;
            is_token |= name == "tokenauth" && value.eq_ignore_ascii_case("true");
        }
        Ok(ClientFirst {
            gs2_header,
            bare,
            authorization_id,
            username,
            nonce,
            is_token,
        })
    }
}

/// `r=NONCE,s=SALT,i=ITERATIONS[,EXTENSION]...`
#[derive(Debug)]
pub(super) struct ServerFirst<'m> {
    pub(super) nonce: &'m str,
    pub(super) salt: Vec<u8>,
    pub(super) iterations: u32,
    /// All but the extensions.
    pub(super) understood: &'m str,
}

impl<'m> ServerFirst<'m> {
    pub(super) fn parse(message: &'m str) -> Result<Self, SaslError> {
        let malformed = malformed("SCRAM server first message");
        if message.starts_with("m=") {
            // RFC 5802: whoever does not know a mandatory extension fails.
            return Err(malformed("it demands an extension"));
        }
        let mut attributes = message.split(',');
        let nonce = attributes.next().and_then(|nonce| nonce.strip_prefix("r="));
        let nonce = nonce
            .filter(|nonce| is_nonce(nonce))
            .ok_or_else(|| malformed("it has no nonce"))?;
        let salt = attributes.next().and_then(|salt| salt.strip_prefix("s="));
        let salt = salt
            .and_then(base64::decode)
            .filter(|salt| salt.len() <= SALT_BYTES_MAX)
            .ok_or_else(|| malformed("it has no valid salt"))?;
        let iterations = attributes.next().and_then(|count| count.strip_prefix("i="));
        let iterations = iterations
            .filter(|count| count.bytes().all(|byte| byte.is_ascii_digit()))
            .and_then(|count| count.parse::<u32>().ok())
            .ok_or_else(|| malformed("it has no valid number of iterations"))?;
        let mut extensions_bytes = 0;
        for attribute in attributes {
            extension(attribute).ok_or_else(|| malformed("it has an invalid extension"))?;
            extensions_bytes += 1 + attribute.len();
        }
        let (understood, _) = message.split_at(message.len() - extensions_bytes);
        Ok(ServerFirst {
            nonce,
            salt,
            iterations,
            understood,
        })
    }
}

/// `c=CHANNEL BINDING,r=NONCE[,EXTENSION]...,p=PROOF`
#[derive(Debug)]
pub(super) struct ClientFinal<'m> {
    pub(super) channel_binding: Vec<u8>,
    pub(super) nonce: &'m str,
    /// All but the proof, which both sides sign.
    pub(super) without_proof: &'m str,
    pub(super) proof: Vec<u8>,
}

impl<'m> ClientFinal<'m> {
    pub(super) fn parse(message: &'m str) -> Result<Self, SaslError> {
        let malformed = malformed("SCRAM client final message");
        let (without_proof, proof) = message
            .rsplit_once(",p=")
            .ok_or_else(|| malformed("it has no proof"))?;
        let proof = base64::decode(proof).ok_or_else(|| malformed("its proof is not base64"))?;
        let mut attributes = without_proof.split(',');
        let channel = attributes
            .next()
            .and_then(|channel| channel.strip_prefix("c="));
        let channel_binding = channel
            .and_then(base64::decode)
            .ok_or_else(|| malformed("it has no channel binding"))?;
        let nonce = attributes.next().and_then(|nonce| nonce.strip_prefix("r="));
        let nonce = nonce
            .filter(|nonce| is_nonce(nonce))
            .ok_or_else(|| malformed("it has no nonce"))?;
        if attributes.any(|attribute| extension(attribute).is_none()) {
            return Err(malformed("it has an invalid extension"));
        }
        Ok(ClientFinal {
            channel_binding,
            nonce,
            without_proof,
            proof,
        })
    }
}

/// `v=SIGNATURE[,EXTENSION]...` or `e=ERROR`: the signature.
pub(super) fn parse_server_final(message: &str) -> Result<Vec<u8>, SaslError> {
    let malformed = malformed("SCRAM server final message");
    if let Some(error) = message.strip_prefix("e=") {
        let printable = !error.is_empty() && error.bytes().all(|byte| matches!(byte, 1..=0x7f));
        let reason = error.chars().take(100).collect();
        return Err(if printable {
            SaslError::Refused { reason }
        } else {
            malformed("it has an invalid error")
        });
    }
    let mut attributes = message.split(',');
    let signature = attributes.next().and_then(|text| text.strip_prefix("v="));
    let signature = signature
        .and_then(base64::decode)
        .ok_or_else(|| malformed("it has no signature"))?;
    if attributes.any(|attribute| extension(attribute).is_none()) {
        return Err(malformed("it has an invalid extension"));
    }
    Ok(signature)
}

/// A name with `,` and `=` written so that they do not end it.
pub(super) fn encode_name(name: &str) -> String {
    name.replace('=', "=3D").replace(',', "=2C")
}

/// The name that was written so. As Kafka's brokers, in ASCII only.
fn decode_name(text: &str) -> Option<String> {
    let mut name = String::with_capacity(text.len());
    let mut parts = text.split('=');
    name.push_str(parts.next()?);
    for part in parts {
        let (escape, rest) = part.split_at_checked(2)?;
        name.push(match escape {
            "2C" => ',',
            "3D" => '=',
            _ => return None,
        });
        name.push_str(rest);
    }
    let valid = !name.is_empty() && name.bytes().all(|byte| matches!(byte, 1..=0x7f));
    valid.then_some(name)
}

/// Printable ASCII without a comma.
pub(super) fn is_nonce(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b',')
}

/// `LETTERS=VALUE`
fn extension(text: &str) -> Option<(&str, &str)> {
    let (name, value) = text.split_once('=')?;
    let letters = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphabetic());
    let ascii = !value.is_empty() && value.bytes().all(|byte| matches!(byte, 1..=0x7f));
    (letters && ascii).then_some((name, value))
}

fn malformed(kind: &'static str) -> impl Fn(&'static str) -> SaslError {
    move |reason| SaslError::Malformed { kind, reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_commas_and_equals_signs_are_written_and_read() {
        assert_eq!(encode_name("a=b,c"), "a=3Db=2Cc");
        assert_eq!(decode_name("a=3Db=2Cc").as_deref(), Some("a=b,c"));
        assert_eq!(decode_name("=2C=3D").as_deref(), Some(",="));
        for text in [
            "", "a=", "a=2", "a=2c", "a=41", "a==3D", "naïve", "a\0", "=2é",
        ] {
            assert_eq!(decode_name(text), None, "{text}");
        }
    }

    #[test]
    fn a_first_message_may_name_another_user_and_a_token() {
        let message = "n,a=o=2Cther,n=user,r=nonce,x=y,tokenauth=TRUE";
        let first = ClientFirst::parse(message).expect("a first message");
        assert_eq!(first.gs2_header, "n,a=o=2Cther,");
        assert_eq!(first.authorization_id, "o,ther");
        assert_eq!((first.username.as_str(), first.nonce), ("user", "nonce"));
        assert!(first.is_token);
        assert_eq!(first.bare, "n=user,r=nonce,x=y,tokenauth=TRUE");
        for message in [
            "",
            "n",
            "n,",
            "n,,",
            "y,,n=user,r=n",
            "p=x,,n=user,r=n",
            "n,a=,n=user,r=n",
            "n,b=c,n=user,r=n",
            "n,,n=,r=n",
            "n,,r=n,n=user",
            "n,,n=user",
            "n,,n=user,r=",
            "n,,n=user,r=a b",
            "n,,n=user,r=n,",
            "n,,n=user,r=n,x",
            "n,,n=user,r=n,x=",
            "n,,n=user,r=n,9=x",
            "n,,m=x,n=user,r=n",
        ] {
            let read = ClientFirst::parse(message);
            assert!(
                matches!(read, Err(SaslError::Malformed { .. })),
                "{message}"
            );
        }
    }

    #[test]
    fn what_is_no_final_message_is_refused() {
        for message in [
            "",
            "p=",
            "c=biws,r=n",
            "c=biws,p=AAAA",
            "r=n,c=biws,p=AAAA",
            "c=b,r=n,p=AAAA",
            "c=biws,r=n,p=A",
            "c=biws,r=n,x,p=AAAA",
        ] {
            let read = ClientFinal::parse(message);
            assert!(
                matches!(read, Err(SaslError::Malformed { .. })),
                "{message}"
            );
        }
        for message in ["", "v", "v=!", "v=AAAA,x", "e=", "x=y"] {
            let read = parse_server_final(message);
            assert!(
                matches!(read, Err(SaslError::Malformed { .. })),
                "{message}"
            );
        }
    }
}
