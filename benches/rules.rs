//! What rules cost at the start of a run: `cargo bench --bench rules`.
//!
//! Prints medians of reading the configuration, and of finding what it names in trees of 1 000 to
//! 100 000 files: listing everything, and with the index of the walk before. Processor time, so that
//! a busy machine says the same; the threads that ask directories are counted by wall time beside it.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark reports by printing, and fails by panicking"
)]

use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use aigate::config::{self, Request};
use aigate::engine::scan;
use aigate::policy::Policy;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;

const PASSES: usize = 15;
/// Files in a directory, about as in a project with its packages.
const EACH: usize = 10;

fn main() {
    let temp = tempfile::TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let home = temp.path().canonicalize().unwrap().join("home");
    fs::create_dir_all(home.join("p")).unwrap();
    let request = Request::new(home.join("p"), &home);
    report("load, built-in rules", || {
        drop(config::load(&request).unwrap())
    });
    fs::create_dir_all(home.join(".aigate")).unwrap();
    let file = home.join(".aigate/config.yaml");
    fs::write(file, config::builtin::DEFAULT).unwrap();
    report("load, the file that init writes", || {
        drop(config::load(&request).unwrap())
    });
    for files in [1_000, 10_000, 50_000, 100_000] {
        tree(&home, files);
    }
}

fn tree(home: &Path, files: usize) {
    let project = home.join(format!("p{files}"));
    for directory in 0..files / EACH {
        let place = format!("m{}/p{}/d{directory}", directory % 20, directory / 20 % 25);
        let place = project.join(place);
        fs::create_dir_all(&place).unwrap();
        for file in 0..EACH {
            fs::write(place.join(format!("source_file_{file}.rs")), "").unwrap();
        }
    }
    fs::write(project.join("m7/p0/.env"), "").unwrap();
    // A directory that has just changed is listed again.
    sleep(Duration::from_millis(50));
    let policy = config::load(&Request::new(&project, home)).unwrap();
    let rules = policy.read.rules().len() + policy.write.rules().len();
    let (none, cache) = (home.join("none"), home.join(".aigate/cache"));
    report(&format!("{files} files, {rules} rules, listed"), || {
        drop(found(&policy, &none))
    });
    for index in found(&policy, &cache).indexes {
        index.write().unwrap();
    }
    report(&format!("{files} files, {rules} rules, index"), || {
        drop(found(&policy, &cache))
    });
}

fn found(policy: &Policy, cache: &Path) -> scan::Found {
    let found = scan::find(policy, cache).unwrap();
    assert!(
        found.hidden.contains(&policy.project.join("m7/p0/.env")) || policy.project.ends_with("p")
    );
    found
}

fn report(what: &str, act: impl Fn()) {
    act();
    let mut times: Vec<(Duration, Duration)> = (0..PASSES)
        .map(|_| {
            let (start, processor) = (Instant::now(), used());
            act();
            (used() - processor, start.elapsed())
        })
        .collect();
    times.sort();
    let processor = times[PASSES / 2].0;
    times.sort_by_key(|(_, wall)| *wall);
    println!(
        "{what:<44} {processor:>9.2?} processor {:>9.2?} wall",
        times[PASSES / 2].1
    );
}

fn used() -> Duration {
    let usage = getrusage(UsageWho::RUSAGE_SELF).unwrap();
    let both = usage.user_time() + usage.system_time();
    Duration::from_micros(both.num_microseconds().unsigned_abs())
}
