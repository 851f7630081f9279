//! What a profile says about one act, as the system would: of the rules that name the very operation
//! the last that fits decides, then of those that name its family; what nothing fits is denied.

use std::cell::RefCell;
use std::collections::HashMap;

use regex_automata::dfa::{dense, regex::Regex};
use regex_automata::util::syntax;

use super::reader::{Expression, read};

pub(crate) struct Judge {
    rules: Vec<Vec<Expression>>,
    expressions: RefCell<HashMap<String, Regex>>,
}

/// Something that is done to a path, or to something with a name.
#[derive(Clone, Copy)]
pub(crate) struct Act<'a> {
    pub(crate) operation: &'a str,
    pub(crate) path: &'a str,
    pub(crate) is_dir: bool,
    /// What filters without a path ask for: `target same-sandbox`, `remote ip localhost:80`.
    pub(crate) about: &'a str,
}

impl Judge {
    pub(crate) fn of(profile: &str) -> Judge {
        let all = read(profile).unwrap_or_else(|| panic!("no profile: {profile}"));
        let rules = all.into_iter().map(|rule| match rule {
            Expression::List(list) => list,
            other => panic!("no rule: {other:?}"),
        });
        Judge {
            rules: rules.collect(),
            expressions: RefCell::default(),
        }
    }

    pub(crate) fn allows(&self, act: Act<'_>) -> bool {
        let family = act
            .operation
            .split('-')
            .take(2)
            .collect::<Vec<_>>()
            .join("-")
            + "*";
        for name in [act.operation, &family] {
            let named = |rule: &&Vec<Expression>| {
                rule.contains(&Expression::Word(name.to_owned())) && self.fits(rule, act)
            };
            if let Some(rule) = self.rules.iter().rfind(named) {
                return rule[0] == Expression::Word("allow".into());
            }
        }
        false
    }

    fn fits(&self, rule: &[Expression], act: Act<'_>) -> bool {
        let is_filter = |one: &&Expression| matches!(one, Expression::List(_));
        let mut filters = rule.iter().filter(is_filter).peekable();
        filters.peek().is_none() || filters.any(|filter| self.filter(filter, act))
    }

    fn filter(&self, filter: &Expression, act: Act<'_>) -> bool {
        let Expression::List(list) = filter else {
            panic!("no filter: {filter:?}");
        };
        let words: Vec<_> = list
            .iter()
            .map(|one| match one {
                Expression::Word(text) | Expression::Text(text) => &**text,
                Expression::List(_) => "",
            })
            .collect();
        let path = act.path;
        match words[..] {
            ["require-any", ..] => list[1..].iter().any(|one| self.filter(one, act)),
            ["require-all", ..] => list[1..].iter().all(|one| self.filter(one, act)),
            ["require-not", _] => !self.filter(&list[1], act),
            ["literal", whole] => path == whole,
            ["subpath", tree] => std::path::Path::new(path).starts_with(tree),
            ["regex", expression] => self.finds(expression, path),
            ["vnode-type", "DIRECTORY"] => act.is_dir,
            _ => words.join(" ") == act.about,
        }
    }

    fn finds(&self, expression: &str, path: &str) -> bool {
        let mut known = self.expressions.borrow_mut();
        let compile = || {
            let bytes = syntax::Config::new().unicode(false).utf8(false);
            Regex::builder()
                .syntax(bytes.dot_matches_new_line(true))
                .dense(dense::Config::new())
                .build(expression)
                .unwrap_or_else(|why| panic!("{expression}: {why}"))
        };
        let regex = known.entry(expression.to_owned()).or_insert_with(compile);
        regex.is_match(path.as_bytes())
    }
}
