//! Where connections come in: listeners inside, and published ports on the host.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use crate::policy::reach::{self, KEPT, NAMES, Range};
use crate::sys::handover::{BrokerSockets, STEERED};
use crate::sys::netlink::Netlink;
use crate::sys::netns::{self, Taken};
use crate::sys::nft;
use crate::sys::socket::{self, Families};

use super::Rules;

/// What a listener is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// To any address, on this port.
    Out,
    /// To the host's own service, from the sandbox's loopback.
    Service,
    /// Into the sandbox, from the host's loopback.
    In,
}

#[derive(Debug)]
pub(super) struct Door {
    pub way: Way,
    pub port: u16,
    pub listener: TcpListener,
}

/// All listeners, and the unbound sockets from inside that new ones are made of.
#[derive(Debug)]
pub(super) struct Doors {
    pub open: Vec<Door>,
    families: Families,
    spare_listeners: Vec<OwnedFd>,
    inside: Vec<OwnedFd>,
    inside_v6: Vec<OwnedFd>,
    watch: Option<OwnedFd>,
    filter: Option<Netlink>,
    /// What the packet filter gives to the one listener; unknown before we told it.
    ranges: Option<Vec<Range>>,
}

/// A port that could not be served, and why.
pub(super) struct Closed {
    pub way: Way,
    pub port: u16,
    pub why: String,
}

impl Doors {
    /// Takes over the sockets; DNS is not among them any more. A broker that was killed may have used
    /// them before: what it had connected is free again, and what it had opened is open.
    pub(super) fn new(sockets: BrokerSockets) -> Self {
        let families = sockets.families();
        let door = |way| {
            move |(port, fd): (u16, OwnedFd)| Door {
                way,
                port,
                listener: TcpListener::from(fd),
            }
        };
        let out = sockets.listeners.into_iter().map(door(Way::Out));
        let service = sockets.loopback.into_iter().map(door(Way::Service));
        let (out_later, spare_listeners) = sort(sockets.spare_listeners);
        let (service_later, inside) = sort(sockets.spare_inside);
        let (service_later_v6, inside_v6) = sort(sockets.spare_inside_v6);
        let out = out.chain(out_later.into_iter().map(door(Way::Out)));
        let service_later = service_later.into_iter().chain(service_later_v6);
        let service = service.chain(service_later.map(door(Way::Service)));
        Doors {
            open: out.chain(service).collect(),
            families,
            spare_listeners,
            inside,
            inside_v6,
            watch: sockets.watch.into_iter().next(),
            filter: sockets.filter.into_iter().next().map(Netlink::from),
            ranges: None,
        }
    }

    /// The socket that sees attempts nobody listens for.
    pub(super) fn watch(&self) -> Option<BorrowedFd<'_>> {
        self.watch.as_ref().map(AsFd::as_fd)
    }

    pub(super) fn families(&self) -> Families {
        self.families
    }

    fn has(&self, way: Way, port: u16) -> bool {
        self.open
            .iter()
            .any(|door| door.way == way && door.port == port)
    }

    /// Opens what `rules` need and is not open yet. A door is never closed: what it lets in is judged
    /// each time.
    pub(super) fn follow(&mut self, rules: &Rules) -> Vec<Closed> {
        let mut closed = Vec::new();
        let mut note = |way, port, result: io::Result<()>| {
            if let Err(error) = result {
                closed.push(Closed {
                    way,
                    port,
                    why: error.to_string(),
                });
            }
        };
        if self.filter.is_some() {
            note(Way::Out, 0, self.steer(reach::ranges(&rules.net)));
        } else {
            for port in reach::ports(&rules.net) {
                if !self.has(Way::Out, port) {
                    note(Way::Out, port, self.open_out(port));
                }
            }
        }
        // Without a namespace of its own, the broker's listener on a port serves the loopback too.
        let alone = self.watch.is_none() && self.filter.is_none();
        for port in reach::host_ports(&rules.net) {
            let served = self.has(Way::Service, port) || alone && self.has(Way::Out, port);
            if !served {
                note(Way::Service, port, self.open_service(port));
            }
        }
        for &port in &rules.publish_ports {
            if !self.has(Way::In, port) {
                note(Way::In, port, self.open_in(port));
            }
        }
        self.watch_the_rest();
        closed
    }

    /// Has the packet filter follow.
    fn steer(&mut self, ranges: Vec<Range>) -> io::Result<()> {
        let known = self.ranges.as_ref() == Some(&ranges);
        if let Some(filter) = self.filter.as_ref().filter(|_| !known) {
            nft::change(filter, &KEPT, &ranges, STEERED)?;
        }
        self.ranges = Some(ranges);
        Ok(())
    }

    /// Whether connections to `ip` on `port` are let in, to be judged here.
    pub(super) fn takes(&self, ip: IpAddr, port: u16) -> bool {
        match self.filter {
            Some(_) => reach::takes(self.ranges.as_deref().unwrap_or_default(), ip, port),
            None => self.has(Way::Out, port),
        }
    }

    fn watch_the_rest(&self) {
        let Some(watch) = &self.watch else { return };
        let ports: Vec<u16> = match self.filter {
            Some(_) => reach::name_ports(self.ranges.as_deref().unwrap_or_default()),
            None => {
                let out = self.open.iter().filter(|door| door.way == Way::Out);
                out.map(|door| door.port).collect()
            }
        };
        let networks: &[(IpAddr, u8)] = if self.filter.is_some() { &NAMES } else { &[] };
        // The old program stays; what it shows too much is passed over.
        drop(netns::watch_all_but(
            watch.as_fd(),
            Taken {
                networks,
                ports: &ports,
            },
        ));
    }

    fn open_out(&mut self, port: u16) -> io::Result<()> {
        let any = self.families.any();
        let listener = listen(&mut self.spare_listeners, any, port)?;
        self.open.push(Door {
            way: Way::Out,
            port,
            listener,
        });
        Ok(())
    }

    fn open_service(&mut self, port: u16) -> io::Result<()> {
        let listener = listen(&mut self.inside, Ipv4Addr::LOCALHOST.into(), port)?;
        self.open.push(Door {
            way: Way::Service,
            port,
            listener,
        });
        if self.families == Families::Both {
            let listener = listen(&mut self.inside_v6, Ipv6Addr::LOCALHOST.into(), port)?;
            self.open.push(Door {
                way: Way::Service,
                port,
                listener,
            });
        }
        Ok(())
    }

    fn open_in(&mut self, port: u16) -> io::Result<()> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        listener.set_nonblocking(true)?;
        self.open.push(Door {
            way: Way::In,
            port,
            listener,
        });
        Ok(())
    }

    /// A socket that connects from inside, to an address of that family.
    pub(super) fn take_inside(&mut self, v6: bool) -> Option<OwnedFd> {
        if v6 {
            self.inside_v6.pop()
        } else {
            self.inside.pop()
        }
    }

    /// Takes back a socket of [`Doors::take_inside`] for the next connection.
    pub(super) fn return_inside(&mut self, socket: OwnedFd, v6: bool) {
        if netns::disconnect(socket.as_fd()).is_ok() {
            if v6 {
                self.inside_v6.push(socket)
            } else {
                self.inside.push(socket)
            }
        }
    }
}

/// Listeners with their ports, and sockets that are free. What was connected is no more.
fn sort(sockets: Vec<OwnedFd>) -> (Vec<(u16, OwnedFd)>, Vec<OwnedFd>) {
    let (mut listeners, mut free) = (Vec::new(), Vec::new());
    for socket in sockets {
        match socket::listens_on(&socket) {
            Ok(Some(port)) => listeners.push((port, socket)),
            Ok(None) if netns::disconnect(socket.as_fd()).is_ok() => free.push(socket),
            // Of no use to anybody.
            Ok(None) | Err(_) => {}
        }
    }
    (listeners, free)
}

fn listen(spare: &mut Vec<OwnedFd>, address: IpAddr, port: u16) -> io::Result<TcpListener> {
    let socket = spare
        .pop()
        .ok_or_else(|| io::Error::other("no more new ports in this run; start it again"))?;
    match socket::listen_on(&socket, address, port) {
        Ok(()) => Ok(socket.into()),
        Err(error) => {
            spare.push(socket);
            Err(error)
        }
    }
}
