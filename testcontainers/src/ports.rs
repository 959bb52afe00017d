//! Free loopback ports that nobody else takes while a broker is down.
//!
//! They come from below the ephemeral range: the kernel hands ephemeral ports to outgoing
//! connections, so a client that reconnects to a killed broker could be given the broker's own
//! port and end up connected to itself. A lock file per port keeps parallel tests apart.

use std::env;
use std::hash::{BuildHasher, RandomState};
use std::net::{Ipv4Addr, TcpListener};

use crate::error::StartError;
use crate::folder::FileLock;

const FIRST: u16 = 20_000;
const LAST: u16 = 31_999;

/// A port that is ours until this is dropped.
#[derive(Debug)]
pub(crate) struct Port {
    number: u16,
    _lock: FileLock,
}

impl Port {
    /// Reserves a port that is free now.
    pub(crate) fn reserve() -> Result<Self, StartError> {
        let user = rustix::process::getuid().as_raw();
        let locks = env::temp_dir().join(format!("thalweg-kafka-ports-{user}"));
        crate::folder::create(&locks)?;
        let count = u64::from(LAST - FIRST) + 1;
        let start = RandomState::new().hash_one(std::process::id()) % count;
        for step in 0..count {
            let number = FIRST + u16::try_from((start + step) % count).expect("below the count");
            let Some(lock) = FileLock::try_take(&locks.join(number.to_string())) else {
                continue;
            };
            if TcpListener::bind((Ipv4Addr::LOCALHOST, number)).is_ok() {
                return Ok(Self {
                    number,
                    _lock: lock,
                });
            }
        }
        Err(StartError::NoFreePort {
            first: FIRST,
            last: LAST,
        })
    }

    pub(crate) fn number(&self) -> u16 {
        self.number
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_reserved_together_differ_and_can_be_bound() {
        let ports: Vec<Port> = (0..20)
            .map(|_| Port::reserve().expect("a free port"))
            .collect();
        let mut numbers: Vec<u16> = ports.iter().map(Port::number).collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), ports.len());
        for port in &ports {
            TcpListener::bind((Ipv4Addr::LOCALHOST, port.number())).expect("still free");
        }
    }
}
