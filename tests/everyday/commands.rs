//! Starting a command: arguments, streams, environment, exit status.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::ExitStatusExt;

use crate::support::{World, place, process, python, quoted};

#[test]
fn the_exit_status_is_that_of_the_command() {
    let world = World::new();
    for code in [0, 1, 2, 42, 125, 126, 127, 130, 255] {
        assert_eq!(world.sandboxed(&format!("exit {code}")).code(), Some(code));
    }
}

#[test]
fn a_signal_that_ends_the_command_is_passed_on() {
    let world = World::new();
    for (name, number) in [
        ("TERM", 15),
        ("KILL", 9),
        ("INT", 2),
        ("SEGV", 11),
        ("PIPE", 13),
    ] {
        let outcome = world.sandboxed(&format!("kill -{name} $$"));
        let as_shells_do = Some(128 + number);
        assert!(
            outcome.status.signal() == Some(number) || outcome.code() == as_shells_do,
            "{name}: {outcome}"
        );
    }
}

#[test]
fn a_missing_program_is_127_and_one_that_cannot_run_126() {
    let world = World::new().file("data", "no program");
    assert_eq!(
        process::run(world.exec("no-such-program-anywhere")).code(),
        Some(127)
    );
    assert_eq!(process::run(world.exec("./data")).code(), Some(126));
    assert_eq!(process::run(world.exec("/usr")).code(), Some(126));
}

#[test]
fn arguments_arrive_byte_for_byte() {
    let world = World::new();
    let odd = [
        "",
        " ",
        "a b",
        "*",
        "$HOME",
        "'\"",
        "new\nline",
        "--",
        "-c",
        "ünï",
        "\\",
    ];
    let mut run = world.exec("python3");
    run.args([
        "-c",
        "import sys, os; print([os.fsencode(a).hex() for a in sys.argv[1:]])",
    ]);
    run.args(odd).arg(OsStr::from_bytes(b"\xff\xfe"));
    let outcome = process::run(run);
    let expected: Vec<String> = odd
        .iter()
        .map(|text| text.as_bytes())
        .chain([&b"\xff\xfe"[..]])
        .map(|bytes| {
            format!(
                "'{}'",
                bytes.iter().map(|b| format!("{b:02x}")).collect::<String>()
            )
        })
        .collect();
    assert_eq!(
        outcome.out.trim(),
        format!("[{}]", expected.join(", ")),
        "{outcome}"
    );
}

#[test]
fn a_very_long_command_line_arrives() {
    let world = World::new();
    let mut run = world.exec("python3");
    run.args(["-c", "import sys; print(sum(map(len, sys.argv[1:])))"]);
    run.args(std::iter::repeat_n("x".repeat(1000), 1000));
    assert_eq!(process::run(run).out.trim(), "1000000");
}

#[test]
fn standard_input_arrives_and_its_end_too() {
    let world = World::new().file("in", "one\ntwo\n").caller("exec 0<in");
    assert_eq!(world.permits("cat; echo end").out, "one\ntwo\nend\n");
}

#[test]
fn a_pipe_on_either_side_works() {
    let world = World::new();
    let aigate = quoted(place::binary());
    let outcome = world.control(&format!(
        "seq 100000 | {aigate} exec -- sort -n | tail -n 1"
    ));
    assert_eq!(outcome.out.trim(), "100000", "{outcome}");
    // The reader goes first: the writer ends and nothing hangs.
    let outcome = world.control(&format!("{aigate} exec -- yes | head -n 1"));
    assert_eq!(outcome.out.trim(), "y", "{outcome}");
}

#[test]
fn the_two_output_streams_stay_apart() {
    let outcome = World::new().permits("echo to-out; echo to-err >&2");
    assert_eq!(
        (outcome.out.trim(), outcome.err.trim()),
        ("to-out", "to-err")
    );
}

#[test]
fn output_into_a_file_of_the_caller_works() {
    let world = World::new().caller("exec 1>>~/log");
    world.permits("echo one; echo two >> /dev/stdout");
    assert_eq!(
        std::fs::read_to_string(world.home().join("log")).unwrap(),
        "one\ntwo\n"
    );
}

#[test]
fn nothing_is_printed_by_us() {
    let world = World::new();
    let outcome = process::run(world.exec("true"));
    assert_eq!(
        (outcome.out.as_str(), outcome.err.as_str()),
        ("", ""),
        "{outcome}"
    );
}

#[test]
fn plain_variables_pass_and_odd_ones_too() {
    let world = World::new()
        .env("EDITOR", "vi")
        .env("ODD", "a\nb=c $x")
        .env("LC_ALL", "C.UTF-8");
    assert_eq!(
        world
            .permits("printf '%s|%s|%s' \"$EDITOR\" \"$ODD\" \"$LC_ALL\"")
            .out,
        "vi|a\nb=c $x|C.UTF-8"
    );
}

#[test]
fn the_working_directory_stays() {
    let world = World::new().repository().at("home/work/app/deep/er");
    let outcome = world.permits("pwd; pwd -P; touch here && ls");
    let expected = world.project().join("deep/er");
    assert_eq!(outcome.out, format!("{0}\n{0}\nhere\n", expected.display()));
}

#[test]
fn limits_and_the_mask_for_new_files_stay() {
    let world = World::new().caller("umask 027; ulimit -n 300");
    assert_eq!(world.permits("umask; ulimit -n").out, "0027\n300\n");
}

#[test]
fn a_command_without_aigates_separator_keeps_its_own_flags() {
    let world = World::new();
    let mut run = world.aigate();
    run.args(["exec", "sh", "-c", "echo \"$0 $1\"", "-v", "--help"]);
    assert_eq!(process::run(run).out, "-v --help\n");
}

#[test]
fn many_runs_at_the_same_time_do_not_disturb_each_other() {
    let world = World::new().secret(".env");
    let aigate = quoted(place::binary());
    let outcome = world.control(&format!(
        "for i in $(seq 20); do {aigate} exec -- sh -c 'cat .env 2>/dev/null; echo end' & done; wait"
    ));
    assert_eq!(outcome.out, "end\n".repeat(20), "{outcome}");
}

#[test]
fn time_and_names_are_those_of_the_host() {
    let world = World::new();
    for act in [
        "date +%Z%z",
        "whoami",
        "id -un",
        "id",
        "uname -n",
        "getent passwd root",
        "nproc",
    ] {
        assert_eq!(world.permits(act).out, world.control(act).out, "{act}");
    }
    world.permits(&python("import socket; socket.gethostbyname('localhost')"));
}
