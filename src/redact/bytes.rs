//! Sets of bytes.

/// A set of bytes, built at compile time from a text like `"a-z0-9_"`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Set([bool; 256]);

impl Set {
    /// Ranges `a-z` and single bytes; a `-` that is meant literally stands last.
    pub(super) const fn of(text: &[u8]) -> Set {
        let mut set = [false; 256];
        let mut at = 0;
        while at < text.len() {
            let first = text[at];
            let is_range = at + 2 < text.len() && text[at + 1] == b'-';
            let last = if is_range { text[at + 2] } else { first };
            let mut byte = first as usize;
            while byte <= last as usize {
                set[byte] = true;
                byte += 1;
            }
            at += if is_range { 3 } else { 1 };
        }
        Set(set)
    }

    pub(super) const fn has(&self, byte: u8) -> bool {
        self.0[byte as usize]
    }

    /// How many bytes at the start of `text` are of the set.
    pub(super) fn run(&self, text: &[u8]) -> usize {
        text.iter()
            .position(|byte| !self.has(*byte))
            .unwrap_or(text.len())
    }
}

/// What delimits a value in JSON, shells and most languages. Redaction never removes one of these.
pub(super) const STRUCTURE: Set = {
    let mut set = Set::of(b"\"'`(){}[]<>\\\x7f");
    let mut byte = 0;
    while byte < 0x20 {
        set.0[byte] = byte != b'\t' as usize;
        byte += 1;
    }
    set
};

/// What joins values and belongs to none of them.
pub(super) const JOINT: Set = Set::of(b",: \t");

/// What is always ASCII in a name or a value.
pub(super) const ALNUM: Set = Set::of(b"A-Za-z0-9");
