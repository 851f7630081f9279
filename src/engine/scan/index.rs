//! What a walk found, kept for the next one.
//!
//! For every directory the index has its identity and times, the subdirectories to go into and the
//! entries that a rule named. A directory whose identity and times are the same has the same entries,
//! so the next walk asks each directory one question instead of listing it. As in git's index, a
//! directory that changed so short before the walk that a later change could have the same time is
//! written down without its times, and is listed again.
//!
//! The file is ours alone, but it may be old, cut off or of another version: whatever does not read
//! to its end is no index.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// A directory and when it last changed; all zero if that cannot be relied on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Identity {
    pub(super) inode: u64,
    /// Nanoseconds since 1970.
    pub(super) modified: i64,
    pub(super) changed: i64,
}

/// An entry that a rule named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Named<'i> {
    pub(super) name: &'i [u8],
    pub(super) what: What,
}

/// What the rules say about an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    Hidden,
    Protected,
}

/// The directory at some place of the tree, as it was.
#[derive(Debug, Clone, Copy)]
struct Node<'i> {
    name: &'i [u8],
    identity: Identity,
    /// Where its entries begin among all entries; they end where the next node's begin.
    named: u32,
    /// How many nodes it makes together with everything below.
    size: u32,
    /// The node it is directly below; the root is below itself.
    parent: u32,
}

/// The index of the last walk.
#[derive(Debug, Default)]
pub(super) struct Index<'i> {
    nodes: Vec<Node<'i>>,
    named: Vec<Named<'i>>,
}

/// A directory of an [`Index`].
#[derive(Debug, Clone, Copy)]
pub(super) struct Known<'i> {
    index: &'i Index<'i>,
    at: usize,
}

impl<'i> Index<'i> {
    /// Reads what [`Writer`] wrote for the same root and rules; none if it is not that.
    pub(super) fn read(bytes: &'i [u8], header: &[u8]) -> Option<Index<'i>> {
        let mut reader = Reader(bytes.strip_prefix(header)?);
        let count = reader.number()?;
        let mut index = Index::default();
        index
            .nodes
            .reserve(usize::try_from(count).ok()?.min(bytes.len() / 16));
        while index.nodes.len() < usize::try_from(count).ok()? {
            let size = u32::try_from(reader.number()?).ok()?;
            let identity = Identity {
                inode: reader.number()?,
                modified: reader.number()?.cast_signed(),
                changed: reader.number()?.cast_signed(),
            };
            let name = reader.text()?;
            let named = u32::try_from(index.named.len()).ok()?;
            index.nodes.push(Node {
                name,
                identity,
                named,
                size,
                parent: 0,
            });
            for _ in 0..reader.number()? {
                let name = reader.text()?;
                let what = match reader.byte()? {
                    0 => What::Hidden,
                    1 => What::Protected,
                    _ => return None,
                };
                index.named.push(Named { name, what });
            }
        }
        (reader.0.is_empty() && index.connect()).then_some(index)
    }

    /// Gives every node its parent; false if the sizes make no tree, so that following them would
    /// not end.
    fn connect(&mut self) -> bool {
        let count = self.nodes.len();
        let mut open: Vec<(usize, usize)> = Vec::new();
        for at in 0..count {
            while open.last().is_some_and(|(_, end)| *end <= at) {
                open.pop();
            }
            let end = at + self.nodes[at].size as usize;
            let (parent, limit) = open.last().copied().unwrap_or((0, count));
            // The first node is the root of all others.
            if end <= at || end > limit || (at == 0) != open.is_empty() || at == 0 && end != count {
                return false;
            }
            // Numbers of nodes fit: sizes are read as u32.
            self.nodes[at].parent = parent as u32;
            open.push((at, end));
        }
        true
    }

    /// The path of a node below the root.
    pub(super) fn path(&self, at: usize) -> Vec<u8> {
        let mut names = Vec::new();
        let mut at = at;
        while at != 0 {
            names.push(self.nodes[at].name);
            at = self.nodes[at].parent as usize;
        }
        names.reverse();
        names.join(&b'/')
    }

    /// The node that a node is directly below.
    pub(super) fn parent(&self, at: usize) -> usize {
        self.nodes[at].parent as usize
    }

    /// The name of a node.
    pub(super) fn name(&self, at: usize) -> &'i [u8] {
        self.nodes[at].name
    }

    /// Every directory, in the order of their numbers.
    pub(super) fn all(&'i self) -> impl Iterator<Item = Known<'i>> {
        (0..self.nodes.len()).map(|at| Known { index: self, at })
    }

    pub(super) fn root(&'i self) -> Option<Known<'i>> {
        (!self.nodes.is_empty()).then_some(Known { index: self, at: 0 })
    }

    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }
}

impl<'i> Known<'i> {
    /// Its number in the index.
    pub(super) fn number(&self) -> usize {
        self.at
    }

    pub(super) fn name(&self) -> &'i [u8] {
        self.index.nodes[self.at].name
    }

    pub(super) fn identity(&self) -> Identity {
        self.index.nodes[self.at].identity
    }

    pub(super) fn named(&self) -> &'i [Named<'i>] {
        let from = self.index.nodes[self.at].named as usize;
        let next = self.index.nodes.get(self.at + 1);
        let to = next.map_or(self.index.named.len(), |node| node.named as usize);
        &self.index.named[from..to]
    }

    /// The subdirectories that were walked.
    pub(super) fn children(self) -> impl Iterator<Item = Known<'i>> {
        let nodes = &self.index.nodes;
        let end = self.at + nodes[self.at].size as usize;
        let mut at = self.at + 1;
        std::iter::from_fn(move || {
            let child = (at < end).then_some(Known {
                index: self.index,
                at,
            })?;
            at += nodes[at].size as usize;
            Some(child)
        })
    }
}

/// Collects a walk.
#[derive(Debug, Default)]
pub(super) struct Writer {
    bytes: Vec<u8>,
    count: u64,
}

/// A directory that is being written.
#[derive(Debug)]
pub(super) struct Open {
    at: usize,
    count: u64,
}

impl Writer {
    /// Starts a directory: what is written until [`Writer::close`] is below it.
    pub(super) fn open(
        &mut self,
        name: &[u8],
        identity: Identity,
        named: &[(impl AsRef<[u8]>, What)],
    ) -> Open {
        let open = Open {
            at: self.bytes.len(),
            count: self.count,
        };
        self.count += 1;
        self.number(0);
        self.number(identity.inode);
        self.number(identity.modified.cast_unsigned());
        self.number(identity.changed.cast_unsigned());
        self.text(name);
        self.number(named.len() as u64);
        for (name, what) in named {
            self.text(name.as_ref());
            self.bytes.push(match what {
                What::Hidden => 0,
                What::Protected => 1,
            });
        }
        open
    }

    pub(super) fn close(&mut self, open: &Open) {
        let size = (self.count - open.count).to_ne_bytes();
        self.bytes[open.at..open.at + size.len()].copy_from_slice(&size);
    }

    pub(super) fn finish(self, header: &[u8]) -> Vec<u8> {
        [header, &self.count.to_ne_bytes(), &self.bytes].concat()
    }

    fn number(&mut self, number: u64) {
        self.bytes.extend(number.to_ne_bytes());
    }

    fn text(&mut self, text: &[u8]) {
        // A name has at most 255 bytes; a longer one would be read as broken, never wrongly.
        self.bytes.extend((text.len() as u16).to_ne_bytes());
        self.bytes.extend(text);
    }
}

/// What an index must begin with to be of use for this root and these rules.
pub(super) fn header(root: &Path, rules: u64) -> Vec<u8> {
    let version = concat!("aigate index 1 ", env!("CARGO_PKG_VERSION"), "\n").as_bytes();
    let root = root.as_os_str().as_bytes();
    let length = root.len() as u64;
    [version, &rules.to_ne_bytes(), &length.to_ne_bytes(), root].concat()
}

struct Reader<'b>(&'b [u8]);

impl<'b> Reader<'b> {
    fn take(&mut self, length: usize) -> Option<&'b [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1).map(|byte| byte[0])
    }

    fn number(&mut self) -> Option<u64> {
        Some(u64::from_ne_bytes(self.take(8)?.try_into().ok()?))
    }

    fn text(&mut self) -> Option<&'b [u8]> {
        let length = u16::from_ne_bytes(self.take(2)?.try_into().ok()?);
        self.take(length.into())
    }
}

/// A name as part of a path.
pub(super) fn part(name: &[u8]) -> &OsStr {
    OsStr::from_bytes(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: &[(&[u8], What)] = &[];

    fn identity(inode: u64) -> Identity {
        Identity {
            inode,
            modified: -1,
            changed: 7,
        }
    }

    fn sample() -> Vec<u8> {
        let mut writer = Writer::default();
        let root = writer.open(b"", identity(1), &[(b".env", What::Hidden)]);
        let a = writer.open(b"a", identity(2), NONE);
        let b = writer.open(b"b", identity(3), &[(b".vscode", What::Protected)]);
        writer.close(&b);
        writer.close(&a);
        let c = writer.open(b"c", identity(4), NONE);
        writer.close(&c);
        writer.close(&root);
        writer.finish(b"header")
    }

    #[test]
    fn what_was_written_is_read() {
        let bytes = sample();
        let index = Index::read(&bytes, b"header").expect("index");
        let root = index.root().expect("root");
        assert_eq!((root.identity(), root.named().len()), (identity(1), 1));
        let children: Vec<_> = root.children().collect();
        let names: Vec<_> = children.iter().map(Known::name).collect();
        assert_eq!(names, [b"a", b"c"]);
        let b = children[0].children().next().expect("child");
        assert_eq!(
            b.named(),
            [Named {
                name: b".vscode",
                what: What::Protected
            }]
        );
        assert_eq!(children[1].children().count(), 0);
    }

    #[test]
    fn what_is_cut_off_or_changed_is_no_index_or_a_whole_one() {
        let bytes = sample();
        assert!(Index::read(&bytes, b"another").is_none());
        for length in 0..bytes.len() {
            assert!(
                Index::read(&bytes[..length], b"header").is_none(),
                "{length}"
            );
        }
        for at in b"header".len()..bytes.len() {
            for bit in 0..8 {
                let mut bytes = bytes.clone();
                bytes[at] ^= 1 << bit;
                if let Some(index) = Index::read(&bytes, b"header") {
                    count(index.root().expect("root"));
                }
            }
        }
    }

    fn count(known: Known<'_>) -> usize {
        known.named().len() + known.children().map(count).sum::<usize>()
    }
}
