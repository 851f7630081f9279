//! The engine of macOS: the kernel's Seatbelt, by a profile that `sandbox-exec` applies.
//!
//! [`profile`] makes the text, and is pure: it can be read, compared and tried on any system.
//! [`start`] hands it over and waits. Seatbelt decides by names when a file is opened, so a rule
//! counts for files that appear later, and protects names that nobody has yet; it hides no names, and
//! keeps processes apart without namespaces. `docs/engines.md` says what is lost.

pub mod expression;
pub mod profile;
mod rules;
pub mod start;
pub mod text;

use std::path::Path;

use super::Error;
use super::plan::{Maker, Plan, Step};
use super::unfit::Unfit;
use super::view::{Content, Kind, Layer};
use crate::policy::{ExecRules, PathRules, Policy};
use profile::{Reach, Sandbox};

/// The program of macOS. Nobody but the system can write there.
const PROGRAM: &str = "/usr/bin/sandbox-exec";

/// The program that applies a profile; none on a system that has no Seatbelt, whatever stands at that
/// place.
#[must_use]
pub fn program() -> Option<&'static Path> {
    let program = Path::new(PROGRAM);
    (cfg!(target_os = "macos") && program.exists()).then_some(program)
}

/// What a profile names in the place of a broker's port that nobody has opened: it can be read, and who
/// runs a command under it has no network.
const UNSERVED: u16 = 1;

/// The plan as a profile, with the broker on this port of the loopback if the plan needs one.
///
/// # Errors
/// When the plan publishes ports, or opens a path that a profile cannot name.
pub fn divide(plan: Plan, policy: &Policy, broker: Option<u16>) -> Result<Plan, Error> {
    let mut sandbox = Sandbox {
        reach: Reach::Everything,
        sockets: policy
            .unix_sockets
            .iter()
            .map(|grant| grant.path.clone())
            .collect(),
        ..Sandbox::new(&policy.read, &policy.write, &policy.exec, &policy.home)
    };
    let mut steps = Vec::new();
    for step in plan.steps {
        let layer = |path, content| Layer { path, content };
        match step {
            Step::Network(wanted) if wanted.publishes => {
                return Err(Unfit::Seatbelt(
                    "`publish_ports` cannot be kept: it lets no program inside listen but with \
                     `network: open`, where all of the loopback is shared",
                )
                .into());
            }
            Step::Network(ref wanted) if wanted.needs_a_broker() => {
                sandbox.reach = Reach::Broker(broker.unwrap_or(UNSERVED));
                steps.push(step);
            }
            Step::Network(_) => sandbox.reach = Reach::Nothing,
            Step::Tmpfs { at, mode } => sandbox.layers.push(layer(at, Content::Empty(mode))),
            Step::Attach { at, kind, access } => {
                sandbox.layers.push(layer(at, Content::Host(kind, access)));
            }
            Step::Copy(at) => sandbox.layers.push(layer(at, Content::Copy)),
            Step::Mask { at, kind } => sandbox.hidden.push((at, kind)),
            Step::Protect(path) => sandbox.protected.push(path),
            Step::Pin(path) => sandbox.pinned.push(path),
            Step::Devices { terminal } => sandbox.terminal = terminal,
            Step::Enter(_) | Step::Limit(_) => steps.push(step),
            // Made of mounts and namespaces.
            _ => {}
        }
    }
    let profile = profile::profile(&sandbox);
    let profile = profile.map_err(|path| Unfit::Unsayable(path.to_string()))?;
    Ok(Plan {
        steps,
        own_network: false,
        maker: Maker::Seatbelt(profile),
    })
}

impl<'a> Sandbox<'a> {
    /// Nothing but rules: nothing can be written, and no network reached.
    #[must_use]
    pub fn new(
        read: &'a PathRules,
        write: &'a PathRules,
        exec: &'a ExecRules,
        home: &'a Path,
    ) -> Self {
        Sandbox {
            read,
            write,
            exec,
            home,
            layers: Vec::new(),
            hidden: Vec::<(_, Kind)>::new(),
            protected: Vec::new(),
            pinned: Vec::new(),
            sockets: Vec::new(),
            terminal: None,
            reach: Reach::Nothing,
        }
    }
}
