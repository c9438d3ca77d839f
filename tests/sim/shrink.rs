//! A run that breaks a law, made smaller: what can be left out while the same law breaks is left out.
//!
//! What was left out has a name for each part, so that one command plays what is left.

use std::{collections::BTreeSet, fmt, str::FromStr};

use super::{
    law::{Breach, Law},
    plan::Plan,
    world::run,
};

/// Something that a plan can do without.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Part {
    Client(usize),
    /// Of a client, by its number.
    Act(usize, usize),
    Stall(usize, usize),
    Node(usize),
    Burst(usize),
}

/// The most runs that are spent on it.
const RUNS_MAX: usize = 300;

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Part::Client(client) => write!(f, "c{client}"),
            Part::Act(client, act) => write!(f, "a{client}.{act}"),
            Part::Stall(client, stall) => write!(f, "s{client}.{stall}"),
            Part::Node(act) => write!(f, "n{act}"),
            Part::Burst(burst) => write!(f, "f{burst}"),
        }
    }
}

impl FromStr for Part {
    type Err = String;

    fn from_str(text: &str) -> Result<Part, String> {
        let fault = || format!("{text} is not a part of a plan");
        let (kind, numbers) = text.split_at_checked(1).ok_or_else(fault)?;
        let numbers: Vec<usize> =
            numbers.split('.').map(str::parse).collect::<Result<_, _>>().map_err(|_| fault())?;
        match (kind, &numbers[..]) {
            ("c", &[client]) => Ok(Part::Client(client)),
            ("a", &[client, act]) => Ok(Part::Act(client, act)),
            ("s", &[client, stall]) => Ok(Part::Stall(client, stall)),
            ("n", &[act]) => Ok(Part::Node(act)),
            ("f", &[burst]) => Ok(Part::Burst(burst)),
            _ => Err(fault()),
        }
    }
}

/// Parts as they are written: bursts by ranges, `f3-17`.
pub fn read_parts(text: &str) -> Result<BTreeSet<Part>, String> {
    let mut parts = BTreeSet::new();
    for word in text.split_whitespace() {
        match word.strip_prefix('f').and_then(|range| range.split_once('-')) {
            Some((first, last)) => {
                let number = |text: &str| text.parse::<usize>().map_err(|_| format!("{word} is not a range"));
                parts.extend((number(first)?..=number(last)?).map(Part::Burst));
            }
            None => {
                parts.insert(word.parse()?);
            }
        }
    }
    Ok(parts)
}

pub fn write_parts(parts: &BTreeSet<Part>) -> String {
    let mut words: Vec<String> = Vec::new();
    let mut range: Option<(usize, usize)> = None;
    let say = |range: Option<(usize, usize)>, words: &mut Vec<String>| match range {
        Some((first, last)) if first == last => words.push(format!("f{first}")),
        Some((first, last)) => words.push(format!("f{first}-{last}")),
        None => {}
    };
    for part in parts {
        match part {
            Part::Burst(burst) => match &mut range {
                Some((_, last)) if *last + 1 == *burst => *last = *burst,
                _ => {
                    say(range, &mut words);
                    range = Some((*burst, *burst));
                }
            },
            other => words.push(other.to_string()),
        }
    }
    say(range, &mut words);
    words.join(" ")
}

impl Plan {
    /// The plan without some of its parts.
    pub fn without(&self, parts: &BTreeSet<Part>) -> Plan {
        let mut plan = self.clone();
        plan.clients.retain(|client| !parts.contains(&Part::Client(client.number)));
        for client in &mut plan.clients {
            let number = client.number;
            keep(&mut client.acts, |act| !parts.contains(&Part::Act(number, act)));
            keep(&mut client.stalls, |stall| !parts.contains(&Part::Stall(number, stall)));
        }
        keep(&mut plan.node, |act| !parts.contains(&Part::Node(act)));
        keep(&mut plan.feed, |burst| !parts.contains(&Part::Burst(burst)));
        plan
    }

    fn parts(&self) -> Vec<Vec<Part>> {
        let mut groups: Vec<Vec<Part>> =
            self.clients.iter().map(|client| vec![Part::Client(client.number)]).collect();
        // The feed in halves, quarters and so on: much of it can mostly go.
        let mut size = self.feed.len().div_ceil(2);
        while size > 0 {
            let bursts: Vec<_> = (0..self.feed.len()).map(Part::Burst).collect();
            groups.extend(bursts.chunks(size).map(<[Part]>::to_vec));
            size = if size == 1 { 0 } else { size.div_ceil(2) };
        }
        groups.extend((0..self.node.len()).map(|act| vec![Part::Node(act)]));
        for client in &self.clients {
            groups.extend((0..client.acts.len()).map(|act| vec![Part::Act(client.number, act)]));
            groups.extend((0..client.stalls.len()).map(|stall| vec![Part::Stall(client.number, stall)]));
        }
        groups
    }
}

fn keep<T>(list: &mut Vec<T>, is_kept: impl Fn(usize) -> bool) {
    let mut index = 0;
    list.retain(|_| {
        index += 1;
        is_kept(index - 1)
    });
}

/// It has been left out, by itself or with its client.
fn is_gone(part: &Part, without: &BTreeSet<Part>) -> bool {
    match part {
        Part::Act(client, _) | Part::Stall(client, _) if without.contains(&Part::Client(*client)) => true,
        part => without.contains(part),
    }
}

/// What can be left out while this law is still broken, and how it then breaks.
pub fn shrink(plan: &Plan, law: Law) -> (BTreeSet<Part>, Option<Breach>) {
    let mut without = BTreeSet::new();
    let mut smallest = None;
    let mut runs = 0;
    for group in plan.parts() {
        if runs == RUNS_MAX || group.iter().all(|part| is_gone(part, &without)) {
            continue;
        }
        let mut more = without.clone();
        more.extend(group);
        runs += 1;
        let outcome = run(&plan.without(&more));
        if outcome.breach.as_ref().is_some_and(|breach| breach.law == law) {
            (without, smallest) = (more, outcome.breach);
        }
    }
    (without, smallest)
}
