//! What a run is given where its engine makes no namespaces: a directory for temporary files of its own,
//! and a door to the broker on the loopback of the host.

use std::env;
use std::ffi::OsString;
use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::exec::Error;
use crate::egress::Front;
use crate::engine;
use crate::engine::linux::netns::NetPlan;
use crate::policy::{Engine, Network, Policy};

/// See the module. Without anything for engines that need nothing of it.
#[derive(Debug, Default)]
pub(super) struct Instead {
    temporary: Option<TempDir>,
    /// Where nobody answers before a broker serves it.
    pub(super) front: Option<Front>,
    /// What Git reads for the whole system's.
    git: Option<PathBuf>,
}

impl Instead {
    /// What the engine of `policy` needs.
    pub(super) fn of(policy: &Policy) -> Result<Instead, Error> {
        let own_files = matches!(
            policy.engine,
            Engine::Landlock | Engine::User | Engine::Seatbelt
        );
        let own_door = policy.engine == Engine::Seatbelt
            && network(policy).is_some_and(|plan| plan.needs_a_broker());
        let temporary = made(own_files, "a temporary directory", temporary)?;
        let own_git = temporary.as_ref().filter(|_| policy.engine == Engine::User);
        let git = own_git.map(|directory| of_every_repository(directory.path()));
        Ok(Instead {
            git: git.transpose().map_err(failed("settings for git"))?,
            front: made(own_door, "a port of the loopback", Front::open)?,
            temporary,
        })
    }

    /// The directory.
    pub(super) fn temporary(&self) -> Option<&Path> {
        self.temporary.as_ref().map(TempDir::path)
    }

    /// The port of the door.
    pub(super) fn port(&self) -> Option<u16> {
        self.front.as_ref().map(Front::port)
    }

    /// The variables that the command gets whatever the caller has and the rules say, with its `own`.
    /// Where it has to ask at a door for all that it reaches, another proxy would be out of its reach.
    pub(super) fn variables(&self, own: &[(OsString, OsString)]) -> Vec<(OsString, OsString)> {
        let door = self.front.iter().flat_map(Front::variables);
        let door = door.map(|(name, value)| (name.into(), value.into()));
        let git = self.git.iter().map(|file| (GIT_SYSTEM.into(), file.into()));
        let ours: Vec<_> = door.chain(git).collect();
        let is_free = |name: &OsString| !ours.iter().any(|(taken, _)| taken == name);
        let own = own.iter().filter(|(name, _)| is_free(name));
        own.chain(&ours).cloned().collect()
    }
}

/// The network that the engine is to make.
pub(super) fn network(policy: &Policy) -> Option<NetPlan> {
    match policy.network {
        Network::Open => None,
        Network::Off => Some(NetPlan::off()),
        Network::Filtered => Some(NetPlan::filtered(&policy.net, &policy.publish_ports)),
    }
}

fn made<T>(
    wanted: bool,
    what: &'static str,
    make: impl FnOnce() -> io::Result<T>,
) -> Result<Option<T>, Error> {
    let made = wanted.then(make).transpose();
    made.map_err(failed(what))
}

fn failed(what: &'static str) -> impl FnOnce(io::Error) -> Error {
    move |source| engine::Error::Call { what, source }.into()
}

/// Names the file that Git reads first.
const GIT_SYSTEM: &str = "GIT_CONFIG_SYSTEM";

/// Git refuses repositories of other users, and to an account of its own the user's are such. It takes
/// no word of a repository on that, but one of the system; what the system says otherwise is included.
fn of_every_repository(directory: &Path) -> io::Result<PathBuf> {
    let named = env::var_os(GIT_SYSTEM).map(PathBuf::from);
    let usual = ["/etc/gitconfig", "/usr/local/etc/gitconfig"].map(PathBuf::from);
    let systems = named.map_or_else(|| usual.to_vec(), |named| vec![named]);
    let mut text = "[safe]\n\tdirectory = *\n".to_owned();
    for system in systems.iter().filter_map(|path| path.to_str()) {
        let quoted = system.replace('\\', "\\\\").replace('"', "\\\"");
        text.push_str(&format!("[include]\n\tpath = \"{quoted}\"\n"));
    }
    let file = directory.join("gitconfig");
    fs::write(&file, text)?;
    Ok(file)
}

fn temporary() -> io::Result<TempDir> {
    tempfile::Builder::new()
        .prefix("aigate-")
        .permissions(Permissions::from_mode(0o700))
        .tempdir()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_proxy_but_the_door_is_named_where_there_is_one() {
        let own = [("https_proxy", "http://corp:3128"), ("LANG", "C")];
        let own = own.map(|(name, value)| (name.into(), value.into()));
        assert_eq!(Instead::default().variables(&own), own);
        let front = Some(Front::open().expect("a port"));
        let instead = Instead {
            front,
            ..Instead::default()
        };
        let all = instead.variables(&own);
        let of = |name: &str| -> Vec<_> {
            let found = all.iter().filter(|(own, _)| own == name);
            found.map(|(_, value)| value.to_string_lossy()).collect()
        };
        let port = instead.port().expect("a port").to_string();
        for name in ["http_proxy", "https_proxy", "all_proxy"] {
            for name in [name.to_owned(), name.to_uppercase()] {
                let [url] = &of(&name)[..] else {
                    panic!("{name}: {all:?}");
                };
                assert!(
                    url.starts_with("http://aigate:") && url.ends_with(&port),
                    "{url}"
                );
            }
        }
        assert_eq!([of("no_proxy"), of("NO_PROXY")], [[""], [""]]);
        assert_eq!([of("LANG"), of("NODE_USE_ENV_PROXY")], [["C"], ["1"]]);
    }
}
