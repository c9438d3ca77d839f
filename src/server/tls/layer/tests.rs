//! The record layer against rustls' own client, over a wire that takes and gives what a test chooses.

use std::{
    cell::{Cell, RefCell},
    io::{Read, Write},
    sync::{Arc, OnceLock},
};

use proptest::prelude::*;
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, ServerConfig, SupportedProtocolVersion,
    crypto::aws_lc_rs,
    pki_types::PrivateKeyDer,
    version::{TLS12, TLS13},
};

use super::*;

mod floods;

/// Takes at most so many bytes, and then nothing until it is given room.
#[derive(Default)]
struct Pipe {
    room: Cell<usize>,
    /// Calls that took something.
    sends: Cell<usize>,
    sent: RefCell<Vec<u8>>,
    arrived: RefCell<Vec<u8>>,
    /// The most bytes of one read.
    read_max: Cell<usize>,
}

impl Wire for Pipe {
    fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(self.room.get());
        if taken == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.room.set(self.room.get() - taken);
        self.sends.set(self.sends.get() + 1);
        self.sent.borrow_mut().extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn receive(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut arrived = self.arrived.borrow_mut();
        let bytes = arrived.len().min(buffer.len()).min(self.read_max.get());
        if bytes == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        buffer[..bytes].copy_from_slice(&arrived[..bytes]);
        arrived.drain(..bytes);
        Ok(bytes)
    }
}

fn configs(version: &'static SupportedProtocolVersion) -> (Arc<ServerConfig>, Arc<ClientConfig>) {
    type Both = (Arc<ServerConfig>, Arc<ClientConfig>);
    static CONFIGS: OnceLock<[Both; 2]> = OnceLock::new();
    let make = |version: &'static SupportedProtocolVersion| {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let certificate = made.cert.der().clone();
        let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
        let provider = Arc::new(aws_lc_rs::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(certificate.clone()).unwrap();
        let server = ServerConfig::builder_with_provider(Arc::clone(&provider));
        let server = server.with_protocol_versions(&[version]).unwrap().with_no_client_auth();
        let client =
            ClientConfig::builder_with_provider(provider).with_protocol_versions(&[version]).unwrap();
        let server = server.with_single_cert(vec![certificate], key).unwrap();
        let mut client = client.with_root_certificates(roots).with_no_client_auth();
        client.resumption = rustls::client::Resumption::disabled();
        (Arc::new(server), Arc::new(client))
    };
    let both = CONFIGS.get_or_init(|| [make(&TLS12), make(&TLS13)]);
    let (server, client) = &both[usize::from(version.version == TLS13.version)];
    (Arc::clone(server), Arc::clone(client))
}

/// A connection whose handshake is done, its wire, and its client.
struct Connected {
    layer: TlsLayer,
    pipe: Pipe,
    client: ClientConnection,
}

impl Connected {
    fn new(version: &'static SupportedProtocolVersion) -> Self {
        let (server, client) = configs(version);
        let client = ClientConnection::new(client, "localhost".try_into().unwrap()).unwrap();
        let tls = UnbufferedServerConnection::new(server).unwrap();
        let mut connected =
            Connected { layer: TlsLayer::new(tls, Vec::new()), pipe: Pipe::default(), client };
        connected.pipe.room.set(usize::MAX);
        connected.pipe.read_max.set(usize::MAX);
        while connected.client.is_handshaking() || connected.layer.tls().is_handshaking() {
            connected.client_writes();
            while connected.layer.read_wire(&connected.pipe).is_ok() {}
            connected.layer.flush(&connected.pipe).unwrap();
            connected.client_reads();
        }
        connected
    }

    /// The rest of a handshake that has begun.
    fn finish(&mut self) {
        while self.client.is_handshaking() || self.layer.tls().is_handshaking() {
            self.client_reads();
            self.client_writes();
            while self.layer.read_wire(&self.pipe).is_ok() {}
            self.layer.flush(&self.pipe).unwrap();
        }
    }

    /// What the client has to say arrives.
    fn client_writes(&mut self) {
        while self.client.wants_write() {
            self.client.write_tls(&mut *self.pipe.arrived.borrow_mut()).unwrap();
        }
    }

    /// What the client is told by now.
    fn client_reads(&mut self) -> Vec<u8> {
        let sent = std::mem::take(&mut *self.pipe.sent.borrow_mut());
        let (mut rest, mut data) = (&sent[..], Vec::new());
        while !rest.is_empty() {
            self.client.read_tls(&mut rest).unwrap();
            self.client.process_new_packets().unwrap();
            // An end of the stream, or nothing more: both are told by other means.
            let _ = self.client.reader().read_to_end(&mut data);
        }
        data
    }

    /// Sends all of two runs as a session does: what is not taken is given again, as one run.
    fn send_all(&mut self, first: &[u8], then: &[u8], rooms: &mut impl Iterator<Item = usize>) {
        let mut rest = [first, then].concat();
        let mut taken = self.layer.send(&self.pipe, first, then);
        loop {
            match taken {
                Ok(bytes) => {
                    assert_eq!(self.layer.waiting_bytes(), 0, "what is taken is out");
                    rest.drain(..bytes);
                }
                Err(error) => {
                    assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
                    assert!(self.layer.waiting_bytes() <= SCRATCH_BYTES, "no more than one flight waits");
                    self.pipe.room.set(self.pipe.room.get() + rooms.next().unwrap());
                }
            }
            if rest.is_empty() {
                return;
            }
            taken = self.layer.send(&self.pipe, &rest, &[]);
        }
    }
}

fn versions() -> impl Strategy<Value = &'static SupportedProtocolVersion> {
    prop_oneof![Just(&TLS12), Just(&TLS13)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn what_is_sent_arrives_whole_and_once_however_little_the_wire_takes(
        version in versions(),
        runs in prop::collection::vec((0_usize..40_000, prop_oneof![Just(0), 0_usize..20_000]), 1..6),
        rooms in prop::collection::vec(1_usize..30_000, 1..20),
    ) {
        let mut connected = Connected::new(version);
        connected.pipe.room.set(0);
        let mut rooms = rooms.into_iter().cycle();
        let mut all = Vec::new();
        for (number, (first, then)) in runs.into_iter().enumerate() {
            let run = |length: usize| (0..length).map(|at| (at * 31 + number) as u8).collect::<Vec<_>>();
            let (first, then) = (run(first), run(then));
            if first.len() + then.len() > 0 {
                connected.send_all(&first, &then, &mut rooms);
                all.extend([first, then].concat());
            }
        }
        prop_assert!(connected.client_reads() == all);
        prop_assert!(connected.layer.output.capacity() == 0, "a connection at rest holds no buffer");
        connected.layer.end();
        connected.pipe.room.set(usize::MAX);
        connected.layer.flush(&connected.pipe).unwrap();
        let mut sent = &std::mem::take(&mut *connected.pipe.sent.borrow_mut())[..];
        connected.client.read_tls(&mut sent).unwrap();
        prop_assert!(connected.client.process_new_packets().unwrap().peer_has_closed());
        prop_assert!(connected.layer.send(&connected.pipe, b"late", &[]).is_err());
    }

    #[test]
    fn what_arrives_is_read_whole_and_once_however_it_is_cut(
        version in versions(),
        runs in prop::collection::vec(1_usize..20_000, 1..5),
        read_max in 1_usize..20_000,
        buffer in 1_usize..5_000,
    ) {
        let mut connected = Connected::new(version);
        connected.pipe.read_max.set(read_max);
        let (mut all, mut read) = (Vec::new(), Vec::new());
        for (number, length) in runs.into_iter().enumerate() {
            let run: Vec<u8> = (0..length).map(|at| (at * 7 + number) as u8).collect();
            connected.client.writer().write_all(&run).unwrap();
            all.extend(run);
            connected.client_writes();
        }
        let mut buffer = vec![0; buffer];
        while let Ok(bytes) = connected.layer.receive(&connected.pipe, &mut buffer) {
            prop_assert!(bytes > 0);
            read.extend_from_slice(&buffer[..bytes]);
        }
        prop_assert!(read == all);
        prop_assert!(!connected.layer.has_data());
        prop_assert_eq!((connected.layer.input.capacity(), connected.layer.data.capacity()), (0, 0));
        connected.client.send_close_notify();
        connected.client_writes();
        prop_assert_eq!(connected.layer.receive(&connected.pipe, &mut buffer).unwrap(), 0);
        prop_assert!(connected.layer.has_data(), "the end is something to read");
    }
}

#[test]
fn keys_may_change_now_and_then_and_not_for_ever() {
    let mut connected = Connected::new(&TLS13);
    for round in 0..=DATALESS_MAX {
        connected.client.refresh_traffic_keys().unwrap();
        // rustls ends a connection that changes keys again and again without a byte between.
        connected.client.writer().write_all(b"x").unwrap();
        connected.client_writes();
        let read = connected.layer.receive(&connected.pipe, &mut [0; 16]);
        assert_eq!(read.is_ok(), round < DATALESS_MAX, "{round}: {read:?}");
        if read.is_ok() {
            connected.layer.send(&connected.pipe, b"y", &[]).unwrap();
            assert_eq!(connected.client_reads(), b"y");
        }
    }
}

#[test]
fn a_broken_record_is_answered_by_an_alert() {
    for version in [&TLS12, &TLS13] {
        let mut connected = Connected::new(version);
        connected.pipe.arrived.borrow_mut().extend([&[23, 3, 3, 0, 32][..], &[7; 32]].concat());
        let error = connected.layer.receive(&connected.pipe, &mut [0; 16]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        let sent = std::mem::take(&mut *connected.pipe.sent.borrow_mut());
        connected.client.read_tls(&mut &sent[..]).unwrap();
        let told = connected.client.process_new_packets().unwrap_err();
        assert_eq!(told, Error::AlertReceived(rustls::AlertDescription::BadRecordMac));
    }
}

#[test]
fn a_short_message_is_one_record_and_two_long_runs_are_two() {
    let mut connected = Connected::new(&TLS13);
    let records = |connected: &mut Connected, first: usize, then: usize| {
        connected.layer.send(&connected.pipe, &vec![1; first], &vec![2; then]).unwrap();
        let sent = std::mem::take(&mut *connected.pipe.sent.borrow_mut());
        let (mut at, mut count) = (0, 0);
        while let Some(bytes) = record_bytes(&sent[at..]).unwrap() {
            at += bytes;
            count += 1;
        }
        (count, at - first - then)
    };
    // A record of TLS 1.3: 5 bytes of header, 1 of type, 16 of proof.
    assert_eq!(records(&mut connected, 200, 10), (1, 22));
    assert_eq!(records(&mut connected, 0, FLIGHT_BYTES), (1, 22));
    assert_eq!(records(&mut connected, 8_000, 10), (2, 44));
}
