//! Consumer groups: who reads which partitions.
//!
//! ```text
//!  assignor/           distributes partitions over members; one's own assignors plug in
//!  consumer_protocol   what members and assignors tell each other, in bytes
//!  metadata            who a member is right now
//! ```

mod assignor;
mod classic;
mod consumer_protocol;
mod driver;
mod error;
mod handle;
mod membership;
mod metadata;

pub use assignor::{
    AssignError, Assignor, CooperativeStickyAssignor, MemberAssignment, MemberSubscription,
    RangeAssignor, RebalanceProtocol, RoundRobinAssignor, StickyAssignor, TopicToAssign,
};
pub(crate) use classic::{ClassicMembership, ClassicSettings};
pub(crate) use consumer_protocol::decode_assignment;
pub(crate) use driver::{DriverSettings, GroupSink, drive};
pub use error::GroupError;
pub(crate) use handle::{ApplicationWaits, GroupHandle};
pub(crate) use membership::{Change, Membership};
pub use metadata::GroupMetadata;
