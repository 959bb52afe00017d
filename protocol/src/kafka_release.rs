//! Which Kafka release has which versions of which request.
//!
//! A client needs it to name the release to upgrade to when a broker is too old, and to keep to what
//! a release has where it is told to; a broker that plays an older release offers what that one did.
//! All of it is rare, so the table stays text and is read where it is asked for.

use std::fmt;
use std::ops::RangeInclusive;

use crate::ApiKey;

/// One release a line: its number, then `API key:oldest-newest` for every request, as the clients
/// of that release know them.
const RELEASES: &str = "\
2.1.1 0:0-7 1:0-10 2:0-4 3:0-7 4:0-1 5:0-0 6:0-4 7:0-1 8:0-6 9:0-5 10:0-2 11:0-3 12:0-2 \
    13:0-2 14:0-2 15:0-2 16:0-2 17:0-1 18:0-2 19:0-3 20:0-3 21:0-1 22:0-1 23:0-2 24:0-1 25:0-1 \
    26:0-1 27:0-0 28:0-2 29:0-1 30:0-1 31:0-1 32:0-2 33:0-1 34:0-1 35:0-1 36:0-0 37:0-1 38:0-1 \
    39:0-1 40:0-1 41:0-1 42:0-1
2.4.1 0:0-8 1:0-11 2:0-5 3:0-9 4:0-4 5:0-2 6:0-6 7:0-3 8:0-8 9:0-6 10:0-3 11:0-6 12:0-4 \
    13:0-4 14:0-4 15:0-5 16:0-3 17:0-1 18:0-3 19:0-5 20:0-4 21:0-1 22:0-2 23:0-3 24:0-1 25:0-1 \
    26:0-1 27:0-0 28:0-2 29:0-1 30:0-1 31:0-1 32:0-2 33:0-1 34:0-1 35:0-1 36:0-1 37:0-1 38:0-2 \
    39:0-1 40:0-1 41:0-1 42:0-2 43:0-2 44:0-1 45:0-0 46:0-0 47:0-0
2.8.2 0:0-9 1:0-12 2:0-6 3:0-11 4:0-5 5:0-3 6:0-7 7:0-3 8:0-8 9:0-7 10:0-3 11:0-7 12:0-4 \
    13:0-4 14:0-5 15:0-5 16:0-4 17:0-1 18:0-3 19:0-7 20:0-6 21:0-2 22:0-4 23:0-4 24:0-3 25:0-3 \
    26:0-3 27:0-1 28:0-3 29:0-2 30:0-2 31:0-2 32:0-4 33:0-2 34:0-2 35:0-2 36:0-2 37:0-3 38:0-2 \
    39:0-2 40:0-2 41:0-2 42:0-2 43:0-2 44:0-1 45:0-0 46:0-0 47:0-0 48:0-1 49:0-1 50:0-0 51:0-0 \
    52:0-0 53:0-0 54:0-0 55:0-0 56:0-0 57:0-0 58:0-0 59:0-0 60:0-0 61:0-0 62:0-0 63:0-0 64:0-0
3.0.2 0:0-9 1:0-12 2:0-7 3:0-11 4:0-5 5:0-3 6:0-7 7:0-3 8:0-8 9:0-8 10:0-4 11:0-7 12:0-4 \
    13:0-4 14:0-5 15:0-5 16:0-4 17:0-1 18:0-3 19:0-7 20:0-6 21:0-2 22:0-4 23:0-4 24:0-3 25:0-3 \
    26:0-3 27:0-1 28:0-3 29:0-2 30:0-2 31:0-2 32:0-4 33:0-2 34:0-2 35:0-2 36:0-2 37:0-3 38:0-2 \
    39:0-2 40:0-2 41:0-2 42:0-2 43:0-2 44:0-1 45:0-0 46:0-0 47:0-0 48:0-1 49:0-1 50:0-0 51:0-0 \
    52:0-0 53:0-0 54:0-0 55:0-0 56:0-0 57:0-0 58:0-0 59:0-0 60:0-0 61:0-0 62:0-0 63:0-0 64:0-0 \
    65:0-0 66:0-0 67:0-0
3.3.2 0:0-9 1:0-13 2:0-7 3:0-12 4:0-6 5:0-3 6:0-7 7:0-3 8:0-8 9:0-8 10:0-4 11:0-9 12:0-4 \
    13:0-5 14:0-5 15:0-5 16:0-4 17:0-1 18:0-3 19:0-7 20:0-6 21:0-2 22:0-4 23:0-4 24:0-3 25:0-3 \
    26:0-3 27:0-1 28:0-3 29:0-3 30:0-3 31:0-3 32:0-4 33:0-2 34:0-2 35:0-4 36:0-2 37:0-3 38:0-3 \
    39:0-2 40:0-2 41:0-3 42:0-2 43:0-2 44:0-1 45:0-0 46:0-0 47:0-0 48:0-1 49:0-1 50:0-0 51:0-0 \
    52:0-0 53:0-0 54:0-0 55:0-1 56:0-2 57:0-1 58:0-0 59:0-0 60:0-0 61:0-0 62:0-0 63:0-0 64:0-0 \
    65:0-0 66:0-0 67:0-0
3.5.2 0:0-9 1:0-15 2:0-8 3:0-12 4:0-7 5:0-4 6:0-8 7:0-3 8:0-8 9:0-8 10:0-4 11:0-9 12:0-4 \
    13:0-5 14:0-5 15:0-5 16:0-4 17:0-1 18:0-3 19:0-7 20:0-6 21:0-2 22:0-4 23:0-4 24:0-3 25:0-3 \
    26:0-3 27:0-1 28:0-3 29:0-3 30:0-3 31:0-3 32:0-4 33:0-2 34:0-2 35:0-4 36:0-2 37:0-3 38:0-3 \
    39:0-2 40:0-2 41:0-3 42:0-2 43:0-2 44:0-1 45:0-0 46:0-0 47:0-0 48:0-1 49:0-1 50:0-0 51:0-0 \
    52:0-0 53:0-0 54:0-0 55:0-1 56:0-3 57:0-1 58:0-0 59:0-0 60:0-0 61:0-0 62:0-1 63:0-0 64:0-0 \
    65:0-0 66:0-0 67:0-0
3.7.2 0:0-10 1:0-16 2:0-8 3:0-12 4:0-7 5:0-4 6:0-8 7:0-3 8:0-9 9:0-9 10:0-4 11:0-9 12:0-4 \
    13:0-5 14:0-5 15:0-5 16:0-4 17:0-1 18:0-3 19:0-7 20:0-6 21:0-2 22:0-4 23:0-4 24:0-4 25:0-3 \
    26:0-3 27:0-1 28:0-3 29:0-3 30:0-3 31:0-3 32:0-4 33:0-2 34:0-2 35:0-4 36:0-2 37:0-3 38:0-3 \
    39:0-2 40:0-2 41:0-3 42:0-2 43:0-2 44:0-1 45:0-0 46:0-0 47:0-0 48:0-1 49:0-1 50:0-0 51:0-0 \
    52:0-0 53:0-0 54:0-0 55:0-1 56:0-3 57:0-1 58:0-0 59:0-0 60:0-1 61:0-0 62:0-3 63:0-1 64:0-0 \
    65:0-0 66:0-0 67:0-0 68:0-0 70:0-0 71:0-0 72:0-0 73:0-0 74:0-0
3.9.1 0:0-11 1:0-17 2:0-9 3:0-12 4:0-7 5:0-4 6:0-8 7:0-3 8:0-9 9:0-9 10:0-6 11:0-9 12:0-4 \
    13:0-5 14:0-5 15:0-5 16:0-5 17:0-1 18:0-4 19:0-7 20:0-6 21:0-2 22:0-5 23:0-4 24:0-5 25:0-4 \
    26:0-4 27:0-1 28:0-4 29:0-3 30:0-3 31:0-3 32:0-4 33:0-2 34:0-2 35:0-4 36:0-2 37:0-3 38:0-3 \
    39:0-2 40:0-2 41:0-3 42:0-2 43:0-2 44:0-1 45:0-0 46:0-0 47:0-0 48:0-1 49:0-1 50:0-0 51:0-0 \
    52:0-1 53:0-1 54:0-1 55:0-2 56:0-3 57:0-1 58:0-0 59:0-1 60:0-1 61:0-0 62:0-4 63:0-1 64:0-0 \
    65:0-0 66:0-1 67:0-0 68:0-0 69:0-0 70:0-0 71:0-0 72:0-0 73:0-0 74:0-0 75:0-0 80:0-0 81:0-0 \
    82:0-0
4.0.1 0:3-12 1:4-17 2:1-10 3:0-13 8:2-9 9:1-9 10:0-6 11:0-9 12:0-4 13:0-5 14:0-5 15:0-6 \
    16:0-5 17:0-1 18:0-4 19:2-7 20:1-6 21:0-2 22:0-5 23:2-4 24:0-5 25:0-4 26:0-5 27:1-1 28:0-5 \
    29:1-3 30:1-3 31:1-3 32:1-4 33:0-2 34:1-2 35:1-4 36:0-2 37:0-3 38:1-3 39:1-2 40:1-2 41:1-3 \
    42:0-2 43:0-2 44:0-1 45:0-0 46:0-0 47:0-0 48:0-1 49:0-1 50:0-0 51:0-0 52:0-2 53:0-1 54:0-1 \
    55:0-2 56:2-3 57:0-2 58:0-0 59:0-1 60:0-2 61:0-0 62:0-4 63:0-1 64:0-0 65:0-0 66:0-1 67:0-0 \
    68:0-1 69:0-1 70:0-0 71:0-0 72:0-0 73:0-0 74:0-0 75:0-0 80:0-0 81:0-0 82:0-0
4.1.1 0:3-13 1:4-18 2:1-10 3:0-13 8:2-9 9:1-9 10:0-6 11:0-9 12:0-4 13:0-5 14:0-5 15:0-6 \
    16:0-5 17:0-1 18:0-4 19:2-7 20:1-6 21:0-2 22:0-5 23:2-4 24:0-5 25:0-4 26:0-5 27:1-1 28:0-5 \
    29:1-3 30:1-3 31:1-3 32:1-4 33:0-2 34:1-2 35:1-4 36:0-2 37:0-3 38:1-3 39:1-2 40:1-2 41:1-3 \
    42:0-2 43:0-2 44:0-1 45:0-1 46:0-0 47:0-0 48:0-1 49:0-1 50:0-0 51:0-0 52:0-2 53:0-1 54:0-1 \
    55:0-2 56:2-3 57:0-2 58:0-0 59:0-1 60:0-2 61:0-0 62:0-4 63:0-1 64:0-0 65:0-0 66:0-2 67:0-0 \
    68:0-1 69:0-1 70:0-0 71:0-0 72:0-0 73:0-0 74:0-1 75:0-0 76:1-1 77:1-1 78:1-1 79:1-1 80:0-0 \
    81:0-0 82:0-0 83:0-0 84:0-0 85:0-0 86:0-0 87:0-0 90:0-0 91:0-0 92:0-0
4.2.0 0:3-13 1:4-18 2:1-11 3:0-13 8:2-10 9:1-10 10:0-6 11:0-9 12:0-4 13:0-5 14:0-5 15:0-6 \
    16:0-5 17:0-1 18:0-4 19:2-7 20:1-6 21:0-2 22:0-5 23:2-4 24:0-5 25:0-4 26:0-5 27:1-2 28:0-5 \
    29:1-3 30:1-3 31:1-3 32:1-4 33:0-2 34:1-2 35:1-4 36:0-2 37:0-3 38:1-3 39:1-2 40:1-2 41:1-3 \
    42:0-2 43:0-2 44:0-1 45:0-1 46:0-0 47:0-0 48:0-1 49:0-1 50:0-0 51:0-0 52:0-2 53:0-1 54:0-1 \
    55:0-2 56:2-3 57:0-2 58:0-0 59:0-1 60:0-2 61:0-0 62:0-4 63:0-1 64:0-0 65:0-0 66:0-2 67:0-0 \
    68:0-1 69:0-1 70:0-0 71:0-0 72:0-0 73:0-0 74:0-1 75:0-0 76:1-1 77:1-1 78:1-2 79:1-2 80:0-1 \
    81:0-0 82:0-0 83:0-0 84:0-0 85:0-1 86:0-0 87:0-1 88:0-0 89:0-0 90:0-1 91:0-0 92:0-0
4.3.0 0:3-13 1:4-18 2:1-11 3:0-13 8:2-10 9:1-10 10:0-6 11:0-9 12:0-4 13:0-5 14:0-5 15:0-6 \
    16:0-5 17:0-1 18:0-4 19:2-7 20:1-6 21:0-2 22:0-5 23:2-4 24:0-5 25:0-4 26:0-5 27:1-2 28:0-5 \
    29:1-3 30:1-3 31:1-3 32:1-4 33:0-2 34:1-2 35:1-5 36:0-2 37:0-3 38:1-3 39:1-2 40:1-2 41:1-3 \
    42:0-2 43:0-2 44:0-1 45:0-1 46:0-0 47:0-0 48:0-1 49:0-1 50:0-0 51:0-0 52:0-2 53:0-1 54:0-1 \
    55:0-2 56:2-3 57:0-2 58:0-0 59:0-1 60:0-2 61:0-0 62:0-4 63:0-2 64:0-0 65:0-0 66:0-2 67:0-0 \
    68:0-1 69:0-1 70:0-0 71:0-0 72:0-0 73:0-0 74:0-1 75:0-0 76:1-1 77:1-1 78:1-2 79:1-2 80:0-1 \
    81:0-0 82:0-0 83:0-0 84:0-0 85:0-1 86:0-0 87:0-1 88:0-0 89:0-0 90:0-1 91:0-0 92:0-0
4.4.0 0:3-13 1:4-18 2:1-11 3:0-13 8:2-10 9:1-10 10:0-6 11:0-9 12:0-4 13:0-5 14:0-5 15:0-6 \
    16:0-5 17:0-1 18:0-5 19:2-7 20:1-6 21:0-2 22:0-5 23:2-4 24:0-5 25:0-4 26:0-5 27:1-2 28:0-6 \
    29:1-3 30:1-3 31:1-3 32:1-4 33:0-2 34:1-2 35:1-5 36:0-2 37:0-3 38:1-3 39:1-2 40:1-2 41:1-3 \
    42:0-3 43:0-2 44:0-1 45:0-1 46:0-0 47:0-0 48:0-1 49:0-1 50:0-0 51:0-0 52:0-2 53:0-1 54:0-1 \
    55:0-2 56:2-3 57:0-2 58:0-0 59:0-1 60:0-2 61:0-0 62:0-4 63:0-2 64:0-0 65:0-0 66:0-2 67:0-0 \
    68:0-1 69:0-1 70:0-0 71:0-0 72:0-0 73:0-0 74:0-1 75:0-0 76:1-1 77:1-1 78:1-2 79:1-2 80:0-1 \
    81:0-0 82:0-0 83:0-0 84:0-0 85:0-1 86:0-0 87:0-1 88:0-1 89:0-1 90:0-1 91:0-0 92:0-0 93:0-0 \
    94:0-0
";

/// A release of Kafka whose API versions are known.
///
/// Known are 2.1.1, 2.4.1, 2.8.2, 3.0.2, 3.3.2, 3.5.2, 3.7.2, 3.9.1, 4.0.1, 4.1.1, 4.2.0, 4.3.0 and
/// 4.4.0, each as the clients published with it know the requests. Its brokers differ in details: from
/// 4.0 on they list Produce from version 0 on, for old clients that look for it, and refuse what is
/// older than 3.
///
/// ```
/// use thalweg_protocol::{ApiKey, KafkaRelease};
///
/// let release = KafkaRelease::up_to("3.4").expect("a known release");
/// assert_eq!(release.number(), "3.3.2");
/// assert_eq!(release.versions(ApiKey::Fetch), Some(0..=13));
/// assert_eq!(release.versions(ApiKey::ShareFetch), None);
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct KafkaRelease {
    line: &'static str,
}

impl KafkaRelease {
    /// Every release that is known, from the oldest on.
    pub fn all() -> impl Iterator<Item = Self> {
        RELEASES.lines().map(|line| Self { line })
    }

    /// The newest known release that is not newer than `version`: `"2.8"` means all of 2.8.x. `None`
    /// if `version` is not a version or older than all of them.
    pub fn up_to(version: &str) -> Option<Self> {
        let asked = parts(version)?;
        Self::all()
            .filter(|release| parts(release.number()).is_some_and(|known| known <= asked))
            .last()
    }

    /// The oldest known release that has this version of an API, or a newer one.
    pub fn first_with(api: ApiKey, version: i16) -> Option<Self> {
        Self::all().find(|release| {
            let range = release.versions(api);
            range.is_some_and(|range| *range.end() >= version)
        })
    }

    /// The release's number, such as `2.8.2`.
    pub fn number(&self) -> &'static str {
        self.line.split(' ').next().unwrap_or(self.line)
    }

    /// The stable versions of an API that the release has. `None` where it lacks the API.
    pub fn versions(&self, api: ApiKey) -> Option<RangeInclusive<i16>> {
        self.line.split(' ').skip(1).find_map(|entry| {
            let (key, range) = entry.split_once(':')?;
            let (oldest, newest) = range.split_once('-')?;
            (key.parse() == Ok(api.code())).then_some(oldest.parse().ok()?..=newest.parse().ok()?)
        })
    }
}

impl fmt::Debug for KafkaRelease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("KafkaRelease").field(&self.number()).finish()
    }
}

/// A release as numbers that compare; what is not given counts as the latest.
fn parts(release: &str) -> Option<[u32; 3]> {
    let mut parts = [u32::MAX; 3];
    let mut given = release.split('.');
    for (part, text) in parts.iter_mut().zip(&mut given) {
        *part = text.parse().ok()?;
    }
    given.next().is_none().then_some(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_release_that_introduced_a_version_is_found() {
        let first = |api, version| KafkaRelease::first_with(api, version).map(|r| r.number());
        assert_eq!(first(ApiKey::Fetch, 11), Some("2.4.1"));
        assert_eq!(first(ApiKey::Fetch, 0), Some("2.1.1"));
        assert_eq!(first(ApiKey::DescribeTransactions, 0), Some("3.0.2"));
        assert_eq!(first(ApiKey::Fetch, 99), None);
    }

    #[test]
    fn a_release_is_found_by_a_part_of_its_number() {
        let release = |version| KafkaRelease::up_to(version).map(|release| release.number());
        assert_eq!(release("2.8"), Some("2.8.2"));
        assert_eq!(release("3"), Some("3.9.1"));
        assert_eq!(release("3.4.0"), Some("3.3.2"));
        assert_eq!(release("99.1"), Some("4.4.0"));
        assert_eq!(release("2.0"), None);
        assert_eq!(release("latest"), None);
        assert_eq!(release("1.2.3.4"), None);
    }

    #[test]
    fn a_release_lacks_what_came_later() {
        let oldest = KafkaRelease::up_to("2.1").expect("the oldest");
        assert_eq!(oldest.versions(ApiKey::Fetch), Some(0..=10));
        assert_eq!(oldest.versions(ApiKey::DescribeCluster), None);
    }

    /// A line of the table that cannot be read would quietly lack what it says.
    #[test]
    fn every_entry_of_every_release_is_read() {
        for release in KafkaRelease::all() {
            assert!(parts(release.number()).is_some(), "{release:?}");
            let read = ApiKey::ALL
                .iter()
                .filter(|api| release.versions(**api).is_some());
            // Four APIs between brokers, which went with 4.0, have no number here.
            let gone = if release.number() < "4" { 4 } else { 0 };
            let entries = release.line.split(' ').skip(1).count();
            assert_eq!(read.count() + gone, entries, "{release:?}");
        }
        let numbers: Vec<_> = KafkaRelease::all().map(|r| parts(r.number())).collect();
        assert!(numbers.is_sorted(), "{numbers:?}");
    }
}
