//! The subject of a certificate, as Java writes it (RFC 2253): it is who a client is that has nothing
//! else to say about itself.
//!
//! ```text
//! Certificate ─ TBSCertificate ─ [version] serial algorithm issuer validity subject ...
//! subject: SEQUENCE OF (SET OF (SEQUENCE of OBJECT IDENTIFIER and value))
//! ```

use std::fmt::Write;

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const OBJECT_IDENTIFIER: u8 = 0x06;
const VERSION: u8 = 0xa0;

/// The subject of a certificate in DER; `None` if it has none, or is no certificate.
pub(crate) fn subject_of(certificate: &[u8]) -> Option<String> {
    let (certificate, _) = element(certificate, SEQUENCE)?;
    let (mut fields, _) = element(certificate, SEQUENCE)?;
    if let Some((_, after)) = element(fields, VERSION) {
        fields = after;
    }
    // Serial number, algorithm, issuer, validity.
    for _ in 0..4 {
        (_, _, fields) = any_element(fields)?;
    }
    let (mut subject, _) = element(fields, SEQUENCE)?;
    let mut names = Vec::new();
    while !subject.is_empty() {
        let (name, after) = element(subject, SET)?;
        names.push(relative_name(name)?);
        subject = after;
    }
    names.reverse();
    (!names.is_empty()).then(|| names.join(","))
}

/// One or more attributes: `CN=ann`.
fn relative_name(mut attributes: &[u8]) -> Option<String> {
    let mut parts = Vec::new();
    while !attributes.is_empty() {
        let (attribute, after) = element(attributes, SEQUENCE)?;
        let (identifier, value) = element(attribute, OBJECT_IDENTIFIER)?;
        parts.push(attribute_text(identifier, value)?);
        attributes = after;
    }
    Some(parts.join("+"))
}

fn attribute_text(identifier: &[u8], value: &[u8]) -> Option<String> {
    let word = match identifier {
        [0x55, 4, 3] => Some("CN"),
        [0x55, 4, 6] => Some("C"),
        [0x55, 4, 7] => Some("L"),
        [0x55, 4, 8] => Some("ST"),
        [0x55, 4, 9] => Some("STREET"),
        [0x55, 4, 10] => Some("O"),
        [0x55, 4, 11] => Some("OU"),
        [0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 1] => Some("UID"),
        [0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 25] => Some("DC"),
        _ => None,
    };
    let (_, content, _) = any_element(value)?;
    let text = std::str::from_utf8(content).ok();
    match (word, text) {
        (Some(word), Some(text)) => Some(format!("{word}={}", escaped(text))),
        _ => {
            let mut hex = format!("{}=#", dotted(identifier));
            for byte in value {
                write!(hex, "{byte:02x}").ok()?;
            }
            Some(hex)
        }
    }
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    let last = text.chars().count().saturating_sub(1);
    for (at, c) in text.chars().enumerate() {
        let special = matches!(c, ',' | '+' | '"' | '\\' | '<' | '>' | ';');
        let at_an_end = c == ' ' && (at == 0 || at == last) || c == '#' && at == 0;
        if special || at_an_end {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

fn dotted(identifier: &[u8]) -> String {
    let mut arcs: Vec<u64> = Vec::new();
    let mut arc = 0_u64;
    for byte in identifier {
        arc = arc << 7 | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            if arcs.is_empty() {
                let first = (arc / 40).min(2);
                arcs.extend([first, arc - first * 40]);
            } else {
                arcs.push(arc);
            }
            arc = 0;
        }
    }
    let arcs: Vec<String> = arcs.iter().map(u64::to_string).collect();
    arcs.join(".")
}

/// The content of the element that `der` begins with, and what is after it.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (found, content, after) = any_element(der)?;
    (found == tag).then_some((content, after))
}

fn any_element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, rest) = der.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        ..=0x7f => (usize::from(*first), rest),
        0x81..=0x84 => {
            let (length, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            let sum = |sum: usize, byte: &u8| sum << 8 | usize::from(*byte);
            (length.iter().fold(0, sum), rest)
        }
        _ => return None,
    };
    let (content, after) = rest.split_at_checked(length)?;
    Some((*tag, content, after))
}

#[cfg(test)]
mod tests {
    //! Goal: the subject reads as Java writes it, and no damaged certificate does harm.

    #![allow(clippy::indexing_slicing, reason = "a panic is how a test fails")]

    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject;

    use super::*;

    fn client() -> CertificateDer<'static> {
        let pem = include_bytes!("../../tests/certificates/client.pem");
        CertificateDer::from_pem_slice(pem).expect("a certificate")
    }

    #[test]
    fn the_subject_is_written_backwards_and_escaped() {
        // As `openssl x509 -subject -nameopt RFC2253` shows it.
        let subject = subject_of(&client());
        assert_eq!(
            subject.as_deref(),
            Some("CN=ann,OU=Tests,O=River\\, Inc.,C=DE")
        );
    }

    #[test]
    fn no_damaged_certificate_does_harm() {
        let whole = client();
        for end in 0..whole.len() {
            assert_eq!(subject_of(&whole[..end]), None, "the first {end} bytes");
        }
        for at in 0..whole.len() {
            for bit in 0..8 {
                let mut damaged = whole.to_vec();
                damaged[at] ^= 1 << bit;
                // Whatever it is now, it is read without a panic.
                let _ = subject_of(&damaged);
            }
        }
    }
}
