//! What may be executed where only that may be: a list of programs resolved against the file system,
//! and the steps that keep it.
//!
//! Two walls stand behind each other. No mount lets anything be executed, or mapped as code, but at the
//! places of what is listed, of the libraries that it maps, and of the loaders that the kernel starts
//! for it: so neither a program of one's own nor the loader with another program as its argument runs.
//! And Landlock lets the kernel execute the listed files and the loaders alone: so what lies among the
//! libraries, or was handed in from outside as an open file, is not started.

mod libraries;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use self::libraries::libraries;
use super::plan::{Plan, Step};
use super::view::{Access, Content, Kind, View};
use crate::policy::exec::Program;
use crate::policy::{ExecRules, Origin, Policy};

/// Where the C libraries have their loader: the kernel starts it for every program that is linked with
/// it. On other systems a directory has to be listed.
const LOADERS: [&str; 9] = [
    "/lib64/ld-linux-x86-64.so.2",
    "/lib/ld-linux-x86-64.so.2",
    "/lib/ld-linux.so.2",
    "/lib/ld-linux-aarch64.so.1",
    "/lib/ld-linux-armhf.so.3",
    "/lib/ld-linux-riscv64-lp64d.so.1",
    "/lib/ld-musl-x86_64.so.1",
    "/lib/ld-musl-aarch64.so.1",
    "/lib/ld-musl-armhf.so.1",
];

/// How many interpreters stand behind each other: as many as the kernel follows.
const INTERPRETERS: usize = 5;

/// Where programs are looked for.
#[derive(Debug)]
pub struct Search {
    /// The directories of PATH that are absolute.
    pub directories: Vec<PathBuf>,
    /// The file of the tool that is started, which may start with all that it needs to.
    pub tool: Option<PathBuf>,
    /// Files of our own: shims and hooks of a tool start them.
    pub own: Vec<PathBuf>,
}

/// What may be executed; every path is canonical.
#[derive(Debug, Clone)]
pub struct Executables {
    /// The line that shuts everything else out.
    pub by: Origin,
    /// Files.
    pub programs: Vec<PathBuf>,
    /// Directories with all that is in them.
    pub directories: Vec<PathBuf>,
    /// Directories that code is mapped from.
    pub libraries: Vec<PathBuf>,
    /// The loaders of this system.
    pub loaders: Vec<PathBuf>,
}

impl Executables {
    /// What the list of the rules means on this host; none where it is not the list that decides.
    #[must_use]
    pub fn resolve(policy: &Policy, search: &Search) -> Option<Self> {
        let by = policy.exec.allowlist()?.clone();
        let writable = Writable::of(policy);
        let mut programs = named(&policy.exec, &search.directories, &writable);
        if let Some(tool) = &search.tool {
            programs.extend(with_interpreters(tool, &search.directories));
        }
        let own = search.own.iter().filter_map(canonical);
        programs.extend(own.filter(|own| !writable.holds(own)));
        let directories = policy.exec.listed().filter_map(|rule| match &rule.program {
            Program::Below(directory) => canonical(directory).filter(|found| found.is_dir()),
            Program::Name(_) | Program::Path(_) => None,
        });
        let packages = search.tool.iter().flat_map(|tool| packages(tool));
        let packages = packages.filter(|package| !writable.holds(package));
        let libraries = libraries(&programs);
        let mut found = Self {
            by,
            directories: directories.chain(packages).collect(),
            libraries: libraries
                .into_iter()
                .filter(|place| !writable.holds(place))
                .collect(),
            loaders: LOADERS.iter().filter_map(canonical).collect(),
            programs,
        };
        let lists = [
            &mut found.programs,
            &mut found.directories,
            &mut found.libraries,
            &mut found.loaders,
        ];
        for list in lists {
            list.sort();
            list.dedup();
        }
        Some(found)
    }

    /// The first file that is not listed, of the program at `path` and what the kernel starts for it.
    #[must_use]
    pub fn lacks(&self, path: &Path, directories: &[PathBuf]) -> Option<PathBuf> {
        let mut needed = with_interpreters(path, directories).into_iter();
        needed.find(|file| !self.lists(file))
    }

    fn lists(&self, file: &PathBuf) -> bool {
        let below = |directory: &PathBuf| file.starts_with(directory);
        self.programs.contains(file)
            || self.loaders.contains(file)
            || self.directories.iter().any(below)
    }
}

/// What sandboxed programs can write, so that what lies there may be theirs.
struct Writable(Vec<PathBuf>);

impl Writable {
    fn of(policy: &Policy) -> Self {
        let granted = policy.writable.iter().map(|grant| &grant.path);
        let places = granted.chain([&policy.project]);
        Self(places.filter_map(canonical).collect())
    }

    fn holds(&self, path: &Path) -> bool {
        self.0.iter().any(|place| path.starts_with(place))
    }
}

fn canonical(path: impl AsRef<Path>) -> Option<PathBuf> {
    fs::canonicalize(path).ok()
}

/// The files that are listed by a name or a path. A name is not looked up where sandboxed programs can
/// write: what has it there may be theirs.
fn named(rules: &ExecRules, directories: &[PathBuf], writable: &Writable) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut places: Vec<_> = directories.iter().filter_map(canonical).collect();
    places.retain(|place| !writable.holds(place));
    places.sort();
    places.dedup();
    for rule in rules.listed() {
        match &rule.program {
            Program::Name(name) => {
                let named = places.iter().map(|place| place.join(name));
                // Most are missing: one call says so, where resolving takes one a level.
                let there = named.filter(|path| path.symlink_metadata().is_ok());
                let files = there.filter_map(canonical);
                found.extend(files.filter(|file| !writable.holds(file) && is_program(file)));
            }
            Program::Path(path) => found.extend(at(path, writable)),
            Program::Below(_) => {}
        }
    }
    found
}

/// The file at a path that was written out. Where sandboxed programs can write, a link may be theirs, and
/// another hard link would be a way to change the file.
fn at(path: &Path, writable: &Writable) -> Option<PathBuf> {
    let parent = canonical(path.parent()?)?;
    let entry = parent.join(path.file_name()?);
    let file = canonical(&entry).filter(|file| is_program(file))?;
    let alone = || fs::metadata(&file).is_ok_and(|facts| facts.nlink() == 1);
    match writable.holds(&entry) || writable.holds(&file) {
        true if file != entry || !alone() => None,
        _ => Some(file),
    }
}

fn is_program(file: &Path) -> bool {
    let executable =
        |facts: fs::Metadata| facts.is_file() && facts.permissions().mode() & 0o111 != 0;
    fs::metadata(file).is_ok_and(executable)
}

/// The file and, if it is a script, what the kernel starts in its place; with `env` also the program
/// that it looks up.
fn with_interpreters(path: &Path, directories: &[PathBuf]) -> Vec<PathBuf> {
    let mut chain = Vec::new();
    let mut next = canonical(path);
    while let Some(file) = next.take()
        && chain.len() < INTERPRETERS
    {
        if let Some((interpreter, argument)) = interpreter(&file) {
            let is_env = interpreter.file_name() == Some(OsStr::new("env"));
            let words = argument.filter(|_| is_env);
            let name = words.as_deref().and_then(looked_up_by_env);
            next = match name {
                Some(name) => {
                    chain.extend(canonical(&interpreter));
                    let found = directories.iter().map(|place| place.join(name));
                    found.filter_map(canonical).find(|file| is_program(file))
                }
                None => canonical(&interpreter),
            };
        }
        chain.push(file);
    }
    chain
}

/// The packages that a tool of npm consists of. The one with its name often only starts the program of
/// another, which has the name of a system behind it: `codex` that of `codex-linux-x64`.
fn packages(tool: &Path) -> Vec<PathBuf> {
    let Some(tool) = canonical(tool) else {
        return Vec::new();
    };
    let mut above = tool.ancestors();
    let Some(modules) = above.find(|place| place.ends_with("node_modules")) else {
        return Vec::new();
    };
    let within = tool.strip_prefix(modules).unwrap_or(Path::new(""));
    let mut names = within.components().map(|part| part.as_os_str());
    let (scope, name) = match names.next() {
        Some(scope) if scope.as_bytes().starts_with(b"@") => (modules.join(scope), names.next()),
        name => (modules.to_owned(), name),
    };
    let Some(name) = name else {
        return Vec::new();
    };
    let behind = [name.as_bytes(), b"-"].concat();
    let entries = fs::read_dir(scope).into_iter().flatten().flatten();
    let own = entries.filter(|entry| {
        let found = entry.file_name();
        found == name || found.as_bytes().starts_with(&behind)
    });
    let places = own.filter_map(|entry| canonical(entry.path()));
    places.filter(|place| place.is_dir()).collect()
}

/// The program among the arguments of `env`: after options and assignments.
fn looked_up_by_env(words: &str) -> Option<&str> {
    let mut words = words.split_whitespace();
    words.find(|word| !word.starts_with('-') && !word.contains('='))
}

/// The interpreter of a script and what stands behind it on its first line.
fn interpreter(file: &Path) -> Option<(PathBuf, Option<String>)> {
    let mut line = Vec::new();
    let mut start = BufReader::new(fs::File::open(file).ok()?.take(256));
    start.read_until(b'\n', &mut line).ok()?;
    let line = line.strip_prefix(b"#!")?.trim_ascii();
    let end = line.iter().position(u8::is_ascii_whitespace);
    let (program, rest) = line.split_at(end.unwrap_or(line.len()));
    let rest = String::from_utf8_lossy(rest.trim_ascii()).into_owned();
    let argument = Some(rest).filter(|rest| !rest.is_empty());
    Some((PathBuf::from(OsStr::from_bytes(program)), argument))
}

/// What a place is made to be, parents before children.
enum Mark {
    Executable(Access),
    NotExecutable,
}

impl Plan {
    /// The same where nothing runs but these.
    #[must_use]
    pub fn only(mut self, view: &View, list: &Executables) -> Self {
        let marks = marks(view, list).into_iter().map(|(at, mark)| match mark {
            Mark::Executable(access) => Step::Execute { at, access },
            Mark::NotExecutable => Step::NoExecute(at),
        });
        let everything = [Step::NoExecute("/".into())].into_iter();
        let mounts: Vec<_> = everything.chain(marks).collect();
        // Nothing may cover a mask.
        let is_last = |step: &Step| matches!(step, Step::Mask { .. } | Step::Enter(_));
        let at = self.steps.iter().position(is_last).unwrap_or_default();
        self.steps.splice(at..at, mounts);
        // As long as there is the right to, and where the host's own `/proc` still stands.
        let private = |step: &Step| *step == Step::PrivateMounts;
        let at = self.steps.iter().position(private).unwrap_or_default();
        self.steps.insert(at, Step::NoNesting);
        let scope = |step: &Step| *step == Step::Scope;
        let at = self.steps.iter().position(scope).unwrap_or_default();
        let listed = [&list.programs, &list.directories, &list.loaders];
        let listed = listed.into_iter().flatten().cloned().collect();
        self.steps.insert(at, Step::OnlyListed(listed));
        self
    }

    /// Whether only listed programs run.
    #[must_use]
    pub fn is_allowlist(&self) -> bool {
        let lists = |step: &Step| matches!(step, Step::OnlyListed(_));
        self.steps.iter().any(lists)
    }
}

/// What stands where. What can be written inside a listed directory is not meant by it.
fn marks(view: &View, list: &Executables) -> BTreeMap<PathBuf, Mark> {
    let above = |path: &Path| {
        let mut layers = view.layers.iter();
        layers
            .rfind(|layer| path.starts_with(&layer.path))
            .map(|layer| layer.content)
    };
    let mut marks = BTreeMap::new();
    // In a copy of its own the sandbox would write what it may execute. A directory of the project that
    // somebody listed is meant as it is.
    let access = |place: &Path| match above(place) {
        None | Some(Content::Host(..)) => Access::Writable,
        Some(Content::Copy | Content::Empty(_) | Content::Directory(_)) => Access::ReadOnly,
    };
    for place in &list.directories {
        marks.insert(place.clone(), Mark::Executable(access(place)));
    }
    for place in &list.libraries {
        let mut outer = place.ancestors().skip(1);
        if outer.any(|outer| list.libraries.iter().any(|library| library == outer)) {
            continue;
        }
        if above(place) != Some(Content::Host(Kind::Directory, Access::Writable)) {
            let mark = marks.entry(place.clone());
            mark.or_insert(Mark::Executable(access(place)));
        }
    }
    let outer: Vec<PathBuf> = marks.keys().cloned().collect();
    let is_inside = |path: &Path| outer.iter().any(|place| path.starts_with(place));
    for layer in &view.layers {
        let changes = match layer.content {
            Content::Host(_, Access::Writable) | Content::Empty(_) | Content::Copy => true,
            // The one is as the host has it, the other part of what is empty.
            Content::Host(_, Access::ReadOnly) | Content::Directory(_) => false,
        };
        if changes && is_inside(&layer.path) {
            let mark = marks.entry(layer.path.clone());
            mark.or_insert(Mark::NotExecutable);
        }
    }
    for file in list.programs.iter().chain(&list.loaders) {
        let mut above = file.ancestors().skip(1);
        let runs_already = above.find_map(|place| match marks.get(place) {
            Some(Mark::Executable(_)) => Some(true),
            Some(Mark::NotExecutable) => Some(false),
            None => None,
        });
        if runs_already != Some(true) {
            marks.insert(file.clone(), Mark::Executable(Access::ReadOnly));
        }
    }
    marks
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn write(path: &Path, text: &str) {
        fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        fs::write(path, text).expect("a file");
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("a mode");
    }

    #[test]
    fn a_script_needs_what_stands_on_its_first_line() {
        let temp = tempfile::tempdir().expect("a directory");
        let root = temp.path().canonicalize().expect("a path");
        let bin = root.join("bin");
        let (env, tool) = (bin.join("env"), bin.join("tool"));
        write(&env, "\x7fELF");
        write(
            &tool,
            &format!("#! {} -x y\n", bin.join("loader").display()),
        );
        write(&bin.join("loader"), "\x7fELF");
        let script = root.join("script");
        let chain = |line: &str| {
            write(&script, line);
            with_interpreters(&script, std::slice::from_ref(&bin))
        };
        let env_line = |rest: &str| format!("#!{} {rest}\n", env.display());
        let whole = [&env, &script, &tool, &bin.join("loader")].map(Clone::clone);
        for rest in ["tool", "-S tool --flag", "-S A=1 tool"] {
            let mut found = chain(&env_line(rest));
            found.sort();
            let mut whole = whole.clone();
            whole.sort();
            assert_eq!(found, whole, "{rest}");
        }
        assert_eq!(chain("no script"), std::slice::from_ref(&script));
        assert_eq!(chain("#!\n"), std::slice::from_ref(&script));
        // It names itself: the kernel ends that, and so do we.
        let circle = chain(&format!("#!{}\n", script.display()));
        assert_eq!(circle.len(), INTERPRETERS);
    }
}
