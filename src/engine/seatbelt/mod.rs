//! The engine of macOS: the kernel's Seatbelt, by a profile that `sandbox-exec` applies.
//!
//! [`profile`] makes the text, and is pure: it can be read, compared and tried on any system.
//! Seatbelt decides by names when a file is opened, so a rule counts for files that appear later, and
//! protects names that nobody has yet; it hides no names, and keeps processes apart without
//! namespaces.

pub mod expression;
pub mod profile;
mod rules;
pub mod text;

use std::path::Path;

use super::view::Kind;
use crate::policy::{ExecRules, PathRules};
use profile::{Reach, Sandbox};

impl<'a> Sandbox<'a> {
    /// Nothing but rules: nothing can be written, and no network reached.
    #[must_use]
    pub fn new(
        read: &'a PathRules,
        write: &'a PathRules,
        exec: &'a ExecRules,
        home: &'a Path,
    ) -> Self {
        Sandbox {
            read,
            write,
            exec,
            home,
            layers: Vec::new(),
            hidden: Vec::<(_, Kind)>::new(),
            protected: Vec::new(),
            pinned: Vec::new(),
            sockets: Vec::new(),
            terminal: None,
            reach: Reach::Nothing,
        }
    }
}
