//! Which connections are admitted and evicted, on one thread; with others beside it, this is checked under loom.

use std::{net::SocketAddr, task::Waker};

use super::balancer::{CONNECTIONS_BESIDE_SESSIONS, Connection, ConnectionBalancer, Idleness, Role};
use crate::{
    limits::{self, Limits},
    proxies::TrustedProxies,
};

const LOOPBACK: &str = "::ffff:127.0.0.1";

struct Fixture {
    balancer: ConnectionBalancer,
    /// Shards that still run.
    running: Vec<bool>,
}

impl Fixture {
    /// `sessions` and the connections beside them, of which one address has `of_one_address`.
    fn new(shards: usize, sessions: usize, of_one_address: usize) -> Self {
        let limits = Limits {
            sessions,
            sessions_per_address: 0,
            connections_per_address: of_one_address,
            ..limits::DEFAULT
        };
        Fixture { balancer: ConnectionBalancer::new(shards, &limits), running: vec![true; shards] }
    }

    fn arrives(&self, peer: &str) -> Option<(usize, Connection)> {
        let client = SocketAddr::new(peer.parse().unwrap(), 1).into();
        self.balancer.count_in(Role::Clients, client, |shard| self.running[shard])
    }

    fn total(&self) -> usize {
        self.balancer.clients()
    }
}

#[test]
fn a_connection_goes_to_the_running_shard_with_the_fewest_up_to_the_limit() {
    let mut fixture = Fixture::new(2, 0, 100);
    let most = CONNECTIONS_BESIDE_SESSIONS;
    let mut held: Vec<_> = (0..most).map(|_| fixture.arrives(LOOPBACK).unwrap()).collect();
    assert_eq!(held.iter().filter(|(shard, _)| *shard == 0).count(), most / 2);
    assert!(fixture.arrives(LOOPBACK).is_none(), "the limit is exact");
    held.retain(|(shard, _)| *shard == 1);
    assert_eq!(fixture.arrives(LOOPBACK).unwrap().0, 0);
    fixture.running[0] = false;
    assert_eq!(fixture.arrives(LOOPBACK).unwrap().0, 1, "a shard that has drained takes no more");
}

#[test]
fn a_client_that_a_proxy_tells_of_is_counted_by_its_own_address() {
    const MOST: usize = 16;
    let fixture = Fixture::new(1, 10_000, MOST);
    let proxies = TrustedProxies::new(&["proxy:10.0.0.1"]);
    let proxy = proxies.of_connection("10.0.0.1:1".parse().unwrap());
    let told = |client: &str| proxy.told(Some(client.parse().unwrap()));
    let arrives = |client| {
        let mut connection = fixture.balancer.count_in(Role::Clients, proxy, |_| true).unwrap().1;
        connection.settle(client).then_some(connection)
    };
    let mut held: Vec<_> = (0..MOST).map(|_| arrives(told("192.0.2.1:1")).unwrap()).collect();
    assert!(arrives(told("192.0.2.1:3")).is_none(), "it has as many as it may");
    let others: Vec<_> = (0..MOST * 2).map(|_| arrives(proxy.told(None)).unwrap()).collect();
    assert!(arrives(told("192.0.2.2:1")).is_some(), "another one has none");
    drop(held.pop());
    held.push(arrives(told("192.0.2.1:4")).unwrap());
    held[0].idle(Idleness::Answered, Waker::noop());
    assert!(arrives(told("192.0.2.1:5")).is_some(), "an idle one makes room");
    assert!(!held[0].busy());
    drop(others);
    drop(held);
    assert_eq!(fixture.total(), 0);
}

#[test]
fn one_address_cannot_take_every_connection() {
    let fixture = Fixture::new(1, 10_000, 100);
    let held: Vec<_> = (0..200).filter_map(|_| fixture.arrives("2001:db8::1")).collect();
    assert_eq!(held.len(), 100);
    assert!(fixture.arrives("2001:db8::ffff").is_none(), "of the same /64");
    assert!(fixture.arrives("2001:db8:0:1::1").is_some() && fixture.arrives("192.0.2.1").is_some());
    let beside: Vec<_> = (0..200).map(|_| fixture.arrives(LOOPBACK).unwrap()).collect();
    assert_eq!(fixture.total(), held.len() + beside.len());
}

#[test]
fn operators_have_connections_of_their_own() {
    let fixture = Fixture::new(1, 0, 100);
    let held: Vec<_> = std::iter::from_fn(|| fixture.arrives(LOOPBACK)).collect();
    assert_eq!(held.len(), CONNECTIONS_BESIDE_SESSIONS);
    let client = SocketAddr::new(LOOPBACK.parse().unwrap(), 1).into();
    assert!(fixture.balancer.count_in(Role::Admin, client, |_| true).is_some());
}

#[test]
fn who_is_idle_makes_room_the_longest_idle_first() {
    let fixture = Fixture::new(1, 10_000, 17);
    let held: Vec<_> = (0..17).map(|_| fixture.arrives("192.0.2.1").unwrap().1).collect();
    held[3].idle(Idleness::Silent, Waker::noop());
    held[5].idle(Idleness::Answered, Waker::noop());
    held[4].idle(Idleness::Answered, Waker::noop());
    let mut newcomers = Vec::new();
    for goes in [5, 4, 3] {
        assert!(held[goes].busy(), "it may go on until there is no room");
        held[goes].idle(if goes == 3 { Idleness::Silent } else { Idleness::Answered }, Waker::noop());
        if goes == 5 {
            // It has worked in between, so it is the most recent of the idle ones.
            held[4].idle(Idleness::Answered, Waker::noop());
        }
    }
    for goes in [5, 4, 3] {
        newcomers.push(fixture.arrives("192.0.2.1").unwrap());
        let gone: Vec<_> = (0..17).filter(|&at| held[at].is_gone()).collect();
        assert!(gone.contains(&goes), "{goes} is not among {gone:?}");
        assert!(!held[goes].busy(), "it ends");
    }
    assert!(fixture.arrives("192.0.2.1").is_none(), "those at work stay");
    assert_eq!(fixture.total(), 17);
    drop(held);
    assert_eq!(fixture.total(), newcomers.len(), "who had made room is not counted out twice");
}

#[test]
fn over_all_addresses_too() {
    let fixture = Fixture::new(1, 0, 100);
    let held: Vec<_> = std::iter::from_fn(|| fixture.arrives(LOOPBACK)).collect();
    held[7].1.idle(Idleness::Answered, Waker::noop());
    let newcomer = fixture.arrives("192.0.2.1");
    assert!(newcomer.is_some() && !held[7].1.busy());
    assert!(fixture.arrives("192.0.2.2").is_none());
}

#[test]
fn an_address_at_its_limit_takes_no_room_from_others() {
    let fixture = Fixture::new(1, 10_000, 16);
    let other = fixture.arrives("192.0.2.9").unwrap().1;
    other.idle(Idleness::Answered, Waker::noop());
    let held: Vec<_> = (0..16).map(|_| fixture.arrives("192.0.2.1").unwrap()).collect();
    assert!(fixture.arrives("192.0.2.1").is_none() && other.busy());
    drop(held);
}
