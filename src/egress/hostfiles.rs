//! How the host itself resolves names: `resolv.conf` and `hosts`.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV6};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where the files are. They are read anew for each lookup: a laptop changes networks.
#[derive(Debug, Clone)]
pub struct HostFiles {
    /// `resolv.conf`.
    pub resolv_conf: PathBuf,
    /// `hosts`.
    pub hosts: PathBuf,
    /// The port that servers listen on: 53, but for tests.
    pub dns_port: u16,
}

impl Default for HostFiles {
    fn default() -> Self {
        HostFiles {
            resolv_conf: "/etc/resolv.conf".into(),
            hosts: "/etc/hosts".into(),
            dns_port: 53,
        }
    }
}

/// Whom to ask, and how patiently.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Servers {
    pub addresses: Vec<SocketAddr>,
    /// Domains in which a name without a dot is looked for first.
    pub search: Vec<String>,
    pub timeout: Duration,
    pub attempts: u32,
}

const MOST_SERVERS: usize = 3;
const LONGEST_FILE: u64 = 65_536;

impl HostFiles {
    /// Reads `resolv.conf`. Without one, or without servers in it, there is one on this host.
    pub(super) fn servers(&self) -> Servers {
        let small = fs::metadata(&self.resolv_conf).is_ok_and(|m| m.len() <= LONGEST_FILE);
        let text = if small {
            fs::read_to_string(&self.resolv_conf)
        } else {
            Ok(String::new())
        };
        servers(&text.unwrap_or_default(), self.dns_port)
    }

    /// The addresses that the `hosts` file gives to `name`, which is in lower case.
    pub(super) fn listed(&self, name: &str) -> Vec<IpAddr> {
        listed(&self.hosts, name).unwrap_or_default()
    }
}

fn servers(text: &str, port: u16) -> Servers {
    let (mut addresses, mut search) = (Vec::new(), Vec::new());
    let (mut timeout, mut attempts) = (3, 2);
    for line in text.lines() {
        let line = line.split(['#', ';']).next().unwrap_or_default();
        let mut words = line.split_ascii_whitespace();
        match words.next() {
            Some("nameserver") => addresses.extend(words.next().and_then(|w| server(w, port))),
            Some("search" | "domain") => {
                search = words
                    .map(|w| w.trim_end_matches('.').to_ascii_lowercase())
                    .collect();
            }
            Some("options") => {
                for word in words {
                    match word.split_once(':').map(|(k, v)| (k, v.parse::<u64>())) {
                        Some(("timeout", Ok(seconds))) => timeout = seconds.clamp(1, 5),
                        Some(("attempts", Ok(count))) => attempts = count.clamp(1, 3) as u32,
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    addresses.truncate(MOST_SERVERS);
    if addresses.is_empty() {
        addresses.push(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port));
    }
    Servers {
        addresses,
        search,
        timeout: Duration::from_secs(timeout),
        attempts,
    }
}

/// A server's address, which may name a link: `fe80::1%eth0`.
fn server(word: &str, port: u16) -> Option<SocketAddr> {
    let Some((address, link)) = word.split_once('%') else {
        return Some(SocketAddr::new(word.parse().ok()?, port));
    };
    let scope = nix::net::if_::if_nametoindex(link).ok()?;
    Some(SocketAddrV6::new(address.parse().ok()?, port, 0, scope).into())
}

fn listed(path: &Path, name: &str) -> std::io::Result<Vec<IpAddr>> {
    let mut found = Vec::new();
    for line in BufReader::new(File::open(path)?).split(b'\n') {
        let line = line?;
        let Ok(line) = std::str::from_utf8(&line) else {
            continue;
        };
        let mut words = line
            .split('#')
            .next()
            .unwrap_or_default()
            .split_ascii_whitespace();
        let address = words.next().and_then(|word| word.parse().ok());
        if let Some(address) = address
            && words.any(|word| word.trim_end_matches('.').eq_ignore_ascii_case(name))
        {
            found.push(address);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resolv_conf_is_read_as_the_c_library_does() {
        let text = "# made by hand\nnameserver 10.0.0.1\nnameserver ::1 # here\nnameserver x\n\
                    nameserver 10.0.0.3\nnameserver 10.0.0.4\n\
                    search Corp.example. other.example\noptions timeout:99 attempts:1 edns0\n";
        let servers = servers(text, 53);
        let expected = ["10.0.0.1:53", "[::1]:53", "10.0.0.3:53"];
        let expected = expected.map(|a| a.parse().expect("address"));
        assert_eq!(servers.addresses, expected);
        assert_eq!(servers.search, ["corp.example", "other.example"]);
        assert_eq!((servers.timeout.as_secs(), servers.attempts), (5, 1));
    }

    #[test]
    fn without_servers_there_is_one_on_this_host() {
        let missing = HostFiles {
            resolv_conf: "/nonexistent".into(),
            ..HostFiles::default()
        };
        let expected: SocketAddr = "127.0.0.1:53".parse().expect("address");
        assert_eq!(missing.servers().addresses, [expected]);
        assert_eq!(missing.servers().search, Vec::<String>::new());
    }

    #[test]
    fn hosts_gives_all_addresses_of_a_name() {
        let dir = tempfile::tempdir().expect("directory");
        let path = dir.path().join("hosts");
        let text =
            b"127.0.0.1 localhost\n10.1.2.3 Git.corp git # x other\n\xff\n::5 git\nbad git\n";
        fs::write(&path, text).expect("write");
        let files = HostFiles {
            hosts: path,
            ..HostFiles::default()
        };
        let ips = |name: &str| {
            files
                .listed(name)
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
        };
        assert_eq!(ips("git"), ["10.1.2.3", "::5"]);
        assert_eq!(ips("git.corp"), ["10.1.2.3"]);
        assert!(ips("other").is_empty());
    }
}
