//! Where a rule comes from.

use std::fmt;
use std::path::PathBuf;

/// The place a rule was written in, weakest first: a later layer may re-allow what an earlier one
/// denies, except where the earlier one is pinned (see [`Layer::is_pinned`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Layer {
    /// Built in and not removable.
    Core,
    /// Built in, replaced key by key by the user's file.
    Default,
    /// `/etc/aigate/config.yaml`.
    Managed,
    /// `~/.aigate/config.yaml`.
    User,
    /// The profile shipped for a tool.
    Profile,
    /// `.aigate.yaml` of the project or of a directory on the way to it.
    Project,
    /// The user's own file for one project.
    UserProject,
    /// A flag of this run.
    CommandLine,
}

impl Layer {
    /// No later layer cancels what a pinned layer denies.
    #[must_use]
    pub fn is_pinned(self) -> bool {
        matches!(self, Layer::Core | Layer::Managed)
    }

    /// The word shown to people and kept in JSON.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Layer::Core => "core",
            Layer::Default => "default",
            Layer::Managed => "managed",
            Layer::User => "user",
            Layer::Profile => "profile",
            Layer::Project => "project",
            Layer::UserProject => "user-project",
            Layer::CommandLine => "command line",
        }
    }
}

/// The line that states a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// Which layer.
    pub layer: Layer,
    /// Which file; none for what is built in or typed.
    pub file: Option<PathBuf>,
    /// The line in that file, from 1; 0 when there is no file.
    pub line: u32,
    /// The rule as it was written.
    pub text: String,
}

impl Origin {
    /// The origin of something that no file states.
    #[must_use]
    pub fn without_file(layer: Layer, text: impl Into<String>) -> Self {
        Origin {
            layer,
            file: None,
            line: 0,
            text: text.into(),
        }
    }

    /// `FILE:LINE`, or what stands for it when there is no file.
    #[must_use]
    pub fn place(&self) -> String {
        match &self.file {
            Some(file) if self.line == 0 => file.display().to_string(),
            Some(file) => format!("{}:{}", file.display(), self.line),
            None => match self.layer {
                Layer::Core => "built in, always holds".to_owned(),
                Layer::Default => "built-in default".to_owned(),
                layer => layer.word().to_owned(),
            },
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` ({})", self.text, self.place())
    }
}
