//! WebSocket extensions (RFC 6455, 9.1): parses the client's offers and answers them. Supported: permessage-deflate
//! (RFC 7692), without context takeover in either direction.
//!
//! Pure. Invariants: the answer is within one of the offers. An offer with unknown, invalid or duplicate parameters, or
//! a window that the compressor lacks, is declined, and the next one is tried. A malformed header offers nothing from
//! the error on.

use hyper::{
    HeaderMap,
    header::{self, HeaderValue},
};

use crate::wire::DeflateWindow;

/// The agreed parameters.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Deflate {
    /// The window of the server's messages: the maximum distance of back-references.
    pub window: DeflateWindow,
    /// The client asked for a specific window.
    is_told: bool,
}

const NAME: &str = "permessage-deflate";
const WINDOW_BITS: std::ops::RangeInclusive<u8> = 8..=15;

impl Deflate {
    /// The first acceptable offer of permessage-deflate.
    pub fn of(headers: &HeaderMap) -> Option<Deflate> {
        let values = headers.get_all(header::SEC_WEBSOCKET_EXTENSIONS).iter();
        values
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| Offers { rest: value })
            .find_map(|offer| accepted(&offer))
    }

    /// The value of the answer's `Sec-WebSocket-Extensions`.
    pub fn answer(self) -> HeaderValue {
        HeaderValue::from_static(match (self.is_told, self.window) {
            (false, _) => "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
            (true, DeflateWindow::Full) => {
                "permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=15"
            }
            (true, DeflateWindow::Small) => {
                "permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=9"
            }
        })
    }
}

/// One offer of an extension, as written.
#[derive(PartialEq, Eq, Debug)]
struct Offer<'a> {
    name: &'a str,
    parameters: Vec<(&'a str, Option<String>)>,
}

fn accepted(offer: &Offer<'_>) -> Option<Deflate> {
    if offer.name != NAME {
        return None;
    }
    let mut server_bits = None;
    let mut seen = Vec::new();
    for (name, value) in &offer.parameters {
        if seen.contains(name) {
            return None;
        }
        seen.push(*name);
        match (*name, value) {
            // The server promises this anyway, and asks nothing of the client's window: the inflater has the largest.
            (
                "server_no_context_takeover" | "client_no_context_takeover" | "client_max_window_bits",
                None,
            ) => {}
            ("client_max_window_bits", Some(bits)) => drop(window_bits(bits)?),
            ("server_max_window_bits", Some(bits)) => server_bits = Some(window_bits(bits)?),
            _ => return None,
        }
    }
    let window = match server_bits {
        None | Some(15) => DeflateWindow::Full,
        Some(bits) if bits >= DeflateWindow::Small.bits() => DeflateWindow::Small,
        Some(_) => return None,
    };
    Some(Deflate { window, is_told: server_bits.is_some() })
}

/// A decimal number without leading zeros.
fn window_bits(text: &str) -> Option<u8> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
    let bits = text.parse().ok().filter(|_| is_plain)?;
    WINDOW_BITS.contains(&bits).then_some(bits)
}

/// Parses the offers in one header, up to the first error.
struct Offers<'a> {
    rest: &'a str,
}

impl<'a> Iterator for Offers<'a> {
    type Item = Offer<'a>;

    fn next(&mut self) -> Option<Offer<'a>> {
        // A list may have empty elements.
        while self.takes(',') {}
        let offer = self.offer();
        if offer.is_none() {
            self.rest = "";
        }
        offer
    }
}

impl<'a> Offers<'a> {
    fn offer(&mut self) -> Option<Offer<'a>> {
        let name = self.token()?;
        let mut parameters = Vec::new();
        while self.takes(';') {
            let name = self.token()?;
            let value = if self.takes('=') { Some(self.value()?) } else { None };
            parameters.push((name, value));
        }
        let is_whole = self.takes(',') || self.rest.is_empty();
        is_whole.then_some(Offer { name, parameters })
    }

    /// A token, or a quoted one.
    fn value(&mut self) -> Option<String> {
        if !self.takes('"') {
            return self.token().map(str::to_owned);
        }
        let mut value = String::new();
        let mut characters = self.rest.char_indices();
        loop {
            match characters.next()?.1 {
                '"' => break,
                '\\' => value.push(characters.next()?.1),
                other => value.push(other),
            }
        }
        self.rest = characters.as_str();
        (!value.is_empty() && value.bytes().all(is_token_byte)).then_some(value)
    }

    fn token(&mut self) -> Option<&'a str> {
        self.skip_space();
        let end = self.rest.bytes().position(|byte| !is_token_byte(byte)).unwrap_or(self.rest.len());
        let (token, rest) = self.rest.split_at(end);
        self.rest = rest;
        (!token.is_empty()).then_some(token)
    }

    /// Consumes this character if it comes next; returns whether it did.
    fn takes(&mut self, character: char) -> bool {
        self.skip_space();
        let rest = self.rest.strip_prefix(character);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t']);
    }
}

/// RFC 9110, 5.6.2.
fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PLAIN: &str = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";

    fn answer(offered: &[&str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for value in offered {
            headers.append(header::SEC_WEBSOCKET_EXTENSIONS, HeaderValue::from_str(value).unwrap());
        }
        Deflate::of(&headers).map(|deflate| deflate.answer().to_str().unwrap().to_owned())
    }

    #[track_caller]
    fn check(offered: &[&str], expected: Option<&str>) {
        assert_eq!(answer(offered).as_deref(), expected, "{offered:?}");
    }

    #[test]
    fn an_offer_is_answered_without_context_takeover() {
        for offered in [
            "permessage-deflate",
            "permessage-deflate; client_max_window_bits",
            "permessage-deflate; client_max_window_bits=8",
            "permessage-deflate; client_max_window_bits=\"15\"; server_no_context_takeover",
            "permessage-deflate;server_no_context_takeover;client_no_context_takeover",
            " permessage-deflate\t; client_max_window_bits = 10 ",
            "permessage-deflate; client_max_window_bits=\"1\\0\"",
        ] {
            check(&[offered], Some(PLAIN));
        }
        check(&[], None);
        check(&[""], None);
    }

    #[test]
    fn a_window_is_kept_to_or_the_offer_is_declined() {
        let told = |bits: u8| format!("{PLAIN}; server_max_window_bits={bits}");
        check(&["permessage-deflate; server_max_window_bits=15"], Some(&told(15)));
        for bits in 9..15 {
            let offered =
                format!("permessage-deflate; server_max_window_bits={bits}; client_max_window_bits");
            check(&[&offered], Some(&told(9)));
        }
        check(&["permessage-deflate; server_max_window_bits=\"10\""], Some(&told(9)));
        check(&["permessage-deflate; server_max_window_bits=8"], None);
    }

    #[test]
    fn what_is_unknown_invalid_or_given_twice_declines_its_offer_alone() {
        for bad in [
            "permessage-bzip2",
            "Permessage-Deflate",
            "x-webkit-deflate-frame",
            "permessage-deflate; x",
            "permessage-deflate; server_no_context_takeover=1",
            "permessage-deflate; client_no_context_takeover=true",
            "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
            "permessage-deflate; client_max_window_bits; client_max_window_bits=10",
            "permessage-deflate; server_max_window_bits",
            "permessage-deflate; server_max_window_bits=7",
            "permessage-deflate; server_max_window_bits=16",
            "permessage-deflate; server_max_window_bits=010",
            "permessage-deflate; server_max_window_bits=+10",
            "permessage-deflate; server_max_window_bits=999",
            "permessage-deflate; client_max_window_bits=0",
            "permessage-deflate; client_max_window_bits=\"08\"",
        ] {
            check(&[bad], None);
            check(&[&format!("{bad}, permessage-deflate")], Some(PLAIN));
            check(&[bad, "permessage-deflate"], Some(PLAIN));
        }
        check(&["a; b=\"permessage-deflate, \\\"\""], None);
        check(
            &["permessage-deflate; server_max_window_bits=8, permessage-deflate; server_max_window_bits=9,"],
            {
                Some(
                    "permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=9",
                )
            },
        );
    }

    #[test]
    fn what_cannot_be_read_offers_nothing() {
        for bad in [
            ";permessage-deflate",
            "permessage-deflate;",
            "permessage-deflate; =1",
            "permessage-deflate; client_max_window_bits=",
            "permessage-deflate; client_max_window_bits=\"10",
            "permessage-deflate; client_max_window_bits=\"\"",
            "permessage-deflate x",
            "permessage-deflate; client_max_window_bits=\"1 0\"",
        ] {
            check(&[bad], None);
        }
    }

    proptest! {
        #[test]
        fn any_header_is_answered_or_not(value in "[ -~]{0,60}", parts in prop::collection::vec("[;,=\" a\\\\]|permessage-deflate|client_max_window_bits|1[0-9]", 0..12)) {
            for offered in [value, parts.concat()] {
                let found = answer(&[&offered]);
                prop_assert!(found.is_none_or(|found| found.starts_with(PLAIN)));
            }
        }
    }
}
