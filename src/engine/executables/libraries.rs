//! Where the code lies that listed programs map.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::{canonical, is_program};

/// What the loader looks into where it has no cache of what there is.
const LIBRARIES: [&str; 3] = ["/lib", "/usr/lib", "/usr/local/lib"];

/// Directories with code that these programs map: those of the loader, and `lib` beside the `bin` of
/// each program. In a `lib` that many programs share, only what is named like the program: the modules
/// of `python3.11` lie in `python3` and `python3.11`, and other programs in there are none of its own.
pub(super) fn libraries(programs: &[PathBuf]) -> Vec<PathBuf> {
    let mut found = of_the_loader();
    let mut shared: BTreeMap<PathBuf, Vec<&str>> = BTreeMap::new();
    for program in programs {
        let directory = program.parent();
        let is_bin = |place: &&Path| place.ends_with("bin") || place.ends_with("sbin");
        let Some(prefix) = directory.filter(is_bin).and_then(Path::parent) else {
            continue;
        };
        let is_shared = ["/", "/usr", "/usr/local"].map(Path::new).contains(&prefix);
        for lib in ["lib", "lib64"].map(|lib| prefix.join(lib)) {
            if is_shared {
                shared.entry(lib).or_default().extend(stem(program));
            } else {
                found.push(lib);
            }
        }
    }
    for (lib, stems) in &shared {
        found.extend(named_like(lib, stems));
    }
    found.sort();
    found.dedup();
    found.iter().filter_map(canonical).collect()
}

/// The letters that a program's name begins with.
fn stem(program: &Path) -> Option<&str> {
    let name = program.file_name()?.to_str()?;
    let end = name.find(|c: char| !c.is_ascii_alphabetic());
    let stem = &name[..end.unwrap_or(name.len())];
    Some(stem).filter(|stem| stem.len() > 2)
}

fn named_like(lib: &Path, stems: &[&str]) -> Vec<PathBuf> {
    let entries = fs::read_dir(lib).into_iter().flatten().flatten();
    let alike = entries.filter(|entry| {
        let name = entry.file_name();
        stems
            .iter()
            .any(|stem| name.as_bytes().starts_with(stem.as_bytes()))
    });
    let places = alike.map(|entry| entry.path());
    places
        .filter(|path| path.is_dir() && !holds_programs(path))
        .collect()
}

/// Whether programs that the loader would run lie in this directory itself, as those do that git
/// starts.
fn holds_programs(directory: &Path) -> bool {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let mut others = entries.filter(|entry| !is_library(&entry.file_name()));
    others.any(|entry| is_program(&entry.path()) && is_binary(&entry.path()))
}

fn is_binary(file: &Path) -> bool {
    let mut start = [0; 4];
    let read = fs::File::open(file).and_then(|mut file| file.read_exact(&mut start));
    read.is_ok() && start == *b"\x7fELF"
}

fn is_library(name: &OsStr) -> bool {
    name.as_bytes().windows(3).any(|part| part == b".so")
}

/// The directories of the libraries that the loader knows: those of its cache, which is text between
/// NUL bytes where it names files.
fn of_the_loader() -> Vec<PathBuf> {
    let Ok(cache) = fs::read("/etc/ld.so.cache") else {
        return LIBRARIES.map(PathBuf::from).into();
    };
    let texts = cache.split(|byte| *byte == 0);
    let files = texts.map(|text| Path::new(OsStr::from_bytes(text)));
    let files = files.filter(|file| file.is_absolute() && file.file_name().is_some_and(is_library));
    let mut found: Vec<PathBuf> = files
        .filter_map(|file| file.parent().map(Path::to_owned))
        .filter(|place| place.parent().is_some())
        .collect();
    found.sort();
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use super::super::tests::write;
    use super::*;

    #[test]
    fn a_shared_directory_of_libraries_is_not_mapped_as_a_whole() {
        let temp = tempfile::tempdir().expect("a directory");
        let lib = temp.path().join("lib");
        write(&lib.join("python3/x.so"), "");
        write(&lib.join("python3.11/pdb.py"), "#!/usr/bin/python3\n");
        write(&lib.join("git-core/git-add"), "\x7fELF");
        write(&lib.join("node_modules/x.js"), "");
        let named = |stem| {
            let mut found = named_like(&lib, &[stem]);
            found.sort();
            let names = found.iter().filter_map(|path| path.file_name()?.to_str());
            names.map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(named("python"), ["python3", "python3.11"]);
        assert_eq!(named("node"), ["node_modules"]);
        assert!(named("git").is_empty());
        assert_eq!(stem(Path::new("/usr/bin/python3.11")), Some("python"));
        assert_eq!(stem(Path::new("/usr/bin/rg")), None);
    }
}
