//! Who sent a request, and how it came.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use thalweg_protocol::{BrokerId, StrBytes};

/// Who an authenticated connection belongs to: `User:name`, as Kafka writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Principal {
    pub(crate) kind: StrBytes,
    pub(crate) name: StrBytes,
}

impl Principal {
    /// Who has not said who they are.
    pub(crate) fn anonymous() -> Self {
        Principal {
            kind: "User".into(),
            name: "ANONYMOUS".into(),
        }
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind, self.name)
    }
}

/// The sender of a request.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    /// The broker the request was sent to.
    pub(crate) node: BrokerId,
    /// Names the connection among all of the cluster's.
    pub(crate) connection: u64,
    /// The size of the request, without its length.
    pub(crate) request_bytes: usize,
    /// The request's version.
    pub(crate) version: i16,
    pub(crate) client_id: Option<StrBytes>,
    pub(crate) principal: Arc<Principal>,
    pub(crate) host: IpAddr,
}

impl Caller {
    /// The client id, empty where there is none, as groups show it.
    pub(crate) fn client_id(&self) -> StrBytes {
        self.client_id.clone().unwrap_or_default()
    }

    /// The address, as groups show it.
    pub(crate) fn client_host(&self) -> StrBytes {
        StrBytes::from(format!("/{}", self.host))
    }
}
