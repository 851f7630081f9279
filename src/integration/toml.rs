//! Changes TOML and keeps what is around the change.

use serde_json::{Map, Value};
use toml_edit::{Array, DocumentMut, InlineTable, Item, Table, TableLike, Value as Toml};

use super::edit::{Edit, Refused};

/// The value of a text.
pub(super) fn value(text: &str) -> Result<Value, Refused> {
    let document = parse(text).map_err(|why| Refused::Invalid(why.trim().to_owned()))?;
    Ok(of_table(document.as_table()))
}

fn parse(text: &str) -> Result<DocumentMut, String> {
    text.parse::<DocumentMut>().map_err(|why| why.to_string())
}

fn of_table(table: &dyn TableLike) -> Value {
    let members = table.iter();
    let members = members.map(|(key, item)| (key.to_owned(), of_item(item)));
    Value::Object(members.collect::<Map<_, _>>())
}

fn of_item(item: &Item) -> Value {
    match item {
        Item::None => Value::Null,
        Item::Value(value) => of_value(value),
        Item::Table(table) => of_table(table),
        Item::ArrayOfTables(list) => list.iter().map(|table| of_table(table)).collect(),
    }
}

fn of_value(value: &Toml) -> Value {
    match value {
        Toml::String(text) => Value::from(text.value().as_str()),
        Toml::Integer(number) => Value::from(*number.value()),
        Toml::Float(number) => Value::from(*number.value()),
        Toml::Boolean(truth) => Value::from(*truth.value()),
        Toml::Datetime(time) => Value::from(time.value().to_string()),
        Toml::Array(list) => list.iter().map(of_value).collect(),
        Toml::InlineTable(table) => of_table(table),
    }
}

pub(super) fn put(text: &str, edit: &Edit) -> Option<String> {
    let mut document = parse(text).ok()?;
    let (last, parents) = edit.keys().split_last()?;
    let parent = reach(document.as_item_mut(), parents)?;
    match edit {
        Edit::Append { item, .. } => match parent.entry(last).or_insert(empty_list(item)) {
            Item::ArrayOfTables(list) => list.push(table(item)?),
            Item::Value(Toml::Array(list)) => list.push(input(item)?),
            _ => return None,
        },
        Edit::Set { value, .. } => _ = parent.insert(last, Item::Value(input(value)?)),
        Edit::Write { .. } => return None,
    }
    Some(with_line_ends_of(text, document.to_string()))
}

pub(super) fn take(text: &str, edit: &Edit, levels: usize) -> Option<String> {
    let mut document = parse(text).ok()?;
    let keys = edit.keys();
    let (last, parents) = keys.split_last()?;
    if let Edit::Append { item, .. } = edit {
        match reach(document.as_item_mut(), parents)?.get_mut(last)? {
            Item::ArrayOfTables(list) => {
                let at = list.iter().position(|known| of_table(known) == *item)?;
                list.remove(at);
            }
            Item::Value(Toml::Array(list)) => {
                let at = list.iter().position(|known| of_value(known) == *item)?;
                list.remove(at);
            }
            _ => return None,
        }
    } else {
        reach(document.as_item_mut(), parents)?.remove(last)?;
    }
    let first = match edit {
        Edit::Append { .. } => keys,
        _ => parents,
    };
    for level in 0..levels {
        let (last, parents) = first[..first.len() - level].split_last()?;
        reach(document.as_item_mut(), parents)?.remove(last)?;
    }
    Some(with_line_ends_of(text, document.to_string()))
}

/// Tables that are made on the way show only as a part of the name of what is in them.
fn reach<'d>(root: &'d mut Item, keys: &[String]) -> Option<&'d mut dyn TableLike> {
    let mut here = root;
    for key in keys {
        let made = || {
            let mut table = Table::new();
            table.set_implicit(true);
            Item::Table(table)
        };
        here = here.as_table_like_mut()?.entry(key).or_insert_with(made);
    }
    here.as_table_like_mut()
}

fn empty_list(item: &Value) -> Item {
    if item.is_object() {
        Item::ArrayOfTables(toml_edit::ArrayOfTables::new())
    } else {
        Item::Value(Toml::Array(Array::new()))
    }
}

fn table(value: &Value) -> Option<Table> {
    let members = value.as_object()?.iter();
    members
        .map(|(key, value)| Some((key.clone(), Item::Value(input(value)?))))
        .collect()
}

fn input(value: &Value) -> Option<Toml> {
    Some(match value {
        Value::Null => return None,
        Value::Bool(truth) => Toml::from(*truth),
        Value::Number(number) => match number.as_i64() {
            Some(whole) => Toml::from(whole),
            None => Toml::from(number.as_f64()?),
        },
        Value::String(text) => Toml::from(text.as_str()),
        Value::Array(list) => Toml::Array(list.iter().map(input).collect::<Option<Array>>()?),
        Value::Object(object) => {
            let members = object.iter();
            let members = members.map(|(key, value)| Some((key.clone(), input(value)?)));
            Toml::InlineTable(members.collect::<Option<InlineTable>>()?)
        }
    })
}

/// The editor writes LF only.
fn with_line_ends_of(before: &str, after: String) -> String {
    if before.contains("\r\n") && !before.replace("\r\n", "").contains('\n') {
        after.replace("\r\n", "\n").replace('\n', "\r\n")
    } else {
        after
    }
}
