//! The engine for hosts on which only bubblewrap may make namespaces: the plan as its arguments.
//!
//! Bubblewrap makes the namespaces and the mounts. What no argument of it says is done before it
//! starts, and all that it starts inherits it: limits, Landlock's scopes, the system-call filter.
//! Nobody of ours enters its namespaces, so nobody puts masks back and nobody serves a network: a
//! hidden file that the host replaces or that appears later is seen, and hosts cannot be allowed.

use std::env;
use std::ffi::{CString, OsString};
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::fcntl::{FcntlArg, FdFlag, OFlag, fcntl};
use nix::unistd::pipe2;

use super::linux::{KERNEL_MEMORY, KERNEL_WIDE};
use super::plan::{MARKER, Maker, OWN, Plan, Step};
use super::unfit::Unfit;
use super::view::{Access, Kind};
use super::{Error, Image};

/// What bubblewrap does of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bwrap {
    /// The program.
    pub program: PathBuf,
    /// Its arguments, without its own name and without the command.
    pub arguments: Vec<OsString>,
}

/// The first bubblewrap on PATH that stands where no sandboxed program can write: it runs outside.
#[must_use]
pub fn program(is_writable: impl Fn(&Path) -> bool) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    let directories = env::split_paths(&path).filter(|directory| directory.is_absolute());
    let path = env::join_paths(directories).ok()?;
    let mut found = which::which_in_all("bwrap", Some(path), "/").ok()?;
    found.find(|program| {
        let directory = program
            .parent()
            .and_then(|above| fs::canonicalize(above).ok());
        let places = [fs::canonicalize(program).ok(), directory];
        let mut places = places.into_iter();
        places.all(|place| place.is_some_and(|place| !is_writable(&place)))
    })
}

/// Whether the bubblewrap at `program` can make namespaces and mounts here: its message where not.
///
/// # Errors
/// With that message.
pub fn attempt(program: &Path) -> Result<(), String> {
    let mut command = Command::new(program);
    command
        .args(NAMESPACES)
        .args(["--unshare-net", "--ro-bind", "/", "/"]);
    command.args(["--dev", "/dev", "--proc", "/proc", "--"]);
    let own = env::current_exe().map_err(|error| error.to_string())?;
    let run = command
        .arg(own)
        .arg("--version")
        .stdin(Stdio::null())
        .output();
    match run {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(String::from_utf8_lossy(&output.stderr)
            .trim_end()
            .to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

const NAMESPACES: [&str; 5] = [
    "--unshare-user",
    "--unshare-pid",
    "--unshare-ipc",
    "--unshare-uts",
    "--unshare-cgroup-try",
];

/// The plan with its namespaces and mounts left to the bubblewrap at `program`.
///
/// # Errors
/// When the plan needs somebody inside: a network with hosts.
pub fn divide(plan: Plan, program: PathBuf) -> Result<Plan, Error> {
    let mut arguments = words(&NAMESPACES);
    arguments.extend(words(&["--die-with-parent", "--cap-drop", "ALL"]));
    arguments.extend(words(&["--ro-bind", "/", "/"]));
    let mut placed: Vec<(PathBuf, Vec<OsString>)> = Vec::new();
    let (mut enter, mut left) = (Vec::new(), Vec::new());
    for step in plan.steps {
        match step {
            Step::Network(network) if network.needs_a_broker() => {
                return Err(Unfit::BwrapNetwork.into());
            }
            Step::Network(_) => arguments.push("--unshare-net".into()),
            Step::Enter(path) => enter = vec!["--chdir".into(), path.into()],
            // Root needs its own to map itself, and `--cap-drop` takes all of them afterwards.
            Step::DropPrivileges => left.push(Step::NoNewPrivileges),
            Step::Limit(_) | Step::Scope | Step::Filter => left.push(step),
            step => placed.extend(mount(step)),
        }
    }
    // A directory is bound before what stands in it, whatever the plan's order: bubblewrap takes
    // sources from the host's tree, and would show what a mount before it had covered.
    placed.sort_by(|(a, _), (b, _)| a.cmp(b));
    arguments.extend(placed.into_iter().flat_map(|(_, words)| words));
    arguments.extend(enter);
    Ok(Plan {
        steps: left,
        own_network: plan.own_network,
        maker: Maker::Bwrap(Bwrap { program, arguments }),
    })
}

fn words(words: &[&str]) -> Vec<OsString> {
    words.iter().map(OsString::from).collect()
}

/// The arguments for one mount, and where it stands. Steps that bubblewrap does of itself have none.
fn mount(step: Step) -> Option<(PathBuf, Vec<OsString>)> {
    let bind = |how: &str, at: &Path| vec![how.into(), at.into(), at.into()];
    let mode = |mode: u32| ["--perms".into(), format!("{mode:04o}").into()];
    let at = |what: &str, path: &Path| [what.into(), path.into()];
    let placed = match step {
        Step::Tmpfs { at: path, mode: m } => {
            let words = [mode(m), at("--tmpfs", &path)].concat();
            (path, words)
        }
        Step::Directory { at: path, mode: m } => {
            let words = [mode(m), at("--dir", &path)].concat();
            (path, words)
        }
        Step::Attach { at, access, .. } => {
            let words = match access {
                Access::ReadOnly => bind("--ro-bind", &at),
                Access::Writable => bind("--bind", &at),
            };
            (at, words)
        }
        Step::Pin(path) => {
            let words = bind("--bind", &path);
            (path, words)
        }
        // Seen from outside it would be a change like any other.
        Step::Copy(path) => {
            let words = bind("--ro-bind", &path);
            (path, words)
        }
        Step::Protect(path) => {
            let words = bind("--ro-bind-try", &path);
            (path, words)
        }
        Step::Mask { at: path, kind } => {
            let words = mask(&path, kind);
            (path, words)
        }
        Step::Own { .. } => {
            let own = Path::new(OWN);
            let words = [
                at("--tmpfs", own),
                at("--dir", Path::new(MARKER)),
                at("--remount-ro", own),
            ];
            (own.to_owned(), words.concat())
        }
        Step::Devices { .. } => ("/dev".into(), words(&["--dev", "/dev"])),
        Step::Proc => ("/proc".into(), own_proc()),
        // The texts name a broker.
        _ => return None,
    };
    Some(placed)
}

/// What is the kernel's own in `/proc` belongs to root, so root could write it without any capability.
fn own_proc() -> Vec<OsString> {
    let mut arguments = words(&["--proc", "/proc"]);
    if nix::unistd::geteuid().is_root() {
        let there = |path: &&str| Path::new(path).exists();
        for path in KERNEL_WIDE.into_iter().filter(there) {
            arguments.extend(words(&["--ro-bind", path, path]));
        }
        for path in KERNEL_MEMORY.into_iter().filter(there) {
            arguments.extend(mask(Path::new(path), Kind::File));
        }
    }
    arguments
}

/// A directory looks empty. A file is a device node on a mount without devices, which nobody opens.
fn mask(path: &Path, kind: Kind) -> Vec<OsString> {
    let at = OsString::from(path);
    match kind {
        Kind::Directory => vec![
            "--perms".into(),
            "0555".into(),
            "--tmpfs".into(),
            at.clone(),
            "--remount-ro".into(),
            at,
        ],
        Kind::File => vec!["--ro-bind".into(), "/dev/null".into(), at],
    }
}

impl Bwrap {
    /// The command as bubblewrap starts it. It gives the program the name of its file: older
    /// versions cannot give another.
    ///
    /// # Errors
    /// When a path contains a NUL byte, or the descriptor cannot be kept open.
    pub(super) fn image(&self, command: &Image, status: &Status) -> io::Result<Image> {
        let text = |word: OsString| CString::new(word.into_vec());
        let mut command = command.clone();
        // Bubblewrap would start itself by that name.
        if command.path().as_c_str() == c"/proc/self/exe" {
            command = command.with_path(text(env::current_exe()?.into())?);
        }
        let arguments = self.present().into_iter().map(text);
        let mut arguments = arguments.collect::<Result<Vec<_>, _>>()?;
        arguments.extend([c"--json-status-fd".to_owned(), status.argument()?]);
        for (name, value) in command.take_variables(names_code) {
            arguments.extend([c"--setenv".to_owned(), name, value]);
        }
        Ok(command.started_by(text(self.program.clone().into())?, arguments))
    }

    /// The arguments without masks of files that are gone since they were found, sockets above all:
    /// bubblewrap would try to make each, and fail.
    fn present(&self) -> Vec<OsString> {
        let mut present: Vec<OsString> = Vec::with_capacity(self.arguments.len());
        for word in &self.arguments {
            present.push(word.clone());
            if let [.., bind, null, at] = present.as_slice()
                && bind == "--ro-bind"
                && null == "/dev/null"
                && fs::symlink_metadata(at).is_err()
            {
                present.truncate(present.len() - 3);
            }
        }
        present
    }
}

/// Whether a program of the C library loads code or data by this variable, which may name a place that
/// sandboxed programs can write. Bubblewrap itself starts outside, so only the command gets it.
fn names_code(variable: &[u8]) -> bool {
    let others = [
        "GCONV_PATH",
        "GETCONF_DIR",
        "GLIBC_TUNABLES",
        "LOCPATH",
        "MALLOC_TRACE",
        "NLSPATH",
    ];
    variable.starts_with(b"LD_") || others.iter().any(|name| name.as_bytes() == variable)
}

/// Where bubblewrap tells that it started the command: its exit status could be the command's.
pub(super) struct Status {
    from: OwnedFd,
    to: OwnedFd,
}

impl Status {
    pub(super) fn new() -> io::Result<Self> {
        let (from, to) = pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK)?;
        Ok(Self { from, to })
    }

    /// The end that bubblewrap writes, open across execve.
    fn argument(&self) -> io::Result<CString> {
        fcntl(self.to.as_fd(), FcntlArg::F_SETFD(FdFlag::empty()))?;
        Ok(CString::new(self.to.as_raw_fd().to_string())?)
    }

    /// Whether the command was started. Bubblewrap has ended.
    pub(super) fn command_ran(self) -> bool {
        let mut told = Vec::new();
        // What it wrote is there; that nobody will write more is not waited for.
        let _ = File::from(self.from).read_to_end(&mut told);
        String::from_utf8_lossy(&told).contains("exit-code")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::limits::OwnLimits;
    use crate::engine::linux::netns::NetPlan;

    fn of(steps: Vec<Step>) -> Result<String, Error> {
        let plan = Plan {
            steps,
            own_network: false,
            maker: Maker::Native,
        };
        let divided = divide(plan, "/usr/bin/bwrap".into())?;
        let Maker::Bwrap(Bwrap {
            arguments: words, ..
        }) = divided.maker
        else {
            panic!("{divided}");
        };
        let words: Vec<_> = words.iter().map(|word| word.to_string_lossy()).collect();
        Ok(words.join(" "))
    }

    #[test]
    fn what_stands_in_a_directory_comes_after_it() {
        let text = of(vec![
            Step::Tmpfs {
                at: "/p/hidden".into(),
                mode: 0o755,
            },
            Step::Pin("/p".into()),
            Step::Mask {
                at: "/p/.env".into(),
                kind: Kind::File,
            },
        ]);
        assert!(text.is_ok_and(|text| text.ends_with(
            "--ro-bind / / --bind /p /p --ro-bind /dev/null /p/.env --perms 0755 --tmpfs /p/hidden"
        )));
    }

    #[test]
    fn what_is_gone_needs_no_mask() {
        let words = [
            "--ro-bind",
            "/dev/null",
            "/no/such",
            "--ro-bind",
            "/dev/null",
            "/dev/zero",
        ];
        let bwrap = Bwrap {
            program: "bwrap".into(),
            arguments: words.iter().map(OsString::from).collect(),
        };
        assert_eq!(bwrap.present(), words[3..]);
    }

    #[test]
    fn limits_are_kept_and_come_before_what_cannot_be_undone() {
        let plan = Plan {
            steps: vec![Step::DropPrivileges, Step::Filter],
            own_network: false,
            maker: Maker::Native,
        };
        let limits = OwnLimits {
            processes: Some(7),
            memory: None,
        };
        let divided = divide(plan, "/usr/bin/bwrap".into()).map(|plan| plan.limited(limits));
        assert!(divided.is_ok_and(|plan| {
            plan.steps == [Step::Limit(limits), Step::NoNewPrivileges, Step::Filter]
        }));
    }

    #[test]
    fn what_needs_a_broker_is_refused() {
        let mut network = NetPlan::filtered(&[], &[3000]);
        assert!(of(vec![Step::Network(network.clone())]).is_err());
        network.publishes = false;
        let text = of(vec![Step::Network(network)]);
        assert!(text.is_ok_and(|text| text.contains("--unshare-net")));
    }
}
