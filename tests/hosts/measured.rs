//! The matrix of `docs/engines.md`: every engine on every emulated host, every promise attacked.
//!
//! `UPDATE=1 cargo test --test hosts matrix` writes it anew.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::thread;

use super::support::{Host, World, place, python, quoted};
use super::{NO_NAMESPACES, sockets_go};

/// Each promise and the act that breaks it.
const PROMISES: [&str; 11] = [
    "hidden file",
    "replaced by the host",
    "made later",
    "hidden names",
    "outside",
    "modes outside",
    "git hooks",
    "processes unseen",
    "signals",
    "sockets",
    "network off",
];

/// An engine as it is called here, and its lines of the configuration.
#[derive(Clone, Copy)]
struct Engine {
    name: &'static str,
    lines: &'static str,
    /// Who can measure it: everybody, or those who start it in this way.
    by: Option<By>,
}

/// Root becomes another user by itself, and others by sudo, which no filter of a caller outlives.
#[derive(Clone, Copy, PartialEq)]
enum By {
    Root,
    Sudo,
}

const USER: &str = "engine: user\naccept_losses: [names, later, protected, processes, shared]\n";

const ENGINES: [Engine; 5] = [
    Engine {
        name: "native",
        lines: "engine: native\n",
        by: None,
    },
    Engine {
        name: "bwrap",
        lines: "engine: bwrap\n",
        by: None,
    },
    Engine {
        name: "landlock",
        lines: "engine: landlock\naccept_losses: [names, later, protected, metadata, processes]\n",
        by: None,
    },
    Engine {
        name: "user, by sudo",
        lines: USER,
        by: Some(By::Sudo),
    },
    Engine {
        name: "user, by root",
        lines: USER,
        by: Some(By::Root),
    },
];

impl Engine {
    /// Whether this run measures it; otherwise its rows stay as they are.
    fn is_measured(self) -> bool {
        let own = match nix::unistd::geteuid().is_root() {
            true => By::Root,
            false => By::Sudo,
        };
        self.by
            .is_none_or(|by| by == own && place::account().is_some())
    }

    fn base(self) -> PathBuf {
        match self.by {
            None => place::base(),
            Some(_) => place::open_base(),
        }
    }
}

/// How each host is called, and what the caller's shell does before the run.
fn hosts(world: &World) -> Vec<(&'static str, String)> {
    let script = quoted(place::package().join("tests/hosts/refuse.py"));
    let refusing = |calls: &str| format!("set -- python3 {script} {calls} \"$@\"");
    let root = quoted(world.elsewhere().join("root"));
    let (home, project) = (quoted(world.home()), quoted(world.project()));
    let bind = |more: &str| format!("set -- bwrap --bind / / --dev-bind /dev /dev {more} \"$@\"");
    let chroot = format!(
        "mkdir -p {root}; set -- unshare -rm sh -c 'mount --rbind / {root} && \
         exec chroot {root} sh -c \"cd {project} && exec \\\"\\$@\\\"\" sh \"$@\"' sh \"$@\""
    );
    vec![
        ("as it is", String::new()),
        ("no user namespaces", refusing(NO_NAMESPACES)),
        ("no clone3", refusing("clone3=ENOSYS")),
        ("no new mount calls", refusing("fsopen=EPERM")),
        ("no Landlock", refusing("landlock_create_ruleset=ENOSYS")),
        ("no inotify left", refusing("inotify_init1=EMFILE")),
        ("no `/proc` writes", bind("--ro-bind /proc /proc")),
        (
            "read-only home",
            bind(&format!(
                "--ro-bind {home} {home} --bind {project} {project}"
            )),
        ),
        ("tiny `/tmp`", bind("--size 4096 --tmpfs /tmp")),
        (
            "no terminal",
            "exec </dev/null; set -- setsid -w \"$@\"".into(),
        ),
        (
            "inside bubblewrap",
            "set -- bwrap --bind / / --dev /dev --unshare-ipc --unshare-uts \"$@\"".into(),
        ),
        ("inside a chroot", chroot),
    ]
}

/// A world with everything that the acts are after, and the host's side of them.
struct Stage {
    world: World,
    victim: Host,
    port: String,
    _replacer: Host,
    _listener: Host,
}

impl Stage {
    fn new(base: &Path, config: &str) -> Self {
        let world = World::below(base)
            .config(config)
            .secret(".env")
            .secret("secrets/token")
            .dir("src")
            .home_file("plain", "text\n")
            .repository();
        fs::create_dir_all(world.project().join(".git/hooks")).expect("a directory");
        let replacer = world.host(
            "while ! test -e src/go; do sleep 0.05; done; \
             cp .env src/.env; cp .env next; mv next .env; touch src/done; sleep 600",
        );
        let listener = world.host(&python(&format!(
            "import socket,time; a=socket.socket(socket.AF_UNIX); a.bind('{}'); a.listen(); \
             b=socket.create_server(('127.0.0.1',0)); print(b.getsockname()[1], flush=True); \
             time.sleep(600)",
            world.elsewhere().join("socket").display()
        )));
        let port = listener.line().trim().to_owned();
        let victim = world.host("echo up; exec sleep 6011");
        assert_eq!(victim.line().trim(), "up");
        Stage {
            victim,
            port,
            _replacer: replacer,
            _listener: listener,
            world,
        }
    }

    /// Tries every act, and says so of those whose end only the inside sees. What was replaced may be
    /// seen for a moment, so it is looked at up to `looks` times.
    fn acts(&self, looks: u32) -> String {
        let elsewhere = quoted(self.world.elsewhere());
        let victim = self.victim.id();
        let unix = python(&format!(
            "import socket; socket.socket(socket.AF_UNIX).connect('{}')",
            self.world.elsewhere().join("socket").display()
        ));
        let tcp = python(&format!(
            "import socket; socket.create_connection(('127.0.0.1', {}), 5)",
            self.port
        ));
        format!(
            "tell() {{ if test $? = 0; then echo \"open: $1\"; fi; }}\n\
             grep -q KEY .env; tell 'hidden file'\n\
             ls secrets | grep -q token; tell 'hidden names'\n\
             echo evil > {elsewhere}/new\n\
             chmod 604 ~/plain\n\
             echo evil > .git/hooks/pre-commit\n\
             tr '\\0' ' ' < /proc/{victim}/cmdline | grep -q 'sleep 6011'; tell 'processes unseen'\n\
             kill -0 {victim}; tell signals\n\
             {unix}; tell sockets\n\
             {tcp}; tell 'network off'\n\
             touch src/go; until test -e src/done; do sleep 0.05; done\n\
             look() {{ n={looks}; while grep -q KEY $1; do n=$((n-1)); test $n -gt 0 || return 0; \
             sleep 0.1; done; return 1; }}\n\
             look .env; tell 'replaced by the host'\n\
             look src/.env; tell 'made later'\n\
             echo the end\n"
        )
    }

    /// Whether the act succeeded: what the host can see is asked there.
    fn is_open(&self, promise: &str, said: &str) -> bool {
        let world = &self.world;
        match promise {
            "outside" => world.elsewhere().join("new").exists(),
            "modes outside" => {
                let found = fs::metadata(world.home().join("plain")).expect("a file");
                found.permissions().mode() & 0o777 == 0o604
            }
            "git hooks" => world.project().join(".git/hooks/pre-commit").exists(),
            _ => said.lines().any(|line| line == format!("open: {promise}")),
        }
    }
}

/// One row: what became of each promise. Its stage stays until the other rows are done.
fn row(of: Engine, host: usize) -> (String, Stage) {
    let engine = of.name;
    let rules = "network: \"off\"\naudit: \"off\"\ndeny_read: [secrets/, \"@defaults\"]\n";
    let mut stage = Stage::new(&of.base(), &format!("{}{rules}", of.lines));
    let (name, caller) = hosts(&stage.world).swap_remove(host);
    stage.world = stage.world.caller(&caller).without_namespaces();
    let outcome = stage.world.sandboxed(&stage.acts(100));
    let ended = outcome.out.lines().last() == Some("the end");
    assert_eq!(
        outcome.code() == Some(125),
        !ended,
        "{engine}, {name}: {outcome}"
    );
    let mut cells = format!("| {engine} | {name} |");
    for promise in PROMISES {
        let open = stage.is_open(promise, &outcome.out);
        assert!(
            ended || !open,
            "{engine}, {name}: {promise} is open, and refused: {outcome}"
        );
        let cell = match (ended, open) {
            (false, _) => "refused",
            (true, true) => "**lost**",
            (true, false) => "kept",
        };
        write!(cells, " {cell} |").expect("a string");
    }
    (cells + "\n", stage)
}

/// The control: outside every act succeeds.
fn control() {
    let stage = Stage::new(&place::base(), "");
    let outcome = stage.world.control(&stage.acts(1));
    for promise in PROMISES {
        assert!(
            stage.is_open(promise, &outcome.out),
            "control arm: {promise}: {outcome}"
        );
    }
}

/// The whole table; `old` is the one in the document, whose rows stay where this run cannot measure.
pub(super) fn table(old: &str) -> String {
    let _gate = sockets_go();
    control();
    let count = hosts(&World::new()).len();
    let measured = |engine: &Engine| engine.is_measured();
    let cells = ENGINES.into_iter().filter(measured);
    let cells = cells.flat_map(|engine| (0..count).map(move |host| (engine, host)));
    let rows: Vec<_> = cells
        .map(|(engine, host)| thread::spawn(move || row(engine, host)))
        .collect();
    let mut text = format!("| engine | host | {} |\n", PROMISES.join(" | "));
    text += &format!("|{}\n", "---|".repeat(2 + PROMISES.len()));
    // All of them end before one fails, so that nothing is left running.
    let rows: Vec<_> = rows.into_iter().map(thread::JoinHandle::join).collect();
    let mut rows = rows.iter();
    for engine in ENGINES {
        if !engine.is_measured() {
            let begins = format!("| {} |", engine.name);
            let kept = old.lines().filter(|line| line.starts_with(&begins));
            text.extend(kept.map(|line| format!("{line}\n")));
            continue;
        }
        for row in rows.by_ref().take(count) {
            let (row, _) = row.as_ref().expect("a row; its thread says why not");
            text += row;
        }
    }
    text
}
