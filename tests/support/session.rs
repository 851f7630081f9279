//! A user who guarded a real agent, and a scripted stand-in for the agent's model.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Host, World, place, process, quoted};

/// The agent by its name, with the shim before it or without.
pub(crate) struct Session {
    pub(crate) world: World,
    /// Ends with the session.
    _model: Host,
}

impl Session {
    /// `command` is the name of the agent and `program` what it starts; the model behind `mock`
    /// plays `steps`. `settled` makes the agent's settings for the model's address. `None` where the
    /// stand-ins are missing.
    pub(crate) fn new(
        world: World,
        (command, program): (&str, PathBuf),
        (mock, steps): (&str, &str),
        settled: impl FnOnce(World, &str) -> World,
    ) -> Option<Self> {
        let mocks = place::mocks()?;
        let bin = world.root().join("bin");
        fs::create_dir_all(&bin).unwrap();
        symlink(program, bin.join(command)).unwrap();
        let script = world.root().join("steps.json");
        fs::write(&script, steps).unwrap();
        let model = world.host(&format!(
            "exec python3 -u {} --script {} --log {} --max-seconds 600",
            quoted(mocks.canonicalize().unwrap().join(mock)),
            quoted(script),
            quoted(requests_of(&world))
        ));
        let address = model.line().rsplit(' ').next().unwrap().to_owned();
        let session = Self {
            world: settled(world, &address),
            _model: model,
        };
        session.aigate(&["shim", "install", "--no-shell", command]);
        // What a user does whose model is on this machine.
        let local = address.replace("http://127.0.0.1", "localhost");
        session.aigate(&["allow", "net", &local]);
        Some(session)
    }

    /// PATH as after the installation, or as it was before.
    pub(crate) fn path(&self, guarded: bool) -> OsString {
        let shims = self.world.home().join(".aigate/shims");
        let own = [shims, self.world.root().join("bin")];
        let own = own.into_iter().skip(usize::from(!guarded));
        let rest = place::environment(&self.world.home());
        let rest = rest.into_iter().find(|(name, _)| name == "PATH");
        let rest = rest.expect("a PATH").1;
        std::env::join_paths(own.chain(std::env::split_paths(&rest))).unwrap()
    }

    /// A program by its name, with this PATH.
    pub(crate) fn program(&self, name: &str, guarded: bool) -> Command {
        let path = self.path(guarded);
        let found = which::which_in(name, Some(&path), "/").unwrap();
        let mut command = self.world.command(found);
        command.env("PATH", path);
        command
    }

    /// `aigate ARGUMENTS` where the agent is not guarded yet.
    #[track_caller]
    pub(crate) fn aigate(&self, arguments: &[&str]) {
        let mut command = self.world.aigate();
        command.env("PATH", self.path(false)).args(arguments);
        let done = process::run(command);
        assert!(done.ok(), "{arguments:?}: {done}");
    }

    /// Everything that the model was told, a line for each request.
    pub(crate) fn requests(&self) -> String {
        fs::read_to_string(requests_of(&self.world)).unwrap_or_default()
    }
}

fn requests_of(world: &World) -> PathBuf {
    let root: &Path = world.root();
    root.join("requests")
}
