//! The AppArmor profile that lets this program make user namespaces where Ubuntu's setting forbids
//! it to all programs without one.

use std::env;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::config;

/// Where the profile is installed.
const FILE: &str = "/etc/apparmor.d/aigate";

/// The files of this program that make sandboxes: itself, the copy that the shims start, and those of
/// an installation. `install.sh` proves the sandbox before it installs, so that where it will put the
/// program counts though nothing is there yet: a second profile would be asked for otherwise.
pub(super) fn programs() -> Vec<PathBuf> {
    let own = env::current_exe().ok();
    let home = config::load::home().ok();
    // The kernel knows programs by where they are, not by a link on the way.
    let home = home.map(|home| home.canonicalize().unwrap_or(home));
    let prefix = env::var_os("PREFIX").map(PathBuf::from);
    programs_of(own, home, prefix, Path::exists)
}

fn programs_of(
    own: Option<PathBuf>,
    home: Option<PathBuf>,
    prefix: Option<PathBuf>,
    exists: impl Fn(&Path) -> bool,
) -> Vec<PathBuf> {
    let in_home = |rest| home.as_ref().map(|home| home.join(rest));
    let prefix = prefix.filter(|prefix| prefix.is_absolute());
    let prefix = prefix.or_else(|| in_home(".local"));
    let of_machine = ["/usr/local/bin/aigate", "/usr/bin/aigate"].map(PathBuf::from);
    let mut all: Vec<PathBuf> = Vec::new();
    let certain = [
        own,
        in_home(".aigate/bin/aigate"),
        prefix.map(|prefix| prefix.join("bin/aigate")),
    ];
    let there = of_machine.into_iter().filter(|file| exists(file));
    for program in certain.into_iter().flatten().chain(there) {
        if !all.contains(&program) {
            all.push(program);
        }
    }
    all
}

/// The profile's text. It confines nothing; its one effect is the right to make user namespaces.
pub(super) fn profile(programs: &[PathBuf]) -> String {
    let mut text = "abi <abi/4.0>,\ninclude <tunables/global>\n".to_owned();
    for (number, program) in programs.iter().enumerate() {
        let name = match number {
            0 => "aigate".to_owned(),
            more => format!("aigate-{more}"),
        };
        // Writing to a string does not fail.
        _ = write!(
            text,
            "\nprofile {name} {} flags=(unconfined) {{\n  userns,\n\n  \
             include if exists <local/{name}>\n}}\n",
            quoted(program)
        );
    }
    text
}

/// The command that installs it.
pub(super) fn installation(programs: &[PathBuf]) -> String {
    format!(
        "sudo tee {FILE} >/dev/null <<'END'\n{}END\nsudo apparmor_parser -r {FILE}",
        profile(programs)
    )
}

/// A path as a profile names it: in quotes, with what would be a pattern taken literally.
fn quoted(path: &Path) -> String {
    let mut text = "\"".to_owned();
    for letter in path.to_string_lossy().chars() {
        if "\"\\*?[]{}^,@".contains(letter) {
            text.push('\\');
        }
        text.push(letter);
    }
    text.push('"');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_profile_gives_user_namespaces_and_nothing_else() {
        let programs = ["/usr/bin/aigate", "/home/a b/.aigate/bin/aigate"].map(PathBuf::from);
        assert_eq!(
            profile(&programs),
            "abi <abi/4.0>,\n\
             include <tunables/global>\n\
             \n\
             profile aigate \"/usr/bin/aigate\" flags=(unconfined) {\n  \
               userns,\n\n  \
               include if exists <local/aigate>\n\
             }\n\
             \n\
             profile aigate-1 \"/home/a b/.aigate/bin/aigate\" flags=(unconfined) {\n  \
               userns,\n\n  \
               include if exists <local/aigate-1>\n\
             }\n"
        );
    }

    #[test]
    fn every_place_of_an_installation_gets_a_profile() {
        let path = |text: &str| Some(PathBuf::from(text));
        let built = "/src/target/release/aigate";
        for (own, prefix, there, all) in [
            (
                built,
                None,
                "",
                &[built, "/h/.aigate/bin/aigate", "/h/.local/bin/aigate"][..],
            ),
            (
                "/h/.local/bin/aigate",
                path("relative"),
                "",
                &["/h/.local/bin/aigate", "/h/.aigate/bin/aigate"],
            ),
            (
                built,
                path("/opt"),
                "/usr/bin/aigate",
                &[
                    built,
                    "/h/.aigate/bin/aigate",
                    "/opt/bin/aigate",
                    "/usr/bin/aigate",
                ],
            ),
        ] {
            let exists = |file: &Path| file == Path::new(there);
            let found = programs_of(path(own), path("/h"), prefix, exists);
            assert_eq!(found, all.iter().map(PathBuf::from).collect::<Vec<_>>());
        }
        let without_home = programs_of(path(built), None, None, |_| false);
        assert_eq!(without_home, [PathBuf::from(built)]);
    }

    #[test]
    fn a_path_is_no_pattern() {
        let path = Path::new(r#"/a*/{b}/[c]"/@{HOME}"#);
        assert_eq!(quoted(path), r#""/a\*/\{b\}/\[c\]\"/\@\{HOME\}""#);
    }
}
