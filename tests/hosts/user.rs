//! `engine: user`: the command runs as another account, and the access control lists of the user's own
//! files bind it. `test.sh` makes the account, for root and for the ordinary user whom it creates.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use super::support::{SECRET, World, only_as_root, only_as_user, place, process, python};
use super::support::{quoted, skip};

pub(super) const ACCEPTED: &str =
    "engine: user\naccept_losses: [names, later, protected, processes, shared]\naudit: \"off\"\n";

/// Calls that Landlock is made of do not exist. Whoever refuses calls takes sudo's power with it, so
/// only root can be on such a host.
const NO_LANDLOCK: &str = "landlock_create_ruleset=ENOSYS";

pub(super) fn world(more: &str) -> World {
    World::below(&place::open_base())
        .secret(".env")
        .config(&format!("{ACCEPTED}{more}"))
        .without_namespaces()
        .dir("src")
}

fn without_landlock(world: World) -> World {
    let script = place::package().join("tests/hosts/refuse.py");
    world.caller(&format!(
        "set -- python3 {} {NO_LANDLOCK} \"$@\"",
        quoted(script)
    ))
}

macro_rules! account_or_skip {
    () => {
        match crate::support::place::account() {
            Some(account) => account,
            None => skip!("no account for `engine: user`; `aigate setup` makes one"),
        }
    };
}
pub(super) use account_or_skip;

#[track_caller]
fn promises(make: impl Fn() -> World) {
    let world = make().home_secret(".ssh/id_ed25519").home_secret("plain");
    for act in [
        "cat .env",
        "cat ~/.ssh/id_ed25519",
        "grep -rs KEY . ~/.ssh",
        "cat /proc/self/cwd/.env",
        "mv .env src/moved; cat src/moved",
    ] {
        let control = act.replace("mv .env", "cp .env");
        world.hidden_unlike(act, &control);
        world.host_ok("test -e .env || mv src/moved .env");
    }
    super::landlock::keeps_the_outside(&world);
    // The list alone keeps these, with Landlock and without.
    world.denies("chmod 600 ~/plain");
    world.denies("ls ~/.ssh");
}

/// Seen: user | this machine | hidden files and names, outside, modes, signals: kept
#[test]
fn keeps_what_lists_can_say() {
    account_or_skip!();
    promises(|| world(""));
}

/// Seen: user | no Landlock, started by root | hidden files and names, outside, modes, signals: kept by the lists alone
#[test]
fn the_lists_alone_bind() {
    only_as_root!();
    account_or_skip!();
    promises(|| without_landlock(world("")));
}

/// Seen: user | no new privileges, started with sudo | refused with the reason; nothing runs
#[test]
fn without_sudo_nothing_runs() {
    only_as_user!();
    account_or_skip!();
    super::refused(
        &without_landlock(world("")),
        &["engine: user: sudo did not start", "nothing was run"],
    );
}

/// Seen: user | this machine | the account is another one, and what it makes is its owner's too
#[test]
fn what_the_account_makes_is_for_both() {
    let account = account_or_skip!();
    let world = world("").repository();
    let outcome = world.permits("id -u; umask 077; echo new > src/own; mkdir -m 700 src/dir");
    assert_eq!(outcome.out.trim(), account["uid"].to_string(), "{outcome}");
    let made = fs::metadata(world.project().join("src/own")).expect("a file");
    assert_eq!(
        u64::from(made.uid()),
        account["uid"].as_u64().expect("a number")
    );
    world
        .host_ok("cat src/own && echo more >> src/own && touch src/dir/x && rm -r src/own src/dir");
    // Git goes on, on both sides.
    world.permits("echo a > a && git add a && git commit -qm inside && git status --short");
    world.host_ok("echo b > b && git add b && git commit -qm outside && git log --oneline");
    world.permits("git log --oneline | grep -q outside && echo c >> b && git commit -qam again");
}

/// Seen: user | this machine | a hidden file that was moved stays shut in later runs
#[test]
fn what_was_shut_stays_shut_under_any_name() {
    account_or_skip!();
    for (act, then) in [
        ("mv .env moved", "cat moved"),
        ("mv .env src/moved", "cat src/moved"),
        ("mkdir x; mv .env x/y; mv x z", "cat z/y"),
        ("ln .env linked; mv .env other", "cat linked other"),
        // Under a name that was hidden once, and is allowed now.
        ("mv .env once", "cat once"),
    ] {
        let world = world("deny_read: [once, \"@defaults\"]\n").secret("once");
        world.sandboxed("true");
        world.host_ok("rm once");
        world.sandboxed(act);
        let world = world.config(ACCEPTED);
        let outcome = world.sandboxed(then);
        assert!(outcome.reached && !outcome.said(SECRET), "{act}: {outcome}");
        let shown = world.control(then);
        assert!(shown.said(SECRET), "control arm: {act}: {shown}");
    }
}

/// Seen: user | this machine | `deny read` shuts a file to a command that runs, `allow read` opens it
#[test]
fn a_new_rule_binds_what_runs() {
    account_or_skip!();
    let world = world("").file("late", &format!("KEY={SECRET}\n"));
    let script = "echo up > src/up; until test -e src/go; do sleep 0.05; done; cat late; echo done";
    let mut command = world.exec("/bin/sh");
    command.args(["-c", script]);
    let run = super::support::Host::start(command);
    let runs = || world.project().join("src/up").exists();
    assert!(
        process::at_last_within(Duration::from_secs(60), runs),
        "it does not run"
    );
    let rule = |words: &[&str]| {
        let mut command = world.aigate();
        command.args(words).args(["read", "late"]);
        let outcome = process::run(command);
        assert!(outcome.ok(), "{outcome}");
    };
    rule(&["deny"]);
    world.host_ok("touch src/go");
    let mut said = String::new();
    while !said.trim_end().ends_with("done") {
        said += &run.line();
    }
    assert!(!said.contains(SECRET), "{said}");
    drop(run);
    world.hidden("cat late");
    rule(&["allow"]);
    // Nothing is opened as long as something runs by other rules.
    let shown = || world.sandboxed("cat late").said(SECRET);
    assert!(process::at_last_within(Duration::from_secs(60), shown));
}

/// Owner, mode and lists of everything below a directory, a line each, by path.
fn lists(root: &Path) -> BTreeMap<String, String> {
    let script = "import os,sys\n\
        def lists(p):\n\
        \x20for n in ('system.posix_acl_access','system.posix_acl_default'):\n\
        \x20 try: yield os.getxattr(p, n, follow_symlinks=False).hex()\n\
        \x20 except OSError: yield '-'\n\
        for d, dirs, files in os.walk(sys.argv[1]):\n\
        \x20for p in [d] + [os.path.join(d, n) for n in dirs + files]:\n\
        \x20 s = os.lstat(p)\n\
        \x20 print(p, s.st_uid, s.st_gid, oct(s.st_mode), *lists(p))";
    let mut command = std::process::Command::new("python3");
    command.args(["-c", script]).arg(root);
    let outcome = process::run(command);
    assert!(outcome.ok(), "{outcome}");
    let split = |line: &str| {
        line.split_once(' ')
            .map(|(a, b)| (a.to_owned(), b.to_owned()))
    };
    outcome.out.lines().filter_map(split).collect()
}

/// A world full of lists and modes of its own, before and after what `undo` undoes.
#[track_caller]
pub(super) fn traceless(world: &World, run: impl Fn(&str), undo: impl Fn()) {
    // A list of somebody else's, with a mask that hides part of it, and one for what is made there.
    world.host_ok(&python(
        "import os,struct\n\
         e=lambda *es: struct.pack('<I',2)+b''.join(struct.pack('<HHI',t,p,i) for t,p,i in es)\n\
         n=0xffffffff\n\
         os.setxattr('a/group','system.posix_acl_access',e((1,6,n),(2,7,12345),(4,6,n),(16,4,n),(32,0,n)))\n\
         os.setxattr('a','system.posix_acl_default',e((1,7,n),(2,5,12345),(4,5,n),(16,5,n),(32,0,n)))\n\
         os.setxattr('a/b','system.posix_acl_default',e((1,7,n),(4,5,n),(32,0,n)))",
    ));
    world.host_ok("chmod 640 a/b/deep; chmod 700 a/b ~; chmod 2755 src");
    let before = lists(&world.home());
    run(
        "cat a/group a/b/deep && echo made > src/made && ln -s made src/link && mkdir -m 700 src/dir",
    );
    assert_ne!(lists(&world.home()), before, "nothing was changed");
    undo();
    let after = lists(&world.home());
    let own = world.home().join(".aigate");
    for (path, was) in before
        .iter()
        .filter(|(path, _)| !Path::new(path).starts_with(&own))
    {
        assert_eq!(after.get(path), Some(was), "{path}");
    }
    assert!(!world.home().join(".aigate/granted").exists());
}

pub(super) fn furnished(world: World) -> World {
    world
        .file("a/group", "x")
        .file("a/b/deep", "x")
        .home_secret(".ssh/key")
        .repository()
}

/// Seen: user | this machine | `reset` leaves every mode, owner and list of yours as it was
#[test]
fn reset_leaves_no_trace() {
    account_or_skip!();
    let world = furnished(world(""));
    let run = |act: &str| drop(world.permits(act));
    traceless(&world, run, || {
        let mut command = world.aigate();
        command.args(["reset", "--force"]);
        let outcome = process::run(command);
        assert!(outcome.ok(), "{outcome}");
    });
}

/// Seen: user | this machine | what you make in a protected directory that is new is not the account's
#[test]
fn a_protected_directory_gives_nothing_on() {
    account_or_skip!();
    let world = world("").repository();
    world.permits("true");
    // Made where everything that is made is for both.
    world.host_ok("mkdir .vscode && echo '{}' > .vscode/settings.json");
    world.permits("cat .vscode/settings.json");
    world.host_ok("echo '{}' > .vscode/tasks.json; mkdir .vscode/more; echo x > .vscode/more/y");
    for file in ["settings.json", "tasks.json", "more/y", "new"] {
        let path = format!(".vscode/{file}");
        world.keeps(
            world.project().join(".vscode"),
            &format!("echo evil >> {path}"),
        );
        world.host_ok(&format!("rm {path}; test {file} = new || echo x > {path}"));
    }
}

/// Seen: user | this machine | aigate is killed: the command and what it started end
#[test]
fn nothing_outlives_a_killed_supervisor() {
    account_or_skip!();
    // The directory itself stands in one of the user's, which the account does not change.
    super::landlock::outlived_by_nothing(world(""), "-name 'aigate-*' ! -empty");
}

/// Seen: user | this machine | every attack of `aigate verify`: refused, or given up by name
#[test]
fn the_attacks_of_verify_are_refused_or_given_up() {
    account_or_skip!();
    super::landlock::verified(&world("network: \"off\"\n"), "");
}

/// Seen: user | this machine | losses that nobody accepted: refused with the line that accepts them
#[test]
fn without_acceptance_the_run_is_refused_with_the_line() {
    account_or_skip!();
    let world = World::below(&place::open_base())
        .secret(".env")
        .config("engine: user\n");
    let line = "accept_losses: [names, later, protected, processes, shared]";
    super::refused(&world, &[line, "processes: ", "nothing was run"]);
}

/// Seen: user | this machine | exit codes, signals, words, variables and standard streams: as without it
#[test]
fn the_command_is_started_as_ever() {
    account_or_skip!();
    let world = world("").env("WORD", "a b");
    assert_eq!(world.sandboxed("exit 7").code(), Some(7));
    let killed = world.sandboxed("kill -TERM $$");
    assert!(killed.code().is_none() && killed.reached, "{killed}");
    let outcome = world.permits("echo $WORD; pwd; cat <<X\nin\nX\n");
    let project = world.project().canonicalize().expect("a path");
    let lines: Vec<_> = outcome.out.lines().collect();
    assert_eq!(lines, ["a b", project.to_str().expect("text"), "in"]);
    let piped = world.control(&format!(
        "echo through | {} exec -- cat",
        quoted(place::binary())
    ));
    assert_eq!(piped.out.trim(), "through", "{piped}");
    let missing = process::run(world.exec("no-such-program"));
    assert_eq!(missing.code(), Some(127), "{missing}");
}
