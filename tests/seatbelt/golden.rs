//! Whole profiles, for a person to read: `UPDATE=1 cargo test --test seatbelt` writes them anew.

use std::path::Path;

use aigate::engine::seatbelt::profile::{Reach, Sandbox, profile};
use aigate::engine::view::{Access, Content, Kind};

use super::{layer, only, reader, rules, sandbox};

/// What lies on a host that has something of everything.
fn everything<'a>(mut sandbox: Sandbox<'a>) -> Sandbox<'a> {
    let writable = Content::Host(Kind::Directory, Access::Writable);
    let readable = Content::Host(Kind::File, Access::ReadOnly);
    sandbox.layers.extend([
        layer("/Users/u/.claude", writable),
        layer("/private/var/folders/ab/cd/T/aigate-1", writable),
        layer("/Users/u/.cache", Content::Copy),
        layer("/Users/u/.ssh", Content::Empty(0o755)),
        layer("/Users/u/.ssh/known_hosts", readable),
    ]);
    sandbox.hidden = vec![
        ("/Users/u/p/deep/down/.env".into(), Kind::File),
        ("/Users/u/.aws".into(), Kind::Directory),
        ("/Users/u/odd \"name\\".into(), Kind::File),
        ("/Users/u/p/line\nbreak.pem".into(), Kind::File),
    ];
    sandbox.protected = vec!["/Users/u/p/.git/hooks".into()];
    sandbox.pinned = vec!["/Users/u/p/.git".into()];
    sandbox.sockets = vec!["/Users/u/.docker/run/docker.sock".into()];
    sandbox.terminal = Some("/dev/ttys003".into());
    sandbox
}

#[track_caller]
fn compare(name: &str, sandbox: &Sandbox<'_>) {
    let seen = profile(sandbox).expect("a profile");
    assert!(reader::is_ours(&seen), "{seen}");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let file = root.join(format!("tests/seatbelt/golden/{name}.sb"));
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&file, &seen).expect("the golden file");
    }
    let expected = std::fs::read_to_string(&file).unwrap_or_default();
    assert_eq!(seen, expected, "{name}: UPDATE=1 writes what was seen");
}

#[test]
fn the_built_in_rules() {
    let rules = rules("deny_exec: [curl, git push, /usr/bin/osascript]\n");
    compare("default", &everything(sandbox(&rules)));
}

#[test]
fn a_network_that_is_open() {
    let rules = only("deny_read: [.env]\n");
    let sandbox = sandbox(&rules);
    let reach = Reach::Everything;
    compare("open", &Sandbox { reach, ..sandbox });
}

#[test]
fn a_network_through_the_broker() {
    let rules = only("deny_read: [.env]\n");
    let sandbox = sandbox(&rules);
    let reach = Reach::Broker(4321);
    compare("broker", &Sandbox { reach, ..sandbox });
}
