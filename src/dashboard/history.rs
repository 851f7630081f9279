//! Pages of events, latest first. A page is found by reading backwards from where the one before
//! ended, so that its cost has nothing to do with the length of the log.

use std::io;
use std::path::Path;

use serde_json::{Value, json};

use crate::audit::{Back, Place, Record};

/// Events on one page.
const PAGE: usize = 100;
/// So much is read for one page; the browser asks on from there.
const AT_ONCE: u64 = 16 << 20;

/// What to look for. Empty texts ask for everything.
#[derive(Debug, Clone, Default)]
pub(super) struct Wanted {
    /// The `event` member.
    pub(super) kind: String,
    /// The start of a session.
    pub(super) session: String,
    /// What its line for a person contains, in small letters.
    pub(super) text: String,
}

impl Wanted {
    /// Reads the line if it is one.
    pub(super) fn find(&self, line: &[u8]) -> Option<Record> {
        // Most lines are settled without taking them apart.
        if !self.kind.is_empty() || !self.session.is_empty() {
            let text = String::from_utf8_lossy(line);
            if !text.contains(&self.kind) || !text.contains(&self.session) {
                return None;
            }
        }
        let record = Record::parse(line);
        let is_wanted = (self.kind.is_empty() || record.kind() == self.kind)
            && record.word("session").starts_with(&self.session)
            && (self.text.is_empty() || record.detail().to_lowercase().contains(&self.text));
        is_wanted.then_some(record)
    }
}

/// The page before `place`, or the latest one.
///
/// # Errors
/// When the log cannot be read.
pub(super) fn page(log: &Path, place: Option<Place>, wanted: &Wanted) -> io::Result<Value> {
    let mut back = Back::from(log, place)?;
    let (mut events, mut next) = (Vec::new(), None);
    while let Some((place, line)) = back.line()? {
        if !line.is_empty() {
            events.extend(wanted.find(&line).as_ref().map(event));
        }
        if events.len() >= PAGE || back.read() >= AT_ONCE {
            next = Some(place.to_string());
            break;
        }
    }
    Ok(json!({ "events": events, "next": next }))
}

/// An event as the page shows it.
pub(super) fn event(record: &Record) -> Value {
    json!({
        "time": record.time(),
        "session": record.word("session"),
        "event": record.kind(),
        "project": record.word("project"),
        "detail": shortened(&record.detail()),
    })
}

/// A text that is not longer than anybody reads.
pub(super) fn shortened(text: &str) -> String {
    const MOST: usize = 600;
    match text.char_indices().nth(MOST) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}
