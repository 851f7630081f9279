//! The words in the data that stand for something of this machine.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::Value;
use sha2::{Digest, Sha256};

/// An object with this key alone stands for the digest of what it holds.
const DIGEST: &str = "$sha256";

/// Values of `{name}`; what is not known stays as it is written.
#[derive(Debug, Clone, Default)]
pub struct Words(BTreeMap<String, String>);

impl Words {
    /// Gives a word its value.
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        self.0.insert(name.to_owned(), value.into());
    }

    /// A text with its words replaced.
    #[must_use]
    pub fn fill(&self, text: &str) -> String {
        let mut filled = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(open) = rest.find('{') {
            filled.push_str(&rest[..open]);
            rest = &rest[open..];
            let close = rest.find('}');
            match close.and_then(|close| Some((close, self.0.get(&rest[1..close])?))) {
                Some((close, value)) => {
                    filled.push_str(value);
                    rest = &rest[close + 1..];
                }
                None => {
                    filled.push('{');
                    rest = &rest[1..];
                }
            }
        }
        filled.push_str(rest);
        filled
    }

    /// A value with the words in all its texts and keys replaced, and digests made.
    #[must_use]
    pub fn fill_value(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => Value::from(self.fill(text)),
            Value::Array(list) => list.iter().map(|item| self.fill_value(item)).collect(),
            Value::Object(object) => {
                if let (1, Some(inner)) = (object.len(), object.get(DIGEST)) {
                    return Value::from(format!("sha256:{}", digest(&self.fill_value(inner))));
                }
                let members = object.iter();
                members
                    .map(|(key, value)| (self.fill(key), self.fill_value(value)))
                    .collect()
            }
            other => other.clone(),
        }
    }
}

/// The digest of a value written without blanks and with its keys in order.
fn digest(value: &Value) -> String {
    hex(canonical(value).as_bytes())
}

/// SHA-256, in hexadecimal digits.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in Sha256::digest(bytes) {
        // Writing to a string does not fail.
        _ = write!(text, "{byte:02x}");
    }
    text
}

fn canonical(value: &Value) -> String {
    match value {
        Value::Array(list) => {
            let items: Vec<_> = list.iter().map(canonical).collect();
            format!("[{}]", items.join(","))
        }
        Value::Object(object) => {
            let mut members: Vec<_> = object.iter().collect();
            members.sort_by_key(|(key, _)| *key);
            let members = members.into_iter();
            let members = members
                .map(|(key, value)| format!("{}:{}", Value::from(key.as_str()), canonical(value)));
            format!("{{{}}}", members.collect::<Vec<_>>().join(","))
        }
        plain => plain.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_words_are_replaced_and_others_stay() {
        let mut words = Words::default();
        words.set("a", "1");
        assert_eq!(words.fill("{a} {b} {{a}} {a"), "1 {b} {1} {a");
        assert_eq!(words.fill("ä{a}"), "ä1");
    }

    #[test]
    fn a_digest_is_that_of_the_sorted_form_without_blanks() {
        let value = serde_json::json!({"$sha256": {"b": [1, {"d": null, "c": "{a}"}], "a": true}});
        let mut words = Words::default();
        words.set("a", "x\"y");
        let expected = hex(br#"{"a":true,"b":[1,{"c":"x\"y","d":null}]}"#);
        assert_eq!(
            words.fill_value(&value),
            Value::from(format!("sha256:{expected}"))
        );
        assert_eq!(
            hex(b""),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
    }
}
