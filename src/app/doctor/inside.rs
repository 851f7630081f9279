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
                Ok(said) => nested(facts, forgone(policy, geteuid().is_root()), said),
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

/// Why no program inside could make a sandbox of its own, on any machine.
fn forgone(policy: &Policy, is_root: bool) -> Option<&'static str> {
    match policy.engine {
        Engine::Landlock => Some("with `engine: landlock` there are none"),
        _ if policy.exec.allowlist().is_some() => Some("with `exec: allowlist` there are none"),
        _ if is_root => Some("root's programs can make none"),
        _ => None,
    }
}

/// Whether programs inside can make a sandbox of their own.
fn nested(facts: &Facts, forgone: Option<&str>, said: &Said) -> Finding {
    let Some((what, errno)) = &said.nested else {
        return Finding::ok(NESTED, "programs inside can make a sandbox of their own");
    };
    let source = io::Error::from_raw_os_error(*errno);
    let what = what.clone();
    let refused = Refused { what, source };
    if let Some(why) = forgone {
        return Finding::note(NESTED, format!("no sandboxes inside: {why} ({refused})"));
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
        let judge = |forgone, errno: Option<i32>| {
            let nested = errno.map(|errno| ("clone".to_owned(), errno));
            let answers = false;
            super::nested(&Facts::default(), forgone, &Said { nested, answers }).state
        };
        let refused = Some(libc::ENOSPC);
        assert!(matches!(judge(None, None), State::Ok(_)));
        assert!(matches!(judge(Some("why"), refused), State::Note(why) if why.contains("why")));
        let State::Lost(loss) = judge(None, refused) else {
            panic!("nobody gave it up");
        };
        assert!(loss.cure.contains("user.max_user_namespaces"), "{loss:?}");
    }
}
