//! What happens from now on, as server-sent events.

use std::io::{self, Write};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use super::history::event;
use crate::audit::{Follow, Lines};

/// How often the log is looked at.
const EVERY: Duration = Duration::from_millis(200);
/// How often something is sent at least: a browser that went away is noticed by it.
const BEAT: Duration = Duration::from_secs(10);
/// So many events are sent at once; of a greater flood the latest.
const MOST: usize = 200;

/// Sends until the browser goes away.
///
/// # Errors
/// When it does, or the log cannot be read.
pub(super) fn send(log: &Path, out: &mut impl Write) -> io::Result<()> {
    let mut follow = Follow::from_end(log)?;
    out.write_all(b": ready\n\n")?;
    out.flush()?;
    let mut sent = Instant::now();
    loop {
        let added = follow.added()?;
        let records: Vec<_> = Lines::of(added.as_slice()).collect();
        if !records.is_empty() {
            let left_out = records.len().saturating_sub(MOST);
            let events: Vec<_> = records[left_out..].iter().map(event).collect();
            let data = serde_json::json!({ "left_out": left_out, "events": events });
            write!(out, "event: added\ndata: {data}\n\n")?;
        } else if sent.elapsed() >= BEAT {
            out.write_all(b": still here\n\n")?;
        } else {
            thread::sleep(EVERY);
            continue;
        }
        out.flush()?;
        sent = Instant::now();
    }
}
