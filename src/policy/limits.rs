//! Ceilings on resources, and what is replaced in the output.

use super::origin::Origin;

/// A value and the line that set it.
pub type Set<T> = Option<(T, Origin)>;

/// Ceilings of one run; the minimum of all layers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of memory.
    pub max_memory: Set<u64>,
    /// Per cent of one processor.
    pub max_cpu_percent: Set<u32>,
    /// Processes and threads.
    pub max_pids: Set<u32>,
    /// The line that refuses to run where a ceiling cannot be enforced.
    pub required: Option<Origin>,
}

impl Limits {
    /// Lowers a ceiling; a higher value than the present one changes nothing.
    pub fn lower<T: Ord>(ceiling: &mut Set<T>, value: T, origin: Origin) {
        if ceiling.as_ref().is_none_or(|(present, _)| value < *present) {
            *ceiling = Some((value, origin));
        }
    }
}

/// Reads `512M`, `4G`, `4GiB` or plain bytes.
#[must_use]
pub fn parse_memory(text: &str) -> Option<u64> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let shift = match text[digits.len()..].to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 10,
        "m" | "mb" | "mib" => 20,
        "g" | "gb" | "gib" => 30,
        "t" | "tb" | "tib" => 40,
        _ => return None,
    };
    let number: u64 = digits.trim_end().parse().ok()?;
    number.checked_mul(1 << shift).filter(|bytes| *bytes > 0)
}

/// What is replaced in the output.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Redact {
    /// Names of built-in patterns.
    pub presets: Vec<(String, Origin)>,
    /// The user's own patterns.
    pub patterns: Vec<RedactPattern>,
}

impl Redact {
    /// Whether the output passes untouched.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.presets.is_empty() && self.patterns.is_empty()
    }
}

/// The built-in patterns, by name.
pub const REDACT_PRESETS: [&str; 14] = [
    "openai",
    "anthropic",
    "aws_key",
    "aws_secret",
    "github",
    "bearer",
    "slack",
    "google",
    "npm",
    "gitlab",
    "stripe",
    "jwt",
    "pem",
    "values",
];

/// A pattern of the user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedactPattern {
    /// The regular expression.
    pub regex: String,
    /// How many characters of a match stay.
    pub show_prefix: u32,
    /// Whether case matters not.
    pub case_insensitive: bool,
    /// Where it was written.
    pub origin: Origin,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_with_its_unit() {
        for (text, bytes) in [
            ("4G", Some(4 << 30)),
            ("512M", Some(512 << 20)),
            ("1 GiB", Some(1 << 30)),
            ("1024", Some(1024)),
            ("0", None),
            ("-1", None),
            ("4X", None),
            ("99999999999G", None),
        ] {
            assert_eq!(parse_memory(text), bytes, "{text}");
        }
    }
}
