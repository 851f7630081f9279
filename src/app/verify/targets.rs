//! Chooses what to attack, from the rules and from what this host has.

use std::collections::BTreeSet;
use std::env;
use std::ffi::OsStr;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use super::arm::CANARY;
use super::{Error, Omission, Request};
use crate::engine::{scan, sockets};
use crate::policy::{Network, Policy};
use crate::verify::{self, Attack, File, Props, Way, known};

/// The address at which clouds tell a machine its secrets.
pub(super) const METADATA: IpAddr = IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254));

/// How many hidden files, protected paths, sockets and variables are tried of each.
const MOST: usize = 40;
/// How many files of one hidden directory.
const MOST_OF_DIRECTORY: usize = 2;
/// How many entries of a hidden directory are looked at to find them.
const MOST_LOOKED_AT: usize = 300;

const WAYS: [Way; 9] = [
    Way::Name,
    Way::OwnRoot,
    Way::InitRoot,
    Way::Link,
    Way::HardLink,
    Way::Renamed,
    Way::Unmount,
    Way::Bind,
    Way::Clone,
];

const SETTINGS: [&str; 9] = [
    "/proc/sys/kernel/core_pattern",
    "/proc/sys/kernel/modprobe",
    "/proc/sys/fs/binfmt_misc/register",
    "/proc/sysrq-trigger",
    "/sys/kernel/uevent_helper",
    "/sys/power/state",
    "/sys/fs/cgroup/cgroup.procs",
    "/sys/fs/cgroup/release_agent",
    "/sys/kernel/mm/transparent_hugepage/enabled",
];

const MEMORY: [&str; 3] = ["/proc/kcore", "/proc/kmsg", "/proc/kpageflags"];

/// Devices that reach the kernel, the hardware or other users; disks are looked for.
const DEVICES: [&str; 16] = [
    "/dev/mem",
    "/dev/port",
    "/dev/kmsg",
    "/dev/kvm",
    "/dev/fuse",
    "/dev/loop-control",
    "/dev/uinput",
    "/dev/uhid",
    "/dev/vhost-vsock",
    "/dev/vhost-net",
    "/dev/net/tun",
    "/dev/vsock",
    "/dev/userfaultfd",
    "/dev/dri/card0",
    "/dev/input/event0",
    "/dev/snd/controlC0",
];

/// Directories of the system into which only root writes outside.
const SYSTEM: [&str; 5] = ["/etc", "/usr/local/bin", "/opt", "/var/lib", "/"];

/// Every attack of this run, and what cannot be tried.
pub(super) fn choose(
    policy: &Policy,
    request: &Request,
    stage: &Props,
) -> Result<(Vec<Attack>, Vec<Omission>), Error> {
    let found = scan::find(policy, &policy.home.join(crate::app::exec::INDICES))?;
    let mut chosen = Chosen::default();
    chosen.hidden(policy, &found.hidden, request)?;
    chosen.writes(policy, &found.protected);
    chosen.sockets(policy, stage);
    chosen.processes(stage);
    chosen.inherited(policy, stage);
    chosen.network(policy, stage);
    chosen.machine();
    Ok((chosen.attacks, chosen.omitted))
}

#[derive(Default)]
struct Chosen {
    attacks: Vec<Attack>,
    omitted: Vec<Omission>,
}

impl Chosen {
    fn omit(&mut self, what: impl Into<String>, why: impl Into<String>) {
        self.omitted.push(Omission {
            what: what.into(),
            why: why.into(),
        });
    }

    /// At most [`MOST`], spread over all.
    fn some<T>(&mut self, what: &str, all: Vec<T>) -> Vec<T> {
        let count = all.len();
        if count <= MOST {
            return all;
        }
        self.omit(
            format!("{} of {count} {what}", count - MOST),
            format!("{MOST} are enough for one run; name others: `aigate verify FILE...`"),
        );
        let chosen = |(at, _): &(usize, T)| at * MOST / count != (at + 1) * MOST / count;
        let spread = all.into_iter().enumerate().filter(chosen);
        spread.map(|(_, one)| one).collect()
    }

    fn hidden(
        &mut self,
        policy: &Policy,
        hidden: &BTreeSet<PathBuf>,
        request: &Request,
    ) -> Result<(), Error> {
        let denied = |path: &Path| policy.read.judge(path, false).is_some();
        let mut files = Vec::new();
        for told in &request.files {
            let place = super::place::resolve(Path::new("."), &policy.home, told);
            let path = place.map_or_else(|_| told.clone(), |place| place.entry);
            let path = std::path::absolute(&path).unwrap_or(path);
            let readable = readable(&path, &|_| true);
            if readable.is_empty() {
                self.omit(
                    path.display().to_string(),
                    "it cannot be read outside either",
                );
            }
            // Where no rule hides it, there is only one way to try.
            let (hidden, open): (Vec<_>, Vec<_>) = readable
                .into_iter()
                .partition(|file| denied(Path::new(&file.path)));
            files.extend(hidden);
            let open = open.into_iter().map(|file| Attack::Read(Way::Name, file));
            self.attacks.extend(open);
        }
        let own =
            |path: &&PathBuf| path.starts_with(&policy.home) || path.starts_with(&policy.project);
        let (own, system): (Vec<_>, Vec<_>) = hidden.iter().partition(own);
        let by_rules = own.into_iter().chain(system);
        let by_rules = by_rules.flat_map(|path| readable(path, &denied));
        let by_rules = self.some("hidden files", by_rules.collect());
        files.extend(by_rules);
        if files.is_empty() {
            let why = "no file that the rules hide exists here and can be read outside";
            self.omit("reading hidden files", why);
        }
        for way in WAYS {
            let ways = files.iter().map(|file| Attack::Read(way, file.clone()));
            self.attacks.extend(ways);
        }
        Ok(())
    }

    fn writes(&mut self, policy: &Policy, protected: &BTreeSet<PathBuf>) {
        let paths = self.some("protected paths", protected.iter().cloned().collect());
        let paths = paths.iter().filter_map(|path| known(path).ok());
        self.attacks.extend(paths.map(Attack::WriteProtected));
        for (from, to) in moves(policy, protected) {
            let (from, to) = (from.into_os_string(), to.into_os_string());
            self.attacks.push(Attack::MoveAway(from, to));
        }
        let granted = |path: &Path| {
            let grants = policy.writable.iter().map(|grant| grant.path.as_path());
            grants
                .chain([policy.project.as_path()])
                .any(|open| path.starts_with(open))
        };
        let private = |path: &Path| {
            ["/tmp", "/var/tmp", "/run", "/dev"]
                .iter()
                .any(|private| path.starts_with(private))
        };
        let outside = outside(policy).into_iter();
        let closed = outside.filter(|path| !granted(path) && !private(path));
        let closed = closed.filter_map(|path| known(&path).ok());
        self.attacks.extend(closed.map(Attack::WriteOutside));
    }

    fn sockets(&mut self, policy: &Policy, stage: &Props) {
        let open = |path: &PathBuf| {
            let mut grants = policy.unix_sockets.iter();
            grants.any(|grant| path.starts_with(&grant.path))
        };
        let (granted, closed): (Vec<_>, Vec<_>) = sockets::of_host()
            .into_iter()
            .filter(|path| path.exists())
            .partition(open);
        for socket in granted {
            self.omit(
                socket.display().to_string(),
                "`unix_sockets` leaves it open",
            );
        }
        let closed = self.some("sockets of the host", closed);
        let closed = closed.into_iter().map(|path| Attack::Socket(path.into()));
        self.attacks.extend(closed);
        self.attacks
            .push(Attack::AbstractSocket(stage.socket.clone()));
    }

    fn processes(&mut self, stage: &Props) {
        let victim = stage.victim;
        self.attacks.extend([
            Attack::Signal(victim),
            Attack::SignalGroup,
            Attack::Trace(victim),
            Attack::ReadMemory(victim),
            Attack::ProcessDescriptor(victim),
            Attack::ReadEnvironment(victim),
        ]);
        match stage.memory {
            Some(id) => self.attacks.push(Attack::SharedMemory(id)),
            None => self.omit("shared memory", "this host refuses to make any"),
        }
        match &stage.temporary {
            Some(file) => self.attacks.push(Attack::ReadTemporary(file.clone())),
            None => self.omit("reading a temporary file", "none can be made in /tmp"),
        }
    }

    fn inherited(&mut self, policy: &Policy, stage: &Props) {
        let descriptors = stage.descriptors.iter();
        let descriptors =
            descriptors.map(|(fd, device, inode)| Attack::Descriptor(*fd, *device, *inode));
        self.attacks.extend(descriptors);
        let secret = |name: &OsStr| policy.env.passes(name).is_err();
        let set = |name: &OsStr| policy.env.set.iter().any(|(known, _)| known == name);
        let own = env::vars_os().filter(|(_, value)| !value.is_empty());
        let names: BTreeSet<_> = own.map(|(name, _)| name).chain([CANARY.into()]).collect();
        let names = names.into_iter().filter(|name| secret(name) && !set(name));
        let names = self.some("secret variables", names.collect());
        if names.is_empty() {
            let why = "the rules keep none of the variables outside";
            self.omit("finding secret variables", why);
        }
        self.attacks.extend(names.into_iter().map(Attack::Variable));
    }

    fn network(&mut self, policy: &Policy, stage: &Props) {
        for address in &stage.addresses {
            self.attacks.push(Attack::Network {
                address: *address,
                request: String::new(),
                answer: stage.answer.clone(),
            });
        }
        if stage.addresses.len() < 2 {
            let why = "this host has no address but its loopback";
            self.omit("reaching an address without a name", why);
        }
        self.attacks.push(Attack::Network {
            address: SocketAddr::new(METADATA, 80),
            request: "GET / HTTP/1.0\r\n\r\n".to_owned(),
            answer: "HTTP/".to_owned(),
        });
        if policy.network != Network::Off {
            let why = "nobody outside this machine is asked";
            self.omit("reaching hosts by their names", why);
        }
    }

    fn machine(&mut self) {
        let there = |paths: &[&str]| {
            let paths = paths.iter().filter(|path| Path::new(path).exists());
            paths.map(Into::into).collect::<Vec<_>>()
        };
        let settings = there(&SETTINGS).into_iter().map(Attack::KernelSetting);
        self.attacks.extend(settings);
        self.attacks
            .extend(there(&MEMORY).into_iter().map(Attack::KernelMemory));
        let disks = entries(Path::new("/dev")).filter(|path| {
            fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_block_device())
        });
        let disks = disks.take(8).map(PathBuf::into_os_string);
        let devices = there(&DEVICES).into_iter().chain(disks);
        self.attacks.extend(devices.map(Attack::Device));
        let probes = verify::KERNEL.iter().map(|(probe, _)| *probe);
        self.attacks.extend(probes.map(Attack::Kernel));
    }
}

fn entries(directory: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries.map(|entry| entry.path())
}

/// The file, or some files below the directory, that this user can read and `wanted` accepts.
fn readable(path: &Path, wanted: &dyn Fn(&Path) -> bool) -> Vec<File> {
    let mut files = Vec::new();
    let mut waiting = vec![path.to_owned()];
    let mut looked_at = 0;
    while let Some(path) = waiting.pop() {
        looked_at += 1;
        if files.len() == MOST_OF_DIRECTORY || looked_at > MOST_LOOKED_AT {
            break;
        }
        let Ok(found) = fs::metadata(&path) else {
            continue;
        };
        if found.is_dir() {
            waiting.extend(entries(&path).take(MOST_LOOKED_AT));
        } else if found.is_file() && wanted(&path) && fs::File::open(&path).is_ok() {
            files.extend(known(&path));
        }
    }
    files
}

/// Directories of the project that must not leave their names, because something protected stands in
/// them, each with one that is not empty and lies beside it.
fn moves(policy: &Policy, protected: &BTreeSet<PathBuf>) -> Vec<(PathBuf, PathBuf)> {
    let inner = |path: &Path| path.starts_with(&policy.project) && path != policy.project;
    let holders: BTreeSet<_> = protected
        .iter()
        .filter_map(|path| path.parent())
        .filter(|parent| inner(parent))
        .collect();
    let is_full =
        |path: &PathBuf| path.is_dir() && !path.is_symlink() && entries(path).next().is_some();
    let free = |path: &PathBuf| {
        policy.write.judge(path, true).is_none()
            && policy.read.judge(path, true).is_none()
            && !holders.iter().any(|holder| holder.starts_with(path))
    };
    let beside = entries(&policy.project).find(|path| is_full(path) && free(path));
    let Some(beside) = beside else {
        return Vec::new();
    };
    let pairs = holders.iter().take(MOST);
    pairs
        .map(|holder| (holder.to_path_buf(), beside.clone()))
        .collect()
}

/// Directories that a run may not change: around the project, the home, the system.
fn outside(policy: &Policy) -> BTreeSet<PathBuf> {
    let above = policy.project.parent().map(Path::to_owned);
    let beside = above.iter().flat_map(|above| entries(above));
    let beside = beside
        .filter(|path| path.is_dir() && *path != policy.project)
        .take(3);
    let beside: Vec<_> = beside.collect();
    let system = SYSTEM.iter().map(PathBuf::from);
    let own = [policy.home.clone()].into_iter().chain(above);
    own.chain(beside).chain(system).collect()
}
