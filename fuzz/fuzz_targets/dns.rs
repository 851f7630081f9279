//! Any datagram, as a program's question and as a server's reply: the answer is one to that question.
#![no_main]

use aigate::egress::untrusted;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&[u8], &[u8])| {
    let (message, asked) = input;
    if let Some(answer) = untrusted::datagram(message, asked) {
        assert_eq!(answer[..2], message[..2], "another id");
        assert_eq!(answer[2] & 0x80, 0x80, "a question");
        // It is no question to anybody.
        assert_eq!(untrusted::datagram(&answer, asked), None);
    }
});
