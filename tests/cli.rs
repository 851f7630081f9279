//! The command line: every page is run as it stands, and upstream's tests again.
#![expect(clippy::expect_used, reason = "a test reports by panicking")]

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use assert_fs::TempDir;

#[path = "cli/figures.rs"]
mod figures;
#[path = "cli/integrations.rs"]
mod integrations;
#[path = "cli/pages.rs"]
mod pages;
#[path = "cli/reference.rs"]
mod reference;
#[path = "cli/session.rs"]
mod session;
mod support;

struct World {
    _temp: TempDir,
    home: PathBuf,
}

struct Output {
    code: i32,
    text: String,
}

impl World {
    fn new() -> World {
        // Not below /tmp, which a sandbox has for itself.
        let temp = TempDir::new_in(support::place::base()).expect("temporary directory");
        let home = temp.path().canonicalize().expect("path").join("home");
        fs::create_dir_all(home.join("project/.git")).expect("project");
        World { _temp: temp, home }
    }

    /// Upstream's tests start from a configuration without rules.
    fn with_upstreams_empty_configuration() -> World {
        let world = World::new();
        let text =
            "group: ai-agents\nuser: ai-runner\ndeny_read: []\ndeny_exec: []\nallow_net: []\n";
        world.write(".aigate/config.yaml", text);
        world
    }

    fn write(&self, file: &str, text: &str) {
        let file = self.home.join(file);
        fs::create_dir_all(file.parent().expect("parent")).expect("directory");
        fs::write(file, text).expect("file");
    }

    /// Where its stand-ins for agents are, if it has them.
    fn agents(&self) -> PathBuf {
        self.home.with_file_name("agents")
    }

    fn sh(&self, script: &str) -> Output {
        let binary = support::place::binary();
        // As in a new shell after `shim install`.
        let shims = Some(self.home.join(".aigate/shims")).filter(|shims| shims.exists());
        let programs = [
            binary.parent().expect("directory").to_owned(),
            self.agents(),
            "/usr/bin".into(),
            "/bin".into(),
        ];
        let path = shims.into_iter().chain(programs);
        let path = std::env::join_paths(path).expect("PATH");
        let output = Command::new("sh")
            .args(["-c", &format!("exec 2>&1\n{script}")])
            .current_dir(self.home.join("project"))
            .env_clear()
            .env("HOME", &self.home)
            .env("PATH", path)
            .stdin(Stdio::null())
            .output()
            .expect("sh");
        let text = String::from_utf8_lossy(&output.stdout);
        let text = text.replace(&self.home.display().to_string(), "[HOME]");
        Output {
            code: output.status.code().unwrap_or(-1),
            text,
        }
    }

    fn ok(&self, script: &str) -> String {
        let output = self.sh(script);
        assert_eq!(output.code, 0, "{script}: {}", output.text);
        output.text
    }

    fn fails(&self, script: &str) -> String {
        let output = self.sh(script);
        assert_ne!(output.code, 0, "{script}: {}", output.text);
        output.text
    }
}

/// The tests of the Go program of the same name, on its own configuration.
mod upstream {
    use super::World;

    #[test]
    fn help_names_the_commands() {
        let help = World::new().ok("aigate --help");
        for word in ["aigate", "init", "deny", "run", "status"] {
            assert!(help.contains(word), "{word}: {help}");
        }
    }

    #[test]
    fn version_is_told() {
        assert!(World::new().ok("aigate --version").starts_with("aigate "));
    }

    #[test]
    fn status_tells_that_nothing_is_initialized() {
        assert!(World::new().ok("aigate status").contains("NOT INITIALIZED"));
    }

    #[test]
    fn deny_read_and_allow() {
        let world = World::with_upstreams_empty_configuration();
        assert!(world.ok("aigate deny read .env secrets/").contains(".env"));
        let status = world.ok("aigate status");
        assert!(
            status.contains("\n  - .env\n") && status.contains("\n  - secrets/\n"),
            "{status}"
        );
        world.ok("aigate allow read .env");
        let status = world.ok("aigate status");
        assert!(
            !status.contains("\n  - .env\n") && status.contains("\n  - secrets/\n"),
            "{status}"
        );
    }

    #[test]
    fn deny_exec() {
        let world = World::with_upstreams_empty_configuration();
        assert!(world.ok("aigate deny exec curl wget").contains("curl"));
    }

    #[test]
    fn deny_exec_with_arguments() {
        let world = World::with_upstreams_empty_configuration();
        world.ok("aigate deny exec 'kubectl delete' 'kubectl create'");
        let status = world.ok("aigate status");
        assert!(
            status.contains("kubectl delete") && status.contains("kubectl create"),
            "{status}"
        );
        world.ok("aigate allow exec 'kubectl delete'");
        let status = world.ok("aigate status");
        assert!(
            !status.contains("kubectl delete") && status.contains("kubectl create"),
            "{status}"
        );
    }

    #[test]
    fn deny_read_needs_patterns() {
        assert!(
            World::new()
                .fails("aigate deny read")
                .to_lowercase()
                .contains("usage")
        );
    }

    #[test]
    fn run_needs_a_command() {
        assert!(
            World::new()
                .fails("aigate run")
                .to_lowercase()
                .contains("usage")
        );
    }

    #[test]
    fn reset_needs_force() {
        assert!(World::new().fails("aigate reset").contains("--force"));
    }
}
