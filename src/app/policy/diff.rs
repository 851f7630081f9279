//! What changes between two texts, as a unified diff.

use std::fmt::Write as _;

/// Lines shown around a change.
const AROUND: usize = 3;
/// Beyond this many pairs of lines to compare, the middle is shown as replaced whole.
const MOST_PAIRS: usize = 4_000_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Same,
    Gone,
    New,
}

/// The diff; empty if the texts are equal. Control characters are made visible: the texts may come
/// from a repository, and the diff goes to a terminal.
#[must_use]
pub fn unified(name: &str, before: &str, after: &str) -> String {
    let old: Vec<&str> = before.lines().collect();
    let new: Vec<&str> = after.lines().collect();
    let lines = compare(&old, &new);
    let mut text = String::new();
    for (from, to) in hunks(&lines) {
        if text.is_empty() {
            // Writing to a string does not fail.
            _ = writeln!(text, "--- {name}\n+++ {name}");
        }
        let count = |without| {
            lines[from..to]
                .iter()
                .filter(|(kind, _)| *kind != without)
                .count()
        };
        let start = |without| {
            lines[..from]
                .iter()
                .filter(|(kind, _)| *kind != without)
                .count()
        };
        let (olds, news) = (count(Kind::New), count(Kind::Gone));
        let old_start = start(Kind::New) + usize::from(olds > 0);
        let new_start = start(Kind::Gone) + usize::from(news > 0);
        _ = writeln!(text, "@@ -{old_start},{olds} +{new_start},{news} @@");
        for (kind, line) in &lines[from..to] {
            let sign = match kind {
                Kind::Same => ' ',
                Kind::Gone => '-',
                Kind::New => '+',
            };
            _ = writeln!(text, "{sign}{}", visible(line));
        }
    }
    text
}

/// The text with control characters (an escape sequence, a carriage return) shown as escapes.
#[must_use]
pub fn visible(text: &str) -> String {
    let hides = |c: char| {
        c.is_control() && c != '\t'
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars()
        .fold(String::with_capacity(text.len()), |mut out, c| {
            if hides(c) {
                out.extend(c.escape_unicode());
            } else {
                out.push(c);
            }
            out
        })
}

/// Ranges of lines that hold a change and what is around it.
fn hunks(lines: &[(Kind, &str)]) -> Vec<(usize, usize)> {
    let mut hunks: Vec<(usize, usize)> = Vec::new();
    for at in (0..lines.len()).filter(|at| lines[*at].0 != Kind::Same) {
        let (from, to) = (
            at.saturating_sub(AROUND),
            (at + 1 + AROUND).min(lines.len()),
        );
        match hunks.last_mut() {
            Some(last) if from <= last.1 => last.1 = to,
            _ => hunks.push((from, to)),
        }
    }
    hunks
}

/// The longest common subsequence, between what both texts start and end with.
fn compare<'t>(old: &[&'t str], new: &[&'t str]) -> Vec<(Kind, &'t str)> {
    let head = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    let (rest_old, rest_new) = (&old[head..], &new[head..]);
    let tail = rest_old
        .iter()
        .rev()
        .zip(rest_new.iter().rev())
        .take_while(|(a, b)| a == b)
        .count();
    let mut lines: Vec<(Kind, &str)> = old[..head].iter().map(|l| (Kind::Same, *l)).collect();
    middle(
        &rest_old[..rest_old.len() - tail],
        &rest_new[..rest_new.len() - tail],
        &mut lines,
    );
    lines.extend(old[old.len() - tail..].iter().map(|l| (Kind::Same, *l)));
    lines
}

fn middle<'t>(old: &[&'t str], new: &[&'t str], lines: &mut Vec<(Kind, &'t str)>) {
    let width = new.len() + 1;
    let mut longest = vec![0u32; (old.len() + 1) * width];
    if old.len() * new.len() <= MOST_PAIRS {
        for i in (0..old.len()).rev() {
            for j in (0..new.len()).rev() {
                longest[i * width + j] = if old[i] == new[j] {
                    longest[(i + 1) * width + j + 1] + 1
                } else {
                    longest[(i + 1) * width + j].max(longest[i * width + j + 1])
                };
            }
        }
    }
    let (mut i, mut j) = (0, 0);
    while i < old.len() || j < new.len() {
        if i < old.len() && j < new.len() && old[i] == new[j] {
            lines.push((Kind::Same, old[i]));
            (i, j) = (i + 1, j + 1);
        } else if j == new.len()
            || i < old.len() && longest[(i + 1) * width + j] >= longest[i * width + j + 1]
        {
            lines.push((Kind::Gone, old[i]));
            i += 1;
        } else {
            lines.push((Kind::New, new[j]));
            j += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_texts_have_no_diff() {
        assert_eq!(unified("f", "a\nb\n", "a\nb\n"), "");
    }

    #[test]
    fn a_change_is_shown_with_what_is_around_it() {
        let before = "1\n2\n3\n4\n5\n6\n7\n8\n9\n";
        let after = "1\n2\n3\n4\nfive\n6\n7\n8\n9\n10\n";
        let expected =
            "--- f\n+++ f\n@@ -2,8 +2,9 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n 9\n+10\n";
        assert_eq!(unified("f", before, after), expected);
        assert_eq!(
            unified("f", "", "a\n"),
            "--- f\n+++ f\n@@ -0,0 +1,1 @@\n+a\n"
        );
        assert_eq!(
            unified("f", "a\n", ""),
            "--- f\n+++ f\n@@ -1,1 +0,0 @@\n-a\n"
        );
    }

    #[test]
    fn what_would_move_the_cursor_is_shown() {
        assert!(unified("f", "", "a\u{1b}[2Kb\r\u{202e}").contains("a\\u{1b}[2Kb\\u{d}\\u{202e}"));
    }
}
