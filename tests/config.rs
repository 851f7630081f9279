//! From files to a policy: discovery, layers, trust, errors.
#![expect(clippy::expect_used, reason = "a test reports by panicking")]

use std::fs;
use std::path::Path;

use aigate::config::{self, Request};
use aigate::policy::{Layer, Network, Policy};
use assert_fs::TempDir;
use assert_fs::prelude::*;

struct World {
    temp: TempDir,
}

impl World {
    fn new() -> World {
        let temp = TempDir::new().expect("temporary directory");
        temp.child("home/project/src")
            .create_dir_all()
            .expect("project");
        World { temp }
    }

    fn file(self, path: &str, text: &str) -> World {
        self.temp.child(path).write_str(text).expect("file");
        self
    }

    fn request(&self) -> Request {
        let root = self.temp.path().canonicalize().expect("root");
        let mut request = Request::new(root.join("home/project/src"), root.join("home"));
        request.managed = root.join("etc/config.yaml");
        request
    }

    /// Approves the project's file as it is.
    fn trusted(self) -> World {
        let home = self.request().home;
        let project_file = home.join("project/.aigate.yaml");
        let record = config::trust::record(&home, &project_file);
        fs::create_dir_all(record.parent().expect("parent")).expect("trust directory");
        fs::copy(&project_file, &record).expect("record");
        self
    }

    fn load(&self) -> Result<Policy, config::Error> {
        config::load(&self.request())
    }

    fn policy(&self) -> Policy {
        self.load().expect("policy")
    }

    fn error(&self) -> String {
        let text = self.load().expect_err("an error").to_string();
        text.replace(&self.temp.path().display().to_string(), "")
    }
}

fn hides(policy: &Policy, path: &str) -> bool {
    let path = policy.home.join(path);
    policy.read.judge(&path, path.ends_with("/")).is_some()
}

#[test]
fn without_any_file_the_defaults_hold() {
    let world = World::new().file("home/project/.git/HEAD", "");
    let policy = world.policy();
    assert!(policy.project.ends_with("home/project"));
    for hidden in [
        "project/.env",
        "project/a/b/.env.local",
        "project/deploy/server.key",
        "project/secrets/x",
        ".ssh/id_ed25519",
        ".aws/credentials",
        ".aigate/config.yaml",
        ".config/gh/hosts.yml",
    ] {
        assert!(hides(&policy, hidden), "{hidden} should be hidden");
    }
    for open in [
        "project/.env.example",
        "project/src/main.rs",
        "project/node_modules/x/test/key.pem",
        "project/.venv/lib/python3/site-packages/certifi/cacert.pem",
        "project/src/credentials/mod.rs",
        ".ssh/known_hosts",
        ".aigate/bin/aigate",
        "other/.env",
    ] {
        assert!(!hides(&policy, open), "{open} should be readable");
    }
    assert_eq!(policy.network, Network::Filtered);
    assert_eq!(policy.network_origin.layer, Layer::Default);
}

#[test]
fn a_list_of_the_user_replaces_the_default_of_its_key_only() {
    let world = World::new().file("home/.aigate/config.yaml", "deny_read: [mine.txt]\n");
    let policy = world.policy();
    assert!(hides(&policy, "project/src/mine.txt"));
    assert!(!hides(&policy, "project/src/.env"));
    assert!(
        hides(&policy, ".aigate/config.yaml"),
        "the core always holds"
    );
    let bashrc = policy.home.join(".bashrc");
    assert!(
        policy.write.judge(&bashrc, false).is_some(),
        "deny_write keeps its default"
    );
}

#[test]
fn proxies_of_the_host_are_named_inside_where_its_network_is() {
    let passes = |text: &str| {
        let policy = World::new().file("home/.aigate/config.yaml", text).policy();
        let names = ["http_proxy", "HTTPS_PROXY", "no_proxy"];
        names.map(|name| policy.env.passes(name.as_ref()).is_ok())
    };
    assert_eq!(passes(""), [false; 3]);
    assert_eq!(passes("network: off\n"), [false; 3]);
    assert_eq!(passes("network: open\n"), [true; 3]);
    // A denied host needs the filter.
    assert_eq!(
        passes("network: open\ndeny_net: [evil.example]\n"),
        [false; 3]
    );
    assert_eq!(passes("env: {pass: [HTTPS_PROXY]}\n"), [false, true, false]);
}

#[test]
fn the_user_can_add_to_the_defaults() {
    let text = "deny_read: [\"@defaults\", mine.txt]\n";
    let policy = World::new().file("home/.aigate/config.yaml", text).policy();
    assert!(hides(&policy, "project/src/mine.txt"));
    assert!(hides(&policy, "project/src/.env"));
}

#[test]
fn an_untrusted_project_file_only_tightens() {
    let text = "deny_read: [notes.txt]\nallow_read: [.env]\nallow_write: [~/.bashrc]\n\
                allow_net: [evil.example]\nnetwork: filtered\nenv: {pass: [GITHUB_TOKEN], \
                set: {A: b}}\nunix_sockets: [/run/docker.sock]\npublish_ports: [80]\n";
    let policy = World::new()
        .file("home/project/.aigate.yaml", text)
        .policy();
    assert!(hides(&policy, "project/notes.txt"));
    assert!(hides(&policy, "project/.env"));
    assert!(
        policy
            .write
            .judge(&policy.home.join(".bashrc"), false)
            .is_some()
    );
    assert!(policy.writable.is_empty() && policy.net.is_empty());
    assert!(policy.unix_sockets.is_empty() && policy.publish_ports.is_empty());
    assert!(policy.env.set.is_empty());
    assert!(policy.env.passes("GITHUB_TOKEN".as_ref()).is_err());
    assert_eq!(policy.network, Network::Filtered, "tightening counts");
    assert_eq!(policy.refused.len(), 7, "{:?}", policy.refused);
}

#[test]
fn a_trusted_project_file_loosens_until_it_changes() {
    let text = "allow_read: [.env.test]\nallow_net: [example.org]\n";
    let world = World::new().file("home/project/.aigate.yaml", text);
    let world = world.trusted();
    let project_file = world.request().home.join("project/.aigate.yaml");
    let policy = world.policy();
    assert!(!hides(&policy, "project/.env.test"));
    assert_eq!(policy.net.len(), 1);
    fs::write(&project_file, format!("{text}# changed\n")).expect("change");
    let policy = world.policy();
    assert!(hides(&policy, "project/.env.test"));
    assert!(policy.net.is_empty());
}

#[test]
fn nothing_loosens_the_managed_file() {
    let policy = World::new()
        .file(
            "etc/config.yaml",
            "deny_read: [plan.txt]\nallow_net: [\"*.corp.example\"]\n",
        )
        .file(
            "home/.aigate/config.yaml",
            "allow_read: [plan.txt]\nnetwork: open\n",
        )
        .policy();
    assert!(hides(&policy, "project/src/plan.txt"));
    assert_eq!(policy.network, Network::Filtered);
}

#[test]
fn every_project_file_up_to_the_repository_applies() {
    let policy = World::new()
        .file("home/project/.git/HEAD", "")
        .file(
            "home/project/.aigate.yaml",
            "deny_read: [outer.txt, ./root.txt]\n",
        )
        .file(
            "home/project/src/.aigate.yaml",
            "deny_read: [inner.txt, \"!outer.txt\"]\n",
        )
        .policy();
    assert!(policy.project.ends_with("project/src"));
    assert!(hides(&policy, "project/src/inner.txt"));
    assert!(
        hides(&policy, "project/src/outer.txt"),
        "no other file's denial is cancelled"
    );
    assert!(hides(&policy, "project/root.txt"));
    assert!(!hides(&policy, "project/src/root.txt"));
}

#[test]
fn the_network_is_closed_until_somebody_who_may_opens_it() {
    let project = |approved: bool, user: &str, text: &str| {
        let world = World::new()
            .file("home/.aigate/config.yaml", user)
            .file("home/project/.aigate.yaml", text);
        let world = if approved { world.trusted() } else { world };
        world.policy().network
    };
    let (open, off) = ("network: open\n", "network: off\n");
    assert_eq!(project(false, "", ""), Network::Filtered);
    assert_eq!(project(false, open, ""), Network::Open);
    assert_eq!(project(false, "", open), Network::Filtered);
    assert_eq!(project(true, "", open), Network::Open);
    // Among those who say something, the strictest.
    assert_eq!(
        project(true, "network: filtered\n", open),
        Network::Filtered
    );
    assert_eq!(
        project(true, "allow_net: [a.example]\n", open),
        Network::Filtered
    );
    assert_eq!(project(false, open, off), Network::Off);
}

#[test]
fn listed_hosts_close_the_network_and_an_empty_list_never_opens_it() {
    let filtered = |text: &str| {
        World::new()
            .file("home/.aigate/config.yaml", text)
            .policy()
            .network
            == Network::Filtered
    };
    assert!(filtered("allow_net: [example.org]\n"));
    assert!(filtered("allow_net: []\n"));
    assert!(!filtered("allow_net: []\nnetwork: open\n"));
    assert!(filtered("network: open\ndeny_net: [example.org]\n"));
}

#[test]
fn upstreams_default_file_loads_unchanged() {
    let text = r#"group: ai-agents
user: ai-runner
deny_read:
    - .env
    - .env.*
    - secrets/
    - credentials/
    - ~/.ssh/
    - '*.pem'
    - '*.key'
    - '*.p12'
    - ~/.aws/
    - ~/.gcloud/
    - ~/.kube/config
    - ~/.npmrc
    - ~/.pypirc
    - terraform.tfstate
    - '*.tfvars'
deny_exec:
    - curl
    - kubectl delete
allow_net:
    - api.anthropic.com
    - api.openai.com
resource_limits:
    max_memory: 4G
    max_cpu_percent: 80
    max_pids: 1000
mask_stdout:
    presets:
        - openai
        - anthropic
        - aws_key
        - aws_secret
        - github
        - bearer
    patterns:
        - regex: (?:api_?key|secret)\s*[=:]\s*\S+
          show_prefix: 0
          case_insensitive: true
"#;
    let policy = World::new().file("home/.aigate/config.yaml", text).policy();
    assert!(hides(&policy, "project/src/deep/secrets/a"));
    assert_eq!(policy.exec.denied().count(), 2);
    assert_eq!(policy.net.len(), 2);
    assert_eq!(
        policy.limits.max_pids.as_ref().map(|(value, _)| *value),
        Some(1000)
    );
    assert_eq!(policy.redact.presets.len(), 6);
}

#[test]
fn an_error_shows_the_place_and_the_nearest_word() {
    let error = |text: &str| World::new().file("home/.aigate/config.yaml", text).error();
    assert_eq!(
        error("network: open\ndeny_reads:\n  - .env\n"),
        "/home/.aigate/config.yaml:2:1: unknown key `deny_reads`\n  |\n2 | deny_reads:\n  \
         | ^^^^^^^^^^\ndid you mean `deny_read`?"
    );
    assert_eq!(
        error("deny_read:\n  - .env\n  - '[a'\n"),
        "/home/.aigate/config.yaml:3:5: `[` is not closed; write `\\[` for the character \
         itself\n  |\n3 |   - '[a'\n  |     ^^^^"
    );
    for (text, part) in [
        ("deny_read: .env\n", ":1:12:"),
        ("network: shut\n", "`shut` is none of: open, filtered, off"),
        ("deny_read:\n  - *.pem\n", "in quotes: \"*.pem\""),
        (
            "deny_read:\n  - !.env.example\n",
            "in quotes: \"!.env.example\"",
        ),
        ("deny_read: [~]\n", ":1:13:"),
        ("deny_read: [a\n", ":1:12: unclosed bracket"),
        (
            "deny_read: [a]\ndeny_read: [b]\n",
            ":2:1: the key `deny_read` stands here twice",
        ),
        ("allow_net: [https://example.org]\n", "write the host alone"),
        (
            "mask_stdout: {presets: [antropic]}\n",
            "did you mean `anthropic`?",
        ),
        (
            "resource_limits: {max_memory: lots}\n",
            "`lots` is no amount of memory",
        ),
        ("allow_write: [~/a*]\n", "outside the project"),
        ("extends: missing.yaml\n", "missing.yaml does not exist"),
        ("extends: config.yaml\n", "extends itself"),
    ] {
        assert!(error(text).contains(part), "{text}: {}", error(text));
    }
}

#[test]
fn a_home_or_the_root_is_no_project() {
    let world = World::new();
    let home = world.request().home;
    for (cwd, part) in [
        (Path::new("/"), "the root directory"),
        (home.as_path(), "your home directory"),
        (home.parent().expect("parent"), "contains your home"),
    ] {
        let request = Request::new(cwd, &home);
        let error = config::load(&request).expect_err("an error").to_string();
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn dotfiles_in_a_repository_do_not_make_home_the_project() {
    let policy = World::new().file("home/.git/HEAD", "").policy();
    assert!(policy.project.ends_with("project/src"));
}

#[test]
fn a_profile_opens_what_its_tool_needs() {
    let world = World::new().file(
        "home/.aigate/config.yaml",
        "profiles:\n  claude: {deny_read: [plan.txt]}\n  base: {}\n",
    );
    let raw = config::raw::parse(
        "allow_read: [~/.claude/.credentials.json]\nallow_write: \
                                  [~/.claude/]\nenv: {pass: [ANTHROPIC_API_KEY]}\n",
    )
    .expect("profile");
    let mut request = world.request();
    assert!(hides(
        &config::load(&request).expect("policy"),
        ".claude/.credentials.json"
    ));
    request.profile = Some(config::Profile {
        name: "claude".to_owned(),
        shipped: Some(raw),
        file: None,
    });
    let policy = config::load(&request).expect("policy");
    assert!(!hides(&policy, ".claude/.credentials.json"));
    assert!(hides(&policy, "project/src/plan.txt"));
    assert_eq!(policy.writable.len(), 1);
    assert!(policy.env.passes("ANTHROPIC_API_KEY".as_ref()).is_ok());
    request.profile = Some(config::Profile {
        name: "claud".to_owned(),
        ..Default::default()
    });
    let error = config::load(&request).expect_err("an error").to_string();
    assert_eq!(
        error,
        "no profile is named `claud`; there are: base, claude"
    );
}

#[test]
fn a_project_inside_another_sees_nothing_that_the_outer_one_hides() {
    let world = World::new()
        .file("home/project/.git/HEAD", "")
        .file("home/project/src/.git/HEAD", "")
        .file(
            "home/project/.aigate.yaml",
            "deny_read: [plan.txt]\nallow_read: [x]\n",
        );
    let outer = world.request().home.join("project");
    let own = config::trust::project_file(&world.request().home, &outer);
    fs::create_dir_all(own.parent().expect("parent")).expect("directory");
    fs::write(&own, "deny_read: [own.txt]\nallow_write: [~/x]\n").expect("own rules");
    fs::write(outer.join("src/.aigate.yaml"), "").expect("marker");
    let policy = world.policy();
    assert!(policy.project.ends_with("project/src"));
    for hidden in [
        "project/.env",
        "project/other/.env",
        "project/secrets/x",
        "project/src/secrets/x",
        "project/src/.env",
        "project/plan.txt",
        "project/src/own.txt",
        "project/own.txt",
    ] {
        assert!(hides(&policy, hidden), "{hidden}");
    }
    for open in [
        "project/.env.example",
        "project/src/a/secrets/x",
        "project/README.md",
    ] {
        assert!(!hides(&policy, open), "{open}");
    }
    assert!(
        policy.writable.is_empty(),
        "what was allowed there is not allowed here"
    );
}
