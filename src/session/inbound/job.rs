//! A command under way. Its cost depends on what it names: a glob over a hundred thousand symbols, four thousand names.
//! So it is carried out in slices, and its progress is kept here.
//!
//! Loss: none. A command that waits, or is under way, ends with its session; what it has done by then ends too.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use compact_str::CompactString;
use foldhash::fast::RandomState;

use crate::{
    access::{Refused, SharedRights},
    fanout::{Change, Name, Place, Restricted, Spec, SubscribeOutcome},
    planted::{Fault, is_planted},
    publish::TickMessage,
    session::users::UserPermit,
    spans::OpenSpan,
    tick::{State, Symbol},
    wire::{
        Id, Target,
        assembled::Growing,
        command::{Publishing, ResumeFrom},
        control::Entry,
        dialects::{Carried, Wish, Wishes},
    },
};

/// The commands of a session that are not answered yet, in order.
#[derive(Default)]
pub struct Jobs {
    pub running: Option<Box<Job>>,
    waiting: VecDeque<WaitingMessage>,
    waiting_bytes: usize,
    /// Whether the session is in a list of sessions with work.
    pub is_listed: bool,
    /// The running command waits until everything that is written is out. It is in no list.
    pub is_parked: bool,
    /// Of the running command.
    pub span: OpenSpan,
}

/// A message that has not been read.
pub enum WaitingMessage {
    Text(Box<str>),
    /// Of a session whose dialect may take it.
    Binary(Box<[u8]>),
    /// A message over the rate limit: its answer comes in its turn.
    RateLimited,
}

/// A client is not read further while more than this of its commands waits.
const WAITING_BYTES_MAX: usize = 64 * 1024;
const WAITING_MAX: usize = 256;
/// A command with more targets may take long, and finds repeated ones by a table.
const FEW_TARGETS: usize = 64;

pub enum Job {
    Symbols(Box<SymbolsJob>),
    List(ListJob),
    Auth(Box<AuthJob>),
    Publish(Box<PublishJob>),
    Dialect(Box<DialectJob>),
}

/// A command that names symbols.
pub struct SymbolsJob {
    pub id: Option<Id>,
    pub command: SymbolsCommand,
    /// Of the subscriptions that it is about.
    pub name: Option<Name>,
    pub targets: Vec<Target>,
    /// The results so far; their number is the index of the next target.
    pub results: Vec<Entry>,
    seen: SeenTargets,
    /// The number of different globs so far.
    pub globs: usize,
    /// The progress of the current target.
    pub step: Step,
    /// The answer, written after the last target: how many results it contains.
    pub answer: AnswerProgress,
    /// What globs have matched that is shown delayed, which the client is told after the answer.
    pub late: Vec<(Symbol, SubscribeOutcome)>,
    /// States that the client is sent after the answer.
    pub states: BTreeMap<Symbol, State>,
}

/// The progress of an answer with many results.
#[derive(Default)]
pub enum AnswerProgress {
    #[default]
    None,
    Growing {
        message: Box<Growing>,
        written: usize,
    },
    Sent,
}

/// The targets of a command so far, to find repeated ones.
enum SeenTargets {
    /// The fingerprint of each.
    Few(Vec<u64>),
    /// The index of the first occurrence of each name and glob.
    Many(HashMap<(TargetKind, CompactString), usize, RandomState>),
}

/// What a text names: `SAN-I*` may be a pattern, and is a symbol too.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum TargetKind {
    Name,
    Glob,
}

pub enum SymbolsCommand {
    Subscribe { spec: Spec, resume: Option<ResumeFrom> },
    Unsubscribe,
    Set { change: Change },
}

pub enum Step {
    Next,
    /// A glob is matched against the listed symbols, from an index on. The matches, and how many of them are new.
    Matching {
        at: usize,
        found: Vec<u32>,
        new: usize,
    },
    /// The matches are subscribed to, from an index on.
    Subscribing {
        found: Vec<u32>,
        at: usize,
    },
    /// A glob is matched against the session's own subscriptions: the next index, the number of matches, and whether
    /// the session held the glob.
    Own {
        from: Place,
        count: usize,
        held: bool,
    },
}

/// A token that was verified, on its way to be in force.
pub struct AuthJob {
    pub id: Option<Id>,
    pub rights: SharedRights,
    pub user: UserPlace,
    pub stage: AuthStage,
    /// Why it was taken back before it came into force.
    pub refused: Option<Refused>,
}

/// A session's place among those of its user.
pub enum UserPlace {
    /// The same user, who is counted with it already.
    Kept,
    New(Option<Box<UserPermit>>),
}

pub enum AuthStage {
    /// What the old token allows is still being written.
    Waiting,
    /// What the new one does not allow ends, from a place on.
    Restricting { from: Place, changed: Restricted },
    /// What goes on is told to the accounts of use, from a place on.
    Telling { from: Place, changed: Restricted },
}

/// A message of ticks.
pub struct PublishJob {
    pub publishing: Publishing,
    pub message: TickMessage,
}

/// What is left of the wishes for one message of a dialect's client, and what became of those before.
pub struct DialectJob {
    pub left: VecDeque<Wish>,
    pub current: Option<CurrentWish>,
    pub results: Vec<Carried>,
}

/// A wish that takes several steps. Those of a kind that follow one another are one.
pub enum CurrentWish {
    Symbols(Box<SymbolsJob>),
    Auth(Box<AuthJob>),
}

pub struct ListJob {
    pub id: Option<Id>,
    /// The index of the session's next subscription.
    pub from: Place,
    pub subscriptions: BTreeSet<(Symbol, Option<Name>)>,
    /// The answer, once all subscriptions are known.
    pub answer: Option<Growing>,
}

// === impl Jobs ===

impl Jobs {
    pub fn wait(&mut self, waiting: WaitingMessage) {
        if is_planted(Fault::LosesCommand) {
            return;
        }
        self.waiting_bytes += waiting.bytes();
        self.waiting.push_back(waiting);
    }

    pub fn take_next(&mut self) -> Option<WaitingMessage> {
        let is_wrong = is_planted(Fault::AnswersOutOfTurn);
        let next = if is_wrong { self.waiting.pop_back()? } else { self.waiting.pop_front()? };
        self.waiting_bytes -= next.bytes();
        Some(next)
    }

    pub fn is_empty(&self) -> bool {
        self.running.is_none() && self.waiting.is_empty()
    }

    pub fn is_full(&self) -> bool {
        self.waiting_bytes > WAITING_BYTES_MAX || self.waiting.len() > WAITING_MAX
    }
}

impl WaitingMessage {
    fn bytes(&self) -> usize {
        match self {
            WaitingMessage::Text(text) => text.len(),
            WaitingMessage::Binary(message) => message.len(),
            WaitingMessage::RateLimited => 0,
        }
    }
}

// === impl Job ===

impl Job {
    /// Whether it goes on when everything that is written is out.
    pub fn waits_for_writing(&self) -> bool {
        let auth = match self {
            Job::Auth(job) => job,
            Job::Dialect(job) => match &job.current {
                Some(CurrentWish::Auth(job)) => job,
                _ => return false,
            },
            _ => return false,
        };
        matches!(auth.stage, AuthStage::Waiting)
    }

    /// Whether it may take longer than a few dozen names do.
    pub fn may_be_long(&self) -> bool {
        match self {
            Job::Symbols(job) => {
                let is_name = |target: &Target| !matches!(target, Target::Glob(_));
                job.targets.len() > FEW_TARGETS || !job.targets.iter().all(is_name)
            }
            Job::Dialect(job) => job.left.len() > FEW_TARGETS || job.current.is_some(),
            Job::List(_) | Job::Auth(_) | Job::Publish(_) => true,
        }
    }
}

// === impl DialectJob ===

impl DialectJob {
    pub fn new(Wishes(wishes): Wishes) -> Self {
        DialectJob { left: wishes.into(), current: None, results: Vec::new() }
    }
}

// === impl SymbolsJob ===

impl SymbolsJob {
    pub fn new(id: Option<Id>, command: SymbolsCommand, name: Option<Name>, targets: Vec<Target>) -> Self {
        let seen = match targets.len() {
            few @ ..=FEW_TARGETS => SeenTargets::Few(Vec::with_capacity(few)),
            _ => SeenTargets::Many(HashMap::default()),
        };
        SymbolsJob {
            id,
            command,
            name,
            results: Vec::with_capacity(targets.len()),
            targets,
            seen,
            globs: 0,
            step: Step::Next,
            answer: AnswerProgress::None,
            late: Vec::new(),
            states: BTreeMap::new(),
        }
    }

    /// Whether this command has named the next target before: it gets the same result, and nothing is done.
    pub fn repeat(&mut self) -> bool {
        let at = self.results.len();
        let Some(first) = self.first(at) else { return false };
        let result = self.results[first].clone();
        self.results.push(result);
        true
    }

    /// The index of the first target with the same text, if this target repeats it.
    fn first(&mut self, at: usize) -> Option<usize> {
        let SymbolsJob { targets, seen, .. } = self;
        let fingerprints = match seen {
            SeenTargets::Few(fingerprints) => fingerprints,
            SeenTargets::Many(indexes) => {
                let (kind, text) = named(&targets[at])?;
                let first = *indexes.entry((kind, text.into())).or_insert(at);
                return (first < at).then_some(first);
            }
        };
        let target = named(&targets[at]);
        let fingerprint = fingerprint(target.map_or("", |(_, text)| text));
        let is_same = |&first: &usize| fingerprints[first] == fingerprint && named(&targets[first]) == target;
        let first = (0..at).find(is_same).filter(|_| target.is_some());
        fingerprints.push(fingerprint);
        first
    }
}

fn named(target: &Target) -> Option<(TargetKind, &str)> {
    match target {
        Target::Name(symbol) => Some((TargetKind::Name, symbol.as_str())),
        Target::Glob(glob) => Some((TargetKind::Glob, glob.as_str())),
        Target::Bad { .. } => None,
    }
}

/// Equal for equal texts, different for most others: made of the first and the last eight bytes.
fn fingerprint(text: &str) -> u64 {
    let bytes = text.as_bytes();
    match (bytes.first_chunk(), bytes.last_chunk()) {
        (Some(first), Some(last)) => u64::from_ne_bytes(*first) ^ u64::from_ne_bytes(*last).rotate_left(1),
        _ => bytes.iter().fold(0, |print, &byte| print << 8 | u64::from(byte)),
    }
}
