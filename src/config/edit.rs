//! Changes one list or word in a configuration file's text and leaves every other byte alone.
//!
//! The places come from the YAML reader. What was changed is read again and compared with what was
//! meant; if they differ the edit is refused, so a form of YAML that this editor does not know is
//! never damaged.

use std::fmt;
use std::ops::Range;

use serde_json::Value;
use serde_saphyr::Spanned;

use super::key::Key;
use super::raw::{self, Layer, Network, Text};

/// Why a text was left as it is.
#[derive(Debug)]
pub enum Refused {
    /// It is no valid configuration to begin with.
    Invalid(Box<serde_saphyr::Error>),
    /// Its form is one that this editor does not know.
    Form {
        /// What should be changed by hand.
        wanted: String,
    },
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refused::Invalid(error) => write!(f, "{}", error.without_snippet()),
            Refused::Form { wanted } => {
                write!(
                    f,
                    "its form cannot be edited without a risk; please {wanted} by hand"
                )
            }
        }
    }
}

/// Appends an item to a list, which is made if need be. A list that is made starts with `first`.
///
/// # Errors
/// See [`Refused`].
pub fn add(text: &str, key: Key, item: &str, first: Option<&str>) -> Result<String, Refused> {
    let layer = parse(text)?;
    let new: Vec<&str> = match key.of(&layer) {
        Some(items) if items.iter().any(|known| known.value == item) => return Ok(text.to_owned()),
        Some(_) => vec![item],
        None => first.into_iter().chain([item]).collect(),
    };
    let edited = match key.of(&layer).as_deref() {
        Some([.., last]) => after_item(text, last, item),
        Some([]) => fill_empty(text, key, item),
        None => Some(with_list(text, key, &new)),
    };
    verified(
        &layer,
        edited,
        format!("add `{item}` to {}", key.name()),
        |value| {
            let list = &mut value[key.name()];
            if list.is_null() {
                *list = Value::Array(Vec::new());
            }
            if let Some(list) = list.as_array_mut() {
                list.extend(new.iter().map(|item| Value::from(*item)));
            }
        },
    )
}

/// Takes every occurrence of an item out of a list. A list that becomes empty stays, as `[]`.
///
/// # Errors
/// See [`Refused`].
pub fn remove(text: &str, key: Key, item: &str) -> Result<String, Refused> {
    let mut text = text.to_owned();
    loop {
        let layer = parse(&text)?;
        let items = key.of(&layer).as_deref().unwrap_or_default();
        let Some(at) = items.iter().position(|known| known.value == item) else {
            return Ok(text);
        };
        let edited = without_item(&text, key, items, at);
        let wanted = format!("remove `{item}` from {}", key.name());
        text = verified(&layer, edited, wanted, |value| {
            if let Some(list) = value[key.name()].as_array_mut() {
                list.remove(at);
            }
        })?;
    }
}

/// Sets the word of `network`.
///
/// # Errors
/// See [`Refused`].
pub fn set_network(text: &str, word: Network) -> Result<String, Refused> {
    let layer = parse(text)?;
    let name = match word {
        Network::Open => "open",
        Network::Filtered => "filtered",
        Network::Off => "off",
    };
    let edited = match &layer.network {
        Some(present) if present.value == word => return Ok(text.to_owned()),
        Some(present) => span(present).map(|span| replaced(text, span, name)),
        None => Some(appended(text, &format!("network: {name}"))),
    };
    verified(&layer, edited, format!("set `network: {name}`"), |value| {
        value["network"] = Value::from(name);
    })
}

fn parse(text: &str) -> Result<Layer, Refused> {
    raw::parse(text).map_err(|error| Refused::Invalid(Box::new(error)))
}

/// The edited text, if it says exactly what the old one said with `change` applied.
fn verified(
    before: &Layer,
    edited: Option<String>,
    wanted: String,
    change: impl FnOnce(&mut Value),
) -> Result<String, Refused> {
    let mut expected = serde_json::to_value(before).unwrap_or_default();
    change(&mut expected);
    let said = |text: &String| {
        raw::parse(text).is_ok_and(|after| serde_json::to_value(after).is_ok_and(|v| v == expected))
    };
    edited.filter(said).ok_or(Refused::Form { wanted })
}

fn span<T>(item: &Spanned<T>) -> Option<Range<usize>> {
    let span = item.referenced.span();
    let start = usize::try_from(span.byte_offset()?).ok()?;
    Some(start..start + usize::try_from(span.byte_len()?).ok()?)
}

fn replaced(text: &str, span: Range<usize>, with: &str) -> String {
    let mut text = text.to_owned();
    text.replace_range(span, with);
    text
}

fn eol(text: &str) -> &'static str {
    if text.contains("\r\n") { "\r\n" } else { "\n" }
}

/// The whole line around a byte, without its end, and where the next line starts.
fn line(text: &str, at: usize) -> (Range<usize>, usize) {
    let start = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
    let next = text[at..]
        .find('\n')
        .map_or(text.len(), |newline| at + newline + 1);
    let end = start + text[start..next].trim_end_matches(['\n', '\r']).len();
    (start..end, next)
}

/// Whether the item stands on a line of its own, behind a dash.
fn is_block_item(text: &str, span: &Range<usize>) -> bool {
    let (line, _) = line(text, span.start);
    text[line.start..span.start].trim() == "-"
}

fn after_item(text: &str, last: &Text, item: &str) -> Option<String> {
    let span = span(last)?;
    if !is_block_item(text, &span) {
        return Some(replaced(
            text,
            span.end..span.end,
            &format!(", {}", quoted(item)),
        ));
    }
    let (first, _) = line(text, span.start);
    let body = &text[first.start..first.end];
    let indent = &body[..body.len() - body.trim_start().len()];
    let (last, _) = line(text, span.end);
    let new = format!("{}{indent}- {}", eol(text), quoted(item));
    Some(replaced(text, last.end..last.end, &new))
}

fn without_item(text: &str, key: Key, items: &[Text], at: usize) -> Option<String> {
    let own = span(&items[at])?;
    if !is_block_item(text, &own) {
        let from = match at.checked_sub(1) {
            Some(before) => span(&items[before])?.end,
            None => own.start,
        };
        let until = match items.get(at + 1) {
            Some(next) if at == 0 => span(next)?.start,
            _ => own.end,
        };
        return Some(replaced(text, from..until, ""));
    }
    let (first, _) = line(text, own.start);
    let (_, next) = line(text, own.end);
    let shorter = replaced(text, first.start..next, "");
    if items.len() > 1 {
        return Some(shorter);
    }
    let colon = key_line(&shorter, key)?.1;
    Some(replaced(&shorter, colon..colon, " []"))
}

/// The line of a top-level key, and the place behind its colon.
fn key_line(text: &str, key: Key) -> Option<(Range<usize>, usize)> {
    let mut start = 0;
    for whole in text.split_inclusive('\n') {
        if let Some(rest) = whole.strip_prefix(key.name())
            && rest.trim_start().starts_with(':')
        {
            let colon = start + whole.find(':')? + 1;
            return Some((line(text, start).0, colon));
        }
        start += whole.len();
    }
    None
}

/// `key: []` becomes a list with one item on a line of its own.
fn fill_empty(text: &str, key: Key, item: &str) -> Option<String> {
    let (line, colon) = key_line(text, key)?;
    let rest = &text[colon..line.end];
    let open = colon + rest.find('[')?;
    let close = colon + rest.find(']')?;
    if !text[colon..open].trim().is_empty() || !text[open + 1..close].trim().is_empty() {
        return None;
    }
    let comment = &text[close + 1..line.end];
    let new = format!("{comment}{}  - {}", eol(text), quoted(item));
    Some(replaced(text, colon..line.end, &new))
}

/// The text with a new list; a key without a value gets its items where it stands.
fn with_list(text: &str, key: Key, items: &[&str]) -> String {
    let eol = eol(text);
    let lines: Vec<String> = items
        .iter()
        .map(|item| format!("  - {}", quoted(item)))
        .collect();
    match key_line(text, key) {
        Some((line, _)) => replaced(
            text,
            line.end..line.end,
            &format!("{eol}{}", lines.join(eol)),
        ),
        None => appended(text, &format!("{}:{eol}{}", key.name(), lines.join(eol))),
    }
}

fn appended(text: &str, lines: &str) -> String {
    let eol = eol(text);
    let gap = if text.is_empty() || text.ends_with('\n') {
        ""
    } else {
        eol
    };
    format!("{text}{gap}{lines}{eol}")
}

/// The item as YAML: plain if nobody could take it for something else.
#[must_use]
pub fn quoted(item: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_./-~".contains(c);
    let words = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    let safe = item
        .split(' ')
        .all(|word| !word.is_empty() && word.chars().all(plain))
        && item.starts_with(|c: char| c.is_ascii_alphabetic() || "./_~".contains(c))
        && item.contains(|c: char| c.is_ascii_alphabetic())
        && !item.starts_with("~ ")
        && !words.contains(&item.to_ascii_lowercase().as_str())
        && !matches!(item.to_ascii_lowercase().as_str(), ".inf" | ".nan");
    if safe {
        return item.to_owned();
    }
    let mut text = String::from("\"");
    for c in item.chars() {
        match c {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            c if c.is_control() => text.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => text.push(c),
        }
    }
    text.push('"');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn added(text: &str, item: &str) -> String {
        add(text, Key::DenyRead, item, None).expect("edit")
    }

    fn removed(text: &str, item: &str) -> String {
        remove(text, Key::DenyRead, item).expect("edit")
    }

    #[test]
    fn an_item_is_added_in_the_form_of_the_list() {
        for (text, after) in [
            ("", "deny_read:\n  - x\n"),
            ("network: off", "network: off\ndeny_read:\n  - x\n"),
            ("deny_read: []\n", "deny_read:\n  - x\n"),
            ("deny_read: [] # none\n", "deny_read: # none\n  - x\n"),
            (
                "deny_read:\nnetwork: off\n",
                "deny_read:\n  - x\nnetwork: off\n",
            ),
            ("deny_read: [a, 'b']\n", "deny_read: [a, 'b', x]\n"),
            ("deny_read: [a,\n  b]\n", "deny_read: [a,\n  b, x]\n"),
            (
                "deny_read:\n- a # why\n# end\n",
                "deny_read:\n- a # why\n- x\n# end\n",
            ),
            (
                "deny_read:\r\n    - a\r\n",
                "deny_read:\r\n    - a\r\n    - x\r\n",
            ),
            ("deny_read:\n  - a", "deny_read:\n  - a\n  - x"),
            (
                "deny_read:\n  -   \"ä b\"\nuser: u\n",
                "deny_read:\n  -   \"ä b\"\n  - x\nuser: u\n",
            ),
        ] {
            assert_eq!(added(text, "x"), after, "{text:?}");
        }
    }

    #[test]
    fn an_item_is_removed_with_its_line_only() {
        for (text, after) in [
            (
                "deny_read:\n  # why\n  - x\n  - a\n",
                "deny_read:\n  # why\n  - a\n",
            ),
            ("deny_read:\n  - a\n  - 'x' # no\n", "deny_read:\n  - a\n"),
            ("deny_read: # all\n  - x\n", "deny_read: [] # all\n"),
            ("deny_read:\n  - x\n  - a\n  - x\n", "deny_read:\n  - a\n"),
            ("deny_read: [x]\n", "deny_read: []\n"),
            ("deny_read: [x, a]\n", "deny_read: [a]\n"),
            ("deny_read: [a, x, b]\n", "deny_read: [a, b]\n"),
            ("deny_read: [a, x]\n", "deny_read: [a]\n"),
            ("deny_read: [a]\n", "deny_read: [a]\n"),
        ] {
            assert_eq!(removed(text, "x"), after, "{text:?}");
        }
    }

    #[test]
    fn any_item_survives_the_round_trip() {
        for item in [
            "*.pem",
            "!.env.example",
            "kubectl delete",
            "a: b",
            "# a",
            "true",
            "1.5",
            "~",
            "'",
            "\"",
            "\\",
            "é ü",
            "a\tb",
            "- a",
            "@defaults",
            "[a]",
            "a,b",
            " a",
            "a ",
            "%",
            "&a",
            "|",
            "~/x",
        ] {
            for text in ["", "deny_read: [a]\n", "deny_read:\n  - a\n"] {
                let after = added(text, item);
                let layer = raw::parse(&after).expect("valid");
                let values = layer.deny_read.expect("list");
                assert_eq!(values.last().expect("item").value, item, "{after}");
                assert!(removed(&after, item).contains("deny_read"));
            }
        }
    }

    #[test]
    fn an_unknown_form_is_refused_whole() {
        for text in [
            "{deny_read: []}\n",
            "\"deny_read\":\n  []\n",
            "---\nuser: u\n...\n",
        ] {
            let edited = add(text, Key::DenyRead, "x", None);
            assert!(
                matches!(edited, Err(Refused::Form { .. })),
                "{text:?}: {edited:?}"
            );
        }
        assert!(matches!(
            add("a: [", Key::DenyRead, "x", None),
            Err(Refused::Invalid(_))
        ));
    }

    #[test]
    fn the_network_word_is_set_in_place() {
        for (text, after) in [
            ("network: open # why\n", "network: off # why\n"),
            ("user: u\n", "user: u\nnetwork: off\n"),
            ("network: 'open'\n", "network: off\n"),
        ] {
            assert_eq!(set_network(text, Network::Off).expect("edit"), after);
        }
    }
}
