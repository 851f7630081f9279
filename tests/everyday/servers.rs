//! Servers of one's own, on the loopback interface and on sockets.

use crate::support::{World, python, skip, tool};

#[test]
fn a_server_on_the_loopback_interface_works() {
    World::new().permits(&python(
        "import socket, threading\n\
         for host, family in (('127.0.0.1', socket.AF_INET), ('localhost', socket.AF_INET)):\n\
         \x20s = socket.socket(family); s.bind((host, 0)); s.listen()\n\
         \x20threading.Thread(target=lambda: s.accept()[0].sendall(b'hi')).start()\n\
         \x20print(socket.create_connection(s.getsockname()).recv(9))",
    ));
}

#[test]
fn a_server_of_node_works() {
    if !tool("node") {
        skip!("node is not installed");
    }
    World::new().permits(
        "node -e \"const h=require('http');const s=h.createServer((q,r)=>r.end('hi')).listen(0,'127.0.0.1',async()=>{\
         const t=await (await fetch('http://127.0.0.1:'+s.address().port)).text();process.exit(t==='hi'?0:1)})\"",
    );
}

#[test]
fn a_server_on_a_socket_works() {
    let serve = |path: &str| {
        python(&format!(
            "import os, socket, threading; p = os.path.expandvars('{path}'); p = '\\0' + p[1:] if p[0] == '@' else p; \
             s = socket.socket(socket.AF_UNIX); s.bind(p); s.listen(); \
             threading.Thread(target=lambda: s.accept()[0].sendall(b'hi')).start(); \
             c = socket.socket(socket.AF_UNIX); c.connect(p); print(c.recv(9)); \
             a, b = socket.socketpair(); a.send(b'x'); b.recv(1); \
             d = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); d.sendto(b'x', d.getsockname()) if d.getsockname() else 0"
        ))
    };
    let world = World::new().env("XDG_RUNTIME_DIR", "/run/user/4242");
    for path in [
        "app.sock",
        "/tmp/app.sock",
        "$XDG_RUNTIME_DIR/app.sock",
        "@app-abstract",
    ] {
        world.permits(&serve(path));
    }
}

#[test]
fn two_processes_inside_talk_over_a_socket_in_the_project() {
    World::new().permits(
        "python3 -c 'import socket; s = socket.socket(socket.AF_UNIX); s.bind(\"s\"); s.listen(); s.accept()[0].sendall(b\"hi\")' & \
         for i in $(seq 100); do test -S s && break; sleep 0.02; done; sleep 0.1; \
         python3 -c 'import socket; c = socket.socket(socket.AF_UNIX); c.connect(\"s\"); assert c.recv(9) == b\"hi\"'",
    );
}

#[test]
fn a_service_of_the_host_is_reached_while_the_network_is_open() {
    let world = World::new().config("network: open\n");
    let server = world.host(
        "exec python3 -c 'import socket; s = socket.socket(); s.bind((\"127.0.0.1\", 0)); s.listen(); \
         print(s.getsockname()[1], flush=True)\nwhile True: s.accept()[0].sendall(b\"hi\")'",
    );
    let port = server.line();
    world.permits(&python(&format!(
        "import socket; assert socket.create_connection(('127.0.0.1', {port})).recv(9) == b'hi'"
    )));
}
