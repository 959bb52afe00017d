//! The numbers Kafka addresses things by, each a type of its own so that they cannot be mixed up.

use std::fmt;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident($inner:ty), default $default:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub $inner);

        impl Default for $name {
            fn default() -> Self {
                Self($default)
            }
        }

        impl From<$inner> for $name {
            fn from(value: $inner) -> Self {
                Self(value)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

id! {
    /// The position of a record in its partition, counted from 0.
    Offset(i64), default 0
}

id! {
    /// The number of a partition within its topic, counted from 0.
    PartitionId(i32), default 0
}

id! {
    /// The id a broker gave to an idempotent or transactional producer; -1 is none.
    ProducerId(i64), default -1
}

id! {
    /// The number of a broker (`node.id`); -1 is none.
    BrokerId(i32), default -1
}
