//! Proxies in front of the service: which are believed, and what they tell of their clients' addresses.
//!
//! A proxy tells it in one of two ways, by which it is named in `trusted_proxies`: in the header `X-Forwarded-For` of each
//! request (`10.0.0.0/8`), or at the beginning of each connection by the PROXY protocol, version 2 (`proxy:10.0.0.7`). Which
//! of both is never guessed: a proxy that speaks neither would hand on what its client says in its name.
//!
//! Pure: bytes and header values come as arguments.
//!
//! Invariants: nobody else is believed; what is not understood is a fault, and never the address of somebody; a client of a
//! proxy is never on this machine, whatever its address.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
};

use ipnet::IpNet;
use proxy_header::{Error, ParseConfig, Protocol, ProxyHeader};

/// The proxies that are believed.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct TrustedProxies {
    /// Those that name the client in `X-Forwarded-For`.
    forwarding: Vec<IpNet>,
    /// Those that begin each connection by a header of the PROXY protocol.
    speaking: Vec<IpNet>,
}

/// One entry of `trusted_proxies`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TrustedProxy {
    Forwarding(IpNet),
    Speaking(IpNet),
}

/// The address of a client, and how it is known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ClientAddress {
    /// The port is 0 where a proxy has told none.
    pub address: SocketAddr,
    pub source: AddressSource,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AddressSource {
    /// The client has made the connection itself.
    Connection,
    /// It is the address of a trusted proxy, which has not told its client's.
    Proxy,
    /// A trusted proxy has told it.
    Told,
}

/// What the first bytes of a connection are, which is a proxy's that speaks the PROXY protocol.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ProxyHead {
    /// They may become a header.
    Incomplete,
    /// They begin with one, of so many bytes. It has no address when the proxy itself has connected, as for a check.
    Whole { client: Option<SocketAddr>, bytes: usize },
    /// They are none, or one that is too long.
    Faulty,
}

/// `X-Forwarded-For` of a trusted proxy names no address where it must.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "X-Forwarded-For of a trusted proxy has an entry that is not an address, such as 192.0.2.7 or [2001:db8::7]:443"
)]
pub struct ForwardedFault;

/// The longest header of the PROXY protocol: addresses have 36 bytes, and what else a proxy tells is short.
pub const PROXY_HEAD_BYTES_MAX: usize = 2 * 1024;
/// How every header of version 2 begins.
const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
/// Signature, version, family and length.
const FIXED_BYTES: usize = 16;
/// Before the addresses of proxies that speak the PROXY protocol.
const SPEAKING: &str = "proxy:";

// === impl TrustedProxy ===

impl TrustedProxy {
    /// An address, or a range of them as `10.0.0.0/8`, with `proxy:` before it for the PROXY protocol.
    pub fn parse(text: &str) -> Option<Self> {
        let (is_speaking, text) = match text.strip_prefix(SPEAKING) {
            Some(text) => (true, text),
            None => (false, text),
        };
        let network = match text.parse::<IpAddr>() {
            Ok(address) => IpNet::from(address),
            Err(_) => text.parse().ok()?,
        };
        Some(if is_speaking { TrustedProxy::Speaking(network) } else { TrustedProxy::Forwarding(network) })
    }
}

// === impl TrustedProxies ===

impl TrustedProxies {
    /// Of entries; what is none is left out.
    pub fn new<T: AsRef<str>>(entries: &[T]) -> Self {
        let mut proxies = TrustedProxies::default();
        for entry in entries.iter().filter_map(|text| TrustedProxy::parse(text.as_ref())) {
            match entry {
                TrustedProxy::Forwarding(network) => proxies.forwarding.push(network),
                TrustedProxy::Speaking(network) => proxies.speaking.push(network),
            }
        }
        proxies
    }

    /// Whose a connection is, before anything has come by it.
    pub fn of_connection(&self, peer: SocketAddr) -> ClientAddress {
        let is_proxy = self.forwards(peer.ip()) || self.speaks(peer.ip());
        let source = if is_proxy { AddressSource::Proxy } else { AddressSource::Connection };
        ClientAddress { address: peer, source }
    }

    /// Whether connections from there begin by a header of the PROXY protocol.
    pub fn speaks(&self, peer: IpAddr) -> bool {
        has(&self.speaking, peer)
    }

    /// Whose a request is: the last address in its `X-Forwarded-For` that is not a trusted proxy's. `values` are those of the
    /// header, in their order.
    ///
    /// # Errors
    /// When the connection is a trusted proxy's, and an entry that matters is not an address.
    pub fn client<'h>(
        &self,
        peer: ClientAddress,
        values: impl DoubleEndedIterator<Item = &'h [u8]>,
    ) -> Result<ClientAddress, ForwardedFault> {
        if !self.forwards(peer.address.ip()) {
            return Ok(peer);
        }
        let mut client = peer;
        for entry in values.rev().flat_map(|value| value.rsplit(|byte| *byte == b',')) {
            let address = forwarded(entry).ok_or(ForwardedFault)?;
            client = ClientAddress { address, source: AddressSource::Told };
            // What stands before it was said by its client.
            if !self.forwards(address.ip()) {
                break;
            }
        }
        Ok(client)
    }

    fn forwards(&self, peer: IpAddr) -> bool {
        has(&self.forwarding, peer)
    }
}

fn has(networks: &[IpNet], address: IpAddr) -> bool {
    !networks.is_empty() && networks.iter().any(|network| network.contains(&address.to_canonical()))
}

/// An address with a port or without, of IPv6 in brackets or without.
fn forwarded(entry: &[u8]) -> Option<SocketAddr> {
    let text = std::str::from_utf8(entry).ok()?.trim_matches([' ', '\t']);
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    match bare.parse::<IpAddr>() {
        Ok(address) => Some(SocketAddr::new(address.to_canonical(), 0)),
        Err(_) => text
            .parse()
            .ok()
            .map(|address: SocketAddr| SocketAddr::new(address.ip().to_canonical(), address.port())),
    }
}

// === impl ProxyHead ===

impl ProxyHead {
    /// Of what has arrived so far.
    pub fn of(bytes: &[u8]) -> Self {
        let known = bytes.len().min(SIGNATURE.len());
        if bytes[..known] != SIGNATURE[..known] {
            return ProxyHead::Faulty;
        }
        let length = bytes.get(FIXED_BYTES - 2..FIXED_BYTES).map(|two| u16::from_be_bytes([two[0], two[1]]));
        if length.is_some_and(|length| FIXED_BYTES + usize::from(length) > PROXY_HEAD_BYTES_MAX) {
            return ProxyHead::Faulty;
        }
        let config = ParseConfig { include_tlvs: false, allow_v1: false, allow_v2: true };
        match ProxyHeader::parse(bytes, config) {
            Ok((header, bytes)) => match header.proxied_address() {
                Some(told) if told.protocol != Protocol::Stream => ProxyHead::Faulty,
                told => {
                    let client = told.map(|told| told.source);
                    ProxyHead::Whole { client, bytes }
                }
            },
            Err(Error::BufferTooShort) => ProxyHead::Incomplete,
            Err(_) => ProxyHead::Faulty,
        }
    }
}

// === impl ClientAddress ===

impl ClientAddress {
    pub fn ip(&self) -> IpAddr {
        self.address.ip()
    }

    /// As a proxy has told it at the beginning of the connection.
    pub fn told(self, client: Option<SocketAddr>) -> Self {
        match client {
            Some(client) => ClientAddress {
                address: SocketAddr::new(client.ip().to_canonical(), client.port()),
                source: AddressSource::Told,
            },
            None => ClientAddress { source: AddressSource::Proxy, ..self },
        }
    }

    /// Whether the client is on this machine, by a connection of its own.
    pub fn is_loopback(&self) -> bool {
        self.source == AddressSource::Connection && self.address.ip().to_canonical().is_loopback()
    }
}

impl From<SocketAddr> for ClientAddress {
    /// Of a client that has connected itself.
    fn from(address: SocketAddr) -> Self {
        ClientAddress { address, source: AddressSource::Connection }
    }
}

impl fmt::Display for ClientAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proxy_header::ProxiedAddress;

    use super::*;

    fn socket(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    fn check(peer: &str, header: &[&str], expected: Result<(&str, AddressSource), ForwardedFault>) {
        let proxies = TrustedProxies::new(&["10.0.0.0/8", "2001:db8:1::/48", "127.0.0.1"]);
        let peer = proxies.of_connection(socket(peer));
        let found = proxies.client(peer, header.iter().map(|value| value.as_bytes()));
        let found = found.map(|client| (client.address.to_string(), client.source));
        assert_eq!(found, expected.map(|(address, source)| (address.to_owned(), source)), "{header:?}");
    }

    #[test]
    fn the_last_address_that_is_no_proxys_is_the_clients() {
        use AddressSource::{Connection, Proxy, Told};
        check("10.1.2.3:5", &["192.0.2.7"], Ok(("192.0.2.7:0", Told)));
        check("10.1.2.3:5", &["192.0.2.7:81"], Ok(("192.0.2.7:81", Told)));
        check("10.1.2.3:5", &["203.0.113.9, 192.0.2.7"], Ok(("192.0.2.7:0", Told)));
        check("10.1.2.3:5", &["203.0.113.9", " 192.0.2.7 ,\t10.9.9.9"], Ok(("192.0.2.7:0", Told)));
        check("10.1.2.3:5", &["10.1.1.1,10.1.1.2"], Ok(("10.1.1.1:0", Told)));
        check("[2001:db8:1::5]:9", &["2001:db8:2::7"], Ok(("[2001:db8:2::7]:0", Told)));
        check("10.1.2.3:5", &["[2001:db8:2::7]:443"], Ok(("[2001:db8:2::7]:443", Told)));
        check("10.1.2.3:5", &["[2001:db8:2::7]"], Ok(("[2001:db8:2::7]:0", Told)));
        check("[::ffff:10.1.2.3]:5", &["::ffff:192.0.2.7"], Ok(("192.0.2.7:0", Told)));
        // None was told, so it is the proxy's own.
        check("127.0.0.1:5", &[], Ok(("127.0.0.1:5", Proxy)));
        // Nobody else is asked.
        check("192.0.2.1:5", &["203.0.113.9"], Ok(("192.0.2.1:5", Connection)));
        check("192.0.2.1:5", &["x"], Ok(("192.0.2.1:5", Connection)));
        // What stands before the client's own address is the client's word.
        check("10.1.2.3:5", &["unknown, 192.0.2.7"], Ok(("192.0.2.7:0", Told)));
        for faulty in [
            "",
            "unknown",
            "192.0.2.7,",
            "192.0.2",
            "192.0.2.7:99999",
            "[192.0.2.7",
            "a, 10.1.1.1",
            "192.0.2.7;",
        ] {
            check("10.1.2.3:5", &[faulty], Err(ForwardedFault));
        }
    }

    #[test]
    fn a_client_of_a_proxy_is_never_on_this_machine() {
        let proxies = TrustedProxies::new(&["127.0.0.1", "proxy:127.0.0.2"]);
        let direct = TrustedProxies::default().of_connection(socket("127.0.0.1:5"));
        assert!(direct.is_loopback() && ClientAddress::from(socket("[::ffff:127.0.0.1]:5")).is_loopback());
        let proxy = proxies.of_connection(socket("127.0.0.1:5"));
        let client = proxies.client(proxy, [&b"127.0.0.1"[..]].into_iter()).unwrap();
        let told = proxies.of_connection(socket("127.0.0.2:5")).told(Some(socket("127.0.0.1:7")));
        assert!(!proxy.is_loopback() && !client.is_loopback() && !told.is_loopback());
        assert!(!proxies.of_connection(socket("127.0.0.2:5")).told(None).is_loopback());
    }

    #[test]
    fn entries_are_addresses_and_ranges() {
        for good in [
            "10.0.0.1",
            "10.0.0.0/8",
            "::1",
            "2001:db8::/32",
            "proxy:10.0.0.1",
            "proxy:2001:db8::/32",
            "0.0.0.0/0",
        ] {
            assert!(TrustedProxy::parse(good).is_some(), "{good}");
        }
        for bad in
            ["", "10.0.0.0/33", "10.0.0.1:80", "example.com", "proxy:", "PROXY:10.0.0.1", "*", "10.0.0.0/"]
        {
            assert!(TrustedProxy::parse(bad).is_none(), "{bad}");
        }
    }

    fn head(address: ProxiedAddress) -> Vec<u8> {
        let mut bytes = vec![0; 128];
        let length = ProxyHeader::with_address(address).encode_to_slice_v2(&mut bytes).unwrap();
        bytes.truncate(length);
        bytes
    }

    #[test]
    fn a_head_is_whole_with_its_last_byte_and_what_follows_is_not_its() {
        for (source, to) in [("192.0.2.7:81", "192.0.2.1:443"), ("[2001:db8::7]:81", "[2001:db8::1]:443")] {
            let mut bytes = head(ProxiedAddress::stream(socket(source), socket(to)));
            let length = bytes.len();
            for cut in 0..length {
                assert_eq!(ProxyHead::of(&bytes[..cut]), ProxyHead::Incomplete, "{cut}");
            }
            bytes.extend(b"GET / HTTP/1.1\r\n");
            let whole = ProxyHead::Whole { client: Some(socket(source)), bytes: length };
            assert_eq!(ProxyHead::of(&bytes), whole);
        }
        let local = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";
        assert_eq!(ProxyHead::of(local), ProxyHead::Whole { client: None, bytes: local.len() });
        let with_more = [
            &b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0f\xc0\0\x02\x07\xc0\0\x02\x01\0\x51\x01\xbb"[..],
            b"\x04\0\0",
        ]
        .concat();
        assert_eq!(
            ProxyHead::of(&with_more),
            ProxyHead::Whole { client: Some(socket("192.0.2.7:81")), bytes: 31 }
        );
    }

    #[test]
    fn what_is_no_head_is_faulty_as_soon_as_that_is_known() {
        for bytes in [
            &b"GET / HTTP/1.1\r\n"[..],
            b"\x16\x03\x01",
            b"PROXY TCP4 192.0.2.7 192.0.2.1 81 443\r\n",
            b"\r\n\r\n\0\r\nQUIT\r",
            b"\r\n\r\n\0\r\nQUIT\n\x11\x11\0\x0c",
            b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff",
            b"\r\n\r\n\0\r\nQUIT\n\x21\x12\0\x0c\xc0\0\x02\x07\xc0\0\x02\x01\0\x51\x01\xbb",
            b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x04\xc0\0\x02\x07\xc0\0\x02\x01\0\x51\x01\xbb",
        ] {
            assert_eq!(ProxyHead::of(bytes), ProxyHead::Faulty, "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..80), signed in any::<bool>()) {
            let begin: &[u8] = if signed { SIGNATURE } else { b"" };
            if let ProxyHead::Whole { bytes: length, .. } = ProxyHead::of(&[begin, &bytes].concat()) {
                prop_assert!(length <= begin.len() + bytes.len());
            }
            let proxies = TrustedProxies::new(&["10.0.0.0/8"]);
            let _ = proxies.client(proxies.of_connection(socket("10.0.0.1:1")), [&bytes[..]].into_iter());
        }
    }
}
