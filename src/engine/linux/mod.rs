//! The native engine: namespaces, an edited copy of the mount tree, Landlock and seccomp, without
//! any privilege and without any other program.

mod allowlist;
mod bpf;
pub(in crate::engine) mod fence;
pub mod guard;
pub(crate) mod init;
pub(in crate::engine) mod keeper;
pub(in crate::engine) mod makers;
pub(crate) mod message;
mod mounts;
pub mod netns;
pub(in crate::engine) mod orphans;
pub(in crate::engine) mod scope;
pub mod seccomp;

pub(crate) use mounts::{KERNEL_MEMORY, KERNEL_WIDE, NODES};
