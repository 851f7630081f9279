//! Patterns of the policy as regular expressions of the profile language. Pure.
//!
//! An expression cannot always say what a pattern says, and the file system of a Mac takes `.ENV` for
//! `.env`. So what is denied is said a little too widely, and what is re-allowed never is.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::policy::glob::{Glob, Token};
use crate::policy::pattern::{Pattern, Piece};

/// On which side an expression may differ from its pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Says {
    /// It finds everything that the pattern matches, in any case of letters, and maybe more.
    AtLeast,
    /// It finds nothing that the pattern does not match.
    AtMost,
}

/// Directories that stand behind a link on every Mac, and are matched by where they are.
const BEHIND_PRIVATE: [&str; 3] = ["/etc", "/tmp", "/var"];

/// What a path or pattern itself looks like, from `^` on: without what follows it.
///
/// Up to the longest of `known` a path is written as it is: it was asked for on this host, so the
/// letters are those of the file system.
#[must_use]
pub fn of_pattern(pattern: &Pattern, known: &[&Path], says: Says) -> Option<String> {
    let mut text = of_path(&pattern.prefix, known, says)?;
    if !pattern.is_fixed() {
        close_directory(&mut text);
        text.push_str(&of_pieces(&pattern.rest, says)?);
    }
    Some(text)
}

/// The same for a path without wildcards.
#[must_use]
pub fn of_path(path: &Path, known: &[&Path], says: Says) -> Option<String> {
    let behind = BEHIND_PRIVATE.iter().any(|link| path.starts_with(link));
    let mut text = if behind { "^(/private)?" } else { "^" }.to_owned();
    let holds = |known: &&&Path| path.starts_with(known);
    let base = known
        .iter()
        .filter(holds)
        .max_by_key(|known| known.as_os_str().len());
    let (base, rest) = match base.and_then(|base| Some((*base, path.strip_prefix(base).ok()?))) {
        Some((base, rest)) => (base, rest),
        None => (Path::new("/"), path.strip_prefix("/").unwrap_or(path)),
    };
    text.push_str(&characters(base.as_os_str().as_bytes(), says, false)?);
    for name in rest.components() {
        close_directory(&mut text);
        text.push_str(&of_name(name.as_os_str().as_bytes(), says)?);
    }
    Some(text)
}

/// A directory's expression goes on with a slash; the root has one already.
fn close_directory(text: &mut String) {
    if !text.ends_with('/') {
        text.push('/');
    }
}

/// What components after a wildcard look like.
#[must_use]
pub fn of_pieces(pieces: &[Piece], says: Says) -> Option<String> {
    let mut text = String::new();
    for (at, piece) in pieces.iter().enumerate() {
        match piece {
            Piece::Deep => text.push_str("(.*/)?"),
            Piece::One(glob) => {
                text.push_str(&of_glob(glob, says)?);
                if at + 1 < pieces.len() {
                    text.push('/');
                }
            }
        }
    }
    Some(text)
}

/// What one component looks like.
#[must_use]
pub fn of_glob(glob: &Glob, says: Says) -> Option<String> {
    const ANY: &str = "[^/]*";
    Some(match glob {
        Glob::Literal(name) => of_name(name, says)?,
        Glob::Suffix(name) => format!("{ANY}{}", of_name(name, says)?),
        Glob::Prefix(name) => format!("{}{ANY}", of_name(name, says)?),
        Glob::Any => "[^/]+".to_owned(),
        Glob::General(tokens) => {
            let mut text = String::new();
            let mut name = Vec::new();
            for token in tokens {
                if let Token::Byte(byte) = token {
                    name.push(*byte);
                    continue;
                }
                text.push_str(&of_name(&std::mem::take(&mut name), says)?);
                text.push_str(&match token {
                    Token::Class(negated, members) => class(*negated, members, says)?,
                    Token::One => one(says).to_owned(),
                    Token::Star | Token::Byte(_) => ANY.to_owned(),
                });
            }
            text + &of_name(&name, says)?
        }
    })
}

/// A literal name. Whoever denies it means every spelling that leads to the same file.
#[must_use]
pub fn of_name(name: &[u8], says: Says) -> Option<String> {
    characters(name, says, says == Says::AtLeast)
}

fn characters(bytes: &[u8], says: Says, any_case: bool) -> Option<String> {
    let mut text = String::new();
    for chunk in bytes.chunk_by(|a, b| a.is_ascii() == b.is_ascii()) {
        match (chunk[0].is_ascii(), says) {
            (true, _) => ascii(chunk, says, any_case, &mut text)?,
            // The same letters exist in several forms, and the file system takes them for one name.
            (false, Says::AtLeast) if any_case => text.push_str("[^/]+"),
            (false, _) => match std::str::from_utf8(chunk) {
                Ok(chunk) => text.push_str(chunk),
                Err(_) if says == Says::AtLeast => text.push_str("[^/]+"),
                Err(_) => return None,
            },
        }
    }
    Some(text)
}

fn ascii(bytes: &[u8], says: Says, any_case: bool, text: &mut String) -> Option<()> {
    let mut rest = bytes;
    while let [byte, after @ ..] = rest {
        rest = after;
        match byte {
            // To a file system that knows no case, the German letter is the same as two of these.
            b's' | b'S'
                if any_case && after.first().is_some_and(|s| s.eq_ignore_ascii_case(&b's')) =>
            {
                rest = &after[1..];
                text.push_str("([Ss][Ss]|\u{df}|\u{1e9e})");
            }
            letter if any_case && letter.is_ascii_alphabetic() => {
                let (upper, lower) = (letter.to_ascii_uppercase(), letter.to_ascii_lowercase());
                text.extend(['[', upper as char, lower as char, ']']);
            }
            b'.' | b'*' | b'+' | b'?' | b'(' | b')' | b'[' | b']' | b'{' | b'}' | b'|' | b'^'
            | b'$' | b'\\' => text.extend(['\\', *byte as char]),
            b' '..=b'~' => text.push(*byte as char),
            _ if says == Says::AtLeast => text.push('.'),
            _ => return None,
        }
    }
    Some(())
}

/// One character. Whether the system counts bytes or characters is not said anywhere, so a denial
/// takes several bytes that are no ASCII for one, and a re-allow takes none of them.
fn one(says: Says) -> &'static str {
    match says {
        Says::AtLeast => "([^/]|[^ -~]+)",
        Says::AtMost => "[ -.0-~]",
    }
}

fn class(negated: bool, members: &[(char, char)], says: Says) -> Option<String> {
    let plain = |(low, high): &(char, char)| {
        let same = |is: fn(&char) -> bool| is(low) && is(high);
        same(char::is_ascii_lowercase)
            || same(char::is_ascii_uppercase)
            || same(char::is_ascii_digit)
    };
    if negated || !members.iter().all(plain) {
        return (says == Says::AtLeast).then(|| one(says).to_owned());
    }
    let mut text = "[".to_owned();
    for (low, high) in members {
        text.extend([*low, '-', *high]);
        if says == Says::AtLeast && low.is_ascii_lowercase() {
            text.extend([low.to_ascii_uppercase(), '-', high.to_ascii_uppercase()]);
        } else if says == Says::AtLeast && low.is_ascii_uppercase() {
            text.extend([low.to_ascii_lowercase(), '-', high.to_ascii_lowercase()]);
        }
    }
    text.push(']');
    Some(text)
}
