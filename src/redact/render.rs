//! Replaces the values in a match and leaves what delimits them, so that JSON stays JSON.

use super::MASK;
use super::bytes::{JOINT, STRUCTURE};

/// More joints than this are a value of their own.
const MOST_JOINTS: usize = 16;

/// Writes a match with its values replaced, as it arrives.
#[derive(Debug, Clone, Default)]
pub(super) struct Renderer {
    /// The value under way has been replaced already.
    in_value: bool,
    /// Joints that are shown if a delimiter follows and dropped if the value goes on.
    joints: Vec<u8>,
    /// The last delimiter was a quote.
    after_quote: bool,
    /// Bytes that belong to a `\` escape and stay.
    escaped: Escaped,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Escaped {
    #[default]
    No,
    Letter,
    Hex(u8),
}

impl Renderer {
    pub(super) fn feed(&mut self, text: &[u8], out: &mut Vec<u8>) {
        for byte in text {
            self.byte(*byte, out);
        }
    }

    fn byte(&mut self, byte: u8, out: &mut Vec<u8>) {
        match self.escaped {
            Escaped::Letter => {
                out.push(byte);
                // Behind an escaped quote a quote of ours would end the string around it.
                self.after_quote = false;
                self.escaped = if byte == b'u' {
                    Escaped::Hex(4)
                } else {
                    Escaped::No
                };
            }
            Escaped::Hex(left) if left > 0 && byte.is_ascii_hexdigit() => {
                out.push(byte);
                self.escaped = Escaped::Hex(left - 1);
            }
            _ if STRUCTURE.has(byte) => self.delimiter(byte, out),
            _ if JOINT.has(byte) && self.joints.len() < MOST_JOINTS => self.joints.push(byte),
            _ => self.value(out),
        }
    }

    fn delimiter(&mut self, byte: u8, out: &mut Vec<u8>) {
        self.finish(out);
        out.push(byte);
        self.in_value = false;
        self.after_quote = matches!(byte, b'"' | b'\'');
        self.escaped = if byte == b'\\' {
            Escaped::Letter
        } else {
            Escaped::No
        };
    }

    fn value(&mut self, out: &mut Vec<u8>) {
        self.escaped = Escaped::No;
        let bare_after_key = self.after_quote && self.joints.contains(&b':');
        if self.in_value {
            self.joints.clear();
            return;
        }
        out.append(&mut self.joints);
        // A number behind a quoted key becomes a string: `"pin": 1234` must not become `"pin": ***`.
        if bare_after_key {
            out.push(b'"');
        }
        out.extend_from_slice(MASK);
        if bare_after_key {
            out.push(b'"');
        }
        self.in_value = true;
        self.after_quote = false;
    }

    /// The match is over.
    pub(super) fn finish(&mut self, out: &mut Vec<u8>) {
        out.append(&mut self.joints);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(text: &str) -> String {
        let mut out = Vec::new();
        let mut renderer = Renderer::default();
        renderer.feed(text.as_bytes(), &mut out);
        renderer.finish(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn values_are_replaced_and_delimiters_stay() {
        for (text, expected) in [
            ("password = hunter2", "***"),
            ("password = \"hunter2", "*** \"***"),
            (
                r#""token": "abc", "pin": 1234}"#,
                r#""***": "***", "***": "***"}"#,
            ),
            (r#"{"a":{"b":"c d"}}"#, r#"{"***":{"***":"***"}}"#),
            (r#"password=\"hunter2\" "#, r#"***\"***\" "#),
            (r#"\"pin\": 1234"#, r#"\"***\": ***"#),
            (r"a\nb\u00e9c", r"***\n***\u00e9***"),
            ("a, b", "***"),
            ("a\nb", "***\n***"),
        ] {
            assert_eq!(rendered(text), expected, "{text}");
        }
    }
}
