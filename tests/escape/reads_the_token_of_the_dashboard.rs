//! Looks for the token of a running `aigate serve` in what its process shows, and in the home.
//!
//! - Area: aigate's own files
//! - Known: dashboards of other sandboxes listen on the loopback without any
//! - Held by: it is in no file and no argument, and the processes of the host are out of sight

use crate::support::{Host, World, python, quoted};

/// Whatever of a process of ours is a plain file, an argument or a variable, and every file below the
/// home. Pipes and terminals are left alone: reading would take from others.
const LOOK: &str = r#"
import glob, os, re, stat
def look(path):
    try:
        if stat.S_ISREG(os.stat(path).st_mode):
            found = re.search(rb"/#([0-9a-f]{64})", open(path, "rb").read(1 << 20))
            if found:
                print("token", found.group(1).decode())
    except OSError:
        pass
for comm in glob.glob("/proc/[0-9]*/comm"):
    try:
        if open(comm).read() == "aigate\n":
            folder = os.path.dirname(comm)
            for name in ["cmdline", "environ"] + ["fd/" + fd for fd in os.listdir(folder + "/fd")]:
                look(folder + "/" + name)
    except OSError:
        pass
for folder, _, files in os.walk(os.path.expanduser("~")):
    for name in files:
        look(folder + "/" + name)
"#;

#[test]
fn is_refused() {
    let world = World::new();
    let aigate = quoted(world.aigate().get_program());
    // Written to a file that is gone again: as much as a terminal shows to who can look at it.
    let script = format!(
        "{aigate} serve > ~/shown & while ! [ -s ~/shown ]; do sleep 0.02; done; cat ~/shown; \
         rm ~/shown; wait"
    );
    let serving: Host = world.host(&script);
    let address = serving.line();
    let (_, token) = address.split_once("/#").expect("an address with a token");
    world.hides(token, &python(LOOK));
}
