//! Settings of agents: what is put in, what stays as it is, and what comes out again.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test reports by panicking"
)]

#[path = "../support/mod.rs"]
mod support;

mod agents;
mod awkward;
mod events;
mod files;
mod managed;
mod status;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use support::{Outcome, World, process};

/// A user's home with files in it, and the program that edits them.
struct User {
    world: World,
}

impl User {
    fn new() -> Self {
        Self {
            world: World::new(),
        }
    }

    /// One who has the program in its place already: copying it takes longer than everything else.
    fn with_program() -> Self {
        let user = Self::new();
        user.link_program();
        // With this one the program stays when the others go.
        user.integrate(&["install", "copilot"]);
        user
    }

    fn link_program(&self) {
        let place = self.path(".aigate/bin/aigate");
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        let binary = support::place::binary();
        if fs::hard_link(&binary, &place).is_err() {
            fs::copy(&binary, &place).unwrap();
        }
    }

    /// The files of the agents and our receipts, without the program.
    fn picture(&self) -> Vec<BTreeMap<PathBuf, (u32, Vec<u8>)>> {
        let mut folders: Vec<_> = fs::read_dir(self.world.home())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| !path.ends_with(".aigate"))
            .collect();
        folders.sort();
        folders.push(self.path(".aigate/integrations"));
        folders
            .iter()
            .map(|folder| support::place::picture(folder))
            .collect()
    }

    fn path(&self, file: &str) -> PathBuf {
        self.world.home().join(file)
    }

    fn put(&self, file: &str, content: &[u8]) {
        let path = self.path(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    fn read(&self, file: &str) -> String {
        fs::read_to_string(self.path(file)).unwrap_or_else(|why| panic!("{file}: {why}"))
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.world.aigate();
        command.arg("integrate").args(arguments);
        command
    }

    fn try_integrate(&self, arguments: &[&str]) -> Outcome {
        process::run(self.command(arguments))
    }

    #[track_caller]
    fn integrate(&self, arguments: &[&str]) -> String {
        let done = self.try_integrate(arguments);
        assert!(done.ok(), "{arguments:?}: {done}");
        done.out
    }
}
