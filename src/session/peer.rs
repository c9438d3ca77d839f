//! The client of a session: its address, and its `User-Agent` for the log, shortened and made printable.
//!
//! Most clients use a few programs, so sessions share the text; it costs a session one pointer.

use std::{collections::VecDeque, net::SocketAddr, rc::Rc};

/// The other end of a session's connection.
#[derive(Clone, Debug)]
pub struct Peer {
    pub address: SocketAddr,
    pub agent: UserAgent,
    /// The client is on this machine, addresses the server as localhost or by IP, and is no web page allowed only by
    /// `*`: without authentication it may control the server and publish.
    pub is_local: bool,
}

/// A bounded text of printable ASCII.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UserAgent(Rc<str>);

/// The most recent distinct texts.
#[derive(Default)]
pub struct UserAgents(VecDeque<UserAgent>);

/// Maximum length; the rest is cut off.
const CHARS_MAX: usize = 120;
/// How many texts are searched for an equal one.
const KNOWN_MAX: usize = 16;

impl UserAgents {
    /// From the value of the header; empty when there is none.
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
