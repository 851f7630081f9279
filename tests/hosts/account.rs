//! The account of `engine: user`: made by root, used by one user through one rule of sudo, removed without
//! a trace.

use std::ffi::CString;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::support::{Outcome, World, only_as_root, only_as_user, place, process, quoted, skip};
use super::user::{ACCEPTED, account_or_skip, furnished, traceless, world};

/// An ordinary user with an account, made and removed by root.
struct Owner(String);

impl Owner {
    fn new(word: &str) -> Self {
        let name = format!("aigate-o{word}-{}", std::process::id());
        let made = root(&["useradd", "--no-create-home", "--shell", "/bin/sh", &name]);
        assert!(made.ok(), "{made}");
        Self(name)
    }

    fn account(&self) -> String {
        self.0.replace("aigate-o", "aigate-a")
    }

    fn set_up(&self) -> Outcome {
        let account = self.account();
        aigate(&[
            "setup", "--for", &self.0, "--user", &account, "--group", &account,
        ])
    }

    fn remove(&self) -> Outcome {
        aigate(&["reset", "--force", "--for", &self.0])
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.remove();
        root(&["userdel", &self.0]);
    }
}

fn root(words: &[&str]) -> Outcome {
    let mut command = std::process::Command::new("env");
    command
        .arg("PATH=/usr/sbin:/usr/bin:/sbin:/bin")
        .args(words);
    process::run(command)
}

fn aigate(words: &[&str]) -> Outcome {
    let mut command = std::process::Command::new(place::binary());
    command.args(words);
    process::run(command)
}

/// What there is of an account on this machine.
fn traces(account: &str) -> String {
    let mut found = String::new();
    for file in ["/etc/passwd", "/etc/group", "/etc/shadow", "/etc/gshadow"] {
        let text = fs::read_to_string(file).unwrap_or_default();
        found.extend(text.lines().filter(|line| line.contains(account)));
    }
    for directory in [
        "/etc/sudoers.d",
        "/usr/lib/aigate/accounts",
        "/var/lib/aigate/accounts",
    ] {
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            let text = fs::read(entry.path()).unwrap_or_default();
            if String::from_utf8_lossy(&text).contains(account) {
                found += &format!("{}\n", entry.path().display());
            }
        }
    }
    found
}

/// Seen: user | this machine | root removes the account, all it was let into, and gives its files to the user
#[test]
fn the_account_goes_without_a_trace() {
    only_as_root!();
    account_or_skip!();
    let owner = Owner::new("gone");
    let made = owner.set_up();
    assert!(made.ok(), "{made}");
    assert!(owner.set_up().ok(), "twice is once");
    let account = owner.account();
    assert!(traces(&account).lines().count() >= 2, "control arm");
    let world = furnished(
        World::below(&place::open_base())
            .secret(".env")
            .config(ACCEPTED)
            .dir("src"),
    );
    // The home that root knows of this user is the world's.
    let home = quoted(world.home());
    let moved = root(&[
        "usermod",
        "--home",
        world.home().to_str().expect("text"),
        &owner.0,
    ]);
    assert!(moved.ok(), "{moved}");
    world.host_ok(&format!(
        "chown -R {}: {home}; chmod 711 {home}/..",
        owner.0
    ));
    let run = |act: &str| {
        let mut command = world.command("setpriv");
        let who = ["--reuid", &owner.0, "--regid", &owner.0, "--clear-groups"];
        command
            .args(who)
            .arg(place::binary())
            .args(["exec", "--", "sh", "-c", act]);
        let outcome = process::run(command);
        assert!(outcome.ok(), "{outcome}");
    };
    let forgotten = format!("/tmp/{account}");
    traceless(&world, run, || {
        // What runs as the account keeps it.
        let as_account = format!("exec setpriv --reuid {account} --clear-groups");
        let busy = world.host(&format!("{as_account} sh -c 'echo up; exec sleep 600'"));
        assert_eq!(busy.line().trim(), "up");
        let pid = busy.id().to_string();
        let refused = owner.remove();
        assert!(!refused.ok() && refused.err.contains(&pid), "{refused}");
        assert!(!traces(&account).is_empty());
        drop(busy);
        world.host_ok(&format!("touch {forgotten}; chown {account} {forgotten}"));
        let gone = owner.remove();
        assert!(gone.ok(), "{gone}");
    });
    assert_eq!(traces(&account), "");
    let uid = |path: &Path| path.symlink_metadata().expect("a file").uid();
    let own = uid(&world.project());
    assert_ne!(own, 0);
    for made in ["src/made", "src/link", "src/dir"] {
        assert_eq!(uid(&world.project().join(made)), own, "{made}");
    }
    assert_eq!(uid(Path::new(&forgotten)), own);
    fs::remove_file(&forgotten).expect("a file");
}

/// Seen: user | this machine | an account or group that is there already is not taken; no other name gets into sudo's rules
#[test]
fn only_accounts_of_our_own_are_used() {
    only_as_root!();
    account_or_skip!();
    let owner = Owner::new("names");
    for (user, group, word) in [
        ("root", "aigate-tg", "root: there already"),
        ("daemon", "aigate-tg", "daemon: there already"),
        ("aigate-tu", "root", "root: there already"),
        ("x y", "aigate-tg", "not a name"),
        ("a,root", "aigate-tg", "not a name"),
        ("aigate-tu", "%sudo", "not a name"),
        ("", "aigate-tg", "not a name"),
        ("-r", "aigate-tg", "not a name"),
    ] {
        let (user_is, group_is) = (format!("--user={user}"), format!("--group={group}"));
        let refused = aigate(&["setup", "--for", &owner.0, &user_is, &group_is]);
        assert!(
            !refused.ok() && refused.err.contains(word),
            "{user}:{group}: {refused}"
        );
        assert_eq!(traces("aigate-tu") + &traces("aigate-tg"), "");
    }
    assert!(owner.set_up().ok(), "control arm");
    let other = Owner::new("other");
    let account = owner.account();
    let taken = aigate(&[
        "setup",
        "--for",
        &other.0,
        "--user",
        &account,
        "--group",
        "aigate-tg",
    ]);
    assert!(
        !taken.ok() && taken.err.contains("there already"),
        "{taken}"
    );
}

/// Seen: user | this machine | sudo starts nothing else as the account, and the account takes no forged order
#[test]
fn the_way_to_the_account_is_for_its_owner_and_one_program() {
    only_as_user!();
    let account = account_or_skip!();
    let world = world("");
    let user = account["user"].as_str().expect("a name");
    let group = account["group"].as_str().expect("a name");
    let program = format!("/usr/lib/aigate/accounts/{}", nix::unistd::geteuid());
    let sudo = |words: &str| world.control(&format!("sudo -n {words} </dev/null"));
    for words in [
        format!("-u {user} id"),
        format!("-u {user} -g {group} -- {program} exec -- id"),
        format!("-u {user} -g {group} -- {program} become --help"),
        format!("-u root -- {program} become"),
        format!("-u {user} -g root -- {program} become"),
        format!("LD_PRELOAD=/x -u {user} -g {group} -- {program} become"),
    ] {
        let outcome = sudo(&words);
        assert!(
            !outcome.ok() && outcome.err.contains("sudo: "),
            "{words}: {outcome}"
        );
    }
    // The one that is allowed does nothing without an order.
    let outcome = sudo(&format!("-u {user} -g {group} -- {program} become"));
    assert!(outcome.err.contains("aigate: no order came"), "{outcome}");
    // Inside there is no way on: no privileges are gained.
    world.denies_unlike(
        &format!("sudo -n -u {user} -g {group} -- {program} become"),
        "true",
    );
    assert!(fs::OpenOptions::new().append(true).open(&program).is_err());
    let file = CString::new(program.as_bytes()).expect("a path");
    assert!(nix::unistd::access(file.as_c_str(), nix::unistd::AccessFlags::W_OK).is_err());
}

/// Seen: user | this machine | only root makes accounts: refused with the command
#[test]
fn an_ordinary_user_makes_no_account() {
    only_as_user!();
    let refused = aigate(&["setup"]);
    assert!(!refused.ok() && refused.err.contains("sudo "), "{refused}");
    let refused = aigate(&["reset", "--force", "--for", "root"]);
    assert!(
        !refused.ok() && refused.err.contains("only root"),
        "{refused}"
    );
}
