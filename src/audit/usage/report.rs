//! The reports as a table for a person, as CSV, and as JSON.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{
    open::{Licence, OpenAtOnce},
    tally::{LicenceTotals, Usage, UsageKey, UsageRow},
};
use crate::{
    audit::{event::AuditUser, month::Month},
    escape::escaped,
};

/// How a report is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum ReportFormat {
    #[default]
    Table,
    Csv,
    Json,
}

/// A month's figures of one product and class.
struct Summary<'a> {
    month: Month,
    licence: Licence,
    totals: Option<&'a LicenceTotals>,
    used: usize,
    messages: u64,
    events: u64,
    requests: u64,
}

const PRODUCT_NAMES: [&str; 10] = [
    "month",
    "product",
    "class",
    "access held",
    "unique users",
    "devices at once",
    "users at once",
    "messages",
    "events",
    "requests",
];
const ROW_NAMES: [&str; 9] =
    ["month", "product", "class", "user", "real_time", "delayed", "messages", "events", "requests"];

impl Summary<'_> {
    /// Who held access, and the most at once.
    fn held(&self) -> (u64, OpenAtOnce) {
        self.totals.map(|totals| (totals.held.len() as u64, totals.at_once)).unwrap_or_default()
    }
}

impl Usage {
    pub fn write(&self, format: ReportFormat) -> String {
        match format {
            ReportFormat::Table => self.table(),
            ReportFormat::Csv => self.csv(),
            ReportFormat::Json => format!("{:#}\n", self.json()),
        }
    }

    /// Products and classes of each month, with what the four reports count of them.
    fn summaries(&self) -> Vec<Summary<'_>> {
        let mut summaries = Vec::new();
        for (&month, totals) in &self.months {
            for licence in self.licences(month) {
                let is_of = |key: &UsageKey| {
                    (key.month, &key.product, &key.who.class) == (month, &licence.product, &licence.class)
                };
                let rows: Vec<&UsageRow> =
                    self.rows.iter().filter(|(key, _)| is_of(key)).map(|(_, row)| row).collect();
                let sum = |count: fn(&UsageRow) -> u64| rows.iter().map(|row| count(row)).sum();
                summaries.push(Summary {
                    month,
                    totals: totals.licences.get(&licence),
                    used: rows.len(),
                    messages: sum(|row| row.messages),
                    events: sum(|row| row.events),
                    requests: sum(|row| row.requests),
                    licence,
                });
            }
        }
        summaries
    }

    fn json(&self) -> Value {
        let users = self.rows.iter().map(|(UsageKey { month, product, who }, row)| {
            json!({
                "month": month.to_string(), "product": product, "class": who.class, "user": who.user,
                "real_time": row.real_time, "delayed": row.delayed,
                "messages": row.messages, "events": row.events, "requests": row.requests,
            })
        });
        let products = self.summaries().into_iter().map(|row| {
            let (held, OpenAtOnce { devices, users }) = row.held();
            json!({
                "month": row.month.to_string(), "product": row.licence.product, "class": row.licence.class,
                "access_held": held, "unique_users": row.used, "devices_max": devices, "users_max": users,
                "messages": row.messages, "events": row.events, "requests": row.requests,
            })
        });
        let months = self.months.iter().map(|(month, totals)| {
            json!({
                "month": month.to_string(), "devices_max": totals.at_once.devices,
                "users_max": totals.at_once.users,
                "refused": totals.refused, "revoked": totals.revoked,
            })
        });
        json!({
            "users": users.collect::<Vec<_>>(), "products": products.collect::<Vec<_>>(),
            "months": months.collect::<Vec<_>>(), "lost": self.lost,
        })
    }

    /// The rows of users alone: other reports are sums of them, or are of another shape.
    fn csv(&self) -> String {
        let mut csv = ROW_NAMES.join(",");
        csv.push_str("\r\n");
        for (key, row) in &self.rows {
            let cells = cells(key, row).map(|cell| quoted(&cell));
            csv.push_str(&cells.join(","));
            csv.push_str("\r\n");
        }
        csv
    }

    fn table(&self) -> String {
        let mut text = String::new();
        let users =
            self.rows.iter().map(|(key, row)| cells(key, row).map(|cell| escaped(&cell).to_string()).into());
        write_table(&mut text, "Users", &ROW_NAMES, users.collect());
        let products = self.summaries().into_iter().map(|row| {
            let (held, OpenAtOnce { devices, users }) = row.held();
            let counts = [held, row.used as u64, devices, users, row.messages, row.events, row.requests];
            let class = escaped(shown(row.licence.class.as_deref())).to_string();
            let names = [row.month.to_string(), escaped(&row.licence.product).to_string(), class];
            names.into_iter().chain(counts.map(|count| count.to_string())).collect()
        });
        write_table(
            &mut text,
            "Products: access held, unique users, at one moment, and quote meter",
            &PRODUCT_NAMES,
            products.collect(),
        );
        let months = self.months.iter().map(|(month, totals)| {
            let counts = [totals.at_once.devices, totals.at_once.users, totals.refused, totals.revoked];
            std::iter::once(month.to_string()).chain(counts.map(|count| count.to_string())).collect()
        });
        let names = ["month", "devices at once", "users at once", "refused", "revoked"];
        write_table(&mut text, "At one moment", &names, months.collect());
        if self.lost > 0 {
            let _ = writeln!(text, "{} events could not be recorded: the figures are too low.", self.lost);
        }
        text
    }
}

/// What is shown where there is no user or class: a client without a token.
fn shown(name: Option<&str>) -> &str {
    name.unwrap_or("-")
}

fn cells(
    UsageKey { month, product, who: AuditUser { user, class } }: &UsageKey,
    row: &UsageRow,
) -> [String; 9] {
    [
        month.to_string(),
        product.to_string(),
        shown(class.as_deref()).to_owned(),
        shown(user.as_deref()).to_owned(),
        row.real_time.len().to_string(),
        row.delayed.len().to_string(),
        row.messages.to_string(),
        row.events.to_string(),
        row.requests.to_string(),
    ]
}

/// A cell of CSV. Names are users', so one that a spreadsheet would calculate is made text.
fn quoted(cell: &str) -> String {
    let cell = if cell.len() > 1 && cell.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        format!("'{cell}")
    } else {
        cell.to_owned()
    };
    if cell.contains([',', '"', '\n', '\r']) { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell }
}

fn write_table(text: &mut String, title: &str, names: &[&str], rows: Vec<Vec<String>>) {
    let _ = writeln!(text, "{title}\n");
    let mut widths: Vec<usize> = names.iter().map(|name| name.len()).collect();
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let names = names.iter().map(|&name| name.to_owned()).collect();
    for row in std::iter::once(names).chain(rows) {
        let cells = row.iter().zip(&widths).map(|(cell, &width)| format!("{cell:<width$}"));
        let line = cells.collect::<Vec<_>>().join("  ");
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text.push('\n');
}
