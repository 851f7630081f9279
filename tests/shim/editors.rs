//! Editors, of which one process serves every later start: a guarded one stays among itself.

use std::fs;
use std::io::Read;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::machine::{Machine, assert_same};
use crate::support::place::picture;
use crate::support::process::{self, Outcome};

/// Does what a launcher of the VS Code family does, as far as a shim can notice: it finds itself by
/// its path, hands over to a process that listens, or else opens a window, which here is a file that
/// somebody deletes.
const LAUNCHER: &str = r#"#!/usr/bin/python3
import os, socket, sys, time
args = sys.argv[1:]
if "--version" in args:
    print("1.0 from", os.path.realpath(sys.argv[0]))
    sys.exit()
with socket.socket(socket.AF_UNIX) as s:
    try:
        s.connect(os.environ["MAIN_PLACE"])
        s.sendall(" ".join(args).encode())
        sys.exit("handed over")
    except OSError:
        pass
data = os.path.expanduser("~/.config/Code")
for i, arg in enumerate(args):
    if arg == "--user-data-dir":
        data = args[i + 1]
    elif arg.startswith("--user-data-dir="):
        data = arg.split("=", 1)[1]
with open(data + "/started", "a") as log:
    log.write(f"{os.getcwd()} {args}\n")
if os.environ.get("EDITS"):
    with open(os.environ["EDITS"], "w") as file:
        file.write("edited")
if "--wait" in args or "-w" in args:
    while os.path.exists(data + "/window"):
        time.sleep(0.01)
sys.exit(7)
"#;

struct Editor {
    machine: Machine,
    _wayland: UnixListener,
}

impl Editor {
    fn new() -> Self {
        let mut machine = Machine::bare();
        let real = machine.home("share/code/bin/code");
        fs::create_dir_all(real.parent().unwrap()).unwrap();
        fs::rename(machine.tool("code", LAUNCHER), &real).unwrap();
        symlink(&real, machine.home("bin/code")).unwrap();
        let runtime = machine.world.root().join("run");
        fs::create_dir(&runtime).unwrap();
        let wayland = UnixListener::bind(runtime.join("wayland-0")).unwrap();
        machine.world = machine
            .world
            .env("MAIN_PLACE", runtime.join("vscode-main.sock"))
            .env("XDG_RUNTIME_DIR", runtime);
        let done = machine.shim(&["install", "--no-shell", "code"]);
        assert!(done.ok(), "{done}");
        Self {
            machine,
            _wayland: wayland,
        }
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = self
            .machine
            .world
            .command(self.machine.home(".aigate/shims/code"));
        command.env("PATH", self.machine.guarded_path()).args(args);
        command
    }

    fn code(&self, args: &[&str]) -> Outcome {
        process::run(self.command(args))
    }

    fn data(&self, below: &str) -> std::path::PathBuf {
        self.machine.home(".config/Code in aigate").join(below)
    }

    fn opened(&self) -> String {
        let end = Instant::now() + Duration::from_secs(20);
        while Instant::now() < end {
            let text = fs::read_to_string(self.data("started")).unwrap_or_default();
            if text.ends_with('\n') {
                return text;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        let log = fs::read_to_string(self.data("aigate.log"));
        panic!("no window opened: {log:?}");
    }

    /// Closes the window and waits until the lock is free again.
    fn close(&self) {
        fs::remove_file(self.data("window")).unwrap();
        let lock = fs::File::open(self.data("aigate.lock")).unwrap();
        lock.lock().unwrap();
    }

    fn window(&self) {
        fs::create_dir_all(self.data("")).unwrap();
        fs::write(self.data("window"), "").unwrap();
    }
}

#[test]
fn the_prompt_comes_back_while_the_window_is_open_and_a_second_start_is_refused() {
    let editor = Editor::new();
    editor.window();
    let started = Instant::now();
    let outcome = editor.code(&["."]);
    assert!(outcome.ok() && outcome.out.is_empty(), "{outcome}");
    assert!(started.elapsed() < Duration::from_secs(10));
    let log = editor.opened();
    assert!(
        log.contains("--user-data-dir") && log.contains("--wait"),
        "{log}"
    );
    let second = editor.code(&["."]);
    assert_eq!(second.code(), Some(125));
    assert!(
        second
            .err
            .contains("a guarded Visual Studio Code is open already"),
        "{second}"
    );
    let version = editor.code(&["--version"]);
    assert!(
        version.ok() && version.out.contains("share/code/bin/code"),
        "{version}"
    );
    editor.close();
    assert!(editor.code(&["."]).ok(), "closed, so it may start again");
}

#[test]
fn a_guarded_editor_does_not_join_an_unguarded_one() {
    let editor = Editor::new();
    let socket = editor.machine.world.root().join("run/vscode-main.sock");
    let main = UnixListener::bind(&socket).unwrap();
    main.set_nonblocking(true).unwrap();
    let outcome = editor.code(&["--wait", "."]);
    assert_eq!(outcome.code(), Some(7), "{outcome}");
    assert!(editor.opened().contains("--wait"));
    assert!(
        main.accept().is_err(),
        "ESCAPE: the unguarded editor was asked"
    );
    let mut direct = editor
        .machine
        .world
        .command(editor.machine.home("bin/code"));
    direct.arg(".");
    assert!(process::run(direct).err.contains("handed over"), "control");
}

#[test]
fn who_waits_at_the_terminal_waits_and_gets_the_exit_code() {
    for option in ["--wait", "-w"] {
        let editor = Editor::new();
        editor.window();
        let mut child: Child = editor
            .command(&[option, "."])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        editor.opened();
        assert!(child.try_wait().unwrap().is_none(), "{option}");
        fs::remove_file(editor.data("window")).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(7));
        let mut out = String::new();
        child.stdout.unwrap().read_to_string(&mut out).unwrap();
        assert_eq!(out, "");
    }
}

#[test]
fn the_settings_of_the_user_are_taken_over_and_his_own_stay() {
    let editor = Editor::new();
    let own = editor.machine.home(".config/Code/User/settings.json");
    fs::create_dir_all(own.parent().unwrap()).unwrap();
    fs::write(&own, "{ \"theme\": 1 } // mine\n").unwrap();
    let before = picture(&own);
    assert_eq!(editor.code(&["--wait", "."]).code(), Some(7));
    let taken = fs::read_to_string(editor.data("User/settings.json")).unwrap();
    assert_eq!(taken, "{ \"theme\": 1 } // mine\n");
    assert_same(&before, &picture(&own));
    // What was changed inside stays, until the user changes his own again.
    fs::write(editor.data("User/settings.json"), "{}").unwrap();
    assert_eq!(editor.code(&["--wait", "."]).code(), Some(7));
    assert_eq!(
        fs::read_to_string(editor.data("User/settings.json")).unwrap(),
        "{}"
    );
    // A directory that somebody inside replaced by a link leads nowhere.
    fs::remove_dir_all(editor.data("User")).unwrap();
    symlink(editor.machine.home("bin"), editor.data("User")).unwrap();
    let refused = editor.code(&["--wait", "."]);
    assert_eq!(refused.code(), Some(125), "{refused}");
    assert!(!editor.machine.home("bin/settings.json").exists());
}

#[test]
fn the_folder_that_is_opened_is_the_project() {
    let editor = Editor::new();
    let other = editor.machine.world.neighbour();
    fs::write(other.join("notes"), "").unwrap();
    for argument in [other.clone(), other.join("notes")] {
        let mut command = editor.command(&["--wait"]);
        command
            .arg(&argument)
            .current_dir(editor.machine.world.home());
        command.env("EDITS", other.join("new"));
        let outcome = process::run(command);
        assert_eq!(outcome.code(), Some(7), "{outcome}");
        assert_eq!(fs::read_to_string(other.join("new")).unwrap(), "edited");
        fs::remove_file(other.join("new")).unwrap();
    }
}

#[test]
fn a_data_directory_that_the_user_names_is_used() {
    let editor = Editor::new();
    let own = editor.machine.home("my data");
    let option = format!("--user-data-dir={}", own.display());
    for args in [
        vec!["--user-data-dir", own.to_str().unwrap(), "--wait"],
        vec![&option, "--wait"],
    ] {
        let outcome = editor.code(&args);
        assert_eq!(outcome.code(), Some(7), "{outcome}");
        assert!(own.join("aigate.lock").exists());
    }
    assert!(own.join("started").exists());
    assert!(!editor.data("started").exists());
}

#[test]
fn the_messenger_of_a_remote_terminal_passes() {
    let editor = Editor::new();
    let script = "#!/bin/sh\ntouch ~/message && echo sent\n";
    let remote = editor.machine.home("server/remote-cli/code");
    fs::create_dir_all(remote.parent().unwrap()).unwrap();
    fs::rename(editor.machine.tool("x", script), &remote).unwrap();
    let path = |first: &str| format!("{first}:{}", editor.machine.guarded_path());
    let run = |path: &str, hook: bool| {
        let mut command = editor.command(&["--wait", "file"]);
        command.env("PATH", path);
        if hook {
            command.env("VSCODE_IPC_HOOK_CLI", "/run/x.sock");
        }
        process::run(command)
    };
    let remote_first = path(remote.parent().unwrap().to_str().unwrap());
    assert_eq!(run(&remote_first, true).out, "sent\n");
    // Neither the variable nor the directory alone is enough.
    assert!(!run(&remote_first, false).said("sent"));
    fs::write(editor.machine.home("share/code/bin/code"), script).unwrap();
    assert!(!run(&editor.machine.guarded_path(), true).said("sent"));
}

#[test]
fn without_a_display_of_its_own_no_window_is_opened_unless_the_user_accepts_x11() {
    let editor = Editor::new();
    fs::remove_file(editor.machine.world.root().join("run/wayland-0")).unwrap();
    let refused = editor.code(&["."]);
    assert_eq!(refused.code(), Some(125), "{refused}");
    assert!(
        refused.err.contains("X11 lets every window read"),
        "{refused}"
    );
    assert!(
        editor.code(&["--version"]).ok(),
        "without a window nothing is needed"
    );
    let x11 = editor.machine.world.root().join("X0");
    let _x11 = UnixListener::bind(&x11).unwrap();
    fs::write(
        editor.machine.home(".aigate/config.yaml"),
        format!(
            "profiles:\n  code:\n    unix_sockets: [{}]\n",
            x11.display()
        ),
    )
    .unwrap();
    assert_eq!(editor.code(&["--wait", "."]).code(), Some(7));
}

#[test]
fn what_needs_privileges_is_refused_with_the_reason() {
    let editor = Editor::new();
    let image = [b"\x7fELF\x02\x01\x01\0AI\x02".as_slice(), &[0; 100]].concat();
    fs::write(editor.machine.home("share/code/bin/code"), image).unwrap();
    let refused = editor.code(&["."]);
    assert_eq!(refused.code(), Some(125), "{refused}");
    assert!(refused.err.contains("--appimage-extract"), "{refused}");
    let snap = editor.machine.home("usr/bin/snap");
    fs::create_dir_all(snap.parent().unwrap()).unwrap();
    fs::rename(editor.machine.home("share/code/bin/code"), &snap).unwrap();
    fs::write(&snap, "#!/bin/sh\n").unwrap();
    fs::set_permissions(&snap, fs::Permissions::from_mode(0o755)).unwrap();
    fs::remove_file(editor.machine.home("bin/code")).unwrap();
    symlink(&snap, editor.machine.home("bin/code")).unwrap();
    let refused = editor.code(&["."]);
    assert_eq!(refused.code(), Some(125), "{refused}");
    assert!(refused.err.contains("snap-confine"), "{refused}");
}

#[test]
fn an_editor_is_guarded_only_when_it_is_named() {
    let machine = Machine::with_claude();
    machine.tool("code", LAUNCHER);
    assert!(machine.shim(&["install", "--no-shell"]).ok());
    assert!(machine.home(".aigate/shims/claude").exists());
    assert!(!machine.home(".aigate/shims/code").exists());
    assert!(machine.shim(&["install", "--no-shell", "code"]).ok());
    assert!(machine.home(".aigate/shims/code").exists());
}

#[test]
fn entries_of_the_desktop_start_the_shim_and_come_back() {
    let mut machine = Machine::with_claude();
    machine.tool("code", LAUNCHER);
    let system = machine.world.root().join("usr/share");
    fs::create_dir_all(system.join("applications")).unwrap();
    let entry = "[Desktop Entry]\nName=Code\nExec=/usr/share/code/code %F\nDBusActivatable=true\n\
                 Actions=new;\n\n[Desktop Action new]\nExec=/usr/share/code/code --new-window %F\n";
    for name in ["code.desktop", "code-url-handler.desktop"] {
        fs::write(system.join("applications").join(name), entry).unwrap();
    }
    fs::write(
        system.join("applications/other.desktop"),
        "[Desktop Entry]\nExec=other\n",
    )
    .unwrap();
    machine.world = machine.world.env("XDG_DATA_DIRS", &system);
    // One of them the user has already.
    let own = machine.home(".local/share/applications");
    fs::create_dir_all(&own).unwrap();
    fs::write(
        own.join("code-url-handler.desktop"),
        "[Desktop Entry]\nExec=mine\n",
    )
    .unwrap();
    let before = picture(&machine.world.home());
    let done = machine.shim(&["install", "--no-shell", "--desktop", "code"]);
    assert!(done.ok() && done.said("somebody else's file"), "{done}");
    let text = fs::read_to_string(own.join("code.desktop")).unwrap();
    let shim = machine.home(".aigate/shims/code");
    assert_eq!(
        text.matches(&format!("Exec={} ", shim.display())).count(),
        2,
        "{text}"
    );
    assert!(text.contains("DBusActivatable=false"), "{text}");
    assert!(!own.join("other.desktop").exists());
    assert!(machine.shim(&["uninstall"]).ok());
    assert_same(&before, &picture(&machine.world.home()));
}
