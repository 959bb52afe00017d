//! What can be wrong with a state folder, and what to do about it.

use std::io;
use std::sync::Arc;

use super::instance_file::FileProblem;

/// Why a state folder cannot be used. Every message names the folder and a way out.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum StateFolderError {
    /// Another running instance holds the folder's lock.
    #[error(
        "the state folder {folder} is in use by another running instance; give every instance \
         a state folder of its own, or stop the other one"
    )]
    InUse {
        /// The folder.
        folder: String,
    },
    /// The folder was made by another application.
    #[error(
        "the state folder {folder} belongs to the application \"{owner}\", not to \
         \"{application_id}\"; choose another folder"
    )]
    OtherApplication {
        /// The folder.
        folder: String,
        /// The application it was made by.
        owner: String,
        /// The application that tried to open it.
        application_id: String,
    },
    /// A newer version of Thalweg wrote the folder.
    #[error(
        "the state folder {folder} was written by a newer version of Thalweg (format {version}); \
         run that version, or choose another folder: state is then restored from the changelogs"
    )]
    LaterVersion {
        /// The folder.
        folder: String,
        /// The format version found.
        version: u32,
    },
    /// The folder's content cannot be understood.
    #[error(
        "the file \"instance\" of the state folder {folder} is corrupt: {problem}; delete it: \
         nothing is lost, but this instance starts as a new one, and transactions its \
         predecessor left open block their readers until they time out"
    )]
    Corrupt {
        /// The folder.
        folder: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The folder cannot be read or created.
    #[error("the state folder {folder} cannot be read: {source}; check its path and permissions")]
    Unreadable {
        /// The folder.
        folder: String,
        /// What the operating system said.
        source: Arc<io::Error>,
    },
    /// The folder cannot be written: read-only, no permission, disk full.
    #[error(
        "the state folder {folder} cannot be written: {source}; it must be on a writable disk \
         with free space"
    )]
    Unwritable {
        /// The folder.
        folder: String,
        /// What the operating system said.
        source: Arc<io::Error>,
    },
}

impl StateFolderError {
    pub(super) fn from_lock(folder: &str, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::WouldBlock => Self::InUse {
                folder: folder.to_owned(),
            },
            io::ErrorKind::PermissionDenied
            | io::ErrorKind::ReadOnlyFilesystem
            | io::ErrorKind::StorageFull => Self::unwritable(folder, source),
            _ => Self::unreadable(folder, source),
        }
    }

    pub(super) fn from_file(folder: &str, problem: FileProblem) -> Self {
        let folder = folder.to_owned();
        match problem {
            FileProblem::LaterVersion(version) => Self::LaterVersion { folder, version },
            FileProblem::Corrupt(problem) => Self::Corrupt { folder, problem },
        }
    }

    pub(super) fn unreadable(folder: &str, source: io::Error) -> Self {
        Self::Unreadable {
            folder: folder.to_owned(),
            source: Arc::new(source),
        }
    }

    pub(super) fn unwritable(folder: &str, source: io::Error) -> Self {
        Self::Unwritable {
            folder: folder.to_owned(),
            source: Arc::new(source),
        }
    }
}
