//! The dashboard: who is answered, what a browser shows, and a long log.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    reason = "a test reports by panicking"
)]

#[path = "../support/mod.rs"]
mod support;

mod browser;

use std::fs::{self, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use browser::{Browser, request};
use serde_json::{Value, json};
use support::{Host, World, process};

struct Serving {
    port: u16,
    token: String,
    address: String,
    host: Host,
}

impl Serving {
    fn start(world: &World) -> Serving {
        let mut command = world.aigate();
        command.arg("serve");
        let host = Host::start(command);
        let address = host.line();
        let (server, token) = address.split_once("/#").expect("an address");
        let port = server.rsplit_once(':').unwrap().1.parse().unwrap();
        Serving {
            port,
            token: token.to_owned(),
            address: address.clone(),
            host,
        }
    }

    fn ask(&self, path: &str) -> Value {
        let bearer = format!("Authorization: Bearer {}\r\n", self.token);
        let answer = request(self.port, &format!("GET {path}"), &bearer, "");
        assert!(answer.starts_with("HTTP/1.1 200"), "{path}: {answer}");
        serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
    }

    /// Waits for the whole log to be read.
    fn summary(&self) -> Value {
        let start = Instant::now();
        loop {
            let summary = self.ask("/api/summary");
            if summary["complete"] == true {
                return summary;
            }
            assert!(start.elapsed() < Duration::from_secs(600), "{summary}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

fn write_log(world: &World, events: impl IntoIterator<Item = Value>) {
    let folder = world.home().join(".aigate");
    fs::create_dir_all(&folder).unwrap();
    let file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(folder.join("audit.jsonl"));
    let mut file = std::io::BufWriter::new(file.unwrap());
    for event in events {
        writeln!(file, "{event}").unwrap();
    }
    file.flush().unwrap();
}

fn run(world: &World, words: &[&str]) {
    let mut command = world.exec(words[0]);
    command.args(&words[1..]);
    process::run(command);
}

fn refusal(number: usize, host: &str) -> Value {
    json!({
        "time": format!("2026-01-{:02}T03:04:05.000Z", 1 + number % 28),
        "session": "00112233aabbccdd", "event": "blocked", "action": "net", "project": "/home/me/web",
        "what": host, "why": format!("not in allow_net; to allow it: aigate allow net {host}"), "repeats": 0,
    })
}

#[test]
fn each_answer_keeps_the_page_to_itself() {
    let world = World::new();
    run(&world, &["true"]);
    let serving = Serving::start(&world);
    let bearer = format!("Authorization: Bearer {}\r\n", serving.token);
    for (path, headers, status) in [
        ("/", "", 200),
        ("/page.js", "", 200),
        ("/page.css", "", 200),
        ("/api/summary", bearer.as_str(), 200),
        ("/api/summary", "", 401),
        ("/api/nothing", &bearer, 404),
        ("/../../etc/passwd", "", 404),
        ("/page.js", "Origin: http://evil.example\r\n", 403),
        ("/", "Sec-Fetch-Site: cross-site\r\n", 403),
        ("/", "Host: evil.example\r\n", 421),
    ] {
        let answer = request(serving.port, &format!("GET {path}"), headers, "");
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{path} {headers}: {answer}"
        );
        for header in [
            "Content-Security-Policy: default-src 'none'; script-src 'self'",
            "frame-ancestors 'none'",
            "X-Content-Type-Options: nosniff",
            "Referrer-Policy: no-referrer",
            "Cross-Origin-Resource-Policy: same-origin",
            "Cache-Control: no-store",
        ] {
            assert!(answer.contains(header), "{path}: {header}: {answer}");
        }
        assert!(!answer.contains("Access-Control") && !answer.contains("Set-Cookie"));
    }
    let post = request(serving.port, "POST /api/summary", &bearer, "{}");
    assert!(post.starts_with("HTTP/1.1 405 "), "{post}");
}

#[test]
fn the_page_needs_nothing_from_elsewhere() {
    let page = support::place::package().join("src/dashboard/page");
    for entry in fs::read_dir(page).unwrap() {
        let text = fs::read_to_string(entry.unwrap().path()).unwrap();
        for way in [
            "http://",
            "https://",
            "//cdn",
            "url(",
            "@import",
            "innerHTML",
            "eval(",
            "document.write",
        ] {
            assert!(!text.contains(way), "{way}");
        }
    }
}

#[test]
fn only_this_machine_can_connect() {
    let world = World::new();
    let serving = Serving::start(&world);
    assert!(TcpStream::connect(("127.0.0.1", serving.port)).is_ok());
    let sockets = fs::read_to_string("/proc/net/tcp").unwrap();
    let port = format!(":{:04X} ", serving.port);
    let listening: Vec<_> = sockets
        .lines()
        .filter(|line| line.contains(&port) && line.contains(" 0A "))
        .collect();
    assert!(
        listening.len() == 1 && listening[0].contains("0100007F:"),
        "{listening:?}"
    );
    let mut second = world.aigate();
    second.args(["serve", "--port", &serving.port.to_string()]);
    let second = process::run(second);
    assert_eq!(second.code(), Some(125));
    assert!(
        second.err.contains("is taken by another program"),
        "{second}"
    );
}

/// Whoever connects without the token can neither stop the server nor fill it for ever.
#[test]
fn callers_who_say_nothing_are_dropped() {
    let world = World::new();
    let serving = Serving::start(&world);
    let silent: Vec<_> = (0..200)
        .filter_map(|_| TcpStream::connect(("127.0.0.1", serving.port)).ok())
        .collect();
    let mut endless = TcpStream::connect(("127.0.0.1", serving.port)).unwrap();
    let _ = endless.write_all(&vec![b'x'; 1 << 20]);
    let start = Instant::now();
    loop {
        let bearer = format!("Authorization: Bearer {}\r\n", serving.token);
        let asked = request(serving.port, "GET /api/summary", &bearer, "");
        if asked.starts_with("HTTP/1.1 200") {
            break;
        }
        assert!(start.elapsed() < Duration::from_secs(60));
        std::thread::sleep(Duration::from_millis(200));
    }
    drop(silent);
}

#[test]
fn what_happens_is_streamed_also_into_the_next_file() {
    let world = World::new();
    run(&world, &["true"]);
    let serving = Serving::start(&world);
    let mut stream = TcpStream::connect(("127.0.0.1", serving.port)).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(60)))
        .unwrap();
    write!(
        stream,
        "GET /api/stream HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nAuthorization: Bearer {}\r\n\r\n",
        serving.port, serving.token
    )
    .unwrap();
    let mut lines = BufReader::new(stream)
        .lines()
        .map(|line| line.expect("more"));
    assert!(lines.any(|line| line == "content-type: text/event-stream"
        || line == "Content-Type: text/event-stream"));
    assert!(lines.any(|line| line == ": ready"));
    run(&world, &["true", "second"]);
    assert!(lines.any(|line| line.starts_with("data: ") && line.contains("true second")));
    let log = world.home().join(".aigate/audit.jsonl");
    fs::rename(&log, log.with_extension("jsonl.1")).unwrap();
    run(&world, &["true", "third"]);
    assert!(lines.any(|line| line.starts_with("data: ") && line.contains("true third")));
    assert_eq!(serving.summary()["counts"]["runs"], 3);
}

/// `AIGATE_SERVE_EVENTS=1000000 cargo test --release --test serve a_long_log -- --nocapture` makes the
/// figures of docs/benchmarks.md.
#[test]
fn a_long_log_costs_no_more_memory_than_a_short_one() {
    let count = std::env::var("AIGATE_SERVE_EVENTS").map_or(20_000, |count| count.parse().unwrap());
    let world = World::new();
    write_log(&world, [refusal(0, "first.example")]);
    let long = json!({"time": "2026-01-01T00:00:00.000Z", "session": "0011223344556677", "event": "executed",
        "command": ["/usr/bin/cc", "-O2", "-c", "src/main.c", "-o", "build/main.o", "-Wall", "-Wextra", "-Iinclude",
            "-Ithird_party/include", "-DNDEBUG", "-fPIC", "-MMD", "-MF", "build/main.d"], "process": 1234});
    let different = |number: usize| match number % 10 {
        0 => refusal(number, &format!("host-{}.example:443", number % 5000)),
        1 => {
            json!({"time": "2026-01-01T00:00:00.000Z", "session": format!("{number:016x}"), "event": "run_started",
            "command": ["cargo", "test", number.to_string()], "project": "/home/me/web"})
        }
        _ => long.clone(),
    };
    write_log(&world, (2..count).map(different));
    write_log(&world, [refusal(0, "last.example")]);
    let size = fs::metadata(world.home().join(".aigate/audit.jsonl"))
        .unwrap()
        .len();
    let serving = Serving::start(&world);
    let start = Instant::now();
    let timed = |path: &str| {
        let start = Instant::now();
        (serving.ask(path), start.elapsed())
    };
    let (latest, first_page) = timed("/api/events");
    assert_eq!(
        latest["events"][0]["detail"]
            .as_str()
            .unwrap()
            .split(':')
            .next(),
        Some("net last.example")
    );
    let summary = serving.summary();
    let read = start.elapsed();
    assert_eq!(summary["counts"]["events"], count);
    assert!(summary.to_string().len() < 1 << 20, "bounded");
    let (mut found, mut place, mut asked) = (Vec::new(), Value::Null, 0);
    let start = Instant::now();
    while asked == 0 || place.is_string() {
        let before = place.as_str().unwrap_or_default();
        let page = serving.ask(&format!("/api/events?text=first.example&before={before}"));
        found.extend(page["events"].as_array().unwrap().iter().cloned());
        place = page["next"].clone();
        asked += 1;
    }
    let searched = start.elapsed();
    assert_eq!(found.len(), 1);
    let status = fs::read_to_string(format!("/proc/{}/status", serving.host.id())).unwrap();
    let peak: u64 = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap()
        .trim_end_matches("kB")
        .trim()
        .parse()
        .unwrap();
    eprintln!(
        "{count} events, {size} bytes: latest page {first_page:?}, digest {read:?}, search of all {searched:?} in {asked} questions, {peak} KiB"
    );
    assert!(peak < 64 << 10, "{peak} KiB");
}

#[test]
fn a_browser_shows_what_happened() {
    if !support::tool("chromedriver") {
        support::skip!("chromedriver is not installed");
    }
    let world = World::new();
    let markup = "<img src=x onerror=alert(1)>";
    write_log(
        &world,
        (0..250).map(|number| refusal(number, &format!("old-{number}.example"))),
    );
    write_log(
        &world,
        [
            json!({"time": "2026-02-01T10:00:00.000Z", "session": "00112233aabbccdd", "event": "run_started",
            "command": ["claude"], "cwd": "/home/me/web", "project": "/home/me/web", "profile": "claude"}),
            refusal(3, "telemetry.example:443"),
            refusal(4, "telemetry.example:443"),
            refusal(5, markup),
            json!({"time": "2026-02-01T10:00:02.000Z", "session": "00112233aabbccdd", "event": "blocked",
            "action": "net", "project": "/home/me/web", "what": "ads.example:443", "why": "denied by `*.example`",
            "rule": {"text": "ads.example", "layer": "user", "file": "/home/me/.aigate/config.yaml", "line": 4}}),
        ],
    );
    let serving = Serving::start(&world);
    let browser = Browser::start(&world);
    browser.open(&serving.address.replace(&serving.token, &"0".repeat(64)));
    browser.wait("document.getElementById('problem').innerText.includes('no valid token')");
    let complaints = browser.complaints();
    assert!(
        complaints.iter().all(|line| line.contains("401")),
        "{complaints:?}"
    );
    browser.open("about:blank");
    browser.open(&serving.address);
    browser.wait("document.getElementById('state').dataset.state === 'live'");
    browser.wait("document.querySelectorAll('#events li').length === 100");
    assert_eq!(
        browser.run("return location.href"),
        format!("http://127.0.0.1:{}/", serving.port)
    );
    browser.wait("document.querySelector('[data-count=refused] dd').innerText === '254'");
    refusals_by_rule(&browser, markup);
    events_are_filtered_and_live(&browser, &world);
    let home = world.home().display().to_string();
    everything_has_a_name_and_can_be_read(&browser, &home);
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

fn refusals_by_rule(browser: &Browser, markup: &str) {
    browser.run(
        "document.querySelectorAll('#rules details').forEach((rule) => { rule.open = true; })",
    );
    let text = browser.run("return document.getElementById('rules').innerText");
    let text = text.as_str().unwrap();
    for part in [
        "no rule allows it",
        "telemetry.example:443",
        "ads.example",
        "/home/me/.aigate/config.yaml:4",
        markup,
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert_eq!(
        browser.run("return document.querySelectorAll('main img').length"),
        0
    );
    let commands = browser
        .run("return [...document.querySelectorAll('code.command')].map((node) => node.innerText)");
    let commands: Vec<_> = commands
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    assert!(
        commands.contains(&"aigate allow net telemetry.example:443"),
        "{commands:?}"
    );
    assert!(
        commands.contains(&"aigate allow net --project ads.example:443"),
        "{commands:?}"
    );
    assert!(
        commands.iter().all(|command| !command.contains('<')),
        "{commands:?}"
    );
}

fn events_are_filtered_and_live(browser: &Browser, world: &World) {
    let count = "document.querySelectorAll('#events li').length";
    let set = |name: &str, value: &str| {
        browser.run(&format!(
            "const field = document.forms.filters.elements['{name}']; field.value = '{value}';\
             field.dispatchEvent(new Event('input', {{ bubbles: true }}))"
        ));
    };
    browser.run("document.getElementById('older').click()");
    browser.wait(&format!("{count} === 200"));
    set("text", "OLD-17.example");
    browser.wait(&format!("{count} === 1"));
    set("text", "");
    set("kind", "run_started");
    browser.wait(&format!("{count} === 1"));
    run(world, &["true", "live-marker"]);
    browser.wait("document.querySelector('#events li').innerText.includes('true live-marker')");
    assert_eq!(
        browser.run(&format!("return {count}")),
        2,
        "the end of the run is filtered out"
    );
    browser.wait("document.querySelector('#runs tr').innerText.includes('exit code 0')");
    browser.run("document.querySelector('#filters button[type=reset]').click()");
    browser.wait(&format!("{count} === 100"));
}

/// Names of controls as assistive programs get them, headings in order, and text that stands out from
/// its ground in both colour schemes.
fn everything_has_a_name_and_can_be_read(browser: &Browser, home: &str) {
    let tree = browser.devtools("Accessibility.getFullAXTree", &json!({}));
    let nodes = tree["nodes"].as_array().unwrap();
    let of = |node: &Value, key: &str| node[key]["value"].as_str().unwrap_or_default().to_owned();
    let shown = nodes.iter().filter(|node| node["ignored"] != true);
    let controls = [
        "button",
        "textbox",
        "searchbox",
        "combobox",
        "checkbox",
        "link",
        "region",
        "search",
        "table",
    ];
    let mut seen = 0;
    for node in shown {
        let role = of(node, "role");
        seen += usize::from(controls.contains(&role.as_str()));
        let needs_name = controls.contains(&role.as_str()) && role != "table";
        assert!(!needs_name || !of(node, "name").is_empty(), "{node}");
    }
    assert!(seen > 20, "{seen}");
    assert_eq!(browser.run("return document.documentElement.lang"), "en");
    browser.run("document.querySelectorAll('#rules details').forEach((rule, at) => { rule.open = at === 0; })");
    let mut grounds = Vec::new();
    for scheme in ["light", "dark"] {
        let features = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        browser.devtools("Emulation.setEmulatedMedia", &features);
        let seen = browser.run(CONTRAST);
        assert_eq!(seen["weak"], json!([]), "{scheme}");
        grounds.push(seen["ground"].clone());
        if let Some(folder) = std::env::var_os("AIGATE_SCREENSHOTS") {
            browser.run(&format!(
                "for (const cell of document.querySelectorAll('#runs td')) \
                 if (!cell.children.length) cell.textContent = cell.textContent.replace('{home}/work', '/home/me')"
            ));
            let shot = browser.devtools("Page.captureScreenshot", &json!({"format": "png"}));
            let file = std::path::Path::new(&folder).join(format!("dashboard-{scheme}.png.base64"));
            fs::write(file, shot["data"].as_str().unwrap()).unwrap();
        }
    }
    assert_ne!(grounds[0], grounds[1]);
}

/// Every text whose contrast with what is behind it is below 4.5, as WCAG computes it.
const CONTRAST: &str = r#"
const parts = (color) => color.match(/[\d.]+/g).map(Number);
const light = (color) => parts(color).slice(0, 3).map((v) => v / 255)
  .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
  .reduce((sum, v, at) => sum + v * [0.2126, 0.7152, 0.0722][at], 0);
const ground = (node) => {
  for (; node; node = node.parentElement) {
    const color = getComputedStyle(node).backgroundColor;
    if (parts(color)[3] !== 0) return color;
  }
  return "rgb(255, 255, 255)";
};
const weak = [];
for (const node of document.querySelectorAll("body *")) {
  const own = [...node.childNodes].some((child) => child.nodeType === 3 && child.data.trim());
  if (!own || !node.checkVisibility() || node.matches("script, noscript, option")) continue;
  const [a, b] = [light(getComputedStyle(node).color), light(ground(node))].sort((x, y) => y - x);
  if ((a + 0.05) / (b + 0.05) < 4.5) weak.push(node.outerHTML.slice(0, 120));
}
return { weak: weak.slice(0, 5), ground: getComputedStyle(document.body).backgroundColor };
"#;
