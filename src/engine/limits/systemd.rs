//! A group that the service manager makes: the user's own, or the system's for root.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::unistd::geteuid;

use super::cgroup::{self, Ceilings, PERIOD};
use super::dbus::{Body, Call};

/// How long the manager may take to move us.
const PATIENCE: Duration = Duration::from_secs(2);

/// Moves this process into a scope of its own that has these ceilings. The manager removes it when its
/// last process ends.
pub(super) fn enter_scope(ceilings: &Ceilings) -> Result<(), String> {
    let socket = socket().ok_or("no service manager can be asked")?;
    let failed = |error: io::Error| format!("service manager ({}): {error}", socket.display());
    let name = format!("aigate-{}.scope", std::process::id());
    let call = Call {
        destination: "org.freedesktop.systemd1",
        path: "/org/freedesktop/systemd1",
        interface: "org.freedesktop.systemd1.Manager",
        member: "StartTransientUnit",
        signature: "ssa(sv)a(sa(sv))",
    };
    call.call(&socket, &request(&name, ceilings))
        .map_err(failed)?;
    let asked = Instant::now();
    while !is_in(&name) {
        if asked.elapsed() > PATIENCE {
            return Err(failed(io::ErrorKind::TimedOut.into()));
        }
        sleep(Duration::from_millis(1));
    }
    missing_controller(&name, ceilings)
}

/// The manager's own socket: no message bus is needed, and none is in between.
fn socket() -> Option<PathBuf> {
    let runtime = match geteuid().is_root() {
        true => PathBuf::from("/run"),
        false => PathBuf::from(format!("/run/user/{}", geteuid())),
    };
    Some(runtime.join("systemd/private")).filter(|socket| socket.exists())
}

fn request(name: &str, ceilings: &Ceilings) -> Body {
    let mut body = Body::default();
    body.text(name);
    body.text("fail");
    body.list(8, |properties| {
        let process = std::process::id();
        property(properties, "Description", "s", |value| {
            value.text("aigate sandbox")
        });
        property(properties, "CollectMode", "s", |value| {
            value.text("inactive-or-failed")
        });
        property(properties, "PIDs", "au", |value| {
            value.list(4, |list| list.u32(process))
        });
        if let Some(bytes) = ceilings.memory {
            property(properties, "MemoryMax", "t", |value| value.u64(bytes));
            property(properties, "MemorySwapMax", "t", |value| value.u64(0));
        }
        if let Some(percent) = ceilings.cpu_percent {
            // Per second, in microseconds.
            let quota = u64::from(percent) * PERIOD / 10;
            property(properties, "CPUQuotaPerSecUSec", "t", |value| {
                value.u64(quota)
            });
        }
        if let Some(count) = ceilings.processes {
            property(properties, "TasksMax", "t", |value| value.u64(count.into()));
        }
    });
    // No further units.
    body.list(8, |_| {});
    body
}

fn property(list: &mut Body, name: &str, kind: &str, value: impl FnOnce(&mut Body)) {
    list.structure(|pair| {
        pair.text(name);
        pair.signature(kind);
        value(pair);
    });
}

fn own_group() -> String {
    fs::read_to_string("/proc/self/cgroup").unwrap_or_default()
}

fn is_in(name: &str) -> bool {
    own_group().lines().any(|line| line.ends_with(name))
}

/// A manager without a controller starts the scope all the same: only the files tell.
fn missing_controller(name: &str, ceilings: &Ceilings) -> Result<(), String> {
    let folder = cgroup::own().map_err(|why| format!("service manager: {why}"))?;
    if !folder.ends_with(name) {
        return Err("the service manager uses cgroups of version 1".to_owned());
    }
    let files = [
        ("memory.max", ceilings.memory.is_some()),
        ("cpu.max", ceilings.cpu_percent.is_some()),
        ("pids.max", ceilings.processes.is_some()),
    ];
    for (file, wanted) in files {
        let limited =
            fs::read_to_string(folder.join(file)).is_ok_and(|text| !text.starts_with("max"));
        if wanted && !limited {
            return Err(format!("the service manager has not set {file}"));
        }
    }
    Ok(())
}
