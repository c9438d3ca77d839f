//! The key `feeds`: each source is read as `serve` will read it, and no symbol is named by two of them.

use std::collections::HashMap;

use tickcast::feed::{Source, source::SourceKind};

use super::{fault::Problem, settings::Config};

/// Keeps the valid feeds: a check that opens them reports their faults too.
pub fn set(config: &mut Config, feeds: Vec<String>, problems: &mut Vec<Problem>) {
    if feeds.is_empty() {
        problems.push(Problem::NoFeed);
    }
    config.feeds.clear();
    // Those that tick by themselves, and whether each drives the market's clock.
    let mut ticking: Vec<(String, bool)> = Vec::new();
    // A symbol has one feed. What a feed has without naming it is known when it runs.
    let mut named: HashMap<String, String> = HashMap::new();
    for text in feeds {
        if config.feeds.contains(&text) {
            problems.push(Problem::FeedTwice { text });
            continue;
        }
        match Source::parse(&text) {
            Ok(source) => {
                for symbol in source.kind.named() {
                    if let Some(first) = named.get(&symbol) {
                        let (first, second) = (first.clone(), text.clone());
                        problems.push(Problem::FeedsShare { symbol, first, second });
                        break;
                    }
                    named.insert(symbol, text.clone());
                }
                if !matches!(source.kind, SourceKind::Push) {
                    ticking.push((text.clone(), source.drives_clock()));
                }
                config.feeds.push(text);
            }
            Err(source) => problems.push(Problem::Feed { text, source }),
        }
    }
    problems.extend(clock_conflict(ticking));
}

/// The first feed that drives the market's clock, and one that is beside it.
fn clock_conflict(mut ticking: Vec<(String, bool)>) -> Option<Problem> {
    let driver = ticking.iter().position(|(_, drives)| *drives)?;
    let (text, _) = ticking.remove(driver);
    let (other, _) = ticking.into_iter().next()?;
    Some(Problem::FeedClock { text, other })
}
