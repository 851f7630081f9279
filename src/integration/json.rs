//! Changes JSON, with or without comments, in its concrete syntax tree.

use jsonc_parser::ParseOptions;
use jsonc_parser::cst::{CstArray, CstInputValue, CstNode, CstObject, CstObjectProp, CstRootNode};
use serde_json::{Map, Value};

use super::edit::{Edit, Format, Refused};

/// What the agents' own readers take, and no more.
fn options(format: Format) -> ParseOptions {
    let comments = format == Format::Jsonc;
    ParseOptions {
        allow_comments: comments,
        allow_trailing_commas: comments,
        allow_loose_object_property_names: false,
        allow_missing_commas: false,
        allow_single_quoted_strings: false,
        allow_hexadecimal_numbers: false,
        allow_unary_plus_numbers: false,
        allow_bare_decimal_point_numbers: false,
        allow_non_finite_numbers: false,
        allow_extended_string_escapes: false,
    }
}

/// The value of a text; one without any value is an empty object.
pub(super) fn value(text: &str, format: Format) -> Result<Value, Refused> {
    let invalid = |why: String| Refused::Invalid(why);
    if format == Format::Json && !text.trim().is_empty() {
        // The parser below is lenient about what a string may contain.
        serde_json::from_str::<Value>(text).map_err(|why| invalid(why.to_string()))?;
    }
    let root =
        CstRootNode::parse(text, &options(format)).map_err(|why| invalid(why.to_string()))?;
    let Some(node) = root.value() else {
        return Ok(Value::Object(Map::new()));
    };
    no_key_twice(&node)?;
    let value = node.to_serde_value();
    value.ok_or_else(|| invalid("it has no value".to_owned()))
}

/// Of two equal keys, readers take one or the other: which one we would change is a guess.
fn no_key_twice(node: &CstNode) -> Result<(), Refused> {
    if let Some(object) = node.as_object() {
        let mut seen = std::collections::HashSet::new();
        for property in object.properties() {
            let name = property.decoded_name().unwrap_or_default();
            if !seen.insert(name.clone()) {
                return Err(Refused::Twice(name));
            }
        }
    }
    node.children().iter().try_for_each(no_key_twice)
}

pub(super) fn put(text: &str, format: Format, edit: &Edit) -> Option<String> {
    let root = CstRootNode::parse(text, &options(format)).ok()?;
    let object = match root.object_value() {
        Some(object) => object,
        None if root.value().is_none() => {
            root.set_value(CstInputValue::Object(Vec::new()));
            root.object_value()?
        }
        None => return None,
    };
    let (last, parents) = edit.keys().split_last()?;
    let parent = parents
        .iter()
        .try_fold(object, |object, key| match object.get(key) {
            Some(property) => property.object_value(),
            None => object.object_value_or_create(key),
        })?;
    match edit {
        Edit::Append { item, .. } => {
            let list = match parent.get(last) {
                Some(property) => property.array_value()?,
                None => parent.array_value_or_create(last)?,
            };
            list.append(input(item));
        }
        Edit::Set { value, .. } => _ = parent.append(last, input(value)),
        Edit::Write { .. } => return None,
    }
    Some(root.to_string())
}

pub(super) fn take(text: &str, format: Format, edit: &Edit, levels: usize) -> Option<String> {
    let root = CstRootNode::parse(text, &options(format)).ok()?;
    let keys = edit.keys();
    let property = property(&root.object_value()?, keys)?;
    let (first, depth) = match edit {
        Edit::Append { item, .. } => (Gone::Item(property, item), keys.len()),
        Edit::Set { .. } => (Gone::Property(property), keys.len() - 1),
        Edit::Write { .. } => return None,
    };
    if levels == 0 {
        first.remove()?;
    } else {
        // The outermost container takes what is in it along.
        Gone::Property(self::property(
            &root.object_value()?,
            &keys[..=depth - levels],
        )?)
        .remove()?;
    }
    Some(root.to_string())
}

enum Gone<'a> {
    Item(CstObjectProp, &'a Value),
    Property(CstObjectProp),
}

impl Gone<'_> {
    fn remove(self) -> Option<()> {
        match self {
            Gone::Property(property) => property.remove(),
            Gone::Item(property, item) => {
                let list: CstArray = property.array_value()?;
                let same = |node: &CstNode| node.to_serde_value().as_ref() == Some(item);
                list.elements().into_iter().find(same)?.remove();
            }
        }
        Some(())
    }
}

fn property(object: &CstObject, keys: &[String]) -> Option<CstObjectProp> {
    let (last, parents) = keys.split_last()?;
    let parent = parents.iter().try_fold(object.clone(), |object, key| {
        object.get(key)?.object_value()
    })?;
    parent.get(last)
}

fn input(value: &Value) -> CstInputValue {
    match value {
        Value::Null => CstInputValue::Null,
        Value::Bool(truth) => CstInputValue::Bool(*truth),
        Value::Number(number) => CstInputValue::Number(number.to_string()),
        Value::String(text) => CstInputValue::String(text.clone()),
        Value::Array(list) => CstInputValue::Array(list.iter().map(input).collect()),
        Value::Object(object) => CstInputValue::Object(
            object
                .iter()
                .map(|(key, value)| (key.clone(), input(value)))
                .collect(),
        ),
    }
}
