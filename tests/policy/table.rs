//! One pattern, one path, one answer: ours, and git's where git knows the pattern.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use aigate::policy::paths::{PathRules, Rule};
use aigate::policy::pattern::{Anchor, Error, Pattern};
use aigate::policy::{Layer, Origin};
use assert_fs::TempDir;

const PROJECT: &str = "/home/u/p";
const HOME: &str = "/home/u";

fn rules(patterns: &[&str]) -> PathRules {
    let anchor = Anchor {
        base: Path::new(PROJECT),
        home: Path::new(HOME),
    };
    let rule = |text: &&str| {
        let pattern = Pattern::parse(text, anchor).expect("pattern");
        let origin = Origin::without_file(Layer::User, *text);
        Rule {
            allows: pattern.negated,
            pattern,
            group: 0,
            overrules: true,
            origin,
        }
    };
    PathRules::new(patterns.iter().map(rule).collect())
}

/// The path is relative to the project unless it begins with `/` or `~/`; a final `/` makes it a
/// directory.
fn denies(patterns: &[&str], path: &str) -> bool {
    let full = match path.strip_prefix("~/") {
        Some(rest) => Path::new(HOME).join(rest),
        None => Path::new(PROJECT).join(path),
    };
    let full: PathBuf = full.components().collect();
    rules(patterns).judge(&full, path.ends_with('/')).is_some()
}

/// Patterns with a path that they deny and one that they do not.
const LIKE_GIT: [(&str, &str, &str); 47] = [
    (".env", ".env", ".envrc"),
    (".env", "a/b/c/.env", ".env.local"),
    (".env", ".env/inside", "a.env"),
    (".env.*", ".env.local", ".env"),
    (".env.*", "deep/.env.prod.old", "deep/.env"),
    ("*.pem", "server.pem", "server.pem.txt"),
    ("*.pem", "a/b/.pem", "pem"),
    ("*.pem", "dir.pem/inside", "dir.pe/m"),
    ("*.tar.gz", "x.tar.gz", "x.gz"),
    ("id_*", "id_rsa", "xid_rsa"),
    ("id_?sa", "id_rsa", "id_ecdsa"),
    ("id_[rd]sa", "id_dsa", "id_esa"),
    ("id_[!r]sa", "id_dsa", "id_rsa"),
    ("id_[a-m]sa", "id_dsa", "id_rsa"),
    ("[a-c]*", "bottle", "dog"),
    ("*secret*", "my-secrets.txt", "my-secre.txt"),
    ("*", "anything/at/all", "."),
    ("secrets/", "secrets/", "secrets"),
    ("secrets/", "a/secrets/key", "a/secrets"),
    ("secrets/", "secrets/deep/er", "secretss/x"),
    ("config/db.yml", "config/db.yml", "a/config/db.yml"),
    ("config/*.yml", "config/db.yml", "config/sub/db.yml"),
    ("config/*.yml", "config/.yml", "config/db.yaml"),
    ("config/*", "config/sub/deeper", "config"),
    ("config/**", "config/sub/db", "config"),
    ("config/**", "config/x", "x/config/y"),
    ("**/db.yml", "db.yml", "db.ym"),
    ("**/db.yml", "a/b/db.yml", "a/b/xdb.yml"),
    ("**/config/db.yml", "config/db.yml", "config/x/db.yml"),
    ("**/config/db.yml", "a/b/config/db.yml", "a/bconfig/db.yml"),
    ("a/**/b", "a/b", "b"),
    ("a/**/b", "a/x/b", "a/xb"),
    ("a/**/b", "a/x/y/z/b", "x/a/b"),
    ("a/**/b/*.key", "a/b/c.key", "a/b/c/d.key"),
    ("a/*/c", "a/b/c", "a/c"),
    ("a/*/c", "a/b/c/d", "a/b/x/c"),
    ("**/.git/hooks/", "sub/.git/hooks/x", "sub/.git/hooks"),
    (
        "**/.git/modules/**/hooks/",
        ".git/modules/m/hooks/",
        ".git/modules/m/hook",
    ),
    ("a b.txt", "a b.txt", "a  b.txt"),
    ("\\!important", "!important", "important"),
    ("\\*.env", "*.env", "x.env"),
    ("é*", "état", "etat"),
    ("???", "abc", "ab"),
    ("a**b", "a-b", "a/b"),
    ("[]]x", "]x", "[x"),
    ("[a-]x", "-x", "bx"),
    ("*.[oa]", "lib.a", "lib.so"),
];

/// What git does not have: anchors, fixed paths, lists.
const OURS: [(&[&str], &str, &str); 26] = [
    (&["/", "!~/"], "/etc/x", "~/x"),
    (&["/*"], "/etc", "/"),
    (&["./.env"], ".env", "sub/.env"),
    (&["./a/"], "a/x", "b/a/x"),
    (&["~/.ssh/"], "~/.ssh/id_rsa", "~/.sshx"),
    (&["~/.ssh/"], "~/.ssh", ".ssh"),
    (
        &["~/.config/*/token"],
        "~/.config/x/token",
        "~/.config/token",
    ),
    (&["~/x*"], "~/xy/z", "x"),
    (&["~"], "~/anything", "/home/v"),
    (&["/etc/shadow"], "/etc/shadow", "/etc/shadow-"),
    (
        &["/etc/ssh/*_key"],
        "/etc/ssh/host_key",
        "/etc/ssh/a/host_key",
    ),
    (&["/opt//x/./y"], "/opt/x/y/z", "/opt/x"),
    (&["../sibling/.env"], "/home/u/sibling/.env", "sibling/.env"),
    (&[".env"], ".env", "/home/u/.env"),
    (&[".env", "!sub/.env"], ".env", "sub/.env"),
    (&["*.pem", "!cacert.pem"], "a/x.pem", "a/cacert.pem"),
    (&["!cacert.pem", "*.pem"], "cacert.pem", "cacert.crt"),
    (&["*.key", "!fixtures/"], "a/x.key", "a/fixtures/x.key"),
    (&["!fixtures/", "*.key"], "fixtures/x.key", "fixtures/x"),
    (&["secrets/", "!*.md"], "secrets/README.md", "README.md"),
    (
        &["secrets/", "!secrets/README.md"],
        "secrets/x",
        "secrets/README.md",
    ),
    (
        &["~/.ssh/", "!~/.ssh/known_hosts"],
        "~/.ssh/id",
        "~/.ssh/known_hosts",
    ),
    (&["~/.ssh/", "!~/.ssh/*.pub"], "~/.ssh/id", "~/.ssh/id.pub"),
    (&["a/", "!a/b/", "a/b/c"], "a/b/c", "a/b/d"),
    (&["*.env", "!x.env", "x.env"], "x.env", "x"),
    (&["{a,b}"], "{a,b}", "a"),
];

#[test]
fn a_pattern_denies_what_it_names() {
    for (pattern, yes, no) in LIKE_GIT {
        assert!(denies(&[pattern], yes), "{pattern} should deny {yes}");
        assert!(!denies(&[pattern], no), "{pattern} should not deny {no}");
    }
    for (patterns, yes, no) in OURS {
        assert!(denies(patterns, yes), "{patterns:?} should deny {yes}");
        assert!(!denies(patterns, no), "{patterns:?} should not deny {no}");
    }
}

#[test]
fn git_ignores_what_we_deny() {
    let repository = TempDir::new().expect("temporary directory");
    assert!(git(repository.path(), &["init", "-q"], "").0);
    for (pattern, yes, no) in LIKE_GIT {
        fs::write(repository.path().join(".gitignore"), pattern).expect("pattern");
        let check = ["check-ignore", "--no-index", "--stdin", "-z"];
        let (_, ignored) = git(repository.path(), &check, &format!("{yes}\0"));
        assert!(!ignored.is_empty(), "git: {pattern} should ignore {yes}");
        if no != "." {
            let (_, ignored) = git(repository.path(), &check, &format!("{no}\0"));
            assert!(ignored.is_empty(), "git: {pattern} should not ignore {no}");
        }
    }
}

fn git(repository: &Path, args: &[&str], input: &str) -> (bool, String) {
    let mut child = Command::new("git")
        .args(args)
        .current_dir(repository)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("git is needed for this test");
    child
        .stdin
        .take()
        .expect("pipe")
        .write_all(input.as_bytes())
        .expect("input");
    let output = child.wait_with_output().expect("git");
    (
        output.status.success(),
        String::from_utf8_lossy(&output.stdout).into_owned(),
    )
}

#[test]
fn a_pattern_that_names_nothing_is_an_error() {
    let anchor = Anchor {
        base: Path::new(PROJECT),
        home: Path::new(HOME),
    };
    for text in [
        "",
        "!",
        "/!/..*/x/../[",
        "[a",
        "a/[b/c",
        "~bob/x",
        "*/../x",
        "a\0b",
        "a\\",
    ] {
        assert!(Pattern::parse(text, anchor).is_err(), "{text:?}");
    }
    assert_eq!(
        Pattern::parse(&"a".repeat(5000), anchor),
        Err(Error::TooLong)
    );
}

#[test]
fn what_needs_no_walk_is_named() {
    let rules = rules(&[
        "~/.ssh/",
        "./a/b",
        "*.pem",
        ".vscode/",
        "**/.git/hooks/",
        "!~/.ssh/config",
    ]);
    let fixed: Vec<_> = rules.fixed().map(|(path, _)| path.to_path_buf()).collect();
    assert_eq!(
        fixed,
        [Path::new("/home/u/.ssh"), Path::new("/home/u/p/a/b")]
    );
    let reopened: Vec<_> = rules
        .reopened()
        .map(|(path, _)| path.to_path_buf())
        .collect();
    assert_eq!(reopened, [Path::new("/home/u/.ssh/config")]);
    let at: Vec<_> = rules
        .at(Path::new("/home/u/p/sub"))
        .map(|(path, _)| path)
        .collect();
    let expected = [
        Path::new("/home/u/p/sub/.vscode"),
        Path::new("/home/u/p/sub/.git/hooks"),
    ];
    assert_eq!(at, expected);
    assert!(rules.wildcards().next().is_some());
}
