//! The language of an agent's hooks: how its events are known, and how it is answered.
//!
//! Hosts read each other's hook files, so the name a hook is called by says little. What is not
//! recognised gets no answer at all: the agent goes on as it would without us.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;
use serde_json::Value;

use super::ask::{Ask, Meaning};
use super::template::Words;

/// Fields of an input, by how they are meant.
pub type Fields = BTreeMap<Meaning, OneOrMore>;

/// One language.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dialect {
    /// What an event of this language has, as `a` or `a.b`.
    pub with: Vec<String>,
    /// What an event of this language does not have.
    #[serde(default)]
    pub without: Vec<String>,
    /// The field with the name of the event; none where a language has a single event.
    #[serde(default)]
    pub event: Option<String>,
    /// The field with the working directory.
    #[serde(default)]
    pub cwd: Option<String>,
    /// The field with the name of the tool.
    #[serde(default)]
    pub tool: Option<String>,
    /// The field with what the tool is given: an object, or its text.
    #[serde(default)]
    pub input: Option<String>,
    /// The events that are answered. One of another name is not recognised.
    pub events: BTreeMap<String, Meant>,
    /// The tools that are looked at, and what they touch.
    #[serde(default)]
    pub tools: BTreeMap<String, Fields>,
    /// How it is answered.
    pub answers: Answers,
}

/// What an event is about.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum Meant {
    /// One of the known kinds.
    Kind(Kind),
    /// A tool is about to be used, and this is what it touches: fields of the event itself.
    Touches(Fields),
}

/// A kind of event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A tool is about to be used.
    Tool,
    /// The user says something to the model.
    Prompt,
    /// A session begins.
    Session,
}

/// The answers. One that is missing means silence.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answers {
    /// A tool is denied: `{reason}`.
    #[serde(default)]
    pub tool: Option<Answer>,
    /// A prompt is refused: `{reason}`.
    #[serde(default)]
    pub prompt: Option<Answer>,
    /// The model is told something: `{reason}`.
    #[serde(default)]
    pub session: Option<Answer>,
}

/// One answer.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// Printed as JSON.
    #[serde(default)]
    pub json: Option<Value>,
    /// Written to the standard error stream.
    #[serde(default)]
    pub error: Option<String>,
    /// The exit code.
    #[serde(default)]
    pub exit: u8,
}

/// One field or several.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum OneOrMore {
    /// `a` or `a.b`; empty for the whole input.
    One(String),
    /// Each that is there counts.
    More(Vec<String>),
}

/// An event that was recognised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// What it is about.
    pub kind: Kind,
    /// Its name in its own language.
    pub name: String,
    /// The agent's working directory.
    pub cwd: Option<PathBuf>,
    /// What is about to be touched.
    pub asks: Vec<Ask>,
}

/// What to print and how to end.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Said {
    /// For the standard output.
    pub out: String,
    /// For the standard error stream.
    pub err: String,
    /// The exit code.
    pub exit: u8,
}

impl Dialect {
    /// The event, if this is its language.
    #[must_use]
    pub fn event(&self, said: &Value) -> Option<Event> {
        let has = |field: &String| field_of(said, field).is_some();
        if !self.with.iter().all(has) || self.without.iter().any(has) {
            return None;
        }
        let name = match &self.event {
            Some(field) => field_of(said, field)?.as_str()?,
            None => self.events.keys().next()?,
        };
        let (kind, asks) = match self.events.get(name)? {
            Meant::Kind(kind @ Kind::Tool) => (*kind, self.touched(said)),
            Meant::Kind(kind) => (*kind, Vec::new()),
            Meant::Touches(fields) => (Kind::Tool, asks(fields, said)),
        };
        let cwd = self.cwd.as_ref().and_then(|field| field_of(said, field));
        // Some give a list of roots.
        let cwd = cwd.and_then(|cwd| cwd.as_str().or_else(|| cwd.get(0)?.as_str()));
        Some(Event {
            kind,
            name: name.to_owned(),
            cwd: cwd.map(PathBuf::from).filter(|cwd| cwd.is_absolute()),
            asks,
        })
    }

    fn touched(&self, said: &Value) -> Vec<Ask> {
        let field = |name: &Option<String>| field_of(said, name.as_deref()?);
        let (Some(tool), Some(input)) = (field(&self.tool), field(&self.input)) else {
            return Vec::new();
        };
        let fields = tool.as_str().and_then(|tool| self.tools.get(tool));
        let Some(fields) = fields else {
            return Vec::new();
        };
        // Some give the input as the text of an object.
        match input.as_str().map(serde_json::from_str::<Value>) {
            Some(Ok(object)) if object.is_object() => asks(fields, &object),
            _ => asks(fields, input),
        }
    }

    /// The answer to an event.
    #[must_use]
    pub fn answer(&self, event: &Event, reason: &str) -> Said {
        let answer = match event.kind {
            Kind::Tool => &self.answers.tool,
            Kind::Prompt => &self.answers.prompt,
            Kind::Session => &self.answers.session,
        };
        let Some(answer) = answer else {
            return Said::default();
        };
        let mut words = Words::default();
        words.set("reason", reason);
        words.set("event", event.name.as_str());
        let json = answer.json.as_ref().map(|json| words.fill_value(json));
        Said {
            out: json.map_or_else(String::new, |json| format!("{json}\n")),
            err: answer
                .error
                .as_ref()
                .map_or_else(String::new, |text| words.fill(text)),
            exit: answer.exit,
        }
    }
}

fn asks(fields: &Fields, input: &Value) -> Vec<Ask> {
    let mut found = Vec::new();
    for (meaning, names) in fields {
        let names = match names {
            OneOrMore::One(name) => std::slice::from_ref(name),
            OneOrMore::More(names) => names,
        };
        for value in names.iter().filter_map(|name| field_of(input, name)) {
            match value {
                Value::Array(words) if *meaning == Meaning::Shell => {
                    let words: Vec<_> = words.iter().filter_map(Value::as_str).collect();
                    found.extend(meaning.asks(&command(&words)));
                }
                Value::Array(items) => found.extend(
                    items
                        .iter()
                        .filter_map(|item| item.as_str().or_else(|| item.get("path")?.as_str()))
                        .flat_map(|text| meaning.asks(text)),
                ),
                Value::String(text) => found.extend(meaning.asks(text)),
                _ => {}
            }
        }
    }
    found
}

/// The words of a command as a shell would be given them; `sh -c TEXT` is TEXT.
fn command(words: &[&str]) -> String {
    match words {
        [_, "-c" | "-lc", text] => (*text).to_owned(),
        _ => shell_words::join(words),
    }
}

fn field_of<'v>(value: &'v Value, path: &str) -> Option<&'v Value> {
    if path.is_empty() {
        return Some(value);
    }
    path.split('.').try_fold(value, |value, key| value.get(key))
}
