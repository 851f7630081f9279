//! What a program finds in the sandbox of this place: tried by this program, started in there.

use std::io;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Stdio};

use nix::unistd::geteuid;
use serde::{Deserialize, Serialize};

use super::{Finding, machine, windows};
use crate::engine::probe::{self, Ability, Refused};
use crate::engine::surroundings::Facts;
use crate::policy::{Engine, Policy};

/// What is said from inside.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Said {
    /// Who refused a user namespace, and with which error.
    nested: Option<(String, i32)>,
    /// Whether the socket answers that was named.
    answers: bool,
}

/// The part of it that runs inside: a line for [`start`]. `socket` is the one that starts programs of
/// Windows.
#[must_use]
pub fn within(socket: Option<&Path>) -> String {
    let nested = probe::attempt(Ability::UserNamespace).err();
    let said = Said {
        nested: nested.map(|Refused { what, source }| (what, source.raw_os_error().unwrap_or(0))),
        answers: socket.is_some_and(|socket| UnixStream::connect(socket).is_ok()),
    };
    serde_json::json!(said).to_string()
}

/// The whole of it: this program, in the sandbox of this place.
pub(super) fn start(facts: &Facts, policy: &Policy, cure: &str) -> Vec<Finding> {
    const WHAT: &str = "sandbox";
    let mut command = Command::new("/proc/self/exe");
    command.args(["exec", "--", "/proc/self/exe", "doctor", "--within"]);
    command.args(windows::socket()).stdin(Stdio::null());
    let why = match command.output() {
        Ok(output) if output.status.success() => {
            let said = serde_json::from_slice::<Said>(&output.stdout);
            let mut found = vec![Finding::ok(WHAT, "started a program in it")];
            found.push(match &said {
                Ok(said) => nested(facts, policy.engine, geteuid().is_root(), said),
                Err(why) => Finding::note(NESTED, format!("not told: {why}")),
            });
            if said.is_ok_and(|said| said.answers) {
                found.push(windows::reached());
            }
            return found;
        }
        Ok(output) => String::from_utf8_lossy(&output.stderr)
            .trim_end()
            .to_owned(),
        Err(error) => error.to_string(),
    };
    let why = why.strip_prefix("aigate: ").unwrap_or(&why);
    vec![Finding::lost(WHAT, "nothing runs here", why, cure)]
}

const NESTED: &str = "nested";

/// Whether programs inside can make a sandbox of their own.
fn nested(facts: &Facts, engine: Engine, is_root: bool, said: &Said) -> Finding {
    let Some((what, errno)) = &said.nested else {
        return Finding::ok(NESTED, "programs inside can make a sandbox of their own");
    };
    let source = io::Error::from_raw_os_error(*errno);
    let what = what.clone();
    let refused = Refused { what, source };
    if engine == Engine::Landlock {
        let text =
            "programs inside make no sandbox of their own, whichever they are, with this engine";
        return Finding::note(NESTED, text);
    }
    if is_root {
        let text = format!("root's programs make no sandbox of their own inside: {refused}");
        return Finding::note(NESTED, text);
    }
    Finding::lost(
        NESTED,
        "browsers and agents that make a sandbox of their own do not start inside, or go without",
        refused.to_string(),
        machine::namespaces(facts, &refused),
    )
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;

    #[test]
    fn no_sandbox_inside_is_a_loss_where_there_could_be_one() {
        let judge = |engine, is_root, errno: Option<i32>| {
            let nested = errno.map(|errno| ("clone".to_owned(), errno));
            let answers = false;
            nested_state(engine, is_root, &Said { nested, answers })
        };
        let refused = Some(libc::ENOSPC);
        assert!(matches!(judge(Engine::Auto, false, None), State::Ok(_)));
        assert!(matches!(judge(Engine::Auto, true, refused), State::Note(_)));
        assert!(matches!(
            judge(Engine::Landlock, false, refused),
            State::Note(_)
        ));
        for engine in [Engine::Auto, Engine::Native, Engine::Bwrap] {
            let State::Lost(loss) = judge(engine, false, refused) else {
                panic!("{engine:?}");
            };
            assert!(loss.cure.contains("user.max_user_namespaces"), "{loss:?}");
        }
    }

    fn nested_state(engine: Engine, is_root: bool, said: &Said) -> State {
        nested(&Facts::default(), engine, is_root, said).state
    }
}
