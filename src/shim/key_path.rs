//! A path of keys in a JSON document, as `projects.*.mcpServers`.

use serde::Deserialize;
use serde_json::{Map, Value};

/// A path of keys; `*` stands for every key.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub struct KeyPath(Vec<String>);

impl From<String> for KeyPath {
    fn from(text: String) -> Self {
        Self(text.split('.').map(Into::into).collect())
    }
}

impl KeyPath {
    /// Gives what the path names in `to` the value it has in `from`, or takes it away.
    pub fn copy(&self, from: Option<&Value>, to: &mut Value) {
        copy(&self.0, from, to);
    }
}

fn copy(path: &[String], from: Option<&Value>, to: &mut Value) {
    let Some((key, rest)) = path.split_first() else {
        return;
    };
    let Value::Object(to) = to else { return };
    let from = from.and_then(Value::as_object);
    let keys: Vec<String> = if key == "*" {
        to.keys().cloned().collect()
    } else {
        vec![key.clone()]
    };
    for key in keys {
        let value = from.and_then(|from| from.get(&key));
        if rest.is_empty() {
            set(to, &key, value);
        } else if let Some(next) = to.get_mut(&key) {
            copy(rest, value, next);
        }
    }
}

fn set(to: &mut Map<String, Value>, key: &str, value: Option<&Value>) {
    match value {
        Some(value) => _ = to.insert(key.into(), value.clone()),
        None => _ = to.shift_remove(key),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn copied(path: &str, from: Value, mut to: Value) -> Value {
        KeyPath::from(path.to_owned()).copy(Some(&from), &mut to);
        to
    }

    #[test]
    fn a_key_keeps_its_value_from_outside() {
        assert_eq!(
            copied("m", json!({"m": 1}), json!({"m": 2, "x": 3})),
            json!({"m": 1, "x": 3})
        );
        assert_eq!(copied("m", json!({"m": 1}), json!({})), json!({"m": 1}));
        assert_eq!(copied("m", json!({}), json!({"m": {"evil": 1}})), json!({}));
    }

    #[test]
    fn a_star_goes_through_every_key() {
        let from = json!({"p": {"/a": {"m": 1}}});
        let to = json!({"p": {"/a": {"m": 2, "t": true}, "/b": {"m": 3}}});
        assert_eq!(
            copied("p.*.m", from, to),
            json!({"p": {"/a": {"m": 1, "t": true}, "/b": {}}})
        );
    }

    #[test]
    fn another_shape_is_left_as_it_is() {
        assert_eq!(
            copied("p.*.m", json!({"p": 1}), json!({"p": [1]})),
            json!({"p": [1]})
        );
        assert_eq!(copied("m", json!([]), json!("x")), json!("x"));
    }
}
