//! Landlock as the fence for what namespaces leave open: signals to the caller's process group, and
//! abstract sockets while the network namespace is the host's.

use std::io;

use landlock::{ABI, Access as _, CompatLevel, Compatible, Ruleset, RulesetAttr, Scope};

/// Confines signals and abstract sockets to this process and what it starts. No file rules: they
/// would forbid every mount below, and with it the sandboxes that browsers and agents bring along.
pub(in crate::engine) fn apply() -> io::Result<()> {
    let refused = |error| io::Error::new(io::ErrorKind::Unsupported, format!("Landlock: {error}"));
    Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .scope(Scope::from_all(ABI::V6))
        .and_then(Ruleset::create)
        .and_then(landlock::RulesetCreated::restrict_self)
        .map(drop)
        .map_err(refused)
}
