//! Topic ids, directory ids and the like, in Kafka's text form.

use std::fmt;
use std::str::FromStr;

/// A 128-bit id. As text it is Kafka's: base64url without padding, 22 letters.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uuid(pub [u8; 16]);

/// A text that is not a [`Uuid`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is not an id: 22 letters of base64url are expected, as in AAAAAAAAAAAAAAAAAAAAAQ"
)]
pub struct ParseUuidError {
    text: String,
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const LETTERS: usize = 22;

impl Uuid {
    /// No id.
    pub const ZERO: Self = Self([0; 16]);

    /// The topic id of the cluster metadata log, never given to another topic.
    pub const METADATA_TOPIC: Self = Self([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);

    /// Whether this is [`ZERO`](Self::ZERO), which stands for no id.
    pub fn is_zero(&self) -> bool {
        *self == Self::ZERO
    }
}

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // 22 letters hold 132 bits: the last letter carries two bits of the id and four zeros.
        let number = u128::from_be_bytes(self.0);
        let letters = (0..LETTERS as u32).map(|i| {
            let six_bits = if i == 21 {
                (number & 0b11) << 4
            } else {
                (number >> (122 - 6 * i)) & 63
            };
            ALPHABET
                .get(six_bits as usize)
                .copied()
                .map_or('A', char::from)
        });
        f.pad(&letters.collect::<String>())
    }
}

impl fmt::Debug for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Uuid {
    type Err = ParseUuidError;

    /// Reads 22 letters, with or without the padding `==`.
    fn from_str(text: &str) -> Result<Self, ParseUuidError> {
        let error = || ParseUuidError {
            text: text.to_owned(),
        };
        let letters = text.strip_suffix("==").unwrap_or(text).as_bytes();
        let Some((last, first)) = letters.split_last().filter(|_| letters.len() == LETTERS) else {
            return Err(error());
        };
        let six_bits = |letter: &u8| ALPHABET.iter().position(|l| l == letter).map(|i| i as u128);
        let mut number = 0;
        for letter in first {
            number = number << 6 | six_bits(letter).ok_or_else(error)?;
        }
        // As Java does, the four bits beyond the id are not looked at.
        number = number << 2 | six_bits(last).ok_or_else(error)? >> 4;
        Ok(Self(number.to_be_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_bytes_are_each_others_inverse() {
        let id = Uuid([
            0xc1, 0x97, 0x72, 0xf2, 0x90, 0x49, 0x74, 0x23, 0x25, 0x5e, 0xde, 0x13, 0xbc, 0xea,
            0x13, 0xfe,
        ]);
        assert_eq!(id.to_string(), "wZdy8pBJdCMlXt4TvOoT_g");
        assert_eq!("wZdy8pBJdCMlXt4TvOoT_g".parse(), Ok(id));
        assert_eq!("wZdy8pBJdCMlXt4TvOoT_g==".parse(), Ok(id));
        assert_eq!(Uuid::METADATA_TOPIC.to_string(), "AAAAAAAAAAAAAAAAAAAAAQ");
    }

    #[test]
    fn a_text_of_another_length_or_alphabet_is_refused() {
        for text in [
            "",
            "A",
            "AAAAAAAAAAAAAAAAAAAAA",
            "AAAAAAAAAAAAAAAAAAAAAAA",
            "+AAAAAAAAAAAAAAAAAAAAQ",
        ] {
            let error = text.parse::<Uuid>().expect_err("not an id");
            assert!(error.to_string().contains("22 letters"), "{error}");
        }
    }
}
