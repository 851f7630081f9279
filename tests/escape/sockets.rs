//! Sockets of the host that tell a secret to whoever connects, and programs that connect.

use crate::support::{Host, World, python, quoted};

/// Listens on a stream socket at `path`, and on a datagram socket `d.sock` next to it.
const LISTEN: &str = r"
import os, socket, sys
path = sys.argv[1]
where = '\0' + path[1:] if path.startswith('@') else path
if where == path:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    quiet = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    quiet.bind(os.path.join(os.path.dirname(path), 'd.sock') if not os.path.exists(
        os.path.join(os.path.dirname(path), 'd.sock')) else path + '.d')
loud = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
loud.bind(where)
loud.listen(16)
print('ready', flush=True)
while True:
    loud.accept()[0].sendall(b'hunter2')
";

const CONNECT: &str = r"
import socket, sys
path = sys.argv[1]
where = '\0' + path[1:] if path.startswith('@') else path
to = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
to.settimeout(30)
to.connect(where)
print(to.recv(100).decode())
";

/// A listener at a path of the world.
pub(crate) fn listener(world: &World, path: &str) -> Host {
    listener_at(world, world.root().join(path).to_str().unwrap())
}

/// A listener at an absolute path.
pub(crate) fn listener_at(world: &World, path: &str) -> Host {
    let listener = world.host(&format!("exec {} {}", python(LISTEN), quoted(path)));
    assert_eq!(listener.line(), "ready");
    listener
}

/// A listener on an abstract socket.
pub(crate) fn listener_abstract(world: &World, name: &str) -> Host {
    listener_at(world, &format!("@{name}"))
}

/// Connects to a path, which the shell expands, and prints what it is told.
pub(crate) fn connect(path: &str) -> String {
    format!("{} {path}", python(CONNECT))
}

/// Connects to an abstract socket.
pub(crate) fn connect_abstract(name: &str) -> String {
    format!("{} @{name}", python(CONNECT))
}

/// Sends a datagram to a path, which the shell expands.
pub(crate) fn send(path: &str) -> String {
    let code = "import socket, sys; socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b'x', sys.argv[1])";
    format!("{} {path}", python(code))
}
