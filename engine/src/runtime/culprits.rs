//! Who is in the way: the producers whose open transactions hold a takeover up for longer than any
//! transaction may stay open (E3), or hide the records of an input.

use std::sync::{Arc, Mutex, PoisonError};

use thalweg_client::{Admin, TopicPartition};
use thalweg_protocol::PartitionId;

const OFFSETS_TOPIC: &str = "__consumer_offsets";

/// What was found out, for whoever reports it; filled in the background.
pub(crate) type Findings = Arc<Mutex<String>>;

/// Looks for the producers that have a transaction open in any of `partitions`, or in the partition
/// that keeps the offsets of `group_id`; logs them, and says who they are in `findings`.
pub(crate) async fn report(
    admin: Admin,
    group_id: Option<String>,
    partitions: Vec<TopicPartition>,
    findings: Findings,
) {
    let mut asked = partitions;
    if let Some(group_id) = group_id {
        asked.extend(offsets_partition(&admin, &group_id).await);
    }
    let mut found = Vec::new();
    for (partition, outcome) in admin.describe_producers(asked).await {
        match outcome {
            Ok(producers) => {
                for producer in producers {
                    let Some(start) = producer.transaction_start_offset else {
                        continue;
                    };
                    let (id, epoch) = (producer.producer_id.0, producer.producer_epoch);
                    found.push(format!(
                        "producer {id} (epoch {epoch}) has one open in {partition} since offset {}",
                        start.0
                    ));
                    tracing::warn!(
                        %partition,
                        producer_id = id,
                        producer_epoch = epoch,
                        from_offset = start.0,
                        last_written_ms = producer.last_timestamp,
                        "this producer holds a transaction open there; when it hangs, abort it \
                         with `kafka-transactions.sh abort`"
                    );
                }
            }
            Err(error) => tracing::debug!(%partition, "its producers cannot be seen: {error}"),
        }
    }
    if found.is_empty() {
        tracing::warn!("no producer with an open transaction is to be seen there");
    }
    *findings.lock().unwrap_or_else(PoisonError::into_inner) = found.join("; ");
}

/// A reason with what was found out about it so far.
pub(crate) fn with_findings(reason: String, findings: &Findings) -> String {
    let found = findings.lock().unwrap_or_else(PoisonError::into_inner);
    match found.as_str() {
        "" => reason,
        found => format!("{reason}: {found}"),
    }
}

/// Where the group's offsets are kept: Java's string hash of the group id decides.
async fn offsets_partition(admin: &Admin, group_id: &str) -> Option<TopicPartition> {
    let described = admin.describe_topics([OFFSETS_TOPIC]).await.all().ok()?;
    let (_, topic) = described.into_iter().next()?;
    let partition = java_hash(group_id).checked_rem(topic.partitions().len().try_into().ok()?)?;
    Some(TopicPartition::new(
        OFFSETS_TOPIC,
        PartitionId(i32::try_from(partition).ok()?),
    ))
}

/// `String.hashCode()` without its sign, as Kafka's `Utils.abs` takes it off: 0 for the one number that
/// has no positive counterpart.
fn java_hash(text: &str) -> u32 {
    let hash = text.encode_utf16().fold(0_i32, |hash, unit| {
        hash.wrapping_mul(31).wrapping_add(i32::from(unit))
    });
    hash.checked_abs().unwrap_or(0).unsigned_abs()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_groups_offsets_are_looked_for_where_java_puts_them() {
        // From `Utils.abs("...".hashCode())` in Java.
        assert_eq!(java_hash("hello"), 99_162_322);
        assert_eq!(java_hash(""), 0);
        assert_eq!(java_hash("my-group"), 1_906_497_762, "hashes below zero");
        assert_eq!(
            java_hash("polygenelubricants"),
            0,
            "hashes to Integer.MIN_VALUE"
        );
    }
}
