//! Counts the sessions of each address, and defines what an address is where addresses are limited.
//!
//! Invariant: a [`Place`] counts one session of an address, and is released by drop.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, PoisonError},
};

/// The unit that a limit on addresses counts: an IPv4 address, or the /64 of an IPv6 address, which is what one
/// household or host is given. Loopback is exempt: behind a local proxy every client has that address.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Origin(IpAddr);

type Taken = HashMap<Origin, usize>;

/// The open sessions of each address.
#[derive(Clone, Debug, Default)]
pub struct Places {
    taken: Arc<Mutex<Taken>>,
}

/// The place of one session; released by drop.
#[derive(Debug)]
pub struct Place {
    taken: Option<(Origin, Arc<Mutex<Taken>>)>,
}

/// Network prefix of an IPv6 address: its upper 64 bits.
const PREFIX: u128 = !0 << 64;

impl Origin {
    /// `None` for loopback, which no limit counts. An IPv4 address that an IPv6 socket shows counts as the IPv4
    /// address.
    pub fn of(address: IpAddr) -> Option<Self> {
        let address = address.to_canonical();
        (!address.is_loopback()).then(|| match address {
            IpAddr::V6(address) => Origin(Ipv6Addr::from_bits(address.to_bits() & PREFIX).into()),
            IpAddr::V4(_) => Origin(address),
        })
    }
}

impl Places {
    /// A place for one more session of this address; `None` when it has `most` already.
    pub fn take(&self, address: IpAddr, most: usize) -> Option<Place> {
        let Some(origin) = Origin::of(address) else { return Some(Place { taken: None }) };
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let count = taken.entry(origin).or_default();
        if *count >= most {
            return None;
        }
        *count += 1;
        Some(Place { taken: Some((origin, Arc::clone(&self.taken))) })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some((origin, taken)) = self.taken.take() else { return };
        let mut taken = taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.get_mut(&origin) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&origin);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn places_are_given_back() {
        let places = Places::default();
        let first = places.take(address("192.0.2.1"), 2);
        let second = places.take(address("192.0.2.1"), 2);
        assert!(first.is_some() && second.is_some() && places.take(address("192.0.2.1"), 2).is_none());
        drop(first);
        assert!(places.take(address("192.0.2.1"), 2).is_some());
    }

    #[test]
    fn loopback_is_nobody_whatever_the_socket_calls_it() {
        for loopback in ["127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1"] {
            assert_eq!(Origin::of(address(loopback)), None, "{loopback}");
        }
    }

    #[test]
    fn what_one_household_has_is_one() {
        let check = |one: &str, other: &str, same: bool| {
            assert_eq!(Origin::of(address(one)) == Origin::of(address(other)), same, "{one} and {other}");
        };
        check("192.0.2.1", "::ffff:192.0.2.1", true);
        check("192.0.2.1", "192.0.2.2", false);
        check("2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff", true);
        check("2001:db8:1:2::1", "2001:db8:1:3::1", false);
    }
}
