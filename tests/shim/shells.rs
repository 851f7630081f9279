//! Every shell finds the shims first, and its files come back byte for byte.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::machine::{Machine, assert_same};
use crate::support::place::picture;
use crate::support::{process, skip};

/// A machine whose login shell is this one, with its usual files, and with the shims installed.
pub(crate) fn with_shell(shell: &str) -> Machine {
    let machine = with_files(shell);
    let done = machine.shim(&["install", "claude"]);
    assert!(done.ok(), "{done}");
    machine
}

pub(crate) fn with_files(shell: &str) -> Machine {
    let mut machine = Machine::with_claude();
    machine.world = machine.world.env("SHELL", format!("/usr/bin/{shell}"));
    let files: &[&str] = match shell {
        "bash" => &[".bashrc", ".bash_profile"],
        "zsh" => &[".zshenv", ".zprofile", ".zshrc"],
        "fish" => &[".config/fish/config.fish"],
        _ => &[".profile"],
    };
    for file in files {
        let path = machine.home(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "# mine\n").unwrap();
    }
    if shell == "bash" {
        fs::write(machine.home(".bash_profile"), ". ~/.bashrc\n").unwrap();
    }
    machine
}

fn is_there(shell: &str) -> bool {
    Path::new("/usr/bin").join(shell).exists() || Path::new("/bin").join(shell).exists()
}

/// What a shell says with this script, and these arguments before it.
fn says(machine: &Machine, shell: &str, mode: &str, script: &str) -> String {
    let mut command = machine.world.command(shell);
    command.args([mode, script]);
    let outcome = process::run(command);
    assert!(outcome.ok(), "{shell} {mode}: {outcome}");
    outcome.out.trim_end().to_owned()
}

fn shim(machine: &Machine) -> String {
    machine
        .home(".aigate/shims/claude")
        .to_str()
        .unwrap()
        .to_owned()
}

/// The modes in which each shell reads files of the user.
const MODES: &[(&str, &[&str])] = &[
    ("bash", &["-lc", "-ic", "-lic"]),
    ("zsh", &["-c", "-lc", "-ic", "-lic"]),
    ("fish", &["-c", "-lc", "-ic", "-lic"]),
    ("dash", &["-lc", "-lic"]),
];

#[test]
fn the_shim_comes_first_in_every_shell_and_every_mode() {
    for (shell, modes) in MODES {
        if !is_there(shell) {
            skip!("{shell} is not installed");
        }
        let machine = with_shell(shell);
        for mode in *modes {
            assert_eq!(
                says(&machine, shell, mode, "command -v claude"),
                shim(&machine),
                "{shell} {mode}"
            );
        }
    }
}

#[test]
fn path_does_not_grow_however_often_the_files_are_read() {
    for (shell, modes) in MODES {
        if !is_there(shell) {
            skip!("{shell} is not installed");
        }
        let machine = with_shell(shell);
        let (file, echo) = match *shell {
            "fish" => ("env.fish", "string join : $PATH"),
            _ => ("env.sh", "echo \"$PATH\""),
        };
        let again = format!(". ~/.aigate/{file}; ").repeat(5);
        for mode in *modes {
            let path = says(&machine, shell, mode, &format!("{again}{echo}"));
            let shims = machine.home(".aigate/shims");
            assert_eq!(
                path.matches(shims.to_str().unwrap()).count(),
                1,
                "{shell} {mode}: {path}"
            );
            assert!(
                path.starts_with(shims.to_str().unwrap()),
                "{shell} {mode}: {path}"
            );
        }
    }
}

#[test]
fn a_shell_inside_tmux_finds_the_shim_first() {
    if !is_there("tmux") || !is_there("bash") {
        skip!("tmux or bash is not installed");
    }
    let machine = with_shell("bash");
    let socket = machine.world.root().join("tmux.sock");
    let answer = machine.world.root().join("answer");
    let tmux = |args: &[&str]| {
        let mut command = machine.world.command("tmux");
        command
            .arg("-S")
            .arg(&socket)
            .args(["-f", "/dev/null"])
            .args(args);
        process::run(command)
    };
    let started = tmux(&[
        "new-session",
        "-d",
        "-x",
        "200",
        "-y",
        "50",
        "/usr/bin/bash -l",
    ]);
    assert!(started.ok(), "{started}");
    // A path that something puts in front later, at the prompt; then one more prompt.
    let line = format!(
        "PATH=$HOME/bin:$PATH\nprompts=1\ncommand -v claude > {0}.new; mv {0}.new {0}\n",
        answer.display()
    );
    for line in line.lines() {
        assert!(tmux(&["send-keys", line, "Enter"]).ok());
        std::thread::sleep(Duration::from_millis(200));
    }
    let found = wait_for(&answer);
    tmux(&["kill-server"]);
    assert_eq!(found.trim_end(), shim(&machine));
}

fn wait_for(file: &Path) -> String {
    for _ in 0..500 {
        if let Ok(text) = fs::read_to_string(file) {
            return text;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("{} did not appear", file.display());
}

/// Types lines into an interactive shell, so that it prompts between them.
fn types(machine: &Machine, shell: &str, lines: &str) -> String {
    let mut command = machine.world.command(shell);
    command
        .arg("-i")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    // Without a group of its own an interactive shell would stop the test runner.
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let mut child = command.spawn().unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(lines.as_bytes())
        .unwrap();
    String::from_utf8_lossy(&child.wait_with_output().unwrap().stdout).into_owned()
}

#[test]
fn the_prompt_puts_the_shims_first_again_after_a_version_manager() {
    for shell in ["bash", "zsh"] {
        if !is_there(shell) {
            skip!("{shell} is not installed");
        }
        let machine = with_shell(shell);
        // As `nvm use`, `conda activate` and a virtual environment do.
        let lines = "PATH=$HOME/bin:$PATH\necho \"= $(command -v claude)\"\n";
        let said = types(&machine, shell, lines);
        assert!(
            said.contains(&format!("= {}", shim(&machine))),
            "{shell}: {said}"
        );
        let without = "PROMPT_COMMAND=; precmd_functions=(); PATH=$HOME/bin:$PATH\necho \"= $(command -v claude)\"\n";
        let said = types(&machine, shell, without);
        assert!(said.contains("home/bin/claude"), "control: {shell}: {said}");
    }
}

#[test]
fn a_virtual_environment_does_not_hide_the_shim() {
    let machine = with_shell("bash");
    let made = machine
        .world
        .command("python3")
        .args(["-m", "venv", "--without-pip"])
        .arg(machine.home("venv"))
        .status();
    assert!(made.unwrap().success());
    fs::copy(machine.home("bin/claude"), machine.home("venv/bin/claude")).unwrap();
    let lines = "source ~/venv/bin/activate\necho \"= $(command -v claude) $(command -v python3)\"\ndeactivate\necho \"= $(command -v claude)\"\n";
    let said = types(&machine, "bash", lines);
    let python = machine.home("venv/bin/python3");
    assert!(
        said.contains(&format!("= {} {}", shim(&machine), python.display())),
        "{said}"
    );
    assert!(said.trim_end().ends_with(&shim(&machine)), "{said}");
}

#[test]
fn a_hook_that_prepends_at_every_prompt_comes_before_ours() {
    for (shell, hook) in [
        (
            "bash",
            "_m() { PATH=$HOME/bin:$PATH; }; PROMPT_COMMAND=\"_m${PROMPT_COMMAND:+;$PROMPT_COMMAND}\"",
        ),
        (
            "zsh",
            "_m() { PATH=$HOME/bin:$PATH; }; precmd_functions=(_m $precmd_functions)",
        ),
    ] {
        if !is_there(shell) {
            skip!("{shell} is not installed");
        }
        let machine = with_shell(shell);
        let rc = machine.home(if shell == "bash" { ".bashrc" } else { ".zshrc" });
        let text = fs::read_to_string(&rc).unwrap();
        // As mise and direnv do, before our lines or after them.
        for both in [format!("{hook}\n{text}"), format!("{text}{hook}\n")] {
            fs::write(&rc, both).unwrap();
            let said = types(&machine, shell, "true\necho \"= $(command -v claude)\"\n");
            assert!(
                said.contains(&format!("= {}", shim(&machine))),
                "{shell}: {said}"
            );
        }
    }
}

#[test]
fn a_shell_that_remembers_the_old_path_finds_the_shim_after_sourcing() {
    for shell in ["bash", "zsh"] {
        if !is_there(shell) {
            skip!("{shell} is not installed");
        }
        let machine = with_files(shell);
        let install = format!(
            "{} shim install claude",
            crate::support::place::binary().display()
        );
        let script = format!(
            "claude > /dev/null; {install}; hash -r 2> /dev/null; . ~/.aigate/env.sh; command -v claude"
        );
        let said = says(&machine, shell, "-c", &script);
        assert!(said.contains("hash -r"), "the user is told: {said}");
        assert!(said.ends_with(&shim(&machine)), "{shell}: {said}");
    }
}

#[test]
fn fish_keeps_the_shims_first_even_within_one_line() {
    if !is_there("fish") {
        skip!("fish is not installed");
    }
    let machine = with_shell("fish");
    let script = "set -gx PATH ~/bin $PATH; command -v claude";
    assert_eq!(says(&machine, "fish", "-c", script), shim(&machine));
}

#[test]
fn a_startup_file_does_not_fail_when_we_are_gone() {
    for (shell, modes) in MODES {
        if !is_there(shell) {
            skip!("{shell} is not installed");
        }
        let machine = with_shell(shell);
        fs::remove_dir_all(machine.home(".aigate")).unwrap();
        for mode in *modes {
            let mut command = machine.world.command(*shell);
            command.args([*mode, "true"]);
            let outcome = process::run(command);
            assert!(
                outcome.ok() && !outcome.said("aigate"),
                "{shell} {mode}: {outcome}"
            );
        }
    }
}

#[test]
fn a_missing_program_is_announced_by_interactive_shells_only() {
    let machine = with_shell("bash");
    fs::remove_file(machine.home(".aigate/bin/aigate")).unwrap();
    let run = |mode: &str| {
        let mut command = machine.world.command("bash");
        command.args([mode, "true"]);
        process::run(command)
    };
    assert!(run("-ic").err.contains("WITHOUT a sandbox"));
    assert!(!run("-lc").said("sandbox"));
}

#[test]
fn zsh_is_asked_where_its_files_are() {
    if !is_there("zsh") {
        skip!("zsh is not installed");
    }
    let machine = with_files("zsh");
    fs::write(
        machine.home(".zshenv"),
        "export ZDOTDIR=$HOME/.config/zsh\n",
    )
    .unwrap();
    fs::create_dir_all(machine.home(".config/zsh")).unwrap();
    fs::write(machine.home(".config/zsh/.zshrc"), "PATH=$HOME/bin:$PATH\n").unwrap();
    let before = picture(&machine.world.home());
    assert!(machine.shim(&["install", "claude"]).ok());
    assert_eq!(
        says(&machine, "zsh", "-ic", "command -v claude"),
        shim(&machine)
    );
    assert!(machine.shim(&["uninstall"]).ok());
    assert_same(&before, &picture(&machine.world.home()));
}

#[test]
fn a_home_with_spaces_and_quotes_works() {
    let mut machine = Machine::with_claude();
    let home = machine.world.root().join("it's a \"home\" $HOME");
    fs::create_dir_all(home.join("bin")).unwrap();
    // What fish makes for itself.
    fs::create_dir_all(home.join(".local/share/fish")).unwrap();
    fs::copy(machine.home("bin/claude"), home.join("bin/claude")).unwrap();
    machine.world = machine.world.env("HOME", &home).env("SHELL", "/bin/bash");
    machine.world = machine
        .world
        .env("PATH", format!("{}/bin:/usr/bin:/bin", home.display()));
    for (shell, modes) in MODES.iter().filter(|(shell, _)| is_there(shell)) {
        machine.world = machine.world.env("SHELL", format!("/bin/{shell}"));
        let before = picture(&home);
        assert!(machine.shim(&["install", "claude"]).ok());
        for mode in *modes {
            let found = says(&machine, shell, mode, "command -v claude");
            assert_eq!(
                found,
                home.join(".aigate/shims/claude").to_str().unwrap(),
                "{shell} {mode}"
            );
        }
        assert!(machine.shim(&["uninstall"]).ok());
        assert_same(&before, &picture(&home));
    }
}

#[test]
fn without_shells_no_file_of_the_user_is_touched() {
    let machine = with_files("bash");
    let before = fs::read(machine.home(".bashrc")).unwrap();
    let done = machine.shim(&["install", "--no-shell", "claude"]);
    assert!(done.ok() && done.said("export PATH="), "{done}");
    assert_eq!(fs::read(machine.home(".bashrc")).unwrap(), before);
    assert!(!machine.home(".aigate/env.sh").exists());
    let mut line = Command::new("bash");
    let export = done
        .out
        .lines()
        .find(|line| line.contains("export PATH="))
        .unwrap();
    line.args(["--norc", "-c", &format!("{export}; command -v claude")])
        .env("PATH", "/usr/bin:/bin");
    assert!(process::run(line).said(&shim(&machine)));
}
