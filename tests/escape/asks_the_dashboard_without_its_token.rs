//! Asks a running `aigate serve` for events over the loopback that it shares with the host.
//!
//! - Area: aigate's own files
//! - Known: a page or a sandbox reaches whatever listens on the loopback
//! - Held by: every answer with data needs the token; the page alone needs none

use crate::support::{Host, SECRET, World, python};

const ASK: &str = r#"
import os, socket, sys
port, token = int(sys.argv[1]), sys.argv[2]
host = f"127.0.0.1:{port}"
bearer = f"Authorization: Bearer {token}\r\n"
def ask(line, headers):
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.settimeout(20)
        connection.sendall(f"{line} HTTP/1.1\r\n{headers}\r\n".encode())
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        try:
            while len(answer) < 100_000:
                part = connection.recv(65536)
                if not part:
                    break
                answer += part
        except OSError:
            pass
        print(answer.decode(errors="replace"))
ask("GET /", f"Host: {host}\r\n")
for path in ["/api/events", "/api/summary", "//api/events", "/api//events", "/./api/events",
             "/API/events", "/%61pi/events", f"http://{host}/api/events", "/page.js/../api/events"]:
    for headers in ["", bearer, "Cookie: token=\r\n", f"Origin: http://{host}\r\n{bearer}",
                    bearer + bearer, "Authorization: Bearer\r\n", "X-Forwarded-For: 127.0.0.1\r\n"]:
        ask(f"GET {path}", f"Host: {host}\r\n{headers}")
ask("POST /api/events", f"Host: {host}\r\n")
ask("GET /api/events?token=" + token, f"Host: {host}\r\n")
"#;

#[test]
fn is_refused() {
    let world = World::new().config("network: open\n");
    let told = format!("echo {SECRET}-command");
    world.sandboxed(&told);
    let mut serve = world.aigate();
    serve.arg("serve");
    let serving = Host::start(serve);
    let address = serving.line();
    let (server, token) = address.split_once("/#").expect("an address with a token");
    let port = server.rsplit_once(':').expect("a port").1;
    let ask = |token: &str| format!("{} {port} {token}", python(ASK));
    // Not that one: a wrong one, and none.
    let wrong = "0".repeat(64);
    for guess in [wrong.as_str(), "''"] {
        let inside = world.hidden_unlike(&ask(guess), &ask(token));
        assert!(
            inside.said("<!doctype html>"),
            "the loopback is shared: {inside}"
        );
    }
}
