//! A configuration file of any bytes is a policy or an error, never a panic.
#![no_main]

use std::path::Path;

use aigate::config::merge::merge;
use aigate::config::source::Source;
use aigate::policy::Layer;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let base = Path::new("/home/u/p");
    let file = Some("f".into());
    match Source::parse(Layer::Project, file, base, text.to_owned()) {
        Ok(source) => {
            if let Err(error) = merge(&[source], base, Path::new("/home/u")) {
                assert!(!error.to_string().is_empty());
            }
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
