//! What was refused and a rule would open: by the network lately, as the log has it, and in the run that
//! has just ended.

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

/// The `action` of names that may not be made.
pub(super) const WRITE: &str = "write";

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

/// What is refused in one run and a rule would open, to be told at its end. Those who refuse are
/// processes of their own, so it is a file without a name that all have open.
#[derive(Debug)]
pub(super) struct Notes(Option<File>);

impl Notes {
    pub(super) fn new() -> Self {
        // Without it the end of the run says less; `aigate status` still knows.
        let file = memfd_create(c"aigate-refused", MFdFlags::MFD_CLOEXEC);
        Notes(file.ok().map(File::from))
    }

    /// What the network refused.
    pub(super) fn add(&self, event: &egress::Event) {
        if let Some(rule) = event.remedy() {
            self.write(Kind::Network, &event.endpoint(), &rule);
        }
    }

    /// A path at which nothing may be made, as a person in `project` would write it.
    pub(super) fn add_path(&self, path: &Path, project: &Path) {
        let short = path.strip_prefix(project).unwrap_or(path).to_string_lossy();
        if !short.contains(char::is_control) {
            self.write(Kind::Write, &short, &short);
        }
    }

    fn write(&self, kind: Kind, what: &str, rule: &str) {
        let Some(mut file) = self.0.as_ref() else {
            return;
        };
        if file.metadata().is_ok_and(|file| file.len() < KEPT as u64) {
            let word = kind.word();
            drop(file.write_all(format!("{word}\t{what}\t{rule}\n").as_bytes()));
        }
    }

    /// What was noted, in order, each once.
    pub(super) fn refused(&self) -> Vec<Refused> {
        let mut text = vec![0; 2 * KEPT];
        let read = self.0.as_ref().map(|file| file.read_at(&mut text, 0));
        text.truncate(read.and_then(Result::ok).unwrap_or_default());
        let mut all: Vec<Refused> = Vec::new();
        for line in String::from_utf8_lossy(&text).lines() {
            let mut parts = line.splitn(3, '\t');
            let (Some(kind), Some(what), Some(rule)) = (parts.next(), parts.next(), parts.next())
            else {
                continue;
            };
            let kind = match kind == NETWORK {
                true => Kind::Network,
                false => Kind::Write,
            };
            if !all
                .iter()
                .any(|known| (known.kind, &*known.rule) == (kind, rule))
            {
                let (what, rule) = (what.to_owned(), rule.to_owned());
                all.push(Refused { kind, what, rule });
            }
        }
        all
    }
}

/// Who refused something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The network.
    Network,
    /// The rules on what is written, where nothing is yet.
    Write,
}

impl Kind {
    /// The word of `aigate allow` and of the log.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Kind::Network => NETWORK,
            Kind::Write => WRITE,
        }
    }
}

/// One thing that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Who did it.
    pub kind: Kind,
    /// The host, with the port if there was one; or the path.
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
        assert!(found.iter().all(|one| one.kind == Kind::Network));
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
