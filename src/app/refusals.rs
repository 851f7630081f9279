//! What the network refused: lately, as the log has it, and in the run that has just ended.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;

use nix::sys::memfd::{MFdFlags, memfd_create};

use super::audit::path;
use crate::audit::{Files, Lines, Record};
use crate::egress;
use crate::shim::preset;

/// The `action` of what the network refused.
pub(super) const NETWORK: &str = "net";

/// How many are shown at most.
const MOST: usize = 10;
/// How far back they are looked for, in lines.
const LINES: usize = 2000;

/// The latest refusals of the network in this project, oldest first, each subject and reason once.
///
/// # Errors
/// When there is a log and it cannot be read.
pub(super) fn latest(home: &Path, project: &Path) -> io::Result<Vec<Record>> {
    let project = project.to_string_lossy();
    let files = Files::of(&path(home)).last(LINES)?;
    let lines = files.into_iter().flat_map(Lines::of);
    let wanted: Vec<Record> = lines
        .filter(|record| {
            record.kind() == "blocked"
                && record.word("action") == NETWORK
                && record.word("project") == project
        })
        .collect();
    let mut found: Vec<Record> = Vec::new();
    for record in wanted.into_iter().rev() {
        let of = |record: &Record| [record.word("what"), record.word("why")].map(str::to_owned);
        if found.len() < MOST && !found.iter().any(|known| of(known) == of(&record)) {
            found.push(record);
        }
    }
    found.reverse();
    Ok(found)
}

/// How much of one run is kept, in bytes.
const KEPT: usize = 4096;

/// What the network refuses in one run and a rule would open, to be told at its end. The broker is a
/// process of its own, so it is a file without a name that both have open.
#[derive(Debug)]
pub(super) struct Notes(Option<File>);

impl Notes {
    pub(super) fn new() -> Self {
        // Without it the end of the run says less; `aigate status` still knows.
        let file = memfd_create(c"aigate-refused", MFdFlags::MFD_CLOEXEC);
        Notes(file.ok().map(File::from))
    }

    pub(super) fn add(&self, event: &egress::Event) {
        let (Some(mut file), Some(rule)) = (self.0.as_ref(), event.remedy()) else {
            return;
        };
        if file.metadata().is_ok_and(|file| file.len() < KEPT as u64) {
            drop(file.write_all(format!("{} {rule}\n", event.endpoint()).as_bytes()));
        }
    }

    /// What was noted, in order, each once.
    pub(super) fn refused(&self) -> Vec<Refused> {
        let mut text = vec![0; 2 * KEPT];
        let read = self.0.as_ref().map(|file| file.read_at(&mut text, 0));
        text.truncate(read.and_then(Result::ok).unwrap_or_default());
        let mut all: Vec<Refused> = Vec::new();
        for (what, rule) in String::from_utf8_lossy(&text)
            .lines()
            .filter_map(|line| line.split_once(' '))
        {
            if !all.iter().any(|known| known.rule == rule) {
                let (what, rule) = (what.to_owned(), rule.to_owned());
                all.push(Refused { what, rule });
            }
        }
        all
    }
}

/// One thing that the network refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The host, with the port if there was one.
    pub what: String,
    /// The rule that would open it.
    pub rule: String,
}

/// The preset that is about the hosts of this program, if there is one.
pub(super) fn preset_of(program: &OsStr) -> Option<String> {
    let named = Path::new(program).file_name()?.to_str()?;
    let mut names = preset::names().into_iter();
    let is_about = |preset: preset::Preset| preset.programs.iter().any(|one| one == named);
    // A wrong file is told by whoever asks for its preset.
    let found = names.find(|name| preset::preset(name).ok().flatten().is_some_and(is_about))?;
    Some(found.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::egress::{Event, Reason};

    fn event(host: &str, port: Option<u16>, reason: Reason) -> Event {
        Event::new(host.to_owned(), port, None, reason)
    }

    #[test]
    fn what_a_rule_would_open_is_noted_once_and_within_bounds() {
        let notes = Notes::new();
        for _ in 0..3 {
            notes.add(&event("a.example", None, Reason::NotAllowed));
        }
        notes.add(&event("b.example", Some(53), Reason::Udp));
        notes.add(&event("2a00::1", Some(443), Reason::NotAllowed));
        let found = notes.refused();
        let rules: Vec<&str> = found.iter().map(|one| one.rule.as_str()).collect();
        assert_eq!(rules, ["a.example", "[2a00::1]:443"]);
        for index in 0..10_000 {
            notes.add(&event(
                &format!("n{index}.example"),
                None,
                Reason::NotAllowed,
            ));
        }
        assert!(notes.refused().len() < 400);
    }

    #[test]
    fn a_package_manager_has_its_preset() {
        for (program, name) in [("npm", "npm"), ("/usr/bin/pip3", "pip"), ("cargo", "cargo")] {
            assert_eq!(preset_of(program.as_ref()).as_deref(), Some(name));
        }
        assert_eq!(preset_of("sh".as_ref()), None);
    }
}
