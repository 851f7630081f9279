//! Our lines in a file of the user's shell: put in, found again, taken out. Text only, no disk.
//!
//! The first marker says what taking out must restore, so that it works without any other record.

/// Whether a file has our lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// Not at all.
    Nothing,
    /// As we wrote them.
    Ours,
    /// Somebody changed them: from this line to that one, counted from 1.
    Changed(usize, usize),
}

const START: &str = "# >>> aigate shims >>>";
const END: &str = "# <<< aigate shims <<<";
const NO_END: &str = " (the line above had no end)";
const NEW_FILE: &str = " (this file is made by aigate)";

/// The lines that go between the markers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block<'a> {
    body: &'a str,
}

impl<'a> Block<'a> {
    /// `body` is one or more whole lines.
    #[must_use]
    pub fn new(body: &'a str) -> Self {
        Self { body }
    }

    fn text(&self, note: &str) -> String {
        format!("{START}{note}\n{}\n{END}\n", self.body)
    }

    /// The content with our lines at its end.
    #[must_use]
    pub fn put_into(&self, content: Option<&[u8]>) -> Vec<u8> {
        let Some(content) = content else {
            return self.text(NEW_FILE).into_bytes();
        };
        let has_end = content.is_empty() || content.ends_with(b"\n");
        let added = if has_end {
            self.text("")
        } else {
            format!("\n{}", self.text(NO_END))
        };
        [content, added.as_bytes()].concat()
    }

    /// Whether our lines are in the content.
    #[must_use]
    pub fn find(&self, content: &[u8]) -> Found {
        if self.whole(content).is_some() {
            return Found::Ours;
        }
        let lines: Vec<_> = content.split(|byte| *byte == b'\n').collect();
        let line = |marker: &str| {
            lines
                .iter()
                .position(|line| line.starts_with(marker.as_bytes()))
        };
        match (line(START), line(END)) {
            (None, None) => Found::Nothing,
            (Some(first), Some(last)) if first < last => Found::Changed(first + 1, last + 1),
            (first, last) => {
                let only = first.or(last).unwrap_or_default() + 1;
                Found::Changed(only, only)
            }
        }
    }

    /// The content without our lines; `None` in it if nothing is left of a file that we made.
    #[must_use]
    pub fn take_out(&self, content: &[u8]) -> Option<Option<Vec<u8>>> {
        let (start, end, note) = self.whole(content)?;
        let rest = [&content[..start], &content[end..]].concat();
        Some(if note == NEW_FILE && rest.is_empty() {
            None
        } else {
            Some(rest)
        })
    }

    /// Where our lines are, with the line end that we added before them, and the note.
    fn whole(&self, content: &[u8]) -> Option<(usize, usize, &'static str)> {
        [NO_END, NEW_FILE, ""].into_iter().find_map(|note| {
            let text = self.text(note);
            let start = position(content, text.as_bytes())?;
            let end = start + text.len();
            if start > 0 && content[start - 1] != b'\n' {
                return None;
            }
            // Somebody else's lines that follow need the end we gave to the line above.
            let ours = note == NO_END && start > 0 && end == content.len();
            Some((start - usize::from(ours), end, note))
        })
    }
}

fn position(content: &[u8], text: &[u8]) -> Option<usize> {
    content
        .windows(text.len())
        .position(|window| window == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLOCK: Block<'_> = Block {
        body: "if [ -r x ]; then . x; fi",
    };

    #[test]
    fn what_is_put_in_can_be_taken_out_byte_for_byte() {
        for content in [
            "",
            "a\n",
            "a",
            "a\r\n",
            "a\r\nb",
            "\u{feff}a\n",
            "\n\n",
            "ä",
        ] {
            let put = BLOCK.put_into(Some(content.as_bytes()));
            assert_eq!(BLOCK.find(&put), Found::Ours, "{content:?}");
            assert_eq!(
                BLOCK.take_out(&put),
                Some(Some(content.as_bytes().to_vec())),
                "{content:?}"
            );
        }
        let put = BLOCK.put_into(None);
        assert_eq!(BLOCK.take_out(&put), Some(None));
    }

    #[test]
    fn lines_added_later_stay() {
        for content in [Some("a\n"), None] {
            let mut put = BLOCK.put_into(content.map(str::as_bytes));
            put.extend(b"later\n");
            let expected = format!("{}later\n", content.unwrap_or_default());
            assert_eq!(BLOCK.take_out(&put), Some(Some(expected.into_bytes())));
        }
        let mut put = BLOCK.put_into(Some(b"a"));
        put.extend(b"later\n");
        assert_eq!(BLOCK.take_out(&put), Some(Some(b"a\nlater\n".to_vec())));
    }

    #[test]
    fn edited_lines_are_recognised_and_not_taken_out() {
        let put = String::from_utf8(BLOCK.put_into(Some(b"a\n")))
            .unwrap()
            .replace(". x", ". y");
        assert_eq!(BLOCK.find(put.as_bytes()), Found::Changed(2, 4));
        assert_eq!(BLOCK.take_out(put.as_bytes()), None);
        assert_eq!(
            BLOCK.find(b"a\n# >>> aigate shims >>>\n"),
            Found::Changed(2, 2)
        );
        assert_eq!(BLOCK.find(b"a\n"), Found::Nothing);
    }
}
