//! The servers of a world, which look like ones on the internet.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use crate::world::Zone;

/// A DNS server on the world's loopback. It answers from `zone` and notes what was `asked`.
pub(crate) fn serve_dns(zone: Zone, asked: Arc<Mutex<Vec<String>>>) -> u16 {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("socket");
    let port = socket.local_addr().expect("address").port();
    thread::spawn(move || {
        let mut buffer = [0; 512];
        while let Ok((length, from)) = socket.recv_from(&mut buffer) {
            let (name, end) = question(&buffer[..length]);
            let kind = buffer[end - 3];
            asked.lock().unwrap().push(name.clone());
            let found = zone.lock().unwrap().get(&name).cloned();
            let mut answer = buffer[..end].to_vec();
            answer[2] = 0x81;
            answer[3] = if found.is_some() { 0x80 } else { 0x83 };
            answer[10..12].copy_from_slice(&[0, 0]);
            let mut count = 0;
            for ip in found.unwrap_or_default() {
                let data = match (ip, kind) {
                    (IpAddr::V4(v4), 1) => v4.octets().to_vec(),
                    (IpAddr::V6(v6), 28) => v6.octets().to_vec(),
                    _ => continue,
                };
                count += 1;
                answer.extend([0xc0, 12, 0, kind, 0, 1, 0, 0, 0, 0, 0, data.len() as u8]);
                answer.extend(data);
            }
            answer[7] = count;
            drop(socket.send_to(&answer, from));
        }
    });
    port
}

/// The name in a question and where the question ends.
fn question(message: &[u8]) -> (String, usize) {
    let (mut labels, mut at) = (Vec::new(), 12);
    while message[at] != 0 {
        let end = at + 1 + usize::from(message[at]);
        labels.push(String::from_utf8_lossy(&message[at + 1..end]).to_lowercase());
        at = end;
    }
    (labels.join("."), at + 5)
}

/// A server that says `words` and takes whatever it hears.
pub(crate) fn greet(address: &str, words: &'static str) {
    serve(address, move |mut stream| {
        drop(stream.write_all(words.as_bytes()));
        drop(std::io::copy(&mut stream, &mut std::io::sink()));
    });
}

/// A server that says `words` and then repeats what it hears.
pub(crate) fn echo(address: &str, words: &'static str) {
    serve(address, move |mut stream| {
        drop(stream.write_all(words.as_bytes()));
        let mut buffer = [0; 65536];
        while let Ok(count @ 1..) = stream.read(&mut buffer) {
            if stream.write_all(&buffer[..count]).is_err() {
                return;
            }
        }
    });
}

/// A web server that answers each request with `words` and the request.
pub(crate) fn web(address: &str, words: &'static str) {
    serve(address, move |mut stream| {
        let mut buffer = [0; 65536];
        while let Ok(count @ 1..) = stream.read(&mut buffer) {
            let request = String::from_utf8_lossy(&buffer[..count]);
            let body = format!("{words}\n{}", request.trim_end());
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
            if stream
                .write_all(format!("{head}{body}").as_bytes())
                .is_err()
            {
                return;
            }
        }
    });
}

/// Serves each connection to `address` with `serve`, in a thread.
pub(crate) fn serve(address: &str, serve: impl Fn(TcpStream) + Send + Sync + 'static) {
    let address: SocketAddr = address.parse().expect("address");
    let listener = TcpListener::bind(address).expect("listener");
    let serve = Arc::new(serve);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let serve = Arc::clone(&serve);
            thread::spawn(move || serve(stream));
        }
    });
}

/// Answers whatever comes by UDP, and counts it.
pub(crate) fn answer_udp(
    address: (&str, u16),
    answer: impl Fn(&[u8]) -> Vec<u8> + Send + 'static,
) -> Arc<AtomicUsize> {
    let socket = UdpSocket::bind(address).expect("socket");
    let heard = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&heard);
    thread::spawn(move || {
        let mut buffer = [0; 512];
        while let Ok((length, from)) = socket.recv_from(&mut buffer) {
            count.fetch_add(1, Ordering::SeqCst);
            drop(socket.send_to(&answer(&buffer[..length]), from));
        }
    });
    heard
}
