//! The caller's terminal, and programs that want to type into it.

use crate::support::{Outcome, World, place, process};

/// A shell on a terminal of its own runs a command with piped input, then reads a line, as the
/// user's shell would.
const SESSION: &str = r"
import os, pty, sys
child, terminal = pty.fork()
if child == 0:
    script = '\'$@\' </dev/null; timeout --foreground 3 head -n 1 </dev/tty | sed s/^/GOT:/'.replace('\'', chr(34))
    os.execv('/bin/sh', ['sh', '-c', script, 'sh', *sys.argv[1:]])
while True:
    try:
        part = os.read(terminal, 1000)
    except OSError:
        break
    if not part:
        break
    sys.stdout.write(part.decode())
";

fn session(world: &World, run: &[&str], code: &str) -> Outcome {
    let mut shell = world.command("python3");
    shell.args(["-c", SESSION]).args(run);
    let code = format!(
        "import os\nprint('started', flush=True)\ntty = os.open('/dev/tty', os.O_RDWR)\n{code}"
    );
    shell.args(["python3", "-c", &code]);
    process::run(shell)
}

/// The code, which has the terminal as `tty`, types nothing that the caller's shell would read.
#[track_caller]
pub(crate) fn not_typed(world: &World, code: &str) {
    let binary = place::binary();
    let run = [binary.to_str().unwrap(), "exec", "--"];
    let inside = session(world, &run, code);
    assert!(
        inside.said("started"),
        "the sandbox did not start\n{inside}"
    );
    assert!(
        !inside.said("GOT:hunter2"),
        "ESCAPE: typed into the terminal\n{inside}"
    );
    let allowed = "test \"$(cat /proc/sys/dev/tty/legacy_tiocsti 2>/dev/null || echo 1)\" = 1";
    if world.control(allowed).ok() {
        let outside = session(world, &[], code);
        assert!(
            outside.said("GOT:hunter2"),
            "control arm: nothing was typed\n{outside}"
        );
    }
}
