//! The account as which the `user` engine starts commands: root makes it for one user, and removes
//! with it whatever it owned or was let into.

use std::env;
use std::fmt;
use std::fs::{self, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::unistd::{Group, Uid, User, geteuid};

pub use crate::engine::user::account::Account;

use crate::engine::user::access;
use crate::engine::user::order;
use crate::engine::user::record::{RECORD, Record};

/// Where the programs of the system's accounts are, whatever PATH says.
const SYSTEM: [&str; 4] = ["/usr/sbin", "/sbin", "/usr/bin", "/bin"];

/// Where everybody may write, and the account may have.
const SHARED: [&str; 3] = ["/tmp", "/var/tmp", "/dev/shm"];

/// Why nothing was set up or removed.
#[derive(Debug)]
pub enum Error {
    /// Only root may.
    NotRoot,
    /// There is no user of this name or number.
    Unknown(String),
    /// A name that no account should have.
    Name(String),
    /// An account or group that we did not make.
    Taken(String),
    /// Processes run as the account.
    Busy(String, Vec<u32>),
    /// Sudo is not installed.
    NoSudo,
    /// A program of the system failed; what it said.
    Program(String),
    /// A file could not be written or removed.
    File(PathBuf, io::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotRoot => {
                let own = env::current_exe().unwrap_or_else(|_| "aigate".into());
                let own = own.to_string_lossy();
                let own = shell_words::quote(&own);
                write!(f, "only root makes and removes accounts: sudo {own} setup")
            }
            Self::Unknown(who) => write!(f, "{who}: no such user"),
            Self::Name(name) => write!(
                f,
                "{name}: not a name for an account: small letters, digits, `-` and `_`, at most 32"
            ),
            Self::Taken(name) => write!(
                f,
                "{name}: there already, and not made by aigate for this user; name another one with \
                 --user and --group"
            ),
            Self::Busy(name, pids) => {
                let pids: Vec<_> = pids.iter().map(u32::to_string).collect();
                let pids = pids.join(" ");
                write!(f, "{name}: still runs as process {pids}; end it: sudo kill {pids}")
            }
            Self::NoSudo => f.write_str(
                "sudo is not installed, and nothing else here makes a user's command run as another \
                 one: apt-get install sudo",
            ),
            Self::Program(said) => f.write_str(said),
            Self::File(path, error) => write!(f, "{}: {error}", path.display()),
        }
    }
}

impl std::error::Error for Error {}

fn file(path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |error| Error::File(path, error)
}

/// For whose agents an account is.
#[derive(Debug)]
pub struct Owner(User);

impl Owner {
    /// The user of this name; by default who called sudo, or root.
    ///
    /// # Errors
    /// When there is no such user.
    pub fn named(name: Option<&str>) -> Result<Self, Error> {
        let caller = env::var("SUDO_UID").ok().filter(|_| geteuid().is_root());
        let (known, who) = match (name, caller) {
            (Some(name), _) => (User::from_name(name), name.to_owned()),
            (None, Some(uid)) => match uid.parse() {
                Ok(number) => (User::from_uid(Uid::from_raw(number)), uid),
                Err(_) => return Err(Error::Unknown(uid)),
            },
            (None, None) => (User::from_uid(geteuid()), geteuid().to_string()),
        };
        let known = known.ok().flatten().ok_or(Error::Unknown(who))?;
        Ok(Self(known))
    }

    /// Whether this process is somebody else's.
    #[must_use]
    pub fn is_other(&self) -> bool {
        self.0.uid != geteuid()
    }

    fn uid(&self) -> u32 {
        self.0.uid.as_raw()
    }

    fn rule(&self) -> PathBuf {
        Path::new("/etc/sudoers.d").join(format!("aigate-{}", self.uid()))
    }

    /// Where the rules of this user are: of this process, where it is the user's own.
    fn home(&self) -> PathBuf {
        let own = env::var_os("HOME").filter(|_| !self.is_other());
        own.map_or_else(|| self.0.dir.clone(), PathBuf::from)
    }

    /// What was made, or begun to be, for this user.
    fn kept(&self) -> Option<Account> {
        let text = fs::read_to_string(Account::file(self.uid())).ok()?;
        serde_json::from_str(&text).ok()
    }
}

/// Makes the account, or makes it whole again.
///
/// # Errors
/// When this is not root, a name is taken, or a program of the system refuses.
pub fn set_up(owner: &Owner, user: &str, group: &str) -> Result<Account, Error> {
    root()?;
    [user, group].into_iter().try_for_each(check_name)?;
    if owner.is_other() && !Path::new("/etc/sudoers.d").is_dir() {
        return Err(Error::NoSudo);
    }
    let mut account = Account {
        owner: owner.uid(),
        user: user.to_owned(),
        group: group.to_owned(),
        uid: 0,
        gid: 0,
    };
    let kept = owner.kept();
    let is_ours = kept.is_some_and(|kept| (kept.user, kept.group) == (user.into(), group.into()));
    if !is_ours {
        refuse_taken(owner, user, group)?;
        // Whatever ends this early, the next attempt knows whose they are.
        keep(&account)?;
    }
    if known_group(group).is_none() {
        system("groupadd", &["--system", group])?;
    }
    if known_user(user).is_none() {
        let home = ["--no-create-home", "--home-dir", "/nonexistent"];
        let shell = ["--shell", "/usr/sbin/nologin"];
        let words = [&["--system", "--gid", group][..], &home, &shell, &[user]];
        system("useradd", &words.concat())?;
    }
    let made = known_user(user).ok_or_else(|| Error::Unknown(user.to_owned()))?;
    account.uid = made.uid.as_raw();
    account.gid = made.gid.as_raw();
    copy_program(&account)?;
    if owner.is_other() {
        let_start(owner, &account)?;
    }
    keep(&account)?;
    Ok(account)
}

/// Removes the account with all that it has and all that it was let into; none if there was none.
///
/// # Errors
/// When this is not root, something still runs as the account, or something cannot be removed.
pub fn remove(owner: &Owner) -> Result<Option<Account>, Error> {
    root()?;
    let Some(account) = owner.kept() else {
        return Ok(None);
    };
    let running = account.processes();
    if account.uid != 0 && !running.is_empty() {
        return Err(Error::Busy(account.user, running));
    }
    remove_file(&owner.rule())?;
    let record_file = owner.home().join(RECORD);
    let record = Record::read(&record_file).map_err(file(&record_file))?;
    if account.uid != 0 {
        let shared = SHARED.iter().map(Path::new);
        let places: Vec<_> = shared
            .chain(record.trees.iter().map(PathBuf::as_path))
            .collect();
        let released = access::give_up(&account, owner.0.gid, &places)
            .and_then(|()| access::release(&account, &record));
        released.map_err(file(&record_file))?;
    }
    remove_file(&record_file)?;
    remove_file(&account.program())?;
    if known_user(&account.user).is_some() {
        system("userdel", &[&account.user])?;
    }
    if known_group(&account.group).is_some() {
        system("groupdel", &[&account.group])?;
    }
    let kept = Account::file(owner.uid());
    remove_file(&kept)?;
    for place in [account.program(), kept] {
        // Those of other users may still be there.
        let above = place.ancestors().skip(1).take(2);
        above.for_each(|directory| drop(fs::remove_dir(directory)));
    }
    Ok(Some(account))
}

/// Takes back what the account of this process's own user was let into; whether there was anything.
///
/// # Errors
/// When it cannot be taken back.
pub fn release(home: &Path) -> Result<bool, Error> {
    let record_file = home.join(RECORD);
    let record = Record::read(&record_file).map_err(file(&record_file))?;
    let Ok(account) = Account::of(geteuid().as_raw()) else {
        return Ok(false);
    };
    access::release(&account, &record).map_err(file(&record_file))?;
    let had = !record.trees.is_empty();
    remove_file(&record_file)?;
    Ok(had)
}

/// Takes the order that a start left for this process, which sudo has made another user.
///
/// # Errors
/// When there is none.
pub fn take_order() -> io::Error {
    let Err(error) = order::take();
    error
}

fn root() -> Result<(), Error> {
    if geteuid().is_root() {
        Ok(())
    } else {
        Err(Error::NotRoot)
    }
}

/// The names stand in a rule of sudo, so they are what useradd takes everywhere.
fn check_name(name: &str) -> Result<(), Error> {
    let mut letters = name.bytes();
    let begins = letters
        .next()
        .is_some_and(|first| first.is_ascii_lowercase());
    let fits =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte);
    if begins && letters.all(fits) && name.len() <= 32 {
        Ok(())
    } else {
        Err(Error::Name(name.to_owned()))
    }
}

fn known_user(name: &str) -> Option<User> {
    User::from_name(name).ok().flatten()
}

fn known_group(name: &str) -> Option<Group> {
    Group::from_name(name).ok().flatten()
}

fn refuse_taken(owner: &Owner, user: &str, group: &str) -> Result<(), Error> {
    if let Some(kept) = owner.kept() {
        return Err(Error::Taken(kept.user));
    }
    if known_user(user).is_some() {
        return Err(Error::Taken(user.to_owned()));
    }
    match known_group(group) {
        Some(_) => Err(Error::Taken(group.to_owned())),
        None => Ok(()),
    }
}

/// Runs a program of the system.
fn system(name: &str, words: &[&str]) -> Result<(), Error> {
    let places = SYSTEM.iter().map(|place| Path::new(place).join(name));
    let program = places.into_iter().find(|program| program.exists());
    let program = program.ok_or_else(|| Error::Program(format!("{name}: not installed")))?;
    let output = Command::new(&program)
        .args(words)
        .env_clear()
        .env("PATH", SYSTEM.join(":"))
        .output()
        .map_err(file(&program))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(Error::Program(format!("{name}: {}", said.trim_end())))
}

fn keep(account: &Account) -> Result<(), Error> {
    let place = Account::file(account.owner);
    let text = serde_json::to_string_pretty(account).unwrap_or_default();
    store(&place, 0o644, |file| writeln!(file, "{text}"))
}

/// A copy of root's own: what sudo starts must not be the user's to change.
fn copy_program(account: &Account) -> Result<(), Error> {
    let own = Path::new("/proc/self/exe");
    store(&account.program(), 0o755, |to| {
        let mut from = fs::File::open(own)?;
        io::copy(&mut from, to).map(drop)
    })
}

/// One user starts one program as one account: without a password, since that gives him nothing.
fn let_start(owner: &Owner, account: &Account) -> Result<(), Error> {
    let (program, word) = (account.program(), order::WORD);
    let program = program.display();
    let (user, group) = (&account.user, &account.group);
    let rule = owner.rule();
    let text = format!(
        "# Made by `aigate setup`; `aigate reset` removes it.\n\
         Defaults!{program} !use_pty, !requiretty, !log_input, !log_output\n\
         #{} ALL=({user}:{group}) NOPASSWD: {program} {word}\n",
        owner.uid()
    );
    store(&rule, 0o440, |file| file.write_all(text.as_bytes()))?;
    // A rule that sudo cannot read may shut everybody out.
    let rule_path = rule.to_string_lossy();
    system("visudo", &["-c", "-q", "-f", &rule_path]).inspect_err(|_| drop(fs::remove_file(&rule)))
}

/// Writes a file of root's beside its place, and moves it there.
fn store(
    place: &Path,
    mode: u32,
    write: impl FnOnce(&mut fs::File) -> io::Result<()>,
) -> Result<(), Error> {
    let above = place.parent().unwrap_or(place);
    let stored = || {
        make_directories(above)?;
        // Sudo reads no file with a dot in its name.
        let mut new = tempfile::Builder::new()
            .prefix(".aigate-")
            .tempfile_in(above)?;
        write(new.as_file_mut())?;
        new.as_file()
            .set_permissions(Permissions::from_mode(mode))?;
        new.as_file().sync_all()?;
        new.persist(place).map_err(|error| error.error).map(drop)
    };
    stored().map_err(file(place))
}

/// Directories that everybody may enter, whatever the caller's mask is.
fn make_directories(path: &Path) -> io::Result<()> {
    let missing: Vec<_> = path.ancestors().take_while(|at| !at.exists()).collect();
    for directory in missing.into_iter().rev() {
        fs::create_dir(directory)?;
        fs::set_permissions(directory, Permissions::from_mode(0o755))?;
    }
    Ok(())
}

fn remove_file(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Error::File(path.into(), error))
        }
        _ => Ok(()),
    }
}
