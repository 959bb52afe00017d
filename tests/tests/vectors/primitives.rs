//! Varints, ids, hashes and checksums.

use serde_json::Value;
use thalweg_protocol::varint::{self, VarintError};
use thalweg_protocol::{Uuid, murmur2 as hash};
use thalweg_tests::vectors::{from_hex, to_hex};

use crate::messages::{expect, text};
use thalweg_tests::tally::Outcome;

/// A number with its encodings, or bytes with what they decode to.
pub(crate) fn varint(line: &Value) -> Outcome {
    if line["decode"].is_string() {
        check_varint_decoding(line)
    } else {
        check_varints(line)
    }
    .into()
}

fn check_varints(line: &Value) -> Result<(), String> {
    let value = line["value"].as_i64().ok_or("no value")?;
    let mut checked = 0;
    for (name, number) in [
        (
            "varint",
            i32::try_from(value)
                .ok()
                .map(|v| u64::from(varint::zigzag_i32(v))),
        ),
        ("varlong", Some(varint::zigzag_i64(value))),
        ("unsigned_varint", u32::try_from(value).ok().map(u64::from)),
        ("unsigned_varlong", u64::try_from(value).ok()),
    ] {
        let (Some(hex), Some(number)) = (line[name].as_str(), number) else {
            continue;
        };
        checked += 1;
        let mut bytes = Vec::new();
        varint::write_u64(number, &mut bytes);
        expect(name, to_hex(&bytes), &line[name])?;
        expect(
            "length",
            varint::length(number),
            &Value::from(hex.len() / 2),
        )?;
        if varint::read_u64(&bytes) != Ok((number, bytes.len())) {
            return Err(format!("{name} is not read back"));
        }
        if let Ok(number) = u32::try_from(number)
            && varint::read_u32(&bytes) != Ok((number, bytes.len()))
        {
            return Err(format!("{name} is not read back as 32 bits"));
        }
        for cut in 0..bytes.len() {
            if varint::read_u64(&bytes[..cut]) != Err(VarintError::Truncated) {
                return Err(format!("{name} is read from its first {cut} bytes"));
            }
        }
    }
    if checked == 0 {
        Err("nothing to check".to_owned())
    } else {
        Ok(())
    }
}

fn check_varint_decoding(line: &Value) -> Result<(), String> {
    let bytes = from_hex(text(line, "decode"));
    let short = varint::read_u32(&bytes).map(|(value, _)| value);
    let long = varint::read_u64(&bytes).map(|(value, _)| value);
    // Kafka's unsigned varint is a Java int.
    check_result("unsigned_varint", short.map(|v| i64::from(v as i32)), line)?;
    check_result(
        "varint",
        short.map(|v| i64::from(varint::unzigzag_i32(v))),
        line,
    )?;
    check_result("varlong", long.map(varint::unzigzag_i64), line)
}

fn check_result(name: &str, ours: Result<i64, VarintError>, line: &Value) -> Result<(), String> {
    match ours {
        Ok(value) => expect(name, value, &line[name]),
        Err(_) if line[name].is_object() => Ok(()),
        Err(error) => Err(format!("{name} is {error:?} instead of {}", line[name])),
    }
}

/// An id as bytes and as text.
pub(crate) fn uuid(line: &Value) -> Outcome {
    check_uuid(line).into()
}

fn check_uuid(line: &Value) -> Result<(), String> {
    let bytes: [u8; 16] = from_hex(text(line, "hex"))
        .try_into()
        .map_err(|_| "not 16 bytes")?;
    expect("text", Uuid(bytes).to_string(), &line["text"])?;
    let parsed: Uuid = text(line, "text").parse().map_err(|e| format!("{e}"))?;
    expect("id", to_hex(&parsed.0), &line["hex"])
}

/// A key, its hash, and the partition it belongs to for several numbers of partitions.
pub(crate) fn murmur2(line: &Value) -> Outcome {
    check_murmur2(line).into()
}

fn check_murmur2(line: &Value) -> Result<(), String> {
    let value = hash(&from_hex(text(line, "hex")));
    expect("hash", value as i32, &line["murmur2"])?;
    let positive = value & 0x7fff_ffff;
    expect("positive hash", positive, &line["positive"])?;
    for (count, partition) in line["partition"].as_object().ok_or("no partitions")? {
        let count: u32 = count.parse().map_err(|_| "no number of partitions")?;
        expect("partition", positive % count, partition)?;
    }
    Ok(())
}

/// Bytes and their checksums. CRC-32 (of the old message formats) is checked with the records.
pub(crate) fn checksum(line: &Value) -> Outcome {
    check_checksum(line).into()
}

fn check_checksum(line: &Value) -> Result<(), String> {
    let bytes = from_hex(text(line, "hex"));
    expect("CRC-32C", crc32c::crc32c(&bytes), &line["crc32c"])?;
    let Some(offset) = line["slice_offset"].as_u64() else {
        return Ok(());
    };
    let length = line["slice_length"].as_u64().ok_or("no length")?;
    let slice = &bytes[offset as usize..(offset + length) as usize];
    expect(
        "CRC-32C of the slice",
        crc32c::crc32c(slice),
        &line["slice_crc32c"],
    )
}
