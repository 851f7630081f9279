//! The sockets of the broker.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsFd, OwnedFd};

use super::{NetPlan, step, sysctl};
use crate::policy::reach::{self, KEPT, NAMES};
use crate::sys::handover::{BrokerSockets, STEERED};
use crate::sys::netlink::{Netlink, Subsystem};
use crate::sys::netns::{self, Taken};
use crate::sys::nft;
use crate::sys::socket::{self, Families, listen_on};

const DNS: u16 = 53;
/// One message carries 253 descriptors.
const MOST_LISTENERS: usize = 80;
const MOST_LOOPBACK: usize = 24;
const SPARE_LISTENERS: usize = 16;
const SPARE_INSIDE: usize = 8;
const SPARE_INSIDE_PUBLISHING: usize = 48;

/// The sockets of the calling thread's namespace that take connections to anywhere, which arrive
/// over `link` unless that namespace is the sandbox's own.
pub(super) fn of_broker(
    plan: &NetPlan,
    families: Families,
    link: Option<u32>,
) -> io::Result<BrokerSockets> {
    // Nothing here answers a ping for the internet, and refusals of UDP are not rationed.
    sysctl("ipv4/icmp_echo_ignore_all", "1");
    sysctl("ipv4/icmp_ratelimit", "0");
    if families == Families::Both {
        sysctl("ipv6/icmp/echo_ignore_all", "1");
        sysctl("ipv6/icmp/ratelimit", "0");
    }
    let mut sockets = BrokerSockets {
        only_v4: families == Families::V4,
        ..Default::default()
    };
    let datagrams = socket::datagrams(families, DNS).map_err(|e| step("UDP port 53", &e))?;
    sockets.dns.push(datagrams);
    sockets.dns.push(listener(families, families.any(), DNS)?);
    let steered = if plan.without.filter {
        Err(io::Error::other("not asked for"))
    } else {
        steer(plan, families, &mut sockets)
    };
    if let Err(error) = steered {
        sockets.shortfalls.push(format!(
            "only ports that a rule names, and common ones, can be reached: \
             the packet filter cannot give connections on other ports to the broker ({error})"
        ));
        listen_on_ports(plan, families, &mut sockets)?;
    }
    if let Some(link) = link {
        match watch(plan, link, !sockets.filter.is_empty()) {
            Ok(socket) => sockets.watch.push(socket),
            Err(error) => sockets.shortfalls.push(format!(
                "connections that nobody is there for are refused without a record: {error}"
            )),
        }
    }
    Ok(sockets)
}

/// Has the packet filter give connections to one listener.
fn steer(plan: &NetPlan, families: Families, sockets: &mut BrokerSockets) -> io::Result<()> {
    let listener = socket::stream(families)?;
    netns::transparent(listener.as_fd(), families == Families::Both)?;
    let filter = Netlink::open(Subsystem::Filter)?;
    nft::set_up(&filter, &KEPT, &plan.ranges, STEERED)?;
    listen_on(&listener, families.any(), STEERED)?;
    sockets.listeners.push((STEERED, listener));
    sockets.filter.push(filter.into());
    Ok(())
}

/// One listener for each port.
fn listen_on_ports(
    plan: &NetPlan,
    families: Families,
    sockets: &mut BrokerSockets,
) -> io::Result<()> {
    at_most(MOST_LISTENERS, plan.ports.len(), "different ports")?;
    for port in &plan.ports {
        let listener = listener(families, families.any(), *port)?;
        sockets.listeners.push((*port, listener));
    }
    sockets.spare_listeners = spare(families, SPARE_LISTENERS)?;
    Ok(())
}

/// Adds the sockets of the sandbox's own namespace, which is the calling thread's.
pub(super) fn add_inside(plan: &NetPlan, sockets: &mut BrokerSockets) -> io::Result<()> {
    let families = sockets.families();
    at_most(MOST_LOOPBACK, plan.host_ports.len(), "services of the host")?;
    // Without a namespace of its own, the broker's listener on a port serves the loopback too.
    let alone = sockets.watch.is_empty() && sockets.filter.is_empty();
    let served = |port: &u16| !(alone && plan.ports.contains(port));
    for port in plan.host_ports.iter().filter(|port| served(port)) {
        let mut add = |families, address| {
            let listener = listener(families, address, *port)?;
            sockets.loopback.push((*port, listener));
            Ok::<(), io::Error>(())
        };
        add(Families::V4, Ipv4Addr::LOCALHOST.into())?;
        if families == Families::Both {
            add(families, Ipv6Addr::LOCALHOST.into())?;
        }
    }
    let count = if plan.publishes {
        SPARE_INSIDE_PUBLISHING
    } else {
        SPARE_INSIDE
    };
    sockets.spare_inside = spare(Families::V4, count)?;
    if families == Families::Both {
        sockets.spare_inside_v6 = spare(families, count / 2)?;
    }
    Ok(())
}

/// Sees what nobody is there for.
fn watch(plan: &NetPlan, link: u32, steered: bool) -> io::Result<OwnedFd> {
    let socket = netns::packet_socket()?;
    let ports = reach::name_ports(&plan.ranges);
    let taken = if steered {
        Taken {
            networks: &NAMES,
            ports: &ports,
        }
    } else {
        Taken {
            networks: &[],
            ports: &plan.ports,
        }
    };
    netns::watch_all_but(socket.as_fd(), taken)?;
    netns::watch_link(socket.as_fd(), link)?;
    Ok(socket)
}

fn listener(families: Families, address: IpAddr, port: u16) -> io::Result<OwnedFd> {
    let failed = |e| step(&format!("TCP port {port}"), &e);
    let socket = socket::stream(families).map_err(failed)?;
    listen_on(&socket, address, port).map_err(failed)?;
    Ok(socket)
}

fn spare(families: Families, count: usize) -> io::Result<Vec<OwnedFd>> {
    (0..count)
        .map(|_| socket::stream(families).map_err(|e| step("spare sockets", &e)))
        .collect()
}

fn at_most(most: usize, count: usize, what: &str) -> io::Result<()> {
    if count <= most {
        return Ok(());
    }
    let text = format!("the rules name {count} {what}; at most {most} can be served");
    Err(io::Error::new(io::ErrorKind::InvalidInput, text))
}
