//! Messages as the JSON that Kafka's own converters write, in both directions.

use bytes::Bytes;
use serde_json::{Map, Number, Value};
use thalweg_protocol::reflect::{Field, Reflect, Slot, Value as Reflected};
use thalweg_protocol::{StrBytes, UnknownTags, Uuid};

use crate::vectors::{from_hex, to_hex};

/// The fields that `version` has; tagged ones only where they are not at their default.
pub fn to_json(message: &mut dyn Reflect, version: i16) -> Value {
    let mut object = Map::new();
    message.fields(version, &mut |field: Field<'_>| {
        if field.present && !(field.tagged && field.is_default) {
            object.insert(field.name.to_owned(), value_to_json(field.value, version));
        }
    });
    if let Some(tags) = message.unknown_tags().filter(|tags| !tags.is_empty()) {
        let tags = tags.iter().map(|(tag, contents)| {
            Value::Array(vec![Value::from(tag), Value::from(to_hex(contents))])
        });
        object.insert("_unknownTags".to_owned(), tags.collect());
    }
    Value::Object(object)
}

fn value_to_json(value: &mut dyn Reflected, version: i16) -> Value {
    match value.slot() {
        Slot::Bool(value) => Value::from(*value),
        Slot::Integer(value) => Value::from(value.value()),
        Slot::Float(value) => Number::from_f64(*value).map_or(Value::Null, Value::from),
        Slot::String(text) => Value::from(text.as_str()),
        Slot::Bytes(bytes) => Value::from(to_base64(bytes)),
        Slot::Uuid(id) => Value::from(id.to_string()),
        Slot::Array(array) => (0..array.length())
            .filter_map(|i| {
                array
                    .element(i)
                    .map(|element| value_to_json(element, version))
            })
            .collect(),
        Slot::Nullable(value) => value
            .value()
            .map_or(Value::Null, |value| value_to_json(value, version)),
        Slot::Structure(structure) => to_json(structure, version),
    }
}

/// How strictly the fields of the JSON must be those of the version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fields {
    /// All of them and no other, but for tagged ones.
    Exact,
    /// What is missing keeps its default, and what the version has not is left out.
    Any,
}

/// Sets the fields of a message that is at its default.
///
/// # Errors
/// The JSON has a field that the version has not, or lacks one, or has another type: as a sentence.
pub fn set_from_json(message: &mut dyn Reflect, version: i16, json: &Value) -> Result<(), String> {
    set_fields(message, version, json, Fields::Exact)
}

/// The same from JSON that serves all versions: what it lacks keeps its default, and what this version
/// does not have is left out.
///
/// # Errors
/// A field is defined in no version, or has another type: as a sentence.
pub fn set_what_there_is(
    message: &mut dyn Reflect,
    version: i16,
    json: &Value,
) -> Result<(), String> {
    set_fields(message, version, json, Fields::Any)
}

fn set_fields(
    message: &mut dyn Reflect,
    version: i16,
    json: &Value,
    fields: Fields,
) -> Result<(), String> {
    let Value::Object(object) = json else {
        return Err(format!("{json} is no object"));
    };
    let mut unused = object.clone();
    let mut result = Ok(());
    message.fields(version, &mut |field: Field<'_>| {
        let outcome = match unused.remove(field.name) {
            Some(_) if !field.present => match fields {
                Fields::Exact => Err("is not in this version".to_owned()),
                Fields::Any => Ok(()),
            },
            Some(json) => set_value(field.value, version, &json, fields),
            None if field.present && !field.tagged && fields == Fields::Exact => {
                Err("is missing".to_owned())
            }
            None => Ok(()),
        };
        if let Err(error) = outcome {
            result = Err(format!("{}: {error}", field.name));
        }
    });
    result?;
    if let Some(tags) = unused.remove("_unknownTags") {
        let into = message
            .unknown_tags()
            .ok_or("tagged fields are not possible here")?;
        set_unknown_tags(into, &tags).ok_or_else(|| format!("{tags} are no tags"))?;
    }
    match unused.keys().next() {
        Some(name) => Err(format!("{name} is not defined")),
        None => Ok(()),
    }
}

fn set_unknown_tags(into: &mut UnknownTags, json: &Value) -> Option<()> {
    for pair in json.as_array()? {
        let tag = u32::try_from(pair.get(0)?.as_u64()?).ok()?;
        into.insert(tag, Bytes::from(from_hex(pair.get(1)?.as_str()?)));
    }
    Some(())
}

fn set_value(
    value: &mut dyn Reflected,
    version: i16,
    json: &Value,
    fields: Fields,
) -> Result<(), String> {
    let wrong = || format!("{json} has the wrong type");
    match value.slot() {
        Slot::Bool(value) => *value = json.as_bool().ok_or_else(wrong)?,
        Slot::Integer(value) => {
            if !value.set(json.as_i64().ok_or_else(wrong)?) {
                return Err(format!("{json} is out of range"));
            }
        }
        Slot::Float(value) => *value = json.as_f64().ok_or_else(wrong)?,
        Slot::String(text) => *text = StrBytes::from(json.as_str().ok_or_else(wrong)?),
        Slot::Bytes(bytes) => {
            *bytes = Bytes::from(json.as_str().and_then(from_base64).ok_or_else(wrong)?);
        }
        Slot::Uuid(id) => {
            *id = json
                .as_str()
                .and_then(|text| text.parse::<Uuid>().ok())
                .ok_or_else(wrong)?;
        }
        Slot::Array(array) => {
            array.clear();
            for (i, json) in json.as_array().ok_or_else(wrong)?.iter().enumerate() {
                array.push_default();
                set_value(
                    array.element(i).expect("just pushed"),
                    version,
                    json,
                    fields,
                )?;
            }
        }
        Slot::Nullable(value) => {
            value.set_present(!json.is_null());
            if let Some(value) = value.value() {
                set_value(value, version, json, fields)?;
            }
        }
        Slot::Structure(structure) => set_fields(structure, version, json, fields)?,
    }
    Ok(())
}

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Standard base64 with padding.
pub fn to_base64(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let number =
            chunk.iter().fold(0u32, |n, byte| n << 8 | u32::from(*byte)) << (24 - 8 * chunk.len());
        for i in 0..4 {
            let index = (number >> (18 - 6 * i)) as usize & 63;
            let letter = BASE64.get(index).copied().unwrap_or_default();
            text.push(if i <= chunk.len() {
                char::from(letter)
            } else {
                '='
            });
        }
    }
    text
}

/// The bytes that standard base64 with padding spells.
pub fn from_base64(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    for chunk in text.as_bytes().chunks(4) {
        let letters = chunk.iter().take_while(|letter| **letter != b'=');
        let mut number = 0u32;
        let mut count = 0;
        for letter in letters {
            number = number << 6 | BASE64.iter().position(|l| l == letter)? as u32;
            count += 1;
        }
        number <<= 6 * (4 - count);
        bytes.extend(number.to_be_bytes().iter().skip(1).take(count * 6 / 8));
    }
    Some(bytes)
}
