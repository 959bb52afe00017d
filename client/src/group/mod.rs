//! Consumer groups: who reads which partitions.
//!
//! ```text
//!  assignor/           distributes partitions over members; one's own assignors plug in
//!  consumer_protocol   what members and assignors tell each other, in bytes
//!  metadata            who a member is right now
//! ```

mod assignor;
mod consumer_protocol;
mod metadata;

pub use assignor::{
    AssignError, Assignor, CooperativeStickyAssignor, MemberAssignment, MemberSubscription,
    RangeAssignor, RebalanceProtocol, RoundRobinAssignor, StickyAssignor, TopicToAssign,
};
pub(crate) use consumer_protocol::decode_assignment;
pub use metadata::GroupMetadata;
