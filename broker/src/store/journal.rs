//! A file of changes: the last line of a key has its value.
//!
//! ```text
//!   checksum of the rest, 8 hexadecimal digits │ ' ' │ ["key",value] │ '\n'
//! ```
//! A value of null removes the key. The file is written anew at every start.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::Value;

use super::DataError;

/// The file, open at its end.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    file: File,
    /// What the file says, as text.
    known: BTreeMap<String, String>,
}

impl Journal {
    /// Reads the file and writes it anew, without what was overwritten.
    pub(super) fn open(path: &Path) -> Result<(Self, BTreeMap<String, Value>), DataError> {
        let values = read(path)?;
        let aside = path.with_extension("new");
        let failed = |source| DataError::io(&aside, source);
        let mut text = Vec::new();
        let mut known = BTreeMap::new();
        for (key, value) in &values {
            let value = value.to_string();
            text.extend(line(key, &value));
            known.insert(key.clone(), value);
        }
        fs::write(&aside, &text).map_err(failed)?;
        fs::rename(&aside, path).map_err(failed)?;
        let file = OpenOptions::new().append(true).open(path).map_err(failed)?;
        let journal = Journal {
            path: path.to_owned(),
            file,
            known,
        };
        Ok((journal, values))
    }

    /// Writes the value of a key unless it is there already; `None` removes it.
    pub(super) fn put<V: Serialize>(
        &mut self,
        key: &str,
        value: Option<&V>,
    ) -> Result<(), DataError> {
        let text = match value {
            Some(value) => serde_json::to_string(value).expect("plain data has a JSON form"),
            None => "null".to_owned(),
        };
        let before = self.known.get(key).map_or("null", String::as_str);
        if before == text {
            return Ok(());
        }
        let written = self.file.write_all(&line(key, &text));
        written.map_err(|source| DataError::io(&self.path, source))?;
        match value {
            Some(_) => self.known.insert(key.to_owned(), text),
            None => self.known.remove(key),
        };
        Ok(())
    }
}

fn line(key: &str, value: &str) -> Vec<u8> {
    let key = Value::from(key);
    let body = format!("[{key},{value}]");
    format!("{:08x} {body}\n", crc32c::crc32c(body.as_bytes())).into_bytes()
}

fn read(path: &Path) -> Result<BTreeMap<String, Value>, DataError> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        Err(source) => return Err(DataError::io(path, source)),
    };
    let mut values = BTreeMap::new();
    let mut lines = bytes
        .split_inclusive(|byte| *byte == b'\n')
        .enumerate()
        .peekable();
    while let Some((number, line)) = lines.next() {
        match parse(line) {
            Some((key, Value::Null)) => {
                values.remove(&key);
            }
            Some((key, value)) => {
                values.insert(key, value);
            }
            // The process died while it wrote it: nobody was told of it.
            None if lines.peek().is_none() => break,
            None => {
                return Err(DataError::Corrupt {
                    path: path.to_owned(),
                    reason: format!("line {} does not have its checksum", number + 1),
                });
            }
        }
    }
    Ok(values)
}

fn parse(line: &[u8]) -> Option<(String, Value)> {
    let line = std::str::from_utf8(line).ok()?.strip_suffix('\n')?;
    let (checksum, body) = line.split_once(' ')?;
    let checksum = u32::from_str_radix(checksum, 16).ok()?;
    if checksum != crc32c::crc32c(body.as_bytes()) {
        return None;
    }
    serde_json::from_str(body).ok()
}

#[cfg(test)]
mod tests {
    //! Goal: the last value of each key is read back, whatever the last write was cut to.

    use super::*;

    fn write(path: &Path) {
        let (mut journal, _) = Journal::open(path).expect("it opens");
        journal.put("a", Some(&1)).expect("written");
        journal.put("b", Some(&"two\n")).expect("written");
        journal.put("a", Some(&3)).expect("written");
        journal.put::<i64>("b", None).expect("written");
        journal.put("c", Some(&4)).expect("written");
    }

    fn values(path: &Path) -> Result<Vec<(String, Value)>, DataError> {
        Ok(Journal::open(path)?.1.into_iter().collect())
    }

    #[test]
    fn the_last_value_of_each_key_is_read_back() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("state");
        write(&path);
        let expected = [
            ("a".to_owned(), Value::from(3)),
            ("c".to_owned(), Value::from(4)),
        ];
        for _ in 0..2 {
            assert_eq!(values(&path).expect("it reads"), expected);
        }
    }

    #[test]
    fn a_file_cut_anywhere_gives_what_was_whole_and_a_damaged_one_is_an_error() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("state");
        write(&path);
        let whole = fs::read(&path).expect("there");
        let lines_at = |length: usize| whole[..length].iter().filter(|b| **b == b'\n').count();
        for length in 0..=whole.len() {
            fs::write(&path, &whole[..length]).expect("written");
            let read = values(&path).expect("a cut file is read");
            let (a, c) = match lines_at(length) {
                0 => (None, None),
                1 | 2 => (Some(1), None),
                3 | 4 => (Some(3), None),
                _ => (Some(3), Some(4)),
            };
            let value = |key: &str| {
                read.iter()
                    .find(|(k, _)| k == key)
                    .and_then(|(_, v)| v.as_i64())
            };
            assert_eq!((value("a"), value("c")), (a, c), "cut after {length}");
        }
        let last_line = whole[..whole.len() - 1]
            .iter()
            .rposition(|b| *b == b'\n')
            .expect("lines");
        for at in 0..last_line {
            let mut damaged = whole.clone();
            damaged[at] ^= 1;
            fs::write(&path, &damaged).expect("written");
            let error = values(&path).expect_err("a damaged line in the middle");
            assert!(
                matches!(error, DataError::Corrupt { .. }),
                "byte {at}: {error}"
            );
        }
    }
}
