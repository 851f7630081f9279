//! Desktop entries that start the shim: copies of the system's, under the same name, for this user.
//!
//! Only the program of each `Exec` line changes. An entry that the user has already is his.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use super::item::{HEADER, Item};
use super::shell::Surroundings;

/// The entries of the system that start this command, rewritten to start its shim.
#[must_use]
pub fn entries(around: &Surroundings, command: &str, shim: &Path) -> Vec<Item> {
    let own = around
        .data
        .clone()
        .unwrap_or_else(|| around.home.join(".local/share"));
    let mut items: Vec<Item> = Vec::new();
    for directory in system_directories(around) {
        let found = fs::read_dir(directory.join("applications"))
            .into_iter()
            .flatten()
            .flatten();
        let mut files: Vec<PathBuf> = found.map(|entry| entry.path()).collect();
        files.sort();
        for file in files
            .iter()
            .filter(|file| file.extension() == Some(OsStr::new("desktop")))
        {
            let Some(name) = file.file_name() else {
                continue;
            };
            let path = own.join("applications").join(name);
            let known = items.iter().any(|item| item.path() == path);
            let text = fs::read_to_string(file)
                .ok()
                .and_then(|text| rewritten(&text, command, shim));
            if let (Some(text), false) = (text, known) {
                items.push(Item::File { path, text });
            }
        }
    }
    items
}

fn system_directories(around: &Surroundings) -> Vec<PathBuf> {
    let set = around
        .data_directories
        .clone()
        .filter(|set| !set.is_empty());
    let set = set.unwrap_or_else(|| "/usr/local/share:/usr/share".into());
    std::env::split_paths(&set)
        .filter(|directory| directory.is_absolute())
        .collect()
}

/// The entry with our shim as its program, or nothing if it starts something else.
fn rewritten(text: &str, command: &str, shim: &Path) -> Option<String> {
    let shim = quoted(shim)?;
    let mut ours = false;
    let mut lines = vec![format!("{HEADER}, from the entry of the system")];
    for line in text.lines() {
        match line.split_once('=') {
            Some(("Exec", exec)) => {
                let (program, rest) = split(exec);
                let is_tool = Path::new(&program).file_name() == Some(OsStr::new(command));
                ours |= is_tool;
                lines.push(if is_tool {
                    format!("Exec={shim}{rest}")
                } else {
                    line.into()
                });
            }
            // Started over D-Bus it would be the other program again.
            Some(("DBusActivatable", _)) => lines.push("DBusActivatable=false".into()),
            Some(("TryExec", _)) => {}
            _ => lines.push(line.into()),
        }
    }
    lines.push(String::new());
    ours.then(|| lines.join("\n"))
}

/// The program of an `Exec` value, and what follows it.
fn split(exec: &str) -> (String, &str) {
    let Some(inside) = exec.strip_prefix('"') else {
        let end = exec.find(' ').unwrap_or(exec.len());
        return (exec[..end].into(), &exec[end..]);
    };
    let mut program = String::new();
    let mut chars = inside.char_indices();
    while let Some((at, char)) = chars.next() {
        match char {
            '"' => return (program, &inside[at + 1..]),
            '\\' => program.extend(chars.next().map(|(_, char)| char)),
            char => program.push(char),
        }
    }
    (program, "")
}

/// A path as the desktop entry specification quotes a program. A path with a character that needs
/// more than that is not written at all.
fn quoted(path: &Path) -> Option<String> {
    let text = path.to_str()?;
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+@:,".contains(c);
    if text.chars().all(plain) {
        return Some(text.into());
    }
    let allowed = !text.contains(['"', '`', '$', '\\', '%', '\n', '=']);
    allowed.then(|| format!("\"{text}\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENTRY: &str = "[Desktop Entry]
Name=Code
TryExec=/usr/share/code/code
DBusActivatable=true
Exec=/usr/share/code/code %F
Actions=new;

[Desktop Action new]
Exec=\"/usr/share/code/code\" --new-window %F
";

    #[test]
    fn every_exec_line_of_the_tool_starts_the_shim() {
        let text = rewritten(ENTRY, "code", Path::new("/h/.aigate/shims/code")).unwrap();
        assert!(text.starts_with(HEADER));
        assert!(text.contains("\nExec=/h/.aigate/shims/code %F\n"), "{text}");
        assert!(
            text.contains("\nExec=/h/.aigate/shims/code --new-window %F\n"),
            "{text}"
        );
        assert!(
            text.contains("DBusActivatable=false") && !text.contains("TryExec"),
            "{text}"
        );
        assert!(text.contains("Actions=new;"));
    }

    #[test]
    fn an_entry_of_another_program_is_left() {
        assert_eq!(rewritten(ENTRY, "codium", Path::new("/s/codium")), None);
    }

    #[test]
    fn a_home_with_spaces_is_quoted_and_an_impossible_one_refused() {
        let text = rewritten(ENTRY, "code", Path::new("/my home/code")).unwrap();
        assert!(text.contains("Exec=\"/my home/code\" %F"), "{text}");
        assert_eq!(rewritten(ENTRY, "code", Path::new("/a\"b/code")), None);
    }
}
