//! What happened in every run, one JSON object a line in `~/.aigate/audit.jsonl`.
//!
//! The file is hidden from every sandbox, readable by its owner alone, and written one event a
//! `write(2)`, so that lines of several runs never mix. Arguments are redacted before they are
//! written.

mod argv;
mod back;
mod event;
mod find;
mod log;
mod read;
mod time;

pub use argv::shown;
pub use back::{Back, Place};
pub use event::{Event, Finish, Usage};
pub use find::{Files, Follow, NAME, since};
pub use log::{Error, Log};
pub use read::{Lines, Record};
pub use time::Time;
