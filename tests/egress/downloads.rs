//! Package managers and git over ssh, each with an index, registry or server of the test's own.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use crate::clients::{Server, inside, served};
use crate::support::skip;
use crate::world::*;

/// Whether the machine has the program; else the test is skipped, which CI does not allow.
macro_rules! needs {
    ($name:literal) => {
        if which::which($name).is_err() {
            skip!("no {}", $name);
        }
    };
}

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().expect("a parent")).expect("directory");
    fs::write(path, text).expect("write");
}

/// Prepares something outside, where it must work.
fn prepare(script: &str) {
    let said = outside(&format!("set -e; {script}; echo prepared"));
    assert!(said.ends_with("prepared"), "{said}");
}

#[test]
fn npm_installs_from_its_registry() {
    needs!("npm");
    let server = served!();
    let root = server.dir.path().join("root");
    let package = r#"{"name": "demo", "version": "1.0.0"}"#;
    write(&server.dir.path().join("package/package.json"), package);
    write(
        &server.dir.path().join("package/index.js"),
        "module.exports = 'from npm'",
    );
    write(
        &root.join("demo"),
        r#"{"name": "demo", "dist-tags": {"latest": "1.0.0"}, "versions": {"1.0.0": {
            "name": "demo", "version": "1.0.0",
            "dist": {"tarball": "https://a.example/files/demo-1.0.0.tgz"}}}}"#,
    );
    let dir = server.dir.path().display();
    prepare(&format!(
        "mkdir -p {dir}/root/files {dir}/app && cd {dir} && tar czf root/files/demo-1.0.0.tgz package"
    ));
    let printed = inside(
        &server,
        &format!(
            "cd {dir}/app && export HOME={dir} && echo '{{}}' > package.json && \
             npm install --silent --no-audit --no-fund --registry https://a.example/ \
             --cafile $CERT --cache {dir}/cache demo && node -p 'require(\"demo\")'"
        ),
    );
    assert_eq!(printed.lines().last(), Some("from npm"), "{printed}");
}

#[test]
fn pip_installs_from_its_index() {
    needs!("/usr/bin/pip3");
    let server = served!();
    let dir = server.dir.path().display();
    let index = "<!DOCTYPE html><html><body><a href=\"https://a.example/files/\
                 demo-1.0-py3-none-any.whl\">demo-1.0-py3-none-any.whl</a></body></html>";
    write(
        &server.dir.path().join("root/simple/demo/index.html"),
        index,
    );
    let wheel = r#"
import sys, zipfile
info = "demo-1.0.dist-info/"
with zipfile.ZipFile(sys.argv[1], "w") as wheel:
    wheel.writestr("demo.py", "words = \"from pip\"\n")
    wheel.writestr(info + "METADATA", "Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n")
    wheel.writestr(info + "WHEEL",
                   "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
    wheel.writestr(info + "RECORD", "demo.py,,\n")
"#;
    write(&server.dir.path().join("wheel.py"), wheel);
    prepare(&format!(
        "mkdir -p {dir}/root/files && \
         /usr/bin/python3 {dir}/wheel.py {dir}/root/files/demo-1.0-py3-none-any.whl"
    ));
    let printed = inside(
        &server,
        &format!(
            "cd {dir} && export HOME={dir} REQUESTS_CA_BUNDLE=$CERT && /usr/bin/pip3 --quiet --disable-pip-version-check install \
             --no-cache-dir --cert $CERT --index-url https://a.example/simple --target app demo && \
             PYTHONPATH=app /usr/bin/python3 -c 'import demo; print(demo.words)'"
        ),
    );
    // What pip thinks of root comes after it.
    assert_eq!(printed.lines().next(), Some("from pip"), "{printed}");
}

#[test]
fn cargo_fetches_from_its_sparse_registry() {
    needs!("cargo");
    let server = served!();
    let at = |name: &str| server.dir.path().join(name);
    let dir = server.dir.path().display();
    let manifest = |name: &str, more: &str| {
        format!("[package]\nname = \"{name}\"\nversion = \"1.0.0\"\nedition = \"2021\"\n{more}")
    };
    write(&at("demo-1.0.0/Cargo.toml"), &manifest("demo", ""));
    write(&at("demo-1.0.0/src/lib.rs"), "");
    let dependency = "[dependencies]\ndemo = { version = \"1\", registry = \"local\" }\n";
    write(&at("app/Cargo.toml"), &manifest("app", dependency));
    write(&at("app/src/lib.rs"), "");
    write(
        &at("cargo-home/config.toml"),
        "[registries.local]\nindex = \"sparse+https://a.example/index/\"\n",
    );
    write(
        &at("root/index/config.json"),
        r#"{"dl": "https://a.example/dl/{crate}-{version}.crate"}"#,
    );
    prepare(&format!(
        "mkdir -p {dir}/root/dl {dir}/root/index/de/mo && cd {dir} && \
         tar czf root/dl/demo-1.0.0.crate demo-1.0.0 && \
         sum=$(sha256sum root/dl/demo-1.0.0.crate | cut -d' ' -f1) && \
         echo '{{\"name\": \"demo\", \"vers\": \"1.0.0\", \"deps\": [], \"features\": {{}}, \
         \"yanked\": false, \"cksum\": \"'$sum'\"}}' > root/index/de/mo/demo"
    ));
    let printed = inside(
        &server,
        &format!(
            "cd {dir}/app && export CARGO_HOME={dir}/cargo-home CARGO_HTTP_CAINFO=$CERT && \
             cargo fetch --quiet && grep -c sparse Cargo.lock && \
             ls {dir}/cargo-home/registry/cache/*"
        ),
    );
    assert_eq!(printed, "1\ndemo-1.0.0.crate", "{printed}");
}

/// A real sshd, as an ordinary user: to root it would be one only with rights that this world lacks.
struct Sshd {
    child: Child,
}

impl Sshd {
    fn start(dir: &Path) -> Sshd {
        let name = dir.display();
        let root = nix::unistd::geteuid().is_root();
        // Its own line in the list of users, which is the world's own.
        let (id, group) = match root {
            true => (54321, 54321),
            false => (
                nix::unistd::getuid().as_raw(),
                nix::unistd::getgid().as_raw(),
            ),
        };
        let users = fs::read_to_string("/etc/passwd").expect("users");
        write(
            &dir.join("passwd"),
            &format!("{users}git-test:x:{id}:{group}::{name}:/bin/sh\n"),
        );
        let none = None::<&str>;
        nix::mount::mount(
            Some(&dir.join("passwd")),
            "/etc/passwd",
            none,
            nix::mount::MsFlags::MS_BIND,
            none,
        )
        .expect("the users of the world");
        // Its port is below 1024.
        fs::write("/proc/sys/net/ipv4/ip_unprivileged_port_start", "0").expect("ports");
        write(
            &dir.join("sshd_config"),
            &format!(
                "ListenAddress {SERVER}:22\nHostKey {name}/host\nAuthorizedKeysFile {name}/key.pub\n\
                 StrictModes no\nUsePAM no\nPidFile none\nPasswordAuthentication no\n"
            ),
        );
        let mut command = Command::new("unshare");
        if root {
            command.args(["--user", "--map-user=54321", "--map-group=54321"]);
        }
        command
            .args(["/usr/sbin/sshd", "-D", "-e", "-f"])
            .arg(dir.join("sshd_config"))
            .stdin(Stdio::null())
            .stderr(fs::File::create(dir.join("sshd.log")).expect("log"));
        let child = command.spawn().expect("sshd");
        let sshd = Sshd { child };
        for _ in 0..200 {
            if std::net::TcpStream::connect((SERVER, 22)).is_ok() {
                return sshd;
            }
            thread::sleep(Duration::from_millis(50));
        }
        panic!("no sshd: {}", log(dir));
    }
}

fn log(dir: &Path) -> String {
    fs::read_to_string(dir.join("sshd.log")).unwrap_or_default()
}

impl Drop for Sshd {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[test]
fn git_clones_and_pushes_over_ssh() {
    if !Path::new("/usr/sbin/sshd").exists() {
        skip!("no sshd");
    }
    in_a_world!();
    World::loopback();
    let dir = tempfile::tempdir().expect("directory");
    let name = dir.path().display();
    prepare(&format!(
        "cd {name} && ssh-keygen -q -t ed25519 -N '' -f key && ssh-keygen -q -t ed25519 -N '' -f host && \
         echo \"a.example $(cat host.pub)\" > known && git init -q --bare repo && git init -q work && \
         cd work && git -c user.name=t -c user.email=t@t commit -q --allow-empty -m one && \
         git push -q ../repo HEAD:main"
    ));
    let _sshd = Sshd::start(dir.path());
    let world = World::new();
    let mut sandbox = world.sandbox(&["a.example:22"]);
    let printed = sandbox.run(&format!(
        "cd {name} && export HOME={name} GIT_SSH_COMMAND='ssh -F none -i {name}/key \
         -o IdentitiesOnly=yes -o UserKnownHostsFile={name}/known' && \
         git clone -q -b main ssh://git-test@a.example{name}/repo clone && cd clone && \
         git -c user.name=t -c user.email=t@t commit -q --allow-empty -m two && git push -q && \
         git -C {name}/repo log --format=%s main"
    ));
    assert_eq!(printed, "two\none", "{}", log(dir.path()));
    let events = sandbox.events();
    assert!(events.is_empty(), "{events:?}");
}
