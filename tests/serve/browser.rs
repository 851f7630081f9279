//! A real browser, driven through WebDriver.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{Host, World};

/// Generous: a browser on two busy cores.
const LIMIT: Duration = Duration::from_secs(120);

pub(crate) struct Browser {
    port: u16,
    session: String,
    _driver: Host,
}

impl Browser {
    /// Headless Chromium with a profile of its own.
    pub(crate) fn start(world: &World) -> Browser {
        let mut driver = world.command("chromedriver");
        driver.arg("--port=0");
        let driver = Host::start(driver);
        let port = loop {
            let line = driver.line();
            if let Some((_, port)) = line.split_once("successfully on port ") {
                break port.trim_end_matches('.').parse().expect("a port");
            }
        };
        let profile = world.root().join("browser");
        let arguments = [
            "--headless=new".to_owned(),
            // Without a sandbox of its own: root has none, and containers give it none.
            "--no-sandbox".to_owned(),
            "--disable-gpu".to_owned(),
            "--disable-dev-shm-usage".to_owned(),
            "--disable-background-networking".to_owned(),
            "--no-first-run".to_owned(),
            "--window-size=1280,1100".to_owned(),
            format!("--user-data-dir={}", profile.display()),
        ];
        let mut browser = Browser {
            port,
            session: String::new(),
            _driver: driver,
        };
        let wanted = json!({"capabilities": {"alwaysMatch": {
            "goog:chromeOptions": {"args": arguments},
            "goog:loggingPrefs": {"browser": "ALL"},
        }}});
        let session = browser.send("POST", "/session", &wanted);
        browser.session = session["sessionId"].as_str().expect("a session").to_owned();
        browser
    }

    pub(crate) fn open(&self, address: &str) {
        self.post("/url", &json!({"url": address}));
    }

    /// What a script returns.
    pub(crate) fn run(&self, script: &str) -> Value {
        self.post("/execute/sync", &json!({"script": script, "args": []}))
    }

    /// Waits until an expression is true.
    #[track_caller]
    pub(crate) fn wait(&self, expression: &str) {
        let start = Instant::now();
        while self.run(&format!("return Boolean({expression})")) != true {
            let text = || self.run("return document.body.innerText");
            assert!(start.elapsed() < LIMIT, "never: {expression}\n{}", text());
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// A command of the DevTools protocol.
    pub(crate) fn devtools(&self, command: &str, parameters: &Value) -> Value {
        self.post(
            "/goog/cdp/execute",
            &json!({"cmd": command, "params": parameters}),
        )
    }

    /// What the browser complained about.
    pub(crate) fn complaints(&self) -> Vec<String> {
        let log = self.post("/se/log", &json!({"type": "browser"}));
        let lines = log.as_array().expect("a log").iter();
        lines
            .map(|line| line["message"].as_str().unwrap_or_default().to_owned())
            .collect()
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        self.send("POST", &format!("/session/{}{path}", self.session), body)
    }

    fn send(&self, method: &str, path: &str, body: &Value) -> Value {
        let answer = request(
            self.port,
            &format!("{method} {path}"),
            "",
            &body.to_string(),
        );
        let (_, body) = answer.split_once("\r\n\r\n").expect("an answer");
        let answer: Value = serde_json::from_str(body).expect(body);
        let value = answer["value"].clone();
        assert!(value["error"].is_null(), "{path}: {value}");
        value
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let line = format!("DELETE /session/{}", self.session);
        drop(request(self.port, &line, "", ""));
    }
}

/// Sends a request to a port of the loopback and reads the whole answer.
pub(crate) fn request(port: u16, line: &str, headers: &str, body: &str) -> String {
    let mut connection = TcpStream::connect(("127.0.0.1", port)).expect("a listener");
    connection.set_read_timeout(Some(LIMIT)).expect("a limit");
    let length = body.len();
    // Whoever is not answered gets an empty answer.
    _ = write!(
        connection,
        "{line} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n{headers}\
         Content-Length: {length}\r\n\r\n{body}"
    );
    let mut answer = Vec::new();
    let mut block = [0; 65536];
    loop {
        match connection.read(&mut block) {
            Ok(0) | Err(_) => break,
            Ok(read) => answer.extend_from_slice(&block[..read]),
        }
        if is_whole(&answer) {
            break;
        }
    }
    String::from_utf8_lossy(&answer).into_owned()
}

/// The driver keeps its connections open.
fn is_whole(answer: &[u8]) -> bool {
    let text = String::from_utf8_lossy(answer);
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.trim().parse::<usize>())?
            .ok()
    });
    length.is_some_and(|length| body.len() >= length)
}
