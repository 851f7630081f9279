//! Shims: typing a tool's name starts it in the sandbox, and uninstalling leaves no trace.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test reports by panicking"
)]

mod support;

#[path = "shim/bypass.rs"]
mod bypass;
#[path = "shim/editors.rs"]
mod editors;
#[path = "shim/inside.rs"]
mod inside;
#[path = "shim/install.rs"]
mod install;
#[path = "shim/loops.rs"]
mod loops;
#[path = "shim/machine.rs"]
mod machine;
#[path = "shim/paths.rs"]
mod paths;
#[path = "shim/run.rs"]
mod run;
#[path = "shim/shells.rs"]
mod shells;
#[path = "shim/startup_files.rs"]
mod startup_files;
#[path = "shim/tools.rs"]
mod tools;
#[path = "shim/verify.rs"]
mod verify;
