//! What brokers have against single records, in terms of the task that wrote them.

use std::sync::Arc;

use thalweg_client::{ErrorCode, ProduceError, RefusedRecord as ClientRefusedRecord};

use crate::task::{AppendError, Refusal, RefusedFor, RefusedRecord, SinkFailure, TaskError};

/// How many transactions in a row may be refused before the app stops: each time others, or the
/// same ones that are made anew differently (a random id in them, say).
pub(crate) const REFUSALS_MAX: u32 = 200;

/// What a producer's error says about single records; `None` when it is about something else.
pub(crate) fn refusal(error: &ProduceError) -> Option<Refusal> {
    let (topic_partition, reason, said, records) = match error {
        ProduceError::TooLarge {
            topic_partition,
            batch_bytes,
            records,
        } => (
            topic_partition,
            RefusedFor::Size {
                batch_bytes: *batch_bytes,
            },
            format!("it is too large, {batch_bytes} bytes as a batch"),
            records,
        ),
        ProduceError::Refused {
            topic_partition,
            code: code @ (ErrorCode::INVALID_TIMESTAMP | ErrorCode::INVALID_RECORD),
            message,
            records,
        } => {
            let reason = match *code {
                ErrorCode::INVALID_TIMESTAMP => RefusedFor::Timestamp,
                _ => RefusedFor::Record,
            };
            let said = match message.as_deref() {
                Some(message) => format!("{code} ({message})"),
                None => code.to_string(),
            };
            (topic_partition, reason, said, records)
        }
        // At least once: what was written with the other part is written twice.
        ProduceError::PartlyWritten { cause, .. } => return refusal(cause),
        _ => return None,
    };
    Some(Refusal {
        topic: Arc::clone(&topic_partition.topic),
        partition: topic_partition.partition,
        reason,
        said,
        advice: advice(reason),
        records: records.iter().map(of_the_client).collect(),
        limits: None,
    })
}

fn advice(reason: RefusedFor) -> &'static str {
    match reason {
        RefusedFor::Size { .. } => "raise max.message.bytes of the topic, or write less",
        RefusedFor::Timestamp => {
            "set another timestamp (`timestamp` of the sink), or raise \
             message.timestamp.before.max.ms or message.timestamp.after.max.ms of the topic"
        }
        RefusedFor::Record => {
            "a compacted topic takes no record without a key (`key` of the sink); other reasons are \
             in the logs of the broker"
        }
    }
}

fn of_the_client(record: &ClientRefusedRecord) -> RefusedRecord {
    RefusedRecord {
        timestamp: record.timestamp,
        key: record.key.clone(),
        value: record.value.clone(),
        headers: record.headers.clone(),
        message: record.message.as_deref().map(str::to_owned),
    }
}

/// The error to stop with.
pub(crate) fn stop_by(refusal: &Refusal, again_and_again: bool) -> TaskError {
    let (partition, said) = (refusal.partition, &refusal.said);
    let said = match again_and_again {
        true => format!(
            "partition {partition}: {said}, {REFUSALS_MAX} times in a row: what is written differs \
             each time the input is processed"
        ),
        false => format!("partition {partition}: {said}"),
    };
    TaskError::Sink {
        operator: "sink".into(),
        topic: Arc::clone(&refusal.topic),
        cause: SinkFailure::Append(AppendError::Broker {
            said,
            advice: refusal.advice,
        }),
    }
}

#[cfg(test)]
mod tests {
    use thalweg_client::TopicPartition;

    use super::*;

    fn refused(code: ErrorCode) -> ProduceError {
        ProduceError::Refused {
            topic_partition: TopicPartition::new("out", 3),
            code,
            message: Some("because".into()),
            records: Arc::default(),
        }
    }

    #[test]
    fn a_refusal_of_records_says_where_why_and_what_to_do() {
        let too_large = ProduceError::TooLarge {
            topic_partition: TopicPartition::new("out", 3),
            batch_bytes: 99,
            records: Arc::default(),
        };
        let cases = [
            (too_large, "99 bytes", "max.message.bytes"),
            (
                refused(ErrorCode::INVALID_TIMESTAMP),
                "INVALID_TIMESTAMP",
                "message.timestamp.before.max.ms",
            ),
            (refused(ErrorCode::INVALID_RECORD), "(because)", "`key`"),
        ];
        for (error, said, to_do) in cases {
            let refusal = refusal(&error).expect("it is about records");
            let text = stop_by(&refusal, false).to_string();
            for part in ["to out", "partition 3", said, to_do] {
                assert!(text.contains(part), "{part} is missing in: {text}");
            }
        }
    }

    #[test]
    fn what_is_about_the_producer_or_the_topic_is_no_refusal_of_records() {
        for code in [
            ErrorCode::TOPIC_AUTHORIZATION_FAILED,
            ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER,
            ErrorCode::TRANSACTION_ABORTABLE,
        ] {
            assert_eq!(refusal(&refused(code)), None);
        }
    }
}
