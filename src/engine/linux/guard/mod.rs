//! Answers for the kernel: whether a program may start with its arguments, and whether a name may be
//! made that is protected and not there.
//!
//! It is a guard rail. Another thread can change a path or the arguments after they were looked at.
//! What must not start at all is masked, and what is protected and there is read-only: those are walls.

mod mountinfo;
mod names;
mod programs;
mod target;
mod walk;

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::termios::{LocalFlags, tcgetattr};

use self::programs::{Command, Programs};
use self::target::{From, Target};
use crate::engine::linux::makers::Makers;
use crate::engine::live::{Live, Watch};
use crate::engine::supervisor::Ending;
use crate::policy::{Origin, Policy};
use crate::sys::memory::Wait;
use crate::sys::notify::{self, Answer, Asked};
use crate::sys::process;

/// What the guard has to tell.
#[derive(Debug)]
pub enum Seen<'a> {
    /// A program starts.
    Started {
        /// Its file and its arguments.
        command: &'a [OsString],
        /// The process, as the host sees it.
        process: i32,
    },
    /// A rule refused that.
    Refused {
        /// The file and the arguments.
        command: &'a [OsString],
        /// The rule.
        rule: &'a Origin,
        /// Whether that is to be written down: it was not before in this run.
        is_news: bool,
    },
    /// A rule refused to let this be made; each path once in a run.
    Unmade {
        /// Where it would have been.
        path: &'a Path,
        /// The rule.
        rule: &'a Origin,
    },
}

/// Takes what the guard tells; what comes back is said to whoever asked, where his errors go.
pub type Tell<'a> = dyn Fn(&Policy, &Seen<'_>) -> Option<String> + 'a;

/// Whether starts of programs are to be asked about.
#[must_use]
pub fn asks_for_programs(policy: &Policy) -> bool {
    policy.audit_exec || policy.exec.denied().any(|rule| !rule.args.is_empty())
}

/// Different refusals that are told of one run. More would be a way to push older lines out of the log.
const MOST_TOLD: usize = 1000;

/// What a guard works with.
pub(in crate::engine) struct Post<'a> {
    /// Where the kernel asks.
    pub(in crate::engine) listener: BorrowedFd<'a>,
    /// Readable when the sandbox has ended.
    pub(in crate::engine) init: BorrowedFd<'a>,
    /// The sandbox's mount namespace.
    pub(in crate::engine) mounts: BorrowedFd<'a>,
    /// When there was no command yet.
    pub(in crate::engine) began: SystemTime,
    /// Who takes what there is to tell.
    pub(in crate::engine) tell: &'a Tell<'a>,
}

/// Guards a sandbox until it ends, or nobody is left in it who could ask; the caller has one thread.
pub(in crate::engine) fn run(
    mut policy: Policy,
    live: &mut Live<'_>,
    post: &Post<'_>,
) -> io::Result<Ending> {
    process::die_with_parent()?;
    let policy_files = Watch::new(&live.files)?;
    if live.files.have_changed()
        && let Some(changed) = live.reload()
    {
        policy = changed;
    }
    notify::answer_at_once(post.listener);
    let mut guard = Guard::new(policy, post);
    let wait = Wait::default();
    loop {
        let sources = [post.listener, post.init, policy_files.as_fd()];
        let mut ready = sources.map(|fd| PollFd::new(fd, PollFlags::POLLIN));
        match wait.poll(&mut ready, PollTimeout::NONE) {
            Ok(()) | Err(nix::Error::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
        // Nobody is left who could ask, and the kernel would say so again and again.
        let deserted = ready[0].revents() == Some(PollFlags::POLLHUP);
        let [asked, ended, changed] = ready.map(|fd| fd.any() == Some(true));
        if ended || deserted {
            return Ok(Ending::SandboxEnded);
        }
        if changed
            && policy_files.changed()
            && let Some(changed) = live.reload()
        {
            guard.follow(changed);
        }
        if asked && let Some(asked) = notify::receive(post.listener)? {
            let answer = guard.decide(&asked);
            notify::answer(post.listener, &asked, answer)?;
        }
    }
}

struct Guard<'a> {
    policy: Policy,
    programs: Programs,
    makers: Makers,
    post: &'a Post<'a>,
    /// What was refused and told.
    told: HashSet<OsString>,
    /// Who was refused a start last, and which.
    refused: Option<(i32, Vec<OsString>)>,
    /// Whether the command itself has been started. It was looked at before, and until then its memory
    /// is that of init, which nobody reads.
    started: bool,
}

impl<'a> Guard<'a> {
    fn new(policy: Policy, post: &'a Post<'a>) -> Self {
        Self {
            programs: Programs::of(&policy),
            makers: Makers::of(&policy, post.began),
            policy,
            post,
            told: HashSet::new(),
            refused: None,
            started: false,
        }
    }

    fn follow(&mut self, policy: Policy) {
        self.programs = Programs::of(&policy);
        self.makers = Makers::of(&policy, self.post.began);
        self.policy = policy;
    }

    fn decide(&mut self, asked: &Asked) -> Answer {
        let is_start = matches!(asked.number, libc::SYS_execve | libc::SYS_execveat);
        let answer = match is_start {
            true if !std::mem::replace(&mut self.started, true) => return Answer::Continue,
            true => self.start(asked),
            false => self.make(asked),
        };
        match answer {
            Ok(answer) => answer,
            // Arguments without end: nobody can say what they are.
            Err(error) if error.kind() == io::ErrorKind::FileTooLarge => {
                Answer::Refuse(libc::E2BIG)
            }
            // What could not be looked at is not done, even where the kernel could read that memory or
            // would find another thing.
            Err(error) => Answer::Refuse(error.raw_os_error().unwrap_or(libc::EPERM)),
        }
    }

    fn start(&mut self, asked: &Asked) -> io::Result<Answer> {
        let target = Target(asked.thread);
        let command = command(target, asked)?;
        // Otherwise this was the memory of another thread, and nobody waits.
        if !notify::still_waits(self.post.listener, asked) {
            return Ok(Answer::Continue);
        }
        let rule = self.programs.judge(&self.policy.exec, &command, target);
        if rule.is_none() && !self.policy.audit_exec {
            return Ok(Answer::Continue);
        }
        let told = [command.path.clone().into()].into_iter();
        let told: Vec<OsString> = told.chain(command.words.iter().skip(1).cloned()).collect();
        let tell = |seen: &Seen<'_>| (self.post.tell)(&self.policy, seen);
        let Some(rule) = rule else {
            let process = asked.thread;
            let command = &told;
            tell(&Seen::Started { command, process });
            return Ok(Answer::Continue);
        };
        // A shell tries one directory of PATH after the other.
        let again = Some((asked.thread, command.words));
        if self.refused != again {
            self.refused = again;
            let seen = Seen::Refused {
                command: &told,
                rule,
                is_news: is_news(&mut self.told, told.join(OsStr::new("\0"))),
            };
            if let Some(text) = tell(&seen) {
                // Who has closed his errors wants to hear none.
                drop(say(target, &text));
            }
        }
        Ok(Answer::Refuse(libc::EACCES))
    }

    fn make(&mut self, asked: &Asked) -> io::Result<Answer> {
        let target = Target(asked.thread);
        let mounts = self.post.mounts;
        let judged = names::judge(&self.makers, &self.policy, asked, target, mounts)?;
        let Some(forbidden) = judged else {
            return Ok(Answer::Continue);
        };
        if !notify::still_waits(self.post.listener, asked) {
            return Ok(Answer::Continue);
        }
        let (path, rule) = (&forbidden.path, forbidden.rule);
        if is_news(&mut self.told, path.clone().into()) {
            (self.post.tell)(&self.policy, &Seen::Unmade { path, rule });
        }
        Ok(Answer::Refuse(libc::EACCES))
    }
}

fn is_news(told: &mut HashSet<OsString>, what: OsString) -> bool {
    told.len() < MOST_TOLD && told.insert(what)
}

/// The program that a call is to start.
fn command(target: Target, asked: &Asked) -> io::Result<Command> {
    let [first, second, third, _, fifth, _] = asked.arguments;
    let (directory, path, words, flags) = match asked.number {
        libc::SYS_execveat => (first as i32, second, third, fifth as i32),
        _ => (libc::AT_FDCWD, first, second, 0),
    };
    let typed = target.text(path)?;
    let (path, file) = if typed.is_empty() && flags & libc::AT_EMPTY_PATH != 0 {
        let file = target.opened(directory)?;
        (file.path().unwrap_or_else(|_| PathBuf::from("?")), file)
    } else {
        let (from, typed) = (From::Directory(directory), Path::new(&typed));
        (target.absolute(&from, typed)?, target.find(&from, typed)?)
    };
    let words = target.words(words)?;
    Ok(Command { path, words, file })
}

/// Says something where the errors of a thread go, if that can be done at once and disturbs nobody who
/// draws on a terminal.
fn say(target: Target, text: &str) -> io::Result<()> {
    let errors = notify::descriptor(target.0, libc::STDERR_FILENO)?;
    let draws = tcgetattr(&errors).is_ok_and(|now| !now.local_flags.contains(LocalFlags::ICANON));
    let mut ready = [PollFd::new(errors.as_fd(), PollFlags::POLLOUT)];
    if !draws && poll(&mut ready, PollTimeout::ZERO)? == 1 {
        // Less than a pipe takes at once.
        let text = &text.as_bytes()[..text.len().min(libc::PIPE_BUF)];
        std::fs::File::from(errors).write_all(text)?;
    }
    Ok(())
}
