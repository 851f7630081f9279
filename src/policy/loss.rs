//! Promises that an engine does not keep, and that the user may give up by name.

/// A promise of the threat model that an engine without namespaces cannot keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Loss {
    /// Hidden files have names.
    Names,
    /// A hidden file may appear after the start.
    Later,
    /// Files that the host executes later, and hidden ones, stand in writable directories.
    Protected,
    /// Modes, owners, times.
    Metadata,
    /// Processes of the host.
    Processes,
    /// Directories that everybody may write.
    Shared,
}

impl Loss {
    /// Every loss, the word of the configuration for it, and what does not hold.
    pub const ALL: [(Loss, &'static str, &'static str); 6] = [
        (
            Loss::Names,
            "names",
            "names, sizes and times of what is hidden are seen, in hidden directories too, not its content",
        ),
        (
            Loss::Later,
            "later",
            "a hidden file is seen that appears after the start (with `landlock`, where nothing was \
             hidden), and a rule that changes counts from the next start",
        ),
        (
            Loss::Protected,
            "protected",
            "in the project and other writable directories nothing is protected: git hooks, settings \
             of editors and agents can be changed, hidden files overwritten, moved or removed",
        ),
        (
            Loss::Metadata,
            "metadata",
            "modes, owners, times and attributes of your files everywhere can be changed, not their \
             content",
        ),
        (
            Loss::Processes,
            "processes",
            "names and command lines of all processes are seen, the end of yours can be waited for and \
             their priority changed; root reads the kernel's statistics in /proc",
        ),
        (
            Loss::Shared,
            "shared",
            "directories that everybody may write, such as /tmp, and other projects in which the account \
             has worked are read and written; what is hidden outside your own directories is as \
             readable as its mode says; what the command leaves running may go on",
        ),
    ];

    /// The word of the configuration.
    #[must_use]
    pub fn word(self) -> &'static str {
        Self::ALL[self as usize].1
    }

    /// What does not hold.
    #[must_use]
    pub fn promise(self) -> &'static str {
        Self::ALL[self as usize].2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_loss_is_at_its_place() {
        for (loss, word, promise) in Loss::ALL {
            assert_eq!((loss.word(), loss.promise()), (word, promise));
        }
    }
}
