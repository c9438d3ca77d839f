//! Accepted connections, between the thread that accepts and the thread of the shard that they go to: with the
//! service's own `ConnectionBalancer`, and with versions that are nearly right, for the checks to find.

use std::{net::SocketAddr, task::Waker};

use loom::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
};
use tickcast::{
    limits::{DEFAULT, Limits},
    proxies::ClientAddress,
};

use super::{
    balancer::{Connection, ConnectionBalancer, Idleness, Role},
    failure,
    sync::{Arc, Mutex},
};

fn peer() -> ClientAddress {
    SocketAddr::from(([192, 0, 2, 1], 1)).into()
}
/// The fewest that one address may have.
const MOST: usize = 16;

fn balancer() -> ConnectionBalancer {
    let limits = Limits { sessions_per_address: 0, connections_per_address: MOST, ..DEFAULT };
    ConnectionBalancer::new(1, &limits)
}

fn count_in(balancer: &ConnectionBalancer) -> Option<Connection> {
    balancer.count_in(Role::Clients, peer(), |_| true).map(|(_, connection)| connection)
}

fn is_empty(balancer: &ConnectionBalancer) -> bool {
    let all: Vec<_> = std::iter::from_fn(|| count_in(balancer)).collect();
    all.len() == MOST
}

/// One idle connection, which a newcomer may evict while it begins to work.
trait Eviction: Send + Sync + 'static {
    type Held: Send;
    /// The balancer, full, and the one that is idle.
    fn full() -> (Self, Self::Held)
    where
        Self: Sized;
    fn admits(&self) -> bool;
    fn works(held: &Self::Held) -> bool;
}

/// The service's own, and the connections that are at work.
struct Service(ConnectionBalancer, Mutex<Vec<Connection>>);

impl Eviction for Service {
    type Held = Connection;

    fn full() -> (Self, Connection) {
        let balancer = balancer();
        let mut held: Vec<_> = std::iter::from_fn(|| count_in(&balancer)).collect();
        let idle = held.pop().unwrap();
        idle.idle(Idleness::Answered, Waker::noop());
        (Service(balancer, Mutex::new(held)), idle)
    }

    fn admits(&self) -> bool {
        let admitted = count_in(&self.0);
        let is_admitted = admitted.is_some();
        self.1.lock().unwrap().extend(admitted);
        is_admitted
    }

    fn works(held: &Connection) -> bool {
        held.busy()
    }
}

/// Looks whether it was evicted before it is taken off the list of the idle, and not behind that.
struct LooksFirst(Arc<(Mutex<bool>, AtomicBool)>);

impl Eviction for LooksFirst {
    type Held = Arc<(Mutex<bool>, AtomicBool)>;

    fn full() -> (Self, Self::Held) {
        let idle = Arc::new((Mutex::new(true), AtomicBool::new(false)));
        (LooksFirst(Arc::clone(&idle)), idle)
    }

    fn admits(&self) -> bool {
        let (is_idle, gone) = &*self.0;
        let was_idle = std::mem::take(&mut *is_idle.lock().unwrap());
        gone.store(was_idle, Ordering::Release);
        was_idle
    }

    fn works(held: &Self::Held) -> bool {
        let goes_on = !held.1.load(Ordering::Acquire);
        *held.0.lock().unwrap() = false;
        goes_on
    }
}

/// Either the newcomer comes in, or the idle one goes on: never both, or there would be one too many, and never neither.
fn evicted_or_at_work<E: Eviction>() {
    loom::model(|| {
        let (balancer, idle) = E::full();
        let balancer = Arc::new(balancer);
        let accepting = {
            let balancer = Arc::clone(&balancer);
            thread::spawn(move || balancer.admits())
        };
        let works = E::works(&idle);
        let is_admitted = accepting.join().unwrap();
        assert!(works != is_admitted, "one too many: at work {works}, admitted {is_admitted}");
    });
}

/// What the accepting thread hands connections to: a shard's queue, which closes when the shard ends.
trait Inbox: Send + Sync + 'static {
    fn new() -> Self;
    fn send(&self, connection: Connection);
    fn close(&self);
}

/// Closed and emptied under one lock, as the channel that the service uses does it.
struct Whole(Mutex<Option<Vec<Connection>>>);

impl Inbox for Whole {
    fn new() -> Self {
        Whole(Mutex::new(Some(Vec::new())))
    }

    fn send(&self, connection: Connection) {
        let mut queue = self.0.lock().unwrap();
        if let Some(queue) = &mut *queue {
            queue.push(connection);
            return;
        }
        drop(queue);
        drop(connection);
    }

    fn close(&self) {
        let queue = self.0.lock().unwrap().take();
        drop(queue);
    }
}

/// Looks whether the shard runs, and pushes then.
struct Apart(AtomicBool, Mutex<Vec<Connection>>);

impl Inbox for Apart {
    fn new() -> Self {
        Apart(AtomicBool::new(false), Mutex::new(Vec::new()))
    }

    fn send(&self, connection: Connection) {
        if !self.0.load(Ordering::SeqCst) {
            self.1.lock().unwrap().push(connection);
        }
    }

    fn close(&self) {
        self.0.store(true, Ordering::SeqCst);
        self.1.lock().unwrap().clear();
    }
}

/// A shard ends while connections are handed to it: none is counted for ever.
fn nothing_stays_counted<I: Inbox>() {
    loom::model(|| {
        let (balancer, inbox) = (Arc::new(balancer()), Arc::new(I::new()));
        let accepting = {
            let (balancer, inbox) = (Arc::clone(&balancer), Arc::clone(&inbox));
            thread::spawn(move || {
                for _ in 0..2 {
                    inbox.send(count_in(&balancer).unwrap());
                }
            })
        };
        inbox.close();
        accepting.join().unwrap();
        assert!(is_empty(&balancer), "a connection is counted for ever");
    });
}

/// Connections end on their shard's thread while others are accepted.
#[test]
fn a_connection_is_counted_out_once() {
    loom::model(|| {
        let balancer = Arc::new(balancer());
        let first = count_in(&balancer).unwrap();
        first.idle(Idleness::Silent, Waker::noop());
        let accepting = {
            let balancer = Arc::clone(&balancer);
            thread::spawn(move || drop(count_in(&balancer).unwrap()))
        };
        drop(first);
        accepting.join().unwrap();
        assert!(is_empty(&balancer));
    });
}

#[test]
fn an_idle_connection_is_evicted_or_goes_on() {
    evicted_or_at_work::<Service>();
}

#[test]
fn a_connection_for_a_shard_that_ends_is_not_counted_for_ever() {
    nothing_stays_counted::<Whole>();
}

#[test]
fn wrong_balancers_and_inboxes_are_found() {
    let text = failure(evicted_or_at_work::<LooksFirst>);
    assert!(text.contains("one too many"), "{text}");
    let text = failure(nothing_stays_counted::<Apart>);
    assert!(text.contains("counted for ever"), "{text}");
}
