//! Event time that does not fit the metadata of an offset commit (T4): in a changelog of its own.
//!
//! With very many upstream tasks, what each of them last said takes more than the 4 KiB that Kafka
//! keeps with an offset. Then it is one record in a compacted topic, in the same transaction as the
//! offsets, and their metadata says so. The topic is made only where that can happen.
//!
//! ```text
//!  key    "time"
//!  value  format version: 1 byte (1) · CommitMetadata's bytes
//! ```

use std::sync::Arc;

use thalweg_protocol::PartitionId;
use thalweg_protocol::records::{RecordRef, Rows};

use super::{
    AppendError, ChangelogId, CommitMetadata, Committed, MetadataError, OFFSET_METADATA_BYTES_MAX,
    OutputId, RestoreError, TaskContext,
};

const KEY: &[u8] = b"time";
const FORMAT_VERSION: u8 = 1;

/// Whether a sub-topology needs one: whether what is committed with its offsets can get too long.
pub(crate) fn is_needed(inputs: usize, upstream_tasks: usize, operators: usize) -> bool {
    let bytes_max = CommitMetadata::text_bytes_max(inputs, upstream_tasks, operators);
    bytes_max > OFFSET_METADATA_BYTES_MAX
}

/// Where it is.
#[derive(Debug, Clone)]
pub(crate) struct TimeChangelog {
    pub(crate) id: ChangelogId,
    pub(crate) output: OutputId,
    pub(crate) topic: Arc<str>,
}

/// What was read of one, the newest last: of the last two commits. At least once, the last of them
/// may belong to offsets that were never committed.
#[derive(Debug, Default)]
pub(crate) struct RestoredTime {
    found: Vec<CommitMetadata>,
}

impl TimeChangelog {
    /// Writes what is too long for an offset commit; gives what goes there instead.
    pub(crate) fn write(
        &self,
        metadata: &CommitMetadata,
        partition: PartitionId,
        context: &mut TaskContext<'_>,
    ) -> Result<String, AppendError> {
        let mut value = vec![FORMAT_VERSION];
        value.extend(metadata.encode_bytes());
        context.outputs.append(
            self.output,
            Some(partition),
            context.now_ms,
            Some(KEY),
            Some(&value),
            &[],
        )?;
        Ok(metadata.encode_reference())
    }

    /// Reads a batch of it.
    pub(crate) fn read(
        &self,
        partition: PartitionId,
        rows: &Rows<'_>,
        restored: &mut RestoredTime,
    ) -> Result<(), RestoreError> {
        for record in rows.iter() {
            let metadata =
                decode_record(record.value).map_err(|reason| RestoreError::Unreadable {
                    operator: "event time".into(),
                    topic: Arc::clone(&self.topic),
                    partition,
                    offset: record.offset,
                    reason,
                })?;
            restored.take(metadata);
        }
        Ok(())
    }
}

fn decode_record(value: Option<&[u8]>) -> Result<CommitMetadata, String> {
    let (version, bytes) = value
        .and_then(<[u8]>::split_first)
        .ok_or("its value is cut short")?;
    if *version != FORMAT_VERSION {
        return Err(format!(
            "its format version is {version}, not {FORMAT_VERSION}"
        ));
    }
    CommitMetadata::decode_bytes(bytes).map_err(|error| error.to_string())
}

/// The event time in a record of a time changelog: for the test driver.
pub(crate) fn time_in(record: &RecordRef<'_>) -> Option<CommitMetadata> {
    decode_record(record.value).ok()
}

impl RestoredTime {
    fn take(&mut self, metadata: CommitMetadata) {
        self.found
            .retain(|found| found.commit_sequence < metadata.commit_sequence);
        if self.found.len() > 1 {
            self.found.remove(0);
        }
        self.found.push(metadata);
    }

    /// The event time that belongs to committed metadata.
    pub(crate) fn of(
        self,
        committed: Committed,
        changelog: Option<&TimeChangelog>,
    ) -> Result<CommitMetadata, MetadataError> {
        let commit_sequence = match committed {
            Committed::Here(metadata) => return Ok(metadata),
            Committed::Elsewhere {
                commit_sequence, ..
            } => commit_sequence,
        };
        // Compaction may have left only a later one, which at-least-once offsets fall behind of.
        let mut found = self.found.into_iter();
        let it = found.find(|found| found.commit_sequence >= commit_sequence);
        let mut metadata = it.ok_or_else(|| MetadataError::TimeMissing {
            topic: changelog.map_or_else(String::new, |changelog| changelog.topic.to_string()),
            commit_sequence,
        })?;
        metadata.commit_sequence = commit_sequence;
        Ok(metadata)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(commit_sequence: u64, watermark: i64) -> CommitMetadata {
        CommitMetadata {
            commit_sequence,
            watermark,
            ..CommitMetadata::default()
        }
    }

    fn restored(times: &[(u64, i64)]) -> RestoredTime {
        let mut restored = RestoredTime::default();
        for (commit_sequence, watermark) in times {
            restored.take(time(*commit_sequence, *watermark));
        }
        restored
    }

    fn found(times: &[(u64, i64)], commit_sequence: u64) -> Option<(u64, i64)> {
        let committed = Committed::Elsewhere {
            fingerprint: 0,
            commit_sequence,
        };
        let metadata = restored(times).of(committed, None).ok()?;
        Some((metadata.commit_sequence, metadata.watermark))
    }

    #[test]
    fn the_time_of_the_committed_offsets_is_found_whatever_was_written_after_it() {
        assert_eq!(found(&[(1, 10), (2, 20), (3, 30)], 3), Some((3, 30)));
        assert_eq!(found(&[(1, 10), (2, 20), (3, 30)], 2), Some((2, 20)));
        // Written again after an abort that left the first in the log (at least once).
        assert_eq!(found(&[(2, 20), (3, 30), (3, 31)], 3), Some((3, 31)));
        assert_eq!(found(&[(2, 20), (3, 30), (3, 31)], 2), Some((2, 20)));
        // Compacted.
        assert_eq!(found(&[(3, 30)], 2), Some((2, 30)));
    }

    #[test]
    fn time_that_is_gone_is_an_error() {
        assert_eq!(found(&[], 1), None);
        assert_eq!(found(&[(1, 10)], 2), None);
    }

    #[test]
    fn time_that_was_committed_as_a_whole_is_not_looked_for() {
        let committed = Committed::Here(time(4, 40));
        let metadata = restored(&[(3, 30)]).of(committed, None);
        assert_eq!(metadata, Ok(time(4, 40)));
    }

    #[test]
    fn a_record_cut_anywhere_or_of_another_version_is_an_error() {
        let mut value = vec![FORMAT_VERSION];
        value.extend(time(4, 40).encode_bytes());
        assert_eq!(decode_record(Some(&value)), Ok(time(4, 40)));
        for length in 0..value.len() {
            assert!(
                decode_record(value.get(..length)).is_err(),
                "cut at {length}"
            );
        }
        value[0] += 1;
        assert!(decode_record(Some(&value)).is_err());
        assert!(decode_record(None).is_err());
    }

    #[test]
    fn few_upstream_tasks_need_no_changelog_and_many_do() {
        assert!(!is_needed(1, 200, 1));
        assert!(is_needed(1, 250, 1));
    }
}
