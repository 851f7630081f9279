//! Arguments without the secrets in them.

use std::ffi::{OsStr, OsString};

use crate::redact::{Rules, Stream};

/// An argument that is longer is cut: nobody reads it, and a line must stay small.
const LONGEST: usize = 4096;
/// More arguments than fit into this are left out.
const LONGEST_LIST: usize = 32 * 1024;

/// Words by which an option or a variable says that its value is a secret.
const SECRET: [&str; 11] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "apikey",
    "api-key",
    "api_key",
    "credential",
    "auth",
    "private-key",
];

/// Options whose value is `name:password`, as curl has them.
const USER: [&str; 3] = ["-u", "--user", "--proxy-user"];

/// The words of a command line, as they may be written down.
pub(super) fn clean(words: &[OsString]) -> Vec<String> {
    let rules = Rules::of_presets();
    let mut clean = Vec::new();
    let mut length = 0;
    let mut next_is_secret = false;
    for (at, word) in words.iter().enumerate() {
        let text = if next_is_secret {
            "***".to_owned()
        } else if at > 1 && USER.iter().any(|option| words[at - 1] == *option) {
            cut(without_login(&word.to_string_lossy()))
        } else {
            cut(clean_word(&rules, word))
        };
        next_is_secret = !next_is_secret && is_secret_option(word) && at > 0;
        length += text.len();
        if length > LONGEST_LIST {
            clean.push(format!("... and {} more", words.len() - at));
            break;
        }
        clean.push(text);
    }
    clean
}

/// The words of a command line as one text that may be written down.
#[must_use]
pub fn shown(words: &[OsString]) -> String {
    shell_words::join(clean(words))
}

fn cut(mut text: String) -> String {
    if text.len() > LONGEST {
        text.truncate(text.floor_char_boundary(LONGEST));
        text.push_str("...");
    }
    text
}

fn clean_word(rules: &Rules, word: &OsStr) -> String {
    let text = word.to_string_lossy();
    // A script in one argument may be long; what is beyond the cut is not looked at either.
    let text = &text[..text.floor_char_boundary(4 * LONGEST)];
    let mut stream = Stream::new(rules);
    let mut shown = Vec::new();
    stream.push(text.as_bytes(), &mut shown);
    stream.finish(&mut shown);
    let shown = String::from_utf8_lossy(&shown).into_owned();
    without_logins(&without_password(&without_assignments(&shown)))
}

/// `name:password`; a number is a group, as `docker run -u 1000:1000` has it.
fn without_login(word: &str) -> String {
    match word.split_once(':') {
        Some((name, rest)) if !rest.is_empty() && !rest.bytes().all(|b| b.is_ascii_digit()) => {
            let quote = rest.chars().next_back().filter(|c| ['"', '\''].contains(c));
            format!("{name}:***{}", quote.map(String::from).unwrap_or_default())
        }
        _ => word.to_owned(),
    }
}

/// The same in the words of a script.
fn without_logins(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut is_login = false;
    for word in text.split_inclusive([' ', '\t', '\n']) {
        let end = word.trim_end().len();
        if is_login {
            clean.push_str(&without_login(&word[..end]));
            clean.push_str(&word[end..]);
        } else {
            clean.push_str(word);
        }
        is_login = USER.contains(&&word[..end]);
    }
    clean
}

/// `--token=x`, `TOKEN=x`, and each such word of a script.
fn without_assignments(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['=', ':']) {
        let (name, value) = rest.split_at(at + 1);
        clean.push_str(name);
        rest = value;
        let name = name[..at].trim_end_matches(['"', '\'']);
        let start = name.rfind(|c: char| !(c.is_alphanumeric() || "-_".contains(c)));
        let name = &name[start.map_or(0, |at| at + 1)..];
        if !is_secret_name(name) || value.starts_with(['/', '=']) {
            continue;
        }
        let skipped = value.len() - value.trim_start_matches([' ', '"', '\'']).len();
        let ends = |c: char| c.is_whitespace() || "\"'&;,)".contains(c);
        let end = value[skipped..]
            .find(ends)
            .map_or(value.len(), |at| skipped + at);
        clean.push_str(&value[..skipped]);
        if end > skipped {
            clean.push_str("***");
        }
        rest = &value[end..];
    }
    clean + rest
}

/// `scheme://user:password@host`.
fn without_password(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        clean.push_str(before);
        rest = after;
        let authority = &after[..after.find(['/', ' ', '"', '\'']).unwrap_or(after.len())];
        if let Some(host) = authority.rfind('@')
            && let Some(colon) = authority[..host].find(':')
        {
            clean.push_str(&after[..=colon]);
            clean.push_str("***");
            rest = &after[host..];
        }
    }
    clean + rest
}

fn is_secret_option(word: &OsStr) -> bool {
    let word = word.to_string_lossy();
    word.starts_with("--") && !word.contains('=') && is_secret_name(&word)
}

fn is_secret_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    // By the end of the name: `--author` and `--token-count` give nothing away.
    let plural = |word: &str| {
        name.strip_suffix('s')
            .is_some_and(|name| name.ends_with(word))
    };
    let is_secret = |word: &&str| name.ends_with(*word) || plural(word);
    SECRET.iter().any(is_secret) || name.len() > 4 && name.ends_with("_key")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cleaned(words: &[&str]) -> String {
        let words: Vec<OsString> = words.iter().map(OsString::from).collect();
        clean(&words).join(" ")
    }

    #[test]
    fn secrets_are_left_out_and_the_rest_stays() {
        for (words, expected) in [
            (
                &["deploy", "--token", "abc", "--verbose"][..],
                "deploy --token *** --verbose",
            ),
            (&["deploy", "--api-key=abc"], "deploy --api-key=***"),
            (
                &["env", "DB_PASSWORD=hunter2", "HOME=/home/me"],
                "env DB_PASSWORD=*** HOME=/home/me",
            ),
            (
                &["sh", "-c", "export TOKEN='abc' && run"],
                "sh -c export TOKEN='***' && run",
            ),
            (
                &["curl", "-H", "X-Auth: abc", "https://me:pw@host/x"],
                "curl -H X-Auth: *** https://me:***@host/x",
            ),
            (
                &["echo", "sk-ant-api03-aB3dE5gH7jK9mN1pQ3sT5vX7zA9c"],
                "echo sk-ant-***",
            ),
            (
                &["git", "commit", "--author=me", "-m", "token budget"],
                "git commit --author=me -m token budget",
            ),
            (&["--password", "next"], "--password next"),
            (
                &["curl", "-u", "me:pw", "--proxy-user", "me:p:w", "-u", "me"],
                "curl -u me:*** --proxy-user me:*** -u me",
            ),
            (
                &[
                    "sh",
                    "-c",
                    "curl -u 'me:pw' https://host; docker run -u 1000:1000 x",
                ],
                "sh -c curl -u 'me:***' https://host; docker run -u 1000:1000 x",
            ),
        ] {
            assert_eq!(cleaned(words), expected);
        }
    }

    #[test]
    fn a_long_list_is_cut() {
        let long = "x".repeat(100_000);
        let words: Vec<&str> = std::iter::repeat_n(long.as_str(), 1000).collect();
        let text = cleaned(&words);
        assert!(
            text.len() < 40_000 && text.ends_with("more"),
            "{}",
            text.len()
        );
    }
}
