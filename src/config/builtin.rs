//! The files that are part of the program, read without the YAML reader.
//!
//! Their form is known: keys, lists of plain or quoted items, one section. Reading them line by
//! line costs a tenth of parsing them, at every start of a program. A test compares the results.

use super::raw::{self, Env, Layer, List};
use super::source::Source;
use crate::policy;
use std::path::Path;

/// The file that `init` writes and that gives every missing key its value.
pub const DEFAULT: &str = include_str!("default.yaml");

/// What no file and no flag takes away.
pub const CORE: &str = include_str!("core.yaml");

/// Makes a layer of a built-in text.
#[must_use]
pub fn source(layer: policy::Layer, text: &str, base: &Path) -> Source {
    Source {
        layer,
        file: None,
        base: base.to_path_buf(),
        trusted: true,
        text: String::new(),
        raw: read(text),
    }
}

fn read(text: &str) -> Layer {
    let mut layer = Layer::default();
    let mut key = "";
    let mut items = Vec::new();
    for line in text.lines() {
        let entry = line.trim_start();
        if let Some(item) = entry.strip_prefix("- ") {
            items.push(unquoted(item));
        } else if let Some((next, _)) = entry.split_once(':')
            && !next.starts_with('#')
        {
            fill(&mut layer, key, &mut items);
            key = next;
        }
    }
    fill(&mut layer, key, &mut items);
    layer
}

fn fill(layer: &mut Layer, key: &str, items: &mut Vec<&str>) {
    let items = items.drain(..);
    if items.len() > 0
        && let Some(list) = slot(layer, key)
    {
        *list = Some(items.map(raw::typed).collect());
    }
}

/// The list of a key; none for what is not a list. `network: filtered` and `exec: denylist` need no
/// reading: they are what a policy starts from.
fn slot<'l>(layer: &'l mut Layer, key: &str) -> Option<&'l mut List> {
    match key {
        "deny_read" => Some(&mut layer.deny_read),
        "deny_write" => Some(&mut layer.deny_write),
        "copy_on_write" => Some(&mut layer.copy_on_write),
        "deny_exec" => Some(&mut layer.deny_exec),
        "deny" => Some(&mut layer.env.get_or_insert_with(Env::default).deny),
        _ => None,
    }
}

fn unquoted(item: &str) -> &str {
    let inner = item
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    inner.unwrap_or(item)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The values without their places, and everything else in one text.
    fn values(mut layer: Layer) -> (Vec<Vec<String>>, String) {
        let env = layer.env.take().unwrap_or_default();
        assert!(env.pass.is_none() && env.set.is_none());
        let lists = [
            layer.deny_read.take(),
            layer.deny_write.take(),
            layer.copy_on_write.take(),
            layer.deny_exec.take(),
            env.deny,
        ];
        let texts = |list: List| list.unwrap_or_default().into_iter().map(|item| item.value);
        (
            lists.map(|list| texts(list).collect()).into(),
            format!("{layer:?}"),
        )
    }

    #[test]
    fn the_short_reader_reads_what_the_yaml_reader_reads() {
        for text in [DEFAULT, CORE] {
            let mut whole = raw::parse(text).expect("valid YAML");
            let network = whole.network.take().map(|network| network.value);
            assert!(network.is_none_or(|network| network == raw::Network::Filtered));
            let exec = whole.exec.take().map(|exec| exec.value);
            assert!(exec.is_none_or(|exec| exec == raw::Exec::Denylist));
            assert_eq!(values(read(text)), values(whole));
        }
    }
}
