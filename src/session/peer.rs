//! The client of a session: its address, and its `User-Agent` for the log, cut and made printable.
//!
//! Most clients of a service use a few programs, so sessions share the text: it costs a session a pointer.

use std::{collections::VecDeque, net::SocketAddr, rc::Rc};

/// The other end of a session's connection.
#[derive(Clone, Debug)]
pub struct Peer {
    pub address: SocketAddr,
    pub agent: UserAgent,
    /// It is on this machine, calls the server by an address or as localhost, and is not a page that only `*` allows: it
    /// may control the server, and publish, where no authentication is configured.
    pub is_local: bool,
}

/// Bounded, and only printable ASCII.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UserAgent(Rc<str>);

/// The most recent texts of clients.
#[derive(Default)]
pub struct UserAgents(VecDeque<UserAgent>);

/// Characters that are kept; the rest is cut off.
const CHARS_MAX: usize = 120;
/// Texts that are searched for one that is seen again.
const KNOWN_MAX: usize = 16;

impl UserAgents {
    /// Of the value of a header; empty when there is none.
    pub fn of(&mut self, value: &[u8]) -> UserAgent {
        let shown = value.iter().take(CHARS_MAX).map(|byte| match byte {
            b' '..=b'~' => *byte,
            _ => b'?',
        });
        let text = shown.chain((value.len() > CHARS_MAX).then_some(b'~'));
        if let Some(known) = self.0.iter().find(|known| known.0.bytes().eq(text.clone())) {
            return known.clone();
        }
        self.0.truncate(KNOWN_MAX - 1);
        let agent = UserAgent(text.map(char::from).collect::<String>().into());
        self.0.push_front(agent.clone());
        agent
    }
}

impl UserAgent {
    pub fn text(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_one_bounded_line_that_steers_no_terminal() {
        let check = |value: &[u8], expected: &str| {
            assert_eq!(UserAgents::default().of(value).text(), expected);
        };
        check(b"ticker/1.0", "ticker/1.0");
        check(b"a \"b\"\t\x9b2J", "a \"b\"??2J");
        check(&[b'x'; 4_000], &format!("{}~", "x".repeat(CHARS_MAX)));
        assert_eq!(UserAgents::default().of(b"").text(), "");
    }

    #[test]
    fn sessions_of_one_make_share_it_and_few_are_kept() {
        let mut agents = UserAgents::default();
        let first = agents.of(b"one");
        assert!(Rc::ptr_eq(&first.0, &agents.of(b"one").0));
        (0..100).for_each(|number| drop(agents.of(format!("agent {number}").as_bytes())));
        assert_eq!(agents.0.len(), KNOWN_MAX);
    }
}
