//! The simulator put to the test: faults planted into sessions, shards and the service, each of which it must find.
//!
//! Each stands with a seed that finds it, so that the test is quick.
//! `SIM_SEARCH=60 cargo test --test sim -- planted --nocapture` looks for the first such seed among so many, as must be
//! done when plans have changed (`SIM_FAULT=WrongCode`: for one fault alone).

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use tickcast::planted::{Fault, plant};

use super::{
    entitled,
    law::{Breach, Law},
    number,
    plan::Plan,
    variable,
    world::run,
};

/// Each fault, a seed that finds it, and the laws by which it may be found.
const FOUND: [(Fault, u64, &[Law]); 51] = [
    (Fault::ForgetsRest, 0, &[Law::Truth]),
    (Fault::RepeatsByte, 0, &[Law::Truth]),
    (Fault::DataBeforeControl, 0, &[Law::Isolation, Law::ControlFirst, Law::Answers]),
    (Fault::ForgetsToWait, 5, &[Law::Heartbeat, Law::Cause, Law::Answers]),
    (Fault::StaysBlocked, 3, &[Law::Heartbeat, Law::Cause, Law::Answers]),
    (Fault::SwapsFrames, 35, &[Law::Truth, Law::Isolation, Law::Seqs]),
    (Fault::IgnoresWindow, 9, &[Law::Ahead]),
    (Fault::AcceptsTwice, 3, &[Law::Conservation, Law::Panic]),
    (Fault::ForgetsInFlight, 9, &[Law::Accounts]),
    (Fault::JoinsUncounted, 3, &[Law::Accounts]),
    (Fault::ClosesTwice, 0, &[Law::OneEnd]),
    (Fault::KeepsCount, 0, &[Law::OneEnd]),
    (Fault::KeepsPermit, 0, &[Law::Cause]),
    (Fault::KeepsConnection, 4, &[Law::Cause]),
    (Fault::WrongCode, 0, &[Law::Cause]),
    (Fault::ClosesForever, 0, &[Law::Deadline]),
    (Fault::NeverSlow, 9, &[Law::Deadline]),
    (Fault::SlowTooSoon, 9, &[Law::Cause]),
    (Fault::NeverPings, 6, &[Law::Deadline]),
    (Fault::ForgetsHeard, 0, &[Law::Cause]),
    (Fault::NeverHeartbeats, 0, &[Law::Heartbeat]),
    (Fault::HidesStale, 3, &[Law::Stale]),
    (Fault::HandshakeForever, 3, &[Law::Deadline]),
    (Fault::HandshakeTooShort, 35, &[Law::Deadline]),
    (Fault::AnswersOutOfTurn, 8, &[Law::Answers]),
    (Fault::LosesCommand, 8, &[Law::Answers]),
    (Fault::DataBeforeAnswer, 8, &[Law::Isolation, Law::Answers]),
    (Fault::TakesBinary, 0, &[Law::Deadline]),
    (Fault::CountsNoFrames, 47, &[Law::Deadline]),
    (Fault::AdmitsTooMany, 7, &[Law::Memory]),
    (Fault::SkipsResync, 2, &[Law::Conservation, Law::LatestWins, Law::Panic]),
    (Fault::LosesBatch, 3, &[Law::Conservation, Law::LatestWins, Law::Panic]),
    (Fault::LosesWithdrawal, 3, &[Law::Truth]),
    (Fault::ForgetsIntroduction, 3, &[Law::Truth]),
    (Fault::MergesCorrection, 3, &[Law::Told]),
    (Fault::MergesTrade, 3, &[Law::Told]),
    (Fault::ForgetsChange, 4, &[Law::Changes]),
    (Fault::ForgetsMark, 0, &[Law::Liveness]),
    (Fault::InventsMark, 43, &[Law::Lossless]),
    (Fault::WrongPosition, 5, &[Law::Seqs]),
    (Fault::DrainsUnannounced, 2, &[Law::Farewell]),
    (Fault::ForgetsReload, 138, &[Law::FrameSize]),
    (Fault::ForgetsRights, 0, &[Law::Entitlement]),
    (Fault::RenewalForgetsGlobs, 115, &[Law::Entitlement]),
    (Fault::RenewalForgetsSubscriptions, 17, &[Law::Entitlement]),
    (Fault::GlobForgetsRights, 6, &[Law::Entitlement]),
    (Fault::ExpiresLate, 230, &[Law::Entitlement]),
    (Fault::FinishesRevokedFrame, 19, &[Law::Entitlement]),
    (Fault::SnapshotForgetsRights, 0, &[Law::Entitlement]),
    (Fault::ListsAhead, 0, &[Law::Seqs]),
    (Fault::LosesPublished, 1, &[Law::Ingest, Law::Seqs, Law::Truth]),
];

/// Faults that only clients with tokens can find.
fn of_rights(fault: Fault) -> bool {
    matches!(
        fault,
        Fault::ForgetsRights
            | Fault::RenewalForgetsGlobs
            | Fault::RenewalForgetsSubscriptions
            | Fault::GlobForgetsRights
            | Fault::ExpiresLate
            | Fault::FinishesRevokedFrame
            | Fault::SnapshotForgetsRights
    )
}

/// How a seed ends with a fault planted.
fn run_with(fault: Fault, seed: u64) -> Option<Breach> {
    plant(Some(fault));
    let breach = if of_rights(fault) { entitled::breach(seed) } else { run(&Plan::of(seed)).breach };
    plant(None);
    breach
}

/// Does something for each index, on all cores.
fn on_all_cores(count: usize, each: impl Fn(usize) -> Option<String> + Sync) -> Vec<String> {
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        let worker = || {
            let indices = std::iter::repeat_with(|| next.fetch_add(1, Ordering::Relaxed));
            indices.take_while(|&index| index < count).filter_map(&each).collect::<Vec<_>>()
        };
        let workers: Vec<_> = (0..thread::available_parallelism().map_or(1, usize::from))
            .map(|_| scope.spawn(worker))
            .collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("a worker")).collect()
    })
}

#[test]
fn planted_faults_are_found() {
    assert!(Fault::ALL.iter().all(|fault| FOUND.iter().any(|(found, ..)| found == fault)), "each is tried");
    if let Some(seeds) = number("SIM_SEARCH") {
        let told = on_all_cores(FOUND.len(), |index| {
            let (fault, ..) = FOUND[index];
            if variable("SIM_FAULT").is_some_and(|name| name != format!("{fault:?}")) {
                return None;
            }
            let found = (0..seeds).find_map(|seed| Some((seed, run_with(fault, seed)?.law)));
            println!("{fault:?}: {found:?}");
            found.is_none().then(|| format!("{fault:?} is not found"))
        });
        assert_eq!(told, [""; 0]);
        return;
    }
    let told = on_all_cores(FOUND.len(), |index| {
        let (fault, seed, laws) = FOUND[index];
        match run_with(fault, seed) {
            Some(breach) if laws.contains(&breach.law) => None,
            found => Some(format!("{fault:?}, with seed {seed}, breaks {found:?}, not one of {laws:?}")),
        }
    });
    assert_eq!(told, [""; 0]);
}

#[test]
fn without_a_fault_these_seeds_break_no_law() {
    let mut seeds: Vec<u64> = FOUND.iter().map(|(_, seed, _)| *seed).collect();
    seeds.sort_unstable();
    seeds.dedup();
    for seed in seeds {
        assert_eq!(run(&Plan::of(seed)).breach, None, "seed {seed}");
    }
}
