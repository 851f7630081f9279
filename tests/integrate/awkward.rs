//! Awkward files of users: edited without touching the rest, and undone byte for byte.

use std::fs;

use super::User;

pub(crate) const CLAUDE: (&str, &str) = ("claude", ".claude/settings.json");
pub(crate) const GEMINI: (&str, &str) = ("gemini", ".gemini/settings.json");
pub(crate) const CODE: (&str, &str) = ("vscode", ".config/Code/User/settings.json");
pub(crate) const CURSOR: (&str, &str) = ("cursor", ".cursor/hooks.json");
pub(crate) const HOOKS: (&str, &str) = ("codex", ".codex/hooks.json");
pub(crate) const CODEX: (&str, &str) = ("codex", ".codex/config.toml");

/// Files that their agents read, in forms that people and programs leave behind.
const AWKWARD: &[((&str, &str), &str)] = &[
    (CLAUDE, ""),
    (CLAUDE, "\n"),
    (CLAUDE, "{}"),
    (CLAUDE, "{}\n"),
    (CLAUDE, "{ }"),
    (CLAUDE, "{\n}\n"),
    (CLAUDE, "\r\n{\r\n}\r\n\r\n"),
    (CLAUDE, "\u{feff}{\n  \"model\": \"opus\"\n}\n"),
    (CLAUDE, "{\"model\":\"opus\",\"hooks\":{}}"),
    (CLAUDE, "{\n\t\"model\": \"opus\"\n}"),
    (
        CLAUDE,
        "{\n    \"model\" : \"opus\" ,\n    \"hooks\" : { \"Stop\" : [ ] }\n}\n",
    ),
    (
        CLAUDE,
        "{\"hooks\":{\"PreToolUse\":[{\"matcher\":\"Bash\",\"hooks\":[{\"type\":\"command\",\"command\":\"x\"}]}]}}\n",
    ),
    (
        CLAUDE,
        "{\"hooks\": {\"PreToolUse\": [], \"SessionStart\": [  ]}}\n",
    ),
    (
        CLAUDE,
        "{\"a\": \"\\u00e4\\ud83d\\ude00 \\/ \\\\ \\\" \\n\", \"ä\": 1e3, \"n\": -0.10, \"big\": 12345678901234567890}\n",
    ),
    (
        CLAUDE,
        "{\"permissions\": {\"deny\": [\"Read(./.env)\"], \"allow\": []}, \"$schema\": \"https://x\"}",
    ),
    (
        CLAUDE,
        "   {\"a\": [[[[1]]]], \"b\": [{}, {\"c\": null}]}   ",
    ),
    (CLAUDE, "{\r\n  \"a\": 1,\r\n  \"b\": 2\r\n}"),
    (CLAUDE, "{\n  \"a\": 1,\r\n  \"mixed\": true\n}"),
    (
        GEMINI,
        "// mine\n{\n  // of it\n  \"theme\": \"x\", // why\n}\n",
    ),
    (GEMINI, "/* only a comment */\n"),
    (
        GEMINI,
        "{\n  \"hooks\": {\n    // before\n    \"BeforeTool\": [\n      { \"hooks\": [] }, // last\n    ],\n  },\n}\n",
    ),
    (GEMINI, "{\"hooks\": {/* none */}}"),
    (
        CODE,
        "{\n    \"editor.tabSize\": 2,\n    // \"off\": true,\n}\n",
    ),
    (
        CODE,
        "{\n    \"terminal.integrated.env.linux\": { \"A\": \"b\" }\n}",
    ),
    (
        CODE,
        "{\n    \"terminal.integrated.profiles.linux\": {\n        \"bash\": { \"path\": \"bash\" },\n    },\n    \"x\": 1,\n}",
    ),
    (CODE, "{\"a\":1,/*b*/\"c\":2,}"),
    (
        CODE,
        "{\r\n\t// tabs and carriage returns\r\n\t\"a\": {\r\n\t\t\"b\": []\r\n\t}\r\n}\r\n",
    ),
    (CODE, "{} // nothing yet"),
    (
        CURSOR,
        "{\"version\": 1, \"hooks\": {\"stop\": [{\"command\": \"./x\"}]}}",
    ),
    (CURSOR, "{\n  \"hooks\": {},\n  \"version\": 1\n}\n"),
    (
        HOOKS,
        "{\"hooks\": {\"PreToolUse\": [{\"hooks\": [{\"type\": \"command\", \"command\": \"own\"}]}]}}\n",
    ),
    (CODEX, ""),
    (CODEX, "# only a comment"),
    (CODEX, "model = \"x\" # mine\n\n[features]\nweb = true\n"),
    (CODEX, "model = \"x\"\r\n\r\n[tui]\r\ntheme = 'a'\r\n"),
    (
        CODEX,
        "[projects.\"/home/u/a b\"]\ntrust_level = \"trusted\"\n\n[hooks.state.\"/x:stop:0:0\"]\ntrusted_hash = \"sha256:0\"\n",
    ),
    (
        CODEX,
        "hooks = { state = { a = { trusted_hash = \"b\" } } }\n",
    ),
    (
        CODEX,
        "a.b.c = 1\nd = [ 1, # one\n 2 ]\nt = 1979-05-27T07:32:00Z\ns = '''\n raw\n'''\n",
    ),
    (
        CODEX,
        "[[mcp]]\nx = 1\n[[mcp]]\nx = 2\n  [mcp.y]\n  z = inf",
    ),
    (CODEX, "\u{feff}model = \"x\"\n"),
    // Names and texts that look like something else.
    (
        CLAUDE,
        "{\"\\u0068ooks\": {\"Pre\\u0054oolUse\": []}, \"\": {\"\": \"\"}}\n",
    ),
    (
        CLAUDE,
        "{\"hooks.PreToolUse\": 1, \"hooks \": [], \"Hooks\": {}}",
    ),
    (
        CLAUDE,
        "{\"a\": \"// no comment\", \"b\": \"/* nor */ this\", \"c\": \"{\\\"hooks\\\": [\"}",
    ),
    (
        CLAUDE,
        "{\"a\": \"\u{2028}\u{1f600}\u{feff}\u{7f}\", \"\u{e9}\": \"e\u{301}\"}\n",
    ),
    (
        CLAUDE,
        "{\"a\": 1E300, \"b\": -0, \"c\": 1e-7, \"d\": 0.1000, \"e\": 9007199254740993}",
    ),
    // Hooks of others, before and around the place of ours.
    (
        CLAUDE,
        "{\n    \"hooks\": {\n        \"PreToolUse\": [\n            {\"matcher\": \"Bash|Edit\", \"hooks\": []},\n            {\"hooks\": [{\"type\": \"command\", \"command\": \"a && b\"},\n                       {\"type\": \"command\", \"command\": \"c\", \"timeout\": 5}]}\n        ],\n        \"UserPromptSubmit\": [{\"hooks\": []}]\n    },\n    \"model\": \"opus\"\n}\n",
    ),
    (
        CLAUDE,
        "{\"hooks\": {\"SessionStart\": [[], null, 1, \"x\", {}], \"PreToolUse\": [{}]}}",
    ),
    (
        CLAUDE,
        "{\"env\": null, \"hooks\": {\"Stop\": [{\"hooks\": []}]}}\n",
    ),
    // Blanks where nobody puts any.
    (CLAUDE, "\u{feff}"),
    (CLAUDE, "\u{feff}{\r\n\t\"a\": 1\r\n}\r\n"),
    (CLAUDE, " \t\r\n "),
    (CLAUDE, "{\r\"a\": 1,\r\"b\": [\r]\r}\r"),
    (
        CLAUDE,
        "{\n\n\n\"a\"\n:\n1\n,\n\"hooks\"\n:\n{\n}\n\n\n}\n\n\n",
    ),
    (
        CLAUDE,
        "{\n        \"a\": {\n                \"b\": 1\n        }}",
    ),
    (CLAUDE, "{\n  \"a\": 1   \n  ,\"b\": 2\t\n}   \n"),
    // Comments in odd places.
    (GEMINI, "{\"a\" /* x */ : /* y */ 1 /* z */ , /* last */ }"),
    (
        GEMINI,
        "\u{feff}// of a byte order mark\r\n{\r\n  \"a\": [1, 2, ], // ends\r\n}\r\n// after",
    ),
    (
        GEMINI,
        "{\n  // \"hooks\": {\n  //   \"BeforeTool\": []\n  // },\n  \"theme\": \"x\"\n}\n",
    ),
    (
        GEMINI,
        "{\n  \"hooks\": {\n    \"BeforeTool\": [\n      // none yet\n    ], /** why **/\n    \"AfterTool\": [ /* none */ ]\n  } // of hooks\n}",
    ),
    (GEMINI, "// one\n\n/* two\n * three\n */\n\n"),
    (GEMINI, "{/**/}//"),
    (
        GEMINI,
        "{\n  \"a\": \"https://x/*y*/\", // \"b\": 1,\n  /* , */ \"c\": [ /* [ */ 1 /* ] */ ]\n}",
    ),
    (
        CODE,
        "{\n    \"a\": 1,\n    // the last line has no comma\n    \"b\": 2\n    // and this follows it\n}\n",
    ),
    (
        CODE,
        "{\n    \"terminal.integrated.profiles.linux\": { // mine\n        // none\n    },\n    \"terminal.integrated.env.linux\": {},\n    \"[rust]\": { \"editor.tabSize\": 4, },\n}\n",
    ),
    (
        CODE,
        "{\n\t\"a\": [\n\t\t1,\n\t\t2,\n\t],\n  \"mixed\": {\n      \"by\": \"hand\",\n\t},\n}",
    ),
    (
        CURSOR,
        "{\"hooks\":{\"preToolUse\":[{\"command\":\"a\"}],\"beforeReadFile\":[]},\"version\":1}",
    ),
    (
        HOOKS,
        "{\r\n\t\"description\": \"mine\",\r\n\t\"hooks\": {\r\n\t\t\"Stop\": [],\r\n\t\t\"SessionStart\": [{\"hooks\": []}]\r\n\t}\r\n}",
    ),
    // TOML in its other forms.
    (
        CODEX,
        "features.hooks = true\nhooks.state.\"/x:stop:0:0\".trusted_hash = \"sha256:0\"\n",
    ),
    (CODEX, "[hooks.state]\n\n[hooks]\n# mine\n"),
    (
        CODEX,
        "[hooks] # mine\nstate = { \"/x:stop:0:0\" = { trusted_hash = \"a\", enabled = false } } # too\n",
    ),
    (
        CODEX,
        "s = \"\"\"\n[hooks]\nstate = 1\n\"\"\"\n\"quoted key\" = 'x' # [y]\n'a.b' = { c = [ { d = 1 }, ] }",
    ),
    (
        CODEX,
        "[a.b]\nx = 1\n\n[c]\n\n[a]\ny = 0xDEAD_BEEF\nz = -nan\n\n\n# the end\n\n",
    ),
    (
        CODEX,
        "  model = \"x\"\n\n    [tui] # indented\n      theme = 'a'\n\n    # last",
    ),
    (
        CODEX,
        "\u{feff}# with a byte order mark\r\nmodel = \"x\"\r\n[mcp_servers.a]\r\ncommand = \"b\"",
    ),
    (CODEX, "\"\u{e9}\" = 1\n1 = \"a number\"\n\"\" = 2\n"),
];

#[test]
fn awkward_files_come_back_byte_for_byte() {
    assert!(AWKWARD.len() >= 70, "{}", AWKWARD.len());
    let user = User::with_program();
    for ((agent, file), content) in AWKWARD {
        user.put(file, content.as_bytes());
        let before = user.picture();
        assert!(!user.integrate(&["diff", agent]).is_empty());
        assert_eq!(before, user.picture(), "diff changed {content:?}");
        user.integrate(&["install", agent]);
        let installed = user.read(file);
        assert!(
            installed.contains(".aigate/bin/") || installed.contains("trusted_hash"),
            "{content:?}: {installed}"
        );
        assert!(kept(content, &installed), "{content:?}: {installed}");
        assert_eq!(
            user.integrate(&["install", agent]),
            "Nothing to do.\n",
            "{content:?}"
        );
        assert_eq!(installed, user.read(file));
        let status = user.try_integrate(&["status", agent]);
        assert!(status.ok(), "{content:?}: {status}");
        user.integrate(&["uninstall", agent]);
        assert_eq!(user.read(file), *content);
        assert_eq!(before, user.picture(), "{content:?}");
        fs::remove_file(user.path(file)).unwrap();
    }
}

/// Whether every line that says something is still there, in order, and the line ends are the same.
fn kept(before: &str, after: &str) -> bool {
    let mut rest = after;
    let words = before
        .split(|letter: char| letter.is_whitespace() || "{}[],".contains(letter))
        .filter(|word| !word.is_empty());
    let in_order = words.into_iter().all(|word| {
        let found = rest.find(word);
        found.map(|at| rest = &rest[at + word.len()..]).is_some()
    });
    let only = |text: &str| text.contains("\r\n") && !text.replace("\r\n", "").contains('\n');
    in_order && (!only(before) || only(after))
}

#[test]
fn what_others_change_later_stays_when_ours_goes() {
    let user = User::with_program();
    for ((agent, file), content) in AWKWARD {
        user.put(file, content.as_bytes());
        user.integrate(&["install", agent]);
        // Somebody adds a line at the end that its reader passes over.
        let end = if content.contains("\r\n") {
            "\r\n"
        } else {
            "\n"
        };
        let later = match file.ends_with("toml") {
            true => format!("# later{end}"),
            false => format!("{end}{end}"),
        };
        let installed = user.read(file);
        user.put(file, format!("{installed}{later}").as_bytes());
        user.integrate(&["uninstall", agent]);
        let rest = user.read(file);
        assert!(!rest.contains(".aigate/bin"), "{content:?}: {rest}");
        assert!(kept(content, &rest), "{content:?}: {rest}");
        assert!(rest.ends_with(&later), "{content:?}: {rest:?}");
        fs::remove_file(user.path(file)).unwrap();
    }
}
