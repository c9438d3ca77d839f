//! Use is told by product.

use super::{
    usage::{Licence, OpenAtOnce},
    *,
};
use crate::tick::Symbol;

#[test]
fn symbols_are_told_by_their_product_in_real_time_and_delayed() {
    let folder = Folder::new("products");
    let setup = AuditSetup { path: folder.path(), bytes_max: 1 << 30, on_failure: OnFailure::RefuseNew };
    let now = at("2026-11-30T12:00:00Z");
    let of =
        |symbol: &Symbol| if symbol.as_str().starts_with('X') { "x".into() } else { DEFAULT_PRODUCT.into() };
    let log = AuditLog::start(&setup, now).expect("a new file").with_products(Box::new(of));
    let symbols = ["XA", "B", "XC"].map(|name| Symbol::new(name).expect("a symbol"));
    for _ in 0..2 {
        log.tell_received(now, &who("alice"), AuditChannel::Stream, false, symbols.iter());
        log.tell_received(now, &who("alice"), AuditChannel::Stream, true, symbols[2..].iter());
    }
    log.close(now);
    let told: Vec<_> = folder
        .told()
        .into_iter()
        .filter_map(|event| match event {
            Event::Received { product, symbols, delayed, .. } => Some((product, symbols.join(" "), delayed)),
            _ => None,
        })
        .collect();
    let row = |product: &str, symbols: &str, delayed| (product.into(), symbols.to_owned(), delayed);
    assert_eq!(
        told,
        [row("default", "B", false), row("x", "XA", false), row("x", "XC", false), row("x", "XC", true)]
    );
}

#[test]
fn access_to_a_product_is_held_by_whoever_could_read_any_of_it() {
    let mut usage = Usage::default();
    let mut n = 0;
    let mut take = |time: &str, event| {
        n += 1;
        usage.take(AuditRecord { n, ts: at(time).micros(), event });
    };
    let opened = |session, user: &str, products: &[&str]| Event::Opened {
        session,
        who: who(user),
        address: "192.0.2.1".parse().expect("an address"),
        agent: String::new(),
        via: AuditChannel::Stream,
        expires: None,
        products: products.iter().map(|&name| name.into()).collect(),
    };
    take("2026-10-30T00:00:00Z", opened(1, "alice", &["x", "default"]));
    take("2026-10-30T00:00:01Z", opened(2, "alice", &["x"]));
    take("2026-10-30T00:00:02Z", opened(3, "bob", &["x"]));
    take("2026-10-30T00:00:03Z", opened(4, "carol", &[]));
    take("2026-10-31T00:00:00Z", ended(2));
    let products = vec!["default".into()];
    take("2026-11-02T00:00:00Z", Event::Renewed { session: 3, who: who("bob"), expires: None, products });
    take("2026-11-02T00:00:01Z", ended(1));
    take("2026-12-02T00:00:01Z", opened(5, "dave", &["x"]));
    let months = &usage.months;
    let of = |month: &str, product: &str| {
        let totals = months.iter().find(|(at, _)| at.to_string() == month).expect("a month").1;
        let licence = Licence::of(&product.into(), &who("alice"));
        let totals = totals.licences.get(&licence).cloned().unwrap_or_default();
        let held: Vec<_> = totals.held.iter().filter_map(|who| who.user.clone()).collect();
        let OpenAtOnce { devices, users } = totals.at_once;
        (held.join(" "), devices, users)
    };
    let row = |held: &str, devices, users| (held.to_owned(), devices, users);
    assert_eq!(of("2026-10", "x"), row("", 3, 2));
    assert_eq!(of("2026-10", "default"), row("", 1, 1));
    assert_eq!(of("2026-11", "x"), row("alice bob", 2, 2));
    assert_eq!(of("2026-11", "default"), row("alice", 2, 2));
    assert_eq!(of("2026-12", "x"), row("", 1, 1));
    assert_eq!(of("2026-12", "default"), row("bob", 1, 1));
    let old = r#"{"event":"opened","session":1,"address":"192.0.2.1","agent":"","via":"stream"}"#;
    let old: Event = serde_json::from_str(old).expect("a record of an older version");
    assert!(matches!(old, Event::Opened { products, .. } if products == ["default"]));
}
