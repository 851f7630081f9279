//! Any pattern judges any path, and a path below a denied directory is denied.
#![no_main]

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use aigate::policy::paths::{PathRules, Rule};
use aigate::policy::pattern::{Anchor, Pattern};
use aigate::policy::{Layer, Origin};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&str, &[u8])| {
    let (text, path) = input;
    let anchor = Anchor { base: Path::new("/home/u/p"), home: Path::new("/home/u") };
    let Ok(pattern) = Pattern::parse(text, anchor) else { return };
    let allows = pattern.negated;
    let origin = Origin::without_file(Layer::User, text);
    let rules = PathRules::new(vec![Rule { pattern, allows, group: 0, overrules: true, origin }]);
    let path = Path::new("/home/u/p").join(Path::new(OsStr::from_bytes(path)));
    let denied = rules.judge(&path, true).is_some();
    assert!(!denied || rules.judge(&path.join("below"), false).is_some());
    assert!(!allows || !denied);
});
