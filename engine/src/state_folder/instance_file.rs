//! The file `instance`: a few lines of text, versioned and checksummed (drawn in the module above).

use std::collections::BTreeMap;
use std::fmt::Write;

const KIND: &str = "thalweg-instance";
const VERSION: u32 = 1;

/// The content of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct InstanceFile {
    pub(super) application_id: String,
    pub(super) uuid: u128,
    /// One more than the highest worker index ever used.
    pub(super) workers: u32,
    /// The last group member id by worker index. `index < workers`
    pub(super) member_ids: BTreeMap<u32, String>,
}

/// Why a file is not one of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum FileProblem {
    /// Written by a later version of the format.
    LaterVersion(u32),
    /// Anything else; the text says what.
    Corrupt(&'static str),
}

impl InstanceFile {
    pub(super) fn new(application_id: &str, uuid: u128) -> Self {
        Self {
            application_id: application_id.to_owned(),
            uuid,
            workers: 0,
            member_ids: BTreeMap::new(),
        }
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut text = format!(
            "{KIND} {VERSION}\napplication {}\nuuid {:032x}\nworkers {}\n",
            self.application_id, self.uuid, self.workers
        );
        for (worker, member_id) in &self.member_ids {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "member {worker} {member_id}");
        }
        let checksum = crc32c::crc32c(text.as_bytes());
        let _ = writeln!(text, "crc32c {checksum:08x}");
        text.into_bytes()
    }

    pub(super) fn parse(content: &[u8]) -> Result<Self, FileProblem> {
        use FileProblem::Corrupt;
        let text = std::str::from_utf8(content).map_err(|_| Corrupt("it is not text"))?;
        let first = text.lines().next().unwrap_or_default();
        let version = first
            .strip_prefix(KIND)
            .and_then(|rest| rest.trim().parse::<u32>().ok())
            .ok_or(Corrupt("it does not begin with its kind and version"))?;
        let body_len = text
            .rfind("crc32c ")
            .ok_or(Corrupt("its checksum is missing"))?;
        let (body, checksum) = text
            .split_at_checked(body_len)
            .ok_or(Corrupt("its checksum is missing"))?;
        if checksum != format!("crc32c {:08x}\n", crc32c::crc32c(body.as_bytes())) {
            return Err(Corrupt("its checksum does not match its content"));
        }
        // Only now: the number could be what is corrupt.
        if version > VERSION {
            return Err(FileProblem::LaterVersion(version));
        }
        Self::parse_body(body)
    }

    fn parse_body(body: &str) -> Result<Self, FileProblem> {
        use FileProblem::Corrupt;
        let mut application_id = None;
        let mut uuid = None;
        let mut workers = None;
        let mut member_ids = BTreeMap::new();
        for line in body.lines().skip(1) {
            let (word, rest) = line.split_once(' ').ok_or(Corrupt("a line has no value"))?;
            match word {
                "application" => application_id = Some(rest.to_owned()),
                "uuid" => uuid = u128::from_str_radix(rest, 16).ok(),
                "workers" => workers = rest.parse::<u32>().ok(),
                "member" => {
                    let (worker, member_id) =
                        rest.split_once(' ').ok_or(Corrupt("a member has no id"))?;
                    let worker = worker
                        .parse()
                        .map_err(|_| Corrupt("a member has no worker index"))?;
                    member_ids.insert(worker, member_id.to_owned());
                }
                _ => return Err(Corrupt("it has a line of an unknown kind")),
            }
        }
        Ok(Self {
            application_id: application_id.ok_or(Corrupt("its application is missing"))?,
            uuid: uuid.ok_or(Corrupt("its uuid is missing or malformed"))?,
            workers: workers.ok_or(Corrupt("its number of workers is missing or malformed"))?,
            member_ids,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> InstanceFile {
        let mut file = InstanceFile::new("hot-bids", 0x0f6c);
        file.workers = 3;
        file.member_ids.insert(0, "hot-bids-1f".to_owned());
        file.member_ids.insert(2, "member with spaces".to_owned());
        file
    }

    #[test]
    fn what_was_written_is_read() {
        assert_eq!(InstanceFile::parse(&example().to_bytes()), Ok(example()));
    }

    #[test]
    fn a_file_cut_at_any_byte_or_with_any_bit_flipped_is_corrupt() {
        let bytes = example().to_bytes();
        for len in 0..bytes.len() {
            let cut = InstanceFile::parse(&bytes[..len]);
            assert!(matches!(cut, Err(FileProblem::Corrupt(_))), "cut at {len}");
        }
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let flipped = InstanceFile::parse(&flipped);
            assert!(
                matches!(flipped, Err(FileProblem::Corrupt(_))),
                "bit {bit}: {flipped:?}"
            );
        }
    }

    #[test]
    fn a_later_version_is_told_apart_from_a_corrupt_file() {
        let body = "thalweg-instance 2\nwhatever it says\n";
        let later = format!("{body}crc32c {:08x}\n", crc32c::crc32c(body.as_bytes()));
        assert_eq!(
            InstanceFile::parse(later.as_bytes()),
            Err(FileProblem::LaterVersion(2))
        );
        assert!(matches!(
            InstanceFile::parse(b""),
            Err(FileProblem::Corrupt(_))
        ));
        assert!(matches!(
            InstanceFile::parse(&[0xff, 0xfe]),
            Err(FileProblem::Corrupt(_))
        ));
    }
}
