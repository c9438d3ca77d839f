//! Golden messages, as the vendor's documents have them.

use super::*;
use crate::feed::upstream::venue::Outgoing;

fn dialer(query: &str, market: BinanceMarket) -> Arc<dyn Dialer> {
    let mut options = Options::parse("binance", query).unwrap();
    configure(market, &mut options, &[]).unwrap()
}

fn conversation(symbols: &[&str], query: &str) -> Box<dyn Conversation> {
    let dialer = dialer(query, BinanceMarket::Spot);
    let streams =
        symbols.iter().flat_map(|symbol| dialer.kinds().iter().map(|&kind| Stream::new(symbol, kind)));
    dialer.connect(&StreamGroup { channel: "", streams: streams.collect() }, &CustomFields::none())
}

/// What a message comes to: its ticks as records with their numbers, its notes, and what is sent.
fn told(conversation: &mut dyn Conversation, message: &str) -> Vec<String> {
    let mut out = Reaction::default();
    conversation.text(Nanos(0), &mut message.as_bytes().to_vec(), &mut out);
    let ticks = out
        .ticks
        .iter()
        .map(|tick| format!("{:?} {:?} {}", tick.kind, tick.number, crate::feed::testing::line(&tick.tick)));
    let notes = out.notes.iter().map(|note| format!("{note:?}"));
    ticks.chain(notes).chain(out.sends.iter().map(|sent| format!("{sent:?}"))).collect()
}

#[test]
fn messages_of_the_documents() {
    let mut spot = conversation(&["BNBBTC"], "");
    let mut check =
        |message: &str, expected: &[&str]| assert_eq!(told(&mut *spot, message), expected, "{message}");
    let trade = r#"{"e":"trade","E":1672515782136,"s":"BNBBTC","t":12345,"p":"0.001","q":"100","T":1672515782136,"m":true,"M":true}"#;
    let tick = r#"Trades Counted(12345) {"symbol":"BNBBTC","ts":1672515782136000,"last":0.001,"last_size":100,"side":"sell","trade_id":"12345"}"#;
    check(trade, &[tick]);
    check(&format!(r#"{{"stream":"bnbbtc@trade","data":{trade}}}"#), &[tick]);
    // Never both kinds of trades.
    check(
        r#"{"e":"aggTrade","E":1672515782136,"s":"BNBBTC","a":12345,"p":"0.001","q":"100","f":100,"l":105,"T":1672515782136,"m":true,"M":true}"#,
        &[],
    );
    check(
        r#"{"u":400900217,"s":"BNBUSDT","b":"25.35190000","B":"31.21000000","a":"25.36520000","A":"40.66000000"}"#,
        &[
            r#"Quotes Rising(400900217) {"symbol":"BNBUSDT","bid":25.3519,"bid_size":31.21,"ask":25.3652,"ask_size":40.66}"#,
        ],
    );
    check(
        r#"{"e":"serverShutdown","E":1770123456789}"#,
        &["Leaving { why: \"the venue says that it shuts a server down\" }"],
    );
    check(r#"{"result":["btcusdt@aggTrade"],"id":3}"#, &[]);
}

#[test]
fn subscriptions_are_cut_asked_for_and_acknowledged() {
    let symbols: Vec<String> = (0..150).map(|number| format!("S{number}USDT")).collect();
    let symbols: Vec<&str> = symbols.iter().map(String::as_str).collect();
    let mut spot = conversation(&symbols, "trades=agg");
    let mut out = Reaction::default();
    spot.opened(Nanos(0), &mut out);
    let sent: Vec<&str> =
        out.sends.iter().map(|sent| if let Outgoing::Text(text) = sent { text } else { "" }).collect();
    assert_eq!(sent.len(), 2);
    assert!(
        sent[0].starts_with(r#"{"method":"SUBSCRIBE","params":["s0usdt@aggTrade","s0usdt@bookTicker","#),
        "{}",
        sent[0]
    );
    assert!(sent[1].ends_with(r#""s149usdt@bookTicker"],"id":2}"#), "{}", sent[1]);
    let mut out = Reaction::default();
    spot.text(Nanos(0), &mut br#"{"result":null,"id":2}"#.to_vec(), &mut out);
    assert_eq!(out.notes.len(), 100);
    // The other one is late: the connection is of no use.
    let due = spot.due().unwrap();
    spot.wake(due, &mut out);
    assert_eq!(
        out.notes.last(),
        Some(&Note::Reconnect { why: "the venue does not answer SUBSCRIBE".to_owned() })
    );
}

#[test]
fn a_contract_that_is_not_traded_is_halted() {
    let dialer = dialer("", BinanceMarket::UsdM);
    let streams = vec![Stream::new("IOTAUSDT", StreamKind::Trades)];
    let group = StreamGroup { channel: dialer.channel(StreamKind::Trades), streams };
    let mut futures = dialer.connect(&group, &CustomFields::none());
    let mut out = Reaction::default();
    futures.opened(Nanos(0), &mut out);
    let asked = r#"{"method":"SUBSCRIBE","params":["!contractInfo"],"id":4294967296}"#;
    assert_eq!(out.sends.last(), Some(&Outgoing::Text(asked.to_owned())));
    let told = |status: &str| {
        format!(
            r#"{{"stream":"!contractInfo","data":{{"e":"contractInfo","E":1669356423908,"s":"IOTAUSDT","ps":"IOTAUSDT","ct":"PERPETUAL","dt":4133404800000,"ot":1569398400000,"cs":"{status}"}}}}"#
        )
    };
    let mut out = Reaction::default();
    for message in
        [told("SETTLING"), told("SETTLING"), told("TRADING"), r#"{"result":null,"id":4294967296}"#.to_owned()]
    {
        futures.text(Nanos(0), &mut message.into_bytes(), &mut out);
    }
    let symbol = CompactString::new("IOTAUSDT");
    let why = "its status is SETTLING".to_owned();
    assert_eq!(out.notes, [Note::Halted { symbol: symbol.clone(), why }, Note::Trading { symbol }]);
    assert_eq!(out.ticks, []);
    // Quotes have a connection of their own, which tells of none.
    let group = StreamGroup { channel: dialer.channel(StreamKind::Quotes), streams: Vec::new() };
    let mut out = Reaction::default();
    dialer.connect(&group, &CustomFields::none()).opened(Nanos(0), &mut out);
    assert_eq!(out.sends, []);
}

#[test]
fn a_list_of_symbols_has_those_that_trade() {
    let page = br#"{"timezone":"UTC","symbols":[{"symbol":"BTCUSDT","status":"TRADING"},{"symbol":"OLD","status":"BREAK"}]}"#;
    let dialer = dialer("", BinanceMarket::UsdM);
    let listed = dialer.listing().unwrap().read(page).unwrap();
    assert_eq!((listed.symbols, listed.next), (vec![CompactString::new("BTCUSDT")], None));
    assert_eq!(listed.halted, [(CompactString::new("OLD"), "the venue lists it as BREAK".to_owned())]);
    assert!(dialer.listing().unwrap().read(b"<html>").is_err());
}

#[test]
fn wrong_options_are_told_before_a_connection() {
    let fault =
        |query: &str| crate::feed::Source::parse(&format!("binance?{query}")).unwrap_err().to_string();
    assert_eq!(
        fault("symbols=btcusdt"),
        "binance: option symbols: \"btcusdt\" is not a symbol of Binance, which writes them as in BTCUSDT"
    );
    assert_eq!(fault("symbols=A&trades=both"), "binance: option trades must be each or agg, got \"both\"");
    assert!(fault("").contains("at least one is needed"));
    assert!(fault("symbols=A,A").contains("A is named twice"));
    assert!(fault("symbols=A,*").contains("* is all of them"));
    assert!(fault("symbols=A&url=localhost").contains("is not a URL of a server"));
    assert!(
        fault("symbols=A&speed=1")
            .contains("unknown option \"speed\"; it has symbols, prefix, url, ca, mute, list, trades, name")
    );
}

proptest::proptest! {
    #[test]
    fn no_bytes_panic(message in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200)) {
        let mut spot = conversation(&["BNBBTC"], "");
        spot.text(Nanos(0), &mut message.clone(), &mut Reaction::default());
    }
}
