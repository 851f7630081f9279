//! JSON for programs: one value, readable, with a final newline.

use serde_json::Value;

/// The value as text.
pub(super) fn line(value: &Value) -> String {
    format!("{value:#}\n")
}
