//! The engine for containers that give no namespaces: what Landlock can allow of a plan.
//!
//! Landlock hides nothing: what is below an allowed directory is allowed. So a directory in which
//! something is hidden is not allowed itself, but what it holds now, one by one. What appears there
//! later is not allowed and cannot be read. What Landlock does not know at all is shut by the filter
//! of system calls: sockets with a path, by which daemons of the host would be reached, and System V
//! memory. What remains is a [`Loss`] that the user accepts by name.

use std::collections::BTreeMap;
use std::fs;
use std::ops::Bound;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Error;
use super::linux::NODES;
use super::plan::{Maker, Plan, Step};
use super::unfit::Unfit;
use super::view::Access;
use crate::policy::{Engine, Loss, Policy};

/// What a rule of Landlock allows at a path and below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Allowed {
    /// Read and execute.
    Read,
    /// Read, execute, change, make and remove.
    Write,
    /// Change, make and remove, but not read: something below is hidden.
    Blindly,
    /// List directories.
    List,
    /// Read, write and control a device.
    Device,
}

impl std::fmt::Display for Allowed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Read => "read",
            Self::Write => "read, write",
            Self::Blindly => "write",
            Self::List => "list",
            Self::Device => "use",
        })
    }
}

/// Refuses what the user has to accept and did not, and what this engine would ignore.
///
/// # Errors
/// As said.
pub fn check(policy: &Policy, losses: &[Loss]) -> Result<(), Error> {
    let engine = policy.engine;
    let lost = losses.iter().copied();
    let lost: Vec<_> = lost
        .filter(|loss| !policy.accepted.contains(loss))
        .collect();
    if !lost.is_empty() {
        return Err(Unfit::Unaccepted(engine, lost).into());
    }
    if !policy.unix_sockets.is_empty() {
        let why = "`unix_sockets` cannot be reached: it shuts all of them";
        return Err(Unfit::Bare(engine, why).into());
    }
    Ok(())
}

/// What stands at a path: nothing that may be read, or the host's own.
type Marks = BTreeMap<PathBuf, Option<Access>>;

/// The plan as rules of Landlock.
///
/// # Errors
/// When the plan needs what Landlock cannot express, or a directory cannot be looked at.
pub fn divide(plan: Plan, engine: Engine) -> Result<Plan, Error> {
    let mut marks = Marks::from([("/".into(), Some(Access::ReadOnly)), ("/dev".into(), None)]);
    let (mut copies, mut devices) = (Vec::new(), Vec::new());
    let (mut enter, mut limits) = (Vec::new(), Vec::new());
    let mut network = true;
    for step in plan.steps {
        match step {
            Step::Network(wanted) if wanted.needs_a_broker() => {
                return Err(Unfit::Bare(
                    engine,
                    "it cannot tell hosts apart: it takes `network: off`, `network: open`, or a \
                     filtered network without hosts and published ports",
                )
                .into());
            }
            Step::Network(_) => network = false,
            Step::Tmpfs { at, .. } | Step::Directory { at, .. } | Step::Mask { at, .. } => {
                marks.insert(at, None);
            }
            Step::Attach { at, access, .. } => drop(marks.insert(at, Some(access))),
            Step::Copy(at) => copies.push(at),
            Step::Devices { terminal } => devices.extend(terminal),
            Step::Enter(_) => enter.push(step),
            Step::Limit(_) => limits.push(step),
            // Made of mounts and namespaces, or done by the steps below.
            _ => {}
        }
    }
    if copies
        .iter()
        .any(|copy| marked(&marks, copy) == Some(Access::Writable))
    {
        let why = "`copy_on_write` in a writable directory needs mounts";
        return Err(Unfit::Bare(engine, why).into());
    }
    devices.extend(NODES.iter().map(PathBuf::from).filter(|node| node.exists()));
    let mut steps = enter;
    steps.extend(limits);
    steps.push(allow(Path::new("/"), Allowed::List));
    steps.extend(devices.iter().map(|device| allow(device, Allowed::Device)));
    for (root, access) in &marks {
        if let Some(access) = access {
            open(root, *access, &marks, &mut steps)?;
        }
    }
    steps.extend([Step::DropCapabilities, Step::NoNewPrivileges]);
    steps.extend([Step::Fence { network }, Step::Filter]);
    Ok(Plan {
        steps,
        own_network: false,
        maker: Maker::Landlock { network },
    })
}

fn allow(at: &Path, allowed: Allowed) -> Step {
    let at = at.to_owned();
    Step::Allow { at, allowed }
}

/// What the deepest mark above a path, or at it, says.
fn marked(marks: &Marks, path: &Path) -> Option<Access> {
    path.ancestors()
        .find_map(|above| marks.get(above).copied())?
}

fn hides_below(marks: &Marks, path: &Path) -> bool {
    let after = (Bound::Excluded(path), Bound::Unbounded);
    let mut below = marks
        .range::<Path, _>(after)
        .take_while(|(at, _)| at.starts_with(path));
    below.any(|(_, mark)| mark.is_none())
}

/// Allows what stands at `path`, but for what is marked in there.
fn open(path: &Path, access: Access, marks: &Marks, steps: &mut Vec<Step>) -> Result<(), Error> {
    let is_writable = access == Access::Writable;
    if !hides_below(marks, path) {
        let allowed = if is_writable {
            Allowed::Write
        } else {
            Allowed::Read
        };
        steps.push(allow(path, allowed));
        return Ok(());
    }
    if is_writable && marks.contains_key(path) {
        steps.push(allow(path, Allowed::Blindly));
    }
    for child in children(path)? {
        // What has a mark of its own is hidden, or a root like this one.
        if !marks.contains_key(&child) {
            open(&child, access, marks, steps)?;
        }
    }
    Ok(())
}

/// What a directory holds, but for links: whoever follows one is judged by where it leads. A
/// directory that cannot be listed holds nothing that is allowed.
fn children(path: &Path) -> Result<Vec<PathBuf>, Error> {
    let failed = |source| Error::Path {
        path: path.to_owned(),
        source,
    };
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if super::view::is_absence(&error) => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.map_err(failed)?;
        if !entry.file_type().map_err(failed)?.is_symlink() {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::view::Kind;

    fn of(steps: Vec<Step>) -> Vec<String> {
        let plan = Plan {
            steps,
            own_network: false,
            maker: Maker::Native,
        };
        let steps = divide(plan, Engine::Landlock).expect("a plan").steps;
        steps.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn only_directories_above_what_is_hidden_are_taken_apart() {
        let temp = tempfile::tempdir().expect("a directory");
        let root = temp.path().canonicalize().expect("a path");
        for directory in ["project/src", "project/sub/deep", "home"] {
            fs::create_dir_all(root.join(directory)).expect("a directory");
        }
        for file in ["project/.env", "project/a", "project/sub/key", "home/b"] {
            fs::write(root.join(file), "").expect("a file");
        }
        std::os::unix::fs::symlink("a", root.join("project/link")).expect("a link");
        let mask = |at: &str| Step::Mask {
            at: root.join(at),
            kind: Kind::File,
        };
        let steps = of(vec![
            Step::Attach {
                at: root.join("project"),
                kind: Kind::Directory,
                access: Access::Writable,
            },
            mask("project/.env"),
            mask("project/sub/key"),
        ]);
        let inside: Vec<_> = steps
            .iter()
            .filter(|line| line.contains(&*root.to_string_lossy()))
            .map(|line| line.replace(&*root.to_string_lossy(), ""))
            .collect();
        assert_eq!(
            inside,
            [
                "allow: /home (read)",
                "allow: /project (write)",
                "allow: /project/a (read, write)",
                "allow: /project/src (read, write)",
                "allow: /project/sub/deep (read, write)",
            ]
        );
        assert!(!steps.iter().any(|line| line == "allow: / (read)"));
    }

    #[test]
    fn what_is_open_in_a_hidden_directory_is_allowed_alone() {
        let steps = of(vec![
            Step::Tmpfs {
                at: "/etc".into(),
                mode: 0o755,
            },
            Step::Attach {
                at: "/etc/passwd".into(),
                kind: Kind::File,
                access: Access::ReadOnly,
            },
        ]);
        let in_etc: Vec<_> = steps.iter().filter(|line| line.contains("/etc")).collect();
        assert_eq!(in_etc, ["allow: /etc/passwd (read)"]);
    }
}
