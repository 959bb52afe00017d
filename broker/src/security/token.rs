//! Unsecured JSON web tokens, which Kafka's brokers accept by default for OAUTHBEARER: anybody can
//! write them. For tests.

use super::TokenLogin;

/// Whose an unsecured token is, at `now_ms`.
///
/// # Errors
/// Why it is not accepted.
pub(super) fn unsecured(token: &str, now_ms: i64) -> Result<TokenLogin, String> {
    let mut parts = token.split('.');
    let (Some(header), Some(claims), Some(signature), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err("it does not consist of three parts".to_owned());
    };
    let header = json(header)?;
    if header.get("alg").and_then(serde_json::Value::as_str) != Some("none") {
        return Err("Unsecured JWS must have 'none' for an algorithm".to_owned());
    }
    if !signature.is_empty() {
        return Err("Unsecured JWS must not contain a digital signature".to_owned());
    }
    let claims = json(claims)?;
    let seconds = |name: &str| claims.get(name).and_then(serde_json::Value::as_f64);
    let expires = seconds("exp").ok_or("No expiration time in JWT")?;
    let expires_ms = milliseconds(expires);
    if expires_ms <= now_ms {
        return Err("it has expired".to_owned());
    }
    if seconds("iat").is_some_and(|issued| milliseconds(issued) > now_ms) {
        return Err("it was issued in the future".to_owned());
    }
    let subject = claims.get("sub").and_then(serde_json::Value::as_str);
    let subject = subject.filter(|subject| !subject.trim().is_empty());
    Ok(TokenLogin {
        principal: subject
            .ok_or("No principal name in JWT claim: sub")?
            .to_owned(),
        expires_ms: Some(expires_ms),
    })
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "a cast of a float saturates, which is what is wanted of a time too far away"
)]
fn milliseconds(seconds: f64) -> i64 {
    (seconds * 1000.0) as i64
}

fn json(part: &str) -> Result<serde_json::Value, String> {
    let bytes = base64_url(part).ok_or("a part of it is not base64url")?;
    serde_json::from_slice(&bytes).map_err(|_| "a part of it is not JSON".to_owned())
}

/// Decodes base64 in its form for URLs, with or without padding.
fn base64_url(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3 + 3);
    let (mut bits, mut count) = (0_u32, 0);
    for c in text.trim_end_matches('=').bytes() {
        let value = match c {
            b'A'..=b'Z' => c - b'A',
            b'a'..=b'z' => c - b'a' + 26,
            b'0'..=b'9' => c - b'0' + 52,
            b'-' => 62,
            b'_' => 63,
            _ => return None,
        };
        bits = bits << 6 & 0x00ff_ffff | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from(bits >> count & 0xff).ok()?);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    //! Goal: a token is believed for as long as it says, and nothing that is none is.

    use super::*;

    const HEADER: &str = "eyJhbGciOiJub25lIn0"; // {"alg":"none"}

    #[test]
    fn an_unsecured_token_is_its_subjects_until_it_expires() {
        // {"sub":"ann","exp":100}
        let token = format!("{HEADER}.eyJzdWIiOiJhbm4iLCJleHAiOjEwMH0.");
        let login = unsecured(&token, 99_999).expect("not expired");
        assert_eq!(login.principal, "ann");
        assert_eq!(login.expires_ms, Some(100_000));
        unsecured(&token, 100_000).expect_err("expired");
    }

    #[test]
    fn what_is_no_unsecured_token_is_refused() {
        let signed = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbm4iLCJleHAiOjEwMH0.";
        let with_signature = format!("{HEADER}.eyJzdWIiOiJhbm4iLCJleHAiOjEwMH0.eyJh");
        let without_expiry = format!("{HEADER}.eyJzdWIiOiJhbm4ifQ.");
        let bad = ["", ".", "..", "a.b.c", "....", signed, "eyJ.", "\u{e9}.x."];
        for token in bad.into_iter().chain([&*with_signature, &*without_expiry]) {
            unsecured(token, 0).expect_err(token);
        }
    }
}
