//! The parts of an installation: which items there are to be, and which are there.

use std::fs;
use std::path::{Path, PathBuf};

use super::item::{Item, State};
use super::owned::{LINK_TARGET, Owned};
use super::shell::{self, Shell, Surroundings};
use super::startup_file::{self, Ages};

/// What puts the shims on PATH: two files of ours, and a line in each startup file.
#[must_use]
pub fn of_shells(owned: &Owned, around: &Surroundings) -> Vec<Item> {
    let mut items = env_files(owned);
    if let Some(path) = Shell::fish_file(around) {
        items.extend(missing_parents(&path));
        items.push(Item::File {
            path,
            text: shell::fish_file_text(owned),
        });
    }
    let lines = |path: PathBuf| {
        let ages = Ages::of(&path);
        Item::Lines {
            path,
            body: shell::source_line(owned),
            ages,
        }
    };
    items.extend(startup_files(around).into_iter().map(lines));
    items
}

fn env_files(owned: &Owned) -> Vec<Item> {
    let file = |name: &str, path| Item::File {
        path,
        text: shell::env_text(name, owned),
    };
    vec![
        file("env.sh", owned.env_sh()),
        file("env.fish", owned.env_fish()),
    ]
}

/// Without repetition: `.profile` may be bash's file as well as the plain shell's.
fn startup_files(around: &Surroundings) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = Vec::new();
    for file in Shell::ALL.iter().flat_map(|shell| shell.files(around)) {
        if !files.contains(&file) {
            files.push(file);
        }
    }
    files
}

/// The directories above a file that have to be made.
#[must_use]
pub fn missing_parents(file: &Path) -> Vec<Item> {
    let missing = file
        .ancestors()
        .skip(1)
        .take_while(|directory| !directory.exists());
    let mut items: Vec<_> = missing
        .map(|directory| Item::Directory {
            path: directory.into(),
        })
        .collect();
    items.reverse();
    items
}

/// What every installation has, and all else that is there and certainly ours.
#[must_use]
pub fn visible(owned: &Owned, around: &Surroundings) -> Vec<Item> {
    let mut items = vec![
        Item::Directory {
            path: owned.root().into(),
        },
        Item::Directory {
            path: owned.root().join("bin"),
        },
        Item::Directory {
            path: owned.shims(),
        },
        Item::Program {
            path: owned.program(),
        },
    ];
    let links = fs::read_dir(owned.shims())
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path());
    let ours = |path: &PathBuf| fs::read_link(path).is_ok_and(|t| t == Path::new(LINK_TARGET));
    items.extend(links.filter(ours).map(|path| Item::Link { path }));
    items.extend(
        env_files(owned)
            .into_iter()
            .filter(|file| file.path().exists()),
    );
    if let Some(path) = Shell::fish_file(around).filter(|path| path.exists()) {
        items.push(Item::File {
            path,
            text: shell::fish_file_text(owned),
        });
    }
    let body = shell::source_line(owned);
    let with_lines = startup_files(around)
        .into_iter()
        .filter(|path| startup_file::state(path, &body) != State::Missing);
    items.extend(with_lines.map(|path| Item::Lines {
        path,
        body: body.clone(),
        ages: None,
    }));
    items
}
