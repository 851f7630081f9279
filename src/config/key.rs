//! The lists of rules that every layer may have.

use super::raw::{Layer, List};

/// A top-level list of rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// `deny_read`
    DenyRead,
    /// `allow_read`
    AllowRead,
    /// `deny_write`
    DenyWrite,
    /// `allow_write`
    AllowWrite,
    /// `deny_exec`
    DenyExec,
    /// `allow_exec`
    AllowExec,
    /// `deny_net`
    DenyNet,
    /// `allow_net`
    AllowNet,
}

impl Key {
    /// The key as it is written.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Key::DenyRead => "deny_read",
            Key::AllowRead => "allow_read",
            Key::DenyWrite => "deny_write",
            Key::AllowWrite => "allow_write",
            Key::DenyExec => "deny_exec",
            Key::AllowExec => "allow_exec",
            Key::DenyNet => "deny_net",
            Key::AllowNet => "allow_net",
        }
    }

    /// The list in a layer.
    #[must_use]
    pub fn of(self, layer: &Layer) -> &List {
        match self {
            Key::DenyRead => &layer.deny_read,
            Key::AllowRead => &layer.allow_read,
            Key::DenyWrite => &layer.deny_write,
            Key::AllowWrite => &layer.allow_write,
            Key::DenyExec => &layer.deny_exec,
            Key::AllowExec => &layer.allow_exec,
            Key::DenyNet => &layer.deny_net,
            Key::AllowNet => &layer.allow_net,
        }
    }

    /// Whether the list re-allows or opens.
    #[must_use]
    pub fn allows(self) -> bool {
        match self {
            Key::DenyRead | Key::DenyWrite | Key::DenyExec | Key::DenyNet => false,
            Key::AllowRead | Key::AllowWrite | Key::AllowExec | Key::AllowNet => true,
        }
    }
}
