//! Any client of the broker: it never sends on more than it heard, and never another host's request.
#![no_main]

use aigate::egress::untrusted;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (Vec<&[u8]>, u16)| {
    let (parts, port) = input;
    let heard: usize = parts.iter().map(|part| part.len()).sum();
    assert!(untrusted::client(&parts, &[], "a.example", port) <= heard);
    // A whole request for another host in front of it is refused, whatever follows.
    let other: &[u8] = b"GET / HTTP/1.1\r\nHost: b.example\r\n\r\n";
    let parts: Vec<_> = [other].into_iter().chain(parts).collect();
    assert_eq!(untrusted::client(&parts, &[], "a.example", port), 0);
});
