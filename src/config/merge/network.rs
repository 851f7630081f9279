//! The network: its mode, and the lists of hosts.

use super::super::error::Error;
use super::super::key::Key;
use super::super::raw;
use super::super::source::Source;
use super::Merge;
use crate::policy::net::{HostPattern, NetRule};
use crate::policy::{Layer, Network, Origin};

impl Merge<'_> {
    pub(super) fn network(&mut self, group: u16, source: &Source) -> Result<(), Error> {
        let raw = &source.raw;
        let default_is_replaced = source.layer == Layer::Default && self.replaced.network;
        if let Some(mode) = &raw.network
            && !default_is_replaced
        {
            let word = Network::from(mode.value);
            let origin = source.origin(mode, &format!("network: {}", word.word()));
            if source.trusted || word >= self.network.0 {
                self.restrict(word, origin);
            } else {
                self.refused.push(origin);
            }
        } else if let Some(list) = &raw.allow_net
            && matches!(source.layer, Layer::User | Layer::Managed)
        {
            // Whoever lists hosts wants the others shut, as upstream did; and an empty list must
            // not mean everything.
            let origin = match list.first() {
                Some(item) => source.origin(item, "allow_net"),
                None => Origin {
                    file: source.file.clone(),
                    ..Origin::without_file(source.layer, "allow_net: []")
                },
            };
            self.restrict(Network::Filtered, origin);
        }
        self.hosts(group, source, Key::DenyNet)?;
        self.hosts(group, source, Key::AllowNet)
    }

    /// The strictest word of all files holds; the built-in one only where no file has any.
    pub(super) fn restrict(&mut self, network: Network, origin: Origin) {
        if network > self.network.0 || self.network.1.layer == Layer::Default {
            self.network = (network, origin);
        }
    }

    pub(super) fn hosts(&mut self, group: u16, source: &Source, key: Key) -> Result<(), Error> {
        for item in key.of(&source.raw).iter().flatten() {
            let origin = source.origin(item, &item.value);
            let rule = NetRule::parse(&item.value, key.allows(), group, origin)
                .map_err(|e| source.wrong(item, e.to_string()))?;
            if !key.allows() || source.trusted {
                self.net.push(rule);
            } else {
                self.note_refusal(source, item, key.name());
            }
        }
        Ok(())
    }

    /// A denied host needs the filter; then everything else stays reachable through it.
    pub(super) fn close_network(&mut self) {
        if self.network.0 != Network::Open {
            return;
        }
        let Some(deny) = self.net.iter().find(|rule| !rule.allows) else {
            return;
        };
        let origin = deny.origin.clone();
        // It restates an open network and is nobody's list: in the managed layer it would be a ceiling.
        let any = NetRule {
            host: HostPattern::Any,
            port: None,
            allows: true,
            group: 0,
            origin: Origin {
                layer: Layer::Default,
                ..self.network.1.clone()
            },
        };
        self.network = (Network::Filtered, origin);
        self.net.insert(0, any);
    }
}

impl From<raw::Network> for Network {
    fn from(word: raw::Network) -> Network {
        match word {
            raw::Network::Open => Network::Open,
            raw::Network::Filtered => Network::Filtered,
            raw::Network::Off => Network::Off,
        }
    }
}
