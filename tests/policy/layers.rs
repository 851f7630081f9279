//! What must hold of the merge, whatever the files say.

use std::ffi::OsStr;
use std::path::Path;

use aigate::config::merge::merge;
use aigate::config::raw;
use aigate::config::source::Source;
use aigate::policy::{Host, Layer, Policy};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

const PROJECT: &str = "/home/u/p";
const HOME: &str = "/home/u";

const PATHS: &[&str] = &[
    ".env",
    "*.pem",
    "a/",
    "./a/b",
    "~/.ssh/",
    "~/.ssh/known",
    "/etc/x",
    "**/b/",
    "a/**/x.pem",
    "*",
];
const PROGRAMS: &[&str] = &["curl", "git push", "git", "/usr/bin/curl"];
/// What only `allow_exec` may name as well.
const LISTED: &[&str] = &[
    "curl",
    "git push",
    "git",
    "/usr/bin/curl",
    "/usr/bin/",
    "/bin/",
];
const HOSTS: &[&str] = &[
    "a.example",
    "*.example",
    "*",
    "10.0.0.0/8",
    "a.example:80",
    "localhost:80",
];
const NAMES: &[&str] = &["*_TOKEN", "A_TOKEN", "*", "HOME"];
const SOCKETS: &[&str] = &["/run/x", "~/s"];

const ASKED_PATHS: &[&str] = &[
    "/home/u/p/.env",
    "/home/u/p/a/.env",
    "/home/u/p/a/b/x.pem",
    "/home/u/p/x.pem",
    "/home/u/p/c",
    "/home/u/.ssh/id",
    "/home/u/.ssh/known",
    "/etc/x",
    "/home/u/other",
    "/home/u/p/a",
];
const ASKED_PROGRAMS: &[&str] = &["curl", "/usr/bin/curl", "/usr/bin/git", "/bin/x", "/opt/y"];
const ASKED_HOSTS: &[&str] = &[
    "a.example",
    "b.example",
    "example",
    "10.1.2.3",
    "localhost",
    "9.9.9.9",
];
const ASKED_NAMES: &[&str] = &["A_TOKEN", "B_TOKEN", "HOME", "PATH"];

fn some(from: &'static [&'static str]) -> impl Strategy<Value = Option<Vec<raw::Text>>> {
    let list = subsequence(from, 0..=from.len().min(4)).prop_shuffle();
    let list = list.prop_map(|items| items.into_iter().map(raw::typed).collect());
    prop_oneof![1 => Just(None), 2 => list.prop_map(Some)]
}

/// A list of denials, some of them with `!`.
fn denials(from: &'static [&'static str]) -> impl Strategy<Value = Option<Vec<raw::Text>>> {
    let item = (select(from), any::<bool>(), any::<bool>());
    let text = |(item, a, b): (&str, bool, bool)| match a && b {
        true => raw::typed(format!("!{item}")),
        false => raw::typed(item),
    };
    proptest::option::of(proptest::collection::vec(item.prop_map(text), 0..4))
}

fn words(list: Option<Vec<raw::Text>>, only: &[&str]) -> Option<Vec<raw::Text>> {
    // allow_write takes no wildcards outside the project.
    let fits = |text: &raw::Text| only.is_empty() || only.contains(&text.value.as_str());
    list.map(|items| items.into_iter().filter(fits).collect())
}

prop_compose! {
    fn layer()(
        deny_read in denials(PATHS), allow_read in some(PATHS),
        deny_write in denials(PATHS), allow_write in some(PATHS),
        deny_exec in denials(PROGRAMS), allow_exec in some(LISTED),
        (deny_net, allow_net) in (some(HOSTS), some(HOSTS)),
        (deny, pass) in (denials(NAMES), some(NAMES)),
        unix_sockets in some(SOCKETS),
        network in proptest::option::of(select(&[
            raw::Network::Open, raw::Network::Filtered, raw::Network::Off,
        ][..])),
        max_pids in proptest::option::of(1u32..100),
        exec in proptest::option::of(select(&[raw::Exec::Denylist, raw::Exec::Allowlist][..])),
    ) -> raw::Layer {
        let place = serde_saphyr::Location::UNKNOWN;
        raw::Layer {
            deny_read, allow_read, deny_write, allow_write, deny_exec, allow_exec,
            // A loopback denial needs no port, an allowance does: both lists have one.
            deny_net, allow_net, unix_sockets,
            env: Some(raw::Env { deny, pass, set: None }),
            exec: exec.map(|word| serde_saphyr::Spanned::new(word, place, place)),
            network: network.map(|word| serde_saphyr::Spanned::new(word, place, place)),
            resource_limits: Some(raw::Limits {
                max_pids: max_pids.map(|pids| serde_saphyr::Spanned::new(pids, place, place)),
                ..raw::Limits::default()
            }),
            ..raw::Layer::default()
        }
    }
}

fn source(layer: Layer, raw: &raw::Layer, trusted: bool) -> Source {
    let fixed = [
        "./a/b",
        "~/.ssh/",
        "~/.ssh/known",
        "/etc/x",
        ".env",
        "*.pem",
        "a/",
    ];
    let mut raw = raw.clone();
    raw.allow_write = words(raw.allow_write, &fixed);
    Source {
        layer,
        file: None,
        base: PROJECT.into(),
        trusted,
        text: String::new(),
        raw,
    }
}

fn policy(sources: &[Source]) -> Policy {
    merge(sources, Path::new(PROJECT), Path::new(HOME)).expect("a valid policy")
}

/// Every question and its answer; true is "allowed".
fn answers(policy: &Policy) -> Vec<(String, bool)> {
    let mut answers = Vec::new();
    for path in ASKED_PATHS {
        for is_dir in [false, true] {
            let path = Path::new(path);
            let judged = [
                ("read", policy.reads(path, is_dir)),
                ("write", policy.writes(path, is_dir)),
            ];
            for (verb, judged) in judged {
                answers.push((
                    format!("{verb} {} {is_dir}", path.display()),
                    judged.allowed,
                ));
            }
        }
    }
    for program in ASKED_PROGRAMS {
        for args in [&[][..], &[OsStr::new("push")]] {
            let judged = policy.starts(Path::new(*program), args);
            answers.push((format!("exec {program} {args:?}"), judged.allowed));
        }
    }
    for host in ASKED_HOSTS {
        for port in [80, 443] {
            let judged = policy.connects(&Host::parse(host).expect("host"), port);
            answers.push((format!("net {host}:{port}"), judged.allowed));
        }
    }
    for name in ASKED_NAMES {
        answers.push((
            format!("env {name}"),
            policy.passes(OsStr::new(name)).allowed,
        ));
    }
    for socket in ["/run/x", "/home/u/s"] {
        let open = policy
            .unix_sockets
            .iter()
            .any(|grant| grant.path == Path::new(socket));
        answers.push((format!("socket {socket}"), open));
    }
    answers
}

fn never_more(before: &Policy, after: &Policy) -> Result<(), TestCaseError> {
    for ((question, was), (_, is)) in answers(before).into_iter().zip(answers(after)) {
        prop_assert!(was || !is, "{} is allowed now", question);
    }
    prop_assert!(after.network >= before.network);
    let pids = |policy: &Policy| {
        policy
            .limits
            .max_pids
            .as_ref()
            .map_or(u32::MAX, |(pids, _)| *pids)
    };
    prop_assert!(pids(after) <= pids(before));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn an_untrusted_project_file_allows_nothing(
        managed in layer(), user in layer(), profile in layer(), own in layer(), project in layer(),
    ) {
        let mut sources = vec![
            source(Layer::Managed, &managed, true),
            source(Layer::User, &user, true),
            source(Layer::Profile, &profile, true),
            source(Layer::UserProject, &own, true),
        ];
        let before = policy(&sources);
        sources.insert(3, source(Layer::Project, &project, false));
        never_more(&before, &policy(&sources))?;
    }

    #[test]
    fn the_managed_file_is_a_ceiling(
        managed in layer(), user in layer(), project in layer(), own in layer(),
    ) {
        let alone = [source(Layer::Managed, &managed, true)];
        let ceiling = policy(&alone);
        let all = policy(&[
            source(Layer::Managed, &managed, true),
            source(Layer::User, &user, true),
            source(Layer::Project, &project, true),
            source(Layer::UserProject, &own, true),
        ]);
        // What no rule of the managed file denies is left to the user.
        let denied_by_rule = |path: &Path| ceiling.read.judge(path, false).is_some();
        for path in ASKED_PATHS.iter().map(Path::new) {
            prop_assert!(!denied_by_rule(path) || !all.reads(path, false).allowed, "{}", path.display());
            let closed = ceiling.write.judge(path, false).is_some();
            prop_assert!(!closed || !all.writes(path, false).allowed, "{}", path.display());
        }
        for name in ASKED_NAMES.iter().map(OsStr::new) {
            prop_assert!(ceiling.env.passes(name).is_ok() || all.env.passes(name).is_err());
        }
        let closed = managed.exec.as_ref().is_some_and(|mode| mode.value == raw::Exec::Allowlist);
        prop_assert!(!closed || all.exec.allowlist().is_some());
        for program in ASKED_PROGRAMS.iter().map(Path::new) {
            let out = ceiling.exec.judge(program, &[]).is_some()
                || (closed && ceiling.exec.listed().next().is_some() && ceiling.exec.unlisted(program).is_some());
            prop_assert!(!out || !all.starts(program, &[]).allowed, "{}", program.display());
        }
        let says_how_open = ceiling.network_origin.layer == Layer::Managed;
        prop_assert!(!says_how_open || all.network >= ceiling.network);
        let lists_hosts = managed.allow_net.as_ref().is_some_and(|hosts| !hosts.is_empty());
        for host in ASKED_HOSTS.iter().filter(|_| lists_hosts) {
            let host = Host::parse(host).expect("host");
            for port in [80, 443] {
                prop_assert!(
                    ceiling.connects(&host, port).allowed || !all.connects(&host, port).allowed
                );
            }
        }
    }

    #[test]
    fn the_order_of_untrusted_files_is_of_no_account(
        user in layer(), first in layer(), second in layer(),
    ) {
        let user = source(Layer::User, &user, true);
        let (first, second) = (
            source(Layer::Project, &first, false),
            source(Layer::Project, &second, false),
        );
        let one = policy(&[user.clone(), first.clone(), second.clone()]);
        let other = policy(&[user, second, first]);
        prop_assert_eq!(answers(&one), answers(&other));
    }

    #[test]
    fn the_order_of_denials_is_of_no_account(
        (items, shuffled) in subsequence(PATHS, 0..PATHS.len())
            .prop_flat_map(|items| (Just(items.clone()), Just(items).prop_shuffle())),
    ) {
        let layer = |items: Vec<&str>| raw::Layer {
            deny_read: Some(items.into_iter().map(raw::typed).collect()),
            ..raw::Layer::default()
        };
        let one = policy(&[source(Layer::User, &layer(items), true)]);
        let other = policy(&[source(Layer::User, &layer(shuffled), true)]);
        prop_assert_eq!(answers(&one), answers(&other));
    }

    #[test]
    fn the_cheap_question_has_the_same_answer(user in layer(), project in layer()) {
        let policy = policy(&[
            source(Layer::User, &user, true),
            source(Layer::Project, &project, false),
        ]);
        for path in ASKED_PATHS.iter().map(Path::new) {
            let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else { continue };
            for is_dir in [false, true] {
                let rules = &policy.read;
                // For an entry of a directory that is not denied itself.
                if rules.judge(parent, true).is_none() {
                    let cheap = rules.judge_name(parent, name, is_dir);
                    prop_assert_eq!(cheap, rules.judge(path, is_dir));
                }
                if rules.spares(parent) && rules.judge(parent, true).is_none() {
                    let wild = rules.judge(path, is_dir).filter(|origin| {
                        rules.rules().iter().any(|r| r.origin == **origin && !r.pattern.is_fixed())
                    });
                    prop_assert_eq!(wild, None, "{} is spared", parent.display());
                }
            }
        }
    }
}
