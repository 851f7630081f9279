//! Where tests live on this machine: directories, the binary, the environment, the skip log.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// The package directory. At run time first: the suite also runs as a user who cannot enter the
/// directory it was built in.
pub(crate) fn package() -> PathBuf {
    std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from)
}

/// The binary under test.
pub(crate) fn binary() -> PathBuf {
    std::env::var_os("AIGATE_BIN").map_or_else(
        || PathBuf::from(env!("CARGO_BIN_EXE_aigate")),
        PathBuf::from,
    )
}

/// The stand-ins for the agents' services, next to the package; `None` where they are absent.
pub(crate) fn mocks() -> Option<PathBuf> {
    let folder = package().join("../shared/mocks");
    folder.join("mock_anthropic.py").exists().then_some(folder)
}

/// The real Claude Code that `test.sh` installs; `None` where nobody did.
pub(crate) fn claude() -> Option<PathBuf> {
    let named = std::env::var_os("AIGATE_CLAUDE").map(PathBuf::from);
    let packages = cache()?.join("claude/node_modules/@anthropic-ai");
    let cached = fs::read_dir(packages).into_iter().flatten().flatten();
    let mut programs = named
        .into_iter()
        .chain(cached.map(|folder| folder.path().join("claude")));
    programs.find(|program| program.is_file())
}

/// The program of another agent that `test.sh` installs, below the directory of them; `None` where
/// nobody did.
pub(crate) fn agent(program: &str) -> Option<PathBuf> {
    let named = std::env::var_os("AIGATE_AGENTS").map(PathBuf::from);
    let folders = named
        .into_iter()
        .chain(cache().map(|cache| cache.join("agents")));
    let mut programs = folders.map(|folder| folder.join(program));
    programs.find(|program| program.is_file())
}

/// What `test.sh` keeps from run to run.
fn cache() -> Option<PathBuf> {
    let folder = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(Path::new(&std::env::var_os("HOME")?).join(".cache")))?;
    Some(folder.join("aigate-tests"))
}

/// The directory of the test worlds. Never below a directory that the sandbox replaces by a
/// private one: a file there would be out of reach for the wrong reason.
pub(crate) fn base() -> PathBuf {
    let named = std::env::var_os("AIGATE_TEST_DIR").map(PathBuf::from);
    let cache =
        std::env::var_os("HOME").map(|home| Path::new(&home).join(".cache/aigate-tests/run"));
    let built = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let system = PathBuf::from("/var/lib/aigate-tests");
    [named, cache, Some(built), Some(system)]
        .into_iter()
        .flatten()
        .find(|folder| !is_private(folder) && fs::create_dir_all(folder).is_ok())
        .and_then(|folder| folder.canonicalize().ok())
        .filter(|folder| !is_private(folder))
        .expect("set AIGATE_TEST_DIR to a directory outside /tmp, /var/tmp, /run and /dev")
}

/// The account of `engine: user` for this user, `None` where nobody made one.
pub(crate) fn account() -> Option<serde_json::Value> {
    let own = nix::unistd::geteuid();
    let file = format!("/var/lib/aigate/accounts/{own}.json");
    serde_json::from_str(&fs::read_to_string(file).ok()?).ok()
}

/// Where another account gets without a list being changed that is not the test's.
pub(crate) fn open_base() -> PathBuf {
    if !nix::unistd::geteuid().is_root() {
        return base();
    }
    let open = PathBuf::from("/var/lib/aigate-tests");
    fs::create_dir_all(&open).expect("a directory");
    open
}

fn is_private(folder: &Path) -> bool {
    ["/tmp", "/var/tmp", "/run", "/dev"]
        .iter()
        .any(|private| folder.starts_with(private))
}

/// Shell code that ends with `status` in the mount or process namespace of the tester.
pub(crate) fn only_away_from_here(status: i32) -> String {
    let ours = ["mnt", "pid", "uts"]
        .map(|kind| fs::read_link(format!("/proc/self/ns/{kind}")).expect("our own namespaces"));
    let ours = ours
        .each_ref()
        .map(|link| format!("'{}'", link.display()))
        .join("|");
    format!(
        "for kind in mnt pid uts; do case \"$(readlink /proc/self/ns/$kind)\" in \
         {ours}|'') exit {status};; esac; done"
    )
}

/// Shell code that ends with `status` where a file can be made in this folder.
pub(crate) fn only_where_unwritable(folder: &Path, status: i32) -> String {
    let file = super::quoted(folder.join("guard"));
    format!("if (: > {file}) 2>/dev/null; then rm -f {file}; exit {status}; fi")
}

/// Whether the host has something mounted below a directory.
pub(crate) fn is_mounted_below(folder: &Path) -> bool {
    let mounts = fs::read_to_string("/proc/self/mountinfo").expect("our own mounts");
    mounts
        .lines()
        .filter_map(|line| line.split(' ').nth(4))
        .any(|at| Path::new(at).starts_with(folder))
}

/// What a user's shell would hand over: nothing of the tester's own settings leaks in.
pub(crate) fn environment(home: &Path) -> Vec<(OsString, OsString)> {
    let mut path = OsString::from("/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin");
    if let Some(rest) = std::env::var_os("PATH") {
        path.push(":");
        path.push(rest);
    }
    [
        ("HOME", home.as_os_str().to_owned()),
        ("PATH", path),
        ("USER", "tester".into()),
        ("LOGNAME", "tester".into()),
        ("SHELL", "/bin/sh".into()),
        ("TERM", "xterm-256color".into()),
        ("LANG", "C.UTF-8".into()),
    ]
    .into_iter()
    .map(|(name, value)| (name.into(), value))
    .collect()
}

/// Notes a skipped test for `test.sh`, and fails it in CI where nothing may be skipped.
pub(crate) fn record_skip(test: &str, why: &str) {
    let line = format!("{test}: {why}\n");
    if let Some(log) = std::env::var_os("AIGATE_SKIP_LOG") {
        let mut log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(log)
            .expect("the skip log");
        log.write_all(line.as_bytes()).expect("the skip log");
    }
    eprint!("skipped {line}");
    assert!(
        std::env::var_os("CI").is_none_or(|ci| ci != "true"),
        "skipped in CI: {line}"
    );
}

/// Compares the table of `docs/engines.md` below `start` with the one that `make` makes of it, or writes
/// that: `how` says by which command.
pub(crate) fn keep_table(start: &str, how: &str, make: impl Fn(&str) -> String) {
    const END: &str = "<!-- end -->\n";
    let path = package().join("docs/engines.md");
    let page = fs::read_to_string(&path).expect("the page");
    let (before, rest) = page.split_once(start).expect("where the table starts");
    let (old, after) = rest.split_once(END).expect("where the table ends");
    let new = &*make(old);
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&path, [before, start, new, END, after].concat()).expect("the page");
        return;
    }
    let differs = |(a, b): &(&str, &str)| a != b;
    let first = old.lines().zip(new.lines()).find(differs);
    assert!(
        old == new,
        "docs/engines.md is out of date: UPDATE=1 {how}\n{first:#?}"
    );
}

/// Everything below a path: kind, permissions and content. Two pictures differ when the host can
/// tell that something was done. What aigate itself records outside is left out: its audit log,
/// and what an account was let into.
pub(crate) fn picture(path: &Path) -> BTreeMap<PathBuf, (u32, Vec<u8>)> {
    let mut found = BTreeMap::new();
    let mut waiting = vec![path.to_owned()];
    while let Some(path) = waiting.pop() {
        let Ok(facts) = fs::symlink_metadata(&path) else {
            continue;
        };
        let records = [".aigate/audit.jsonl", ".aigate/granted"];
        if records.iter().any(|record| path.ends_with(record)) {
            continue;
        }
        let content = if facts.is_symlink() {
            fs::read_link(&path)
                .unwrap_or_default()
                .into_os_string()
                .into_encoded_bytes()
        } else if facts.is_file() {
            fs::read(&path).unwrap_or_default()
        } else {
            Vec::new()
        };
        if facts.is_dir() {
            waiting.extend(
                fs::read_dir(&path)
                    .into_iter()
                    .flatten()
                    .flatten()
                    .map(|e| e.path()),
            );
        }
        let kind = facts.permissions().mode() ^ (facts.uid() << 16);
        // The log makes this directory where there was none.
        if !path.ends_with(".aigate") {
            found.insert(path, (kind, content));
        }
    }
    found
}
