//! Terminals: one's own inside, and the caller's.

use crate::support::{Outcome, World, place, process, python, skip, tool};

/// Types into a program on a terminal: a list of (wait for this text, then type that).
const DRIVER: &str = r"
import fcntl, json, os, pty, select, struct, sys, termios, time
steps = json.loads(sys.argv[1])
child, terminal = pty.fork()
if child == 0:
    os.execvp(sys.argv[2], sys.argv[2:])
fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack('HHHH', 33, 111, 0, 0))
seen, all = '', ''
end = time.time() + 20
while time.time() < end:
    if steps and steps[0][0] in seen:
        keys = steps.pop(0)[1]
        seen = ''
        if keys.startswith('resize '):
            rows, columns = map(int, keys.split()[1:])
            fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack('HHHH', rows, columns, 0, 0))
        else:
            time.sleep(0.1)
            os.write(terminal, keys.encode())
    if select.select([terminal], [], [], 0.05)[0]:
        try:
            part = os.read(terminal, 4096).decode(errors='replace')
        except OSError:
            break
        if not part:
            break
        seen += part
        all += part
else:
    print('TIMEOUT, still waiting for', steps[:1])
print(all.replace('\r\n', '\n'))
code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) if time.time() < end else 'none'
print('CODE', code)
";

fn typed(world: &World, steps: &[(&str, &str)], run: &[&str]) -> Outcome {
    let steps = serde_json::to_string(steps).unwrap();
    let mut driver = world.command("python3");
    driver.args(["-c", DRIVER, &steps]).args(run);
    process::run(driver)
}

fn aigate() -> String {
    place::binary().into_os_string().into_string().unwrap()
}

#[track_caller]
fn says(outcome: &Outcome, texts: &[&str]) {
    assert!(!outcome.said("TIMEOUT"), "{outcome}");
    for text in texts {
        assert!(outcome.said(text), "{text} is missing\n{outcome}");
    }
}

#[test]
fn a_terminal_of_ones_own_works() {
    let world = World::new();
    world.permits(&python(
        "import pty, os; pty.spawn(['tty']); a, b = pty.openpty(); print(os.ttyname(b))",
    ));
    world.permits("script -qec 'tty && echo in-script' /dev/null");
}

#[test]
fn tmux_works_inside() {
    if !tool("tmux") {
        skip!("tmux is not installed");
    }
    World::new().permits(
        "tmux -f /dev/null new-session -d -s x 'echo from-tmux > out; sleep 5' && \
         for i in $(seq 100); do test -s out && break; sleep 0.05; done; cat out && tmux kill-server",
    );
}

#[test]
fn the_callers_terminal_is_one_inside() {
    let outcome = typed(
        &World::new(),
        &[],
        &[
            &aigate(),
            "exec",
            "--",
            "sh",
            "-c",
            "test -t 0 && test -t 1 && tty && stty size",
        ],
    );
    says(&outcome, &["/dev/", "33 111", "CODE 0"]);
}

#[test]
fn a_program_inside_sees_what_is_typed_and_its_prompt_is_shown() {
    let ask = "printf 'Name: '; read name; echo \"hello $name\"";
    let outcome = typed(
        &World::new(),
        &[("Name: ", "eve\n")],
        &[&aigate(), "exec", "--", "sh", "-c", ask],
    );
    says(&outcome, &["hello eve", "CODE 0"]);
}

#[test]
fn a_new_window_size_arrives() {
    let act = "trap 'stty size; exit 0' WINCH; echo ready; while :; do sleep 0.05; done";
    let outcome = typed(
        &World::new(),
        &[("ready", "resize 40 99")],
        &[&aigate(), "exec", "--", "sh", "-c", act],
    );
    says(&outcome, &["40 99", "CODE 0"]);
}

#[test]
fn an_interrupt_from_the_keyboard_arrives() {
    let act = "trap 'echo interrupted; exit 5' INT; echo ready; while :; do sleep 0.05; done";
    let outcome = typed(
        &World::new(),
        &[("ready", "\u{3}")],
        &[&aigate(), "exec", "--", "sh", "-c", act],
    );
    says(&outcome, &["interrupted", "CODE 5"]);
}

#[test]
fn a_shell_outside_stops_and_continues_a_run() {
    let run = format!(
        "{} exec -- sh -c 'echo ready; read line; echo got-$line'\n",
        aigate()
    );
    let steps = [
        ("$ ", run.as_str()),
        ("ready", "\u{1a}"),
        ("topped", "echo mark-$((40+2))\n"),
        ("mark-42", "fg\n"),
        ("exec", "tea\n"),
        ("got-tea", "exit 3\n"),
    ];
    let world = World::new().env("PS1", "$ ");
    says(
        &typed(&world, &steps, &["bash", "--norc", "--noprofile", "-i"]),
        &["got-tea", "CODE 3"],
    );
}

#[test]
fn a_shell_inside_has_job_control() {
    let steps = [
        ("$ ", "sleep 50\n"),
        ("sleep", "\u{1a}"),
        ("topped", "jobs && kill %1 && echo mark-$((40+2))\n"),
        ("mark-42", "exit 4\n"),
    ];
    let world = World::new().env("PS1", "$ ");
    let run = [
        &*aigate(),
        "exec",
        "--",
        "bash",
        "--norc",
        "--noprofile",
        "-i",
    ];
    let outcome = typed(&world, &steps, &run);
    says(&outcome, &["mark-42"]);
    assert!(!outcome.said("no job control"), "{outcome}");
}

#[test]
fn the_terminal_is_as_before_after_a_run_was_killed() {
    let act = format!(
        "before=$(stty -g); {} exec -- sh -c 'stty raw -echo; kill -9 $$'; stty sane; echo end",
        aigate()
    );
    says(&typed(&World::new(), &[], &["sh", "-c", &act]), &["end"]);
}
