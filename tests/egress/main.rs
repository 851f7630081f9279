//! The broker and the sandbox's network, against servers in a network namespace of the test's own.
//!
//! Each test runs in a world: a user and network namespace whose loopback carries a few addresses
//! that look public, with servers on them, a DNS server that counts, and the broker. The sandbox is
//! a further namespace built by `engine::linux::netns`. Nothing leaves this machine.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test reports by panicking"
)]

mod attacks;
mod clients;
mod downloads;
mod exec;
mod floods;
mod front;
mod front_requests;
mod names;
mod ports;
mod proxies;
mod servers;
#[path = "../support/mod.rs"]
mod support;
mod world;
