//! Use is told by product.

use super::*;
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
        log.tell_received(now, &who("alice"), Via::Stream, false, symbols.iter());
        log.tell_received(now, &who("alice"), Via::Stream, true, symbols[2..].iter());
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
    assert_eq!(told, [row("default", "B", false), row("x", "XA XC", false), row("x", "XC", true)]);
}
