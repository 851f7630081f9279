//! The profiles of Seatbelt: their text, what it says, and that no name writes rules of its own.
//!
//! No Mac is asked: what the text means is worked out by [`judge`], which was written from the
//! documents of others and not from the code that writes profiles.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test reports by panicking"
)]

mod golden;
mod judge;
mod names;
mod reader;
mod said;
mod served;
mod started;

use std::path::{Path, PathBuf};

use aigate::config::merge::merge;
use aigate::config::source::Source;
use aigate::config::{builtin, raw};
use aigate::engine::seatbelt::profile::Sandbox;
use aigate::engine::view::{Access, Content, Kind, Layer};
use aigate::policy::{self, Policy};

const PROJECT: &str = "/Users/u/p";
const HOME: &str = "/Users/u";

/// The built-in rules with a user's file on top.
fn rules(text: &str) -> Policy {
    let (project, home) = (Path::new(PROJECT), Path::new(HOME));
    let sources = [
        builtin::source(policy::Layer::Core, builtin::CORE, project),
        builtin::source(policy::Layer::Default, builtin::DEFAULT, project),
        user(text),
    ];
    merge(&sources, project, home).expect("rules")
}

/// The user's file alone.
fn only(text: &str) -> Policy {
    merge(&[user(text)], Path::new(PROJECT), Path::new(HOME)).expect("rules")
}

fn user(text: &str) -> Source {
    Source {
        layer: policy::Layer::User,
        file: None,
        base: PathBuf::from(PROJECT),
        trusted: true,
        text: String::new(),
        raw: raw::parse(text).expect("a file"),
    }
}

fn layer(path: &str, content: Content) -> Layer {
    let path = path.into();
    Layer { path, content }
}

/// A sandbox by these rules in which the project can be written, and nothing was looked for.
fn sandbox(policy: &Policy) -> Sandbox<'_> {
    let mut sandbox = Sandbox::new(&policy.read, &policy.write, &policy.exec, &policy.home);
    let writable = Content::Host(Kind::Directory, Access::Writable);
    sandbox.layers.push(layer(PROJECT, writable));
    sandbox
}
