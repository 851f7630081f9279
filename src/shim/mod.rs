//! PATH shims: catalogue, installation, dispatch.
//!
//! A shim is a symlink in `~/.aigate/shims` to our own copy of this program, never a script. The
//! name it was started by says which tool is meant; `shims/*.yaml` says what that tool needs.
//! Nothing here knows an agent by name.

pub mod atomic;
pub mod block;
pub mod catalog;
pub mod desktop;
pub mod detach;
mod fault;
pub mod guard;
pub mod home_files;
pub mod in_place;
pub mod install;
pub mod instance;
pub mod invocation;
pub mod item;
pub mod key_path;
pub mod manifest;
pub mod owned;
pub mod parts;
pub mod place;
pub mod preset;
pub mod probe;
pub mod resolve;
pub mod session;
pub mod shell;
pub mod startup_file;
pub mod trace;
pub mod verify;
