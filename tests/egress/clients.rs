//! Programs as they are, without a proxy variable: each reaches an allowed server over TLS.

use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use crate::support::skip;
use crate::world::*;

/// A server for HTTP/1 and HTTP/2 over TLS, with files of `root`.
const NODE_SERVER: &str = r#"
const http2 = require('http2'), fs = require('fs'), path = require('path');
const [dir, host] = process.argv.slice(2);
const options = { key: fs.readFileSync(dir + '/key.pem'), cert: fs.readFileSync(dir + '/cert.pem'),
                  allowHTTP1: true };
http2.createSecureServer(options, (request, response) => {
  let file = path.join(dir, 'root', path.normalize(decodeURI(request.url.split('?')[0])));
  if (file.endsWith('/')) file += 'index.html';
  if (fs.existsSync(file) && fs.statSync(file).isFile()) {
    if (file.endsWith('.html')) response.setHeader('content-type', 'text/html');
    return response.end(fs.readFileSync(file));
  }
  if (request.headers['content-type'] == 'application/grpc') {
    response.writeHead(200, { 'content-type': 'application/grpc' });
    response.addTrailers({ 'grpc-status': '0' });
    return request.pipe(response);
  }
  response.statusCode = request.url.startsWith('/repo') ? 404 : 200;
  response.end('hello over ' + request.httpVersion + '\n');
}).listen(443, host, () => console.log('ready'));
"#;

pub(crate) struct Server {
    child: Child,
    pub(crate) dir: tempfile::TempDir,
}

impl Server {
    /// A server for `a.example`, or none when this machine has no Node or OpenSSL.
    pub(crate) fn start() -> Option<Server> {
        let dir = tempfile::tempdir().expect("directory");
        let at = |name: &str| dir.path().join(name).display().to_string();
        let (key, cert) = (at("key.pem"), at("cert.pem"));
        let made = Command::new("openssl")
            .args([
                "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
            ])
            .args([
                "-subj",
                "/CN=a.example",
                "-addext",
                "subjectAltName=DNS:a.example",
            ])
            .args(["-keyout", &key, "-out", &cert])
            .stderr(Stdio::null())
            .status();
        if !made.is_ok_and(|status| status.success()) {
            return None;
        }
        std::fs::create_dir(dir.path().join("root")).expect("directory");
        std::fs::write(at("server.js"), NODE_SERVER).expect("write");
        let child = Command::new("node")
            .args([&at("server.js"), &dir.path().display().to_string(), SERVER])
            .stdout(Stdio::null())
            .spawn();
        let server = Server {
            child: child.ok()?,
            dir,
        };
        for _ in 0..200 {
            if std::net::TcpStream::connect((SERVER, 443)).is_ok() {
                return Some(server);
            }
            thread::sleep(Duration::from_millis(50));
        }
        None
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.dir.path().join(name).display().to_string()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Runs `script` with `$CERT` in a sandbox that reaches `a.example`; what it printed.
pub(crate) fn inside(server: &Server, script: &str) -> String {
    let world = World::new();
    let mut sandbox = world.sandbox(&["a.example"]);
    let cert = server.path("cert.pem");
    let printed = sandbox.run(&format!("export CERT={cert}; {script}"));
    let events = sandbox.events();
    assert!(events.is_empty(), "{events:?}\n{printed}");
    printed
}

/// The server of a test and the world around it, or a visible skip.
macro_rules! served {
    () => {{
        $crate::world::in_a_world!();
        World::loopback();
        match Server::start() {
            Some(server) => server,
            None => skip!("no openssl or node"),
        }
    }};
}
pub(crate) use served;

#[test]
fn curl_speaks_both_versions_of_http() {
    let server = served!();
    let printed = inside(
        &server,
        "for v in --http1.1 --http2; do curl -sS -m 20 $v --cacert $CERT https://a.example/; done",
    );
    assert_eq!(printed, "hello over 1.1\nhello over 2.0");
}

#[test]
fn python_and_node_need_no_proxy_variables() {
    let server = served!();
    let printed = inside(
        &server,
        r#"/usr/bin/python3 -c 'import os, ssl, urllib.request as u
c = ssl.create_default_context(cafile=os.environ["CERT"])
print(u.urlopen("https://a.example/", context=c, timeout=20).read().decode().strip())'
NODE_EXTRA_CA_CERTS=$CERT node -e '
fetch("https://a.example/").then(r => r.text()).then(t => process.stdout.write(t))'"#,
    );
    assert_eq!(printed, "hello over 1.1\nhello over 1.1");
}

#[test]
fn a_call_of_grpc_streams_both_ways_and_ends_with_its_status() {
    let server = served!();
    let printed = inside(
        &server,
        r#"node -e '
const http2 = require("http2");
const client = http2.connect("https://a.example", { ca: require("fs").readFileSync(process.env.CERT) });
const stream = client.request({ ":method": "POST", ":path": "/test.Echo/Chat", te: "trailers",
  "content-type": "application/grpc" });
const message = t => Buffer.concat([Buffer.from([0, 0, 0, 0, t.length]), Buffer.from(t)]);
let got = "", status;
stream.on("data", d => { got += d.subarray(5); if (got == "one") stream.end(message("two")); });
stream.on("trailers", t => { status = t["grpc-status"]; });
stream.on("end", () => { console.log(got, status); client.close(); });
stream.write(message("one"));'"#,
    );
    assert_eq!(printed, "onetwo 0");
}

#[test]
fn git_clones_over_https() {
    let server = served!();
    let root = server.path("root");
    let made = outside(&format!(
        "cd {root} && git init -q work && cd work && echo text > file && git add file && \
         git -c user.name=t -c user.email=t@t commit -qm one && \
         git clone -q --bare . ../repo && cd ../repo && git update-server-info"
    ));
    assert_eq!(made, "");
    let clone = tempfile::tempdir().expect("directory");
    let printed = inside(
        &server,
        &format!(
            "cd {} && GIT_SSL_CAINFO=$CERT git clone -q https://a.example/repo c && cat c/file",
            clone.path().display()
        ),
    );
    assert_eq!(printed, "text");
}

#[test]
fn java_finds_the_server_too() {
    let server = served!();
    if !Command::new("javac")
        .arg("-version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
    {
        skip!("no Java");
    }
    std::fs::write(
        server.path("Get.java"),
        r#"
import java.net.URI;
import java.net.http.*;
public class Get {
    public static void main(String[] a) throws Exception {
        var request = HttpRequest.newBuilder(URI.create("https://a.example/")).build();
        var client = HttpClient.newHttpClient();
        System.out.print(client.send(request, HttpResponse.BodyHandlers.ofString()).body());
    }
}"#,
    )
    .expect("write");
    let dir = server.dir.path().display();
    let store = outside(&format!(
        "cd {dir} && keytool -importcert -noprompt -alias a -file cert.pem -keystore trust \
         -storepass changeit >/dev/null 2>&1 && javac Get.java; echo $?"
    ));
    assert_eq!(store, "0");
    let printed = inside(
        &server,
        &format!(
            "cd {dir} && java -Djavax.net.ssl.trustStore=trust \
             -Djavax.net.ssl.trustStorePassword=changeit Get"
        ),
    );
    assert_eq!(printed, "hello over 2.0");
}

/// Go's own resolver asks the servers of resolv.conf itself, and the C library is not in between.
#[test]
fn a_program_in_go_finds_the_server_too() {
    let server = served!();
    if which::which("rclone").is_err() {
        skip!("no rclone");
    }
    let printed = inside(
        &server,
        "export SSL_CERT_FILE=$CERT HOME=/tmp GODEBUG=netdns=go; \
         rclone copyurl --config '' --retries 1 --stdout https://a.example/ -",
    );
    assert_eq!(printed, "hello over 2.0");
}

#[test]
fn a_websocket_opens_when_the_server_agrees_and_not_else() {
    in_a_world!();
    let world = World::new();
    for (port, answer) in [
        (80, "HTTP/1.1 101 Switching Protocols\r\n\r\n"),
        (8080, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
    ] {
        serve(&format!("{SERVER}:{port}"), move |mut stream| {
            use std::io::{Read, Write};
            let mut buffer = [0; 4096];
            drop(stream.read(&mut buffer));
            drop(stream.write_all(answer.as_bytes()));
            while let Ok(count @ 1..) = stream.read(&mut buffer) {
                drop(stream.write_all(&buffer[..count]));
            }
        });
    }
    let mut sandbox = world.sandbox(&["a.example"]);
    let printed = sandbox.python(
        r#"
for port in (80, 8080):
    s = socket.create_connection(("a.example", port), timeout=20)
    s.sendall(b"GET / HTTP/1.1\r\nHost: a.example\r\nUpgrade: websocket\r\n\r\n")
    print(s.recv(999).split(b"\r\n")[0])
    s.sendall(b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n")
    print(s.recv(16))
"#,
    );
    let expected = "b'HTTP/1.1 101 Switching Protocols'\nb'GET / HTTP/1.1\\r\\n'\n\
                    b'HTTP/1.1 200 OK'\nb'HTTP/1.1 403 For'";
    assert_eq!(printed, expected);
}
