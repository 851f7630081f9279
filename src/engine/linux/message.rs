//! What the sandbox's init and the supervisor tell each other: one datagram a message.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use nix::sys::socket::{MsgFlags, recv, send};

use crate::sys::scm;

/// From init to the supervisor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Report {
    /// The sandbox's namespaces, as descriptors in this order: user, mount.
    Namespaces,
    /// Where the filter asks, as a descriptor.
    Listener,
    /// The broker's sockets come with the next message, in its own form.
    Network,
    /// The plan has been applied; the command starts.
    Ready,
    /// A step of the plan failed with this errno; nothing has run.
    StepFailed { step: String, errno: i32 },
    /// execve failed with this errno; nothing has run.
    ExecFailed { errno: i32 },
    /// The program that makes the sandbox ended without starting the command, and said why.
    NotMade,
    /// The command was stopped, as by Ctrl-Z.
    Stopped,
    /// The command ended with this wait status.
    Ended { status: i32 },
}

/// Longest message; a step's path is cut to fit.
const LONGEST: usize = 4096 + 64;

impl Report {
    fn encode(&self) -> Vec<u8> {
        let (tag, number, text) = match self {
            Self::StepFailed { step, errno } => (b'F', *errno, step.as_str()),
            Self::ExecFailed { errno } => (b'X', *errno, ""),
            Self::Namespaces => (b'N', 0, ""),
            Self::Listener => (b'L', 0, ""),
            Self::Network => (b'B', 0, ""),
            Self::Ready => (b'R', 0, ""),
            Self::NotMade => (b'M', 0, ""),
            Self::Stopped => (b'S', 0, ""),
            Self::Ended { status } => (b'E', *status, ""),
        };
        let mut bytes = vec![tag];
        bytes.extend(number.to_le_bytes());
        bytes.extend(text.bytes());
        bytes.truncate(LONGEST);
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (tag, rest) = bytes.split_first()?;
        let (number, text) = rest.split_first_chunk::<4>()?;
        let number = i32::from_le_bytes(*number);
        match tag {
            b'F' => {
                let step = String::from_utf8_lossy(text).into_owned();
                Some(Self::StepFailed {
                    step,
                    errno: number,
                })
            }
            b'X' => Some(Self::ExecFailed { errno: number }),
            b'N' => Some(Self::Namespaces),
            b'L' => Some(Self::Listener),
            b'B' => Some(Self::Network),
            b'R' => Some(Self::Ready),
            b'M' => Some(Self::NotMade),
            b'S' => Some(Self::Stopped),
            b'E' => Some(Self::Ended { status: number }),
            _ => None,
        }
    }

    pub(crate) fn send(&self, to: impl AsFd) -> io::Result<()> {
        self.send_with(to, &[])
    }

    /// Sends descriptors along.
    pub(crate) fn send_with(
        &self,
        to: impl AsFd,
        descriptors: &[BorrowedFd<'_>],
    ) -> io::Result<()> {
        scm::send(to.as_fd(), &self.encode(), descriptors)
    }

    /// The next report with its descriptors; `None` when init is gone.
    pub(crate) fn receive(from: impl AsFd) -> io::Result<Option<(Self, Vec<OwnedFd>)>> {
        let mut buffer = [0; LONGEST];
        let received = match scm::receive(from.as_fd(), &mut buffer) {
            // Init ended with a signal unread. The kernel says so once, before what init said last.
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {
                scm::receive(from.as_fd(), &mut buffer)
            }
            received => received,
        };
        let (length, descriptors) = received?;
        if length == 0 {
            return Ok(None);
        }
        let report = Self::decode(&buffer[..length]).ok_or(io::ErrorKind::InvalidData)?;
        Ok(Some((report, descriptors)))
    }
}

/// The supervisor's only message: pass this signal on to the command.
pub(crate) fn send_signal(to: impl AsFd, signal: i32) -> io::Result<()> {
    send(
        to.as_fd().as_raw_fd(),
        &signal.to_le_bytes(),
        MsgFlags::MSG_NOSIGNAL,
    )?;
    Ok(())
}

/// The next signal to pass on; `None` when the supervisor is gone.
pub(crate) fn receive_signal(from: impl AsFd) -> io::Result<Option<i32>> {
    let mut buffer = [0; 4];
    let length = recv(from.as_fd().as_raw_fd(), &mut buffer, MsgFlags::empty())?;
    Ok((length == buffer.len()).then(|| i32::from_le_bytes(buffer)))
}

#[cfg(test)]
mod tests {
    use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};

    use super::{Report, send_signal};

    #[test]
    fn every_report_survives_the_wire() {
        let reports = [
            Report::StepFailed {
                step: "mask: /a b".into(),
                errno: 13,
            },
            Report::ExecFailed { errno: 2 },
            Report::Namespaces,
            Report::Listener,
            Report::Network,
            Report::Ready,
            Report::NotMade,
            Report::Stopped,
            Report::Ended { status: -1 },
        ];
        for report in reports {
            assert_eq!(Report::decode(&report.encode()), Some(report));
        }
    }

    #[test]
    fn the_last_report_survives_a_signal_that_was_not_read() {
        let (ours, theirs) = socketpair(
            AddressFamily::Unix,
            SockType::SeqPacket,
            None,
            SockFlag::SOCK_CLOEXEC,
        )
        .expect("pair");
        let report = Report::Ended { status: 7 << 8 };
        report.send(&theirs).expect("send");
        send_signal(&ours, 2).expect("send");
        drop(theirs);
        let received = Report::receive(&ours)
            .expect("a report")
            .map(|(report, _)| report);
        assert_eq!(received, Some(report));
        assert!(Report::receive(&ours).expect("the end").is_none());
    }

    #[test]
    fn anything_else_is_refused() {
        for bytes in [&b""[..], b"E", b"E\0\0\0", b"?\0\0\0\0"] {
            assert_eq!(Report::decode(bytes), None, "{bytes:?}");
        }
    }
}
