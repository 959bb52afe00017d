//! The files an instance keeps: a handful of small named files, and one lock over all of them.

use std::fmt;
use std::io;

/// The files of one state folder. Calls block; files are small, and written seldom.
///
/// Names are plain file names, never paths.
pub trait Storage: fmt::Debug + Send + Sync {
    /// Where this is, for messages: a path, usually.
    fn location(&self) -> String;

    /// Takes the lock that only one instance at a time can hold.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] when another instance holds it; whatever else opening or
    /// creating the folder can fail with.
    fn lock(&self) -> io::Result<Box<dyn StorageLock>>;

    /// The content of a file, or `None` when there is none of that name.
    ///
    /// # Errors
    /// As reading a file.
    fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>>;

    /// Puts `content` in the place of the file, all or nothing: after a crash at any moment the
    /// file holds either what it held before or all of `content`, and once this returned, the
    /// latter.
    ///
    /// # Errors
    /// As writing a file; the old content is then still there.
    fn replace(&self, name: &str, content: &[u8]) -> io::Result<()>;
}

/// A held lock: given back when dropped, or when the process dies.
pub trait StorageLock: fmt::Debug + Send + Sync {}
