use super::*;

fn ask(name: &str, kind: u16) -> Vec<u8> {
    question(7, name, kind)
}

fn parsed(name: &str, kind: u16) -> Query {
    query(&ask(name, kind)).expect("a query")
}

#[test]
fn a_question_is_read_and_answered() {
    let query = parsed("API.Example", A);
    assert_eq!(query.name.as_deref(), Some("api.example"));
    let v4 = Ipv4Addr::new(198, 18, 1, 0);
    let bytes = answer(&query, &Answer::Addresses(Some(v4), None));
    assert_eq!(
        reply(&bytes, &ask("api.example", A)),
        Some(Reply::Addresses(vec![v4.into()], TTL))
    );
    let none = answer(
        &parsed("a.example", AAAA),
        &Answer::Addresses(Some(v4), None),
    );
    assert_eq!(
        reply(&none, &ask("a.example", AAAA)),
        Some(Reply::Addresses(vec![], 0))
    );
    let denied = answer(&query, &Answer::NoSuchName("not in allow_net".into()));
    assert_eq!(
        reply(&denied, &ask("api.example", A)),
        Some(Reply::NoSuchName)
    );
    assert!(denied.windows(16).any(|w| w == b"not in allow_net"));
    let failed = answer(&query, &Answer::Failed("late".into()));
    assert_eq!(
        reply(&failed, &ask("api.example", A)),
        Some(Reply::Failed(2))
    );
}

#[test]
fn a_reply_to_another_question_is_none() {
    let query = parsed("a.example", A);
    let bytes = answer(&query, &Answer::Empty);
    assert!(reply(&bytes, &ask("a.example", A)).is_some());
    assert!(reply(&bytes, &ask("b.example", A)).is_none());
    assert!(reply(&bytes, &ask("a.example", AAAA)).is_none());
    assert!(reply(&bytes, &question(8, "a.example", A)).is_none());
    assert!(reply(&ask("a.example", A), &ask("a.example", A)).is_none());
}

/// A question whose name has exactly these labels, whatever is in them.
fn raw(labels: &[&[u8]]) -> Vec<u8> {
    let mut bytes = vec![0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in labels {
        bytes.push(label.len() as u8);
        bytes.extend(*label);
    }
    bytes.extend([0, 0, 1, 0, 1]);
    bytes
}

#[test]
fn odd_names_are_nobodys() {
    let long = [b'a'; 63];
    for labels in [
        &[&b"a.b"[..], b"example"][..],
        &[b"a\0b", b"example"],
        &[b"a b"],
        &[b"\xc3\xbc"],
        &[],
    ] {
        let query = query(&raw(labels)).expect("a query");
        assert_eq!(query.name, None, "{labels:?}");
    }
    assert!(query(&raw(&[&long, &long, &long, &long[..61]])).is_ok());
    let refused = query(&raw(&[&long, &long, &long, &long[..62]]));
    assert!(matches!(refused, Err(Some(_))), "{refused:?}");
    let mut pointer = raw(&[]);
    pointer[12] = 0xc0;
    assert!(matches!(query(&pointer), Err(Some(_))));
    let mut two = raw(&[b"a"]);
    two[5] = 2;
    assert!(matches!(query(&two), Err(Some(_))));
    let mut answered = raw(&[b"a"]);
    answered[2] = 0x81;
    assert_eq!(query(&answered), Err(None), "an answer gets no answer");
}

#[test]
fn an_address_is_read_back_from_its_name() {
    let ip: IpAddr = "198.18.1.2".parse().expect("address");
    assert_eq!(reverse("2.1.18.198.in-addr.arpa"), Some(ip));
    assert_eq!(reverse("3.2.1.18.198.in-addr.arpa"), None);
    assert_eq!(reverse("2.1.18.198"), None);
}

#[test]
fn noise_never_panics() {
    let asked = ask("api.example", A);
    let v4 = Some(Ipv4Addr::LOCALHOST);
    let good = answer(&parsed("api.example", A), &Answer::Addresses(v4, None));
    let mut seed = 5u64;
    for round in 0..40_000 {
        let mut bytes = if round % 2 == 0 {
            good.clone()
        } else {
            asked.clone()
        };
        for _ in 0..3 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let at = (seed >> 33) as usize % bytes.len();
            bytes[at] = (seed >> 25) as u8;
        }
        bytes.truncate((seed >> 40) as usize % (bytes.len() + 1));
        let _ = reply(&bytes, &asked);
        if let Ok(query) = query(&bytes) {
            assert!(answer(&query, &Answer::NoSuchName("x".repeat(999))).len() <= 512);
        }
    }
}
