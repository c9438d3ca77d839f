//! Peers that cut what they send so that it costs much: messages and data in tiny records, in many reads, without an end.

use super::*;

/// A handshake with a client of this version up to the server's first flight, its hello in records of so many bytes.
fn begun(version: &'static SupportedProtocolVersion, record: usize) -> Connected {
    let (server, client) = configs(version);
    let mut client = ClientConnection::new(client, "localhost".try_into().unwrap()).unwrap();
    let mut hello = Vec::new();
    client.write_tls(&mut hello).unwrap();
    let cut = cut(&hello[5..], record);
    let tls = UnbufferedServerConnection::new(server).unwrap();
    let mut connected = Connected { layer: TlsLayer::new(tls, cut), pipe: Pipe::default(), client };
    connected.pipe.room.set(usize::MAX);
    connected.pipe.read_max.set(usize::MAX);
    connected.layer.take_in().unwrap();
    connected.layer.flush(&connected.pipe).unwrap();
    connected
}

/// A message of a handshake in records of so many bytes.
fn cut(message: &[u8], record: usize) -> Vec<u8> {
    let header = |length: usize| [22, 3, 3, (length >> 8) as u8, length as u8];
    message.chunks(record).flat_map(|part| [&header(part.len())[..], part].concat()).collect()
}

#[test]
fn a_hello_in_tiny_records_is_a_hello() {
    for version in [&TLS12, &TLS13] {
        for record in [1, 2, 3, 100] {
            let mut connected = begun(version, record);
            connected.finish();
        }
    }
}

#[test]
fn a_message_in_several_records_may_come_in_several_reads() {
    // What follows ClientKeyExchange's record goes with it, as a client sends it.
    for read_max in [1, 3, 50, usize::MAX] {
        let mut connected = begun(&TLS12, 500);
        connected.client_reads();
        let mut flight = Vec::new();
        connected.client.write_tls(&mut flight).unwrap();
        let whole = record_bytes(&flight).unwrap().unwrap();
        let arrived = [cut(&flight[5..whole], 3), flight[whole..].to_vec()].concat();
        connected.pipe.arrived.borrow_mut().extend(arrived);
        connected.pipe.read_max.set(read_max);
        while connected.layer.read_wire(&connected.pipe).is_ok() {}
        connected.layer.flush(&connected.pipe).unwrap();
        connected.client_reads();
        assert!(!connected.client.is_handshaking(), "{read_max}");
        assert_eq!((connected.layer.input.capacity(), connected.layer.seen), (0, 0));
    }
}

#[test]
fn a_message_that_does_not_end_is_given_up_before_it_costs_much() {
    for record in [1, 40, 16_000] {
        let mut connected = begun(&TLS12, 500);
        // As long as a message can say that it is, of which all but the end comes.
        let mut endless = vec![16, 0, 0xff, 0xff];
        endless.resize(0xffff, 7);
        connected.pipe.arrived.borrow_mut().extend(cut(&endless, record));
        connected.pipe.read_max.set(100);
        let (mut reads, mut most) = (0, 0);
        let refused = loop {
            match connected.layer.read_wire(&connected.pipe) {
                Ok(()) => reads += 1,
                Err(error) => break error,
            }
            most = most.max(connected.layer.input.len());
        };
        assert_eq!(refused.kind(), io::ErrorKind::InvalidData, "{record}: {refused}");
        assert!(most <= UNFINISHED_BYTES_MAX + RECORD_BYTES_MAX, "{record}: {most} bytes are kept");
        assert!(reads <= (UNFINISHED_BYTES_MAX + RECORD_BYTES_MAX) / 100, "{record}: {reads} reads");
        assert!(connected.layer.receive(&connected.pipe, &mut [0; 16]).is_err(), "nothing more is taken in");
    }
}

#[test]
fn a_handshake_is_no_endless_run_of_records_of_nothing() {
    // Early data, which no ticket allows, is skipped: here in records that are too short to count as any.
    let mut connected = begun(&TLS13, 500);
    let mut taken = 0;
    loop {
        connected.pipe.arrived.borrow_mut().extend([20, 3, 3, 0, 1, 1]);
        match connected.layer.read_wire(&connected.pipe) {
            Ok(()) => taken += 1,
            Err(error) => break assert_eq!(error.kind(), io::ErrorKind::InvalidData),
        }
        assert!(taken <= HANDSHAKE_RECORDS_MAX);
    }
}

#[test]
fn what_a_handshake_leaves_goes_out_with_the_first_answer() {
    let mut connected = begun(&TLS13, 500);
    connected.client_reads();
    connected.client_writes();
    connected.layer.read_wire(&connected.pipe).unwrap();
    assert!(!connected.layer.tls().is_handshaking());
    assert!(connected.layer.waiting_bytes() > 0, "tickets wait");
    let sends = connected.pipe.sends.get();
    assert_eq!(connected.layer.send(&connected.pipe, b"first", b" answer").unwrap(), 12);
    assert_eq!(connected.pipe.sends.get(), sends + 1);
    assert_eq!((connected.layer.waiting_bytes(), connected.layer.output.capacity()), (0, 0));
    assert_eq!(connected.client_reads(), b"first answer");
    // The same, where the wire takes none of it at first.
    let mut connected = begun(&TLS13, 500);
    connected.client_reads();
    connected.client_writes();
    connected.layer.read_wire(&connected.pipe).unwrap();
    connected.pipe.room.set(0);
    connected.send_all(b"first", b" answer", &mut [1, 7, 100, 400].into_iter().cycle());
    assert_eq!(connected.client_reads(), b"first answer");
}

#[test]
fn records_of_a_byte_are_taken_while_they_are_few_for_each_read() {
    /// Reads all that arrives; how many bytes that was, and whether the end was a refusal.
    fn read_all(connected: &mut Connected) -> (usize, bool) {
        let (mut read, mut buffer) = (0, [0; 1024]);
        loop {
            match connected.layer.receive(&connected.pipe, &mut buffer) {
                Ok(bytes) => read += bytes,
                Err(error) => return (read, error.kind() == io::ErrorKind::InvalidData),
            }
        }
    }
    let write = |connected: &mut Connected, bytes: &[u8]| {
        connected.client.writer().write_all(bytes).unwrap();
        connected.client_writes();
    };
    for version in [&TLS12, &TLS13] {
        // Headers of frames in records of their own, before payloads of a usual length.
        let mut connected = Connected::new(version);
        for _ in 0..8_000 {
            write(&mut connected, &[1; 6]);
            write(&mut connected, &[2; 130]);
        }
        assert_eq!(read_all(&mut connected), (8_000 * 136, false));
        // A few small ones at a time, for ever.
        for _ in 0..8_000 {
            (0..4).for_each(|_| write(&mut connected, b"x"));
            assert_eq!(read_all(&mut connected), (4, false));
        }
        for _ in 0..20_000 {
            write(&mut connected, b"x");
        }
        let (read, is_refused) = read_all(&mut connected);
        assert!(is_refused && (3_000..6_000).contains(&read), "{read}");
    }
}
