//! Any output in any pieces: what is shown does not depend on where the pieces end.
#![no_main]

use aigate::redact::{Rules, Stream};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|parts: Vec<&[u8]>| {
    let rules = Rules::of_presets();
    let shown = |parts: &[&[u8]]| {
        let (mut stream, mut out) = (Stream::new(&rules), Vec::new());
        for part in parts {
            stream.push(part, &mut out);
        }
        stream.finish(&mut out);
        out
    };
    assert_eq!(shown(&[&parts.concat()]), shown(&parts));
});
