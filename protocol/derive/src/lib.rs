//! Turns the definition of a Kafka message, written as a Rust struct, into its codec.
//!
//! Kafka's messages differ by version in which fields they have, which of them may be null and which
//! are tagged. The definitions in `thalweg_protocol::messages` say so in attributes, and the two
//! derives here write the code that follows from them: one function that decodes, one that encodes,
//! one that knows the smallest encoding, and `Default` with Kafka's default values.
//!
//! ```text
//! /// Says that a member is alive.
//! #[derive(Debug, Clone, PartialEq, Message)]
//! #[message(api_key = Heartbeat, versions = 0..=4, flexible = 4.., response = HeartbeatResponse)]
//! pub struct HeartbeatRequest {
//!     /// The group.
//!     pub group_id: StrBytes,
//!     /// The member's fixed name, if it has one.
//!     #[field(versions = 3..)]
//!     pub group_instance_id: Option<StrBytes>,
//!     /// Tagged fields this version does not know.
//!     pub unknown_tagged_fields: UnknownTags,
//! }
//! ```
//!
//! On the struct, `#[message(...)]` for [`Message`](macro@Message):
//!
//! | key | meaning | default |
//! |---|---|---|
//! | `versions = 0..=4` | the versions that are defined | required |
//! | `unstable = 6` | the newest version is not to be used unless asked for | all are stable |
//! | `flexible = 4..` | from here on lengths are compact and tagged fields exist | never |
//! | `api_key = Heartbeat` | the `ApiKey` of a request | no request |
//! | `response = HeartbeatResponse` | the message that answers it | no request |
//!
//! On a field, `#[field(...)]`:
//!
//! | key | meaning | default |
//! |---|---|---|
//! | `versions = 3..` | the versions that have the field; others leave it at its default | all |
//! | `nullable = 2..` | the versions in which an `Option` may be `None` | all |
//! | `tag = 0` | the field is tagged | positional |
//! | `default = -1` | its value where nothing else is said | `Default::default()` |
//! | `ignorable` | a value other than the default is dropped, not refused, where the version lacks it | refused |
//! | `inflexible` | never compact (one field of the request header) | as the message |
//!
//! A field of type `UnknownTags` must come last; it holds the tagged fields that are not defined.
//!
//! With the feature `reflect` the derives also implement `thalweg_protocol::reflect::Reflect`, by
//! which tests build and compare messages field by field.

mod attributes;
mod expand;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// Derives the codec of a whole message. See the [crate] for the attributes.
#[proc_macro_derive(Message, attributes(message, field))]
pub fn derive_message(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    expand::message(&input)
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}

/// Derives the codec of a structure within messages. See the [crate] for the attributes.
#[proc_macro_derive(Structure, attributes(field))]
pub fn derive_structure(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    expand::structure(&input)
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}
