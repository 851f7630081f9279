//! What the text says about acts: the same as the policy where it can, and never more.

use std::path::Path;

use aigate::engine::seatbelt::profile::{Reach, Sandbox, profile};
use aigate::engine::view::{Access, Content, Kind};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::judge::{Act, Judge};
use super::{PROJECT, layer, only, rules, sandbox};

fn act<'a>(operation: &'a str, path: &'a str) -> Act<'a> {
    // In the tables below a path with this end is a directory.
    let (path, is_dir) = match path.strip_suffix('/') {
        Some(path) => (path, true),
        None => (path, false),
    };
    let about = "";
    Act {
        operation,
        path,
        is_dir,
        about,
    }
}

fn judge(sandbox: &Sandbox<'_>) -> Judge {
    Judge::of(&profile(sandbox).expect("a profile"))
}

#[track_caller]
fn says(judge: &Judge, operation: &str, allowed: &[&str], denied: &[&str]) {
    let paths = allowed.iter().map(|path| (path, true));
    for (path, expected) in paths.chain(denied.iter().map(|path| (path, false))) {
        assert_eq!(
            judge.allows(act(operation, path)),
            expected,
            "{operation} {path}"
        );
    }
}

/// A Mac with the built-in rules, the state of an agent, and a directory for temporary files.
fn mac(judged: impl FnOnce(&Judge)) {
    let rules = rules("deny_exec: [curl, git push, /usr/bin/osascript]\n");
    let mut sandbox = sandbox(&rules);
    let writable = Content::Host(Kind::Directory, Access::Writable);
    sandbox.layers.extend([
        layer("/Users/u/.claude", writable),
        layer("/private/var/folders/ab/T/aigate-1", writable),
        layer("/Users/u/.cache", Content::Copy),
    ]);
    sandbox
        .hidden
        .push(("/Users/u/p/down/here/link-target".into(), Kind::File));
    sandbox.terminal = Some("/dev/ttys003".into());
    judged(&judge(&sandbox));
}

#[test]
fn what_is_hidden_cannot_be_read_whatever_its_letters() {
    mac(|judge| {
        let allowed = [
            "/Users/u/p/src/main.rs",
            "/Users/u/p/.env.example",
            "/Users/u/p/.envrc",
            "/Users/u/p/vendor/tls.pem",
            "/Users/u/p/node_modules/a/.env",
            "/Users/u/p/.secrets",
            "/Users/u/.ssh/known_hosts",
            "/Users/u/.aigate/bin/aigate",
            "/usr/lib/libSystem.dylib",
            "/private/var/folders/ab/T/aigate-1/a",
            "/dev/null",
            "/dev/ttys003",
        ];
        let denied = [
            "/Users/u/p/.env",
            "/Users/u/p/.ENV",
            "/Users/u/p/a/b/.env",
            "/Users/u/p/.env.local",
            "/Users/u/p/tls.pem",
            "/Users/u/p/TLS.PEM",
            "/Users/u/p/.secrets/",
            "/Users/u/p/.secrets/vendor/a",
            "/Users/u/p/down/here/link-target",
            "/Users/u/.ssh/id_rsa",
            "/Users/u/.SSH/id_rsa",
            "/Users/u/.aigate/config.yaml",
            "/private/etc/shadow",
            "/private/tmp/a",
            "/private/var/folders/ab/T/other",
            "/dev/ttys004",
            "/dev/rdisk0",
        ];
        for operation in ["file-read-data", "file-read-metadata"] {
            says(judge, operation, &allowed, &denied);
        }
    });
}

#[test]
fn what_is_protected_cannot_be_made_either() {
    mac(|judge| {
        let allowed = [
            "/Users/u/p/src/main.rs",
            "/Users/u/p/.git/index",
            "/Users/u/p/.git/objects/ab/cd",
            "/Users/u/p/.github/labels.yml",
            "/Users/u/.claude/history.jsonl",
            "/Users/u/p/node_modules/a/.vscode/settings.json",
            "/private/var/folders/ab/T/aigate-1/a",
        ];
        let denied = [
            "/Users/u/p/.git/hooks/pre-commit",
            "/Users/u/p/.git/hooks/",
            "/Users/u/p/.GIT/Hooks/pre-commit",
            "/Users/u/p/nested/.git/config",
            "/Users/u/p/.git/modules/a/b/hooks/x",
            "/Users/u/p/.vscode/",
            "/Users/u/p/.vscode",
            "/Users/u/p/sub/.vscode/settings.json",
            "/Users/u/p/.aigate.yaml",
            "/Users/u/p/.env",
            "/Users/u/.bashrc",
            "/Users/u/.cache/a",
            "/Users/u/other/file",
            "/Users/u/p2/file",
            "/usr/local/bin/a",
            "/private/tmp/a",
            "/dev/ttys004",
        ];
        says(judge, "file-write-data", &allowed, &denied);
        says(judge, "file-write-create", &allowed, &denied);
        // The signs for kelvin and the ligatures are letters to a file system without cases.
        let disguised = [
            "/Users/u/p/.git/hoo\u{212a}s/a",
            "/Users/u/p/.git/con\u{fb01}g",
        ];
        says(
            judge,
            "file-write-create",
            &["/Users/u/p/Stra\u{df}e"],
            &disguised,
        );
        says(
            judge,
            "file-write-setugid",
            &[],
            &["/Users/u/p/src/main.rs"],
        );
    });
}

#[test]
fn what_a_rule_names_by_its_way_stays_where_it_is() {
    mac(|judge| {
        let moved = [
            "/Users/u/p/src/",
            "/Users/u/p/src/main.rs",
            "/Users/u/p/.github/a",
        ];
        let stays = [
            "/Users/u/p/",
            "/Users/u/.claude/",
            "/Users/u/p/.git/",
            "/Users/u/p/.GIT/",
            "/Users/u/p/nested/.git/",
            "/Users/u/p/.git/info/",
            "/Users/u/p/.git/modules/a/",
            "/Users/u/p/.github/",
            "/Users/u/p/down/",
            "/Users/u/p/down/here/",
            "/Users/u/p/.env",
        ];
        says(judge, "file-write-unlink", &moved, &stays);
        let own = only("deny_read: [\"./deploy/*/key\", \"a/**/b\"]\n");
        let own = self::judge(&sandbox(&own));
        let stays = [
            "/Users/u/p/deploy/",
            "/Users/u/p/deploy/x/",
            "/Users/u/p/a/",
            "/Users/u/p/a/c/",
        ];
        says(
            &own,
            "file-write-unlink",
            &["/Users/u/p/deploy/x/y", "/Users/u/p/a/c"],
            &stays,
        );
    });
}

#[test]
fn denied_programs_do_not_start_wherever_they_are() {
    mac(|judge| {
        let allowed = ["/usr/bin/true", "/Users/u/p/curl/run", "/opt/bin/osascript"];
        let denied = [
            "/usr/bin/curl",
            "/opt/homebrew/bin/curl",
            "/Users/u/p/curl",
            "/usr/bin/CURL",
            "/usr/bin/git",
            "/usr/bin/osascript",
            "/Users/u/p/.env",
        ];
        says(judge, "process-exec", &allowed, &denied);
    });
}

#[test]
fn processes_and_terminals_outside_are_out_of_reach() {
    mac(|judge| {
        let asks = |operation: &str, about: &str| {
            let path = "/dev/ttys003";
            let is_dir = false;
            judge.allows(Act {
                operation,
                path,
                is_dir,
                about,
            })
        };
        assert!(asks("signal", "target same-sandbox"));
        assert!(!asks("signal", "target others"));
        assert!(asks("process-info-pidinfo", "target same-sandbox"));
        assert!(!asks("process-info-pidinfo", "target others"));
        assert!(asks("file-ioctl", "ioctl-command TIOCGWINSZ"));
        assert!(!asks("file-ioctl", "ioctl-command TIOCSTI"));
        assert!(asks("sysctl-read", "sysctl-name kern.osrelease"));
        assert!(!asks("sysctl-read", "sysctl-name kern.procargs2"));
        assert!(asks("mach-lookup", "global-name com.apple.FSEvents"));
        for service in [
            "com.apple.SecurityServer",
            "com.apple.coreservices.launchservicesd",
        ] {
            assert!(
                !asks("mach-lookup", &format!("global-name {service}")),
                "{service}"
            );
        }
        says(
            judge,
            "file-ioctl",
            &["/dev/ttys003", "/dev/tty"],
            &["/dev/ttys004"],
        );
    });
}

#[test]
fn of_the_network_there_is_what_was_asked_for() {
    let rules = only("unix_sockets: [/Users/u/run/agent.sock]\n");
    let reaches = |reach, what| {
        let sandbox = Sandbox {
            reach,
            ..sandbox(&rules)
        };
        let act = Act {
            about: what,
            ..act("network-outbound", "")
        };
        judge(&sandbox).allows(act)
    };
    let (broker, all) = ("remote ip localhost:4321", "remote ip *:*");
    assert!(reaches(Reach::Broker(4321), broker) && !reaches(Reach::Broker(4321), all));
    assert!(!reaches(Reach::Nothing, broker) && !reaches(Reach::Nothing, all));
    assert!(reaches(Reach::Everything, all));
    for reach in [Reach::Nothing, Reach::Broker(1)] {
        let sandbox = Sandbox {
            reach,
            sockets: vec!["/Users/u/run/agent.sock".into()],
            ..sandbox(&rules)
        };
        let judge = judge(&sandbox);
        let hosts = ["/private/var/run/mDNSResponder", "/Users/u/p/other.sock"];
        says(
            &judge,
            "network-outbound",
            &["/Users/u/run/agent.sock"],
            &hosts,
        );
        let trust = Act {
            about: "global-name com.apple.trustd",
            ..act("mach-lookup", "")
        };
        assert!(!judge.allows(trust));
    }
}

const PATTERNS: &[&str] = &[
    ".env",
    ".env.*",
    "*.pem",
    "a/",
    "./a/b",
    "b",
    "~/.ssh/",
    "~/.ssh/known",
    "**/b/c",
    "**/c/",
    "a/**/x.pem",
    "a/*/c",
    "*",
    "x?",
    "[ab]",
];
const NAMES: &[&str] = &["a", "b", "c", ".env", ".env.b", "x.pem", "xy"];

fn some_rules() -> impl Strategy<Value = String> {
    let rule = (select(PATTERNS), any::<bool>());
    let list = prop::collection::vec(rule, 1..6);
    list.prop_map(|rules| {
        let line = |(text, allows): &(&str, bool)| {
            format!("  - \"{}{text}\"\n", if *allows { "!" } else { "" })
        };
        format!("deny_read:\n{}", rules.iter().map(line).collect::<String>())
    })
}

fn some_path() -> impl Strategy<Value = String> {
    let base = select(vec![PROJECT, "/Users/u", "/Users/u/.ssh"]);
    let names = subsequence(NAMES, 1..=4).prop_shuffle();
    (base, names).prop_map(|(base, names)| format!("{base}/{}", names.join("/")))
}

/// Whether re-allowed names may stand both above and below what is denied: only then is the text
/// stricter than the rules, for an expression cannot say which came first.
fn may_be_stricter(text: &str) -> bool {
    let wide = ["!**/", "!*\"", "![", "!x?"];
    text.matches("\"!").count() > 1 || wide.iter().any(|wide| text.contains(wide))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// What the policy denies the profile denies, in capitals too; and what it does not deny can be read.
    #[test]
    fn the_text_says_what_the_rules_say(
        text in some_rules(),
        paths in prop::collection::vec((some_path(), any::<bool>()), 12),
    ) {
        let policy = only(&text);
        let judge = judge(&sandbox(&policy));
        for (path, is_dir) in &paths {
            let act = Act { is_dir: *is_dir, ..act("file-read-data", path) };
            let denied = policy.read.judge(Path::new(path), *is_dir).is_some();
            if denied {
                prop_assert!(!judge.allows(act), "{path} can be read\n{text}");
            } else if !may_be_stricter(&text) {
                prop_assert!(judge.allows(act), "{path} cannot be read\n{text}");
            }
            let fixed = policy.read.rules().iter().all(|rule| !rule.allows);
            if denied && fixed && let Some(rest) = path.strip_prefix(PROJECT) {
                let loud = format!("{PROJECT}{}", rest.to_uppercase());
                let act = Act { path: &loud, ..act };
                prop_assert!(!judge.allows(act), "{loud} can be read\n{text}");
            }
        }
    }
}
