//! The standard streams of our own processes, on every system.

use std::fs;
use std::io;
use std::os::fd::AsFd;

use nix::sys::stat::SFlag;

use super::Error;

/// A directory as a standard stream would be a way around everything: `/proc/self/fd/0/..`.
pub(super) fn refuse_directories() -> Result<(), Error> {
    let streams: [(&dyn AsFd, &'static str); 3] = [
        (&io::stdin(), "standard input"),
        (&io::stdout(), "standard output"),
        (&io::stderr(), "standard error"),
    ];
    for (stream, what) in streams {
        let status = nix::sys::stat::fstat(stream).map_err(|errno| Error::Call {
            what,
            source: errno.into(),
        })?;
        if SFlag::from_bits_truncate(status.st_mode) & SFlag::S_IFMT == SFlag::S_IFDIR {
            return Err(Error::DirectoryStream(what));
        }
    }
    Ok(())
}

/// A reader at the end of a pipe must see it close when the command closes it.
pub(super) fn null_input_and_output() -> io::Result<()> {
    let null = null()?;
    nix::unistd::dup2_stdin(&null)?;
    nix::unistd::dup2_stdout(&null)?;
    Ok(())
}

/// The same for one who has nobody to complain to.
pub(super) fn null_streams() -> io::Result<()> {
    null_input_and_output()?;
    nix::unistd::dup2_stderr(null()?)?;
    Ok(())
}

fn null() -> io::Result<fs::File> {
    fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/null")
}
