//! Values that state is made of, and their bytes in a changelog.

/// The bytes end before the value does, or are none of its.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut;

/// A value that can be kept in state and written to a changelog.
///
/// Implemented for integers, floats, `bool`, `String`, `Vec<u8>`, `()`, and `Option`s, pairs and
/// `Vec`s of these. For serde types see `Agg::reduce` and `Agg::fold`, which keep JSON.
pub trait Stored: Clone + 'static {
    /// Appends what the value is to a description. Two types with the same bytes and different
    /// meaning must differ in it: state of the one is then refused for the other.
    fn describe(out: &mut String);

    /// Appends its bytes.
    fn write(&self, out: &mut Vec<u8>);

    /// Reads its bytes off the front of `bytes`.
    ///
    /// # Errors
    /// They are cut short, or none of its.
    fn read(bytes: &mut &[u8]) -> Result<Self, Cut>;
}

/// Takes `length` bytes off the front.
pub(crate) fn take<'b>(bytes: &mut &'b [u8], length: usize) -> Result<&'b [u8], Cut> {
    let (taken, rest) = bytes.split_at_checked(length).ok_or(Cut)?;
    *bytes = rest;
    Ok(taken)
}

fn write_unsigned(mut value: u128, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn read_unsigned(bytes: &mut &[u8]) -> Result<u128, Cut> {
    let mut value = 0_u128;
    for shift in (0..128).step_by(7) {
        let (byte, rest) = bytes.split_first().ok_or(Cut)?;
        *bytes = rest;
        let bits = u128::from(byte & 0x7f);
        value |= bits
            .checked_shl(shift)
            .filter(|shifted| shifted >> shift == bits)
            .ok_or(Cut)?;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(Cut)
}

macro_rules! stored_integers {
    ($($integer:ty: $to:expr, $from:expr;)*) => {$(
        impl Stored for $integer {
            fn describe(out: &mut String) {
                out.push_str(stringify!($integer));
            }

            fn write(&self, out: &mut Vec<u8>) {
                write_unsigned($to((*self).into()), out);
            }

            fn read(bytes: &mut &[u8]) -> Result<Self, Cut> {
                $from(read_unsigned(bytes)?).try_into().map_err(|_| Cut)
            }
        }
    )*};
}

fn same(value: u128) -> u128 {
    value
}

/// Small numbers of either sign become small: 0, -1, 1, -2 …
fn zigzag(value: i128) -> u128 {
    ((value << 1) ^ (value >> 127)) as u128
}

fn unzigzag(value: u128) -> i128 {
    ((value >> 1) as i128) ^ -((value & 1) as i128)
}

stored_integers! {
    u8: same, same;
    u16: same, same;
    u32: same, same;
    u64: same, same;
    u128: same, same;
    i8: zigzag, unzigzag;
    i16: zigzag, unzigzag;
    i32: zigzag, unzigzag;
    i64: zigzag, unzigzag;
    i128: zigzag, unzigzag;
}

macro_rules! stored_floats {
    ($($float:ty),*) => {$(
        impl Stored for $float {
            fn describe(out: &mut String) {
                out.push_str(stringify!($float));
            }

            fn write(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_le_bytes());
            }

            fn read(bytes: &mut &[u8]) -> Result<Self, Cut> {
                let (float, rest) = bytes.split_first_chunk().ok_or(Cut)?;
                *bytes = rest;
                Ok(Self::from_le_bytes(*float))
            }
        }
    )*};
}

stored_floats!(f32, f64);

impl Stored for bool {
    fn describe(out: &mut String) {
        out.push_str("bool");
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }

    fn read(bytes: &mut &[u8]) -> Result<Self, Cut> {
        match take(bytes, 1)? {
            [0] => Ok(false),
            [1] => Ok(true),
            _ => Err(Cut),
        }
    }
}

impl Stored for () {
    fn describe(out: &mut String) {
        out.push_str("()");
    }

    fn write(&self, _out: &mut Vec<u8>) {}

    fn read(_bytes: &mut &[u8]) -> Result<Self, Cut> {
        Ok(())
    }
}

impl Stored for String {
    fn describe(out: &mut String) {
        out.push_str("text");
    }

    fn write(&self, out: &mut Vec<u8>) {
        write_unsigned(self.len() as u128, out);
        out.extend_from_slice(self.as_bytes());
    }

    fn read(bytes: &mut &[u8]) -> Result<Self, Cut> {
        let length = usize::try_from(read_unsigned(bytes)?).map_err(|_| Cut)?;
        let text = take(bytes, length)?;
        std::str::from_utf8(text)
            .map(str::to_owned)
            .map_err(|_| Cut)
    }
}

impl<T: Stored> Stored for Vec<T> {
    fn describe(out: &mut String) {
        out.push_str("list of ");
        T::describe(out);
    }

    fn write(&self, out: &mut Vec<u8>) {
        write_unsigned(self.len() as u128, out);
        for item in self {
            item.write(out);
        }
    }

    fn read(bytes: &mut &[u8]) -> Result<Self, Cut> {
        let length = usize::try_from(read_unsigned(bytes)?).map_err(|_| Cut)?;
        // Grows as items are found, whatever the length claims.
        let mut items = Self::new();
        for _ in 0..length {
            items.push(T::read(bytes)?);
            if bytes.is_empty() && items.len() < length && size_of::<T>() > 0 {
                return Err(Cut);
            }
        }
        Ok(items)
    }
}

impl<T: Stored> Stored for Option<T> {
    fn describe(out: &mut String) {
        out.push_str("optional ");
        T::describe(out);
    }

    fn write(&self, out: &mut Vec<u8>) {
        self.is_some().write(out);
        if let Some(value) = self {
            value.write(out);
        }
    }

    fn read(bytes: &mut &[u8]) -> Result<Self, Cut> {
        bool::read(bytes)?.then(|| T::read(bytes)).transpose()
    }
}

impl<A: Stored, B: Stored> Stored for (A, B) {
    fn describe(out: &mut String) {
        out.push('(');
        A::describe(out);
        out.push_str(", ");
        B::describe(out);
        out.push(')');
    }

    fn write(&self, out: &mut Vec<u8>) {
        self.0.write(out);
        self.1.write(out);
    }

    fn read(bytes: &mut &[u8]) -> Result<Self, Cut> {
        Ok((A::read(bytes)?, B::read(bytes)?))
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Debug;

    use super::*;

    fn round_trips<T: Stored + PartialEq + Debug>(value: T) {
        let mut bytes = Vec::new();
        value.write(&mut bytes);
        let mut rest = &bytes[..];
        assert_eq!(T::read(&mut rest).as_ref(), Ok(&value));
        assert!(rest.is_empty());
        for length in 0..bytes.len() {
            assert_eq!(
                T::read(&mut &bytes[..length]),
                Err(Cut),
                "{value:?} cut at {length}"
            );
        }
    }

    #[test]
    fn values_come_back_as_they_were_and_never_from_a_part_of_them() {
        for value in [0, 1, -1, i64::MIN, i64::MAX] {
            round_trips(value);
        }
        round_trips(u64::MAX);
        round_trips(u128::MAX);
        round_trips(i128::MIN);
        round_trips(-0.5_f64);
        round_trips(true);
        round_trips("Tälweg".to_owned());
        round_trips(vec![1_u8, 2, 255]);
        round_trips(Some((7_u16, vec!["a".to_owned(), String::new()])));
        round_trips(None::<i32>);
    }

    #[test]
    fn a_number_too_large_for_its_type_is_refused() {
        let mut bytes = Vec::new();
        u64::MAX.write(&mut bytes);
        assert_eq!(u32::read(&mut &bytes[..]), Err(Cut));
        assert_eq!(u128::read(&mut &[0xff; 19][..]), Err(Cut));
    }

    #[test]
    fn a_length_beyond_the_bytes_neither_allocates_nor_succeeds() {
        let mut bytes = Vec::new();
        write_unsigned(u64::MAX.into(), &mut bytes);
        bytes.push(1);
        assert_eq!(Vec::<u8>::read(&mut &bytes[..]), Err(Cut));
        assert_eq!(String::read(&mut &bytes[..]), Err(Cut));
    }
}
