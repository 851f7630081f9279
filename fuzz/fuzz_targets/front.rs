//! Any client of the front door: what a server is told means the host that was judged, to whoever reads
//! it strictly, and no start of a request means anything else than the whole.
#![no_main]

use aigate::egress::untrusted;
use aigate::policy::net::Host;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&[u8], &[u8])| {
    let (start, end) = input;
    let whole = [start, end].concat();
    if let Some(early) = untrusted::asked(start) {
        assert_eq!(untrusted::asked(&whole), Some(early));
    }
    if let Some((Host::Name(name), port, Some(head))) = untrusted::asked(&whole) {
        assert_eq!(untrusted::client(&[&head], &[], &name, port), head.len());
        let mut other = name.clone();
        other.push('x');
        assert_eq!(untrusted::client(&[&head], &[], &other, port), 0);
    }
});
