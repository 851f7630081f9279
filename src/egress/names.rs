//! The addresses that names get inside: one each, from ranges that no real host has.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::{Duration, Instant};

/// The first of `198.18.1.0` and up; `198.18.0.0/24` is the link's own.
const FIRST_V4: u32 = 0xc612_0100;
/// `fdaa:19a7:0:1::/64`.
const FIRST_V6: u128 = 0xfdaa_19a7_0000_0001 << 64;
/// Names at once. Wildcard rules make names without end.
const MOST: usize = 4096;
/// A program inside may have kept an address this long.
const KEPT: Duration = Duration::from_secs(900);

#[derive(Debug)]
struct Slot {
    name: Box<str>,
    used: Instant,
}

/// The names that were given addresses.
#[derive(Debug, Default)]
pub(super) struct Names {
    slots: Vec<Slot>,
    by_name: HashMap<Box<str>, usize>,
}

impl Names {
    /// The addresses of `name`; none when there are too many names in use.
    pub(super) fn assign(&mut self, name: &str, now: Instant) -> Option<(Ipv4Addr, Ipv6Addr)> {
        let index = match self.by_name.get(name) {
            Some(&index) => index,
            None => self.place(name, now)?,
        };
        self.slots[index].used = now;
        let v4 = Ipv4Addr::from_bits(FIRST_V4 + index as u32);
        Some((v4, Ipv6Addr::from_bits(FIRST_V6 + index as u128)))
    }

    fn place(&mut self, name: &str, now: Instant) -> Option<usize> {
        let slot = Slot {
            name: name.into(),
            used: now,
        };
        let index = if self.slots.len() < MOST {
            self.slots.push(slot);
            self.slots.len() - 1
        } else {
            let oldest = self
                .slots
                .iter()
                .enumerate()
                .min_by_key(|(_, slot)| slot.used);
            let (index, _) = oldest.filter(|(_, s)| now.duration_since(s.used) > KEPT)?;
            self.by_name.remove(&self.slots[index].name);
            self.slots[index] = slot;
            index
        };
        self.by_name.insert(name.into(), index);
        Some(index)
    }

    /// The name that `address` was given to, which is thereby used.
    pub(super) fn find(&mut self, address: IpAddr, now: Instant) -> Option<&str> {
        let index = match address {
            IpAddr::V4(v4) => v4.to_bits().checked_sub(FIRST_V4)? as usize,
            IpAddr::V6(v6) => usize::try_from(v6.to_bits().checked_sub(FIRST_V6)?).ok()?,
        };
        let slot = self.slots.get_mut(index)?;
        slot.used = now;
        Some(&slot.name)
    }

    /// Whether `address` is of the ranges kept for names and the link.
    pub(super) fn is_synthetic(address: IpAddr) -> bool {
        match address {
            IpAddr::V4(v4) => matches!(v4.octets(), [198, 18..=19, ..]),
            IpAddr::V6(v6) => v6.segments()[..2] == [0xfdaa, 0x19a7],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_keeps_its_addresses_and_is_found_by_them() {
        let (mut names, now) = (Names::default(), Instant::now());
        let a = names.assign("a.example", now).expect("a place");
        let b = names.assign("b.example", now).expect("a place");
        assert_ne!(a, b);
        assert_eq!(names.assign("a.example", now), Some(a));
        assert_eq!(names.find(a.0.into(), now), Some("a.example"));
        assert_eq!(names.find(b.1.into(), now), Some("b.example"));
        for other in [
            "198.18.0.1",
            "198.18.1.2",
            "10.0.0.1",
            "::1",
            "fdaa:19a7:0:1::9",
            "ffff::",
        ] {
            assert_eq!(
                names.find(other.parse().expect("address"), now),
                None,
                "{other}"
            );
        }
    }

    #[test]
    fn old_names_make_room_and_young_ones_do_not() {
        let (mut names, start) = (Names::default(), Instant::now());
        for index in 0..MOST {
            assert!(names.assign(&format!("n{index}.example"), start).is_some());
        }
        assert_eq!(names.assign("late.example", start + KEPT / 2), None);
        let first: IpAddr = Ipv4Addr::from_bits(FIRST_V4).into();
        names.find(first, start + KEPT / 2);
        let later = start + KEPT + Duration::from_secs(1);
        let (v4, _) = names.assign("late.example", later).expect("a place");
        assert_ne!(IpAddr::V4(v4), first, "the one in use stays");
        assert_eq!(names.find(v4.into(), later), Some("late.example"));
        assert_eq!(names.slots.len(), MOST);
        assert_eq!(names.by_name.len(), MOST);
    }
}
