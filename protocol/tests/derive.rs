//! Goal: the derive does what the attributes say, in every version. Method: a message made up for
//! this, with one field of each sort, against bytes written by hand.

use bytes::Bytes;
use thalweg_protocol::{
    DecodeReason, Decoder, EncodeError, Message, Offset, StrBytes, Structure, UnknownTags,
};

/// Version 0 has no tags; 1 is flexible; 3 is unstable.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=3, unstable = 3, flexible = 1..)]
struct Sample {
    /// In all versions.
    number: i32,
    /// Null from version 2 on only.
    #[field(nullable = 2..)]
    text: Option<StrBytes>,
    /// Lost without notice in version 0.
    #[field(versions = 1.., default = Offset(-1), ignorable)]
    offset: Offset,
    /// Not to be lost.
    #[field(versions = 2.., default = 7)]
    count: i16,
    /// In the old versions only.
    #[field(versions = ..=1)]
    old: bool,
    /// A nullable structure.
    #[field(versions = 3..)]
    inner: Option<Inner>,
    /// Tagged, with a default.
    #[field(versions = 1.., tag = 1, default = 5)]
    first_tag: i8,
    /// Tagged, in later versions.
    #[field(versions = 2.., tag = 4)]
    second_tag: Vec<Inner>,
    unknown_tagged_fields: UnknownTags,
}

#[derive(Debug, Clone, PartialEq, Structure)]
struct Inner {
    name: StrBytes,
    unknown_tagged_fields: UnknownTags,
}

fn inner(name: &str) -> Inner {
    Inner {
        name: name.into(),
        ..Inner::default()
    }
}

fn check(message: &Sample, version: i16, bytes: &[u8]) {
    assert_eq!(message.to_bytes(version).expect("it can be said"), bytes);
    let bytes = Bytes::copy_from_slice(bytes);
    assert_eq!(
        Sample::from_bytes(bytes.clone(), version).as_ref(),
        Ok(message)
    );
    for cut in 0..bytes.len() {
        let prefix = bytes.slice(..cut);
        let error = Sample::from_bytes(prefix, version).expect_err("it is cut");
        assert!(error.offset <= cut, "{error}");
    }
}

#[test]
fn fields_come_and_go_with_versions() {
    let mut message = Sample {
        number: 1,
        text: Some("ab".into()),
        old: true,
        ..Sample::default()
    };
    check(&message, 0, &[0, 0, 0, 1, 0, 2, b'a', b'b', 1]);
    message.offset = Offset(2);
    check(
        &message,
        1,
        &[0, 0, 0, 1, 3, b'a', b'b', 0, 0, 0, 0, 0, 0, 0, 2, 1, 0],
    );
    message.old = false;
    check(
        &message,
        2,
        &[0, 0, 0, 1, 3, b'a', b'b', 0, 0, 0, 0, 0, 0, 0, 2, 0, 7, 0],
    );
}

#[test]
fn defaults_are_those_of_the_definition() {
    let message = Sample::default();
    assert_eq!(
        (message.offset, message.count, message.first_tag),
        (Offset(-1), 7, 5)
    );
    assert_eq!(Sample::MAX_VERSION, 2);
    assert_eq!(Sample::MAX_UNSTABLE_VERSION, 3);
}

#[test]
fn null_is_for_the_versions_that_have_it() {
    let mut message = Sample {
        offset: Offset(0),
        ..Sample::default()
    };
    check(
        &message,
        2,
        &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7, 0],
    );
    let error = message.to_bytes(1).expect_err("no null in version 1");
    assert_eq!(
        error,
        EncodeError::Null {
            field: "Sample.text",
            version: 1
        }
    );
    let error = Sample::from_bytes(Bytes::from_static(&[0, 0, 0, 0, 0xff, 0xff, 0]), 0);
    let error = error.expect_err("no null in version 0");
    assert_eq!(
        (error.field, error.reason),
        ("Sample.text", DecodeReason::Null)
    );

    message.inner = Some(inner("x"));
    let with_inner = [
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7, 1, 2, b'x', 0, 0,
    ];
    check(&message, 3, &with_inner);
    message.inner = None;
    let without = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7, 0xff, 0];
    check(&message, 3, &without);
}

#[test]
fn a_value_that_would_be_lost_is_refused_unless_it_may_be() {
    let text = Some(StrBytes::new());
    let ignorable = Sample {
        text: text.clone(),
        offset: Offset(3),
        ..Sample::default()
    };
    assert!(ignorable.to_bytes(0).is_ok());
    let lost = Sample {
        text: text.clone(),
        count: 8,
        ..Sample::default()
    };
    let field = EncodeError::FieldNotInVersion {
        field: "Sample.count",
        version: 1,
    };
    assert_eq!(lost.to_bytes(1), Err(field));
    let tagged = Sample {
        text,
        first_tag: 6,
        ..Sample::default()
    };
    let field = EncodeError::FieldNotInVersion {
        field: "Sample.first_tag",
        version: 0,
    };
    assert_eq!(tagged.to_bytes(0), Err(field));
}

#[test]
fn unknown_tagged_fields_are_kept_and_written_in_order() {
    let mut message = Sample {
        offset: Offset(0),
        first_tag: 6,
        second_tag: vec![inner("y"), inner("")],
        ..Sample::default()
    };
    message
        .unknown_tagged_fields
        .insert(9, Bytes::from_static(b"nine"));
    message.unknown_tagged_fields.insert(2, Bytes::new());
    message
        .unknown_tagged_fields
        .insert(0, Bytes::from_static(b"0"));
    let head = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7];
    let tags = [
        &[5][..],
        &[0, 1, b'0'],
        &[1, 1, 6],
        &[2, 0],
        &[4, 6, 3, 2, b'y', 0, 1, 0],
        &[9, 4, b'n', b'i', b'n', b'e'],
    ];
    check(&message, 2, &[&head[..], &tags.concat()].concat());
}

#[test]
fn unknown_tagged_fields_that_cannot_be_written_are_refused() {
    let mut message = Sample {
        text: Some(StrBytes::new()),
        ..Sample::default()
    };
    message.unknown_tagged_fields.insert(3, Bytes::new());
    let error = EncodeError::UnknownTags {
        structure: "Sample",
        version: 0,
    };
    assert_eq!(message.to_bytes(0), Err(error));

    // Unknown, but with the tag of a field that is known and set.
    let mut message = Sample {
        text: Some(StrBytes::new()),
        first_tag: 6,
        ..Sample::default()
    };
    message.unknown_tagged_fields.insert(1, Bytes::new());
    let error = EncodeError::UnknownTags {
        structure: "Sample",
        version: 1,
    };
    assert_eq!(message.to_bytes(1), Err(error));
}

#[test]
fn a_long_tagged_field_has_a_long_size() {
    let name = "n".repeat(300);
    let message = Sample {
        second_tag: vec![inner(&name); 200],
        ..Sample::default()
    };
    let bytes = message.to_bytes(2).expect("it can be said");
    assert!(bytes.len() > 200 * 300);
    assert_eq!(Sample::from_bytes(bytes, 2), Ok(message));
}

fn reason(tags: &[u8]) -> DecodeReason {
    let head = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7];
    let bytes = Bytes::from([&head[..], tags].concat());
    Sample::from_bytes(bytes, 2).expect_err("malformed").reason
}

#[test]
fn malformed_tagged_fields_are_refused() {
    // Twice, and out of order.
    assert_eq!(
        reason(&[2, 1, 1, 6, 1, 1, 6]),
        DecodeReason::TagOutOfOrder(1)
    );
    assert_eq!(reason(&[2, 9, 0, 2, 0]), DecodeReason::TagOutOfOrder(2));
    // Longer than its contents, and shorter.
    assert_eq!(reason(&[1, 1, 2, 6, 6]), DecodeReason::TagNotConsumed(1));
    assert_eq!(
        reason(&[1, 1, 0]),
        DecodeReason::Truncated {
            needed: 1,
            remaining: 0
        }
    );
    // An array within it may not reach beyond it, although bytes follow.
    let count = DecodeReason::CountTooLarge {
        count: 1,
        element_bytes_min: 2,
        remaining: 1,
    };
    assert_eq!(reason(&[2, 4, 2, 2, 1, 9, 0]), count);
    // Beyond the end, and more than can be.
    assert_eq!(
        reason(&[1, 9, 5, 0]),
        DecodeReason::Truncated {
            needed: 5,
            remaining: 1
        }
    );
    let count = DecodeReason::CountTooLarge {
        count: 4,
        element_bytes_min: 2,
        remaining: 2,
    };
    assert_eq!(reason(&[4, 9, 0]), count);
    // Numbers without an end.
    assert_eq!(reason(&[0xff; 6]), DecodeReason::VarintTooLong);
}

#[test]
fn a_version_that_is_not_defined_is_refused() {
    let message = Sample::default();
    let (version, min, max) = (4, 0, 3);
    let error = EncodeError::UnsupportedVersion {
        message: "Sample",
        version,
        min,
        max,
    };
    assert_eq!(message.to_bytes(4), Err(error));
    let error = Sample::decode(&mut Decoder::new(Bytes::new()), -1).expect_err("no such version");
    assert_eq!(
        error.reason,
        DecodeReason::UnsupportedVersion {
            version: -1,
            min,
            max
        }
    );
}

#[test]
fn what_is_left_over_is_an_error_where_the_message_must_be_all() {
    let bytes = Bytes::from_static(&[0, 0, 0, 1, 0, 0, 0, 9]);
    let error = Sample::from_bytes(bytes.clone(), 0).expect_err("one byte too many");
    assert_eq!((error.offset, error.reason), (7, DecodeReason::LeftOver(1)));
    assert!(Sample::decode(&mut Decoder::new(bytes), 0).is_ok());
}

#[test]
fn data_with_a_version_in_front_is_read_as_far_as_it_is_known() {
    let message = Sample {
        offset: Offset(0),
        ..Sample::default()
    };
    let bytes = message.to_versioned_bytes(2).expect("it can be said");
    assert_eq!(bytes.first_chunk(), Some(&[0, 2]));
    assert_eq!(
        Sample::from_versioned_bytes(bytes.clone()),
        Ok(message.clone())
    );

    // From a newer library: a version that is not known, and more at the end.
    let mut newer = bytes.to_vec();
    newer[1] = 9;
    newer.extend_from_slice(b"more");
    assert_eq!(
        Sample::from_versioned_bytes(Bytes::from(newer)),
        Ok(message)
    );

    let negative = Bytes::from_static(&[0xff, 0xff, 0, 0, 0, 0]);
    assert!(Sample::from_versioned_bytes(negative).is_err());
    assert!(Sample::from_versioned_bytes(Bytes::from_static(&[0])).is_err());
}
