//! The startup files of the shells come back byte for byte.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::time::{Duration, SystemTime};

use crate::machine::{Machine, assert_same};
use crate::shells::{with_files, with_shell};
use crate::support::place::picture;

/// Contents that a careless editor of files would not give back.
const AWKWARD: &[&[u8]] = &[
    b"",
    b"a=1\n",
    b"a=1",
    b"a=1\r\nb=2\r\n",
    b"a=1\r\nb=2",
    b"\xef\xbb\xbfa=1\n",
    b"\xff\xfe\n",
    b"\n\n\n",
];

#[test]
fn uninstalling_gives_back_every_byte_and_the_age_and_the_mode() {
    for content in AWKWARD {
        for mode in [0o644, 0o600] {
            let machine = with_files("bash");
            let rc = machine.home(".bashrc");
            fs::write(&rc, content).unwrap();
            fs::set_permissions(&rc, fs::Permissions::from_mode(mode)).unwrap();
            let old = SystemTime::now() - Duration::from_secs(86_400);
            fs::File::options()
                .write(true)
                .open(&rc)
                .unwrap()
                .set_modified(old)
                .unwrap();
            let before = picture(&machine.world.home());
            assert!(machine.shim(&["install", "claude"]).ok());
            assert_ne!(&fs::read(&rc).unwrap(), content);
            assert_eq!(
                fs::metadata(&rc).unwrap().permissions().mode() & 0o777,
                mode
            );
            assert!(machine.shim(&["uninstall"]).ok());
            assert_same(&before, &picture(&machine.world.home()));
            assert_eq!(fs::metadata(&rc).unwrap().modified().unwrap(), old);
        }
    }
}

#[test]
fn files_that_were_made_are_taken_away_again() {
    for shell in ["bash", "zsh", "fish", "sh"] {
        let mut machine = Machine::with_claude();
        machine.world = machine.world.env("SHELL", format!("/bin/{shell}"));
        let before = picture(&machine.world.home());
        assert!(machine.shim(&["install", "claude"]).ok());
        let file = match shell {
            "fish" => ".config/fish/conf.d/zz-aigate.fish",
            "zsh" => ".zshenv",
            _ => ".profile",
        };
        assert!(machine.home(file).exists(), "{shell}");
        assert!(machine.shim(&["uninstall"]).ok());
        assert_same(&before, &picture(&machine.world.home()));
    }
}

#[test]
fn a_dotfile_that_is_a_link_stays_a_link() {
    let machine = with_files("bash");
    let (rc, target) = (machine.home(".bashrc"), machine.home("dotfiles/ünïcode rc"));
    fs::create_dir(machine.home("dotfiles")).unwrap();
    fs::rename(&rc, &target).unwrap();
    symlink("dotfiles/ünïcode rc", &rc).unwrap();
    let before = picture(&machine.world.home());
    assert!(machine.shim(&["install", "claude"]).ok());
    assert!(rc.is_symlink());
    assert!(fs::read_to_string(&target).unwrap().contains("aigate"));
    assert!(machine.shim(&["uninstall"]).ok());
    assert_same(&before, &picture(&machine.world.home()));
}

#[test]
fn a_file_the_user_keeps_from_being_written_is_left_alone() {
    for spoil in [
        "chmod 444 ~/.bashrc",
        "ln ~/.bashrc ~/'backup of bashrc'",
        "rm ~/.bashrc; ln -s /nowhere/bashrc ~/.bashrc",
    ] {
        let machine = with_files("bash");
        let rc = machine.home(".bashrc");
        machine.world.host_ok(spoil);
        let before = picture(&rc);
        let done = machine.shim(&["install", "claude"]);
        assert!(
            done.ok() && done.said(".bashrc alone") && done.said("if [ -r"),
            "{done}"
        );
        assert!(before == picture(&rc));
        assert!(machine.shim(&["uninstall"]).ok());
        assert!(before == picture(&rc));
    }
}

#[test]
fn lines_of_the_user_around_ours_stay_and_edited_ones_are_reported() {
    let machine = with_shell("bash");
    let rc = machine.home(".bashrc");
    let text = fs::read_to_string(&rc).unwrap();
    fs::write(&rc, format!("# before\n{text}# after\n")).unwrap();
    assert!(machine.shim(&["uninstall"]).ok());
    assert_eq!(
        fs::read_to_string(&rc).unwrap(),
        "# before\n# mine\n# after\n"
    );

    let machine = with_shell("bash");
    let rc = machine.home(".bashrc");
    let edited = fs::read_to_string(&rc)
        .unwrap()
        .replace("if [ -r", "if [ -f");
    fs::write(&rc, &edited).unwrap();
    let done = machine.shim(&["uninstall"]);
    assert!(done.ok() && done.said("lines 2 to 4 were edited"), "{done}");
    assert_eq!(fs::read_to_string(&rc).unwrap(), edited);
    assert!(!machine.home(".aigate").exists());
}
