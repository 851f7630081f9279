//! A user's machine with a tool on it: `~/bin/claude` tells how it was started.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use crate::support::World;
use crate::support::process::{self, Outcome};

pub(crate) type Picture = BTreeMap<PathBuf, (u32, Vec<u8>)>;

/// A tool that tells whether it is in a sandbox: HOME is read-only in there.
pub(crate) const TELLS: &str = "#!/bin/sh
if touch ~/probe 2>/dev/null; then rm ~/probe; echo plain; else echo sandboxed; fi
";

/// A world with `~/bin` on PATH.
pub(crate) struct Machine {
    pub(crate) world: World,
}

impl Machine {
    /// With a `claude` that prints its arguments.
    pub(crate) fn with_claude() -> Self {
        let machine = Self::bare();
        machine.tool("claude", "#!/bin/sh\nprintf 'real %s\\n' \"$*\"\n");
        machine
    }

    /// Without any tool.
    pub(crate) fn bare() -> Self {
        let world = World::new();
        let path = format!("{}:/usr/bin:/bin", world.home().join("bin").display());
        fs::create_dir(world.home().join("bin")).unwrap();
        Self {
            world: world.env("PATH", path),
        }
    }

    /// Puts an executable into `~/bin`.
    pub(crate) fn tool(&self, name: &str, text: &str) -> PathBuf {
        let path = self.home("bin").join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    pub(crate) fn home(&self, below: &str) -> PathBuf {
        self.world.home().join(below)
    }

    /// PATH with the shims in front.
    pub(crate) fn guarded_path(&self) -> String {
        let shims = self.home(".aigate/shims");
        format!(
            "{}:{}:/usr/bin:/bin",
            shims.display(),
            self.home("bin").display()
        )
    }

    /// With this `claude` and its shim.
    pub(crate) fn guarded(claude: &str) -> Self {
        let machine = Self::bare();
        machine.tool("claude", claude);
        let done = machine.shim(&["install", "--no-shell", "claude"]);
        assert!(done.ok(), "{done}");
        machine
    }

    /// The shim as a shell would start it.
    pub(crate) fn claude(&self) -> Command {
        let mut command = self.world.command(self.home(".aigate/shims/claude"));
        command.env("PATH", self.guarded_path()).arg0("claude");
        command
    }

    /// The shim, with no signal ignored: whoever runs the tests may ignore some, and that is passed
    /// on.
    pub(crate) fn claude_unignoring(&self) -> Command {
        let mut command = self.world.command("env");
        command.env("PATH", self.guarded_path());
        command
            .arg("--default-signal=HUP,INT,QUIT,TERM")
            .arg(self.home(".aigate/shims/claude"));
        command
    }

    /// Runs the shim with these arguments.
    pub(crate) fn claude_with(&self, args: &[&str]) -> Outcome {
        let mut command = self.claude();
        command.args(args);
        process::run(command)
    }

    /// `aigate shim ARGS`.
    pub(crate) fn shim(&self, args: &[&str]) -> Outcome {
        process::run(self.shim_command(args))
    }

    pub(crate) fn shim_command(&self, args: &[&str]) -> Command {
        let mut command = self.world.aigate();
        command.arg("shim").args(args);
        command
    }
}

/// Two pictures of a directory; says where they differ, without the content of big files.
#[track_caller]
pub(crate) fn assert_same(before: &Picture, after: &Picture) {
    let differing: Vec<_> = before
        .keys()
        .chain(after.keys())
        .filter(|path| before.get(*path) != after.get(*path))
        .collect();
    assert!(differing.is_empty(), "changed: {differing:?}");
}
