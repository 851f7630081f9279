//! The kernel and what surrounds it.

use super::{Finding, apparmor, programs};
use crate::engine::probe::{self, Ability, Forbidder, Refused};
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
pub(super) fn findings(asked: Option<&Limits>) -> Vec<Finding> {
    let mut found = vec![system()];
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
        found.push(judge(ability, name, promise, tried));
    }
    found.push(ceilings(asked));
    found
}

fn judge(
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
        Err(refused) if ability == Ability::Notification => {
            Finding::note(name, format!("{refused}: {promise}"))
        }
        Err(refused) => Finding::lost(name, promise, refused.to_string(), cure(ability, &refused)),
    }
}

fn cure(ability: Ability, refused: &Refused) -> String {
    match ability {
        Ability::Landlock => "a kernel from 6.12 on with `landlock` in /sys/kernel/security/lsm: \
                              add lsm=landlock,... to the kernel's command line"
            .to_owned(),
        Ability::Filter | Ability::Notification => "a kernel with CONFIG_SECCOMP_FILTER".to_owned(),
        Ability::Watch => "sudo sysctl fs.inotify.max_user_instances=1024".to_owned(),
        Ability::Network => "sudo modprobe -a veth nf_tables".to_owned(),
        _ => namespaces(refused),
    }
}

fn namespaces(refused: &Refused) -> String {
    match probe::forbidder(refused) {
        Forbidder::Ceiling => "sudo sysctl user.max_user_namespaces=15000".to_owned(),
        Forbidder::Clone => "sudo sysctl kernel.unprivileged_userns_clone=1".to_owned(),
        Forbidder::AppArmor => apparmor::installation(&programs()),
        Forbidder::Chroot => "start it outside the chroot, or enter with pivot_root".to_owned(),
        Forbidder::Unknown => match probe::container() {
            Some(container) => format!(
                "this is {container}: start it with `--security-opt seccomp=unconfined \
                 --security-opt systempaths=unconfined`, or run aigate outside of it"
            ),
            None => "a filter of whoever started this refuses it: start from a plain terminal"
                .to_owned(),
        },
    }
}

/// What the machine is, where that matters.
fn system() -> Finding {
    const WHAT: &str = "machine";
    let mut facts: Vec<&str> = probe::container().into_iter().collect();
    if probe::is_wsl() {
        facts.push(
            "Windows' Linux: programs of Windows cannot be started inside, for the socket to them \
             is refused",
        );
    }
    if nix::unistd::geteuid().is_root() {
        facts.push(
            "root: programs inside make no user namespaces of their own; run agents as an \
             ordinary user",
        );
    }
    if facts.is_empty() {
        return Finding::ok(WHAT, "an ordinary user of a machine of its own");
    }
    Finding::note(WHAT, facts.join("; "))
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
    let cure = "start it in a session of systemd, or from a cgroup (version 2) that you own";
    Finding::lost(WHAT, "`resource_limits` holds in part", losses, cure)
}
