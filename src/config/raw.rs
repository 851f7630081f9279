//! A configuration file as it is written: serde types that refuse what they do not know.
//!
//! Nothing here is interpreted. Every scalar keeps its place in the file, so that an error and
//! `explain` can point at it.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserializer, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_saphyr::{Location, Spanned};

/// A text and its place.
pub type Text = Spanned<String>;

/// A list that may be missing, which differs from an empty one.
pub type List = Option<Vec<Text>>;

/// One file, or one profile.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Layer {
    /// Files (in a profile: profiles) to start from.
    #[cfg_attr(test, schemars(with = "Option<Names>"))]
    pub extends: Option<Spanned<Names>>,
    /// Kept for files of the Go program of the same name.
    #[cfg_attr(test, schemars(with = "Option<String>"))]
    pub group: Option<Text>,
    /// Kept for files of the Go program of the same name.
    #[cfg_attr(test, schemars(with = "Option<String>"))]
    pub user: Option<Text>,
    /// Patterns of paths that are hidden.
    #[cfg_attr(test, schemars(with = "Option<Vec<String>>"))]
    pub deny_read: List,
    /// Patterns of paths that stay readable although a rule hides them.
    #[cfg_attr(test, schemars(with = "Option<Vec<String>>"))]
    pub allow_read: List,
    /// Patterns of paths that are protected although they are in a writable place.
    #[cfg_attr(test, schemars(with = "Option<Vec<String>>"))]
    pub deny_write: List,
    /// Paths outside the project that can be written, and protected ones that are not.
    #[cfg_attr(test, schemars(with = "Option<Vec<String>>"))]
    pub allow_write: List,
    /// Directories in which writing works and is forgotten when the command ends.
    #[cfg_attr(test, schemars(with = "Option<Vec<String>>"))]
    pub copy_on_write: List,
    /// What starts: all but what `deny_exec` names, or only what `allow_exec` lists.
    #[cfg_attr(test, schemars(with = "Option<Exec>"))]
    pub exec: Option<Spanned<Exec>>,
    /// Programs that must not start: a name, a path, or a name with its first arguments as in
    /// `"kubectl delete"`.
    #[cfg_attr(test, schemars(with = "Option<Vec<String>>"))]
    pub deny_exec: List,
    /// Programs that may start although a rule denies them, in the same form; with `exec: allowlist`
    /// the only ones that start, by name, by path, or a directory as in `/usr/bin/`.
    #[cfg_attr(test, schemars(with = "Option<Vec<String>>"))]
    pub allow_exec: List,
    /// How much of the network is reachable.
    #[cfg_attr(test, schemars(with = "Option<Network>"))]
    pub network: Option<Spanned<Network>>,
    /// Hosts that may be reached: `host`, `*.host`, `host:port`, an address, a range, `localhost:port`
    /// for a service of the host.
    #[cfg_attr(test, schemars(with = "Option<Vec<String>>"))]
    pub allow_net: List,
    /// Hosts that must not be reached, in the same form.
    #[cfg_attr(test, schemars(with = "Option<Vec<String>>"))]
    pub deny_net: List,
    /// Ports of the sandbox that the host may reach.
    #[cfg_attr(test, schemars(with = "Option<Vec<u16>>"))]
    pub publish_ports: Option<Vec<Spanned<u16>>>,
    /// Paths of host sockets that stay reachable.
    #[cfg_attr(test, schemars(with = "Option<Vec<String>>"))]
    pub unix_sockets: List,
    /// Environment variables.
    pub env: Option<Env>,
    /// Ceilings.
    pub resource_limits: Option<Limits>,
    /// What is replaced in the output.
    pub mask_stdout: Option<Mask>,
    /// Whether runs are recorded, and whether one may start that cannot be.
    #[cfg_attr(test, schemars(with = "Option<Audit>"))]
    pub audit: Option<Spanned<Audit>>,
    /// Whether each start of a program inside is recorded too.
    #[cfg_attr(test, schemars(with = "Option<bool>"))]
    pub audit_exec: Option<Spanned<bool>>,
    /// What the hooks of agents do.
    pub hook: Option<Hook>,
    /// Which engine to insist on.
    #[cfg_attr(test, schemars(with = "Option<Engine>"))]
    pub engine: Option<Spanned<Engine>>,
    /// What may be lost where the engine cannot keep it; not in a project's file.
    #[cfg_attr(test, schemars(with = "Option<Vec<Loss>>"))]
    pub accept_losses: Option<Vec<Spanned<Loss>>>,
    /// Additional rules by tool or by the name given to `--profile`.
    pub profiles: Option<BTreeMap<String, Layer>>,
}

/// The `env` section.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Env {
    /// Names, with `*`, that pass although a rule keeps them outside.
    #[cfg_attr(test, schemars(with = "Option<Vec<String>>"))]
    pub pass: List,
    /// Names, with `*`, that stay outside.
    #[cfg_attr(test, schemars(with = "Option<Vec<String>>"))]
    pub deny: List,
    /// Values given inside.
    #[cfg_attr(test, schemars(with = "Option<BTreeMap<String, String>>"))]
    pub set: Option<BTreeMap<String, Text>>,
}

/// The `resource_limits` section.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Limits {
    /// As in `4G`.
    #[cfg_attr(test, schemars(with = "Option<String>"))]
    pub max_memory: Option<Text>,
    /// Per cent of one processor.
    #[cfg_attr(test, schemars(with = "Option<u32>"))]
    pub max_cpu_percent: Option<Spanned<u32>>,
    /// Processes and threads.
    #[cfg_attr(test, schemars(with = "Option<u32>"))]
    pub max_pids: Option<Spanned<u32>>,
    /// Refuse to run where a ceiling cannot be enforced.
    #[cfg_attr(test, schemars(with = "Option<bool>"))]
    pub required: Option<Spanned<bool>>,
}

/// The `mask_stdout` section.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Mask {
    /// Names of built-in patterns.
    #[cfg_attr(test, schemars(with = "Option<Vec<String>>"))]
    pub presets: List,
    /// Own patterns.
    #[cfg_attr(test, schemars(with = "Option<Vec<MaskPattern>>"))]
    pub patterns: Option<Vec<Spanned<MaskPattern>>>,
}

/// One pattern of `mask_stdout`.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct MaskPattern {
    /// The regular expression.
    pub regex: String,
    /// How many characters of a match stay.
    #[serde(default)]
    pub show_prefix: u32,
    /// Whether case matters not.
    #[serde(default)]
    pub case_insensitive: bool,
}

/// The words of `exec`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub enum Exec {
    /// All but what `deny_exec` names.
    Denylist,
    /// Only what `allow_exec` lists.
    Allowlist,
}

/// The words of `network`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub enum Network {
    /// The host's network.
    Open,
    /// Only listed hosts.
    Filtered,
    /// Nothing.
    Off,
}

/// The words of `audit`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub enum Audit {
    /// Nothing is recorded.
    Off,
    /// Runs are recorded; one that cannot be is told and runs.
    On,
    /// Nothing runs that cannot be recorded.
    Required,
}

/// The `hook` section.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Hook {
    /// An agent's session that was not started in the sandbox: refused, or told so.
    #[cfg_attr(test, schemars(with = "Option<Outside>"))]
    pub outside: Option<Spanned<Outside>>,
}

/// The words of `hook: outside`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub enum Outside {
    /// The model is told, and what the rules deny is denied.
    Warn,
    /// Its prompts and tools are refused.
    Deny,
}

/// The words of `engine`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub enum Engine {
    /// The strongest that works here.
    Auto,
    /// Namespaces by our own system calls.
    Native,
    /// Landlock and seccomp only.
    Landlock,
    /// An account of its own, which `aigate setup` makes.
    User,
    /// The bubblewrap program.
    Bwrap,
    /// The macOS sandbox.
    Seatbelt,
}

/// The words of `accept_losses`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub enum Loss {
    /// Names, sizes and times of hidden files.
    Names,
    /// Hidden files that appear after the start.
    Later,
    /// What is protected or hidden in writable directories stays as it is.
    Protected,
    /// Modes, owners and times of files outside.
    Metadata,
    /// The host's processes are out of sight.
    Processes,
    /// Directories that everybody may write are out of reach.
    Shared,
}

/// One name or a list of names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Names(pub Vec<String>);

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrMany;
        impl<'de> Visitor<'de> for OneOrMany {
            type Value = Names;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name or a list of names")
            }
            fn visit_str<E>(self, name: &str) -> Result<Names, E> {
                Ok(Names(vec![name.to_owned()]))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Names, A::Error> {
                let mut names = Vec::new();
                while let Some(name) = list.next_element::<String>()? {
                    names.push(name);
                }
                Ok(Names(names))
            }
        }
        deserializer.deserialize_any(OneOrMany)
    }
}

/// A text that stands in no file, as a flag has it.
#[must_use]
pub fn typed(text: impl Into<String>) -> Text {
    Spanned::new(text.into(), Location::UNKNOWN, Location::UNKNOWN)
}

/// Reads a file's text. An empty file is a valid file without rules.
///
/// # Errors
/// What the YAML reader found wrong, with its place.
pub fn parse(text: &str) -> Result<Layer, serde_saphyr::Error> {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_events: 200_000,
            max_depth: 16,
            max_documents: 1,
            max_nodes: 100_000,
            max_aliases: 1_000,
            max_total_scalar_bytes: 1 << 20,
        },
        strict_booleans: true,
    };
    let layer: Option<Layer> = serde_saphyr::from_str_with_options(text, options)?;
    Ok(layer.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    impl schemars::JsonSchema for Names {
        fn schema_name() -> std::borrow::Cow<'static, str> {
            "Names".into()
        }
        fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
            let list = schemars::json_schema!({"type": "array", "items": {"type": "string"}});
            schemars::json_schema!({"anyOf": [{"type": "string"}, list]})
        }
    }

    /// Set `UPDATE=1` to write it anew.
    #[test]
    fn the_schema_in_the_tree_is_that_of_the_types() {
        let mut schema = schemars::schema_for!(Layer);
        schema.insert("title".to_owned(), "aigate configuration".into());
        let text = format!("{:#}\n", schema.as_value());
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/src/config/schema.json");
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(file, &text).expect("schema");
        }
        assert!(
            text == include_str!("schema.json"),
            "run the tests once with UPDATE=1"
        );
    }
}
