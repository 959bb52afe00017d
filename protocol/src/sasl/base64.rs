//! Standard base64 with padding (RFC 4648), as SCRAM's messages hold it.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The text of `bytes`.
pub(super) fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let mut padded = [0; 4];
        for (to, from) in padded.iter_mut().skip(1).zip(chunk) {
            *to = *from;
        }
        let number = u32::from_be_bytes(padded);
        for place in 0..4 {
            let letter = ALPHABET.get((number >> (18 - 6 * place)) as usize & 63);
            let is_padding = place > chunk.len();
            text.push(
                letter
                    .filter(|_| !is_padding)
                    .map_or('=', |letter| char::from(*letter)),
            );
        }
    }
    text
}

/// The bytes of `text`. `None` if it is not base64 in groups of four.
pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    let (groups, []) = text.as_bytes().as_chunks::<4>() else {
        return None;
    };
    let mut bytes = Vec::with_capacity(groups.len() * 3);
    for (i, group) in groups.iter().enumerate() {
        let padding = group
            .iter()
            .rev()
            .take_while(|letter| **letter == b'=')
            .count();
        if padding > 2 || padding > 0 && i + 1 < groups.len() {
            return None;
        }
        let mut number = 0;
        for letter in group.iter().take(4 - padding) {
            number = number << 6 | value(*letter)?;
        }
        number <<= 6 * padding;
        bytes.extend(number.to_be_bytes().into_iter().skip(1).take(3 - padding));
    }
    Some(bytes)
}

fn value(letter: u8) -> Option<u32> {
    let value = match letter {
        b'A'..=b'Z' => letter - b'A',
        b'a'..=b'z' => letter - b'a' + 26,
        b'0'..=b'9' => letter - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    };
    Some(u32::from(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of RFC 4648, section 10, and letters of all kinds.
    #[test]
    fn bytes_are_written_and_read() {
        let cases: [(&[u8], &str); 8] = [
            (b"", ""),
            (b"f", "Zg=="),
            (b"fo", "Zm8="),
            (b"foo", "Zm9v"),
            (b"foob", "Zm9vYg=="),
            (b"fooba", "Zm9vYmE="),
            (b"foobar", "Zm9vYmFy"),
            (&[0, 0x10, 0x83, 0xfb, 0xff, 0xbf], "ABCD+/+/"),
        ];
        for (bytes, text) in cases {
            assert_eq!(encode(bytes), text);
            assert_eq!(decode(text).as_deref(), Some(bytes));
        }
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(decode(&encode(&all)), Some(all));
    }

    #[test]
    fn what_is_no_base64_is_refused() {
        for text in [
            "Z", "Zg", "Zg=", "Zg==Zg==", "Z===", "====", "Zg-_", "!!!!", "Zg=v", "Zm9vé",
        ] {
            assert_eq!(decode(text), None, "{text}");
        }
    }
}
