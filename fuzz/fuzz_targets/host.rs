//! Any host rule and any host: a rule that was read again from its own text means the same.
#![no_main]

use aigate::policy::net::decide;
use aigate::policy::{Host, Layer, NetRule, Origin};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&str, &str, u16)| {
    let (rule, host, port) = input;
    let Some(host) = Host::parse(host) else { return };
    // The canonical form is a fixed point.
    assert_eq!(Host::parse(&host.to_string()), Some(host.clone()));
    let origin = Origin::without_file(Layer::User, rule);
    if let Ok(rule) = NetRule::parse(rule, true, 0, origin) {
        let rules = [rule];
        let matches = rules[0].matches(&host, port);
        let allowed = matches!(decide(&rules, &host, port), aigate::policy::Decision::Allow(_));
        assert_eq!(matches, allowed);
    }
});
