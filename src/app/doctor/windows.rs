//! The Linux of Windows: which it is, and whether programs of Windows can be started from it.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::os::unix::net::UnixStream;
use std::path::Path;

use super::Finding;
use crate::engine::surroundings::{self, Windows};

const WHAT: &str = "windows";

/// The variable that names the socket at which programs of Windows are started.
const SOCKET: &str = "WSL_INTEROP";

/// How programs of Windows are started from here.
#[derive(Debug, Clone, Copy)]
struct Interop {
    /// The kernel knows what to do with them.
    registered: bool,
    /// Somebody answers at the socket.
    answers: bool,
}

/// Which Linux of Windows this is, if it is one.
fn which() -> Option<Windows> {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    surroundings::windows(&release, Path::new("/run/WSL").is_dir())
}

/// The socket at which programs of Windows are started.
pub(super) fn socket() -> Option<OsString> {
    which().and_then(|_| env::var_os(SOCKET))
}

/// Where this is no Linux of Windows there is nothing to say.
pub(super) fn finding() -> Option<Finding> {
    let which = which()?;
    let formats = ["WSLInterop", "WSLInterop-late"];
    let mut formats = formats
        .map(|name| Path::new("/proc/sys/fs/binfmt_misc").join(name))
        .into_iter();
    let interop = Interop {
        registered: formats.any(|format| format.exists()),
        answers: socket().is_some_and(|socket| UnixStream::connect(socket).is_ok()),
    };
    let distribution = env::var("WSL_DISTRO_NAME").unwrap_or_else(|_| "DISTRIBUTION".to_owned());
    Some(judge(which, interop, &distribution))
}

fn judge(which: Windows, interop: Interop, distribution: &str) -> Finding {
    if which == Windows::First {
        return Finding::lost(
            WHAT,
            "nothing runs: there are no namespaces",
            "this is the first version of Windows' Linux (WSL1)",
            format!("in PowerShell: wsl --set-version {distribution} 2"),
        );
    }
    let programs = match interop {
        Interop {
            answers: true,
            registered: true,
        } => "can be started here, outside of the sandbox",
        Interop { answers: true, .. } => {
            "are not known to the kernel, but the socket to them answers"
        }
        Interop { .. } => "cannot be started here: the socket to them does not answer",
    };
    let text = format!("Windows' Linux, the second version (WSL2); programs of Windows {programs}");
    Finding::note(WHAT, text)
}

/// The socket answered inside as well.
pub(super) fn reached() -> Finding {
    Finding::lost(
        WHAT,
        "programs of Windows can be started from inside, where no rule holds",
        format!("the socket of {SOCKET} answers there"),
        "take /run/WSL out of `unix_sockets` in the rules; `aigate status` names their files",
    )
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;

    #[test]
    fn the_first_version_is_a_loss_and_the_second_says_what_was_tried() {
        let with = |registered, answers| Interop {
            registered,
            answers,
        };
        let State::Lost(loss) = judge(Windows::First, with(true, true), "Debian").state else {
            panic!("no namespaces");
        };
        assert_eq!(loss.cure, "in PowerShell: wsl --set-version Debian 2");
        for (interop, words) in [
            (with(true, true), "can be started here"),
            (with(false, true), "not known to the kernel"),
            (with(true, false), "does not answer"),
            (with(false, false), "does not answer"),
        ] {
            let State::Note(text) = judge(Windows::Second, interop, "Debian").state else {
                panic!("nothing is lost");
            };
            assert!(text.contains(words), "{interop:?}: {text}");
        }
    }
}
