//! Integrations: what `integrations/*` says about an agent, edits of its settings that can be
//! undone, and the language of its hooks. Knows no agent by name.
//!
//! An edit is one of a closed set ([`edit::Edit`]). What was done is written down first
//! ([`receipt`]), so that it can be listed, repeated and undone byte for byte.

pub mod ask;
pub mod catalog;
pub mod dialect;
pub mod edit;
mod json;
pub mod plan;
pub mod receipt;
pub mod shell;
pub mod template;
mod toml;
