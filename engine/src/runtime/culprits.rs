//! Who is in the way: the producers whose open transactions hold a takeover up for longer than any
//! transaction may stay open (E3).

use thalweg_client::{Admin, TopicPartition};
use thalweg_protocol::PartitionId;

const OFFSETS_TOPIC: &str = "__consumer_offsets";

/// Logs the producers that have a transaction open in any of `partitions`, or in the partition
/// that keeps the group's offsets.
pub(crate) async fn report(admin: Admin, group_id: String, partitions: Vec<TopicPartition>) {
    let mut asked = partitions;
    asked.extend(offsets_partition(&admin, &group_id).await);
    let mut found = false;
    for (partition, outcome) in admin.describe_producers(asked).await {
        match outcome {
            Ok(producers) => {
                for producer in producers {
                    let Some(start) = producer.transaction_start_offset else {
                        continue;
                    };
                    found = true;
                    tracing::warn!(
                        %partition,
                        producer_id = producer.producer_id.0,
                        producer_epoch = producer.producer_epoch,
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
    if !found {
        tracing::warn!("no producer with an open transaction is to be seen there");
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

/// `String.hashCode() & Integer.MAX_VALUE`.
fn java_hash(text: &str) -> u32 {
    text.encode_utf16().fold(0_u32, |hash, unit| {
        hash.wrapping_mul(31).wrapping_add(u32::from(unit))
    }) & 0x7fff_ffff
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_groups_offsets_are_looked_for_where_java_puts_them() {
        // From `Math.abs("...".hashCode()) % 50` in Java, where the sign bit is masked off.
        assert_eq!(java_hash("hello"), 99_162_322);
        assert_eq!(java_hash(""), 0);
        assert_eq!(
            java_hash("polygenelubricants"),
            0,
            "hashes to Integer.MIN_VALUE"
        );
    }
}
