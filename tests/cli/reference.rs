//! The parts of the documentation that are made from the code, the manual pages and the completions.
//!
//! `UPDATE=1 cargo test --test cli reference` writes the parts anew. A new command or key needs no
//! more than that.

use std::fmt::Write as _;
use std::fs;
use std::process::{Command, Stdio};

use clap::{Arg, Command as Cli};
use serde_json::Value;

use super::{World, support};

/// Keeps a file of docs/ as it is made. A marked part of it is replaced, else the whole file.
pub(super) fn keep(name: &str, made: &str) {
    let file = support::place::package().join("docs").join(name);
    let text = fs::read_to_string(&file).unwrap_or_default();
    let (start, end) = ("<!-- made from the code -->\n", "<!-- end -->\n");
    let wanted = match (text.split_once(start), text.split_once(end)) {
        (Some((before, _)), Some((_, after))) => format!("{before}{start}{made}{end}{after}"),
        _ => format!("{start}{made}{end}"),
    };
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&file, &wanted).expect("documentation");
    } else if text != wanted {
        let line = text.lines().zip(wanted.lines()).position(|(a, b)| a != b);
        panic!(
            "docs/{name} is out of date from line {} on: UPDATE=1 cargo test --test cli reference",
            line.map_or(0, |line| line + 1)
        );
    }
}

#[test]
fn the_command_reference_is_made_from_the_command_line() {
    let mut root = aigate::cli::command();
    root.build();
    let mut text = String::from(
        "# Commands\n\nThe same text as `aigate COMMAND --help` and the manual pages.\n",
    );
    for command in shown(&root) {
        describe(command, 2, &mut text);
    }
    keep("commands.md", &text);
}

pub(super) fn shown(command: &Cli) -> impl Iterator<Item = &Cli> {
    let commands = command.get_subcommands();
    commands.filter(|command| !command.is_hide_set() && command.get_name() != "help")
}

fn describe(command: &Cli, depth: usize, text: &mut String) {
    let name = command.get_bin_name().expect("built");
    let about = command.get_long_about().or(command.get_about());
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage:").trim();
    _ = write!(
        text,
        "\n{} {name}\n\n{}\n\n```text\n{usage}\n```\n",
        "#".repeat(depth),
        about.map(ToString::to_string).unwrap_or_default()
    );
    let arguments = command
        .get_arguments()
        .filter(|arg| !arg.is_hide_set() && arg.get_id() != "help");
    for (at, argument) in arguments.enumerate() {
        text.push_str(if at == 0 { "\n" } else { "" });
        _ = writeln!(text, "- `{}`: {}", form(argument), meaning(argument));
    }
    for command in shown(command) {
        describe(command, depth + 1, text);
    }
}

/// `-f, --follow`, `--since <WHEN>`, `<CMD>...`
fn form(argument: &Arg) -> String {
    if argument.is_positional() {
        return argument.to_string();
    }
    match argument.get_short() {
        Some(short) => format!("-{short}, {argument}"),
        None => argument.to_string(),
    }
}

fn meaning(argument: &Arg) -> String {
    let help = argument.get_long_help().or(argument.get_help());
    let mut text = help.map(ToString::to_string).unwrap_or_default();
    let values = argument.get_possible_values();
    if argument.get_action().takes_values() && !values.is_empty() {
        let names: Vec<_> = values
            .iter()
            .map(|value| format!("`{}`", value.get_name()))
            .collect();
        _ = write!(text, " ({})", names.join(", "));
    }
    if let [default] = argument.get_default_values()
        && argument.get_action().takes_values()
    {
        _ = write!(text, " (default: `{}`)", default.display());
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn the_configuration_reference_is_made_from_the_types() {
    let file = support::place::package().join("src/config/schema.json");
    let schema = fs::read_to_string(file).expect("the schema in the tree");
    let schema: Value = serde_json::from_str(&schema).expect("JSON");
    let mut text = String::from("| key | value | meaning |\n|---|---|---|\n");
    rows(&schema, &schema, "", &mut text);
    keep("configuration.md", &text);
}

/// One row a key; the keys of a section below it.
fn rows(schema: &Value, section: &Value, prefix: &str, text: &mut String) {
    let keys = section["properties"].as_object().expect("keys");
    for (key, value) in keys {
        let meaning = value["description"].as_str();
        let meaning = meaning.unwrap_or_else(|| panic!("{prefix}{key} has no description"));
        let meaning = meaning.split_whitespace().collect::<Vec<_>>().join(" ");
        _ = writeln!(
            text,
            "| `{prefix}{key}` | {} | {} |",
            kind(schema, value),
            meaning.replace('|', "\\|")
        );
        if let Some(below) = section_of(schema, value) {
            rows(schema, below, &format!("{prefix}{key}."), text);
        }
    }
}

fn target<'a>(schema: &'a Value, value: &'a Value) -> &'a Value {
    let options = value["anyOf"].as_array().into_iter().flatten();
    let reference = [value]
        .into_iter()
        .chain(options)
        .find_map(|value| value["$ref"].as_str());
    let named = reference.and_then(|reference| schema.pointer(reference.trim_start_matches('#')));
    named.unwrap_or(value)
}

fn section_of<'a>(schema: &'a Value, value: &'a Value) -> Option<&'a Value> {
    let items = &value["items"];
    let value = target(schema, if items.is_null() { value } else { items });
    value["properties"].is_object().then_some(value)
}

fn kind(schema: &Value, value: &Value) -> String {
    let found = target(schema, value);
    let words = found["oneOf"].as_array().into_iter().flatten();
    let words: Vec<_> = words
        .filter_map(|word| word["const"].as_str().map(|word| format!("`{word}`")))
        .collect();
    if !words.is_empty() {
        return words.join(", ");
    }
    let types = [&found["type"][0], &found["type"]];
    match types.iter().find_map(|kind| kind.as_str()) {
        Some("array") => match target(schema, &found["items"])["type"].as_str() {
            Some("object") => "list of sections".to_owned(),
            Some("integer") => "list of numbers".to_owned(),
            _ => "list".to_owned(),
        },
        Some("integer") => "number".to_owned(),
        Some("boolean") => "`true`, `false`".to_owned(),
        Some("object") => "section".to_owned(),
        Some("string") => "text".to_owned(),
        _ => "a name or a list of names".to_owned(),
    }
}

#[test]
fn the_recipes_are_made_from_the_catalogue() {
    let mut text = String::from(
        "# Recipes by agent\n\nWhat `aigate shim install COMMAND` knows about each tool. More is data under \
         `shims/`: see [adding an agent](adding-an-agent.md).\n",
    );
    let folder = support::place::package().join("shims");
    let files = fs::read_dir(folder).expect("shims");
    let mut files: Vec<_> = files.map(|file| file.expect("file").path()).collect();
    files.retain(|file| file.extension().is_some_and(|kind| kind == "yaml"));
    files.sort();
    for file in files {
        let source = fs::read_to_string(&file).expect("text");
        let tool: Value = serde_saphyr::from_str(&source).expect("YAML");
        recipe(&source, &tool, &mut text);
    }
    keep("recipes.md", &text);
}

fn recipe(source: &str, tool: &Value, text: &mut String) {
    let command = tool["command"].as_str().expect("a command");
    let about = source.lines().map_while(|line| line.strip_prefix("# "));
    let product = tool["product"].as_str().expect("a product");
    let about = about.collect::<Vec<_>>().join(" ");
    _ = write!(
        text,
        "\n## {product}: `{command}`\n\n{about}\n\n```sh\naigate shim install {command}\n```\n\n"
    );
    if let Some(like) = tool["like"].as_str() {
        _ = writeln!(text, "- everything else as for `{like}`");
    }
    let profile = &tool["profile"];
    for (what, list) in [
        ("keeps its own state in", &tool["state"]),
        (
            "may also write, where they exist,",
            &tool["state_if_present"],
        ),
        (
            "cannot change, because it is run or obeyed later,",
            &tool["protect"],
        ),
        ("does not see", &tool["hide"]),
        ("reads its own login from", &profile["allow_read"]),
        ("gets from the environment", &profile["env"]["pass"]),
        ("may reach", &profile["allow_net"]),
        ("keeps the sockets", &tool["sockets"]),
    ] {
        let items = list
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str);
        let items: Vec<_> = items.map(|item| format!("`{item}`")).collect();
        if !items.is_empty() {
            _ = writeln!(text, "- {what} {}", items.join(", "));
        }
    }
    for maintenance in tool["maintenance"].as_array().into_iter().flatten() {
        let verbs = maintenance["verbs"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str);
        let verbs: Vec<_> = verbs.map(|verb| format!("`{command} {verb}`")).collect();
        let what = match (
            maintenance["installation"] == true,
            maintenance["unprotected"] == true,
        ) {
            (true, _) => "may write the installation",
            (_, true) => "may change what is protected otherwise",
            _ => "may write more",
        };
        _ = writeln!(text, "- {what}: {}", verbs.join(", "));
    }
}

#[test]
fn every_command_has_a_manual_page_that_man_can_show() {
    let world = World::new();
    world.ok("mkdir pages && aigate man --all pages");
    let mut count = 0;
    for entry in fs::read_dir(world.home.join("project/pages")).expect("pages") {
        let page = fs::read_to_string(entry.expect("page").path()).expect("text");
        assert!(
            page.contains(".SH NAME") && page.contains(".SH SYNOPSIS"),
            "{page}"
        );
        count += 1;
    }
    let mut root = aigate::cli::command();
    root.build();
    assert_eq!(count, 1 + all(&root));
    assert!(
        world
            .ok("aigate man shim install")
            .contains("aigate\\-shim\\-install")
    );
    assert!(
        world
            .fails("aigate man shim nonsense")
            .contains("no command `nonsense`")
    );
    world.fails("aigate man --all no/such/directory");
}

fn all(command: &Cli) -> usize {
    shown(command).map(|command| 1 + all(command)).sum()
}

/// Each shell reads its script, and bash completes by it.
#[test]
fn completions_are_what_their_shells_read() {
    let world = World::new();
    for shell in ["bash", "zsh", "fish"] {
        let script = world.ok(&format!("aigate completions {shell}"));
        assert!(script.contains("explain"), "{shell}");
        if !support::tool(shell) {
            support::skip!("{shell} is not installed");
        }
        let mut check = Command::new(shell);
        check.arg("-n").stdin(Stdio::piped()).stderr(Stdio::piped());
        let mut child = check.spawn().expect("shell");
        let mut input = child.stdin.take().expect("piped");
        std::io::Write::write_all(&mut input, script.as_bytes()).expect("script");
        drop(input);
        let output = child.wait_with_output().expect("shell");
        assert!(
            output.status.success() && output.stderr.is_empty(),
            "{shell}: {output:?}"
        );
    }
    let shown = world.ok(
        "aigate completions bash > script\n\
         bash --norc -c '. ./script; COMP_WORDS=(aigate expl); COMP_CWORD=1; _aigate aigate expl aigate; \
         echo \"${COMPREPLY[@]}\"'",
    );
    assert_eq!(shown, "explain\n");
    assert!(
        world
            .fails("aigate completions tcsh")
            .contains("possible values")
    );
}
