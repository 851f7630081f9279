//! The network broker: runs in the supervisor, outside the sandbox, and is its only way out.
//!
//! Inside, every address leads to the broker's listeners (`engine::linux::netns`). A program asks DNS
//! for a name; if a rule allows the name, it gets an address that stands for that name alone. The
//! program connects there; the broker sees from its socket which name was meant, judges name and
//! port, looks the name up outside, judges the address too, connects and passes bytes on. TLS and
//! plain HTTP are read as far as needed to see that they talk to that very host.
//!
//! One thread serves everything, without storing any of the bytes it passes on.

mod arrivals;
mod broker;
mod connection;
mod dns;
mod doors;
pub mod event;
mod front;
mod guard;
mod hostfiles;
mod http;
mod inspect;
mod judge;
mod lookup;
mod names;
mod pace;
mod progress;
mod questions;
mod reader;
mod report;
mod resolver;
mod slab;
mod tls;
pub mod untrusted;
mod upstream;

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread::{self, JoinHandle};

use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::signal::SigSet;

pub use event::{Event, Reason};
pub use front::Front;
pub use guard::Class;
pub use hostfiles::HostFiles;
pub use report::Sink;
pub use upstream::Upstream;

use self::broker::Entrance;
use crate::policy::net::NetRule;
use crate::sys::handover::BrokerSockets;

/// What may be reached.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    /// From inside.
    pub net: Vec<NetRule>,
    /// Ports of the sandbox, from the host's loopback.
    pub publish_ports: Vec<u16>,
}

/// How the host itself reaches the network.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// How it resolves names.
    pub files: HostFiles,
    /// Its proxy.
    pub upstream: Upstream,
}

const STACK: usize = 256 * 1024;

/// A broker at work. It ends when this is dropped.
#[derive(Debug)]
pub struct Broker {
    updates: Option<Sender<Rules>>,
    wake: Arc<EventFd>,
    thread: Option<JoinHandle<()>>,
}

impl Broker {
    /// Starts to serve `sockets`. `sink` is called from the broker's thread.
    ///
    /// # Errors
    /// When the sockets are not a broker's, or the system has no thread or descriptor for it.
    pub fn start(
        sockets: BrokerSockets,
        rules: Rules,
        settings: Settings,
        sink: Sink,
    ) -> io::Result<Broker> {
        Broker::serve(Entrance::Inside(sockets), rules, settings, sink)
    }

    /// Starts to serve those who come to `front`. No rule publishes a port there.
    ///
    /// # Errors
    /// When the system has no thread or descriptor for it.
    pub fn at(front: Front, rules: Rules, settings: Settings, sink: Sink) -> io::Result<Broker> {
        Broker::serve(Entrance::Front(front), rules, settings, sink)
    }

    fn serve(
        entrance: Entrance,
        rules: Rules,
        settings: Settings,
        sink: Sink,
    ) -> io::Result<Broker> {
        let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
        let wake = Arc::new(EventFd::from_value_and_flags(0, flags)?);
        let (updates, receiver) = channel();
        let state = broker::Loop::new(entrance, rules, settings, sink, receiver, wake.clone())?;
        let thread = thread::Builder::new()
            .name("aigate-broker".to_owned())
            .stack_size(STACK)
            .spawn(move || {
                // Signals are for the supervisor's main thread.
                let _ = SigSet::all().thread_block();
                state.run();
            })?;
        Ok(Broker {
            updates: Some(updates),
            wake,
            thread: Some(thread),
        })
    }

    /// Follows `rules` from now on. Connections that they do not allow end.
    pub fn update(&self, rules: Rules) {
        if let Some(updates) = &self.updates {
            // An ended broker has nothing to follow.
            drop(updates.send(rules));
            let _ = self.wake.write(1);
        }
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.updates = None;
        let _ = self.wake.write(1);
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}
