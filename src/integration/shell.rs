//! The simple commands in the text of a shell: enough of its grammar to see which files it names.
//!
//! A tripwire, not a wall: what needs a shell to be understood (variables, substitutions, globs) is
//! passed over, and the sandbox decides.

/// Programs that do not open the files their arguments name.
const NOT_OPENING: &[&str] = &[
    ":", "[", "[[", "alias", "basename", "cd", "command", "dirname", "echo", "exit", "export",
    "false", "kill", "local", "ls", "mkdir", "printf", "pwd", "read", "readlink", "realpath",
    "return", "set", "shift", "sleep", "stat", "test", "trap", "true", "type", "unset", "which",
];

/// A program with its arguments, and the files that the shell opens for it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Simple {
    /// The program and its arguments.
    pub words: Vec<String>,
    /// Files to read from.
    pub from: Vec<String>,
    /// Files to write to.
    pub to: Vec<String>,
}

impl Simple {
    /// The words that may be files which the program opens.
    pub fn files(&self) -> impl Iterator<Item = &str> {
        let program = self.words.first().map(|word| word.rsplit('/').next());
        let opens = program.is_some_and(|name| !NOT_OPENING.contains(&name.unwrap_or_default()));
        let words = self.words.iter().skip(1).filter(move |_| opens);
        let words = words.map(|word| match word.split_once('=') {
            Some((option, value)) if option.starts_with('-') => value,
            _ => word.strip_prefix('@').unwrap_or(word),
        });
        words.filter(|word| !word.is_empty() && !word.starts_with('-'))
    }
}

/// What a word stands before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Word,
    From,
    To,
    /// The word after a here-document or a duplicated descriptor is no file.
    Nothing,
}

struct Lexer<'t> {
    letters: std::iter::Peekable<std::str::Chars<'t>>,
    home: &'t str,
    commands: Vec<Simple>,
    now: Simple,
    word: Option<String>,
    /// The word needs the shell to be understood.
    unclear: bool,
    next: Next,
}

/// The simple commands of a text. `~/` and `$HOME` are `home`.
#[must_use]
pub fn commands(text: &str, home: &str) -> Vec<Simple> {
    let mut lexer = Lexer {
        letters: text.chars().peekable(),
        home,
        commands: Vec::new(),
        now: Simple::default(),
        word: None,
        unclear: false,
        next: Next::Word,
    };
    lexer.all();
    lexer.commands
}

impl Lexer<'_> {
    fn all(&mut self) {
        while let Some(letter) = self.letters.next() {
            match letter {
                '\'' => self.single_quoted(),
                '"' => self.double_quoted(),
                '\\' => match self.letters.next() {
                    Some('\n') | None => {}
                    Some(letter) => self.push(letter),
                },
                '$' => self.variable(),
                '`' | '*' | '?' => self.unclear(),
                '~' if self.word.is_none() => self.home_or(),
                '#' if self.word.is_none() => {
                    while self.letters.peek().is_some_and(|letter| *letter != '\n') {
                        self.letters.next();
                    }
                }
                '<' | '>' => self.redirection(letter),
                '&' if self.letters.peek() == Some(&'>') => {
                    self.letters.next();
                    self.redirection('>');
                }
                ';' | '|' | '&' | '\n' | '(' | ')' => self.end_command(),
                letter if letter.is_whitespace() => self.end_word(),
                letter => self.push(letter),
            }
        }
        self.end_command();
    }

    fn push(&mut self, letter: char) {
        self.word.get_or_insert_default().push(letter);
    }

    fn unclear(&mut self) {
        self.word.get_or_insert_default();
        self.unclear = true;
    }

    fn single_quoted(&mut self) {
        self.word.get_or_insert_default();
        for letter in self.letters.by_ref().take_while(|letter| *letter != '\'') {
            self.word.get_or_insert_default().push(letter);
        }
    }

    fn double_quoted(&mut self) {
        self.word.get_or_insert_default();
        while let Some(letter) = self.letters.next() {
            match letter {
                '"' => return,
                '\\' => match self.letters.next() {
                    Some(letter @ ('"' | '\\' | '$' | '`')) => self.push(letter),
                    Some('\n') | None => {}
                    Some(letter) => {
                        self.push('\\');
                        self.push(letter);
                    }
                },
                '$' => self.variable(),
                '`' => self.unclear(),
                letter => self.push(letter),
            }
        }
    }

    fn variable(&mut self) {
        let braced = self.letters.next_if_eq(&'{').is_some();
        let mut name = String::new();
        while let Some(letter) = self
            .letters
            .next_if(|letter| letter.is_ascii_alphanumeric() || *letter == '_')
        {
            name.push(letter);
        }
        let closed = !braced || self.letters.next_if_eq(&'}').is_some();
        if name == "HOME" && closed {
            let home = self.home;
            self.word.get_or_insert_default().push_str(home);
        } else {
            self.unclear();
        }
    }

    fn home_or(&mut self) {
        let ends = |letter: Option<&char>| {
            letter.is_none_or(|letter| *letter == '/' || letter.is_whitespace())
        };
        if ends(self.letters.peek()) {
            self.word = Some(self.home.to_owned());
        } else {
            self.push('~');
        }
    }

    fn redirection(&mut self, sign: char) {
        // `2>file`: the number belongs to the sign.
        if self
            .word
            .as_ref()
            .is_some_and(|word| word.chars().all(|c| c.is_ascii_digit()))
        {
            self.word = None;
        }
        self.end_word();
        let (mut reads, mut writes, mut nothing) = (sign == '<', sign == '>', false);
        while let Some(more) = self
            .letters
            .next_if(|c| matches!(c, '<' | '>' | '&' | '|' | '('))
        {
            nothing |= matches!(more, '<' | '&' | '(');
            writes |= more == '>';
            reads |= more == '<';
        }
        self.next = match (nothing, writes, reads) {
            (true, ..) => Next::Nothing,
            (_, true, _) => Next::To,
            _ => Next::From,
        };
    }

    fn end_word(&mut self) {
        let Some(word) = self.word.take() else {
            return;
        };
        let unclear = std::mem::take(&mut self.unclear);
        match std::mem::replace(&mut self.next, Next::Word) {
            // An unclear word keeps its place but names nothing.
            Next::Word if unclear => self.now.words.push(String::new()),
            Next::Word if self.now.words.is_empty() && is_before_a_command(&word) => {}
            Next::Word => self.now.words.push(word),
            _ if unclear => {}
            Next::From => self.now.from.push(word),
            Next::To => self.now.to.push(word),
            Next::Nothing => {}
        }
    }

    fn end_command(&mut self) {
        self.end_word();
        self.next = Next::Word;
        let command = std::mem::take(&mut self.now);
        if command != Simple::default() {
            self.commands.push(command);
        }
    }
}

/// Words of the grammar, assignments, and programs that start the one after them.
fn is_before_a_command(word: &str) -> bool {
    const BEFORE: &[&str] = &[
        "!", "builtin", "do", "elif", "else", "env", "eval", "exec", "fi", "if", "done", "nice",
        "nohup", "sudo", "then", "time", "until", "while", "xargs", "{", "}",
    ];
    let assigns = word.split_once('=').is_some_and(|(name, _)| {
        !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    });
    assigns || BEFORE.contains(&word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(text: &str) -> Vec<String> {
        let simple = commands(text, "/home/u");
        let files = simple.iter().flat_map(|one| {
            let from = one.from.iter().map(|file| format!("<{file}"));
            let to = one.to.iter().map(|file| format!(">{file}"));
            one.files()
                .map(str::to_owned)
                .chain(from)
                .chain(to)
                .collect::<Vec<_>>()
        });
        files.collect()
    }

    #[test]
    fn files_are_found_where_a_shell_would_find_them() {
        for (text, expected) in [
            ("cat .env", &[".env"][..]),
            ("cat '.env'", &[".env"]),
            ("cat \".e\"nv", &[".env"]),
            ("cat .e\\nv", &[".env"]),
            ("cat ~/.ssh/id_rsa", &["/home/u/.ssh/id_rsa"]),
            (
                "cat \"$HOME/.ssh/id_rsa\" ${HOME}/x",
                &["/home/u/.ssh/id_rsa", "/home/u/x"],
            ),
            ("cat $X/.env *.pem `x`", &[]),
            ("true && cat .env | grep -n a", &[".env", "a"]),
            ("(cd x; cat .env)", &[".env"]),
            ("FOO=1 cat .env", &[".env"]),
            ("if [ -f .env ]; then cat .env; fi", &[".env"]),
            ("wc -l < .env", &["<.env"]),
            ("make 2>&1 >out.txt", &[">out.txt"]),
            ("make &>log 2>/dev/null", &[">log", ">/dev/null"]),
            ("cat <<EOF >x", &[">x"]),
            ("cat <<< word", &[]),
            ("echo .env >> .gitignore", &[">.gitignore"]),
            ("curl --data=@.env -d @.env x", &["@.env", ".env", "x"]),
            ("cat a # .env", &["a"]),
            ("cat a#b", &["a#b"]),
            ("sudo cat .env", &[".env"]),
            ("", &[]),
            ("cat 'unclosed", &["unclosed"]),
            ("cat \"unclosed", &["unclosed"]),
        ] {
            assert_eq!(files(text), expected, "{text}");
        }
    }

    #[test]
    fn a_program_is_found_behind_what_starts_it() {
        let simple = commands("X=1 nohup kubectl -n prod delete pod &", "/home/u");
        assert_eq!(simple[0].words, ["kubectl", "-n", "prod", "delete", "pod"]);
    }
}
