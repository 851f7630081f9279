//! What switches an agent's hooks off where no sandbox is: shown by the agent itself, and that
//! `aigate integrate status` says so.

use std::fs;

use super::agent::{Agent, CLAUDE, CODEX, GEMINI, LIMIT, OPENCODE, QWEN};
use super::session;
use super::support::session::Session;
use super::support::{SECRET, only_as_root, place, process, quoted, skip};

/// One way, and what status says of it.
struct Off {
    /// A file below the home, and the text that it gets.
    file: Option<(&'static str, &'static str)>,
    variable: Option<(&'static str, &'static str)>,
    arguments: &'static [&'static str],
    says: &'static str,
    skips: Skips,
}

/// Which hooks are skipped so.
#[derive(Clone, Copy, PartialEq)]
enum Skips {
    /// All but those for everybody.
    User,
    /// Those for everybody, too.
    Managed,
    /// Those, too, in the last Claude Code for an older node.
    ManagedOnce,
}

const NOT: Off = Off {
    file: None,
    variable: None,
    arguments: &[],
    says: "",
    skips: Skips::User,
};

const CLAUDE_OFF: &[Off] = &[
    Off {
        file: Some((
            "work/app/.claude/settings.json",
            "{\"disableAllHooks\": true}",
        )),
        says: "app/.claude/settings.json switches the hooks off",
        ..NOT
    },
    Off {
        variable: Some(("CLAUDE_CODE_SIMPLE", "1")),
        says: "the variable CLAUDE_CODE_SIMPLE is set here",
        skips: Skips::ManagedOnce,
        ..NOT
    },
    Off {
        variable: Some(("CLAUDE_CONFIG_DIR", "{home}/other")),
        says: "other/settings.json is where its settings are now",
        ..NOT
    },
    Off {
        file: Some((".claude/settings.json", "// mine\n{text}")),
        says: "not valid, so its agent ignores it",
        ..NOT
    },
    // These are nowhere to be seen beforehand.
    Off {
        arguments: &["--bare"],
        says: "not covered: --bare",
        skips: Skips::ManagedOnce,
        ..NOT
    },
    Off {
        arguments: &["--setting-sources", "project"],
        says: "--setting-sources project",
        ..NOT
    },
];

const CODEX_OFF: &[Off] = &[
    Off {
        file: Some((".codex/config.toml", "{text}\n[features]\nhooks = false\n")),
        says: ".codex/config.toml switches the hooks off",
        ..NOT
    },
    Off {
        arguments: &["-c", "features.hooks=false"],
        says: "`-c features.hooks=false` skip",
        ..NOT
    },
];

const GEMINI_OFF: &[Off] = &[
    Off {
        file: Some((
            "work/app/.gemini/settings.json",
            "{\"hooksConfig\": {\"enabled\": false}}",
        )),
        says: "app/.gemini/settings.json switches the hooks off",
        ..NOT
    },
    Off {
        file: Some((
            "work/app/.gemini/settings.json",
            "{\"hooksConfig\": {\"disabled\": [\"aigate\"]}}",
        )),
        says: "app/.gemini/settings.json switches the hooks off",
        skips: Skips::Managed,
        ..NOT
    },
];

const QWEN_OFF: &[Off] = &[
    Off {
        file: Some((
            "work/app/.qwen/settings.json",
            "{\"disableAllHooks\": true}",
        )),
        says: "app/.qwen/settings.json switches the hooks off",
        ..NOT
    },
    Off {
        variable: Some(("QWEN_CODE_SIMPLE", "1")),
        says: "the variable QWEN_CODE_SIMPLE is set here",
        skips: Skips::Managed,
        ..NOT
    },
    Off {
        variable: Some(("QWEN_HOME", "{home}/other")),
        says: "other/settings.json is where its settings are now",
        ..NOT
    },
];

const OPENCODE_OFF: &[Off] = &[Off {
    variable: Some(("OPENCODE_PURE", "1")),
    says: "the variable OPENCODE_PURE is set here",
    ..NOT
}];

fn are_told(agent: &Agent, ways: &[Off]) {
    let session = session!(agent);
    session.aigate(&["integrate", "install", agent.command]);
    let (on, told) = agent.start(&session, false);
    assert!(!told.contains(SECRET), "control arm: {on}\n{told}");
    for way in ways {
        is_told(agent, &session, way);
    }
}

fn is_told(agent: &Agent, session: &Session, way: &Off) {
    let ((off, told), status) = way.tried(session, |variables| {
        let mut status = session.world.aigate();
        status.args(["integrate", "status", agent.command]);
        status.envs(variables.iter().copied());
        let started = agent.start_with(session, false, variables, way.arguments);
        (started, process::run(status))
    });
    assert!(status.out.contains(way.says), "{}: {status}", way.says);
    assert_eq!(status.ok(), !way.arguments.is_empty(), "{status}");
    assert!(told.contains(SECRET), "{}: {off}\n{told}", way.says);
}

impl Off {
    /// Does something with these variables while the file is there.
    fn tried<T>(&self, session: &Session, act: impl FnOnce(&[(&str, &str)]) -> T) -> T {
        let home = session.world.home();
        let filled = |value: &str| value.replace("{home}", home.to_str().unwrap());
        let variable = self.variable.map(|(name, value)| (name, filled(value)));
        let variables: Vec<_> = variable
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        let Some((file, text)) = self.file else {
            return act(&variables);
        };
        let file = home.join(file);
        let before = fs::read_to_string(&file).ok();
        let text = text.replace("{text}", before.as_deref().unwrap_or_default());
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, text).unwrap();
        let done = act(&variables);
        match before {
            Some(before) => fs::write(file, before).unwrap(),
            None => fs::remove_file(file).unwrap(),
        }
        done
    }
}

/// The same ways against hooks that root has put in for everybody, in an /etc of the test's own.
fn managed_hooks_stay(agent: &Agent, ways: &[Off]) {
    only_as_root!();
    let session = session!(agent);
    let etc = session.world.root().join("etc");
    let script = format!(
        "cp -a /etc {etc}; mount --bind {etc} /etc; mkdir -p -m 755 /etc/bin
         cp {aigate} /etc/bin/aigate; /etc/bin/aigate integrate install {name} --managed >&2
         exec \"$@\"",
        etc = quoted(&etc),
        aigate = quoted(place::binary()),
        name = agent.command,
    );
    let mut version = session.program(agent.command, false);
    version.arg("--version");
    let is_old = process::run_within(version, LIMIT).said("2.1.197 (Claude Code)");
    for way in ways {
        let stays = way.skips != Skips::Managed && !(way.skips == Skips::ManagedOnce && is_old);
        let before = session.requests().len();
        let said = way.tried(&session, |variables| {
            let real = agent.started(&session, false, variables, way.arguments);
            let mut command = session.world.command("unshare");
            command.args(["--mount", "/bin/sh", "-euc", &script, "sh"]);
            command.arg(real.get_program()).args(real.get_args());
            let variables = real.get_envs();
            command.envs(variables.filter_map(|(name, value)| Some((name, value?))));
            process::run_within(command, LIMIT)
        });
        fs::remove_dir_all(&etc).unwrap();
        let told = &session.requests()[before..];
        let way = format!("{:?} {:?} {:?}", way.file, way.variable, way.arguments);
        if stays {
            let refused = !said.said("MOCK-FINAL") && !told.contains(SECRET);
            assert!(refused, "{way}: {said}\n{told}");
        } else {
            assert!(
                told.contains(SECRET),
                "they stay now: {way}: {said}\n{told}"
            );
        }
    }
}

#[test]
fn claude_without_its_hooks_is_told() {
    are_told(&CLAUDE, CLAUDE_OFF);
}
#[test]
fn codex_without_its_hooks_is_told() {
    are_told(&CODEX, CODEX_OFF);
}
#[test]
fn gemini_without_its_hooks_is_told() {
    are_told(&GEMINI, GEMINI_OFF);
}
#[test]
fn qwen_without_its_hooks_is_told() {
    are_told(&QWEN, QWEN_OFF);
}
#[test]
fn opencode_without_its_hooks_is_told() {
    are_told(&OPENCODE, OPENCODE_OFF);
}

#[test]
fn managed_hooks_of_claude_stay() {
    managed_hooks_stay(&CLAUDE, CLAUDE_OFF);
}
#[test]
fn managed_hooks_of_codex_stay() {
    managed_hooks_stay(&CODEX, CODEX_OFF);
}
#[test]
fn managed_hooks_of_gemini_stay() {
    managed_hooks_stay(&GEMINI, GEMINI_OFF);
}
#[test]
fn managed_hooks_of_qwen_stay() {
    managed_hooks_stay(&QWEN, QWEN_OFF);
}
