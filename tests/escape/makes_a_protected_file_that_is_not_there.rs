//! Makes a file that the host would run later and that does not exist yet: tasks, hooks, settings.
//!
//! - Area: what the host runs later
//! - Known: CVE-2026-25725; no sandbox measured refused all of them
//! - Held by: the kernel asks before each new name; a guard rail, for another thread can change the path

use crate::support::{World, python, skip, tool};

#[test]
fn is_refused_wherever_it_would_be() {
    World::new().keeps_in_project(&[
        ".bazelrc",
        ".cargo/config.toml",
        ".claude/agents/a.md",
        ".claude/commands/c.md",
        ".claude/hooks/h.sh",
        ".claude/settings.json",
        ".claude/settings.local.json",
        ".claude/skills/s/SKILL.md",
        ".codex/config.toml",
        ".cursor/mcp.json",
        ".devcontainer/devcontainer.json",
        ".envrc",
        ".gemini/settings.json",
        ".github/workflows/ci.yml",
        ".gitmodules",
        ".husky/pre-commit",
        ".idea/workspace.xml",
        ".mcp.json",
        ".mise.toml",
        ".npmrc",
        ".pre-commit-config.yaml",
        ".tool-versions",
        ".vscode/tasks.json",
        "mise.toml",
        "opencode.json",
    ]);
    for name in [".envrc", ".vscode/tasks.json", ".cargo/config.toml"] {
        let path = format!("deep/er/{name}");
        let act = format!("mkdir -p $(dirname {path}); echo evil > {path}");
        let world = World::new().dir("deep/er");
        world.keeps(format!("home/work/app/{path}"), &act);
    }
}

/// Every act makes `.envrc`, in a way of its own.
#[test]
fn is_refused_by_every_call() {
    for act in [
        "touch .envrc",
        "echo evil > ./.envrc",
        "echo evil > deep/../.envrc",
        "echo evil > \"$PWD/.envrc\"",
        "cd deep && echo evil > ../.envrc",
        "echo evil > /proc/self/cwd/.envrc",
        "echo evil > \"/proc/$$/root$PWD/.envrc\"",
        "exec 5<. && echo evil > /proc/self/fd/5/.envrc",
        "echo evil > x; mv x .envrc",
        "echo evil > x; ln x .envrc",
        "ln -s x .envrc",
        "ln -s .envrc x; echo evil > x",
        "ln -s .envrc x; ln -s x y; echo evil > y",
        "ln -s \"$PWD\" x; echo evil > x/.envrc",
        "ln -s /proc/self/cwd x; echo evil > x/.envrc",
        "ln -s .envrc x; ln -s /proc/self/cwd y; echo evil > y/x",
        "ln -s .envrc x; ln -s deep/.. y; echo evil > y/x",
        "ln -s /proc/thread-self/cwd/.envrc x; echo evil > x",
        "echo evil > /proc/thread-self/cwd/.envrc",
        "echo evil > /proc/self/task/$$/cwd/.envrc",
        "echo evil > /proc/$$/task/$$/cwd/.envrc",
        "echo evil > /proc/$$/cwd/.envrc",
        "mkfifo .envrc",
        "mkdir .envrc",
        "cp /etc/hostname .envrc",
        "mkdir -p v/.envrc; mv v/.envrc .",
    ] {
        let world = World::new().dir("deep");
        world.keeps("home/work/app/.envrc", act);
    }
    for code in [
        "os.open('.envrc', os.O_CREAT)",
        "os.open('.envrc', os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_WRONLY)",
        "os.open('.envrc', os.O_CREAT, dir_fd=os.open('.', os.O_PATH))",
        "os.open(b'.//.envrc', os.O_CREAT)",
        "os.mknod('.envrc')",
        "open('x', 'w'); os.rename('x', '.envrc', dst_dir_fd=os.open('.', os.O_RDONLY))",
        "open('x', 'w'); os.link('x', '.envrc')",
        "os.symlink('/etc/hostname', '.envrc')",
        // A file without a name gets one.
        "f = os.open('.', os.O_TMPFILE | os.O_RDWR); ctypes.CDLL(None).linkat(-100, f'/proc/self/fd/{f}'.encode(), -100, b'.envrc', 0x400)",
        // A path in memory that other processes cannot read, where the kernel has such.
        "l = ctypes.CDLL(None, use_errno=True); f = l.syscall(447, 0); \
         m = mmap.mmap(os.ftruncate(f, 4096) or f, 4096) if f >= 0 else mmap.mmap(-1, 4096); m.write(b'.envrc\\0'); \
         l.open(ctypes.c_char_p(ctypes.addressof(ctypes.c_char.from_buffer(m))), os.O_CREAT | os.O_WRONLY, 0o600)",
        // openat2, with its flags in memory.
        "ctypes.CDLL(None).syscall(437, -100, b'.envrc', struct.pack('QQQ', os.O_CREAT, 0o600, 0), 24)",
        // renameat2, exchanging two names.
        "open('x', 'w'); ctypes.CDLL(None).renameat2(-100, b'x', -100, b'.envrc', 0)",
    ] {
        let act = python(&format!("import ctypes, mmap, os, struct; {code}"));
        World::new().keeps("home/work/app/.envrc", &act);
    }
}

/// A name on the way to what is protected: a directory that brings it along, or a link behind which it
/// could be made.
#[test]
fn is_refused_on_the_way_there() {
    for act in [
        "mkdir c; echo evil > c/settings.json; mv c .claude",
        "mkdir c; echo evil > c/settings.json; ln -s c e; mv e .claude",
        "mkdir c; echo evil > c/settings.json; ln -s c .claude",
        "mkdir c; ln -s c .claude; echo evil > c/settings.json",
        "mkdir c; ln -s c e; mv e .claude; echo evil > c/settings.json",
        "mkdir c .claude; echo evil > c/settings.json; mv -T c .claude",
        "mkdir .claude; echo evil > .claude/settings.json",
        "mkdir c; echo evil > c/settings.json; mkdir .claude; python3 -c 'import ctypes; \
         ctypes.CDLL(None).renameat2(-100, b\"c\", -100, b\".claude\", 2)'",
        "mkdir -p a/.claude; echo evil > a/.claude/settings.json; mv a/.claude .",
    ] {
        World::new().keeps("home/work/app/.claude/settings.json", act);
    }
    World::new().keeps(
        "home/work/app/.github/workflows",
        "mkdir -p g/workflows; echo evil > g/workflows/ci.yml; mv g .github",
    );
}

/// The project has another path where it is mounted again, and its user another name.
#[test]
fn is_refused_in_a_sandbox_of_its_own() {
    crate::support::only_as_user!();
    if !tool("bwrap") {
        skip!("bwrap is not installed");
    }
    for act in [
        "unshare -Ur touch .envrc",
        "unshare -Urm sh -c 'mount --rbind . /mnt && touch /mnt/.envrc'",
        "unshare -Ur chroot . /proc/self/exe || unshare -Urm sh -c 'mount --rbind .. /mnt && cd /mnt/app && touch .envrc'",
        "bwrap --dev-bind / / touch .envrc",
        "bwrap --dev-bind / / --bind \"$PWD\" /mnt touch /mnt/.envrc",
        "ln -s /mnt y; ln -s .envrc x; bwrap --dev-bind / / --bind \"$PWD\" /mnt sh -c 'echo evil > y/x'",
        "bwrap --dev-bind / / --unshare-pid --proc /proc sh -c 'echo evil > /proc/self/cwd/.envrc'",
        "bwrap --dev-bind / / --unshare-pid --proc /proc sh -c 'echo evil > /proc/thread-self/cwd/.envrc'",
        "bwrap --dev-bind / / --bind \"$PWD\" /mnt sh -c 'cd /mnt && touch .envrc'",
    ] {
        World::new().keeps("home/work/app/.envrc", act);
    }
    World::new().keeps(
        "home/work/app/.aigate.yaml",
        "echo 'audit: off' > .aigate.yaml",
    );
    World::new().dir("deep").keeps(
        "home/work/app/deep/.envrc",
        "bwrap --dev-bind / / --bind \"$PWD/deep\" /mnt touch /mnt/.envrc",
    );
}

/// What a clone brings along is its maker's, and packages have names of their own.
#[test]
fn the_rest_is_not() {
    let world = World::new();
    world.host_ok(
        "git init -q ../other/repo && cd ../other/repo && mkdir -p .vscode .github/workflows && \
         touch .envrc .vscode/tasks.json .github/workflows/ci.yml && git add -A && \
         git -c user.name=a -c user.email=a@b commit -qm one",
    );
    world.permits("git clone -q ../other/repo sub && ls sub/.vscode/tasks.json");
    world.permits(
        "mkdir -p node_modules/p && touch node_modules/p/.npmrc && test -f node_modules/p/.npmrc",
    );
    world.permits(
        "touch envrc .envrc.example && mkdir .claude && touch .claude/CLAUDE.md .github.md",
    );
    world.permits("cd \"$(mktemp -d)\" && touch .envrc && mkdir .vscode && mv .vscode .idea");
    world.permits("git init -q new && cd new && git config user.name a && test -f .git/config");
    let opened = World::new().config("allow_write: [.envrc]\n");
    opened.permits("echo mine > .envrc && grep -q mine .envrc");
}
