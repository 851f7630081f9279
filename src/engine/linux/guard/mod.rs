//! Answers for the kernel, before a program starts, whether it may: where a rule is about its
//! arguments, or every start is to be recorded.
//!
//! It is a guard rail. Another thread can change the arguments after they were looked at, and a program
//! that is denied can be written anew. What must not start at all is masked, which is a wall.

mod programs;
mod target;
mod walk;

use std::ffi::OsString;
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::PathBuf;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use self::programs::{Command, Programs};
use self::target::Target;
use crate::engine::live::{Live, Watch};
use crate::engine::supervisor::Ending;
use crate::policy::{Origin, Policy};
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
    },
}

/// Takes what the guard tells; what comes back is said to whoever asked, where his errors go.
pub type Tell<'a> = dyn Fn(&Policy, &Seen<'_>) -> Option<String> + 'a;

/// Whether anything is to be asked.
#[must_use]
pub fn is_needed(policy: &Policy) -> bool {
    policy.audit_exec || policy.exec.denied().any(|rule| !rule.args.is_empty())
}

/// Guards the sandbox of `init` until it ends; the caller has one thread. `user` is the sandbox's user
/// namespace.
pub(in crate::engine) fn run(
    mut policy: Policy,
    live: &mut Live<'_>,
    listener: BorrowedFd<'_>,
    init: BorrowedFd<'_>,
    user: BorrowedFd<'_>,
    tell: &Tell<'_>,
) -> io::Result<Ending> {
    process::die_with_parent()?;
    let policy_files = Watch::new(&live.files)?;
    if live.files.have_changed()
        && let Some(changed) = live.reload()
    {
        policy = changed;
    }
    // It gives the right to look at every process inside, also where Yama lets only parents do so.
    process::enter_namespace(user)?;
    notify::answer_at_once(listener);
    let mut programs = Programs::of(&policy);
    let mut refused = None;
    // The first start is that of the command itself, which was looked at before; its memory is still
    // that of init, which nobody reads.
    let mut is_first = true;
    loop {
        let sources = [listener, init, policy_files.as_fd()];
        let mut ready = sources.map(|fd| PollFd::new(fd, PollFlags::POLLIN));
        match poll(&mut ready, PollTimeout::NONE) {
            Ok(_) | Err(nix::Error::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
        let [asked, ended, changed] = ready.map(|fd| fd.any() == Some(true));
        if ended {
            return Ok(Ending::SandboxEnded);
        }
        if changed
            && policy_files.changed()
            && let Some(changed) = live.reload()
        {
            programs = Programs::of(&changed);
            policy = changed;
        }
        if asked && let Some(asked) = notify::receive(listener)? {
            let answer = if std::mem::take(&mut is_first) {
                Answer::Continue
            } else {
                let told = &mut refused;
                decide(&policy, &mut programs, listener, &asked, told, tell)
            };
            notify::answer(listener, &asked, answer)?;
        }
    }
}

fn decide(
    policy: &Policy,
    programs: &mut Programs,
    listener: BorrowedFd<'_>,
    asked: &Asked,
    refused: &mut Option<(i32, Vec<OsString>)>,
    tell: &Tell<'_>,
) -> Answer {
    let target = Target(asked.thread);
    let command = match command(target, asked) {
        Ok(command) => command,
        // Arguments without end: nobody can say what they are.
        Err(error) if error.kind() == io::ErrorKind::FileTooLarge => {
            return Answer::Refuse(libc::E2BIG);
        }
        // What is not there the kernel refuses by itself.
        Err(error) if is_of_the_path(&error) => return Answer::Continue,
        Err(error) => return Answer::Refuse(error.raw_os_error().unwrap_or(libc::EPERM)),
    };
    // Otherwise this was the memory of another thread, and nobody waits.
    if !notify::still_waits(listener, asked) {
        return Answer::Continue;
    }
    let rule = programs.judge(&policy.exec, &command, target);
    let (path, arguments) = (&command.path, command.words.iter().skip(1));
    let told: Vec<OsString> = [path.clone().into()]
        .into_iter()
        .chain(arguments.cloned())
        .collect();
    let Some(rule) = rule else {
        if policy.audit_exec {
            let process = asked.thread;
            tell(
                policy,
                &Seen::Started {
                    command: &told,
                    process,
                },
            );
        }
        return Answer::Continue;
    };
    // A shell tries one directory of PATH after the other.
    let again = Some((asked.thread, command.words));
    if *refused != again {
        *refused = again;
        let seen = Seen::Refused {
            command: &told,
            rule,
        };
        if let Some(text) = tell(policy, &seen) {
            // Who has closed his errors wants to hear none.
            drop(say(target, &text));
        }
    }
    Answer::Refuse(libc::EACCES)
}

/// Whether the asking process would get the same error, or is gone.
fn is_of_the_path(error: &io::Error) -> bool {
    let ends = [
        libc::EACCES,
        libc::EBADF,
        libc::EFAULT,
        libc::ELOOP,
        libc::ENAMETOOLONG,
        libc::ENOENT,
        libc::ENOTDIR,
        libc::ESRCH,
    ];
    error
        .raw_os_error()
        .is_some_and(|errno| ends.contains(&errno))
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
        let path = target.absolute(directory, &typed)?;
        let file = target.find(&path)?;
        (path, file)
    };
    let words = target.words(words)?;
    Ok(Command { path, words, file })
}

/// Says something where the errors of a thread go, if that can be done at once.
fn say(target: Target, text: &str) -> io::Result<()> {
    let errors = notify::descriptor(target.0, libc::STDERR_FILENO)?;
    let mut ready = [PollFd::new(errors.as_fd(), PollFlags::POLLOUT)];
    if poll(&mut ready, PollTimeout::ZERO)? == 1 {
        // Less than a pipe takes at once.
        let text = &text.as_bytes()[..text.len().min(libc::PIPE_BUF)];
        std::fs::File::from(errors).write_all(text)?;
    }
    Ok(())
}
