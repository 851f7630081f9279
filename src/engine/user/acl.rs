//! A POSIX access control list as the kernel stores it (acl(5), linux/posix_acl_xattr.h).

use std::fmt;

/// Read, write and execute, as in a mode.
pub const READ: u16 = 4;
/// As above.
pub const WRITE: u16 = 2;
/// As above.
pub const EXECUTE: u16 = 1;

/// The only version there is.
const VERSION: u32 = 2;

/// The ID of entries that are about nobody in particular.
const NOBODY: u32 = u32::MAX;

/// Whom an entry is about, in the kernel's order and numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Tag {
    Owner = 0x01,
    User = 0x02,
    OwningGroup = 0x04,
    Group = 0x08,
    Mask = 0x10,
    Other = 0x20,
}

impl Tag {
    fn of(number: u16) -> Option<Self> {
        let all = [
            Self::Owner,
            Self::User,
            Self::OwningGroup,
            Self::Group,
            Self::Mask,
            Self::Other,
        ];
        all.into_iter().find(|tag| *tag as u16 == number)
    }

    /// Whether the mask bounds such an entry.
    fn is_bounded(self) -> bool {
        matches!(self, Self::User | Self::OwningGroup | Self::Group)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    tag: Tag,
    id: u32,
    rights: u16,
}

/// A list of who may do what with a file, or, of a directory, with what is made in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acl(Vec<Entry>);

impl Acl {
    /// What the nine bits of a mode say.
    #[must_use]
    pub fn of_mode(mode: u32) -> Self {
        let entry = |tag, shift: u32| Entry {
            tag,
            id: NOBODY,
            rights: (mode >> shift) as u16 & 7,
        };
        Self(vec![
            entry(Tag::Owner, 6),
            entry(Tag::OwningGroup, 3),
            entry(Tag::Other, 0),
        ])
    }

    /// Reads the kernel's form; `None` for anything else.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (version, entries) = bytes.split_first_chunk::<4>()?;
        let entries = entries.chunks(8).map(|chunk| {
            let chunk: [u8; 8] = chunk.try_into().ok()?;
            let [a, b, c, d, id @ ..] = chunk;
            Some(Entry {
                tag: Tag::of(u16::from_le_bytes([a, b]))?,
                rights: u16::from_le_bytes([c, d]),
                id: u32::from_le_bytes(id),
            })
        });
        let entries: Vec<Entry> = entries.collect::<Option<_>>()?;
        (u32::from_le_bytes(*version) == VERSION).then_some(Self(entries))
    }

    /// The kernel's form.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = VERSION.to_le_bytes().to_vec();
        for entry in &self.0 {
            bytes.extend((entry.tag as u16).to_le_bytes());
            bytes.extend(entry.rights.to_le_bytes());
            bytes.extend(entry.id.to_le_bytes());
        }
        bytes
    }

    /// Whether a mode says as much.
    #[must_use]
    pub fn is_mode(&self) -> bool {
        let named = |entry: &Entry| matches!(entry.tag, Tag::User | Tag::Group);
        !self.0.iter().any(named)
    }

    /// Whether an entry is about this user or this group.
    #[must_use]
    pub fn names(&self, uid: u32, gid: u32) -> bool {
        self.entry(Tag::User, uid).is_some() || self.entry(Tag::Group, gid).is_some()
    }

    /// What this user's own entry says, whatever the mask leaves of it.
    #[must_use]
    pub fn of_user(&self, uid: u32) -> Option<u16> {
        self.entry(Tag::User, uid)
    }

    fn entry(&self, tag: Tag, id: u32) -> Option<u16> {
        let entry = self
            .0
            .iter()
            .find(|entry| (entry.tag, entry.id) == (tag, id));
        entry.map(|entry| entry.rights)
    }

    /// The same with exactly these rights for a user. Others keep what they have: the mask is opened as
    /// far as this entry needs, and those whom it bounded are bounded by their own entries then.
    #[must_use]
    pub fn with_user(&self, uid: u32, rights: u16) -> Self {
        let mut entries = self.effective();
        entries.retain(|entry| (entry.tag, entry.id) != (Tag::User, uid));
        entries.push(Entry {
            tag: Tag::User,
            id: uid,
            rights,
        });
        Self::with_mask(entries)
    }

    /// The same without entries for this user and this group.
    #[must_use]
    pub fn without(&self, uid: u32, gid: u32) -> Self {
        let mut entries = self.effective();
        entries.retain(|entry| {
            (entry.tag, entry.id) != (Tag::User, uid) && (entry.tag, entry.id) != (Tag::Group, gid)
        });
        Self::with_mask(entries)
    }

    /// The entries without the mask, each as far as the mask lets it.
    fn effective(&self) -> Vec<Entry> {
        let mask = self.entry(Tag::Mask, NOBODY).unwrap_or(7);
        let entries = self.0.iter().filter(|entry| entry.tag != Tag::Mask);
        let bounded = entries.map(|entry| Entry {
            rights: match entry.tag.is_bounded() {
                true => entry.rights & mask,
                false => entry.rights,
            },
            ..*entry
        });
        bounded.collect()
    }

    /// Named entries need a mask; without them there is none, and the list is a mode.
    fn with_mask(mut entries: Vec<Entry>) -> Self {
        if !Self(entries.clone()).is_mode() {
            let bounded = entries.iter().filter(|entry| entry.tag.is_bounded());
            let rights = bounded.fold(0, |all, entry| all | entry.rights);
            entries.push(Entry {
                tag: Tag::Mask,
                id: NOBODY,
                rights,
            });
        }
        entries.sort();
        Self(entries)
    }
}

/// As `getfacl` and `setfacl` write it, in one line and with numbers.
impl fmt::Display for Acl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, entry) in self.0.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            let who = match entry.tag {
                Tag::Owner | Tag::User => "user",
                Tag::OwningGroup | Tag::Group => "group",
                Tag::Mask => "mask",
                Tag::Other => "other",
            };
            let id = match entry.tag {
                Tag::User | Tag::Group => entry.id.to_string(),
                _ => String::new(),
            };
            let has = |right, letter| {
                if entry.rights & right == 0 {
                    '-'
                } else {
                    letter
                }
            };
            let (read, write) = (has(READ, 'r'), has(WRITE, 'w'));
            let execute = has(EXECUTE, 'x');
            write!(f, "{comma}{who}:{id}:{read}{write}{execute}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_entry_for_a_user_leaves_what_the_others_have() {
        let before = Acl::of_mode(0o640);
        let denied = before.with_user(7, 0);
        let text = "user::rw-,user:7:---,group::r--,mask::r--,other::---";
        assert_eq!(denied.to_string(), text);
        let open = denied.with_user(7, READ | WRITE);
        let text = "user::rw-,user:7:rw-,group::r--,mask::rw-,other::---";
        assert_eq!(open.to_string(), text);
        assert_eq!(open.without(7, 7), before);
    }

    #[test]
    fn a_mask_that_hid_something_goes_on_hiding_it() {
        let masked = Acl(vec![
            entry(Tag::Owner, NOBODY, 6),
            entry(Tag::User, 3, 6),
            entry(Tag::OwningGroup, NOBODY, 4),
            entry(Tag::Mask, NOBODY, 0),
            entry(Tag::Other, NOBODY, 0),
        ]);
        let with = masked.with_user(7, 6).to_string();
        let text = "user::rw-,user:3:---,user:7:rw-,group::---,mask::rw-,other::---";
        assert_eq!(with, text);
    }

    #[test]
    fn what_is_no_list_is_refused() {
        for bytes in [
            &b""[..],
            b"\x02\0\0",
            b"\x03\0\0\0",
            b"\x02\0\0\0\x01",
            b"\x02\0\0\0\x03\0\0\0\0\0\0\0",
        ] {
            assert_eq!(Acl::decode(bytes), None, "{bytes:?}");
        }
    }

    fn entry(tag: Tag, id: u32, rights: u16) -> Entry {
        Entry { tag, id, rights }
    }

    proptest! {
        #[test]
        fn giving_and_taking_leaves_every_mode(mode in 0_u32..0o1000, uid: u32, gid: u32, rights in 0_u16..8) {
            let before = Acl::of_mode(mode);
            let with = before.with_user(uid, rights);
            prop_assert_eq!(with.of_user(uid), Some(rights));
            prop_assert_eq!(Acl::decode(&with.encode()), Some(with.clone()));
            prop_assert_eq!(with.without(uid, gid), before);
        }

        #[test]
        fn no_bytes_are_read_as_anything_else(bytes: Vec<u8>) {
            if let Some(list) = Acl::decode(&bytes) {
                prop_assert_eq!(list.encode(), bytes);
            }
        }
    }
}
