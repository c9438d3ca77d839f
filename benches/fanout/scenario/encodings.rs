//! `binary` and `deflate`: the dashboards of B and B2 with data in another encoding, each row beside the same as JSON, and
//! beside Bun with what it has of the kind.
//!
//! What is compressed is inflated by the few clients that look at ages. Of the others' frames the bytes are counted, and
//! their messages are those of all frames, by tickcast's account (`Window::count_unread`): to inflate everything would
//! take more of the load's core than there is.

use std::io;

use super::{
    Bench,
    dashboard::{self, FASTER, INTERVAL_MS, TICKS_PER_SYMBOL_PER_S},
};
use crate::{
    report::{Figure, Goal, Report},
    servers::{Contender, Encoding, Mode, Peer},
};

/// One scenario: its name, and what is compared.
pub struct Comparison {
    name: &'static str,
    encodings: &'static [Encoding],
}

pub const BINARY: Comparison = Comparison { name: "binary", encodings: &[Encoding::Json, Encoding::Binary] };
pub const DEFLATE: Comparison = Comparison {
    name: "deflate",
    encodings: &[Encoding::Json, Encoding::Deflate, Encoding::DeflateDedicated],
};

const B: &str = "B";
const B2: &str = "B2";
/// How often a symbol ticks.
const CASES: [(&str, f64); 2] = [(B, TICKS_PER_SYMBOL_PER_S), (B2, TICKS_PER_SYMBOL_PER_S * FASTER)];

/// Modes and intervals of tickcast.
const ROWS: [(&str, Mode, u32); 5] = [
    (B, Mode::Every, 0),
    (B, Mode::Latest, 0),
    (B2, Mode::Every, 0),
    (B2, Mode::Latest, 0),
    (B2, Mode::Latest, INTERVAL_MS),
];

impl Comparison {
    pub fn run(&self, bench: &Bench, report: &mut Report) -> io::Result<()> {
        for (case, ticks_per_symbol_per_s) in CASES {
            Bench::each(&self.contenders(bench, case), self.name, report, |report, contender| {
                let (window, mut figures) = dashboard::look(bench, contender, ticks_per_symbol_per_s)?;
                figures.extend(window.bytes_per_message().map(|bytes| (Figure::BytesPerMessage, bytes)));
                if contender.encoding == Encoding::Binary && contender.peer == Peer::Tickcast {
                    figures.insert(Figure::OutOfOrder, window.out_of_order() as f64);
                }
                report.add(self.name, case, &contender.name(), figures);
                Ok(())
            })?;
        }
        Ok(())
    }

    /// Encodings of the same server follow one another, so that the machine is the same for them.
    fn contenders(&self, bench: &Bench, case: &str) -> Vec<Contender> {
        let ours = ROWS.into_iter().filter(|(of, ..)| *of == case && bench.has(Peer::Tickcast));
        let ours = ours.map(|(_, mode, interval_ms)| Contender::tickcast(mode, interval_ms));
        let bun = bench.has(Peer::Bun).then(|| Contender::other(Peer::Bun));
        let encoded = |contender: Contender| {
            let encodings =
                self.encodings.iter().filter(move |one| Encoding::of(contender.peer).contains(one));
            encodings.map(move |encoding| contender.encoded(*encoding))
        };
        ours.chain(bun).flat_map(encoded).collect()
    }

    /// The goals of each of tickcast's rows, given the row as JSON and as it is.
    fn goals(
        &self,
        report: &Report,
        encoding: Encoding,
        each: impl Fn(&str, &dyn Fn(Encoding, Figure) -> Option<f64>) -> Vec<Goal>,
    ) -> Vec<Goal> {
        let mut goals = Vec::new();
        for (case, mode, interval_ms) in ROWS {
            let contender = Contender::tickcast(mode, interval_ms);
            let of = |encoding, figure| {
                report.median(self.name, case, &contender.encoded(encoding).name(), figure)
            };
            let title = format!("{case} {}", contender.encoded(encoding).name());
            goals.extend(each(&title, &of));
            let residual = of(encoding, Figure::Residual);
            goals.push(Goal::new(
                self.name,
                format!("{title}: the accounts balance, residual 0"),
                residual,
                "",
                |residual| residual == 0.0,
            ));
        }
        goals
    }
}

pub fn binary_goals(report: &Report) -> Vec<Goal> {
    let name = BINARY.name;
    BINARY.goals(report, Encoding::Binary, |title, of| {
        let ratio = |figure| of(Encoding::Binary, figure).zip(of(Encoding::Json, figure)).map(|(a, b)| a / b);
        vec![
            Goal::new(
                name,
                format!("{title}: at most 20 bytes a message"),
                of(Encoding::Binary, Figure::BytesPerMessage),
                "bytes",
                |bytes| bytes <= 20.0,
            ),
            Goal::new(
                name,
                format!("{title}: CPU a message not above JSON's"),
                ratio(Figure::CpuUsPerMessage),
                "x",
                |ratio| ratio <= 1.0,
            ),
            Goal::new(
                name,
                format!("{title}: every message follows the one before it"),
                of(Encoding::Binary, Figure::OutOfOrder),
                "not in order",
                |messages| messages == 0.0,
            ),
        ]
    })
}

pub fn deflate_goals(report: &Report) -> Vec<Goal> {
    let name = DEFLATE.name;
    let mut goals = DEFLATE.goals(report, Encoding::Deflate, |title, of| {
        let figure = |encoding| of(encoding, Figure::BytesPerMessage);
        let times =
            figure(Encoding::Json).zip(figure(Encoding::Deflate)).map(|(plain, deflated)| plain / deflated);
        let mut goals = Vec::new();
        if title.starts_with(B2) {
            let aim = format!("{title}: at least 3.5 x fewer bytes a message");
            goals.push(Goal::new(name, aim, times, "x", |times| times >= 3.5));
        }
        goals
    });
    let of = |server: Contender, figure| report.median(name, B, &server.name(), figure);
    let bun = |encoding| Contender::other(Peer::Bun).encoded(encoding);
    for mode in Mode::ALL {
        let ours = Contender::tickcast(mode, 0).encoded(Encoding::Deflate);
        for (figure, what) in [(Figure::CpuUsPerMessage, "CPU a message"), (Figure::AgeP99Ms, "p99")] {
            let best =
                [Encoding::Deflate, Encoding::DeflateDedicated].map(|encoding| of(bun(encoding), figure));
            let best = best.into_iter().flatten().reduce(f64::min);
            let ratio = of(ours, figure).zip(best).map(|(ours, best)| ours / best);
            let aim = format!("{B} {}: {what} below that of Bun's better compressor", ours.name());
            goals.push(Goal::new(name, aim, ratio, "x", |ratio| ratio < 1.0));
        }
    }
    goals
}
