//! Sandboxes and namespaces inside the sandbox: agents and browsers bring their own.
//!
//! Not for root: the kernel lets nobody without CAP_SETFCAP map root's user ID into a new user
//! namespace, and that capability would let the sandbox make programs that are privileged outside.

use crate::support::{World, only_as_user, skip, tool};

#[test]
fn new_namespaces_work() {
    only_as_user!();
    let world = World::new();
    for flags in ["-Ur", "-Urm", "-Urn", "-Urpf --mount-proc", "-Uri", "-Uru"] {
        world.permits(&format!("unshare {flags} true"));
    }
}

#[test]
fn bubblewrap_works() {
    only_as_user!();
    if !tool("bwrap") {
        skip!("bwrap is not installed");
    }
    let world = World::new();
    world.permits("bwrap --ro-bind / / true");
    world.permits("bwrap --ro-bind / / --dev /dev --proc /proc --tmpfs /tmp --unshare-all true");
    world.permits("bwrap --bind / / --bind $PWD $PWD --unshare-pid --unshare-net --die-with-parent sh -c 'echo x > made'");
}

#[test]
fn aigate_inside_aigate_works_and_both_rules_hold() {
    only_as_user!();
    let world = World::new().secret(".env").file("plain", "x\n");
    let aigate = crate::support::quoted(crate::support::place::binary());
    assert_eq!(
        world.permits(&format!("{aigate} exec -- cat plain")).out,
        "x\n"
    );
    world.hidden(&format!("{aigate} exec -- cat .env; cat .env"));
}

/// Chromium without `--no-sandbox`: its renderers are in user and process namespaces of their own.
#[test]
fn a_browser_keeps_its_own_sandbox() {
    only_as_user!();
    if !tool("chromium") {
        skip!("chromium is not installed");
    }
    let world = World::new().file(
        "page.html",
        "<p id=p>waiting</p><script>p.textContent = 'made by ' + 'a script'</script>",
    );
    let chromium = "chromium --headless --disable-gpu --no-first-run --disable-background-networking \
         --disable-component-update --disable-sync --user-data-dir=/tmp/browser";
    let page = world.permits(&format!("{chromium} --dump-dom file://$PWD/page.html"));
    assert!(page.said("made by a script"), "{page}");
    world.permits(&format!(
        "{chromium} --remote-debugging-port=0 file://$PWD/page.html >/tmp/log 2>&1 & browser=$!
         ours=$(readlink /proc/self/ns/user)
         for i in $(seq 300); do
             # The bracket keeps this shell from finding itself.
             for renderer in $(pgrep -f '[t]ype=renderer'); do
                 theirs=$(readlink /proc/$renderer/ns/user) && test \"$theirs\" != \"$ours\" && kill $browser && exit 0
             done
             sleep 0.1
         done
         cat /tmp/log; exit 1"
    ));
}
