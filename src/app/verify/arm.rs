//! The two runs of the attacks, and a process for them to aim at.

use std::ffi::OsStr;
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use super::Error;
use crate::verify::{self, Attack, Plan, Victim};

/// This program, wherever its file is and whatever its name became meanwhile.
pub(super) const SELF: &str = "/proc/self/exe";
/// The hidden option of the program that attacks.
pub(super) const ATTACK: &str = "--attack";
/// A variable that every set of rules takes for a secret by its name.
pub(super) const CANARY: &str = "AIGATE_VERIFY_TOKEN";
/// Long past what the attacks take.
const LIMIT: Duration = Duration::from_secs(20);

/// Both arms in one process group, with the victim as its leader.
pub(super) struct Arms {
    victim: Child,
    /// Closed, it lets the victim end.
    ask: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Arms {
    pub(super) fn start() -> Result<Self, Error> {
        let failed = |error| Error::Stage("a process to aim at", error);
        let mut victim = itself(["--victim"])
            .process_group(0)
            .stderr(Stdio::null())
            .spawn()
            .map_err(failed)?;
        let gone = || failed(io::ErrorKind::BrokenPipe.into());
        let mut arms = Self {
            ask: victim.stdin.take(),
            answers: BufReader::new(victim.stdout.take().ok_or_else(gone)?),
            victim,
        };
        // Its first answer says that it is ready.
        arms.was_signalled()?;
        Ok(arms)
    }

    fn group(&self) -> i32 {
        // The kernel's process numbers have 22 bits.
        self.victim.id() as i32
    }

    pub(super) fn victim(&self) -> Result<Victim, Error> {
        let pid = self.group();
        let start = verify::start_of(pid).map_err(|error| Error::Stage("a process", error))?;
        Ok(Victim { pid, start })
    }

    /// Whether the victim got the signal since the last time.
    fn was_signalled(&mut self) -> Result<bool, Error> {
        let mut answer = String::new();
        let asked = match &mut self.ask {
            Some(ask) => writeln!(ask),
            None => Err(io::ErrorKind::BrokenPipe.into()),
        };
        let answered = asked.and_then(|()| self.answers.read_line(&mut answer));
        answered.map_err(|error| Error::Stage("the process aimed at", error))?;
        match answer.as_str() {
            "yes\n" => Ok(true),
            "no\n" => Ok(false),
            _ => {
                let gone = io::ErrorKind::BrokenPipe.into();
                Err(Error::Stage("the process aimed at", gone))
            }
        }
    }

    /// The control arm.
    pub(super) fn outside(&mut self, attacks: &[Attack]) -> Result<Vec<i32>, Error> {
        self.run(itself([ATTACK]), "outside", attacks)
    }

    /// The arm that counts.
    pub(super) fn inside(
        &mut self,
        attacks: &[Attack],
        profile: Option<&str>,
    ) -> Result<Vec<i32>, Error> {
        let mut run = itself(["--confined"]);
        run.args(profile.map(|name| format!("--profile={name}")));
        self.run(run, "inside", attacks)
    }

    fn run(
        &mut self,
        mut run: Command,
        which: &'static str,
        attacks: &[Attack],
    ) -> Result<Vec<i32>, Error> {
        let failed = |said: String| Error::Arm { which, said };
        let plan = Plan {
            control: which == "outside",
            attacks: attacks.to_vec(),
        };
        let plan = serde_json::to_vec(&plan).map_err(|error| failed(error.to_string()))?;
        let child = run
            .env(CANARY, "of no use")
            .process_group(self.group())
            .spawn();
        let mut child = child.map_err(|error| failed(error.to_string()))?;
        let (done, limit) = mpsc::channel::<()>();
        let group = Pid::from_raw(self.group());
        let watch = thread::spawn(move || {
            if limit.recv_timeout(LIMIT) == Err(mpsc::RecvTimeoutError::Timeout) {
                // Whoever is gone by now needs no end.
                let _ = killpg(group, Signal::SIGKILL);
            }
        });
        if let Some(mut input) = child.stdin.take() {
            // When it does not listen, what it says tells why.
            let _ = input.write_all(&plan);
        }
        let output = child.wait_with_output();
        drop(done);
        let _ = watch.join();
        let output = output.map_err(|error| failed(error.to_string()))?;
        let results: Result<Vec<i32>, _> = serde_json::from_slice(&output.stdout);
        let mut results = match results {
            Ok(results) if results.len() == attacks.len() => results,
            _ => {
                let said = String::from_utf8_lossy(&output.stderr);
                return Err(failed(format!("{} ({})", said.trim_end(), output.status)));
            }
        };
        self.correct(attacks, &mut results)?;
        Ok(results)
    }

    /// A signal to a group always succeeds: the sender is in it. What counts is who got it.
    fn correct(&mut self, attacks: &[Attack], results: &mut [i32]) -> Result<(), Error> {
        for (attack, result) in attacks.iter().zip(results) {
            if *attack == Attack::SignalGroup && !self.was_signalled()? && *result == 0 {
                *result = libc::EPERM;
            }
        }
        Ok(())
    }
}

impl Drop for Arms {
    fn drop(&mut self) {
        drop(self.ask.take());
        // It has nothing left to do.
        let _ = self.victim.wait();
    }
}

fn itself<const N: usize>(options: [&str; N]) -> Command {
    let mut command = Command::new(SELF);
    command
        .arg("verify")
        .args(options.map(OsStr::new))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}
