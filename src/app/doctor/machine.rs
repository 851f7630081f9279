//! The kernel and what surrounds it.

use super::{Finding, apparmor};
use crate::engine::probe::{self, Ability, Refused};
use crate::engine::surroundings::{Container, Facts, Forbidder};
use crate::policy::{Layer, Limits, Origin};

const NOTHING_RUNS: &str = "nothing runs: hidden, protected and outside cannot be kept apart";

/// Each ability, how it is called, and what does not hold without it.
const ABILITIES: [(Ability, &str, &str); 9] = [
    (Ability::UserNamespace, "user namespace", NOTHING_RUNS),
    (Ability::Mounts, "mounts", NOTHING_RUNS),
    (Ability::Processes, "processes", NOTHING_RUNS),
    (Ability::OtherNamespaces, "ipc, uts, cgroup", NOTHING_RUNS),
    (
        Ability::Network,
        "network",
        "nothing runs where `network` is `filtered` or `off`",
    ),
    (
        Ability::Landlock,
        "landlock",
        "nothing runs: signals and abstract sockets would reach your programs",
    ),
    (
        Ability::Filter,
        "seccomp",
        "nothing runs: the kernel would be open to every system call",
    ),
    (
        Ability::Notification,
        "seccomp notify",
        "nothing runs: what is protected and not there could be made",
    ),
    (
        Ability::Watch,
        "inotify",
        "nothing runs: a hidden file that is replaced would be seen",
    ),
];

/// Tries everything; `asked` are the ceilings of the rules here, if there are rules.
pub(super) fn findings(facts: &Facts, asked: Option<&Limits>) -> Vec<Finding> {
    let mut found = vec![system(facts)];
    // What needs a user namespace says nothing new without one.
    let mut lacks_user = false;
    for (ability, name, promise) in ABILITIES {
        let needs_user = matches!(
            ability,
            Ability::Mounts | Ability::Processes | Ability::OtherNamespaces | Ability::Network
        );
        if needs_user && lacks_user {
            found.push(Finding::note(name, "not tried without a user namespace"));
            continue;
        }
        let tried = probe::attempt(ability);
        lacks_user |= tried.is_err() && ability == Ability::UserNamespace;
        found.push(judge(facts, ability, name, promise, tried));
    }
    found.push(ceilings(asked));
    found
}

fn judge(
    facts: &Facts,
    ability: Ability,
    name: &'static str,
    promise: &str,
    tried: Result<Vec<String>, Refused>,
) -> Finding {
    match tried {
        // What the network has to do without, though it works.
        Ok(details) if ability == Ability::Network && !details.is_empty() => Finding::lost(
            name,
            "the network is filtered, but not as well",
            details.join("; "),
            "sudo modprobe -a veth nf_tables nft_redir nft_chain_nat",
        ),
        Ok(details) if details.is_empty() => Finding::ok(name, "works"),
        Ok(details) => Finding::ok(name, details.join("; ")),
        Err(refused) => {
            let cure = cure(facts, ability, &refused);
            Finding::lost(name, promise, refused.to_string(), cure)
        }
    }
}

fn cure(facts: &Facts, ability: Ability, refused: &Refused) -> String {
    match (ability, refused.source.raw_os_error()) {
        // It is in the kernel, and was left out at boot.
        (Ability::Landlock, Some(libc::EOPNOTSUPP)) => {
            "in /etc/default/grub, begin GRUB_CMDLINE_LINUX with `lsm=landlock,` and what \
             /sys/kernel/security/lsm lists; then: sudo update-grub && sudo reboot"
                .to_owned()
        }
        (Ability::Landlock, _) => "a kernel from 6.12 on with CONFIG_SECURITY_LANDLOCK, as Debian \
                                   13, Ubuntu 25.04, Fedora and Arch have it"
            .to_owned(),
        (Ability::Notification, Some(libc::EBUSY)) => {
            "another supervisor listens to this process already, and the kernel has room for one: \
             start aigate outside of it, in a terminal of your own"
                .to_owned()
        }
        (Ability::Filter | Ability::Notification, _) => {
            "a kernel with CONFIG_SECCOMP_FILTER, and a terminal that no filter is around"
                .to_owned()
        }
        (Ability::Watch, _) => "sudo sysctl fs.inotify.max_user_instances=1024".to_owned(),
        (Ability::Network, _) => "sudo modprobe -a veth nf_tables".to_owned(),
        _ => namespaces(facts, refused),
    }
}

/// What gives namespaces to who was refused one.
pub(super) fn namespaces(facts: &Facts, refused: &Refused) -> String {
    match facts.forbidder(refused.source.raw_os_error()) {
        Forbidder::Ceiling => "sudo sysctl user.max_user_namespaces=15000".to_owned(),
        Forbidder::ReadOnlyProc => "/proc is read-only here, and a user namespace gets its IDs there: \
                                    sudo mount -o remount,rw /proc; in a sandbox of another program, \
                                    start aigate outside of it"
            .to_owned(),
        Forbidder::Clone => "sudo sysctl kernel.unprivileged_userns_clone=1".to_owned(),
        Forbidder::AppArmor => apparmor::installation(&apparmor::programs()),
        Forbidder::Chroot => "leave the chroot, and enter its directory with another root instead: \
                              bwrap --bind DIRECTORY / --dev-bind /dev /dev --proc /proc sh"
            .to_owned(),
        Forbidder::Container(container) => in_container(container, facts),
        Forbidder::Unknown => {
            "a filter of whoever started this, or a chroot, refuses it: start from a plain terminal".to_owned()
        }
    }
}

/// What has to be said to whoever starts the container; nothing inside mends it.
fn in_container(container: Container, facts: &Facts) -> String {
    let how = match container {
        Container::Docker => {
            "start it with `--security-opt seccomp=unconfined --security-opt apparmor=unconfined \
             --security-opt systempaths=unconfined`"
        }
        Container::Podman => {
            "start it with `--security-opt seccomp=unconfined --security-opt unmask=ALL`"
        }
        Container::Kubernetes => {
            "give its pod `hostUsers: false`, and its securityContext `procMount: Unmasked`, \
             `seccompProfile: {type: Unconfined}` and `appArmorProfile: {type: Unconfined}`"
        }
        Container::Lxc => {
            "on its host, `lxc config set NAME security.nesting=true` or `incus config set NAME \
             security.nesting=true`, and start it anew"
        }
        Container::Nspawn | Container::Other => {
            "have it started without a filter of system calls and with a /proc that is not covered"
        }
    };
    let host = match &*facts.apparmor {
        "1" => "; its host also needs `sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0`",
        _ => "",
    };
    let name = container.name();
    format!("this is {name}: {how}{host}; or run aigate outside of it")
}

/// What the machine is, where that matters.
fn system(facts: &Facts) -> Finding {
    const WHAT: &str = "machine";
    let mut said: Vec<&str> = facts.container().map(Container::name).into_iter().collect();
    if nix::unistd::geteuid().is_root() {
        said.push(
            "root: programs inside make no user namespaces of their own; run agents as an \
             ordinary user",
        );
    }
    if said.is_empty() {
        return Finding::ok(WHAT, "an ordinary user of a machine of its own");
    }
    Finding::note(WHAT, said.join("; "))
}

/// The ceilings that the rules ask for; where they ask for none, one of each as they could.
fn ceilings(asked: Option<&Limits>) -> Finding {
    const WHAT: &str = "cgroups";
    let origin = || Origin::without_file(Layer::CommandLine, "doctor");
    let each = Limits {
        max_memory: Some((1 << 30, origin())),
        max_cpu_percent: Some((100, origin())),
        max_pids: Some((1000, origin())),
        required: None,
    };
    let asked = asked.filter(|limits| **limits != Limits::default());
    let losses = match probe::lost_ceilings(asked.unwrap_or(&each)) {
        Ok(losses) if losses.is_empty() => return Finding::ok(WHAT, "ceilings can be enforced"),
        Ok(losses) => losses.join("; "),
        Err(refused) => refused.to_string(),
    };
    if asked.is_none() {
        return Finding::note(WHAT, format!("no ceiling is asked for here; {losses}"));
    }
    let cure = "in a system with systemd: sudo loginctl enable-linger \"$(id -un)\"; in another, start \
                aigate in a cgroup (version 2) that you own";
    Finding::lost(WHAT, "`resource_limits` holds in part", losses, cure)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    fn cure_of(ability: Ability, errno: i32, facts: &Facts) -> String {
        let source = io::Error::from_raw_os_error(errno);
        let what = "call".to_owned();
        cure(facts, ability, &Refused { what, source })
    }

    #[test]
    fn each_forbidder_has_its_cure_and_no_other() {
        let root = || "29 1 252:1 / / rw - ext4 /dev/vda1 rw\n".to_owned();
        let with = |ceiling: &str, clone: &str, apparmor: &str, groups: &str| Facts {
            ceiling: ceiling.to_owned(),
            clone: clone.to_owned(),
            apparmor: apparmor.to_owned(),
            groups: groups.to_owned(),
            mounts: root(),
            ..Facts::default()
        };
        let chroot = Facts {
            mounts: "23 27 0:22 / /sys rw - sysfs sysfs rw\n".to_owned(),
            ..Facts::default()
        };
        let words = [
            "sysctl user.max_user_namespaces=",
            "mount -o remount,rw /proc",
            "sysctl kernel.unprivileged_userns_clone=1",
            "apparmor_parser -r",
            "leave the chroot",
            "systempaths=unconfined",
            "procMount: Unmasked",
            "a plain terminal",
        ];
        for (facts, errno, expected) in [
            (with("", "", "", ""), libc::ENOSPC, words[0]),
            (with("", "", "1", ""), libc::EROFS, words[1]),
            (with("", "0", "", ""), libc::EPERM, words[2]),
            (with("9", "1", "1", ""), libc::EACCES, words[3]),
            (chroot, libc::EPERM, words[4]),
            (with("", "", "1", "0::/docker/1"), libc::EPERM, words[5]),
            (with("", "", "", "0::/kubepods/1"), libc::EPERM, words[6]),
            (with("9", "1", "0", ""), libc::EPERM, words[7]),
        ] {
            let said = cure_of(Ability::UserNamespace, errno, &facts);
            for word in words {
                assert_eq!(said.contains(word), word == expected, "{word}: {said}");
            }
        }
    }

    #[test]
    fn a_listener_that_is_there_is_no_fault_of_the_kernel() {
        let said = |errno| cure_of(Ability::Notification, errno, &Facts::default());
        assert!(said(libc::EBUSY).contains("another supervisor"));
        assert!(said(libc::EINVAL).contains("CONFIG_SECCOMP_FILTER"));
    }

    #[test]
    fn landlock_that_was_left_out_at_boot_needs_no_other_kernel() {
        let said = |errno| cure_of(Ability::Landlock, errno, &Facts::default());
        assert!(said(libc::EOPNOTSUPP).contains("update-grub"));
        assert!(said(libc::ENOSYS).contains("a kernel from 6.12"));
    }
}
