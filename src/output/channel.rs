//! One output on its way to the caller.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::poll::PollTimeout;
use nix::unistd::{read, write};

use super::Tell;
use crate::redact::{Rules, Stream};

const CHUNK: usize = 64 << 10;
/// How long a program must be silent before it counts as waiting for somebody.
const SILENT: u16 = 20;
/// How often replacements are told while they go on.
const TOLD_EVERY: Duration = Duration::from_secs(1);

/// One output: where it comes from, what is replaced in it, where it goes to.
pub(super) struct Channel<'r> {
    from: OwnedFd,
    to: OwnedFd,
    name: &'static str,
    rules: &'r Rules,
    stream: Stream<'r>,
    buffer: Vec<u8>,
    out: Vec<u8>,
    told: Vec<u64>,
    last_told: Instant,
}

impl<'r> Channel<'r> {
    pub(super) fn new(from: OwnedFd, to: OwnedFd, name: &'static str, rules: &'r Rules) -> Self {
        Channel {
            from,
            to,
            name,
            rules,
            stream: Stream::new(rules),
            buffer: vec![0; CHUNK],
            out: Vec::new(),
            told: vec![0; rules.origins().len()],
            last_told: Instant::now(),
        }
    }

    pub(super) fn source(&self) -> BorrowedFd<'_> {
        self.from.as_fd()
    }

    /// Passes on what there is; whether more may come.
    pub(super) fn pass(&mut self) -> io::Result<bool> {
        let length = match read(&self.from, &mut self.buffer) {
            Ok(length) => length,
            Err(nix::Error::EINTR | nix::Error::EAGAIN) => return Ok(true),
            // The other end of a pseudo-terminal was closed.
            Err(nix::Error::EIO) => 0,
            Err(error) => return Err(error.into()),
        };
        if length == 0 {
            self.stream.finish(&mut self.out);
        } else {
            self.stream.push(&self.buffer[..length], &mut self.out);
        }
        self.flush()?;
        Ok(length > 0)
    }

    /// The program is silent: shows what is held as far as it is harmless.
    pub(super) fn pause(&mut self) -> io::Result<()> {
        self.stream.pause(&mut self.out);
        self.flush()
    }

    fn flush(&mut self) -> io::Result<()> {
        let mut rest = self.out.as_slice();
        while !rest.is_empty() {
            match write(&self.to, rest) {
                Ok(length) => rest = &rest[length..],
                Err(nix::Error::EINTR) => {}
                Err(nix::Error::EAGAIN) => wait_for_room(self.to.as_fd())?,
                Err(error) => return Err(error.into()),
            }
        }
        self.out.clear();
        Ok(())
    }

    /// Tells what was replaced since the last time; not too often while the output goes on.
    pub(super) fn tell(&mut self, tell: &Tell<'_>, is_over: bool) {
        if !is_over && self.last_told.elapsed() < TOLD_EVERY {
            return;
        }
        let hits = self.rules.origins().iter().zip(self.stream.hits());
        for ((origin, count), told) in hits.zip(&mut self.told) {
            if *count > *told {
                tell(origin, self.name, count - *told);
                self.last_told = Instant::now();
                *told = *count;
            }
        }
    }

    fn is_telling(&self) -> bool {
        self.told != self.stream.hits()
    }
}

/// How long to sleep at most while nothing comes.
pub(super) fn patience(channels: &[Channel<'_>]) -> PollTimeout {
    if channels.iter().any(|channel| channel.stream.is_holding()) {
        SILENT.into()
    } else if channels.iter().any(Channel::is_telling) {
        1000_u16.into()
    } else {
        PollTimeout::NONE
    }
}

/// Some other program made the caller's stream non-blocking, which is a state shared by all.
fn wait_for_room(to: BorrowedFd<'_>) -> io::Result<()> {
    use nix::poll::{PollFd, PollFlags, poll};
    poll(
        &mut [PollFd::new(to, PollFlags::POLLOUT)],
        PollTimeout::NONE,
    )?;
    Ok(())
}
