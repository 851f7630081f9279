//! The command as it is executed: the file, its arguments, the variables that exist inside.

use std::env;
use std::ffi::{CString, OsStr, OsString};
use std::fs;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use super::exec::{Error, Request};
use super::instead::Instead;
use crate::engine::{self, Image};
use crate::policy::{EnvRules, Policy};

/// What is executed, and with which words and variables.
pub(super) fn image(
    request: &Request,
    program: &Path,
    policy: &Policy,
    instead: &Instead,
) -> Result<Image, Error> {
    let argv0 = request.argv0.as_ref().unwrap_or(&request.program);
    let argv = [argv0].into_iter().chain(&request.args);
    let argv = argv
        .map(|word| c_string(word.clone()))
        .collect::<Result<_, _>>()?;
    let last = instead.variables(&request.env);
    let envp = environment(env::vars_os(), &policy.env, &last, instead.temporary())
        .into_iter()
        .map(|(mut name, value)| {
            name.push("=");
            name.push(value);
            c_string(name)
        })
        .collect::<Result<_, _>>()?;
    Ok(Image::new(
        c_string(program.as_os_str().to_owned())?,
        argv,
        envp,
    ))
}

fn c_string(word: OsString) -> Result<CString, Error> {
    CString::new(word.into_vec())
        .map_err(|error| Error::NulByte(OsString::from_vec(error.into_vec())))
}

/// The variables that exist inside. Directories that are private there are named by their place
/// there, which is `temporary` if that is given.
fn environment(
    outside: impl Iterator<Item = (OsString, OsString)>,
    rules: &EnvRules,
    last: &[(OsString, OsString)],
    temporary: Option<&Path>,
) -> Vec<(OsString, OsString)> {
    let has = |list: &[(OsString, OsString)], name: &OsStr| list.iter().any(|(n, _)| n == name);
    let set = |name: &OsStr| has(&rules.set, name) || has(last, name);
    let uid = nix::unistd::geteuid();
    let own = |elsewhere: String| temporary.map_or(elsewhere.into(), |own| own.as_os_str().into());
    let unset = temporary.map(|own| ("TMPDIR".into(), own.into()));
    let outside: Vec<_> = outside.collect();
    let unset = unset.filter(|(name, _): &(OsString, OsString)| !has(&outside, name) && !set(name));
    outside
        .into_iter()
        .chain(unset)
        .filter(|(name, _)| rules.passes(name).is_ok() && !set(name))
        .map(|(name, value)| match name.as_bytes() {
            b"TMPDIR" => (name, own("/tmp".to_owned())),
            b"XDG_RUNTIME_DIR" => (name, own(format!("/run/user/{uid}"))),
            _ => (name, value),
        })
        .chain(
            rules
                .set
                .iter()
                .filter(|(name, _)| !has(last, name))
                .cloned(),
        )
        .chain(last.iter().cloned())
        .collect()
}

/// The file to execute, looked up as a shell would, but never in a relative PATH entry: what lies
/// in the working directory is the project's, not the user's.
pub(super) fn resolve_program(program: &OsStr, cwd: &Path) -> Result<PathBuf, engine::Error> {
    let named = PathBuf::from(program);
    if program.as_bytes().contains(&b'/') {
        let path = cwd.join(named);
        return check_executable(&path).map(|()| path);
    }
    let path = env::var_os("PATH").unwrap_or_default();
    let mut refused = None;
    for dir in env::split_paths(&path).filter(|dir| dir.is_absolute()) {
        let candidate = dir.join(&named);
        match check_executable(&candidate) {
            Ok(()) => return Ok(candidate),
            Err(error @ engine::Error::NotExecutable { .. }) => {
                refused.get_or_insert(error);
            }
            Err(_) => {}
        }
    }
    Err(refused.unwrap_or(engine::Error::NotFound(named)))
}

fn check_executable(path: &Path) -> Result<(), engine::Error> {
    let refused = |source| engine::Error::NotExecutable {
        path: path.to_owned(),
        source,
    };
    match fs::metadata(path) {
        Ok(status) if status.is_dir() => Err(refused(io::ErrorKind::IsADirectory.into())),
        Ok(_) => nix::unistd::access(path, nix::unistd::AccessFlags::X_OK)
            .map_err(|errno| refused(errno.into())),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Err(refused(error)),
        Err(_) => Err(engine::Error::NotFound(path.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relative_path_entry_is_never_searched() {
        let error = resolve_program(OsStr::new("no-such-program"), Path::new("/"));
        assert!(matches!(error, Err(engine::Error::NotFound(_))));
    }

    #[test]
    fn a_directory_is_not_a_program() {
        let error = resolve_program(OsStr::new("/usr"), Path::new("/"));
        assert!(matches!(error, Err(engine::Error::NotExecutable { .. })));
    }

    #[test]
    fn private_directories_are_named_by_their_place_inside() {
        let outside = [("TMPDIR", "/somewhere"), ("LANG", "C")];
        let outside = outside.map(|(name, value)| (name.into(), value.into()));
        let inside = environment(outside.into_iter(), &EnvRules::default(), &[], None);
        assert_eq!(
            inside,
            [("TMPDIR", "/tmp"), ("LANG", "C")].map(|(n, v)| (n.into(), v.into()))
        );
    }
}
