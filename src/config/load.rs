//! From a working directory to a policy: find the files, read them, merge them.

use std::env;
use std::path::{Component, Path, PathBuf};

use super::builtin;
use super::discover;
use super::error::Error;
use super::merge;
use super::raw;
use super::source::{self, Source};
use super::trust::{self, Trust};
use crate::policy::{Layer, Policy};

const MANAGED: &str = "/etc/aigate/config.yaml";
/// How many files one file may pull in, all levels together.
const MOST_EXTENDED: usize = 16;

/// What to load a policy for.
#[derive(Debug, Clone)]
pub struct Request {
    /// The working directory.
    pub cwd: PathBuf,
    /// The user's home.
    pub home: PathBuf,
    /// The administrator's file.
    pub managed: PathBuf,
    /// The project that a flag names.
    pub project_override: Option<PathBuf>,
    /// The profile of the tool, or the one that a flag names.
    pub profile: Option<Profile>,
    /// What the flags say.
    pub command_line: raw::Layer,
    /// Files to read as if they had this text, to see what an edit or an approval would do.
    pub as_if: Vec<(PathBuf, String)>,
}

/// A profile to merge in.
#[derive(Debug, Clone, Default)]
pub struct Profile {
    /// The tool's name, or a name under `profiles:`.
    pub name: String,
    /// What is shipped for the tool.
    pub shipped: Option<raw::Layer>,
    /// Which file the shipped part stands in, to name it.
    pub file: Option<PathBuf>,
}

impl Request {
    /// A request for a directory and a home.
    #[must_use]
    pub fn new(cwd: impl Into<PathBuf>, home: impl Into<PathBuf>) -> Request {
        Request {
            cwd: cwd.into(),
            home: home.into(),
            managed: MANAGED.into(),
            project_override: None,
            profile: None,
            command_line: raw::Layer::default(),
            as_if: Vec::new(),
        }
    }

    /// A request for the present working directory and `HOME`.
    ///
    /// # Errors
    /// When the directory is gone, or `HOME` is not set.
    pub fn here() -> Result<Request, Error> {
        let cwd = env::current_dir().map_err(Error::WorkingDirectory)?;
        Ok(Request::new(cwd, home()?))
    }
}

/// The home directory as the environment names it.
///
/// # Errors
/// When `HOME` is not set or not an absolute path.
pub fn home() -> Result<PathBuf, Error> {
    let home = env::var_os("HOME").filter(|home| !home.is_empty());
    let Some(home) = home.map(PathBuf::from) else {
        return Err(Error::Home("HOME is not set".to_owned()));
    };
    if home.is_absolute() {
        Ok(home)
    } else {
        Err(Error::Home(format!(
            "HOME is `{}`, which is not an absolute path",
            home.display()
        )))
    }
}

/// Everything that was read for a request, before the merge.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The project: absolute, without symbolic links.
    pub project: PathBuf,
    /// The home: absolute, without symbolic links.
    pub home: PathBuf,
    /// The layers, weakest first.
    pub sources: Vec<Source>,
}

/// Loads the policy of one run.
///
/// # Errors
/// When a file is unreadable or wrong, or the project is one that must not be opened.
pub fn load(request: &Request) -> Result<Policy, Error> {
    let loaded = read(request)?;
    discover::refuse_too_wide(&loaded.project, &loaded.home)?;
    let policy = loaded.merge()?;
    if let Some(origin) = policy.read.judge(&policy.project, true) {
        return Err(Error::HiddenProject {
            path: policy.project,
            by: origin.to_string(),
        });
    }
    Ok(policy)
}

/// Reads the layers without merging them, for a look at the rules: nothing may be run by what this
/// returns, for the project may be one that must not be opened.
///
/// # Errors
/// When a file is unreadable or wrong.
pub fn read(request: &Request) -> Result<Loaded, Error> {
    let home = canonical_home(&request.home)?;
    let project = find_project(request, &home)?;
    let mut reader = Reader {
        request,
        project: &project,
        home: &home,
        sources: Vec::new(),
    };
    reader.all()?;
    let sources = reader.sources;
    Ok(Loaded {
        project,
        home,
        sources,
    })
}

impl Loaded {
    /// The policy that the layers make.
    ///
    /// # Errors
    /// When a value cannot be understood.
    pub fn merge(&self) -> Result<Policy, Error> {
        merge::merge(&self.sources, &self.project, &self.home)
    }
}

/// The home without symbolic links.
///
/// # Errors
/// When it is not there.
pub fn canonical_home(home: &Path) -> Result<PathBuf, Error> {
    let shown = home.display();
    let unusable = |e| Error::Home(format!("the home directory {shown} cannot be used: {e}"));
    home.canonicalize().map_err(unusable)
}

fn find_project(request: &Request, home: &Path) -> Result<PathBuf, Error> {
    if let Some(named) = &request.project_override {
        let path = request.cwd.join(named);
        let read = |source| Error::Read {
            file: path.clone(),
            source,
        };
        let project = path.canonicalize().map_err(read)?;
        if !project.is_dir() {
            return Err(Error::Project {
                path: project,
                why: "not a directory",
            });
        }
        return Ok(project);
    }
    let cwd = request
        .cwd
        .canonicalize()
        .map_err(Error::WorkingDirectory)?;
    discover::project(&cwd, home)
}

struct Reader<'a> {
    request: &'a Request,
    project: &'a Path,
    home: &'a Path,
    sources: Vec<Source>,
}

impl Reader<'_> {
    fn all(&mut self) -> Result<(), Error> {
        let request = self.request;
        let profile = request.profile.as_ref();
        let core = builtin::source(Layer::Core, builtin::CORE, self.project);
        let default = builtin::source(Layer::Default, builtin::DEFAULT, self.project);
        self.sources.extend([core, default]);
        let managed = self.file(Layer::Managed, &request.managed)?;
        let user = self.file(Layer::User, &self.home.join(".aigate/config.yaml"))?;
        let shipped = profile.and_then(|profile| Some((profile, profile.shipped.clone()?)));
        if let Some((profile, raw)) = shipped.clone() {
            let mut source = self.plain(Layer::Profile, raw);
            source.file.clone_from(&profile.file);
            self.sources.push(source);
        }
        let mut known = shipped.is_some();
        for from in [managed, user].into_iter().flatten() {
            known |= self.profile_section(from)?;
        }
        let cwd = request
            .cwd
            .canonicalize()
            .unwrap_or_else(|_| self.project.to_path_buf());
        let enclosing = discover::enclosing(self.project, self.home)?;
        let top = enclosing.first().map_or(self.project, PathBuf::as_path);
        for file in discover::places(&cwd, self.project, top) {
            self.project_file(&file)?;
        }
        self.hide_around(&enclosing)?;
        let own = trust::project_file(self.home, self.project);
        if let Some(from) = self.file(Layer::UserProject, &own)? {
            known |= self.profile_section(from)?;
        }
        if let Some(profile) = profile.filter(|_| !known) {
            return Err(self.unknown_profile(&profile.name));
        }
        let typed = self.plain(Layer::CommandLine, request.command_line.clone());
        self.sources.push(typed);
        Ok(())
    }

    /// Adds what is hidden in the projects around this one, by the same rules and by those that the
    /// user made for them.
    fn hide_around(&mut self, enclosing: &[PathBuf]) -> Result<(), Error> {
        for around in enclosing {
            let mut sources = Vec::new();
            for source in self.sources.drain(..) {
                if source.layer != Layer::Project && source.base == self.project {
                    sources.push(Source {
                        base: around.clone(),
                        raw: reading_only(&source.raw),
                        ..source.clone()
                    });
                }
                sources.push(source);
            }
            self.sources = sources;
            let own = trust::project_file(self.home, around);
            if let Some(place) = self.file(Layer::UserProject, &own)? {
                let source = &mut self.sources[place];
                source.base.clone_from(around);
                source.raw = reading_only(&source.raw);
            }
        }
        Ok(())
    }

    /// The text of a file; none if there is no such file.
    fn text(&self, file: &Path) -> Result<Option<String>, Error> {
        match self.request.as_if.iter().find(|(path, _)| path == file) {
            Some((_, text)) => Ok(Some(text.clone())),
            None => source::read(file),
        }
    }

    fn plain(&self, layer: Layer, raw: raw::Layer) -> Source {
        let (base, text) = (self.project.to_path_buf(), String::new());
        Source {
            layer,
            file: None,
            base,
            trusted: true,
            text,
            raw,
        }
    }

    /// Reads a file of the user or the administrator, after the files it extends; its place among
    /// the sources.
    fn file(&mut self, layer: Layer, file: &Path) -> Result<Option<usize>, Error> {
        let Some(text) = self.text(file)? else {
            return Ok(None);
        };
        source::refuse_world_writable(file)?;
        let source = Source::parse(layer, Some(file.to_path_buf()), self.project, text)?;
        self.push(source).map(Some)
    }

    fn push(&mut self, source: Source) -> Result<usize, Error> {
        let mut chain: Vec<PathBuf> = source.file.iter().cloned().collect();
        self.extended(&source, &mut chain)?;
        self.sources.push(source);
        Ok(self.sources.len() - 1)
    }

    fn extended(&mut self, source: &Source, chain: &mut Vec<PathBuf>) -> Result<(), Error> {
        let Some(names) = &source.raw.extends else {
            return Ok(());
        };
        let place = |message: String| source.wrong(names, message);
        for name in &names.value.0 {
            let path = self.resolve(source, name);
            // An approval shows what lies in the repository, so nothing may come from elsewhere.
            if source.layer == Layer::Project && !path.starts_with(&source.base) {
                return Err(place(format!(
                    "`{name}` is outside the directory of this file"
                )));
            }
            if chain.contains(&path) {
                return Err(place(format!("{} extends itself", path.display())));
            }
            if chain.len() >= MOST_EXTENDED {
                return Err(place(format!(
                    "more than {MOST_EXTENDED} files are extended"
                )));
            }
            let Some(text) = self.text(&path)? else {
                return Err(place(format!("{} does not exist", path.display())));
            };
            source::refuse_world_writable(&path)?;
            let mut more =
                Source::parse(source.layer, Some(path.clone()), &source.base, text.clone())?;
            more.trusted = source.trusted && self.is_trusted(source.layer, &path, &text)?;
            chain.push(path);
            self.extended(&more, chain)?;
            self.sources.push(more);
        }
        Ok(())
    }

    fn resolve(&self, source: &Source, name: &str) -> PathBuf {
        match name.strip_prefix("~/") {
            Some(rest) => self.home.join(rest),
            None => {
                let directory = source.file.as_deref().and_then(Path::parent);
                lexical(&directory.unwrap_or(&source.base).join(name))
            }
        }
    }

    fn is_trusted(&self, layer: Layer, file: &Path, text: &str) -> Result<bool, Error> {
        if layer != Layer::Project {
            return Ok(true);
        }
        let approved = self.text(&trust::record(self.home, file))?;
        Ok(trust::compare(approved, text) == Trust::Trusted)
    }

    /// A file of the repository: relative to its own directory, trusted only if approved.
    fn project_file(&mut self, file: &Path) -> Result<(), Error> {
        let Some(text) = self.text(file)? else {
            return Ok(());
        };
        let base = file.parent().unwrap_or(self.project).to_path_buf();
        let trusted = self.is_trusted(Layer::Project, file, &text)?;
        let mut source = Source::parse(Layer::Project, Some(file.to_path_buf()), &base, text)?;
        source.trusted = trusted;
        let place = self.push(source)?;
        self.profile_section(place)?;
        Ok(())
    }

    /// Adds the part under `profiles:` that has the profile's name, after what it extends.
    fn profile_section(&mut self, place: usize) -> Result<bool, Error> {
        let Some(profile) = &self.request.profile else {
            return Ok(false);
        };
        if self.sources[place].raw.profiles.is_none() {
            return Ok(false);
        }
        let from = self.sources[place].clone();
        self.named_section(&from, &profile.name, &mut Vec::new())
    }

    fn named_section(
        &mut self,
        from: &Source,
        name: &str,
        chain: &mut Vec<String>,
    ) -> Result<bool, Error> {
        let Some(section) = from.raw.profiles.as_ref().and_then(|all| all.get(name)) else {
            return Ok(false);
        };
        chain.push(name.to_owned());
        if let Some(names) = &section.extends {
            for base in &names.value.0 {
                if chain.contains(base) {
                    return Err(from.wrong(names, format!("the profile `{base}` extends itself")));
                }
                if !self.named_section(from, base, chain)? {
                    return Err(from.wrong(names, format!("no profile is named `{base}`")));
                }
            }
        }
        self.sources.push(Source {
            raw: section.clone(),
            ..from.clone()
        });
        Ok(true)
    }

    fn unknown_profile(&self, name: &str) -> Error {
        let sections = self
            .sources
            .iter()
            .filter_map(|source| source.raw.profiles.as_ref());
        let mut known: Vec<String> = sections.flat_map(|all| all.keys().cloned()).collect();
        known.sort();
        known.dedup();
        Error::UnknownProfile {
            name: name.to_owned(),
            known,
        }
    }
}

/// The part of a layer that says what is hidden.
fn reading_only(raw: &raw::Layer) -> raw::Layer {
    raw::Layer {
        deny_read: raw.deny_read.clone(),
        allow_read: raw.allow_read.clone(),
        ..raw::Layer::default()
    }
}

/// The path without `.` and `..`, as it is written.
fn lexical(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => _ = plain.pop(),
            Component::CurDir => {}
            other => plain.push(other),
        }
    }
    plain
}
