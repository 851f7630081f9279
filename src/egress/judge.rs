//! Endpoints and addresses against the rules.

use std::net::IpAddr;

use super::event::Reason;
use super::guard;
use crate::policy::net::{Decision, Host, NetRule, decide};
use crate::policy::origin::Origin;
use crate::policy::reach;

/// Why an endpoint may not be reached, and by which rule.
pub(super) type Refusal = (Reason, Option<Origin>);

/// Judges what the program inside asked for.
pub(super) fn endpoint(rules: &[NetRule], host: &Host, port: u16) -> Result<(), Refusal> {
    if host.is_loopback() && reach::host_service(rules, port).is_some() {
        return Ok(());
    }
    match decide(rules, host, port) {
        Decision::Allow(_) => match host {
            Host::Ip(ip) => address(rules, *ip, port),
            Host::Name(_) => Ok(()),
        },
        Decision::Deny(Some(rule)) if !rule.allows => {
            Err((Reason::Denied, Some(rule.origin.clone())))
        }
        Decision::Deny(rule) => Err((Reason::NotAllowed, rule.map(|rule| rule.origin.clone()))),
    }
}

/// Judges an address that an allowed name led to.
pub(super) fn address(rules: &[NetRule], address: IpAddr, port: u16) -> Result<(), Refusal> {
    let address = address.to_canonical();
    let host = Host::Ip(address);
    if let Decision::Deny(Some(rule)) = decide(rules, &host, port)
        && !rule.allows
    {
        return Err((Reason::Denied, Some(rule.origin.clone())));
    }
    let Some(class) = guard::class(address) else {
        return Ok(());
    };
    let names = |rule: &NetRule| rule.allows && rule.names_address() && rule.matches(&host, port);
    let service = address.is_loopback() && reach::host_service(rules, port).is_some();
    if service || rules.iter().any(names) {
        Ok(())
    } else {
        Err((Reason::Guarded(address, class), None))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::egress::guard::Class;
    use crate::policy::origin::Layer;

    /// Rules that allow these and deny those that start with `!`.
    pub(in crate::egress) fn rules(texts: &[&str]) -> Vec<NetRule> {
        let rule = |(text, group): (&&str, u16)| {
            let denied = text.strip_prefix('!');
            let text = denied.unwrap_or(text);
            let origin = Origin::without_file(Layer::User, text);
            NetRule::parse(text, denied.is_none(), group, origin).expect("rule")
        };
        texts.iter().zip(0..).map(rule).collect()
    }

    fn ask(texts: &[&str], host: &str, port: u16) -> Option<Reason> {
        let host = Host::parse(host).expect("host");
        endpoint(&rules(texts), &host, port)
            .err()
            .map(|(reason, _)| reason)
    }

    #[test]
    fn an_endpoint_needs_a_rule() {
        assert_eq!(ask(&["a.example:443"], "a.example", 443), None);
        assert_eq!(
            ask(&["a.example:443"], "a.example", 80),
            Some(Reason::NotAllowed)
        );
        assert_eq!(
            ask(&["*", "!b.example"], "b.example", 80),
            Some(Reason::Denied)
        );
        assert_eq!(ask(&["localhost:1"], "127.0.0.1", 1), None);
        assert_eq!(
            ask(&["localhost:1"], "127.0.0.1", 2),
            Some(Reason::NotAllowed)
        );
        assert_eq!(ask(&["*"], "8.8.8.8", 2), None);
    }

    #[test]
    fn a_special_address_needs_a_rule_of_its_own() {
        let guarded = |texts: &[&str], ip: &str, port| {
            let ip = ip.parse().expect("address");
            address(&rules(texts), ip, port)
                .err()
                .map(|(reason, _)| reason)
        };
        let private = "10.0.0.1".parse().expect("address");
        let refused = Some(Reason::Guarded(private, Class::Private));
        assert_eq!(guarded(&["a.example"], "10.0.0.1", 443), refused);
        assert_eq!(guarded(&["*"], "::ffff:10.0.0.1", 443), refused);
        assert_eq!(guarded(&["10.0.0.0/8"], "10.0.0.1", 443), None);
        assert_eq!(guarded(&["10.0.0.1:22"], "10.0.0.1", 443), refused);
        assert_eq!(guarded(&["localhost:443"], "127.0.0.1", 443), None);
        assert!(guarded(&["localhost:443"], "127.0.0.1", 80).is_some());
        assert_eq!(
            guarded(&["a.example", "!8.8.8.8"], "8.8.8.8", 80),
            Some(Reason::Denied)
        );
        assert_eq!(guarded(&["a.example"], "8.8.8.8", 80), None);
        assert!(ask(&["*"], "169.254.169.254", 80).is_some());
    }
}
