//! What the way through the broker costs: time to connect and get the first byte, and bytes a
//! second, beside the direct way over loopback and beside pasta, in one run.
//!
//!   cargo bench --bench egress
//!
//! pasta (the Debian package passt) is compared when an ordinary user runs this; to root it gives no
//! network. AIGATE_BIN names another aigate, ROUNDS how often everything is measured. The server is this
//! program on the loopback of this machine. Only ratios mean something elsewhere.
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a measurement that cannot be made ends with the reason"
)]

use std::env;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Instant;

const CONNECTIONS: usize = 1000;
const BYTES: usize = 1 << 28;
const PIECE: usize = 256 * 1024;
const ROUNDS: usize = 9;

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some("measure") => measure(&arguments[1]),
        Some("relay") => relay(&arguments[1]),
        _ => compare(),
    }
}

/// Serves what [`measure`] asks for: `L` one byte, `D` many down, `U` many up.
fn serve(listener: &TcpListener) {
    for stream in listener.incoming() {
        let mut stream = stream.expect("connection");
        thread::spawn(move || {
            let mut buffer = vec![0; PIECE];
            let mut word = [0];
            if stream.read_exact(&mut word).is_err() {
                return;
            }
            let mut left = if word == *b"L" { 0 } else { BYTES };
            while left > 0 {
                let count = left.min(PIECE);
                match word {
                    [b'D'] => stream.write_all(&buffer[..count]).expect("down"),
                    _ => stream.read_exact(&mut buffer[..count]).expect("up"),
                }
                left -= count;
            }
            stream.write_all(b".").expect("end");
        });
    }
}

/// Prints microseconds to the first byte (median), GB/s down, GB/s up.
fn measure(address: &str) {
    let mut times: Vec<f64> = (0..CONNECTIONS)
        .map(|_| {
            let start = Instant::now();
            transfer(address, b'L');
            start.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    times.sort_by(f64::total_cmp);
    let rate = |word| {
        let start = Instant::now();
        transfer(address, word);
        BYTES as f64 / start.elapsed().as_secs_f64() / 1e9
    };
    println!("{} {} {}", times[CONNECTIONS / 2], rate(b'D'), rate(b'U'));
}

fn transfer(address: &str, word: u8) {
    let mut stream = TcpStream::connect(address).expect("connection");
    stream.set_nodelay(true).expect("option");
    stream.write_all(&[word]).expect("word");
    let mut buffer = vec![0; if word == b'L' { 1 } else { PIECE }];
    if word == b'U' {
        for _ in 0..BYTES / PIECE {
            stream.write_all(&buffer).expect("up");
        }
    }
    let mut left = if word == b'D' { BYTES + 1 } else { 1 };
    while left > 0 {
        left -= match stream.read(&mut buffer).expect("down") {
            0 => panic!("the connection ended"),
            count => count,
        };
    }
}

/// What any way through another process costs at least: passes on what comes, and decides nothing.
fn relay(server: &str) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("listener");
    println!("{}", listener.local_addr().expect("address"));
    for client in listener.incoming() {
        let client = client.expect("connection");
        let server = TcpStream::connect(server).expect("server");
        for side in [&client, &server] {
            side.set_nodelay(true).expect("option");
        }
        let clone = |side: &TcpStream| side.try_clone().expect("descriptor");
        let (up, down) = ((clone(&client), clone(&server)), (server, client));
        for (from, to) in [up, down] {
            thread::spawn(move || pass(&from, &to));
        }
    }
}

fn pass(mut from: &TcpStream, mut to: &TcpStream) {
    let mut buffer = vec![0; PIECE];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        if to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    // The other side may be gone.
    let _ = to.shutdown(std::net::Shutdown::Write);
}

/// Ends with the comparison.
struct Relay(std::process::Child, String);

impl Relay {
    fn start(port: u16) -> Self {
        let mut child = Command::new(env::current_exe().expect("own path"))
            .args(["relay", &format!("127.0.0.1:{port}")])
            .stdout(Stdio::piped())
            .spawn()
            .expect("relay");
        let mut said = BufReader::new(child.stdout.take().expect("output"));
        let mut line = String::new();
        said.read_line(&mut line).expect("an address");
        Self(child, line.trim().to_owned())
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A way to the server: its name and the command in front of `measure`.
type Way = (&'static str, Vec<String>, String);

fn compare() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("listener");
    let port = listener.local_addr().expect("address").port();
    thread::spawn(move || serve(&listener));
    let home = tempfile::tempdir().expect("directory");
    let relay = Relay::start(port);
    let mut ways = ways(home.path(), port);
    ways.insert(1, ("any relay", Vec::new(), relay.1.clone()));
    let mut results = vec![Vec::new(); ways.len()];
    let rounds = env::var("ROUNDS").ok().and_then(|count| count.parse().ok());
    for _ in 0..rounds.unwrap_or(ROUNDS) {
        for (way, results) in ways.iter().zip(&mut results) {
            results.extend(run(home.path(), way));
        }
    }
    println!(
        "{:24} {:>10} {:>10} {:>10}",
        "", "us", "GB/s down", "GB/s up"
    );
    for ((name, ..), results) in ways.iter().zip(&results) {
        let median = |at: usize| {
            let mut values: Vec<f64> = results.iter().map(|r: &[f64; 3]| r[at]).collect();
            values.sort_by(f64::total_cmp);
            values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
        };
        let [us, down, up] = [0, 1, 2].map(median);
        println!("{name:24} {us:10.1} {down:10.2} {up:10.2}");
    }
}

fn ways(home: &std::path::Path, port: u16) -> Vec<Way> {
    std::fs::create_dir_all(home.join(".aigate")).expect("directory");
    std::fs::create_dir_all(home.join("app")).expect("directory");
    let rules =
        format!("network: filtered\nallow_net: [\"bench.example:{port}\", \"127.0.0.1:{port}\"]\n");
    std::fs::write(home.join(".aigate/config.yaml"), rules).expect("configuration");
    std::fs::write(home.join("hosts"), "127.0.0.1 localhost bench.example\n").expect("hosts");
    // The host's own names, in a mount namespace of the measurement.
    let hosts = home.join("hosts").display().to_string();
    let script = format!("mount --bind {hosts} /etc/hosts && exec \"$@\"");
    let built = || env!("CARGO_BIN_EXE_aigate").to_owned();
    let aigate = &env::var("AIGATE_BIN").unwrap_or_else(|_| built());
    let sandbox = [
        "unshare", "-rm", "sh", "-c", &script, "sh", aigate, "exec", "--",
    ];
    let sandbox: Vec<String> = sandbox.map(str::to_owned).to_vec();
    let mut ways = vec![
        ("direct", Vec::new(), format!("127.0.0.1:{port}")),
        (
            "by name (veth)",
            sandbox.clone(),
            format!("bench.example:{port}"),
        ),
        (
            "service of the host (lo)",
            sandbox,
            format!("127.0.0.1:{port}"),
        ),
    ];
    let pasta = Command::new("pasta")
        .arg("--version")
        .stdout(Stdio::null())
        .status();
    match (pasta, gateway()) {
        (Ok(_), Some(gateway)) if !nix::unistd::geteuid().is_root() => {
            let pasta = ["pasta", "--config-net", "-q", "--"]
                .map(str::to_owned)
                .to_vec();
            ways.push(("pasta", pasta, format!("{gateway}:{port}")));
        }
        _ => println!("pasta or a default route is missing, or this is root: not compared"),
    }
    ways
}

/// The default gateway, which pasta maps to the host's loopback.
fn gateway() -> Option<String> {
    let output = Command::new("ip")
        .args(["-4", "route", "show", "default"])
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    Some(text.split_whitespace().nth(2)?.to_owned())
}

fn run(home: &std::path::Path, (name, command, address): &Way) -> Option<[f64; 3]> {
    let own = env::current_exe().expect("own path").display().to_string();
    let tail = [own, "measure".to_owned(), address.clone()];
    let words: Vec<&String> = command.iter().chain(&tail).collect();
    let output = Command::new(words[0])
        .args(&words[1..])
        .env("HOME", home)
        .current_dir(home.join("app"))
        .output()
        .expect("command");
    let text = String::from_utf8_lossy(&output.stdout);
    let numbers: Vec<f64> = text
        .split_whitespace()
        .filter_map(|w| w.parse().ok())
        .collect();
    if numbers.len() != 3 {
        println!("{name}: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    numbers.try_into().ok()
}
