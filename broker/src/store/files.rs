//! The files of one partition: one for each segment, named by its base offset.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use thalweg_protocol::records::RecordBatches;

use super::DataError;
use crate::log::{Log, Segment, StoredBatch};

/// What lies in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Written {
    revision: u32,
    batches: usize,
}

/// What lies in the files of a partition, by base offset.
#[derive(Debug, Default)]
pub(super) struct PartitionFiles {
    written: BTreeMap<i64, Written>,
}

/// The segments of a partition: base offsets and batches.
pub(super) type Segments = Vec<(i64, Vec<StoredBatch>)>;

impl PartitionFiles {
    /// Makes the files say what the log says.
    pub(super) fn save(&mut self, folder: &Path, log: &Log) -> Result<(), DataError> {
        if self.written.is_empty() && log.segments().next().is_some() {
            fs::create_dir_all(folder).map_err(|source| DataError::io(folder, source))?;
        }
        for segment in log.segments() {
            let now = Written {
                revision: segment.revision(),
                batches: segment.batches().len(),
            };
            let base_offset = segment.base_offset();
            let before = self.written.get(&base_offset).copied();
            if before == Some(now) {
                continue;
            }
            let path = folder.join(file_name(base_offset));
            match before {
                Some(before) if before.revision == now.revision => {
                    append(&path, segment, before.batches)
                }
                _ => rewrite(&path, segment),
            }
            .map_err(|source| DataError::io(&path, source))?;
            self.written.insert(base_offset, now);
        }
        let kept = |base: &i64| log.segments().any(|segment| segment.base_offset() == *base);
        let gone: Vec<i64> = self
            .written
            .keys()
            .filter(|base| !kept(base))
            .copied()
            .collect();
        for base_offset in gone {
            let path = folder.join(file_name(base_offset));
            fs::remove_file(&path).map_err(|source| DataError::io(&path, source))?;
            self.written.remove(&base_offset);
        }
        Ok(())
    }

    /// Reads the files of a partition. A batch that was cut off at the end of the last one is dropped;
    /// files that were written aside and not put in place are removed.
    pub(super) fn load(folder: &Path) -> Result<(Self, Segments), DataError> {
        let mut files = PartitionFiles::default();
        let mut segments = Segments::new();
        let names = segment_files(folder)?;
        let last = names.last().map(|(base, _)| *base);
        let mut end = i64::MIN;
        for (base_offset, path) in names {
            // Compaction had put its batches into the segment before it.
            if base_offset < end {
                fs::remove_file(&path).map_err(|source| DataError::io(&path, source))?;
                continue;
            }
            let bytes = fs::read(&path).map_err(|source| DataError::io(&path, source))?;
            let (batches, whole) = read_batches(&bytes.into());
            if let Some(reason) = whole.err() {
                if Some(base_offset) != last {
                    return Err(DataError::Corrupt { path, reason });
                }
                let kept: usize = batches.iter().map(StoredBatch::len).sum();
                let cut = OpenOptions::new().write(true).open(&path);
                let cut = cut.and_then(|file| file.set_len(kept as u64));
                cut.map_err(|source| DataError::io(&path, source))?;
            }
            let written = Written {
                revision: 0,
                batches: batches.len(),
            };
            files.written.insert(base_offset, written);
            end = batches
                .last()
                .map_or(base_offset, |last| last.last_offset() + 1);
            segments.push((base_offset, batches));
        }
        Ok((files, segments))
    }
}

fn file_name(base_offset: i64) -> String {
    format!("{base_offset:020}.log")
}

fn append(path: &Path, segment: &Segment, from: usize) -> io::Result<()> {
    let mut bytes = Vec::new();
    for batch in segment.batches().iter().skip(from) {
        bytes.extend_from_slice(batch.bytes());
    }
    let mut file = OpenOptions::new().append(true).open(path)?;
    file.write_all(&bytes)
}

fn rewrite(path: &Path, segment: &Segment) -> io::Result<()> {
    let mut bytes = Vec::with_capacity(segment.bytes());
    for batch in segment.batches() {
        bytes.extend_from_slice(batch.bytes());
    }
    let aside = path.with_extension("new");
    fs::write(&aside, &bytes)?;
    fs::rename(&aside, path)
}

/// The files of segments, by base offset.
fn segment_files(folder: &Path) -> Result<Vec<(i64, PathBuf)>, DataError> {
    let failed = |source| DataError::io(folder, source);
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(failed(source)),
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(failed)?.path();
        let base = path
            .file_stem()
            .and_then(|stem| stem.to_str()?.parse().ok());
        match (
            path.extension().and_then(|extension| extension.to_str()),
            base,
        ) {
            (Some("log"), Some(base)) => files.push((base, path)),
            (Some("new"), _) => {
                fs::remove_file(&path).map_err(|source| DataError::io(&path, source))?;
            }
            _ => {}
        }
    }
    files.sort();
    Ok(files)
}

/// The batches from the front that are whole and sound, and what is wrong with the next one.
fn read_batches(bytes: &Bytes) -> (Vec<StoredBatch>, Result<(), String>) {
    let mut batches = Vec::new();
    let mut at = 0;
    let mut set = RecordBatches::new(bytes);
    for batch in set.by_ref() {
        let batch = match batch {
            Ok(batch) => batch,
            Err(error) => return (batches, Err(error.to_string())),
        };
        if let Err(error) = batch.verify_crc() {
            return (batches, Err(error.to_string()));
        }
        let end = at + batch.encoded_len();
        match StoredBatch::new(bytes.slice(at..end)) {
            Some(stored) => batches.push(stored),
            None => return (batches, Err("it is no batch of format 2".to_owned())),
        }
        at = end;
    }
    if at < bytes.len() {
        return (
            batches,
            Err(format!("{} bytes follow its last batch", bytes.len() - at)),
        );
    }
    (batches, Ok(()))
}

/// Removes the folder of a partition that is gone.
pub(super) fn remove_folder(folder: &Path) -> Result<(), DataError> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(DataError::io(folder, error)),
        _ => Ok(()),
    }
}
