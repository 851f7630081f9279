//! Any settings file of any agent: what an edit puts in is there, and goes again; or nothing is touched.
#![no_main]

use aigate::integration::edit::{Edit, Format};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u8, bool, &str)| {
    let (format, append, text) = input;
    let format = [Format::Json, Format::Jsonc, Format::Toml][usize::from(format % 3)];
    let keys = vec!["hooks".to_owned(), "a b".to_owned()];
    let edit = if append {
        Edit::Append { to: keys, item: "ours".into() }
    } else {
        Edit::Set { key: keys, value: "ours".into() }
    };
    let before = edit.is_in(format, text);
    let Ok(applied) = edit.apply(format, text) else { return };
    if before || applied.left.is_some() {
        assert_eq!(applied.text, text);
        return;
    }
    assert!(edit.is_in(format, &applied.text));
    let back = edit.take_back(format, &applied.text, applied.made).expect("what was added can go");
    assert!(!edit.is_in(format, &back));
});
