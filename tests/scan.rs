//! The walk finds what the rules name: the same with an index, without, and by brute force.
#![expect(clippy::expect_used, reason = "a test reports by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use aigate::config::{self, Request};
use aigate::engine::scan;
use aigate::policy::Policy;
use assert_fs::TempDir;

struct World {
    temp: TempDir,
}

impl World {
    fn new(rules: &str) -> World {
        let temp = TempDir::new().expect("temporary directory");
        fs::create_dir_all(temp.path().join("home/project")).expect("project");
        fs::create_dir_all(temp.path().join("home/.aigate")).expect("directory");
        fs::write(temp.path().join("home/.aigate/config.yaml"), rules).expect("rules");
        World { temp }
    }

    fn project(&self) -> PathBuf {
        self.temp.path().join("home/project")
    }

    fn policy(&self) -> Policy {
        let home = self.temp.path().canonicalize().expect("path").join("home");
        config::load(&Request::new(home.join("project"), home)).expect("policy")
    }

    fn find(&self, policy: &Policy) -> scan::Found {
        let found = scan::find(policy, &self.temp.path().join("home/.aigate/cache")).expect("scan");
        for index in &found.indexes {
            index.write().expect("index");
        }
        found
    }

    fn file(&self, path: &str) {
        let path = self.project().join(path);
        fs::create_dir_all(path.parent().expect("parent")).expect("directory");
        fs::write(path, "x").expect("file");
    }
}

/// Every topmost denied path of the project, by asking the rules about every path.
fn by_brute_force(policy: &Policy) -> (BTreeSet<PathBuf>, BTreeSet<PathBuf>) {
    fn visit(policy: &Policy, dir: &Path, protected: bool, out: &mut [BTreeSet<PathBuf>; 2]) {
        for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
            let (path, is_dir) = (entry.path(), entry.file_type().expect("type").is_dir());
            if policy.read.judge(&path, is_dir).is_some() {
                out[0].insert(path);
                continue;
            }
            let closed = policy.write.judge(&path, is_dir).is_some();
            if closed && !protected {
                out[1].insert(path.clone());
            }
            if is_dir {
                visit(policy, &path, protected || closed, out);
            }
        }
    }
    let mut out = [BTreeSet::new(), BTreeSet::new()];
    visit(policy, &policy.project, false, &mut out);
    out.into()
}

fn below(paths: BTreeSet<PathBuf>, project: &Path) -> BTreeSet<PathBuf> {
    let present = |path: &PathBuf| path.starts_with(project) && path.symlink_metadata().is_ok();
    paths.into_iter().filter(present).collect()
}

fn agree(world: &World, policy: &Policy) -> usize {
    let found = world.find(policy);
    let (hidden, protected) = by_brute_force(policy);
    assert_eq!(below(found.hidden, &policy.project), hidden);
    assert_eq!(below(found.protected, &policy.project), protected);
    found.listed
}

/// A generator that is the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).expect("31 bits") % sides
    }
}

const NAMES: [&str; 14] = [
    "a",
    "b",
    "c",
    "src",
    ".env",
    ".env.local",
    ".env.example",
    "key.pem",
    ".vscode",
    "secrets",
    "node_modules",
    "cacert.pem",
    ".git",
    "hooks",
];

/// Makes, removes or renames something somewhere.
fn change(project: &Path, dice: &mut Dice) {
    let mut dir = project.to_path_buf();
    for _ in 0..dice.roll(5) {
        let next = dir.join(NAMES[dice.roll(NAMES.len())]);
        if !next.is_dir() || next.is_symlink() {
            break;
        }
        dir = next;
    }
    let path = dir.join(NAMES[dice.roll(NAMES.len())]);
    let other = project
        .join(NAMES[dice.roll(NAMES.len())])
        .join(NAMES[dice.roll(NAMES.len())]);
    // Each may be impossible where it is tried; then nothing changes.
    _ = match dice.roll(8) {
        0 => fs::remove_dir_all(&path),
        1 => fs::remove_file(&path),
        2 => fs::rename(&path, &other),
        3 => symlink("..", &path),
        4 => fs::write(&path, "x"),
        _ => fs::create_dir(&path),
    };
}

#[test]
fn the_walk_agrees_with_brute_force_while_the_tree_changes() {
    for (seed, pause) in [(1, 0), (2, 0), (3, 0), (4, 25)] {
        let world =
            World::new("deny_read: [\"@defaults\", secrets/, \"a/*.pem\", \"!src/secrets/\"]\n");
        let policy = world.policy();
        // Enough directories for an index to be kept.
        for number in 0..80 {
            world.file(&format!("c/{number}/x"));
        }
        let mut dice = Dice(seed);
        for _ in 0..if pause == 0 { 60 } else { 30 } {
            for _ in 0..=dice.roll(12) {
                change(&world.project(), &mut dice);
            }
            agree(&world, &policy);
            sleep(Duration::from_millis(pause));
        }
    }
}

#[test]
fn a_second_walk_lists_only_what_changed() {
    let world = World::new("deny_read: [.env]\n");
    for number in 0..200 {
        world.file(&format!("d{}/e{number}/x", number % 10));
    }
    world.file("d1/e1/.env");
    let policy = world.policy();
    sleep(Duration::from_millis(30));
    assert!(agree(&world, &policy) > 200);
    assert_eq!(agree(&world, &policy), 0, "nothing changed");
    world.file("d2/e2/.env");
    assert_eq!(agree(&world, &policy), 1, "one directory changed");
    let other = World { temp: world.temp };
    fs::write(
        other.temp.path().join("home/.aigate/config.yaml"),
        "deny_read: [x]",
    )
    .expect("rules");
    assert!(
        agree(&other, &other.policy()) > 200,
        "other rules need another index"
    );
}

#[test]
fn a_broken_index_is_no_index() {
    let world = World::new("");
    for number in 0..100 {
        world.file(&format!("{number}/.env"));
    }
    let policy = world.policy();
    sleep(Duration::from_millis(30));
    agree(&world, &policy);
    let cache = world.temp.path().join("home/.aigate/cache");
    let index = fs::read_dir(&cache)
        .expect("cache")
        .next()
        .expect("index")
        .expect("entry")
        .path();
    let bytes = fs::read(&index).expect("index");
    for broken in [&bytes[..bytes.len() / 2], b"nonsense", b""] {
        fs::write(&index, broken).expect("index");
        assert!(agree(&world, &policy) > 100);
    }
}

#[test]
fn installed_packages_are_not_looked_through() {
    let world = World::new("");
    for number in 0..100 {
        world.file(&format!("node_modules/p{number}/test/key.pem"));
    }
    assert!(agree(&world, &world.policy()) < 5);
}

#[test]
fn every_name_of_a_hidden_file_is_found() {
    let world = World::new("");
    world.file(".env");
    fs::create_dir_all(world.project().join("node_modules/deep")).expect("directory");
    for name in ["other", "node_modules/deep/third"] {
        fs::hard_link(world.project().join(".env"), world.project().join(name)).expect("link");
    }
    let policy = world.policy();
    let found = world.find(&policy);
    for name in [".env", "other", "node_modules/deep/third"] {
        assert!(found.hidden.contains(&policy.project.join(name)), "{name}");
    }
}

#[test]
fn a_name_that_is_nowhere_to_be_found_is_an_error() {
    let world = World::new("");
    world.file(".env");
    let outside = world.temp.path().join("outside");
    fs::hard_link(world.project().join(".env"), outside).expect("link");
    let error = scan::find(&world.policy(), &world.temp.path().join("none"))
        .expect_err("a link is missing")
        .to_string();
    assert!(error.contains("hard link"), "{error}");
}

#[test]
fn a_rule_that_reaches_one_level_does_not_walk_the_whole_tree() {
    let world = World::new("deny_read: [\"~/x/k_*\"]\ndeny_write: []\n");
    let x = world.temp.path().join("home/x");
    fs::create_dir_all(x.join("deep/deeper")).expect("directory");
    fs::write(x.join("k_1"), "x").expect("file");
    fs::write(x.join("deep/k_2"), "x").expect("file");
    let policy = world.policy();
    let found = scan::find(&policy, &world.temp.path().join("none")).expect("scan");
    assert!(found.hidden.contains(&policy.home.join("x/k_1")));
    assert!(!found.hidden.contains(&policy.home.join("x/deep/k_2")));
    // The project for the core's rules, and x; not what is below x.
    assert_eq!(found.listed, 2);
}
