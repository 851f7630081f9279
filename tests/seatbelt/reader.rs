//! Reads a profile as the system does: a Scheme of lists, words and strings. It knows nothing of how
//! profiles are written.

/// One expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Expression {
    Word(String),
    Text(String),
    List(Vec<Expression>),
}

/// All expressions of a text; none when it is not one.
pub(crate) fn read(text: &str) -> Option<Vec<Expression>> {
    let mut open: Vec<Vec<Expression>> = vec![Vec::new()];
    let mut rest = text.chars().peekable();
    while let Some(character) = rest.next() {
        match character {
            '(' => open.push(Vec::new()),
            ')' => {
                let list = open.pop()?;
                open.last_mut()?.push(Expression::List(list));
            }
            '"' => open.last_mut()?.push(Expression::Text(string(&mut rest)?)),
            ';' => while rest.next_if(|next| *next != '\n').is_some() {},
            space if space.is_ascii_whitespace() => {}
            first => {
                let mut word = first.to_string();
                let ends = |next: &char| next.is_ascii_whitespace() || "()\";".contains(*next);
                while let Some(next) = rest.next_if(|next| !ends(next)) {
                    word.push(next);
                }
                open.last_mut()?.push(Expression::Word(word));
            }
        }
    }
    match <[Vec<Expression>; 1]>::try_from(open) {
        Ok([all]) => Some(all),
        Err(_) => None,
    }
}

/// The rest of a string, with the escapes of a Scheme.
fn string(rest: &mut impl Iterator<Item = char>) -> Option<String> {
    let mut text = String::new();
    loop {
        match rest.next()? {
            '"' => return Some(text),
            '\\' => match rest.next()? {
                'n' => text.push('\n'),
                't' => text.push('\t'),
                'r' => text.push('\r'),
                // Numbers of characters are an escape too, and nobody writes them.
                'x' | 'X' | '0'..='9' => return None,
                other => text.push(other),
            },
            other => text.push(other),
        }
    }
}

/// Every word of the expressions, and every string.
pub(crate) fn parts(all: &[Expression]) -> (Vec<&str>, Vec<&str>) {
    let (mut words, mut texts) = (Vec::new(), Vec::new());
    let mut waiting: Vec<&Expression> = all.iter().collect();
    while let Some(expression) = waiting.pop() {
        match expression {
            Expression::Word(word) => words.push(&**word),
            Expression::Text(text) => texts.push(&**text),
            Expression::List(list) => waiting.extend(list),
        }
    }
    (words, texts)
}

/// The words that a profile is written in.
pub(crate) const VOCABULARY: &[&str] = &[
    "1",
    "2",
    "AF_SYSTEM",
    "DIRECTORY",
    "TIOCSTI",
    "allow",
    "default",
    "deny",
    "extension",
    "file-ioctl",
    "file-map-executable",
    "file-read*",
    "file-write*",
    "file-write-create",
    "file-write-setugid",
    "file-write-unlink",
    "global-name",
    "ioctl-command",
    "ip",
    "ipc-posix-sem",
    "literal",
    "local",
    "mach-lookup",
    "network-bind",
    "network-inbound",
    "network-outbound",
    "process-exec*",
    "process-fork",
    "process-info*",
    "pseudo-tty",
    "regex",
    "remote",
    "require-all",
    "require-any",
    "require-not",
    "same-sandbox",
    "signal",
    "socket-domain",
    "socket-protocol",
    "subpath",
    "sysctl-name",
    "sysctl-name-prefix",
    "sysctl-read",
    "system-socket",
    "target",
    "version",
    "vnode-type",
];

/// Whether a profile is what only we write: whole, in our words, with nothing allowed by default.
pub(crate) fn is_ours(profile: &str) -> bool {
    let Some(all) = read(profile) else {
        return false;
    };
    let (words, _) = parts(&all);
    let is_rule = |expression: &Expression| {
        let Expression::List(list) = expression else {
            return false;
        };
        let head = |words: &[&str]| {
            let same = |(one, word): (&Expression, &&str)| *one == Expression::Word((*word).into());
            list.len() >= words.len() && list.iter().zip(words).all(same)
        };
        head(&["version"]) || head(&["deny"]) || head(&["allow"]) && !head(&["allow", "default"])
    };
    words.iter().all(|word| VOCABULARY.contains(word)) && all.iter().all(is_rule)
}
