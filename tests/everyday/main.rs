//! Everyday acts of a person and an agent, which must work inside as they do outside. What another
//! sandbox broke is here above all.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test reports by panicking"
)]

#[path = "../support/mod.rs"]
mod support;

mod commands;
mod files;
mod git;
mod nested;
mod processes;
mod servers;
mod terminals;
mod toolchains;
