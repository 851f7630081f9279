//! Asks another program something, and does not wait for ever.

use std::io::Read;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// What the program wrote to standard output and standard error, or nothing if it could not be
/// started or had to be killed.
#[must_use]
pub fn ask(command: &mut Command, limit: Duration) -> Option<(Vec<u8>, Vec<u8>)> {
    use std::os::unix::process::CommandExt;
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0);
    let mut child = command.spawn().ok()?;
    let read = |stream: Option<Box<dyn Read + Send>>| {
        std::thread::spawn(move || {
            let mut text = Vec::new();
            // A stream that breaks off has said what it had to say.
            _ = stream.map(|mut stream| stream.read_to_end(&mut text));
            text
        })
    };
    let out = read(
        child
            .stdout
            .take()
            .map(|stream| Box::new(stream) as Box<dyn Read + Send>),
    );
    let err = read(
        child
            .stderr
            .take()
            .map(|stream| Box::new(stream) as Box<dyn Read + Send>),
    );
    let end = Instant::now() + limit;
    let in_time = loop {
        match child.try_wait() {
            Ok(Some(_)) => break true,
            Ok(None) if Instant::now() < end => std::thread::sleep(Duration::from_millis(2)),
            _ => break false,
        }
    };
    // Whatever it left in the background would keep the streams open.
    let group = nix::unistd::Pid::from_raw(child.id().try_into().ok()?);
    _ = nix::sys::signal::killpg(group, nix::sys::signal::Signal::SIGKILL);
    _ = child.wait();
    let answer = (out.join().ok()?, err.join().ok()?);
    in_time.then_some(answer)
}
