//! The text committed with a task's offsets: commit sequence and event time (E2, T4).
//!
//! Kafka keeps a string of at most 4096 bytes (`offset.metadata.max.bytes`) with every committed
//! offset. All inputs of a task carry the same one, so any of them tells where the task stood.
//!
//! ```text
//! "t1." base64url( fingerprint: u64 LE · commit sequence: varint · reference: time
//!                  watermark: time
//!                  inputs: varint × (state: 1 byte · time · upstreams: varint × (state · time))
//!                  cursors: varint × time )
//!   state  bit 0: idle
//!   time   0 = minimum (never heard), 1 = end of time, else zigzag varint of
//!          (time − reference), plus 2; the first, `reference`, relates to 0
//! "t2." base64url( fingerprint: u64 LE · commit sequence: varint )
//! ```
//!
//! The second form says that the first would be too long, which many upstream tasks can make it:
//! then what is between the parentheses is in the [`time_changelog`](super::time_changelog),
//! written in the same transaction.

/// What the worker puts before a task's text takes at most.
pub(crate) const WORKER_NOTE_BYTES_MAX: usize = 256;

/// What a task's text may take: Kafka's default for `offset.metadata.max.bytes`, less the worker's
/// part.
pub(crate) const OFFSET_METADATA_BYTES_MAX: usize = 4096 - WORKER_NOTE_BYTES_MAX;

const PREFIX: &str = "t1.";
const PREFIX_ELSEWHERE: &str = "t2.";

/// The most that a time, a count and a state take.
const TIME_BYTES_MAX: usize = 11;
const COUNT_BYTES_MAX: usize = 5;
const STATE_BYTES: usize = 1;

/// What is committed with a task's offsets.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct CommitMetadata {
    /// Of the inputs and cursors the numbers below belong to.
    pub(crate) fingerprint: u64,
    /// E2: counts the task's transactions.
    pub(crate) commit_sequence: u64,
    /// The task's watermark.
    pub(crate) watermark: i64,
    /// Event time per input, in the order of `SubTopology::inputs`.
    pub(crate) inputs: Vec<InputTime>,
    /// Event time of operators that keep their own (stream time), in their order.
    pub(crate) cursors: Vec<i64>,
}

/// The event time of one input.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct InputTime {
    /// A source topic's watermark. Of a repartition topic: the minimum over `upstreams`.
    pub(crate) watermark: i64,
    /// The input was idle.
    pub(crate) idle: bool,
    /// Of a repartition topic: what each upstream task last said.
    pub(crate) upstreams: Vec<UpstreamTime>,
}

/// What an upstream task last said through a repartition topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct UpstreamTime {
    pub(crate) watermark: i64,
    pub(crate) idle: bool,
}

/// Why the metadata of committed offsets cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MetadataError {
    /// Offsets were committed without it.
    #[error(
        "they were committed by something other than this application (metadata {found:?}): use \
         another application id, or delete the group's offsets to begin anew"
    )]
    Foreign {
        /// What was found, cut to 40 characters.
        found: String,
    },
    /// It claims our form but cannot be read.
    #[error(
        "it is damaged ({reason}): delete the group's offsets and the changelogs to begin anew"
    )]
    Damaged {
        /// Where it breaks off.
        reason: &'static str,
    },
    /// The changelog that its event time is in does not hold it.
    #[error(
        "they say that its event time (commit {commit_sequence}) is in the changelog {topic}, which \
         does not hold it: records of that topic were deleted. Delete the group's offsets and the \
         changelogs to begin anew"
    )]
    TimeMissing {
        /// The changelog; empty when the program has none.
        topic: String,
        /// Which of the task's commits it belongs to.
        commit_sequence: u64,
    },
    /// There is state, but no offsets to go with it.
    #[error(
        "there are none, but its changelogs hold state: restore the committed offsets of the \
         group, or delete the changelogs to begin anew"
    )]
    StateWithoutOffsets,
    /// It belongs to another program.
    #[error(
        "it was written by a program that reads other inputs here: restore the old program, use \
         another application id, or delete the group's offsets and the changelogs to begin anew"
    )]
    Fingerprint,
}

impl CommitMetadata {
    /// As it goes into an offset commit.
    pub(crate) fn encode(&self) -> String {
        let mut text = String::from(PREFIX);
        base64_encode(&self.encode_bytes(), &mut text);
        text
    }

    /// What goes into an offset commit instead, when this is written elsewhere.
    pub(crate) fn encode_reference(&self) -> String {
        let mut bytes = Vec::with_capacity(18);
        bytes.extend_from_slice(&self.fingerprint.to_le_bytes());
        write_varint(&mut bytes, self.commit_sequence.into());
        let mut text = String::from(PREFIX_ELSEWHERE);
        base64_encode(&bytes, &mut text);
        text
    }

    /// The longest that [`encode`](Self::encode) can get.
    pub(crate) fn text_bytes_max(inputs: usize, upstreams: usize, cursors: usize) -> usize {
        let fixed = 8 + TIME_BYTES_MAX * 3 + COUNT_BYTES_MAX * 2;
        let bytes = fixed
            + inputs * (STATE_BYTES + TIME_BYTES_MAX + COUNT_BYTES_MAX)
            + upstreams * (STATE_BYTES + TIME_BYTES_MAX)
            + cursors * TIME_BYTES_MAX;
        PREFIX.len() + bytes.div_ceil(3) * 4
    }

    /// The same without its form as a text.
    pub(crate) fn encode_bytes(&self) -> Vec<u8> {
        let times = self
            .inputs
            .iter()
            .map(|input| input.watermark)
            .chain(self.cursors.iter().copied());
        let reference = times.filter(|time| is_finite(*time)).max().unwrap_or(0);
        let mut bytes = Vec::with_capacity(64);
        bytes.extend_from_slice(&self.fingerprint.to_le_bytes());
        write_varint(&mut bytes, self.commit_sequence.into());
        write_time(&mut bytes, reference, 0);
        write_time(&mut bytes, self.watermark, reference);
        write_varint(&mut bytes, self.inputs.len() as u128);
        for input in &self.inputs {
            bytes.push(u8::from(input.idle));
            write_time(&mut bytes, input.watermark, reference);
            write_varint(&mut bytes, input.upstreams.len() as u128);
            for upstream in &input.upstreams {
                bytes.push(u8::from(upstream.idle));
                write_time(&mut bytes, upstream.watermark, reference);
            }
        }
        write_varint(&mut bytes, self.cursors.len() as u128);
        for cursor in &self.cursors {
            write_time(&mut bytes, *cursor, reference);
        }
        bytes
    }

    /// Reads what [`encode`](Self::encode) wrote.
    #[cfg(test)]
    pub(crate) fn decode(text: &str) -> Result<Self, MetadataError> {
        match Committed::decode(text)? {
            Committed::Here(metadata) => Ok(metadata),
            Committed::Elsewhere { .. } => Err(MetadataError::Damaged {
                reason: "its event time is not in it",
            }),
        }
    }

    /// Reads what [`encode_bytes`](Self::encode_bytes) wrote.
    pub(crate) fn decode_bytes(bytes: &[u8]) -> Result<Self, MetadataError> {
        let mut reader = Reader { bytes };
        let metadata = reader.metadata().ok_or(MetadataError::Damaged {
            reason: "cut short or too long",
        })?;
        if !reader.bytes.is_empty() {
            return Err(MetadataError::Damaged {
                reason: "bytes left over",
            });
        }
        Ok(metadata)
    }
}

/// What is committed with a task's offsets, in either form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Committed {
    Here(CommitMetadata),
    /// In the time changelog.
    Elsewhere {
        fingerprint: u64,
        commit_sequence: u64,
    },
}

impl Committed {
    pub(crate) fn decode(text: &str) -> Result<Self, MetadataError> {
        let here = text.strip_prefix(PREFIX);
        let Some(body) = here.or_else(|| text.strip_prefix(PREFIX_ELSEWHERE)) else {
            return Err(MetadataError::Foreign {
                found: text.chars().take(40).collect(),
            });
        };
        let bytes = base64_decode(body).ok_or(MetadataError::Damaged {
            reason: "not base64",
        })?;
        if here.is_some() {
            return CommitMetadata::decode_bytes(&bytes).map(Committed::Here);
        }
        let mut reader = Reader { bytes: &bytes };
        let head = reader.head().filter(|_| reader.bytes.is_empty());
        let (fingerprint, commit_sequence) = head.ok_or(MetadataError::Damaged {
            reason: "cut short or too long",
        })?;
        Ok(Committed::Elsewhere {
            fingerprint,
            commit_sequence,
        })
    }

    /// E2: how many transactions the task has had.
    pub(crate) fn commit_sequence(&self) -> u64 {
        match self {
            Committed::Here(metadata) => metadata.commit_sequence,
            Committed::Elsewhere {
                commit_sequence, ..
            } => *commit_sequence,
        }
    }
}

/// The same metadata, of a task that has heard nothing yet: for the test driver, where tests want
/// Flink's way.
pub(crate) fn without_time(mut metadata: CommitMetadata) -> String {
    metadata.watermark = i64::MIN;
    metadata.cursors.fill(i64::MIN);
    for input in &mut metadata.inputs {
        input.watermark = i64::MIN;
        input.idle = false;
        input.upstreams.fill(UpstreamTime {
            watermark: i64::MIN,
            idle: false,
        });
    }
    metadata.encode()
}

fn is_finite(time: i64) -> bool {
    time != i64::MIN && time != i64::MAX
}

fn write_varint(bytes: &mut Vec<u8>, mut value: u128) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

fn write_time(bytes: &mut Vec<u8>, time: i64, reference: i64) {
    match time {
        i64::MIN => bytes.push(0),
        i64::MAX => bytes.push(1),
        _ => {
            let delta = i128::from(time) - i128::from(reference);
            let zigzag = ((delta << 1) ^ (delta >> 127)) as u128;
            write_varint(bytes, zigzag + 2);
        }
    }
}

struct Reader<'b> {
    bytes: &'b [u8],
}

impl Reader<'_> {
    /// Fingerprint and commit sequence.
    fn head(&mut self) -> Option<(u64, u64)> {
        let (fingerprint, rest) = self.bytes.split_first_chunk::<8>()?;
        self.bytes = rest;
        let fingerprint = u64::from_le_bytes(*fingerprint);
        Some((fingerprint, u64::try_from(self.varint()?).ok()?))
    }

    fn metadata(&mut self) -> Option<CommitMetadata> {
        let (fingerprint, commit_sequence) = self.head()?;
        let reference = self.time(0)?;
        let watermark = self.time(reference)?;
        let mut inputs = Vec::new();
        for _ in 0..self.count()? {
            let idle = self.flag()?;
            let watermark = self.time(reference)?;
            let mut upstreams = Vec::new();
            for _ in 0..self.count()? {
                let idle = self.flag()?;
                upstreams.push(UpstreamTime {
                    idle,
                    watermark: self.time(reference)?,
                });
            }
            inputs.push(InputTime {
                watermark,
                idle,
                upstreams,
            });
        }
        let mut cursors = Vec::new();
        for _ in 0..self.count()? {
            cursors.push(self.time(reference)?);
        }
        Some(CommitMetadata {
            fingerprint,
            commit_sequence,
            watermark,
            inputs,
            cursors,
        })
    }

    fn flag(&mut self) -> Option<bool> {
        let (flag, rest) = self.bytes.split_first()?;
        self.bytes = rest;
        (*flag <= 1).then_some(*flag == 1)
    }

    /// A count of things that take at least a byte each.
    fn count(&mut self) -> Option<usize> {
        usize::try_from(self.varint()?)
            .ok()
            .filter(|count| *count <= self.bytes.len())
    }

    fn varint(&mut self) -> Option<u128> {
        let mut value = 0_u128;
        for shift in (0..77).step_by(7) {
            let (byte, rest) = self.bytes.split_first()?;
            self.bytes = rest;
            value |= u128::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    fn time(&mut self, reference: i64) -> Option<i64> {
        match self.varint()? {
            0 => Some(i64::MIN),
            1 => Some(i64::MAX),
            plus_two => {
                let zigzag = plus_two - 2;
                let delta = ((zigzag >> 1) as i128) ^ -((zigzag & 1) as i128);
                i64::try_from(i128::from(reference) + delta).ok()
            }
        }
    }
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

fn base64_encode(bytes: &[u8], text: &mut String) {
    for chunk in bytes.chunks(3) {
        let word = chunk
            .iter()
            .fold(0_u32, |word, byte| word << 8 | u32::from(*byte));
        let word = word << (8 * (3 - chunk.len()));
        for sextet in 0..=chunk.len() {
            let index = word >> (18 - 6 * sextet) & 63;
            text.push(
                ALPHABET
                    .get(index as usize)
                    .map_or('A', |letter| char::from(*letter)),
            );
        }
    }
}

fn base64_decode(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() * 3 / 4);
    for chunk in text.as_bytes().chunks(4) {
        let mut word = 0_u32;
        for letter in chunk {
            let sextet = ALPHABET.iter().position(|candidate| candidate == letter)?;
            word = word << 6 | u32::try_from(sextet).ok()?;
        }
        word <<= 6 * (4 - chunk.len());
        let whole = [(word >> 16) as u8, (word >> 8) as u8, word as u8];
        bytes.extend(whole.iter().take(chunk.len() - 1));
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> CommitMetadata {
        CommitMetadata {
            fingerprint: 0x0123_4567_89ab_cdef,
            commit_sequence: u64::MAX,
            watermark: -1,
            inputs: vec![
                InputTime {
                    watermark: 1_700_000_000_123,
                    idle: true,
                    upstreams: vec![],
                },
                InputTime {
                    watermark: i64::MIN,
                    idle: false,
                    upstreams: vec![
                        UpstreamTime {
                            watermark: i64::MIN,
                            idle: false,
                        },
                        UpstreamTime {
                            watermark: i64::MAX,
                            idle: true,
                        },
                        UpstreamTime {
                            watermark: i64::MAX - 1,
                            idle: true,
                        },
                        UpstreamTime {
                            watermark: i64::MIN + 1,
                            idle: false,
                        },
                        UpstreamTime {
                            watermark: 1_700_000_000_122,
                            idle: false,
                        },
                    ],
                },
            ],
            cursors: vec![-5, 1_699_999_999_999],
        }
    }

    #[test]
    fn what_is_encoded_is_decoded() {
        for metadata in [sample(), CommitMetadata::default()] {
            assert_eq!(CommitMetadata::decode(&metadata.encode()), Ok(metadata));
        }
    }

    #[test]
    fn cut_at_any_byte_or_lengthened_it_is_an_error() {
        let text = sample().encode();
        for length in 0..text.len() {
            let cut = text.get(..length).expect("it is ASCII");
            assert!(CommitMetadata::decode(cut).is_err(), "cut at {length}");
        }
        assert!(CommitMetadata::decode(&format!("{text}AAAA")).is_err());
    }

    #[test]
    fn a_reference_is_read_back_and_damage_to_it_is_seen() {
        let text = sample().encode_reference();
        let committed = Committed::decode(&text).expect("sound");
        assert_eq!(committed.commit_sequence(), u64::MAX);
        let fingerprint = sample().fingerprint;
        assert!(
            matches!(committed, Committed::Elsewhere { fingerprint: found, .. } if found == fingerprint)
        );
        for length in 0..text.len() {
            let cut = text.get(..length).expect("it is ASCII");
            assert!(Committed::decode(cut).is_err(), "cut at {length}");
        }
        assert!(Committed::decode(&format!("{text}AAAA")).is_err());
    }

    #[test]
    fn no_text_is_longer_than_its_bound() {
        let extremes = [i64::MIN, i64::MIN + 1, -1, 0, i64::MAX - 1, i64::MAX];
        for reference in extremes {
            let upstreams = extremes.map(|watermark| UpstreamTime {
                watermark,
                idle: true,
            });
            let inputs = extremes.map(|watermark| InputTime {
                watermark: watermark.min(reference),
                idle: false,
                upstreams: upstreams.to_vec(),
            });
            let metadata = CommitMetadata {
                commit_sequence: u64::MAX,
                watermark: reference,
                inputs: inputs.to_vec(),
                cursors: extremes.to_vec(),
                ..CommitMetadata::default()
            };
            assert!(metadata.encode().len() <= CommitMetadata::text_bytes_max(6, 36, 6));
        }
    }

    #[test]
    fn metadata_of_others_is_told_from_damage() {
        for foreign in ["", "{\"a\":1}", "t3.AAAA", &"ä".repeat(500)] {
            let error = CommitMetadata::decode(foreign);
            assert!(
                matches!(error, Err(MetadataError::Foreign { .. })),
                "{foreign:?}"
            );
        }
        for damaged in [
            "t1.",
            "t1.====",
            "t1.AAAAAAAAAAAA",
            "t1.____________________________",
            "t2.AAAA",
        ] {
            let error = CommitMetadata::decode(damaged);
            assert!(
                matches!(error, Err(MetadataError::Damaged { .. })),
                "{damaged:?}"
            );
        }
    }

    #[test]
    fn five_hundred_upstream_tasks_within_seconds_of_each_other_fit() {
        let upstreams = (0..500)
            .map(|task| UpstreamTime {
                watermark: 1_700_000_000_000 + task * 7,
                idle: false,
            })
            .collect();
        let inputs = vec![InputTime {
            watermark: 1_700_000_000_000,
            idle: false,
            upstreams,
        }];
        let metadata = CommitMetadata {
            inputs,
            ..CommitMetadata::default()
        };
        assert!(metadata.encode().len() <= OFFSET_METADATA_BYTES_MAX);
    }
}
