//! The closed set of changes to a settings file, and their undoing.
//!
//! What a change means is computed on the value of the file. The text is then changed by an editor
//! that keeps comments, order, indentation and line ends, read again, and compared: where the two
//! differ, the file is refused and stays as it is.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{json, toml};

/// A larger file is no settings file. Bytes.
pub const LARGEST: u64 = 4 << 20;
const BOM: &str = "\u{feff}";

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// JSON as the standard has it: its agent drops a file with a comment as a whole.
    Json,
    /// JSON with comments and trailing commas.
    Jsonc,
    /// TOML.
    Toml,
    /// A whole file of ours.
    Text,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Edit {
    /// Adds an item to the end of a list.
    Append {
        /// The keys that lead to the list; what is missing is made.
        to: Vec<String>,
        /// The item.
        item: Value,
    },
    /// Gives a key a value that it does not have yet. What the user set himself stays.
    Set {
        /// The keys that lead to the value; what is missing is made.
        key: Vec<String>,
        /// The value.
        value: Value,
    },
    /// A file that is ours as a whole.
    Write {
        /// Its content.
        text: String,
        /// Whether it is started as a program.
        #[serde(default)]
        program: bool,
    },
}

/// Why a file is left as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// It is not what its agent reads.
    Invalid(String),
    /// A key has a value of another kind than its agent expects there.
    Kind(Vec<String>, &'static str),
    /// A key stands there twice.
    Twice(String),
    /// Somebody else's file stands where ours would be.
    Foreign,
    /// The editor cannot make the change without touching something else.
    Form(Vec<String>),
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(why) => write!(f, "not valid, so its agent ignores it: {why}"),
            Self::Kind(key, wanted) => write!(f, "`{}` is no {wanted} there", key.join(".")),
            Self::Twice(key) => write!(f, "the key `{key}` stands there twice"),
            Self::Foreign => write!(f, "somebody else's file"),
            Self::Form(key) => write!(
                f,
                "its form cannot be edited without a risk; please change `{}` by hand",
                key.join(".")
            ),
        }
    }
}

/// What an edit did, or found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// The text with the change.
    pub text: String,
    /// The place of an appended item in its list.
    pub position: usize,
    /// How many objects and lists on the way were made.
    pub made: usize,
    /// Set when the user's own value was left: what it is.
    pub left: Option<String>,
}

/// What an edit means for a value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Meant {
    position: usize,
    made: usize,
    is_there: bool,
    left: Option<String>,
}

impl Edit {
    /// The keys that lead to what is changed.
    #[must_use]
    pub fn keys(&self) -> &[String] {
        match self {
            Self::Append { to, .. } => to,
            Self::Set { key, .. } => key,
            Self::Write { .. } => &[],
        }
    }

    /// Makes the change. A text that has it already is returned as it is.
    ///
    /// # Errors
    /// See [`Refused`].
    pub fn apply(&self, format: Format, text: &str) -> Result<Applied, Refused> {
        if let Self::Write { text: ours, .. } = self {
            return Ok(applied(ours.clone(), Meant::default()));
        }
        let (bom, body) = split(text);
        let mut value = read(format, body)?;
        let meant = self.put(&mut value)?;
        if meant.is_there || meant.left.is_some() {
            return Ok(applied(text.to_owned(), meant));
        }
        let edited = match format {
            Format::Toml => toml::put(body, self),
            _ => json::put(body, format, self),
        };
        let edited = self.verified(format, edited, &value)?;
        Ok(applied(format!("{bom}{edited}"), meant))
    }

    /// Takes the change back in a text that others may have changed since. `made` is what
    /// [`Applied::made`] said: as many empty objects and lists go with it.
    ///
    /// # Errors
    /// See [`Refused`].
    pub fn take_back(&self, format: Format, text: &str, made: usize) -> Result<String, Refused> {
        let (bom, body) = split(text);
        let mut value = read(format, body)?;
        let Some(levels) = self.take(&mut value, made) else {
            return Ok(text.to_owned());
        };
        let edited = match format {
            Format::Toml => toml::take(body, self, levels),
            _ => json::take(body, format, self, levels),
        };
        Ok(format!("{bom}{}", self.verified(format, edited, &value)?))
    }

    /// Whether the text has the change.
    #[must_use]
    pub fn is_in(&self, format: Format, text: &str) -> bool {
        match self {
            Self::Write { text: ours, .. } => ours == text,
            _ => read(format, split(text).1)
                .and_then(|mut value| self.put(&mut value))
                .is_ok_and(|meant| meant.is_there),
        }
    }

    fn verified(
        &self,
        format: Format,
        edited: Option<String>,
        wanted: &Value,
    ) -> Result<String, Refused> {
        let form = || Refused::Form(self.keys().to_vec());
        let edited = edited.ok_or_else(form)?;
        if read(format, &edited).is_ok_and(|value| value == *wanted) {
            Ok(edited)
        } else {
            Err(form())
        }
    }

    fn put(&self, value: &mut Value) -> Result<Meant, Refused> {
        let mut meant = Meant::default();
        match self {
            Self::Append { to, item } => {
                let list = reach(value, to, &mut meant.made, Value::Array(Vec::new()))?;
                let Value::Array(list) = list else {
                    return Err(Refused::Kind(to.clone(), "list"));
                };
                let known = list.iter().position(|known| known == item);
                meant.is_there = known.is_some();
                meant.position = known.unwrap_or(list.len());
                if !meant.is_there {
                    list.push(item.clone());
                }
            }
            Self::Set { key, value: ours } => {
                let present = reach(value, key, &mut meant.made, Value::Null)?;
                // The value itself is no container that was made.
                let is_new = meant.made > 0;
                meant.made = meant.made.saturating_sub(1);
                if !is_new && present != ours {
                    meant.left = Some(present.to_string());
                }
                meant.is_there = !is_new && present == ours;
                if is_new {
                    *present = ours.clone();
                }
            }
            Self::Write { .. } => {}
        }
        Ok(meant)
    }

    /// Removes from a value; how many levels of containers went too, or none if nothing is there.
    fn take(&self, value: &mut Value, made: usize) -> Option<usize> {
        let keys = self.keys();
        let (last, parents) = keys.split_last()?;
        match self {
            Self::Append { to, item } => {
                let list = at(value, to)?.as_array_mut()?;
                let known = list.iter().position(|known| known == item)?;
                list.remove(known);
            }
            Self::Set { value: ours, .. } => {
                let object = at(value, parents)?.as_object_mut()?;
                object.get(last).filter(|present| *present == ours)?;
                object.shift_remove(last);
            }
            Self::Write { .. } => return None,
        }
        let first = match self {
            Self::Append { .. } => keys,
            _ => parents,
        };
        let mut levels = 0;
        while levels < made
            && let Some((last, parents)) = first[..first.len() - levels].split_last()
            && at(value, &first[..first.len() - levels]).is_some_and(|found| is_empty(found))
        {
            at(value, parents)?.as_object_mut()?.shift_remove(last);
            levels += 1;
        }
        Some(levels)
    }
}

fn applied(text: String, meant: Meant) -> Applied {
    let Meant {
        position,
        made,
        left,
        ..
    } = meant;
    Applied {
        text,
        position,
        made,
        left,
    }
}

/// The byte order mark, if there is one, and the rest.
pub(super) fn split(text: &str) -> (&str, &str) {
    match text.strip_prefix(BOM) {
        Some(body) => (BOM, body),
        None => ("", text),
    }
}

/// The value of a text; an empty one is an empty object.
pub(super) fn read(format: Format, text: &str) -> Result<Value, Refused> {
    match format {
        Format::Toml => toml::value(text),
        _ => json::value(text, format),
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Array(list) => list.is_empty(),
        Value::Object(object) => object.is_empty(),
        _ => false,
    }
}

/// Follows keys and makes what is missing: objects, and `last` at the end.
fn reach<'v>(
    value: &'v mut Value,
    keys: &[String],
    made: &mut usize,
    last: Value,
) -> Result<&'v mut Value, Refused> {
    let mut here = value;
    for (depth, key) in keys.iter().enumerate() {
        let Value::Object(object) = here else {
            return Err(Refused::Kind(keys[..depth].to_vec(), "object"));
        };
        here = object.entry(key).or_insert_with(|| {
            *made += 1;
            if depth + 1 == keys.len() {
                last.clone()
            } else {
                Value::Object(Map::new())
            }
        });
    }
    Ok(here)
}

fn at<'v>(value: &'v mut Value, keys: &[String]) -> Option<&'v mut Value> {
    keys.iter().try_fold(value, |here, key| here.get_mut(key))
}
