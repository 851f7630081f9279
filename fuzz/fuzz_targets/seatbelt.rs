//! No name, pattern or program writes a rule of a profile: what is read back is in our words alone.
#![no_main]

#[path = "../../tests/seatbelt/reader.rs"]
#[allow(dead_code)]
mod reader;

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use aigate::engine::seatbelt::profile::{Sandbox, profile};
use aigate::engine::view::{Access, Content, Kind, Layer};
use aigate::policy::exec::{ExecRule, ExecRules, Program};
use aigate::policy::paths::{PathRules, Rule};
use aigate::policy::pattern::{Anchor, Pattern};
use aigate::policy::{self, Origin};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (Vec<(&str, bool)>, &[u8], &[u8], &[u8])| {
    let (texts, project, found, program) = input;
    let home = Path::new("/Users/u");
    let named = |name| home.join(Path::new(OsStr::from_bytes(name)).file_name().unwrap_or_default());
    let project = named(project);
    let origin = Origin::without_file(policy::Layer::User, "x");
    let rule = |(text, allows): (&str, bool)| {
        let pattern = Pattern::parse(text, Anchor { base: &project, home }).ok()?;
        Some(Rule { pattern, allows, group: 0, overrules: true, origin: origin.clone() })
    };
    let rules = PathRules::new(texts.into_iter().take(8).filter_map(rule).collect());
    let exec = ExecRules::new(vec![ExecRule {
        program: Program::Name(OsStr::from_bytes(program).into()),
        args: Vec::new(),
        allows: false,
        group: 0,
        overrules: true,
        origin: origin.clone(),
    }]);
    let mut sandbox = Sandbox::new(&rules, &rules, &exec, home);
    let content = Content::Host(Kind::Directory, Access::Writable);
    sandbox.layers = vec![Layer { path: project.clone(), content }];
    sandbox.hidden = vec![(named(found), Kind::File)];
    sandbox.protected = vec![named(found)];
    sandbox.pinned = vec![named(found)];
    if let Ok(text) = profile(&sandbox) {
        assert!(reader::is_ours(&text), "{text}");
    }
});
