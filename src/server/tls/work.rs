//! The work of a handshake thread, one piece at a time: who waits for a turn, and whose it is.
//!
//! Handshakes of a thread are tasks that work when they are polled, and so in the order in which the kernel reports them.
//! Here each asks for a turn first, and lets the others ask before any is given: `turns.rs` chooses. Nobody has a turn
//! while it waits for its client.
//!
//! Invariant: at most one turn is given at a time. Who has it works at its next poll, and passes it on.

use std::{
    cell::{Cell, RefCell},
    future::poll_fn,
    rc::Rc,
    task::{Poll, Waker},
};

use super::turns::{Flight, Turns};
use crate::server::admission::addresses::AddressKey;

/// Of one thread.
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
    /// It was used, or whoever waited has gone.
    Over,
}

/// A place in the queue, passed on by drop.
struct AskedTurn<'a> {
    work: &'a HandshakeWork,
    turn: Rc<WorkTurn>,
}

impl HandshakeWork {
    /// Does a piece of work when it is this address' turn.
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

    /// Gives the turn to the next, unless somebody has it.
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
