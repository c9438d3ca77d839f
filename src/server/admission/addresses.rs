//! Counts sessions per client address, and defines what counts as one address.
//!
//! Invariant: an [`AddressPermit`] counts one session of an address, and is released by drop.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, PoisonError},
};

use crate::proxies::{AddressSource, ClientAddress};

/// The unit of address limits: an IPv4 address, or the /64 prefix of an IPv6 address, as assigned to one household or
/// host. Loopback is exempt: behind a local proxy all clients have that address.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct AddressKey(IpAddr);

type AddressCounts = HashMap<AddressKey, usize>;

/// The open sessions of each address.
#[derive(Clone, Debug, Default)]
pub struct SessionAddresses {
    counts: Arc<Mutex<AddressCounts>>,
}

/// The permit of one session; released by drop.
#[derive(Debug)]
pub struct AddressPermit {
    counted: Option<(AddressKey, Arc<Mutex<AddressCounts>>)>,
}

/// Network prefix of an IPv6 address: its upper 64 bits.
const PREFIX: u128 = !0 << 64;

impl AddressKey {
    /// The key of a client. A trusted proxy's own address has none, since it stands for many clients.
    pub fn of_client(client: ClientAddress) -> Option<Self> {
        match client.source {
            AddressSource::Connection => AddressKey::of(client.ip()),
            AddressSource::Proxy => None,
            // A client on the proxy's machine counts like any other.
            AddressSource::Told => Some(AddressKey::unit(client.ip().to_canonical())),
        }
    }

    /// `None` for loopback, which is not limited. An IPv4-mapped IPv6 address counts as its IPv4 address.
    pub fn of(address: IpAddr) -> Option<Self> {
        let address = address.to_canonical();
        (!address.is_loopback()).then(|| AddressKey::unit(address))
    }

    /// The key of any client, including proxies and loopback: for fair shares rather than refusals.
    pub fn of_any(client: ClientAddress) -> Self {
        AddressKey::unit(client.ip().to_canonical())
    }

    fn unit(address: IpAddr) -> Self {
        match address {
            IpAddr::V6(address) => AddressKey(Ipv6Addr::from_bits(address.to_bits() & PREFIX).into()),
            IpAddr::V4(_) => AddressKey(address),
        }
    }
}

impl SessionAddresses {
    /// A permit for one more session of this client's address; `None` when it has `most` already.
    pub fn take(&self, client: ClientAddress, most: usize) -> Option<AddressPermit> {
        let Some(key) = AddressKey::of_client(client) else { return Some(AddressPermit { counted: None }) };
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(key).or_default();
        if *count >= most {
            return None;
        }
        *count += 1;
        Some(AddressPermit { counted: Some((key, Arc::clone(&self.counts))) })
    }
}

impl Drop for AddressPermit {
    fn drop(&mut self) {
        let Some((key, counts)) = self.counted.take() else { return };
        let mut counts = counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&key) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn client(text: &str) -> ClientAddress {
        SocketAddr::new(address(text), 1).into()
    }

    #[test]
    fn permits_are_given_back() {
        let addresses = SessionAddresses::default();
        let take = || addresses.take(client("192.0.2.1"), 2);
        let (first, second) = (take(), take());
        assert!(first.is_some() && second.is_some() && take().is_none());
        drop(first);
        assert!(take().is_some());
    }

    #[test]
    fn behind_a_proxy_clients_are_counted_and_the_proxy_is_not() {
        let check = |text: &str, source, counts: bool| {
            let client = ClientAddress { source, ..client(text) };
            assert_eq!(AddressKey::of_client(client).is_some(), counts, "{text} {source:?}");
        };
        check("10.0.0.1", AddressSource::Proxy, false);
        check("127.0.0.1", AddressSource::Told, true);
        check("192.0.2.1", AddressSource::Told, true);
        check("127.0.0.1", AddressSource::Connection, false);
    }

    #[test]
    fn loopback_is_nobody_whatever_the_socket_calls_it() {
        for loopback in ["127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1"] {
            assert_eq!(AddressKey::of(address(loopback)), None, "{loopback}");
        }
    }

    #[test]
    fn what_one_household_has_is_one() {
        let check = |one: &str, other: &str, same: bool| {
            assert_eq!(
                AddressKey::of(address(one)) == AddressKey::of(address(other)),
                same,
                "{one} and {other}"
            );
        };
        check("192.0.2.1", "::ffff:192.0.2.1", true);
        check("192.0.2.1", "192.0.2.2", false);
        check("2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff", true);
        check("2001:db8:1:2::1", "2001:db8:1:3::1", false);
    }
}
