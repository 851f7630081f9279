//! The part of docs/integrations.md that is made from `integrations/`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde_json::Value;

use super::reference::keep;
use super::support;

const SCOPES: [(&str, &str); 3] = [
    ("user", "for this user"),
    ("project", "`--project`"),
    ("managed", "`--managed`, by root for everybody"),
];
/// Each meaning of a field in the data, in words.
const MEANINGS: [(&str, &str); 5] = [
    ("shell", "commands"),
    ("read", "reading"),
    ("write", "writing"),
    ("patch", "patches"),
    ("net", "the network"),
];

#[test]
fn the_integrations_are_made_from_their_data() {
    let folder = support::place::package().join("integrations");
    let mut text = String::from(
        "| | tool refused | prompt refused outside | model told at the start | for everybody | events checked with |\n\
         |---|---|---|---|---|---|\n",
    );
    let mut sections = String::new();
    for name in aigate::integration::catalog::names() {
        let (about, agent) = agent(&folder, name);
        let product = agent["product"].as_str().expect("a product");
        // A second way for an agent that has one speaks its language.
        let (spoken, hooks) = match agent["hook"].is_array() {
            true => (about.clone(), agent.clone()),
            false => self::agent(&folder, agent["command"].as_str().expect("a command")),
        };
        let kinds = events(&hooks);
        let starts = starts_a_hook(&folder, &agent);
        let column = |kind: &str| match (kinds.contains(&kind.to_owned()), starts) {
            (true, true) => "yes",
            (true, false) => "by the hooks of others",
            (false, _) => "no",
        };
        let managed = match agent["scopes"]["managed"].is_array() {
            true => "yes",
            false => "no",
        };
        let version = spoken.split_once("checked with ");
        let version = version.map_or("documentation only", |(_, rest)| rest.trim_end_matches('.'));
        _ = writeln!(
            text,
            "| {product} | {} | {} | {} | {managed} | {version} |",
            column("tool"),
            column("prompt"),
            column("session"),
        );
        section(&folder, name, &about, &agent, &mut sections);
    }
    keep("integrations.md", &format!("{text}{sections}"));
}

fn read(file: &Path) -> String {
    fs::read_to_string(file).unwrap_or_else(|why| panic!("{}: {why}", file.display()))
}

/// What its file says first, and all that it says.
fn agent(folder: &Path, name: &str) -> (String, Value) {
    let source = read(&folder.join(name).join("integration.yaml"));
    let about = source.lines().map_while(|line| line.strip_prefix("# "));
    let about = about.collect::<Vec<_>>().join(" ");
    (about, serde_saphyr::from_str(&source).expect("YAML"))
}

/// Whether something that is installed for it asks us. An editor may read the hooks of others.
fn starts_a_hook(folder: &Path, agent: &Value) -> bool {
    let scopes = agent["scopes"].as_object().expect("scopes");
    let targets: Vec<_> = scopes.values().flat_map(list).collect();
    let written = targets.iter().flat_map(|target| list(&target["edits"]));
    let from = written.filter_map(|change| change["write"]["from"].as_str());
    let shared = targets.iter().filter_map(|target| target["also"].as_str());
    let mut texts: Vec<_> = from
        .chain(shared)
        .map(|file| read(&folder.join(file)))
        .collect();
    texts.push(agent["scopes"].to_string());
    texts
        .iter()
        .any(|text| text.contains("{aigate} hook") || text.contains("\"hook\""))
}

/// The kinds of events that its hooks answer.
fn events(agent: &Value) -> Vec<String> {
    let mut kinds = Vec::new();
    for dialect in list(&agent["hook"]) {
        let answers = dialect["answers"].as_object().expect("answers");
        let events = dialect["events"].as_object().expect("events");
        for kind in events.values() {
            // An event that says itself what it touches is a tool's.
            let kind = kind.as_str().unwrap_or("tool");
            if answers.contains_key(kind) {
                kinds.push(kind.to_owned());
            }
        }
    }
    kinds
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn section(folder: &Path, name: &str, about: &str, agent: &Value, text: &mut String) {
    let product = agent["product"].as_str().expect("a product");
    _ = write!(
        text,
        "\n## {product}: `{name}`\n\n{about}\n\n```sh\naigate integrate install {name}\n```\n\n"
    );
    for (scope, whom) in SCOPES {
        for target in list(&agent["scopes"][scope]) {
            let files: Vec<_> = list(&target["at"]).map(|at| code(&at["file"])).collect();
            let keys = keys(folder, target);
            let what = match keys.is_empty() {
                true => "a file of ours".to_owned(),
                false => keys.join(", "),
            };
            _ = writeln!(text, "- {whom}: {}: {what}", files.join(" or "));
        }
    }
    for (meaning, tools) in tools(agent) {
        _ = writeln!(text, "- asked about {meaning}: {}", tools.join(", "));
    }
    for defeat in list(&agent["defeats"]) {
        let (key, file) = (dotted(&defeat["key"]), code(&defeat["file"]));
        let what = match defeat["item"].is_null() {
            true => format!("`{key}: {}`", defeat["value"]),
            false => format!("{} in `{key}`", defeat["item"]),
        };
        _ = writeln!(text, "- {} by {what} in {file}", switched_off(defeat));
    }
    for variable in list(&agent["variables"]) {
        let name = code(&variable["name"]);
        _ = writeln!(text, "- {} by the variable {name}", switched_off(variable));
    }
    for gap in list(&agent["not_covered"]) {
        _ = writeln!(text, "- not covered: {}", gap.as_str().expect("text"));
    }
}

fn switched_off(defeat: &Value) -> String {
    let scopes = list(&defeat["scopes"]).filter_map(Value::as_str);
    let scopes: Vec<_> = scopes
        .map(|scope| match scope {
            "managed" => "everybody".to_owned(),
            scope => format!("the {scope}"),
        })
        .collect();
    let scopes = scopes.join(" or ");
    format!("what is installed for {scopes} is switched off")
}

fn code(value: &Value) -> String {
    format!("`{}`", value.as_str().expect("text"))
}

fn dotted(keys: &Value) -> String {
    let keys: Vec<_> = list(keys).filter_map(Value::as_str).collect();
    keys.join(".")
}

fn keys(folder: &Path, target: &Value) -> Vec<String> {
    let also = target["also"].as_str();
    let also = also.map(|file| serde_saphyr::from_str(&read(&folder.join(file))).expect("YAML"));
    let also: Value = also.unwrap_or_default();
    let mut keys = Vec::new();
    for change in list(&target["edits"]).chain(list(&also)) {
        for key in [&change["append"]["to"], &change["set"]["key"]] {
            let key = format!("`{}`", dotted(key));
            if key != "``" && !keys.contains(&key) {
                keys.push(key);
            }
        }
    }
    keys
}

/// The names of its tools, and of events that are tools themselves, by what they do.
fn tools(agent: &Value) -> Vec<(&'static str, Vec<String>)> {
    let mut found: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for dialect in list(&agent["hook"]) {
        let named = [&dialect["tools"], &dialect["events"]];
        for (tool, touched) in named.into_iter().filter_map(Value::as_object).flatten() {
            for meaning in touched
                .as_object()
                .into_iter()
                .flat_map(|fields| fields.keys())
            {
                let tools = found.entry(meaning).or_default();
                if !tools.contains(&format!("`{tool}`")) {
                    tools.push(format!("`{tool}`"));
                }
            }
        }
    }
    let words = MEANINGS.into_iter();
    words
        .filter_map(|(meaning, words)| Some((words, found.remove(meaning)?)))
        .collect()
}
