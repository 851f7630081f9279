//! The world of one test: a home, a project, the binary, and assertions that never go without
//! their control arm.
//!
//! An escape test proves nothing when the act would fail anyway. So every assertion here runs the
//! same act twice: inside, where it must fail, and outside, where it must succeed. It also insists
//! that the sandboxed command was reached: a run that aigate itself refused is no proof either.
//!
//! ```ignore
//! let world = World::new().file(".env", "KEY=hunter2");
//! world.hides("hunter2", "cat .env");
//! ```
#![allow(
    dead_code,
    unused_macros,
    unused_imports,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    reason = "each test target uses its own part of this file, and a test reports by panicking"
)]

pub(crate) mod only;
pub(crate) mod place;
pub(crate) mod process;
pub(crate) mod session;

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use assert_fs::TempDir;

pub(crate) use only::{only_as_root, only_as_user, skip};
pub(crate) use process::{Host, Outcome, at_last};

/// What secrets of the tests contain.
pub(crate) const SECRET: &str = "hunter2";

/// Printed by every script before its act: what follows did run in there.
const REACHED: &str = "-- reached --";

/// Exit status of a script that found itself outside every sandbox.
const SHARED: i32 = 99;

/// A home with a project in it, and the environment of a user who works there.
///
/// ```text
/// ROOT/home              HOME
/// ROOT/home/work/app     the project and the working directory
/// ROOT/home/work/other   a neighbour
/// ROOT/elsewhere         neither home nor project
/// ```
pub(crate) struct World {
    root: Option<TempDir>,
    env: Vec<(OsString, OsString)>,
    cwd: PathBuf,
    profile: Option<String>,
    binary: PathBuf,
    /// The binary is a stand-in that confines nothing, and its test knows that.
    stand_in: bool,
    /// The engine makes no namespaces: files alone tell that a sandbox is there.
    without_namespaces: bool,
    caller: String,
}

/// The lines of another engine by which every world of this process is to run: how the suite finds out
/// what each engine keeps.
fn engine() -> Option<String> {
    std::env::var("AIGATE_TEST_ENGINE").ok()
}

impl World {
    /// A world without configuration: the built-in defaults apply.
    pub(crate) fn new() -> Self {
        Self::below(&place::base())
    }

    /// The same in this directory.
    pub(crate) fn below(base: &Path) -> Self {
        let root = TempDir::new_in(base).expect("a test directory");
        let world = Self {
            cwd: root.path().join("home/work/app"),
            env: place::environment(&root.path().join("home")),
            root: Some(root),
            profile: None,
            binary: place::binary(),
            stand_in: false,
            without_namespaces: engine().is_some_and(|lines| !lines.contains("bwrap")),
            caller: String::new(),
        };
        for folder in [world.project(), world.neighbour(), world.elsewhere()] {
            fs::create_dir_all(folder).expect("the folders of the world");
        }
        if engine().is_none() {
            return world;
        }
        // Other tests look at what is in the directory of all.
        let temporary = world.root().join("tmp");
        fs::create_dir_all(&temporary).expect("a directory");
        world.config("").env("TMPDIR", temporary)
    }

    /// The project becomes a Git repository with one commit.
    pub(crate) fn repository(self) -> Self {
        self.host_ok(
            "git init -q -b main . && git config user.name Test && git config user.email t@e.example \
             && git commit -q --allow-empty -m start",
        );
        self
    }

    /// The user's own configuration, `~/.aigate/config.yaml`.
    pub(crate) fn config(self, text: &str) -> Self {
        let folder = self.home().join(".aigate");
        fs::create_dir_all(&folder).unwrap();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).unwrap();
        let lines = engine().unwrap_or_default();
        write_with_parents(&folder.join("config.yaml"), &(lines + text));
        self
    }

    /// The project's own file, `.aigate.yaml`.
    pub(crate) fn project_config(self, text: &str) -> Self {
        self.file(".aigate.yaml", text)
    }

    /// A file of the project.
    pub(crate) fn file(self, name: &str, text: &str) -> Self {
        write_with_parents(&self.project().join(name), text);
        self
    }

    /// A file of the home directory.
    pub(crate) fn home_file(self, name: &str, text: &str) -> Self {
        write_with_parents(&self.home().join(name), text);
        self
    }

    /// A file of the project with a secret in it.
    pub(crate) fn secret(self, name: &str) -> Self {
        self.file(name, &format!("KEY={SECRET}\n"))
    }

    /// A file of the home with a secret in it.
    pub(crate) fn home_secret(self, name: &str) -> Self {
        self.home_file(name, &format!("KEY={SECRET}\n"))
    }

    /// An executable script of the project.
    pub(crate) fn script(self, name: &str, text: &str) -> Self {
        let path = self.project().join(name);
        write_with_parents(&path, text);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        self
    }

    /// A directory of the project.
    pub(crate) fn dir(self, name: &str) -> Self {
        fs::create_dir_all(self.project().join(name)).unwrap();
        self
    }

    /// A symbolic link of the project, with the target as written.
    pub(crate) fn link(self, name: &str, target: impl AsRef<Path>) -> Self {
        symlink(target, self.project().join(name)).unwrap();
        self
    }

    /// One more variable of the caller's environment.
    pub(crate) fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        let name = name.into();
        self.env.retain(|(known, _)| *known != name);
        self.env.push((name, value.into()));
        self
    }

    /// The working directory, relative to the root of the world.
    pub(crate) fn at(mut self, folder: impl AsRef<Path>) -> Self {
        self.cwd = self.root().join(folder);
        fs::create_dir_all(&self.cwd).unwrap();
        self
    }

    /// Every sandboxed run takes this profile.
    pub(crate) fn profile(mut self, name: &str) -> Self {
        self.profile = Some(name.to_owned());
        self
    }

    /// What the calling shell does before the run, in both arms: open descriptors, set limits.
    pub(crate) fn caller(mut self, script: &str) -> Self {
        script.clone_into(&mut self.caller);
        self
    }

    /// Another program in aigate's place: the tests of these assertions need bad ones. Acts must
    /// be harmless then.
    pub(crate) fn stand_in(mut self, path: impl Into<PathBuf>) -> Self {
        self.binary = path.into();
        self.stand_in = true;
        self
    }

    /// The engine makes no namespaces. Acts must be harmless: what would be kept in by a namespace
    /// is not.
    pub(crate) fn without_namespaces(mut self) -> Self {
        self.without_namespaces = true;
        self
    }

    pub(crate) fn root(&self) -> &Path {
        self.root.as_ref().expect("present until the end").path()
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.root().join("home")
    }

    pub(crate) fn project(&self) -> PathBuf {
        self.root().join("home/work/app")
    }

    pub(crate) fn neighbour(&self) -> PathBuf {
        self.root().join("home/work/other")
    }

    pub(crate) fn elsewhere(&self) -> PathBuf {
        self.root().join("elsewhere")
    }

    /// A program with this world's environment and working directory.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .envs(self.env.iter().cloned())
            .current_dir(&self.cwd);
        command
    }

    /// The binary under test, without arguments.
    pub(crate) fn aigate(&self) -> Command {
        self.command(&self.binary)
    }

    /// `aigate exec -- PROGRAM`, ready for arguments of the program.
    pub(crate) fn exec(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = self.aigate();
        command.arg("exec");
        if let Some(profile) = &self.profile {
            command.args(["--profile", profile]);
        }
        command.arg("--").arg(program);
        command
    }

    /// Runs a shell script in the sandbox.
    ///
    /// Many acts would harm the machine if they ran outside, as root above all. So the script goes
    /// on only where its mount and process namespaces are not those of the tester, which a sandbox
    /// that is broken in another way still has.
    #[track_caller]
    pub(crate) fn sandboxed(&self, script: &str) -> Outcome {
        let guard = match (self.stand_in, self.without_namespaces) {
            (true, _) => String::new(),
            (false, false) => place::only_away_from_here(SHARED),
            (false, true) => place::only_where_unwritable(&self.elsewhere(), SHARED),
        };
        let guarded = format!("{guard}\n{script}");
        let outcome = self.run(self.exec("/bin/sh"), &guarded);
        assert_ne!(
            outcome.code(),
            Some(SHARED),
            "ESCAPE: a namespace is the tester's\n{outcome}"
        );
        outcome
    }

    /// Runs the same shell script as the user would without aigate.
    pub(crate) fn control(&self, script: &str) -> Outcome {
        self.run(self.command("/bin/sh"), script)
    }

    fn run(&self, mut shell: Command, script: &str) -> Outcome {
        shell
            .arg("-c")
            .arg(format!("echo '{REACHED}' >&2\n{script}"));
        if self.caller.is_empty() {
            return process::run(shell);
        }
        let mut caller = self.command("/bin/sh");
        caller
            .arg("-c")
            .arg(format!("{}\nexec \"$@\"", self.caller))
            .arg("sh");
        caller.arg(shell.get_program()).args(shell.get_args());
        process::run(caller)
    }

    /// Prepares the world: a script outside that has to succeed.
    #[track_caller]
    pub(crate) fn host_ok(&self, script: &str) -> Outcome {
        let outcome = self.control(script);
        assert!(outcome.ok(), "preparation failed: {script}\n{outcome}");
        outcome
    }

    /// Starts a process outside that ends with the returned guard.
    pub(crate) fn host(&self, script: &str) -> Host {
        let mut command = self.command("/bin/sh");
        command.arg("-c").arg(script);
        Host::start(command)
    }

    /// The act fails inside and succeeds outside.
    #[track_caller]
    pub(crate) fn denies(&self, act: &str) -> Outcome {
        self.denies_unlike(act, act)
    }

    /// The act fails inside; a control of its own, which succeeds outside, shows that it could work.
    #[track_caller]
    pub(crate) fn denies_unlike(&self, act: &str, control: &str) -> Outcome {
        let inside = self.sandboxed(act);
        assert!(inside.reached, "the sandbox did not start: {act}\n{inside}");
        assert!(!inside.ok(), "ESCAPE: succeeded inside: {act}\n{inside}");
        let outside = self.control(control);
        assert!(
            outside.ok(),
            "control arm failed, so nothing is proven: {control}\n{outside}"
        );
        inside
    }

    /// The act shows `secret` outside, and nothing of it inside, however it ends.
    #[track_caller]
    pub(crate) fn hides(&self, secret: &str, act: &str) -> Outcome {
        self.hides_unlike(secret, act, act)
    }

    /// The same for the usual secret.
    #[track_caller]
    pub(crate) fn hidden(&self, act: &str) -> Outcome {
        self.hides(SECRET, act)
    }

    /// The act shows nothing of the usual secret inside; a control of its own does outside.
    #[track_caller]
    pub(crate) fn hidden_unlike(&self, act: &str, control: &str) -> Outcome {
        self.hides_unlike(SECRET, act, control)
    }

    #[track_caller]
    fn hides_unlike(&self, secret: &str, act: &str, control: &str) -> Outcome {
        let inside = self.sandboxed(act);
        assert!(inside.reached, "the sandbox did not start: {act}\n{inside}");
        assert!(
            !inside.said(secret),
            "ESCAPE: shown inside: {act}\n{inside}"
        );
        let outside = self.control(control);
        assert!(
            outside.said(secret),
            "control arm shows no secret, so nothing is proven: {control}\n{outside}"
        );
        inside
    }

    /// The act changes `path` outside and leaves it on the host as it was when done inside.
    #[track_caller]
    pub(crate) fn keeps(&self, path: impl AsRef<Path>, act: &str) -> Outcome {
        self.keeps_unlike(path, act, act)
    }

    /// The act changes nothing at `path` when done inside; a control of its own does outside.
    #[track_caller]
    pub(crate) fn keeps_unlike(&self, path: impl AsRef<Path>, act: &str, control: &str) -> Outcome {
        let path = self.root().join(path);
        if engine().is_some() {
            // What an engine changes once is not what the act does.
            self.sandboxed("true");
        }
        let before = place::picture(&path);
        let inside = self.sandboxed(act);
        assert!(inside.reached, "the sandbox did not start: {act}\n{inside}");
        let after = place::picture(&path);
        assert_eq!(
            before,
            after,
            "ESCAPE: {} changed by: {act}\n{inside}",
            path.display()
        );
        let outside = self.control(control);
        assert_ne!(
            after,
            place::picture(&path),
            "control arm changes nothing, so nothing is proven: {control}\n{outside}"
        );
        inside
    }

    /// Each of these files of the home, with a secret in it, stays hidden.
    #[track_caller]
    pub(crate) fn hides_in_home(self, names: &[&str]) {
        let world = names
            .iter()
            .fold(self, |world, name| world.home_secret(name));
        for name in names {
            world.hidden(&format!("cat ~/{}", quoted(name)));
        }
        world.hidden("grep -rs KEY ~");
    }

    /// None of these files of the home can be made, or changed where it exists.
    #[track_caller]
    pub(crate) fn keeps_in_home(self, names: &[&str]) {
        drop(self);
        for name in names {
            keeps_name(&format!("home/{name}"), "~", name, |world| {
                world.home_file(name, "old\n")
            });
        }
    }

    /// None of these files of the project can be made, or changed where it exists.
    #[track_caller]
    pub(crate) fn keeps_in_project(self, names: &[&str]) {
        drop(self);
        for name in names {
            keeps_name(&format!("home/work/app/{name}"), ".", name, |world| {
                world.file(name, "old\n")
            });
        }
    }

    /// An everyday act that has to work inside as it does outside.
    #[track_caller]
    pub(crate) fn permits(&self, act: &str) -> Outcome {
        let inside = self.sandboxed(act);
        assert!(inside.ok(), "everyday act failed inside: {act}\n{inside}");
        inside
    }
}

impl Drop for World {
    /// Removes the world, unless something is mounted in it: what looks like a file of the test
    /// could be the root of the machine then.
    fn drop(&mut self) {
        let mounted = place::is_mounted_below(self.root());
        if let (true, Some(root)) = (mounted, self.root.take()) {
            eprintln!(
                "a mount was left in {}: not removed",
                root.into_persistent().path().display()
            );
        }
    }
}

/// A program text for `python3 -c`, quoted for the shell.
pub(crate) fn python(code: &str) -> String {
    format!("python3 -c {}", shell_words::quote(code))
}

/// A path quoted for the shell.
pub(crate) fn quoted(path: impl AsRef<Path>) -> String {
    shell_words::quote(path.as_ref().to_str().expect("test paths are text")).into_owned()
}

/// Whether a program is installed.
pub(crate) fn tool(name: &str) -> bool {
    which::which(name).is_ok()
}

#[track_caller]
fn keeps_name(path: &str, root: &str, name: &str, with: impl Fn(World) -> World) {
    let file = quoted(name);
    let make = format!("mkdir -p \"$(dirname {root}/{file})\"; echo evil >> {root}/{file}");
    World::new().keeps(path, &make);
    with(World::new()).keeps(path, &make);
    with(World::new()).keeps(
        path,
        &format!("rm -f {root}/{file}; echo evil > {root}/{file}"),
    );
}

fn write_with_parents(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().expect("a file has a folder")).unwrap();
    fs::write(path, text).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
}
