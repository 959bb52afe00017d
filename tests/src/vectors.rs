//! Golden files: bytes that Kafka's own code and real brokers wrote, and what Flink and Kafka
//! Streams made of given inputs.
//!
//! They lie compressed in `tests/vectors`. Where the environment variable `THALWEG_VECTORS` names
//! another folder of the same form, with or without compression, that one is read instead.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use serde_json::Value;

/// The folder that is read.
pub fn folder() -> PathBuf {
    match std::env::var_os("THALWEG_VECTORS") {
        Some(folder) => PathBuf::from(folder),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors"),
    }
}

/// One file of vectors.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct VectorFile {
    /// The path within the folder without the compression's ending: `wire/messages/01_fetch.jsonl`.
    pub name: String,
    path: PathBuf,
}

impl VectorFile {
    /// All `.jsonl` and `.json` files in a folder within [`folder`] and the folders within it, by name.
    ///
    /// # Panics
    /// The folder cannot be read: a test without its vectors must not pass.
    pub fn all(within: &str) -> Vec<Self> {
        let root = folder();
        let mut files = Vec::new();
        collect(&root, &root.join(within), &mut files);
        assert!(
            !files.is_empty(),
            "no vectors in {}",
            root.join(within).display()
        );
        files.sort();
        files
    }

    /// The lines of a `.jsonl` file; the elements of the array in a `.json` file.
    ///
    /// # Panics
    /// The file is not readable, or not JSON.
    pub fn lines(&self) -> Vec<Value> {
        let text = self.text();
        if self.name.ends_with(".json") {
            let value: Value = serde_json::from_str(&text).expect("JSON");
            let arrays = value
                .as_object()
                .into_iter()
                .flat_map(|object| object.values());
            return arrays
                .filter_map(Value::as_array)
                .flatten()
                .cloned()
                .collect();
        }
        text.lines()
            .map(|line| serde_json::from_str(line).expect("a line of JSON"))
            .collect()
    }

    /// The lines of a `.jsonl` file; a `.json` file as it is, one document.
    ///
    /// # Panics
    /// As [`lines`](Self::lines).
    pub fn documents(&self) -> Vec<Value> {
        if self.name.ends_with(".json") {
            return vec![serde_json::from_str(&self.text()).expect("JSON")];
        }
        self.lines()
    }

    fn text(&self) -> String {
        let file = fs::read(&self.path)
            .unwrap_or_else(|e| panic!("cannot read {}: {e}", self.path.display()));
        let mut text = String::new();
        let result = if self
            .path
            .extension()
            .is_some_and(|extension| extension == "gz")
        {
            GzDecoder::new(file.as_slice()).read_to_string(&mut text)
        } else {
            file.as_slice().read_to_string(&mut text)
        };
        result.unwrap_or_else(|e| panic!("cannot read {}: {e}", self.path.display()));
        text
    }
}

fn collect(root: &Path, folder: &Path, files: &mut Vec<VectorFile>) {
    let entries =
        fs::read_dir(folder).unwrap_or_else(|e| panic!("cannot read {}: {e}", folder.display()));
    for entry in entries {
        let path = entry.expect("a folder's entry").path();
        if path.is_dir() {
            collect(root, &path, files);
            continue;
        }
        let name = path
            .strip_prefix(root)
            .expect("within the root")
            .to_string_lossy();
        let name = name.strip_suffix(".gz").unwrap_or(&name).replace('\\', "/");
        if name.ends_with(".jsonl") || name.ends_with(".json") {
            files.push(VectorFile { name, path });
        }
    }
}

/// The bytes that `text` spells in hexadecimal.
///
/// # Panics
/// It does not.
pub fn from_hex(text: &str) -> Vec<u8> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    assert!(rest.is_empty(), "half a byte in {text:?}");
    let digit = |d: &u8| char::from(*d).to_digit(16).expect("a hexadecimal digit") as u8;
    pairs
        .iter()
        .map(|[high, low]| digit(high) << 4 | digit(low))
        .collect()
}

/// `bytes` in hexadecimal.
pub fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
