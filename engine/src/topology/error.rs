//! What is wrong with a program, found when its topology is built.

use std::fmt;

/// Everything that is wrong with a program: building does not stop at the first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopologyError {
    pub(super) faults: Vec<TopologyFault>,
}

impl TopologyError {
    /// What is wrong, in the order of the program. At least one.
    pub fn faults(&self) -> &[TopologyFault] {
        &self.faults
    }
}

impl fmt::Display for TopologyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the program cannot run: ")?;
        for (index, fault) in self.faults.iter().enumerate() {
            if index > 0 {
                f.write_str("; ")?;
            }
            write!(f, "{fault}")?;
        }
        Ok(())
    }
}

impl std::error::Error for TopologyError {}

/// One thing that is wrong with a program.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TopologyFault {
    /// An application id or operator name that cannot be part of a topic name.
    #[error("the name `{name}` of {of} {fault}")]
    Name {
        /// The name.
        name: String,
        /// What is named.
        of: &'static str,
        /// What is wrong.
        fault: String,
    },
    /// A topic name Kafka would refuse.
    #[error("the topic name `{topic}` {fault}")]
    Topic {
        /// The topic.
        topic: String,
        /// What is wrong.
        fault: String,
    },
    /// Two operators have the same name, and so the same state.
    #[error("two operators are named `{name}`: a name stands for state, give each its own")]
    DuplicateName {
        /// The name.
        name: String,
    },
    /// A topic is the source of two streams.
    #[error("topic `{topic}` is read by two sources: make one, and clone the stream")]
    DuplicateSource {
        /// The topic.
        topic: String,
    },
    /// Event time was set after the stream was used without it.
    #[error(
        "the event time of `{topic}` is set on one clone of its source after another was used: \
         set it before the stream is cloned"
    )]
    LateEventTime {
        /// The source's topic.
        topic: String,
    },
    /// `Emit::OnClose` for an aggregate that never closes.
    #[error(
        "operator `{operator}` has no window, so its results are never final: choose \
         `Emit::OnUpdate` or `Emit::OnCommit`"
    )]
    NeverCloses {
        /// The operator.
        operator: String,
    },
    /// A window without a length.
    #[error("the window of operator `{operator}` {fault}")]
    Window {
        /// The operator.
        operator: String,
        /// What is wrong.
        fault: String,
    },
    /// Late elements that come from no record.
    #[error(
        "operator `{operator}` comes after another that keeps state, so its late elements are no \
         records of a topic: write them in a format, with `late_to_as`"
    )]
    NoRecordToSend {
        /// The operator.
        operator: String,
    },
    /// A repartition topic with no partitions.
    #[error("the repartition topic of `{operator}` has 0 partitions")]
    NoPartitions {
        /// The operator.
        operator: String,
    },
    /// The program does nothing.
    #[error("no stream ends in a sink: the program does nothing")]
    Empty,
}
