//! Messages field by field, for tests: building one from Kafka's JSON, and comparing it with that.
//!
//! Behind the feature `reflect`, which only tests turn on.

mod codecs;

use bytes::Bytes;

use crate::tags::UnknownTags;
use crate::{BrokerId, ErrorCode, Offset, PartitionId, ProducerId, StrBytes, Uuid};

pub use codecs::{AnyMessage, CODECS, Codec, Kind};

/// A structure whose fields can be walked. Derived with the codec.
pub trait Reflect {
    /// Calls `visit` with each field in the order of declaration, whether the version has it or not.
    fn fields(&mut self, version: i16, visit: &mut dyn FnMut(Field<'_>));

    /// The tagged fields that are not defined, if the structure may have any.
    fn unknown_tags(&mut self) -> Option<&mut UnknownTags>;
}

/// One field of a structure.
pub struct Field<'a> {
    /// The name as Kafka's JSON spells it, in camel case.
    pub name: &'static str,
    /// Whether the version has the field.
    pub present: bool,
    /// Whether it is tagged, and so absent from the bytes when it is at its default.
    pub tagged: bool,
    /// Whether it is at its default.
    pub is_default: bool,
    /// The value, to look at or to change.
    pub value: &'a mut dyn Value,
}

/// A value of any type a field may have.
pub trait Value {
    /// The value by its kind.
    fn slot(&mut self) -> Slot<'_>;
}

/// A value by its kind.
pub enum Slot<'a> {
    /// True or false.
    Bool(&'a mut bool),
    /// An integer of any size.
    Integer(&'a mut dyn Integer),
    /// A floating-point number.
    Float(&'a mut f64),
    /// A string.
    String(&'a mut StrBytes),
    /// Bytes or records.
    Bytes(&'a mut Bytes),
    /// An id.
    Uuid(&'a mut Uuid),
    /// An array.
    Array(&'a mut dyn Array),
    /// A value that may be null.
    Nullable(&'a mut dyn Nullable),
    /// A structure.
    Structure(&'a mut dyn Reflect),
}

/// An integer of any size, newtypes included.
pub trait Integer {
    /// The value.
    fn value(&self) -> i64;

    /// Sets the value; false if it is out of range.
    fn set(&mut self, value: i64) -> bool;
}

/// An array of values of one type.
pub trait Array {
    /// The number of elements.
    fn length(&self) -> usize;

    /// An element.
    fn element(&mut self, index: usize) -> Option<&mut dyn Value>;

    /// Appends an element with the default value.
    fn push_default(&mut self);

    /// Removes all elements.
    fn clear(&mut self);
}

/// A value that may be null.
pub trait Nullable {
    /// The value, unless it is null.
    fn value(&mut self) -> Option<&mut dyn Value>;

    /// Makes it null, or the default value of its type.
    fn set_present(&mut self, present: bool);
}

macro_rules! values {
    ($($name:ty => $slot:ident),* $(,)?) => {$(
        impl Value for $name {
            fn slot(&mut self) -> Slot<'_> {
                Slot::$slot(self)
            }
        }
    )*};
}

macro_rules! newtypes {
    ($($name:ty),*) => {$(
        impl Integer for $name {
            fn value(&self) -> i64 {
                i64::from(self.0)
            }

            fn set(&mut self, value: i64) -> bool {
                value.try_into().map(|value| self.0 = value).is_ok()
            }
        }
    )*};
}

macro_rules! integers {
    ($($name:ty),*) => {$(
        impl Integer for $name {
            fn value(&self) -> i64 {
                i64::from(*self)
            }

            fn set(&mut self, value: i64) -> bool {
                value.try_into().map(|value| *self = value).is_ok()
            }
        }
    )*};
}

integers!(i8, i16, u16, i32, u32, i64);
newtypes!(BrokerId, ErrorCode, Offset, PartitionId, ProducerId);

values! {
    bool => Bool,
    i8 => Integer,
    i16 => Integer,
    u16 => Integer,
    i32 => Integer,
    u32 => Integer,
    i64 => Integer,
    BrokerId => Integer,
    ErrorCode => Integer,
    Offset => Integer,
    PartitionId => Integer,
    ProducerId => Integer,
    f64 => Float,
    StrBytes => String,
    Bytes => Bytes,
    Uuid => Uuid,
}

impl<T: Reflect> Value for T {
    fn slot(&mut self) -> Slot<'_> {
        Slot::Structure(self)
    }
}

impl<T: Value + Default> Value for Vec<T> {
    fn slot(&mut self) -> Slot<'_> {
        Slot::Array(self)
    }
}

impl<T: Value + Default> Array for Vec<T> {
    fn length(&self) -> usize {
        self.len()
    }

    fn element(&mut self, index: usize) -> Option<&mut dyn Value> {
        self.get_mut(index).map(|element| element as &mut dyn Value)
    }

    fn push_default(&mut self) {
        self.push(T::default());
    }

    fn clear(&mut self) {
        Vec::clear(self);
    }
}

impl<T: Value + Default> Value for Option<T> {
    fn slot(&mut self) -> Slot<'_> {
        Slot::Nullable(self)
    }
}

impl<T: Value + Default> Nullable for Option<T> {
    fn value(&mut self) -> Option<&mut dyn Value> {
        self.as_mut().map(|value| value as &mut dyn Value)
    }

    fn set_present(&mut self, present: bool) {
        *self = present.then(T::default);
    }
}
