//! Reads cookies and passwords of browsers and mail programs.
//!
//! - Area: credentials of the home
//! - Known: the protection lists of nono, ai-jail and jai
//! - Held by: the built-in list hides them

use crate::support::World;

#[test]
fn is_refused() {
    World::new().hides_in_home(&[
        ".mozilla/firefox/x.default/cookies.sqlite",
        ".config/google-chrome/Default/Cookies",
        ".config/chromium/Default/Login Data",
        ".config/BraveSoftware/Brave-Browser/Default/Cookies",
        ".thunderbird/x.default/logins.json",
    ]);
}
