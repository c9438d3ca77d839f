//! What was measured: samples of several runs, made into rows with median and spread, a table, goals, and JSON.

use std::{collections::BTreeMap, fmt::Write, io, path::Path};

use serde::Serialize;

use crate::{machine, rig::Window};

/// What a row can say, in the order of the table's columns.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Figure {
    OfferedPerS,
    DeliveredPerS,
    CpuUsPerMessage,
    CpuUsPerWrite,
    CpuShare,
    AgeP50Ms,
    AgeP99Ms,
    AgeP999Ms,
    AgeMaxMs,
    FeedLagP99Ms,
    MessagesAWrite,
    BytesPerMessage,
    FloorCpuUsPerMessage,
    FloorRatio,
    NetCpuUsPerMessage,
    MbPerS,
    RssMb,
    TicksPerS,
    TicksPerCoreS,
    RampS,
    CpuS,
    CpuUsPerSession,
    Resumed,
    BytesPerSession,
    SessionKb,
    SessionAfterBusyKb,
    RssGrowthMb,
    SocketGrowthMb,
    FinalRight,
    FinalS,
    BacklogMessages,
    Gone,
    GeneratorShare,
    Residual,
    OutOfOrder,
}

impl Figure {
    /// The column's head, and how many decimal places it has.
    fn column(self) -> (&'static str, usize) {
        match self {
            Figure::OfferedPerS => ("offered/s", 0),
            Figure::DeliveredPerS => ("delivered/s", 0),
            Figure::CpuUsPerMessage => ("CPU us/msg", 3),
            Figure::CpuUsPerWrite => ("CPU us/write", 3),
            Figure::CpuShare => ("core", 2),
            Figure::AgeP50Ms => ("p50 ms", 2),
            Figure::AgeP99Ms => ("p99 ms", 2),
            Figure::AgeP999Ms => ("p99.9 ms", 2),
            Figure::AgeMaxMs => ("max ms", 1),
            Figure::FeedLagP99Ms => ("feed lag ms", 2),
            Figure::MessagesAWrite => ("msg/write", 2),
            Figure::BytesPerMessage => ("B/msg", 1),
            Figure::FloorCpuUsPerMessage => ("floor us/msg", 3),
            Figure::FloorRatio => ("x floor", 2),
            Figure::NetCpuUsPerMessage => ("net us/msg", 3),
            Figure::TicksPerS => ("ticks/s", 0),
            Figure::TicksPerCoreS => ("ticks/core s", 0),
            Figure::RampS => ("ramp s", 3),
            Figure::CpuS => ("CPU s", 3),
            Figure::Resumed => ("resumed", 0),
            Figure::CpuUsPerSession => ("CPU us/session", 1),
            Figure::BytesPerSession => ("B/session", 0),
            Figure::SessionKb => ("kB/session", 2),
            Figure::SessionAfterBusyKb => ("after busy", 2),
            Figure::RssGrowthMb => ("RSS + MB", 1),
            Figure::SocketGrowthMb => ("sockets + MB", 1),
            Figure::FinalRight => ("final right", 3),
            Figure::FinalS => ("final s", 2),
            Figure::BacklogMessages => ("backlog", 0),
            Figure::Gone => ("gone", 0),
            Figure::MbPerS => ("MB/s", 1),
            Figure::RssMb => ("RSS MB", 1),
            Figure::GeneratorShare => ("gen core", 2),
            Figure::Residual => ("residual", 0),
            Figure::OutOfOrder => ("not in order", 0),
        }
    }
}

pub type Figures = BTreeMap<Figure, f64>;

/// Figures of one run or of several.
#[derive(Clone, Debug, Serialize)]
pub struct Spread {
    pub median: f64,
    pub min: f64,
    pub max: f64,
    pub runs: Vec<f64>,
}

#[derive(Serialize)]
pub struct Row {
    pub scenario: &'static str,
    pub case: String,
    pub server: String,
    pub figures: BTreeMap<Figure, Spread>,
}

/// What was aimed at, and what it came to.
#[derive(Serialize)]
pub struct Goal {
    pub scenario: &'static str,
    pub aim: String,
    pub measured: String,
    /// `None`: what it needs was not run.
    pub met: Option<bool>,
}

impl Goal {
    /// One number and its bounds, when it was measured.
    pub fn new(
        scenario: &'static str,
        aim: impl Into<String>,
        measured: Option<f64>,
        unit: &str,
        met: impl FnOnce(f64) -> bool,
    ) -> Goal {
        let places = usize::from(measured.is_some_and(|value| value.abs() < 1000.0)) * 2;
        Goal {
            scenario,
            aim: aim.into(),
            measured: measured.map_or_else(String::new, |value| format!("{} {unit}", grouped(value, places))),
            met: measured.map(met),
        }
    }
}

#[derive(Default, Serialize)]
pub struct Report {
    pub machine: String,
    /// Of the servers that took part.
    pub versions: BTreeMap<&'static str, String>,
    /// Peers that could not take part, and what would install them.
    pub missing: Vec<String>,
    pub warnings: Vec<String>,
    pub rows: Vec<Row>,
    pub goals: Vec<Goal>,
}

/// Above this share of its core the generator may be what is measured.
const GENERATOR_SHARE_MAX: f64 = 0.85;
/// How a warning ends that says so.
pub const GENERATOR_LIMIT: &str = "the generator was near its limit";

impl Report {
    pub fn new() -> Report {
        Report { machine: machine::describe(), ..Report::default() }
    }

    /// Adds one run's figures to the row of this case and server.
    pub fn add(&mut self, scenario: &'static str, case: &str, server: &str, figures: Figures) {
        eprintln!("  {scenario} {case} {server}: {}", in_short(&figures));
        if figures.get(&Figure::GeneratorShare).is_some_and(|share| *share > GENERATOR_SHARE_MAX) {
            self.warnings.push(format!("{scenario} {case} {server}: {GENERATOR_LIMIT}"));
        }
        let found = self.rows.iter_mut().position(|row| row.is(scenario, case, server));
        let place = found.unwrap_or_else(|| {
            let (case, server) = (case.to_owned(), server.to_owned());
            self.rows.push(Row { scenario, case, server, figures: BTreeMap::new() });
            self.rows.len() - 1
        });
        for (figure, value) in figures {
            let spread = self.rows[place].figures.entry(figure).or_insert_with(Spread::empty);
            spread.add(value);
        }
    }

    /// The median of a figure.
    pub fn median(&self, scenario: &str, case: &str, server: &str, figure: Figure) -> Option<f64> {
        let row = self.rows.iter().find(|row| row.is(scenario, case, server))?;
        row.figures.get(&figure).map(|spread| spread.median)
    }

    /// The cases of a scenario, in the order in which they were first met.
    pub fn cases(&self, scenario: &str) -> Vec<&str> {
        let mut cases: Vec<&str> = Vec::new();
        for row in self.rows.iter().filter(|row| row.scenario == scenario) {
            if !cases.contains(&row.case.as_str()) {
                cases.push(&row.case);
            }
        }
        cases
    }

    pub fn write_json(&self, path: &Path) -> io::Result<()> {
        if let Some(directory) = path.parent() {
            std::fs::create_dir_all(directory)?;
        }
        std::fs::write(path, serde_json::to_string_pretty(self).map_err(io::Error::other)? + "\n")
    }

    /// For people: medians, with the spread of the runs behind them.
    pub fn text(&self) -> String {
        let mut out = format!("machine: {}\n", self.machine);
        for (server, version) in &self.versions {
            let _ = writeln!(out, "{server}: {version}");
        }
        let mut scenarios: Vec<&str> = self.rows.iter().map(|row| row.scenario).collect();
        scenarios.dedup();
        scenarios.sort_unstable();
        scenarios.dedup();
        for scenario in scenarios {
            out.push_str(&self.table(scenario));
        }
        for missing in &self.missing {
            let _ = writeln!(out, "missing: {missing}");
        }
        for warning in &self.warnings {
            let _ = writeln!(out, "warning: {warning}");
        }
        for goal in &self.goals {
            let verdict = match goal.met {
                Some(true) => "met",
                Some(false) => "missed",
                None => "not measured",
            };
            let _ = writeln!(
                out,
                "goal: {} {}; measured: {}; {verdict}",
                goal.scenario,
                goal.aim,
                goal.measured.trim_end()
            );
        }
        out
    }

    fn table(&self, scenario: &str) -> String {
        let rows: Vec<&Row> = self.rows.iter().filter(|row| row.scenario == scenario).collect();
        let mut figures: Vec<Figure> = rows.iter().flat_map(|row| row.figures.keys().copied()).collect();
        figures.sort_unstable();
        figures.dedup();
        let mut lines = vec![vec!["case".to_owned(), "server".to_owned()]];
        lines[0].extend(figures.iter().map(|figure| figure.column().0.to_owned()));
        for case in self.cases(scenario) {
            for row in rows.iter().filter(|row| row.case == case) {
                let mut line = vec![row.case.clone(), row.server.clone()];
                line.extend(figures.iter().map(|figure| {
                    row.figures.get(figure).map_or(String::new(), |spread| spread.text(figure.column().1))
                }));
                lines.push(line);
            }
        }
        format!("\nscenario {scenario}\n{}", aligned(&lines))
    }
}

impl Row {
    fn is(&self, scenario: &str, case: &str, server: &str) -> bool {
        self.scenario == scenario && self.case == case && self.server == server
    }
}

impl Spread {
    fn empty() -> Spread {
        Spread { median: 0.0, min: f64::INFINITY, max: f64::NEG_INFINITY, runs: Vec::new() }
    }

    fn add(&mut self, value: f64) {
        self.runs.push(value);
        self.min = self.min.min(value);
        self.max = self.max.max(value);
        let mut sorted = self.runs.clone();
        sorted.sort_unstable_by(f64::total_cmp);
        let middle = sorted.len() / 2;
        self.median = if sorted.len() % 2 == 1 {
            sorted[middle]
        } else {
            f64::midpoint(sorted[middle - 1], sorted[middle])
        };
    }

    /// The median, and by how much the runs differ, in parts of it.
    fn text(&self, places: usize) -> String {
        let median = grouped(self.median, places);
        if self.runs.len() < 2 || self.median == 0.0 {
            return median;
        }
        let half = (self.max - self.min) / 2.0 / self.median.abs() * 100.0;
        format!("{median} ±{half:.0}%")
    }
}

/// What nearly every scenario says of a window.
pub fn usual(window: &Window, offered_per_s: f64) -> Figures {
    let ages = &window.groups[0];
    let mut figures = Figures::from([
        (Figure::OfferedPerS, offered_per_s),
        (Figure::DeliveredPerS, window.messages_per_s()),
        (Figure::CpuUsPerMessage, window.cpu_us_per_message()),
        (Figure::CpuShare, window.server_cpu_s / window.seconds),
        (Figure::AgeP50Ms, ages.age_ms(0.5)),
        (Figure::AgeP99Ms, ages.age_ms(0.99)),
        (Figure::AgeP999Ms, ages.age_ms(0.999)),
        (Figure::AgeMaxMs, ages.age_ms(1.0)),
        (Figure::FeedLagP99Ms, window.lag_p99_ms),
        (Figure::MbPerS, window.bytes_per_s() / 1e6),
        (Figure::RssMb, window.rss_bytes as f64 / 1e6),
        (Figure::GeneratorShare, window.generator_share),
    ]);
    if let Some(messages) = window.messages_a_write() {
        figures.insert(Figure::MessagesAWrite, messages);
    }
    figures
}

fn in_short(figures: &Figures) -> String {
    let one = |(figure, value): (&Figure, &f64)| {
        let (name, places) = figure.column();
        format!("{name} {}", grouped(*value, places))
    };
    figures.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// A number with commas between thousands.
pub fn grouped(value: f64, places: usize) -> String {
    let text = format!("{:.places$}", value.abs());
    let (whole, fraction) = text.split_at(text.find('.').unwrap_or(text.len()));
    let mut out = if value < 0.0 { "-".to_owned() } else { String::new() };
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out + fraction
}

/// Columns as wide as they have to be; the first two to the left, figures to the right.
fn aligned(lines: &[Vec<String>]) -> String {
    let widths: Vec<usize> = (0..lines[0].len())
        .map(|column| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0))
        .collect();
    let mut out = String::new();
    for line in lines {
        for (column, (cell, width)) in line.iter().zip(&widths).enumerate() {
            let _ = match column {
                0 | 1 => write!(out, "{cell:<width$}  "),
                _ => write!(out, "{cell:>width$}  "),
            };
        }
        out.truncate(out.trim_end().len());
        out.push('\n');
    }
    out
}
