//! Exact values: the secrets of this very user, taken from hidden `.env` files and from variables
//! that stay outside.

use super::Verdict;

/// Shorter values are words of everyday text.
const SHORTEST: usize = 8;
/// A line of a longer secret that is worth finding by itself.
const SHORTEST_LINE: usize = 24;
/// Longer values are found by their first bytes, and by each of their lines.
const LONGEST: usize = 1024;
/// Where to look is found by this many first bytes.
const NEEDLE: usize = 6;

/// Endings of names whose values are secrets.
const SECRET_NAMES: [&str; 17] = [
    "KEY",
    "TOKEN",
    "SECRET",
    "PASSWORD",
    "PASSWD",
    "PASS",
    "PWD",
    "CREDENTIAL",
    "CREDENTIALS",
    "AUTH",
    "DSN",
    "SALT",
    "SIGNATURE",
    "PIN",
    "COOKIE",
    "WEBHOOK",
    "WEBHOOK_URL",
];

/// Exact values that are replaced wherever they appear. They are kept in memory only.
#[derive(Default, Clone)]
pub struct Values {
    /// Sorted, each once.
    values: Vec<Vec<u8>>,
}

impl std::fmt::Debug for Values {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The values themselves never reach a log.
        write!(f, "Values({})", self.values.len())
    }
}

impl Values {
    /// Adds the value of a variable that is kept from the sandbox.
    pub fn add(&mut self, value: &[u8]) {
        let value = value.trim_ascii();
        let is_path = value.starts_with(b"/") || value.starts_with(b"~");
        if is_path || value.iter().all(u8::is_ascii_digit) {
            return;
        }
        for secret in user_info(value).into_iter().chain([value]) {
            self.insert(secret);
        }
        for line in value.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii) {
            if line.len() >= SHORTEST_LINE && !line.starts_with(b"-----") {
                self.insert(line);
            }
        }
    }

    fn insert(&mut self, value: &[u8]) {
        let value = &value[..value.len().min(LONGEST)];
        if value.len() < SHORTEST {
            return;
        }
        for value in [value.to_vec(), in_json(value)] {
            if let Err(at) = self.values.binary_search(&value) {
                self.values.insert(at, value);
            }
        }
    }

    /// Adds the secrets of a file of `NAME=value` lines. Not every value there is one: a mode or a
    /// port that were replaced everywhere would make the output useless.
    pub fn add_dotenv(&mut self, text: &str) {
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            let line = line.trim_start();
            let line = line.strip_prefix("export ").unwrap_or(line);
            let Some((name, value)) = line.split_once('=') else {
                continue;
            };
            let name = name.trim_end();
            if name.starts_with('#') {
                continue;
            }
            let value = unquoted(value, &mut lines);
            if is_secret(name, &value) {
                self.add(value.as_bytes());
            }
        }
    }

    pub(super) fn needles(&self) -> impl Iterator<Item = Vec<u8>> {
        self.values.iter().map(|value| value[..NEEDLE].to_vec())
    }

    /// Whether `text` starts with one of the values; the longest one counts.
    pub(super) fn judge(&self, text: &[u8], ends: bool) -> Verdict {
        // What sorts behind `text` starts with it, or else with nothing of it.
        let behind = self
            .values
            .partition_point(|value| value.as_slice() <= text);
        let longer = self.values.get(behind);
        if !ends && longer.is_some_and(|v| v.len() > text.len() && v.starts_with(text)) {
            return Verdict::Maybe { kept: 0 };
        }
        let first = text.first().copied().unwrap_or_default();
        let start = self.values.partition_point(|value| value[0] < first);
        let end = self.values.partition_point(|value| value[0] <= first);
        let found = self.values[start..end]
            .iter()
            .filter(|value| text.starts_with(value))
            .map(Vec::len)
            .max();
        found.map_or(Verdict::No, |length| Verdict::Value { length })
    }
}

/// The password in `scheme://user:password@host`.
fn user_info(value: &[u8]) -> Option<&[u8]> {
    let text = std::str::from_utf8(value).ok()?;
    let (_, rest) = text.split_once("://")?;
    let authority = rest.split('/').next()?;
    let (user, _) = authority.rsplit_once('@')?;
    let (_, password) = user.split_once(':')?;
    Some(password.as_bytes())
}

/// As the value stands inside a JSON string.
fn in_json(value: &[u8]) -> Vec<u8> {
    let Ok(text) = std::str::from_utf8(value) else {
        return value.to_vec();
    };
    let quoted = serde_json::Value::from(text).to_string();
    quoted.as_bytes()[1..quoted.len() - 1].to_vec()
}

/// The value behind the `=`; one in quotes may go over several lines.
fn unquoted<'a>(value: &'a str, more: &mut impl Iterator<Item = &'a str>) -> String {
    let value = value.trim_start();
    let Some(quote) = value
        .chars()
        .next()
        .filter(|c| matches!(c, '"' | '\'' | '`'))
    else {
        let end = value.find(" #").unwrap_or(value.len());
        return value[..end].trim_end().to_owned();
    };
    let mut text = value[1..].to_owned();
    while !text.contains(quote) {
        let Some(line) = more.next() else {
            break;
        };
        text.push('\n');
        text.push_str(line);
    }
    let end = text.find(quote).unwrap_or(text.len());
    let inner = &text[..end];
    if quote == '"' {
        inner.replace("\\n", "\n")
    } else {
        inner.to_owned()
    }
}

fn is_secret(name: &str, value: &str) -> bool {
    let upper = name.to_ascii_uppercase();
    let named = SECRET_NAMES.iter().any(|ending| {
        upper.strip_suffix(ending).is_some_and(|rest| {
            rest.is_empty() || rest.ends_with('_') || rest.ends_with(char::is_alphanumeric)
        })
    });
    let has = |kind: fn(&char) -> bool| value.chars().any(|c| kind(&c));
    let random = value.len() >= 20
        && !value.contains(char::is_whitespace)
        && !value.contains("://")
        && has(char::is_ascii_digit)
        && has(char::is_ascii_alphabetic);
    let carries_password = user_info(value.as_bytes()).is_some();
    named || random || carries_password
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(dotenv: &str) -> Vec<String> {
        let mut values = Values::default();
        values.add_dotenv(dotenv);
        values
            .values
            .into_iter()
            .map(|value| String::from_utf8(value).unwrap())
            .collect()
    }

    #[test]
    fn secrets_are_taken_and_settings_are_left() {
        let text = "# KEY=commented-out\nNODE_ENV=development\nPORT=30000000\nexport API_KEY='abc defg'\n\
                    DB_PASSWORD=hunter2hunter2 # note\nURL=https://example.org/path\nSHORT_KEY=abc\n\
                    DATABASE_URL=postgres://me:s3cretpw1@host/db\nX=a1b2c3d4e5f6a7b8c9d0e1f2\nCERT_KEY=/etc/ssl/private.key\n";
        assert_eq!(
            values(text),
            [
                "a1b2c3d4e5f6a7b8c9d0e1f2",
                "abc defg",
                "hunter2hunter2",
                "postgres://me:s3cretpw1@host/db",
                "s3cretpw1"
            ]
        );
    }

    #[test]
    fn a_value_over_several_lines_is_found_by_each_of_them() {
        let text =
            "K_KEY=\"-----BEGIN X-----\nMIIEvQIBADANBgkqhkiG9w0BAQEF\nAAAA\n-----END X-----\"\n";
        assert!(values(text).contains(&"MIIEvQIBADANBgkqhkiG9w0BAQEF".to_owned()));
        let escaped = r"-----BEGIN X-----\nMIIEvQIBADANBgkqhkiG9w0BAQEF\nAAAA\n-----END X-----";
        assert!(values(text).contains(&escaped.to_owned()));
    }

    #[test]
    fn the_longest_value_counts() {
        let mut values = Values::default();
        values.add(b"abcdefgh");
        values.add(b"abcdefghijkl");
        let judge = |text: &str, ends| match values.judge(text.as_bytes(), ends) {
            Verdict::Value { length } => Some(length),
            Verdict::Maybe { .. } => Some(0),
            _ => None,
        };
        assert_eq!(judge("abcdefghijklm", false), Some(12));
        assert_eq!(judge("abcdefghijx", false), Some(8));
        assert_eq!(judge("abcdefghij", false), Some(0));
        assert_eq!(judge("abcdefghij", true), Some(8));
        assert_eq!(judge("abcx", false), None);
    }
}
