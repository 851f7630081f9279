//! The AppArmor profile that lets this program make user namespaces where Ubuntu's setting forbids
//! it to all programs without one.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Where the profile is installed.
const FILE: &str = "/etc/apparmor.d/aigate";

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
    fn a_path_is_no_pattern() {
        let path = Path::new(r#"/a*/{b}/[c]"/@{HOME}"#);
        assert_eq!(quoted(path), r#""/a\*/\{b\}/\[c\]\"/\@\{HOME\}""#);
    }
}
