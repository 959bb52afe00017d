//! Keyed state: tables of columns, what undoes their changes, and their form in a changelog.

mod changelog;
mod columns;
mod stored;
mod table;
mod windows;

pub(crate) use changelog::{Changelog, fingerprint_of};
pub use columns::Columns;
pub use stored::{Cut, Stored};
pub(crate) use table::{Place, Table};
pub(crate) use windows::WindowTables;
