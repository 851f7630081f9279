//! The variables.

use super::super::error::Error;
use super::super::raw::List;
use super::super::source::Source;
use super::{Merge, stands_for_defaults};
use crate::policy::glob::Glob;
use crate::policy::{Layer, Network, Origin, env};

impl Merge<'_> {
    pub(super) fn env(
        &mut self,
        group: u16,
        source: &Source,
        with_denials: bool,
    ) -> Result<(), Error> {
        let Some(env) = &source.raw.env else {
            return Ok(());
        };
        if with_denials {
            self.variables(group, source, (&env.deny, "env.deny"), false)?;
        }
        self.variables(group, source, (&env.pass, "env.pass"), true)?;
        for (name, value) in env.set.iter().flatten() {
            if name.is_empty() || name.contains(['=', '\0']) || value.value.contains('\0') {
                return Err(source.wrong(value, format!("`{name}` cannot be a variable")));
            }
            self.note_refusal(source, value, &format!("env.set: {name}"));
            if source.trusted {
                let origin = source.origin(value, &format!("{name}={}", value.value));
                let value = value.value.clone().into();
                self.set.push((name.into(), value, origin));
            }
        }
        Ok(())
    }

    pub(super) fn variables(
        &mut self,
        group: u16,
        source: &Source,
        (list, key): (&List, &str),
        allows: bool,
    ) -> Result<(), Error> {
        for item in list.iter().flatten() {
            if stands_for_defaults(source, item, !allows)? {
                continue;
            }
            let (negated, name) = match item.value.strip_prefix('!') {
                Some(rest) => (true, rest),
                None => (false, item.value.as_str()),
            };
            if name.is_empty() || name.contains(['=', '\0']) {
                return Err(source.wrong(item, "this names no variable".to_owned()));
            }
            let glob = Glob::parse(name)
                .map_err(|_| source.wrong(item, "the wildcard syntax is broken".to_owned()))?;
            let origin = source.origin(item, &item.value);
            let allows = allows || negated;
            if allows {
                self.note_refusal(source, item, key);
            }
            self.env.push(env::Rule {
                glob,
                allows,
                group,
                overrules: source.trusted,
                origin,
            });
        }
        Ok(())
    }

    /// Where the network is not the host's, the broker goes through the host's proxy, and inside it is
    /// out of reach: who looked for it there would reach nothing.
    pub(super) fn close_proxies(&mut self) {
        if self.network.0 == Network::Open {
            return;
        }
        let rules = env::PROXIES.into_iter().filter_map(|name| {
            Some(env::Rule {
                glob: Glob::parse(name).ok()?,
                allows: false,
                group: 0,
                overrules: true,
                origin: Origin::without_file(Layer::Default, name),
            })
        });
        self.env.splice(0..0, rules);
    }
}
