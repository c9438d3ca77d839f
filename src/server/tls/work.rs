//! Schedules the work of a handshake thread, one piece at a time.
//!
//! Handshake tasks would otherwise work in the order in which the kernel reports them. Here each requests a turn first,
//! and lets the others request theirs before one is granted: `turns.rs` chooses. A task has no turn while it waits for
//! its client.
//!
//! Invariant: at most one turn is granted at a time. Its task works at its next poll, then passes the turn on.

use std::{
    cell::{Cell, RefCell},
    future::poll_fn,
    rc::Rc,
    task::{Poll, Waker},
};

use super::turns::{Flight, Turns};
use crate::server::admission::addresses::AddressKey;

/// The state of one thread.
#[derive(Default)]
pub struct HandshakeWork {
    turns: RefCell<Turns<AddressKey, Rc<WorkTurn>>>,
    is_given: Cell<bool>,
}

struct WorkTurn {
    state: Cell<TurnState>,
    waker: RefCell<Waker>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum TurnState {
    Waiting,
    Given,
    /// It was used, or its task has gone.
    Over,
}

/// A place in the queue; drop passes the turn on.
struct AskedTurn<'a> {
    work: &'a HandshakeWork,
    turn: Rc<WorkTurn>,
}

impl HandshakeWork {
    /// Does a piece of work when it is this address's turn.
    pub async fn in_turn<R>(&self, address: AddressKey, flight: Flight, piece: impl FnOnce() -> R) -> R {
        let turn =
            WorkTurn { state: Cell::new(TurnState::Waiting), waker: RefCell::new(Waker::noop().clone()) };
        let asked = AskedTurn { work: self, turn: Rc::new(turn) };
        self.turns.borrow_mut().push(address, flight, Rc::clone(&asked.turn));
        let mut has_asked = false;
        poll_fn(|context| {
            if asked.turn.state.get() == TurnState::Given {
                return Poll::Ready(());
            }
            asked.turn.waker.borrow_mut().clone_from(context.waker());
            if !std::mem::replace(&mut has_asked, true) {
                self.give();
            }
            Poll::Pending
        })
        .await;
        piece()
    }

    /// Grants the next turn, unless one is granted already.
    fn give(&self) {
        if self.is_given.get() {
            return;
        }
        let is_waiting = |turn: &Rc<WorkTurn>| turn.state.get() == TurnState::Waiting;
        let next = std::iter::from_fn(|| self.turns.borrow_mut().pop()).find(is_waiting);
        if let Some(turn) = next {
            turn.state.set(TurnState::Given);
            self.is_given.set(true);
            turn.waker.borrow().wake_by_ref();
        }
    }
}

impl Drop for AskedTurn<'_> {
    fn drop(&mut self) {
        if self.turn.state.replace(TurnState::Over) == TurnState::Given {
            self.work.is_given.set(false);
            self.work.give();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{net::SocketAddr, pin::pin};

    use tokio::task::{LocalSet, spawn_local, yield_now};

    use super::*;

    fn address(last: u8) -> AddressKey {
        AddressKey::of_any(SocketAddr::from(([127, 0, 0, last], 1)).into())
    }

    /// Asks for work on a flight of this address, which notes that it was done.
    fn ask(work: &Rc<HandshakeWork>, done: &Rc<RefCell<Vec<u8>>>, last: u8) {
        let (work, done) = (Rc::clone(work), Rc::clone(done));
        spawn_local(async move {
            work.in_turn(address(last), Flight::First, || done.borrow_mut().push(last)).await;
        });
    }

    #[tokio::test]
    async fn who_comes_behind_a_flood_of_another_address_is_next_but_one() {
        let (work, done) = (Rc::<HandshakeWork>::default(), Rc::<RefCell<Vec<u8>>>::default());
        let all = async {
            (0..1_000).for_each(|_| ask(&work, &done, 2));
            while done.borrow().is_empty() {
                yield_now().await;
            }
            let before = done.borrow().len();
            ask(&work, &done, 3);
            while done.borrow().len() < 1_001 {
                yield_now().await;
            }
            let at = done.borrow().iter().position(|last| *last == 3).unwrap();
            // The round in which it asks has turns of its own.
            assert!(at <= before + 3, "{at} of those after {before}");
        };
        LocalSet::new().run_until(all).await;
        assert!(!work.is_given.get() && work.turns.borrow_mut().pop().is_none());
    }

    #[tokio::test]
    async fn who_goes_while_it_waits_or_has_the_turn_passes_it_on() {
        let (work, done) = (Rc::<HandshakeWork>::default(), Rc::<RefCell<Vec<u8>>>::default());
        {
            let mut has = pin!(work.in_turn(address(1), Flight::First, || unreachable!("it goes before")));
            let mut waits = pin!(work.in_turn(address(1), Flight::Later, || unreachable!("it goes before")));
            let poll_both = poll_fn(|context| {
                let ready = [has.as_mut().poll(context), waits.as_mut().poll(context)];
                assert!(ready.iter().all(Poll::is_pending), "a turn is used at a later poll");
                Poll::Ready(())
            });
            poll_both.await;
            assert!(work.is_given.get());
        }
        assert!(!work.is_given.get());
        work.in_turn(address(1), Flight::First, || done.borrow_mut().push(1)).await;
        assert_eq!(*done.borrow(), [1]);
    }
}
