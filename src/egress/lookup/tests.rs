use super::*;
use crate::egress::dns::Answer;
use std::net::TcpListener;
use std::thread;

/// A server on this machine's loopback that answers `count` questions over UDP with `reply`, after
/// one over TCP where `reply` cuts it short.
fn server(count: usize, reply: fn(&dns::Query) -> Vec<u8>) -> (HostFiles, tempfile::TempDir) {
    let (udp, tcp) = loop {
        let udp = UdpSocket::bind("127.0.0.1:0").expect("socket");
        let address = udp.local_addr().expect("address");
        if let Ok(tcp) = TcpListener::bind(address) {
            break (udp, tcp);
        }
    };
    let port = udp.local_addr().expect("address").port();
    thread::spawn(move || {
        let mut buffer = [0; 512];
        for _ in 0..count {
            let (length, from) = udp.recv_from(&mut buffer).expect("question");
            let query = dns::query(&buffer[..length]).expect("question");
            let answer = reply(&query);
            udp.send_to(&answer, from).expect("answer");
            if answer[2] & 2 != 0 {
                let (mut stream, _) = tcp.accept().expect("connection");
                stream.read_exact(&mut buffer[..2]).expect("length");
                let length = usize::from(u16::from_be_bytes([buffer[0], buffer[1]]));
                stream.read_exact(&mut buffer[..length]).expect("question");
                let query = dns::query(&buffer[..length]).expect("question");
                let answer = dns::answer(&query, &addresses());
                stream
                    .write_all(&(answer.len() as u16).to_be_bytes())
                    .expect("length");
                stream.write_all(&answer).expect("answer");
            }
        }
    });
    let dir = tempfile::tempdir().expect("directory");
    let (resolv_conf, hosts) = (dir.path().join("resolv.conf"), dir.path().join("hosts"));
    let text = "nameserver 127.0.0.1\nsearch corp.example\noptions timeout:1 attempts:1\n";
    std::fs::write(&resolv_conf, text).expect("write");
    std::fs::write(&hosts, "10.9.9.9 listed.example\n").expect("write");
    (
        HostFiles {
            resolv_conf,
            hosts,
            dns_port: port,
        },
        dir,
    )
}

fn addresses() -> Answer {
    Answer::Addresses(
        Some(Ipv4Addr::new(192, 0, 2, 1)),
        Some(Ipv6Addr::from_bits(5)),
    )
}

fn texts(result: Result<Found, Failure>) -> Vec<String> {
    result
        .expect("found")
        .addresses
        .iter()
        .map(ToString::to_string)
        .collect()
}

#[test]
fn both_kinds_of_address_are_found_and_ipv4_comes_first() {
    let (files, _dir) = server(2, |query| dns::answer(query, &addresses()));
    assert_eq!(texts(lookup(&files, "a.example")), ["192.0.2.1", "::5"]);
}

#[test]
fn the_hosts_file_comes_before_any_server() {
    let (files, _dir) = server(0, |_| unreachable!());
    assert_eq!(texts(lookup(&files, "listed.example")), ["10.9.9.9"]);
}

#[test]
fn a_name_without_a_dot_is_looked_for_in_the_search_domains() {
    let (files, _dir) = server(2, |query| match query.name.as_deref() {
        Some("git.corp.example") => dns::answer(query, &addresses()),
        other => panic!("{other:?}"),
    });
    assert_eq!(texts(lookup(&files, "git")), ["192.0.2.1", "::5"]);
}

#[test]
fn a_short_answer_is_asked_for_again_over_tcp() {
    let (files, _dir) = server(2, |query| {
        let mut answer = dns::answer(query, &Answer::Empty);
        answer[2] |= 2;
        answer
    });
    assert_eq!(texts(lookup(&files, "a.example")), ["192.0.2.1", "::5"]);
}

#[test]
fn what_is_not_found_is_told_from_what_is_not_known() {
    let (files, _dir) = server(2, |query| {
        dns::answer(query, &Answer::NoSuchName(String::new()))
    });
    assert_eq!(lookup(&files, "a.example"), Err(Failure::NoSuchName));
    let (files, _dir) = server(2, |query| dns::answer(query, &Answer::Empty));
    assert_eq!(lookup(&files, "a.example"), Err(Failure::NoSuchName));
    let (files, _dir) = server(2, |query| {
        dns::answer(query, &Answer::Failed(String::new()))
    });
    assert!(matches!(
        lookup(&files, "a.example"),
        Err(Failure::Unknown(_))
    ));
}

#[test]
fn an_answer_to_another_question_is_ignored() {
    let (files, _dir) = server(2, |query| {
        let mut answer = dns::answer(query, &addresses());
        answer[0] ^= 0x55;
        answer
    });
    let start = Instant::now();
    assert!(matches!(
        lookup(&files, "a.example"),
        Err(Failure::Unknown(_))
    ));
    assert!(start.elapsed() < Duration::from_secs(5));
}
