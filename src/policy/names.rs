//! Finds the rules whose last component can match a name.
//!
//! A walk asks this for every file of a project and the answer is almost always "none", so that
//! answer must be cheap: a table of first bytes and lengths settles it before anything is compared.

use super::glob::{Glob, Token};
use super::pattern::{Last, Pattern};

/// Patterns by what the last component of a matching path must look like.
#[derive(Debug, Clone, Default)]
pub(super) struct Names {
    /// By the whole name.
    exact: Sorted,
    /// By the extension with its dot.
    extension: Sorted,
    other: Vec<Other>,
}

#[derive(Debug, Clone)]
struct Other {
    /// The byte that every matching name starts with, if there is one.
    first: Option<u8>,
    glob: Glob,
    index: u32,
}

impl Names {
    pub(super) fn of<'p>(patterns: impl Iterator<Item = &'p Pattern>) -> Names {
        let mut names = Names::default();
        for (index, pattern) in (0..).zip(patterns) {
            match pattern.last() {
                Last::Exact(name) => names.exact.add(name, index),
                Last::Like(Glob::Suffix(text)) if is_extension(text) => {
                    names.extension.add(text, index);
                }
                Last::Like(glob) => names.other.push(Other {
                    first: first_byte(glob),
                    glob: glob.clone(),
                    index,
                }),
            }
        }
        names.exact.keys.sort_unstable();
        names.extension.keys.sort_unstable();
        names
    }

    /// Calls `found` with the index of each pattern whose last component can match `name`.
    pub(super) fn candidates(&self, name: &[u8], mut found: impl FnMut(u32)) {
        self.exact.equal(name, &mut found);
        if let Some(dot) = name.iter().rposition(|byte| *byte == b'.') {
            self.extension.equal(&name[dot..], &mut found);
        }
        for other in &self.other {
            let possible = other.first.is_none_or(|first| name.first() == Some(&first));
            if possible && other.glob.matches(name) {
                found(other.index);
            }
        }
    }
}

/// Texts in order, with a table of which lengths begin with which byte. The byte is the last one
/// for extensions and names alike: they share their first too often.
#[derive(Debug, Clone, Default)]
struct Sorted {
    keys: Vec<(Box<[u8]>, u32)>,
    /// For each last byte the lengths, as bits; lengths from 63 share one.
    lengths: Vec<u64>,
}

impl Sorted {
    fn add(&mut self, text: &[u8], index: u32) {
        self.keys.push((text.into(), index));
        self.lengths.resize(256, 0);
        self.lengths[slot(text)] |= bit(text);
    }

    fn equal(&self, text: &[u8], found: &mut impl FnMut(u32)) {
        if self
            .lengths
            .get(slot(text))
            .is_none_or(|lengths| lengths & bit(text) == 0)
        {
            return;
        }
        let from = self.keys.partition_point(|(key, _)| **key < *text);
        let equal = self.keys[from..]
            .iter()
            .take_while(|(key, _)| **key == *text);
        equal.for_each(|(_, index)| found(*index));
    }
}

fn slot(text: &[u8]) -> usize {
    text.last().copied().unwrap_or_default().into()
}

fn bit(text: &[u8]) -> u64 {
    1 << text.len().min(63)
}

/// `.pem`, so that a look-up by the text after the last dot finds it.
fn is_extension(text: &[u8]) -> bool {
    text.len() > 1 && text[0] == b'.' && !text[1..].contains(&b'.')
}

fn first_byte(glob: &Glob) -> Option<u8> {
    match glob {
        Glob::Literal(text) | Glob::Prefix(text) => text.first().copied(),
        Glob::General(tokens) => match tokens.first() {
            Some(Token::Byte(byte)) => Some(*byte),
            _ => None,
        },
        Glob::Suffix(_) | Glob::Any => None,
    }
}
