//! Starts a program with arguments that `deny_exec` names: from a shell, from Python, by another name.
//!
//! - Area: exec rules
//! - Known: Claude Code's own rules on commands, which a shell's quoting gets around
//! - Held by: the kernel asks before each start; a guard rail, for another thread can change the words

use crate::support::{World, python, skip, tool};

/// A program whose copy has its content, and whose use `MARK` shows the secret.
fn world() -> World {
    let world = World::new();
    world.host_ok("mkdir bin && cp \"$(command -v printenv)\" bin/tool");
    let path = format!("{}:/usr/bin:/bin", world.project().join("bin").display());
    world
        .config("deny_exec: [\"tool MARK\"]\n")
        .env("PATH", path)
        .env("MARK", "hunter2")
        .env("OTHER", "harmless")
}

#[test]
fn is_refused_by_any_name() {
    let world = world();
    assert!(world.permits("tool OTHER").said("harmless"));
    world.hidden("tool MARK");
    world.hidden("tool -0 MARK");
    world.hidden("bin/../bin/tool MARK");
    world.hidden("\"$PWD/bin/tool\" MARK");
    world.hidden("t=tool; a=MA; $t ${a}RK");
    world.hidden("ln -sf bin/tool other; ./other MARK");
    world.hidden("cp bin/tool copied; ./copied MARK");
    world.hidden("mv bin/tool bin/moved; moved MARK; r=$?; mv bin/moved bin/tool; exit $r");
    world.hidden("ln -sf /proc/self/cwd/bin/tool around; ./around MARK");
    world.hidden("/proc/self/cwd/bin/tool MARK");
    world.hidden("\"/proc/self/root$PWD/bin/tool\" MARK");
    world.hidden("\"/proc/$$/root$PWD/bin/tool\" MARK");
    world.hidden("env -C bin ./tool MARK");
    world.hidden("env tool MARK");
    world.hidden("sh -c 'exec tool MARK'");
    world.hidden(&python(
        "import os; os.execvp('tool', ['harmless', 'MARK'])",
    ));
    world.hidden("printf '#!%s/bin/tool MARK\\n' \"$PWD\" > s; chmod +x s; ./s");
}

#[test]
fn is_refused_without_a_name() {
    let world = world();
    world.hidden(&python(
        "import os; f = os.open('bin/tool', os.O_RDONLY); \
         os.execve(f, ['tool', 'MARK'], os.environ)",
    ));
    world.hidden(&python(
        "import os; f = os.open('bin/tool', os.O_RDONLY); os.set_inheritable(f, True); \
         os.execve(f'/proc/self/fd/{f}', ['tool', 'MARK'], os.environ)",
    ));
    world.hidden(&python(
        "import os; f = os.memfd_create('x'); os.write(f, open('bin/tool', 'rb').read()); \
         os.execve(f, ['tool', 'MARK'], os.environ)",
    ));
    world.hidden(
        "$(ls /lib64/ld-linux-*.so.* /lib/ld-linux-*.so.* 2>/dev/null | head -n 1) bin/tool MARK",
    );
}

/// In a namespace of its own a process has another root, and its memory belongs to another user.
#[test]
fn is_refused_in_a_sandbox_of_its_own() {
    crate::support::only_as_user!();
    if !tool("bwrap") {
        skip!("bwrap is not installed");
    }
    let world = world();
    world.hidden("unshare -Ur tool MARK");
    world.hidden("bwrap --dev-bind / / tool MARK");
    world.hidden("bwrap --ro-bind / / --bind \"$PWD/bin\" /mnt /mnt/tool MARK");
}

/// A filter of its own does not take the question away, and nobody else can be asked instead.
#[test]
fn is_refused_under_another_filter() {
    let world = world();
    let listener = "import ctypes, os, struct\n\
         libc = ctypes.CDLL(None, use_errno=True)\n\
         libc.prctl(38, 1, 0, 0, 0)\n\
         allow = ctypes.create_string_buffer(struct.pack('HBBI', 6, 0, 0, 0x7fff0000))\n\
         program = ctypes.create_string_buffer(struct.pack('HxxxxxxP', 1, ctypes.addressof(allow)))\n\
         libc.syscall(317, 1, 0, program)\n\
         libc.syscall(317, 1, 8, program)\n\
         os.execvp('tool', ['tool', 'MARK'])";
    if cfg!(target_arch = "x86_64") {
        world.hidden(&python(listener));
    }
}

#[test]
fn is_refused_as_the_command_itself() {
    let world = world();
    let run = |word: &str| {
        let mut command = world.exec("tool");
        command.arg(word);
        crate::support::process::run(command)
    };
    let refused = run("MARK");
    assert_eq!(refused.code(), Some(126), "{refused}");
    assert!(!refused.said("hunter2"), "{refused}");
    let rule = "denied by `tool MARK` (";
    assert!(refused.err.contains(rule), "{refused}");
    let harmless = run("OTHER");
    assert!(harmless.ok() && harmless.said("harmless"), "{harmless}");
}
