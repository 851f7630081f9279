//! aigate puts AI coding agents into an operating-system sandbox.
//!
//! One package, one binary, two personalities: the command line and the shim (chosen by the
//! name it was started as). Data flows one way:
//!
//! ```text
//! main -> cli, sys; cli -> app -> { config, engine, egress, shim, integration, audit } -> policy
//!                              engine, egress, shim -> sys
//! ```
//!
//! `policy` is pure and `sys` holds the only `unsafe`; neither imports anything of ours.
//! `tests/architecture.rs` keeps these arrows.
#![deny(unsafe_code)]

pub mod app;
pub mod audit;
pub mod cli;
pub mod config;
pub mod dashboard;
pub mod egress;
pub mod engine;
pub mod integration;
pub mod output;
pub mod policy;
pub mod redact;
pub mod shim;
pub mod sys;
pub mod verify;
