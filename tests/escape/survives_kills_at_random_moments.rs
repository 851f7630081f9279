//! Ends the supervisor, init, a helper or the command with SIGKILL at random moments, a thousand times.
//!
//! - Area: leftovers
//! - Known: most sandboxes measured: processes, stubs and temporary files stay
//! - Held by: init dies with the supervisor, the namespaces with init, and nothing on the host is ours

use std::fs;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::{World, at_last, place};

const TIMES: u64 = 1000;

#[test]
fn nothing_is_left() {
    let world = World::new()
        .repository()
        .secret(".env")
        .home_secret(".ssh/id");
    let marker = format!("MARKED={}", world.root().display());
    let world = world.env("MARKED", &marker["MARKED=".len()..]);
    let before = (place::picture(world.root()), host());
    let mut random = 0x2545_f491_4f6c_dd1d;
    for _ in 0..TIMES {
        killed_once(&world, &mut random);
    }
    assert!(at_last(|| marked(&marker) == 0), "processes are left");
    assert!(
        before == (place::picture(world.root()), host()),
        "files or mounts are left"
    );
    // The control arm of the search itself.
    let sleeper = world.host("echo; exec sleep 60");
    sleeper.line();
    // One that is in the middle of its `execve` has no environment to be seen.
    assert!(at_last(|| marked(&marker) == 1));
}

/// Starts a run, ends one of its processes after a moment, then the supervisor, should it live.
fn killed_once(world: &World, random: &mut u64) {
    let mut run = world.exec("/bin/sh");
    run.arg("-c").arg("sleep 50 & setsid sleep 50 & sleep 50");
    let mut supervisor = run
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let own = i32::try_from(supervisor.id()).unwrap();
    thread::sleep(Duration::from_micros(next(random) % 25_000));
    let mut family = vec![own];
    let mut at = 0;
    while at < family.len() {
        family.extend(children(family[at]));
        at += 1;
    }
    let victim = family[usize::try_from(next(random)).unwrap() % family.len()];
    // It may have ended by itself by now; its number cannot be another's so soon.
    let _ = kill(Pid::from_raw(victim), Signal::SIGKILL);
    thread::sleep(Duration::from_millis(2));
    let _ = supervisor.kill();
    supervisor.wait().unwrap();
}

fn children(parent: i32) -> Vec<i32> {
    let threads = fs::read_dir(format!("/proc/{parent}/task"))
        .into_iter()
        .flatten()
        .flatten();
    let lists =
        threads.filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    lists
        .flat_map(|list| {
            list.split(' ')
                .filter_map(|id| id.parse().ok())
                .collect::<Vec<_>>()
        })
        .collect()
}

/// How many processes of the host carry the marker in their environment.
fn marked(marker: &str) -> usize {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let environments = processes.filter_map(|entry| fs::read(entry.path().join("environ")).ok());
    environments
        .filter(|text| {
            text.split(|byte| *byte == 0)
                .any(|line| line == marker.as_bytes())
        })
        .count()
}

/// Mounts of the host, and what lies in its temporary directories under our name.
fn host() -> (String, Vec<String>) {
    let names = ["/tmp", "/var/tmp", "/dev/shm", "/run"]
        .iter()
        .flat_map(|folder| fs::read_dir(folder).unwrap());
    let names = names
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned());
    // Other tests of this suite make files there, which end with their number.
    let own = std::process::id().to_string();
    let ours = names
        .filter(|name| name.trim_start_matches('.').starts_with("aigate") && !name.ends_with(&own));
    (
        fs::read_to_string("/proc/self/mounts").unwrap(),
        ours.collect(),
    )
}

fn next(random: &mut u64) -> u64 {
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    *random >> 8
}
