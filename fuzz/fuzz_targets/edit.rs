//! An edit of any file says exactly what was meant, or is refused.
#![no_main]

use aigate::config::edit;
use aigate::config::key::Key;
use aigate::config::raw;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&str, &str)| {
    let (text, item) = input;
    let Ok(after) = edit::add(text, Key::DenyRead, item, None) else { return };
    let layer = raw::parse(&after).expect("what an edit writes is valid");
    assert!(layer.deny_read.iter().flatten().any(|known| known.value == item));
    let back = edit::remove(&after, Key::DenyRead, item).expect("what was added can go");
    let layer = raw::parse(&back).expect("what an edit writes is valid");
    assert!(!layer.deny_read.iter().flatten().any(|known| known.value == item));
});
