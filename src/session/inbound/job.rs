//! Jobs: commands in progress. A command may be costly (a glob over a hundred thousand symbols, four thousand names),
//! so it is carried out in slices, and a job keeps its progress.
//!
//! Loss: none while the session lives. Pending and running commands end with it, as do their subscriptions.

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

/// A session's unanswered commands, in order.
#[derive(Default)]
pub struct Jobs {
    pub running: Option<Box<Job>>,
    waiting: VecDeque<WaitingMessage>,
    waiting_bytes: usize,
    /// Whether the session is in a list of the backlog.
    pub is_listed: bool,
    /// The running command waits until all written bytes are out; the session is in no list meanwhile.
    pub is_parked: bool,
    /// Trace span of the running command.
    pub span: OpenSpan,
}

/// A message that was received but not parsed.
pub enum WaitingMessage {
    Text(Box<str>),
    /// Only for sessions whose dialect may accept it.
    Binary(Box<[u8]>),
    /// A message over the rate limit: the error is sent in its turn.
    RateLimited,
}

/// Reading from a client stops while more than this many bytes of its commands wait.
const WAITING_BYTES_MAX: usize = 64 * 1024;
const WAITING_MAX: usize = 256;
/// A command with more targets may be long, and detects repeated ones by a hash table.
const FEW_TARGETS: usize = 64;

pub enum Job {
    Symbols(Box<SymbolsJob>),
    List(ListJob),
    Auth(Box<AuthJob>),
    Publish(Box<PublishJob>),
    Dialect(Box<DialectJob>),
}

/// A command on symbols.
pub struct SymbolsJob {
    pub id: Option<Id>,
    pub command: SymbolsCommand,
    /// The name of its subscriptions.
    pub name: Option<Name>,
    pub targets: Vec<Target>,
    /// The results so far; their number is the index of the next target.
    pub results: Vec<Entry>,
    seen: SeenTargets,
    /// The number of distinct globs so far.
    pub globs: usize,
    /// The progress of the current target.
    pub step: Step,
    /// The progress of the answer, which is written after the last target.
    pub answer: AnswerProgress,
    /// Delayed symbols that globs matched; the client is told of them after the answer.
    pub late: Vec<(Symbol, SubscribeOutcome)>,
    /// Trading states to be sent after the answer.
    pub states: BTreeMap<Symbol, State>,
}

/// The progress of a long answer.
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

/// The targets so far, to detect repeated ones.
enum SeenTargets {
    /// A fingerprint of each.
    Few(Vec<u64>),
    /// The first index of each symbol and glob.
    Many(HashMap<(TargetKind, CompactString), usize, RandomState>),
}

/// How a text is meant: `SAN-I*` may be a glob, or a symbol.
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
    /// Matching a glob against the listed symbols, from an index on: the matches, and how many of them are new.
    Matching {
        at: usize,
        found: Vec<u32>,
        new: usize,
    },
    /// Subscribing to the matches, from an index on.
    Subscribing {
        found: Vec<u32>,
        at: usize,
    },
    /// Matching a glob against the session's own subscriptions: the next index, the number of matches, and whether the
    /// session held the glob.
    Own {
        from: Place,
        count: usize,
        held: bool,
    },
}

/// A verified token that is about to take effect.
pub struct AuthJob {
    pub id: Option<Id>,
    pub rights: SharedRights,
    pub user: UserPlace,
    pub stage: AuthStage,
    /// Why it was refused before it took effect.
    pub refused: Option<Refused>,
}

/// How a session counts towards its user's session limit.
pub enum UserPlace {
    /// It already counts for the same user.
    Kept,
    New(Option<Box<UserPermit>>),
}

pub enum AuthStage {
    /// Data of the old token is still being written.
    Waiting,
    /// Ending what the new token does not allow, from a position on.
    Restricting { from: Place, changed: Restricted },
    /// Reporting continued subscriptions to the usage audit, from a position on.
    Telling { from: Place, changed: Restricted },
}

/// A message with published ticks.
pub struct PublishJob {
    pub publishing: Publishing,
    pub message: TickMessage,
}

/// The remaining wishes for one message of a dialect's client, and the outcomes of earlier ones.
pub struct DialectJob {
    pub left: VecDeque<Wish>,
    pub current: Option<CurrentWish>,
    pub results: Vec<Carried>,
}

/// A wish that takes several steps; consecutive wishes of a kind are merged.
pub enum CurrentWish {
    Symbols(Box<SymbolsJob>),
    Auth(Box<AuthJob>),
}

pub struct ListJob {
    pub id: Option<Id>,
    /// The position of the session's next subscription.
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
    /// Whether the job waits until all written bytes are out.
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

    /// Whether the job may cost more than a few dozen names.
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

    /// Whether the command has named this target before: it then gets the same result, and nothing is done.
    pub fn repeat(&mut self) -> bool {
        let at = self.results.len();
        let Some(first) = self.first(at) else { return false };
        let result = self.results[first].clone();
        self.results.push(result);
        true
    }

    /// The first index of this target's text, if it is repeated.
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

/// A cheap hash of the first and last eight bytes.
fn fingerprint(text: &str) -> u64 {
    let bytes = text.as_bytes();
    match (bytes.first_chunk(), bytes.last_chunk()) {
        (Some(first), Some(last)) => u64::from_ne_bytes(*first) ^ u64::from_ne_bytes(*last).rotate_left(1),
        _ => bytes.iter().fold(0, |print, &byte| print << 8 | u64::from(byte)),
    }
}
