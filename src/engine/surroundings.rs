//! Who forbids namespaces here, and what kind of machine this is.
//!
//! The facts are gathered first and judged by functions that look at nothing else, so that machines
//! are judged in tests that are not at hand.

use std::env;
use std::fs;
use std::path::Path;

/// Who forbids namespaces to this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forbidder {
    /// `user.max_user_namespaces` is reached, or zero.
    Ceiling,
    /// `/proc` cannot be written, where a user namespace gets its IDs.
    ReadOnlyProc,
    /// The root directory is not that of the mount namespace.
    Chroot,
    /// The filter or the profile of a container.
    Container(Container),
    /// `kernel.unprivileged_userns_clone` is zero, as Debian's kernels had it.
    Clone,
    /// AppArmor gives rights in user namespaces to named programs only, as Ubuntu has it.
    AppArmor,
    /// Something that does not say its name.
    Unknown,
}

/// Who keeps this process in a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Container {
    /// Docker.
    Docker,
    /// Podman.
    Podman,
    /// A pod of Kubernetes.
    Kubernetes,
    /// LXC, and Incus and LXD, which use it.
    Lxc,
    /// `systemd-nspawn`.
    Nspawn,
    /// Something that says no name, or one that is not known here.
    Other,
}

impl Container {
    /// What people call it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Docker => "a Docker container",
            Self::Podman => "a Podman container",
            Self::Kubernetes => "a pod of Kubernetes",
            Self::Lxc => "an LXC container",
            Self::Nspawn => "a container of systemd-nspawn",
            Self::Other => "a container",
        }
    }
}

/// What files say of this machine, each with its text; empty where there is none.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// `user.max_user_namespaces`.
    pub ceiling: String,
    /// `kernel.unprivileged_userns_clone`.
    pub clone: String,
    /// `kernel.apparmor_restrict_unprivileged_userns`.
    pub apparmor: String,
    /// `/proc/self/mountinfo`.
    pub mounts: String,
    /// `/proc/self/cgroup`.
    pub groups: String,
    /// Those of [`MARKS`] that are there.
    pub marks: Vec<&'static str>,
    /// What the manager of a container calls itself, in each place where it says so.
    pub managers: Vec<String>,
    /// Whether the variable is set that every container of a pod is given.
    pub in_pod: bool,
}

/// Files that the managers of containers leave.
const MARKS: [(&str, Container); 3] = [
    ("/run/.containerenv", Container::Podman),
    ("/.dockerenv", Container::Docker),
    ("/dev/.lxc", Container::Lxc),
];

/// Parts of the names of control groups, and of mounts, that tell who made them.
const HINTS: [(&str, Container); 9] = [
    ("/kubepods", Container::Kubernetes),
    ("/libpod", Container::Podman),
    ("/containers/storage/", Container::Podman),
    ("/docker/", Container::Docker),
    ("/docker-", Container::Docker),
    ("/lxc/", Container::Lxc),
    ("/lxc.payload", Container::Lxc),
    (" - fuse.lxcfs ", Container::Lxc),
    ("/containerd/", Container::Other),
];

impl Facts {
    /// Those of this machine.
    #[must_use]
    pub fn gathered() -> Self {
        let text = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let setting = |name: &str| text(&format!("/proc/sys/{name}")).trim().to_owned();
        let is_there = |mark: &&str| Path::new(mark).exists();
        let told = ["/run/host/container-manager", "/run/systemd/container"].map(text);
        Self {
            ceiling: setting("user/max_user_namespaces"),
            clone: setting("kernel/unprivileged_userns_clone"),
            apparmor: setting("kernel/apparmor_restrict_unprivileged_userns"),
            mounts: text("/proc/self/mountinfo"),
            groups: text("/proc/self/cgroup"),
            marks: MARKS
                .map(|(mark, _)| mark)
                .into_iter()
                .filter(is_there)
                .collect(),
            managers: told.into_iter().chain(of_first_process()).collect(),
            in_pod: env::var_os("KUBERNETES_SERVICE_HOST").is_some(),
        }
    }

    /// The container that this process is in, if one can be told.
    #[must_use]
    pub fn container(&self) -> Option<Container> {
        let marked = MARKS.iter().filter(|(mark, _)| self.marks.contains(mark));
        let mut managers = self.managers.iter();
        let hinted = HINTS.iter().filter(|(hint, _)| self.hints_at(hint));
        // A pod's containers are made by others, who leave their marks too.
        let pod =
            (self.in_pod || self.groups.contains("/kubepods")).then_some(Container::Kubernetes);
        pod.or_else(|| managers.find_map(|name| named(name)))
            .or_else(|| marked.chain(hinted).map(|(_, container)| *container).next())
    }

    /// Whether a control group of this process, its root directory, or something in its `/proc` is of
    /// this kind. Elsewhere such mounts are those of a machine that has containers.
    fn hints_at(&self, hint: &str) -> bool {
        let mut around = self.mounts.lines().filter(|line| {
            let at = line.split(' ').nth(4).unwrap_or_default();
            at == "/" || at.starts_with("/proc/")
        });
        self.groups.contains(hint) || around.any(|line| line.contains(hint))
    }

    /// Who refused a namespace with this error.
    ///
    /// What the error itself or the kernel's own condition tells goes before the settings, and a
    /// container before those of its host, which it sees and cannot change.
    #[must_use]
    pub fn forbidder(&self, errno: Option<i32>) -> Forbidder {
        match errno {
            Some(libc::ENOSPC) => return Forbidder::Ceiling,
            Some(libc::EROFS) => return Forbidder::ReadOnlyProc,
            _ if self.is_chroot() => return Forbidder::Chroot,
            _ => {}
        }
        if let Some(container) = self.container() {
            return Forbidder::Container(container);
        }
        match (&*self.ceiling, &*self.clone, &*self.apparmor) {
            ("0", ..) => Forbidder::Ceiling,
            (_, "0", _) => Forbidder::Clone,
            (.., "1") => Forbidder::AppArmor,
            _ => Forbidder::Unknown,
        }
    }

    /// The kernel lists the mounts that can be reached from the root directory: without one at `/`,
    /// the root is a directory inside a mount.
    fn is_chroot(&self) -> bool {
        let mut points = self.mounts.lines().map(|line| line.split(' ').nth(4));
        !self.mounts.is_empty() && points.all(|point| point != Some("/"))
    }
}

/// What the first process was told by whoever made the container, where that may be read.
fn of_first_process() -> Option<String> {
    let variables = fs::read("/proc/1/environ").ok()?;
    let mut variables = variables.split(|byte| *byte == 0);
    let name = variables.find_map(|variable| variable.strip_prefix(b"container="))?;
    Some(String::from_utf8_lossy(name).into_owned())
}

/// The container that calls its manager so.
fn named(manager: &str) -> Option<Container> {
    match manager.trim() {
        // The Linux of Windows says so too, and is none.
        "" | "wsl" => None,
        "docker" => Some(Container::Docker),
        "podman" => Some(Container::Podman),
        "lxc" | "lxc-libvirt" => Some(Container::Lxc),
        "systemd-nspawn" => Some(Container::Nspawn),
        _ => Some(Container::Other),
    }
}

/// Which Linux of Windows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Windows {
    /// The first, whose calls Windows answers itself: it has no namespaces.
    First,
    /// The second, with a kernel of Linux.
    Second,
}

/// Told by the kernel's release; a kernel of one's own says nothing there, but the system around it
/// leaves a directory.
#[must_use]
pub fn windows(release: &str, has_directory: bool) -> Option<Windows> {
    match release.trim() {
        first if first.ends_with("-Microsoft") => Some(Windows::First),
        second if second.to_ascii_lowercase().contains("microsoft") => Some(Windows::Second),
        _ => has_directory.then_some(Windows::Second),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN_ROOT: &str = "29 1 252:1 / / rw - ext4 /dev/vda1 rw\n";

    fn facts() -> Facts {
        Facts {
            ceiling: "63422".to_owned(),
            mounts: OWN_ROOT.to_owned(),
            groups: "0::/user.slice/user-1000.slice/session-2.scope\n".to_owned(),
            ..Facts::default()
        }
    }

    #[test]
    fn who_forbids_is_told_by_the_error_then_the_container_then_the_settings() {
        let set = |change: fn(&mut Facts)| {
            let mut facts = facts();
            change(&mut facts);
            facts
        };
        let plain = facts();
        let ubuntu = set(|on| on.apparmor = "1".to_owned());
        let debian = set(|on| on.clone = "0".to_owned());
        let none = set(|on| on.ceiling = "0".to_owned());
        let chroot = set(|on| on.mounts = "23 27 0:22 / /sys rw - sysfs sysfs rw\n".to_owned());
        let docker = set(|on| on.marks = vec!["/.dockerenv"]);
        let docker_on_ubuntu = set(|on| {
            (on.apparmor, on.marks) = ("1".to_owned(), vec!["/.dockerenv"]);
        });
        let chroot_on_ubuntu = set(|on| {
            (on.apparmor, on.mounts) = ("1".to_owned(), "23 27 0:22 / /sys rw - sysfs".to_owned());
        });
        let unreadable = Facts::default();
        let in_docker = Forbidder::Container(Container::Docker);
        for (facts, errno, who) in [
            (&plain, libc::EPERM, Forbidder::Unknown),
            (&plain, libc::ENOSPC, Forbidder::Ceiling),
            (&plain, libc::EROFS, Forbidder::ReadOnlyProc),
            (&none, libc::ENOSPC, Forbidder::Ceiling),
            (&none, libc::EPERM, Forbidder::Ceiling),
            (&debian, libc::EPERM, Forbidder::Clone),
            (&ubuntu, libc::EPERM, Forbidder::AppArmor),
            (&ubuntu, libc::EACCES, Forbidder::AppArmor),
            (&ubuntu, libc::EROFS, Forbidder::ReadOnlyProc),
            (&chroot, libc::EPERM, Forbidder::Chroot),
            (&chroot_on_ubuntu, libc::EPERM, Forbidder::Chroot),
            (&docker, libc::EPERM, in_docker),
            (&docker, libc::ENOSPC, Forbidder::Ceiling),
            (&docker, libc::EROFS, Forbidder::ReadOnlyProc),
            // Not a profile, which nobody could load in there.
            (&docker_on_ubuntu, libc::EPERM, in_docker),
            (&unreadable, libc::EPERM, Forbidder::Unknown),
        ] {
            assert_eq!(facts.forbidder(Some(errno)), who, "{errno}: {facts:?}");
        }
        assert_eq!(ubuntu.forbidder(None), Forbidder::AppArmor);
    }

    #[test]
    fn a_container_is_told_by_what_its_manager_says_or_leaves() {
        use Container::{Docker, Kubernetes, Lxc, Nspawn, Other, Podman};
        let with = |marks: &[&'static str], managers: &[&str], groups: &str, mounts: &str| Facts {
            marks: marks.to_vec(),
            managers: managers.iter().map(ToString::to_string).collect(),
            groups: groups.to_owned(),
            mounts: mounts.to_owned(),
            ..Facts::default()
        };
        let overlay = |at: &str, of: &str| {
            format!("{OWN_ROOT}90 29 0:50 / {at} rw - overlay overlay rw,lowerdir={of}/1/fs\n")
        };
        let containerd = "/var/lib/containerd/io.containerd.snapshotter.v1.overlayfs/snapshots";
        let lxcfs = |at: &str| format!("{OWN_ROOT}91 29 0:51 /x {at} rw - fuse.lxcfs lxcfs rw\n");
        for (facts, container) in [
            (facts(), None),
            (with(&[], &[], "0::/", OWN_ROOT), None),
            (with(&[], &["", "wsl\n"], "0::/init.scope", OWN_ROOT), None),
            (with(&["/.dockerenv"], &[], "0::/", OWN_ROOT), Some(Docker)),
            (with(&["/run/.containerenv"], &[], "", ""), Some(Podman)),
            (with(&["/dev/.lxc"], &[], "", ""), Some(Lxc)),
            (with(&[], &["systemd-nspawn"], "", ""), Some(Nspawn)),
            (with(&[], &["lxc\n"], "0::/", OWN_ROOT), Some(Lxc)),
            (with(&[], &["", "podman"], "", ""), Some(Podman)),
            (with(&[], &["rkt"], "", ""), Some(Other)),
            (with(&[], &[], "4:memory:/docker/0a1b\n", ""), Some(Docker)),
            (
                with(&[], &[], "0::/system.slice/docker-0a1b.scope", ""),
                Some(Docker),
            ),
            (
                with(&[], &[], "0::/machine.slice/libpod-0a1b.scope", ""),
                Some(Podman),
            ),
            (
                with(&[], &[], "0::/lxc.payload.web/init.scope", ""),
                Some(Lxc),
            ),
            (
                with(&["/.dockerenv"], &[], "0::/kubepods/pod1/2", ""),
                Some(Kubernetes),
            ),
            (
                with(&[], &[], "0::/", &overlay("/", containerd)),
                Some(Other),
            ),
            (with(&[], &[], "0::/", &lxcfs("/proc/cpuinfo")), Some(Lxc)),
            // A machine that has containers is in none.
            (
                with(
                    &[],
                    &[],
                    "0::/",
                    &overlay("/var/lib/docker/merged", containerd),
                ),
                None,
            ),
            (with(&[], &[], "0::/", &lxcfs("/var/lib/lxcfs")), None),
            (
                Facts {
                    in_pod: true,
                    ..facts()
                },
                Some(Kubernetes),
            ),
        ] {
            assert_eq!(facts.container(), container, "{facts:?}");
        }
    }

    #[test]
    fn the_two_linuxes_of_windows_are_told_apart() {
        for (release, has_directory, which) in [
            ("6.12.3-arch1-1\n", false, None),
            ("4.4.0-19041-Microsoft\n", false, Some(Windows::First)),
            (
                "4.19.104-microsoft-standard\n",
                false,
                Some(Windows::Second),
            ),
            (
                "6.6.87.2-microsoft-standard-WSL2\n",
                true,
                Some(Windows::Second),
            ),
            ("6.12.3-own\n", true, Some(Windows::Second)),
            ("", false, None),
        ] {
            assert_eq!(windows(release, has_directory), which, "{release}");
        }
    }
}
