//! E2: what became of a transaction whose EndTxn went unanswered, read from what is committed.

use crate::assignor::TaskId;
use crate::runtime::cycle::Verdict;
use crate::runtime::takeover::InputNote;
use crate::task::Committed;

/// One task of the transaction in doubt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InDoubt {
    pub(crate) task: TaskId,
    /// The sequence number it was sealed with.
    pub(crate) sealed_sequence: u64,
    /// The metadata that is committed for it now, `None` without any.
    pub(crate) committed: Option<String>,
}

/// All tasks at the sealed number: committed. All one before: aborted. A transaction is one or the
/// other, so anything else is somebody else's, also a mixture: whoever has taken the tasks over counts
/// on from the same numbers, for each task by itself.
pub(crate) fn verdict(tasks: &[InDoubt]) -> Verdict {
    let (mut committed, mut aborted) = (0, 0);
    for in_doubt in tasks {
        let found = match &in_doubt.committed {
            None => 0,
            Some(text) => match sequence(text) {
                Ok(sequence) => sequence,
                Err(reason) => return Verdict::Overtaken(reason),
            },
        };
        if found == in_doubt.sealed_sequence {
            committed += 1;
        } else if found.checked_add(1) == Some(in_doubt.sealed_sequence) {
            aborted += 1;
        } else {
            return Verdict::Overtaken(format!(
                "task {} is committed with sequence number {found}; this worker sealed {}",
                in_doubt.task, in_doubt.sealed_sequence
            ));
        }
    }
    match (committed, aborted) {
        (_, 0) => Verdict::Committed,
        (0, _) => Verdict::Aborted,
        (committed, aborted) => Verdict::Overtaken(format!(
            "{committed} tasks are committed with the sealed sequence number and {aborted} with \
             the one before, which is not the work of one transaction"
        )),
    }
}

fn sequence(text: &str) -> Result<u64, String> {
    let (_, task_metadata) = InputNote::split(text).map_err(|error| error.to_string())?;
    Committed::decode(task_metadata)
        .map(|committed| committed.commit_sequence())
        .map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use thalweg_protocol::{PartitionId, Uuid};

    use super::*;
    use crate::task::{CommitMetadata, SubTopologyId};

    fn in_doubt(partition: i32, sealed_sequence: u64, committed: Option<u64>) -> InDoubt {
        let note = InputNote {
            topic_id: Uuid([1; 16]),
            partitions: 1,
            has_state: false,
            changelogs: vec![],
        };
        let committed = committed.map(|commit_sequence| {
            note.join(
                &CommitMetadata {
                    commit_sequence,
                    ..CommitMetadata::default()
                }
                .encode(),
            )
        });
        let task = TaskId {
            sub_topology: SubTopologyId(0),
            partition: PartitionId(partition),
        };
        InDoubt {
            task,
            sealed_sequence,
            committed,
        }
    }

    #[test]
    fn e2_the_sealed_number_means_committed_and_the_one_before_aborted() {
        assert_eq!(
            verdict(&[in_doubt(0, 5, Some(5)), in_doubt(1, 9, Some(9))]),
            Verdict::Committed
        );
        assert_eq!(
            verdict(&[in_doubt(0, 5, Some(4)), in_doubt(1, 9, Some(8))]),
            Verdict::Aborted
        );
        assert_eq!(verdict(&[in_doubt(0, 1, None)]), Verdict::Aborted);
    }

    #[test]
    fn e2_any_other_number_is_somebody_elses() {
        for found in [Some(3), Some(6), None] {
            let verdict = verdict(&[in_doubt(0, 5, found)]);
            assert!(
                matches!(verdict, Verdict::Overtaken(_)),
                "{found:?}: {verdict:?}"
            );
        }
        let foreign = InDoubt {
            committed: Some("by hand".into()),
            ..in_doubt(0, 5, None)
        };
        assert!(matches!(verdict(&[foreign]), Verdict::Overtaken(_)));
    }

    #[test]
    fn e2_half_a_transaction_is_somebody_elses() {
        let verdict = verdict(&[in_doubt(0, 5, Some(5)), in_doubt(1, 9, Some(8))]);
        assert!(matches!(verdict, Verdict::Overtaken(_)), "{verdict:?}");
    }
}
