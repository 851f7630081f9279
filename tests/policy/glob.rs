//! Our matcher against the one of ripgrep, on patterns and names that nobody chose.

use aigate::policy::glob::Glob;
use globset::GlobBuilder;
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn it_matches_what_globset_matches(pattern in "[ab.*?]{0,8}", name in "[ab.]{0,8}") {
        agree(&pattern, &name)?;
    }

    #[test]
    fn classes_as_well(pattern in "([a-d*]|\\[!?[a-d]{1,3}\\]|\\[[a-b]-[c-d]\\]){0,5}", name in "[a-e]{0,7}") {
        agree(&pattern, &name)?;
    }

    // Without `?`: to them it is one byte, to us one character.
    #[test]
    fn characters_of_any_length(pattern in "[aé日*]{0,6}", name in "[aé日]{0,6}") {
        agree(&pattern, &name)?;
    }

    #[test]
    fn a_quoted_name_matches_itself_only(name in "[^/\0]{1,20}", other in "[^/\0]{1,20}") {
        let quoted: String = name.chars().flat_map(|c| ['\\', c]).collect();
        let glob = Glob::parse(&quoted).expect("a quoted pattern");
        prop_assert!(glob.matches(name.as_bytes()));
        prop_assert_eq!(glob.matches(other.as_bytes()), name == other);
    }
}

fn agree(pattern: &str, name: &str) -> Result<(), TestCaseError> {
    // `**` has a meaning of its own only between slashes, which a component does not have.
    let theirs = GlobBuilder::new(&collapse(pattern))
        .backslash_escape(true)
        .build();
    let theirs = theirs
        .expect("a valid pattern")
        .compile_matcher()
        .is_match(name);
    let ours = Glob::parse(pattern)
        .expect("a valid pattern")
        .matches(name.as_bytes());
    prop_assert_eq!(ours, theirs, "{} {}", pattern, name);
    Ok(())
}

fn collapse(pattern: &str) -> String {
    let mut out = String::new();
    for c in pattern.chars() {
        if !(c == '*' && out.ends_with('*')) {
            out.push(c);
        }
    }
    out
}
