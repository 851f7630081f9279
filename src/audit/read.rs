//! Reads events. No line, however long or broken, stops the reader.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read};

use serde_json::Value;

/// A line that is longer is no event of ours.
pub(super) const LONGEST: usize = 1 << 20;

/// One line of the log.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    text: String,
    event: Value,
}

impl Record {
    /// Reads a line; one that is no event becomes an event `unreadable`.
    #[must_use]
    pub fn parse(line: &[u8]) -> Record {
        let text = String::from_utf8_lossy(line).into_owned();
        let event = serde_json::from_str::<Value>(&text).ok();
        let event = event.filter(|event| event["time"].is_string() && event["event"].is_string());
        match event {
            Some(event) => Record { text, event },
            None => Record::unreadable(line.len()),
        }
    }

    fn unreadable(length: usize) -> Record {
        let event = serde_json::json!({ "event": "unreadable", "length": length });
        Record {
            text: event.to_string(),
            event,
        }
    }

    /// The line as it stands in the file.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The whole event.
    #[must_use]
    pub fn event(&self) -> &Value {
        &self.event
    }

    /// A member that is a text; empty if there is none.
    #[must_use]
    pub fn word(&self, member: &str) -> &str {
        self.event[member].as_str().unwrap_or_default()
    }

    /// When it happened.
    #[must_use]
    pub fn time(&self) -> &str {
        self.word("time")
    }

    /// What happened.
    #[must_use]
    pub fn kind(&self) -> &str {
        self.word("event")
    }

    /// The rule that decided, with its place.
    #[must_use]
    pub fn rule(&self) -> Option<String> {
        let rule = &self.event["rule"];
        let text = rule["text"].as_str()?;
        let place = match rule["file"].as_str() {
            Some(file) => format!("{file}:{}", rule["line"]),
            None => rule["layer"].as_str().unwrap_or_default().to_owned(),
        };
        Some(format!("`{text}` ({place})"))
    }

    /// One line for a person.
    #[must_use]
    pub fn sentence(&self) -> String {
        let session = printable(self.word("session"));
        let session = session.get(..8).unwrap_or(&session);
        let (time, kind) = (printable(self.time()), printable(self.kind()));
        let line = format!("{time} {session:8} {kind:14} {}", self.detail());
        line.trim_end().to_owned()
    }

    /// What happened, without when and in which run.
    #[must_use]
    pub fn detail(&self) -> String {
        let mut line = String::new();
        // Writing to a string cannot fail.
        let _ = match self.kind() {
            "run_started" | "executed" | "bypassed" => write!(line, "{}", self.command()),
            "blocked" | "failed" => {
                let (action, what) = (self.word("action"), self.word("what"));
                write!(line, "{action} {what}: {}", self.word("why"))
            }
            "redacted" => write!(line, "{} in {}", self.event["count"], self.word("stream")),
            "unenforced" => write!(line, "{}: {}", self.word("limit"), self.word("why")),
            "policy_changed" if self.event["readable"] == false => {
                write!(line, "cannot be read; the old one goes on")
            }
            "run_ended" => write!(line, "{}", self.end()),
            "unreadable" => write!(line, "a line of {} bytes is no event", self.event["length"]),
            _ => Ok(()),
        };
        if let Some(rule) = self.rule() {
            let _ = write!(line, " by {rule}");
        }
        printable(line.trim_end())
    }

    /// The words of the command, as one would type them; empty if there is none.
    #[must_use]
    pub fn command(&self) -> String {
        let words = self.event["command"].as_array();
        let words = words.into_iter().flatten().filter_map(Value::as_str);
        shell_words::join(words)
    }

    fn end(&self) -> String {
        let event = &self.event;
        let how = match (event["code"].as_i64(), event["signal"].as_i64()) {
            (Some(code), _) => format!("exit code {code}"),
            (_, Some(signal)) => format!("signal {signal}"),
            _ => format!("not started: {}", self.word("error")),
        };
        format!("{how} after {} ms", event["duration_ms"])
    }
}

/// What came from a sandbox must not move the cursor of whoever reads about it.
fn printable(text: &str) -> String {
    let shown = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    text.chars().map(shown).collect()
}

/// The events of a file.
pub struct Lines<R> {
    from: BufReader<R>,
    line: Vec<u8>,
}

impl<R: Read> Lines<R> {
    /// From where `from` stands.
    pub fn of(from: R) -> Lines<R> {
        Lines {
            from: BufReader::with_capacity(64 << 10, from),
            line: Vec::new(),
        }
    }

    /// The next line without its end; the bytes beyond the limit are passed over and counted.
    fn next_line(&mut self) -> Option<usize> {
        self.line.clear();
        let limit = (LONGEST + 1) as u64;
        let read = self
            .from
            .by_ref()
            .take(limit)
            .read_until(b'\n', &mut self.line);
        let mut length = read.ok().filter(|length| *length > 0)?;
        if self.line.last() == Some(&b'\n') {
            self.line.pop();
            return Some(length - 1);
        }
        if length > LONGEST {
            length += self.from.skip_until(b'\n').ok()?;
        }
        Some(length)
    }
}

impl<R: Read> Iterator for Lines<R> {
    type Item = Record;

    fn next(&mut self) -> Option<Record> {
        let length = loop {
            match self.next_line()? {
                0 => {}
                length => break length,
            }
        };
        Some(if length > LONGEST {
            Record::unreadable(length)
        } else {
            Record::parse(&self.line)
        })
    }
}
