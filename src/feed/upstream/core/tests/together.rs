//! What a server allows all feeds together: attempts, streams of an address, and how long it wants none of either.

use super::*;

/// Two streams for each symbol; four of a link, and ten of the address.
fn ten() -> Facts {
    Facts { streams_together: 10, ..facts() }
}

impl Stage {
    fn subscribed(&mut self) -> usize {
        self.dialled().iter().map(|(_, streams)| streams.len()).sum()
    }

    fn alerts(&self) -> Vec<&str> {
        let alert = |told: &'_ LogLine| matches!(told, LogLine::Alert(_));
        let lines = self.out.told.iter().filter(|told| alert(told));
        lines
            .map(|told| match told {
                LogLine::Info(line) | LogLine::Warn(line) | LogLine::Gap(line) | LogLine::Alert(line) => {
                    &**line
                }
            })
            .collect()
    }
}

#[test]
fn feeds_of_one_server_share_its_attempts() {
    let few = Facts { attempts: Rate::new(2, Duration::from_secs(60)), ..facts() };
    let allowance = Allowance::new(&few);
    let mut one = Stage::beside(&allowance, few, &["A"]);
    let mut other = Stage::beside(&allowance, few, &["A", "B", "C"]);
    assert_eq!((one.dialled().len(), other.dialled().len()), (1, 1));
    other.pass(59);
    assert_eq!(other.dialled(), []);
    other.pass(1);
    assert_eq!(other.dialled().len(), 1);
}

#[test]
fn streams_of_an_address_are_shared_by_its_feeds() {
    let allowance = Allowance::new(&ten());
    let mut one = Stage::beside(&allowance, ten(), &["A", "B", "C"]);
    let mut other = Stage::beside(&allowance, ten(), &["D", "E", "F"]);
    assert_eq!((one.subscribed(), other.subscribed()), (6, 4));
    assert_eq!(one.alerts(), [""; 0]);
    let line = "the venue allows 10 streams of an address, which all feeds of it share: 2 of the 6 streams of this \
                feed have no room. Name fewer symbols";
    other.pass(5);
    assert_eq!((other.subscribed(), other.alerts()), (0, vec![line]));
    // What one gives back the other takes.
    one.upstream.change_symbols(one.now, &[], &["A"], &mut one.out);
    other.pass(1);
    assert_eq!(other.subscribed(), 2);
    // A feed that ends gives all of it back, and its streams are the other's then.
    drop(one);
    assert_eq!(allowance.streams.room(), 4);
    other.upstream.change_symbols(other.now, &["G", "H", "I"], &[], &mut other.out);
    other.pass(1);
    // Two of the six go over the link that is there, and two over a new one.
    assert_eq!((other.subscribed(), allowance.streams.room()), (2, 0));
}

#[test]
fn a_link_that_breaks_gives_its_streams_back_until_it_is_made_anew() {
    let mut stage = Stage::new(ten(), &["A", "B"]);
    let links = stage.open_all();
    assert_eq!(stage.upstream.allowance.streams.room(), 6);
    for link in links {
        stage.breaks(link);
    }
    assert_eq!(stage.upstream.allowance.streams.room(), 10);
    stage.pass(2);
    assert_eq!((stage.subscribed(), stage.upstream.allowance.streams.room()), (4, 6));
}

#[test]
fn no_feed_of_a_server_comes_back_before_it_is_wanted() {
    let allowance = Allowance::new(&facts());
    let mut one = Stage::beside(&allowance, facts(), &["A"]);
    let mut other = Stage::beside(&allowance, facts(), &["B"]);
    let (link, broken) = (one.dialled()[0].0, other.open_all()[0]);
    let end = LinkEnd::Refused { why: "429".to_owned(), wait: Duration::from_secs(60) };
    one.upstream.closed(link, one.now, &end, &mut one.out);
    other.breaks(broken);
    for stage in [&mut one, &mut other] {
        stage.pass(59);
        assert_eq!(stage.dialled(), []);
        stage.pass(1);
        assert_eq!(stage.dialled().len(), 1);
    }
}
