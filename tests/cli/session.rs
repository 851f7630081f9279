//! The picture of the recorded session, which shows what its page says.

use std::fs;

use super::pages::line_alike;
use super::support;

#[test]
fn the_picture_shows_what_its_page_says() {
    let docs = support::place::package().join("docs");
    let page = fs::read_to_string(docs.join("session.md")).expect("the page");
    let picture = fs::read_to_string(docs.join("session.svg")).expect("the picture");
    let block = page.split("```console\n").nth(2).expect("a second block");
    let block = block.split("```").next().expect("its end");
    // A terminal shows no exit codes.
    let said = block.lines().filter(|line| !line.starts_with("? "));
    let said = said.map(|line| line.replacen("$ ", "~/project$ ", 1).replace("[HOME]", "~"));
    let shown = picture.lines().filter(|line| line.starts_with("<text"));
    // The picture wraps long lines.
    let (said, shown): (String, String) = (said.collect(), shown.map(text).collect());
    assert!(
        line_alike(&said, &shown),
        "docs/record.py draws it anew\npage: {said}\nseen: {shown}"
    );
}

/// What an element shows.
fn text(element: &str) -> String {
    let mut text = String::new();
    for part in element.split('<') {
        text.push_str(part.split_once('>').map_or("", |(_, text)| text));
    }
    let letters = [
        ("&gt;", ">"),
        ("&lt;", "<"),
        ("&#x27;", "'"),
        ("&quot;", "\""),
        ("&amp;", "&"),
    ];
    letters
        .iter()
        .fold(text, |text, (name, letter)| text.replace(name, letter))
}
