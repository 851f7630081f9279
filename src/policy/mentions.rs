//! The hosts that a text mentions: in URLs, or as names of their own.

use super::net::Host;

/// What surrounds a host or URL in the output of programs: JSON, TOML, shell and comma lists.
const AROUND: &[char] = &[
    ',', '|', ';', '"', '\'', '`', '=', '<', '>', '(', ')', '{', '}',
];

/// The ports of schemes that say so by their name alone.
const PORTS: [(&str, u16); 4] = [("https", 443), ("http", 80), ("ssh", 22), ("git", 9418)];

/// The endpoints that a text mentions, as rules that open them and no more, in order and each once.
/// Credentials in URLs are left behind, as are words that name no host outside.
#[must_use]
pub fn endpoints(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for word in text.split(|c: char| c.is_whitespace() || AROUND.contains(&c)) {
        let endpoint = match word.split_once("://") {
            Some((scheme, rest)) => of_url(scheme, rest),
            None => of_name(word),
        };
        found.extend(endpoint.filter(|endpoint| !found.contains(endpoint)));
    }
    found
}

fn of_url(scheme: &str, rest: &str) -> Option<String> {
    // As in `sparse+https`: how it is spoken comes last.
    let scheme = scheme.rsplit('+').next()?.to_ascii_lowercase();
    let authority = rest.split(['/', '?', '#', '\\']).next()?;
    let place = authority.rsplit('@').next()?;
    let (host, port) = split_port(place)?;
    let usual = PORTS.iter().find(|(name, _)| *name == scheme);
    rule(&Host::parse(host)?, port.or(usual.map(|(_, port)| *port))?)
}

/// A name alone is one only with a dot and an ending of letters: `1.2.3` and `off` are none.
fn of_name(word: &str) -> Option<String> {
    let (host, port) = split_port(word.trim_end_matches('.'))?;
    let Some(Host::Name(name)) = Host::parse(host) else {
        return None;
    };
    let (_, ending) = name.rsplit_once('.')?;
    let letters = ending.starts_with("xn--") || ending.bytes().all(|b| b.is_ascii_alphabetic());
    if !letters || name.contains('_') {
        return None;
    }
    rule(&Host::Name(name), port.unwrap_or(443))
}

fn split_port(place: &str) -> Option<(&str, Option<u16>)> {
    if place.ends_with(']') {
        return Some((place, None));
    }
    match place.rsplit_once(':') {
        None => Some((place, None)),
        Some((host, "")) => Some((host, None)),
        Some((host, port)) => Some((host, Some(port.parse().ok().filter(|port| *port != 0)?))),
    }
}

fn rule(host: &Host, port: u16) -> Option<String> {
    Some(match host {
        Host::Ip(ip) if ip.is_ipv6() => format!("[{ip}]:{port}"),
        host => format!("{host}:{port}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_opens_its_host_on_its_port() {
        for (text, rule) in [
            ("https://a.example/", "a.example:443"),
            ("http://a.example/x/y?z#w", "a.example:80"),
            ("HTTPS://A.Example.", "a.example:443"),
            ("sparse+https://a.example/index/", "a.example:443"),
            ("git+ssh://git@a.example/x", "a.example:22"),
            ("https://a.example:8443/x", "a.example:8443"),
            ("https://a.example:/x", "a.example:443"),
            ("http://localhost:4873/", "localhost:4873"),
            ("http://192.0.2.1:8081/", "192.0.2.1:8081"),
            ("https://[2001:db8::1]/", "[2001:db8::1]:443"),
            ("https://[2001:db8::1]:1/", "[2001:db8::1]:1"),
        ] {
            assert_eq!(endpoints(text), [rule], "{text}");
        }
    }

    #[test]
    fn credentials_stay_behind() {
        let text = "https://user:hunter2@a.example/x https://u:p@q@b.example:8/ //c:d@e";
        assert_eq!(endpoints(text), ["a.example:443", "b.example:8"]);
    }

    #[test]
    fn the_forms_in_which_managers_answer_are_read() {
        for (text, rules) in [
            (
                "https://a.example|https://b.example/x,direct\n",
                &["a.example:443", "b.example:443"][..],
            ),
            (
                "sum.a.example+033d+x sum.b.example\n",
                &["sum.b.example:443"],
            ),
            (
                "{\"dl\": \"https://dl.example:443/x/{crate}\",\n \"api\":\"https://a.example\"}",
                &["dl.example:443", "a.example:443"],
            ),
            (
                "; \"user\" config\n@x:registry = \"http://a.example/\"\n",
                &["a.example:80"],
            ),
            (
                "global.index-url='https://a.example/simple'\n",
                &["a.example:443"],
            ),
            (
                "https://a.example/x files.b.example\n",
                &["a.example:443", "files.b.example:443"],
            ),
            (
                "a.example\na.example\nhttps://a.example\n",
                &["a.example:443"],
            ),
        ] {
            assert_eq!(endpoints(text), rules, "{text}");
        }
    }

    #[test]
    fn what_is_no_host_opens_nothing() {
        for text in [
            "",
            "off direct undefined null",
            "1.2.3 v1.2 10.0.0.1",
            "file:///srv/index",
            "https:// https:///x https://:8/ https://*/ https://*.example/",
            "https://a.example:0/ https://a.example:99999/ https://a.example:x/",
            "odd+scheme://a.example/",
            "a/b.example ~/x.example user@a.example",
            "_x.example -a.example a..example",
            "https://a b https://a\u{e9}.example/",
        ] {
            let rules: Vec<_> = endpoints(text)
                .into_iter()
                .filter(|r| r != "a:443")
                .collect();
            assert!(rules.is_empty(), "{text}: {rules:?}");
        }
    }
}
