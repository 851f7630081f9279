//! Becomes the real program, without a sandbox around it: for a process that is in one already.

use std::convert::Infallible;
use std::ffi::{CString, OsStr, OsString};
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use crate::sys::process::{self, Image};
use crate::sys::sigpipe;

/// Executes `program` in this process, with this environment but for the variables in `changed`.
/// The caller's signal dispositions and blocked signals are the program's.
pub fn exec(
    program: &Path,
    argv0: &OsStr,
    args: &[OsString],
    changed: &[(&str, &OsStr)],
) -> io::Result<Infallible> {
    let argv = [argv0]
        .into_iter()
        .chain(args.iter().map(OsString::as_os_str));
    let argv = argv.map(c_string).collect::<io::Result<_>>()?;
    let is_changed = |name: &OsStr| changed.iter().any(|(changed, _)| name == *changed);
    let kept = std::env::vars_os().filter(|(name, _)| !is_changed(name));
    let new = changed
        .iter()
        .map(|(name, value)| (name.into(), value.into()));
    let envp = kept.chain(new).map(variable).collect::<io::Result<_>>()?;
    let image = Image::new(c_string(program.as_os_str())?, argv, envp);
    sigpipe::restore();
    process::execve(&image)
}

fn variable((mut name, value): (OsString, OsString)) -> io::Result<CString> {
    name.push("=");
    name.push(value);
    Ok(CString::new(name.into_vec())?)
}

fn c_string(text: &OsStr) -> io::Result<CString> {
    Ok(CString::new(text.as_bytes())?)
}
