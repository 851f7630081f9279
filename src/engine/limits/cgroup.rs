//! A control group of our own.
//!
//! Two directories: the outer one has the ceilings, the inner one the processes. So the sandbox, whose
//! view of the tree starts at the inner one, has no file in which it could raise them.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// What a group enforces.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Ceilings {
    pub(super) memory: Option<u64>,
    pub(super) cpu_percent: Option<u32>,
    pub(super) processes: Option<u32>,
}

/// The period in which a share of processors is counted, in microseconds.
pub(super) const PERIOD: u64 = 100_000;
/// How our groups are called.
const PREFIX: &str = "aigate-";

impl Ceilings {
    fn controllers(&self) -> Vec<&'static str> {
        let all = [
            ("memory", self.memory.is_some()),
            ("cpu", self.cpu_percent.is_some()),
            ("pids", self.processes.is_some()),
        ];
        all.into_iter()
            .filter_map(|(name, wanted)| wanted.then_some(name))
            .collect()
    }

    /// Which file says what.
    fn files(&self) -> Vec<(&'static str, String)> {
        let mut files = Vec::new();
        if let Some(bytes) = self.memory {
            files.push(("memory.max", bytes.to_string()));
        }
        if let Some(percent) = self.cpu_percent {
            let quota = u64::from(percent) * PERIOD / 100;
            files.push(("cpu.max", format!("{quota} {PERIOD}")));
        }
        if let Some(count) = self.processes {
            files.push(("pids.max", count.to_string()));
        }
        files
    }
}

/// A group for one sandbox; removed when this is dropped, which must be after all its processes ended.
#[derive(Debug)]
pub struct Group {
    outer: PathBuf,
    procs: File,
}

impl Group {
    /// Makes a group as near to the present one as the caller may.
    pub(super) fn create(ceilings: &Ceilings) -> Result<Option<Group>, String> {
        Self::create_near(&own()?, ceilings).map(Some)
    }

    /// Tries the group `own` and every group above it.
    fn create_near(own: &Path, ceilings: &Ceilings) -> Result<Group, String> {
        let is_group = |folder: &&Path| folder.join("cgroup.controllers").exists();
        let mut first = None;
        for parent in own.ancestors().take_while(is_group) {
            match Self::create_in(parent, ceilings) {
                Ok(group) => return Ok(group),
                Err(why) => {
                    first.get_or_insert(why);
                }
            }
        }
        Err(first.unwrap_or_else(|| "no group may be made".to_owned()))
    }

    fn create_in(parent: &Path, ceilings: &Ceilings) -> Result<Group, String> {
        let failed = |what: &Path| {
            let what = what.display().to_string();
            move |error: io::Error| format!("{what}: {error}")
        };
        let read = |name| fs::read_to_string(parent.join(name)).unwrap_or_default();
        let has = |list: &str, name: &str| list.split_whitespace().any(|known| known == name);
        for name in ceilings.controllers() {
            if !has(&read("cgroup.controllers"), name) {
                return Err(format!("{}: no controller `{name}`", parent.display()));
            }
            if !has(&read("cgroup.subtree_control"), name) {
                let control = parent.join("cgroup.subtree_control");
                fs::write(&control, format!("+{name}")).map_err(failed(&control))?;
            }
        }
        remove_left_over(parent);
        let outer = parent.join(format!("{PREFIX}{}", std::process::id()));
        let inner = outer.join("sandbox");
        fs::create_dir(&outer).map_err(failed(&outer))?;
        let made = fs::create_dir(&inner)
            .and_then(|()| {
                for (name, value) in ceilings.files() {
                    write_existing(&outer.join(name), &value)?;
                }
                if ceilings.memory.is_some() {
                    // Not every kernel has swap to limit.
                    let _ = write_existing(&outer.join("memory.swap.max"), "0");
                }
                File::options().write(true).open(inner.join("cgroup.procs"))
            })
            .map_err(failed(&outer));
        match made {
            Ok(procs) => Ok(Group { outer, procs }),
            Err(why) => {
                remove(&outer);
                Err(why)
            }
        }
    }

    /// Moves this process into the group. Its children are made there.
    ///
    /// # Errors
    /// When the kernel does not let it.
    pub fn enter(&self) -> io::Result<()> {
        (&self.procs).write_all(b"0")
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        remove(&self.outer);
    }
}

fn write_existing(path: &Path, value: &str) -> io::Result<()> {
    File::options()
        .write(true)
        .open(path)?
        .write_all(value.as_bytes())
}

/// The kernel refuses while there are processes; then the next run that comes here tries again.
fn remove(outer: &Path) {
    let _ = fs::remove_dir(outer.join("sandbox"));
    let _ = fs::remove_dir(outer);
}

/// Groups of runs whose supervisor was killed.
fn remove_left_over(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let process = name.to_str().and_then(|name| name.strip_prefix(PREFIX));
        let is_gone = |process: &str| !Path::new("/proc").join(process).exists();
        if process.is_some_and(|process| process.parse::<u32>().is_ok() && is_gone(process)) {
            remove(&entry.path());
        }
    }
}

/// The group of this process, as a directory.
pub(super) fn own() -> Result<PathBuf, String> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").map_err(|e| e.to_string())?;
    let groups = fs::read_to_string("/proc/self/cgroup").map_err(|e| e.to_string())?;
    let root = mount_point(&mounts).ok_or("no cgroup file system of version 2 is mounted")?;
    let own = own_path(&groups).ok_or("this process is in no cgroup of version 2")?;
    Ok(root.join(own.trim_start_matches('/')))
}

/// Where the hierarchy of version 2 is mounted.
fn mount_point(mountinfo: &str) -> Option<PathBuf> {
    mountinfo.lines().find_map(|line| {
        let (before, after) = line.split_once(" - ")?;
        let mut fields = before.split(' ').skip(3);
        let (root, point) = (fields.next()?, fields.next()?);
        (after.starts_with("cgroup2 ") && root == "/").then(|| PathBuf::from(point))
    })
}

/// The group of this process in the hierarchy of version 2.
fn own_path(groups: &str) -> Option<&str> {
    groups.lines().find_map(|line| line.strip_prefix("0::"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Ceilings = Ceilings {
        memory: Some(1 << 30),
        cpu_percent: Some(150),
        processes: Some(64),
    };

    #[test]
    fn the_hierarchy_of_version_2_is_found_among_others() {
        let hybrid = "30 25 0:26 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n\
                      31 25 0:27 / /sys/fs/cgroup/unified rw shared:9 - cgroup2 cgroup2 rw,nsdelegate\n";
        assert_eq!(mount_point(hybrid), Some("/sys/fs/cgroup/unified".into()));
        let foreign = "31 25 0:27 /../.. /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";
        assert_eq!(mount_point(foreign), None);
        assert_eq!(
            own_path("4:memory:/a\n0::/user.slice/b\n"),
            Some("/user.slice/b")
        );
    }

    #[test]
    fn each_ceiling_has_its_file() {
        assert_eq!(
            ALL.files(),
            [
                ("memory.max", "1073741824".to_owned()),
                ("cpu.max", "150000 100000".to_owned()),
                ("pids.max", "64".to_owned()),
            ]
        );
        assert_eq!(Ceilings::default().files(), []);
    }

    /// The only part of it that needs no controller, which this machine may have given to version 1.
    #[test]
    fn a_process_enters_a_group_and_nothing_is_left() {
        let before = own();
        let Ok(group) = before
            .clone()
            .and_then(|own| Group::create_near(&own, &Ceilings::default()))
        else {
            assert!(
                !nix::unistd::geteuid().is_root() || before.is_err(),
                "root may make groups"
            );
            return;
        };
        let outer = group.outer.clone();
        group.enter().unwrap();
        assert_eq!(own().unwrap(), outer.join("sandbox"));
        fs::write(before.unwrap().join("cgroup.procs"), "0").unwrap();
        drop(group);
        assert!(!outer.exists());
    }

    #[test]
    fn a_missing_controller_is_named() {
        let folder = assert_fs::TempDir::new().unwrap();
        fs::write(folder.path().join("cgroup.controllers"), "cpu pids").unwrap();
        let error = Group::create_near(folder.path(), &ALL).unwrap_err();
        assert!(error.contains("no controller `memory`"), "{error}");
        assert_eq!(
            fs::read_dir(folder.path()).unwrap().count(),
            1,
            "nothing is left"
        );
    }
}
