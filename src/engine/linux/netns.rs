//! The sandbox's network: a namespace without a way out but the broker's sockets.
//!
//! Runs in init, after clone3 with `CLONE_NEWNET` and before capabilities are dropped. Init's own
//! namespace becomes the sandbox's. A second one, the broker's, is joined to it by a veth pair; there
//! every address in the world is local, so a connection to anywhere arrives at the broker's listeners,
//! which know from the socket where it was going. The supervisor outside gets those sockets and
//! nothing else leads out: when it dies, the broker's namespace goes with it.
//!
//! Where the kernel has no veth, the listeners live in the sandbox's own namespace. Where its packet
//! filter cannot give connections on any port to one listener, each port has a listener, and those
//! that no rule names are refused.

use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsFd, OwnedFd};

use crate::policy::net::NetRule;
use crate::policy::reach::{self, Range};
use crate::sys::handover::BrokerSockets;
use crate::sys::netlink::{LOOPBACK, Link, Netlink, Request, Route, Subsystem, Table};
use crate::sys::netns;
use crate::sys::socket::Families;

mod sockets;

/// The broker's end of the veth pair, and the resolver named in [`resolv_conf`].
pub const BROKER_V4: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 1);
const BROKER_V6: Ipv6Addr = Ipv6Addr::new(0xfdaa, 0x19a7, 0, 0, 0, 0, 0, 1);
const SANDBOX_V4: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 2);
const SANDBOX_V6: Ipv6Addr = Ipv6Addr::new(0xfdaa, 0x19a7, 0, 0, 0, 0, 0, 2);
const ALL_V4: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
const ALL_V6: IpAddr = IpAddr::V6(Ipv6Addr::UNSPECIFIED);
/// High enough to be free in a new namespace, whatever links the kernel puts there by itself.
const VETH: u32 = 1000;
/// Large packets: nothing on the way is a real wire.
const MTU: u32 = 65535;
/// What the sandbox's network is to be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NetPlan {
    /// Whether a broker serves it; without one there is only the loopback.
    pub filtered: bool,
    /// Addresses and ports that the broker takes connections for.
    pub ranges: Vec<Range>,
    /// Ports that it listens on where it cannot take ranges.
    pub ports: Vec<u16>,
    /// Ports of services of the host, seen at the same port of the sandbox's loopback.
    pub host_ports: Vec<u16>,
    /// Whether ports of the sandbox are published on the host.
    pub publishes: bool,
    /// What to do without, though the kernel may have it.
    pub without: Without,
}

impl NetPlan {
    /// No network but the sandbox's own loopback.
    #[must_use]
    pub fn off() -> Self {
        NetPlan::default()
    }

    /// Whether anything can be reached or reaches in, so that somebody has to serve it.
    #[must_use]
    pub fn needs_a_broker(&self) -> bool {
        self.filtered && (!self.ranges.is_empty() || !self.host_ports.is_empty() || self.publishes)
    }

    /// The network that `rules` need.
    #[must_use]
    pub fn filtered(rules: &[NetRule], publish_ports: &[u16]) -> Self {
        NetPlan {
            filtered: true,
            ranges: reach::ranges(rules),
            ports: reach::ports(rules),
            host_ports: reach::host_ports(rules),
            publishes: !publish_ports.is_empty(),
            without: Without::default(),
        }
    }
}

/// Abilities of the kernel that [`build`] finds missing by itself; tests insist.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Without {
    /// A second namespace, joined by a veth pair.
    pub veth: bool,
    /// A packet filter that gives connections to one listener.
    pub filter: bool,
}

/// The resolver configuration to show inside.
#[must_use]
pub fn resolv_conf() -> String {
    format!("nameserver {BROKER_V4}\noptions timeout:5 attempts:2\n")
}

/// The hosts file to show inside. The host's own is not shown: its names are resolved outside.
#[must_use]
pub fn hosts(hostname: &str) -> String {
    format!(
        "127.0.0.1\tlocalhost {hostname}\n::1\tlocalhost ip6-localhost ip6-loopback {hostname}\n"
    )
}

/// The host's `nsswitch.conf` with host names looked up in files and DNS alone: the daemons that
/// other sources ask are out of reach, and would answer with the host's addresses.
#[must_use]
pub fn nsswitch(of_host: &str) -> String {
    let other = |line: &&str| !line.trim_start().starts_with("hosts:");
    let mut text: String = of_host
        .lines()
        .filter(other)
        .flat_map(|line| [line, "\n"])
        .collect();
    text.push_str("hosts:\tfiles dns\n");
    text
}

/// Builds the network of the calling thread's namespace and returns the broker's sockets: none when
/// the network is off.
///
/// # Errors
/// What could not be set up and the kernel's reason.
pub fn build(plan: &NetPlan) -> io::Result<BrokerSockets> {
    let inside = Netlink::open(Subsystem::Route).map_err(|e| step("route netlink", &e))?;
    inside.run(&[Request::link_up("lo up", LOOPBACK)])?;
    if !plan.filtered {
        return Ok(BrokerSockets::default());
    }
    let families = Families::probe();
    sysctl("ipv4/ip_unprivileged_port_start", "0");
    let group = nix::unistd::getegid();
    sysctl("ipv4/ping_group_range", &format!("{group} {group}"));
    if plan.without.veth {
        return on_loopback(plan, &inside, families, "not asked for");
    }
    let home = netns::network_of(inside.as_fd()).map_err(|e| step("own namespace", &e))?;
    if let Err(error) = netns::unshare_network() {
        return on_loopback(plan, &inside, families, &error.to_string());
    }
    let joined = join(&inside, &home, families);
    let sockets = match &joined {
        Ok(families) => sockets::of_broker(plan, *families, Some(VETH)),
        Err(_) => Ok(BrokerSockets::default()),
    };
    netns::enter_network(home.as_fd()).map_err(|e| step("back to the namespace", &e))?;
    match joined {
        Ok(_) => {
            let mut sockets = sockets?;
            sockets::add_inside(plan, &mut sockets)?;
            Ok(sockets)
        }
        Err(error) => on_loopback(plan, &inside, families, &error.to_string()),
    }
}

/// Joins the calling thread's namespace, the broker's, to the sandbox's `home` and configures both.
/// Returns the families that work between them.
fn join(inside: &Netlink, home: &OwnedFd, families: Families) -> io::Result<Families> {
    let outside = Netlink::open(Subsystem::Route).map_err(|e| step("route netlink", &e))?;
    let here = Link {
        index: VETH,
        name: "broker",
        mtu: MTU,
    };
    let there = Link {
        index: VETH,
        name: "eth0",
        mtu: MTU,
    };
    outside.run(&[
        Request::link_up("lo up", LOOPBACK),
        Request::veth("veth pair", &here, &there, home.as_fd()),
    ])?;
    let sides = |ours: IpAddr, theirs: IpAddr, all: IpAddr| {
        let local = Route::neighbour(theirs, VETH, Table::Local);
        let main = Route::neighbour(ours, VETH, Table::Main);
        let outside = [
            Request::address("address of the broker", VETH, ours),
            // In the local table, or the next route makes the sandbox's address our own.
            Request::route("route to the sandbox", &local),
            Request::route("route for every address", &Route::any_ip(all)),
        ];
        let inside = [
            Request::address("address of the sandbox", VETH, theirs),
            Request::route("route to the broker", &main),
            Request::route("default route", &Route::default_via(all, ours, VETH)),
        ];
        (outside, inside)
    };
    let up = || {
        [
            Request::no_link_local("no link-local address", VETH),
            Request::link_up("veth up", VETH),
        ]
    };
    let up_v4 = || [Request::link_up("veth up", VETH)];
    let both = families == Families::Both;
    let links = |netlink: &Netlink| {
        if both {
            netlink.run(&up())
        } else {
            netlink.run(&up_v4())
        }
    };
    links(&outside)?;
    links(inside)?;
    let (out_v4, in_v4) = sides(BROKER_V4.into(), SANDBOX_V4.into(), ALL_V4);
    outside.run(&out_v4)?;
    inside.run(&in_v4)?;
    let (out_v6, in_v6) = sides(BROKER_V6.into(), SANDBOX_V6.into(), ALL_V6);
    let v6 = both && outside.run(&out_v6).is_ok() && inside.run(&in_v6).is_ok();
    Ok(if v6 { Families::Both } else { Families::V4 })
}

/// One namespace for both: every address is local to the sandbox itself.
fn on_loopback(
    plan: &NetPlan,
    inside: &Netlink,
    families: Families,
    why: &str,
) -> io::Result<BrokerSockets> {
    // With addresses besides the loopback, getaddrinfo(AI_ADDRCONFIG) does not drop a family.
    inside.run(&[
        Request::address("address of the sandbox", LOOPBACK, SANDBOX_V4.into()),
        Request::route("route for every address", &Route::any_ip(ALL_V4)),
    ])?;
    let v6 = [
        Request::address("address of the sandbox", LOOPBACK, SANDBOX_V6.into()),
        Request::route("route for every address", &Route::any_ip(ALL_V6)),
    ];
    let v6 = families == Families::Both && inside.run(&v6).is_ok();
    let families = if v6 { Families::Both } else { Families::V4 };
    let mut sockets = sockets::of_broker(plan, families, None)?;
    if sockets.filter.is_empty() {
        sockets.shortfalls.push(format!(
            "no second network namespace ({why}): programs inside cannot listen on the ports {:?}",
            plan.ports
        ));
    }
    sockets::add_inside(plan, &mut sockets)?;
    Ok(sockets)
}

/// Sets a comfort of the namespace. Nothing is safer with it, and a container's read-only /proc
/// refuses it, so a refusal is not an error.
fn sysctl(name: &str, value: &str) {
    drop(fs::write(format!("/proc/sys/net/{name}"), value));
}

fn step(what: &str, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{what}: {error}"))
}
