//! Wildcards inside one path component: `*`, `?`, `[a-z]`, `[!a-z]`, and `\` to quote.
//!
//! Matching is on bytes and characters, never on a compiled automaton: a run reads its rules
//! thousands of times more often than it can afford to compile them. The matcher keeps one point
//! to return to (the last `*`), so its cost is at most name length times pattern length.

/// A pattern for one component of a path.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Glob {
    /// No wildcard.
    Literal(Box<[u8]>),
    /// `*` and then a literal.
    Suffix(Box<[u8]>),
    /// A literal and then `*`.
    Prefix(Box<[u8]>),
    /// `*` alone.
    Any,
    /// Anything else.
    General(Box<[Token]>),
}

/// One element of a [`Glob::General`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Token {
    /// This byte.
    Byte(u8),
    /// `?`: one character.
    One,
    /// `*`: any number of bytes.
    Star,
    /// `[...]`: one character in (or, negated, outside) the ranges.
    Class(bool, Box<[(char, char)]>),
}

/// What is wrong with a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// `[` without `]`.
    OpenClass,
    /// `[]` or a range whose end is before its start.
    BadClass,
    /// A `\` at the very end.
    LooseBackslash,
}

impl Glob {
    /// Reads one component, which holds no `/`.
    ///
    /// # Errors
    /// When a class is not closed or empty, or a backslash quotes nothing.
    pub fn parse(text: &str) -> Result<Glob, Fault> {
        let tokens = tokens(text)?;
        let literal = |part: &[Token]| -> Option<Box<[u8]>> {
            part.iter()
                .map(|t| {
                    if let Token::Byte(b) = t {
                        Some(*b)
                    } else {
                        None
                    }
                })
                .collect()
        };
        if let Some(bytes) = literal(&tokens) {
            return Ok(Glob::Literal(bytes));
        }
        if tokens.iter().all(|t| *t == Token::Star) {
            return Ok(Glob::Any);
        }
        if let [Token::Star, rest @ ..] = tokens.as_slice()
            && let Some(bytes) = literal(rest)
        {
            return Ok(Glob::Suffix(bytes));
        }
        if let [rest @ .., Token::Star] = tokens.as_slice()
            && let Some(bytes) = literal(rest)
        {
            return Ok(Glob::Prefix(bytes));
        }
        Ok(Glob::General(tokens.into_boxed_slice()))
    }

    /// Whether the name matches.
    #[must_use]
    pub fn matches(&self, name: &[u8]) -> bool {
        match self {
            Glob::Literal(text) => **text == *name,
            Glob::Suffix(text) => name.ends_with(text),
            Glob::Prefix(text) => name.starts_with(text),
            Glob::Any => true,
            Glob::General(tokens) => general(tokens, name),
        }
    }
}

fn tokens(text: &str) -> Result<Vec<Token>, Fault> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        match c {
            '*' => {
                if out.last() != Some(&Token::Star) {
                    out.push(Token::Star);
                }
            }
            '?' => out.push(Token::One),
            '[' => out.push(class(&mut rest)?),
            '\\' => push_char(&mut out, rest.next().ok_or(Fault::LooseBackslash)?),
            other => push_char(&mut out, other),
        }
    }
    Ok(out)
}

fn push_char(out: &mut Vec<Token>, c: char) {
    let mut buffer = [0; 4];
    out.extend(c.encode_utf8(&mut buffer).bytes().map(Token::Byte));
}

/// Reads the inside of `[...]`; a `]` in first place is a member.
fn class(rest: &mut std::str::Chars<'_>) -> Result<Token, Fault> {
    let mut members = Vec::new();
    let mut next = rest.next().ok_or(Fault::OpenClass)?;
    let negated = matches!(next, '!' | '^');
    if negated {
        next = rest.next().ok_or(Fault::OpenClass)?;
    }
    loop {
        let low = if next == '\\' {
            rest.next().ok_or(Fault::OpenClass)?
        } else {
            next
        };
        next = rest.next().ok_or(Fault::OpenClass)?;
        let mut high = low;
        if next == '-' {
            next = rest.next().ok_or(Fault::OpenClass)?;
            if next == ']' {
                members.push(('-', '-'));
            } else {
                high = if next == '\\' {
                    rest.next().ok_or(Fault::OpenClass)?
                } else {
                    next
                };
                next = rest.next().ok_or(Fault::OpenClass)?;
            }
        }
        if high < low {
            return Err(Fault::BadClass);
        }
        members.push((low, high));
        if next == ']' {
            return Ok(Token::Class(negated, members.into_boxed_slice()));
        }
    }
}

fn general(tokens: &[Token], name: &[u8]) -> bool {
    let (mut t, mut n) = (0, 0);
    let mut back: Option<(usize, usize)> = None;
    while n < name.len() {
        if tokens.get(t) == Some(&Token::Star) {
            t += 1;
            back = Some((t, n));
        } else if let Some(used) = tokens.get(t).and_then(|token| step(token, &name[n..])) {
            t += 1;
            n += used;
        } else if let Some((star, at)) = back {
            t = star;
            n = at + first_char(&name[at..]).map_or(1, char::len_utf8);
            back = Some((star, n));
        } else {
            return false;
        }
    }
    tokens[t..].iter().all(|token| *token == Token::Star)
}

/// How many bytes of `name` (not empty) the token takes; none if it does not match.
fn step(token: &Token, name: &[u8]) -> Option<usize> {
    match token {
        Token::Byte(byte) => (name[0] == *byte).then_some(1),
        Token::One => Some(first_char(name).map_or(1, char::len_utf8)),
        Token::Class(negated, members) => {
            // A byte that is no character is in no range.
            let Some(c) = first_char(name) else {
                return negated.then_some(1);
            };
            let inside = members
                .iter()
                .any(|(low, high)| (*low..=*high).contains(&c));
            (inside != *negated).then(|| c.len_utf8())
        }
        Token::Star => None,
    }
}

fn first_char(name: &[u8]) -> Option<char> {
    // Nearly every name: to decode it would take longer than all the rest.
    if let Some(byte) = name.first().filter(|byte| byte.is_ascii()) {
        return Some((*byte).into());
    }
    let end = name.len().min(4);
    let chunk = name[..end].utf8_chunks().next()?;
    chunk.valid().chars().next()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, name: &str) -> bool {
        Glob::parse(pattern)
            .expect("pattern")
            .matches(name.as_bytes())
    }

    #[test]
    fn a_component_matches_whole_names_only() {
        for (pattern, yes, no) in [
            (".env", ".env", ".envrc"),
            ("*.pem", "a.pem", "a.pem.txt"),
            (".env.*", ".env.local", ".env"),
            ("*", "anything", "\u{0}never/"),
            ("id_*[!b]", "id_rsa", "id_rsa.pub"),
            ("a?c", "aéc", "ac"),
            ("[a-c]x", "bx", "dx"),
            ("[]x]y", "]y", "ay"),
            ("[a-]y", "-y", "by"),
            ("*a*b*c", "xxaybzc", "acb"),
            (r"\*.env", "*.env", "x.env"),
            ("{a,b}", "{a,b}", "a"),
        ] {
            assert!(matches(pattern, yes), "{pattern} should match {yes}");
            if pattern != "*" {
                assert!(!matches(pattern, no), "{pattern} should not match {no}");
            }
        }
    }

    #[test]
    fn a_broken_class_is_refused() {
        assert_eq!(Glob::parse("[a"), Err(Fault::OpenClass));
        assert_eq!(Glob::parse("[z-a]"), Err(Fault::BadClass));
        assert_eq!(Glob::parse("a\\"), Err(Fault::LooseBackslash));
    }

    #[test]
    fn bytes_that_are_no_text_match_wildcards() {
        let name = b"key-\xff\xfe.pem";
        assert!(Glob::parse("key-??.pem").expect("pattern").matches(name));
        assert!(Glob::parse("*.pem").expect("pattern").matches(name));
        assert!(
            !Glob::parse("key-[a-z]?.pem")
                .expect("pattern")
                .matches(name)
        );
    }
}
