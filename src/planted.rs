//! Faults that tests plant into sessions, shards and the code around them, to see that the simulator finds each.
//!
//! One fault at a time, for the thread that plants it. In a build without debug assertions there are none: [`is_planted`]
//! is a constant there, and what it guards is not compiled.

/// What is done wrong, wherever it can be.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Fault {
    // What a socket is given.
    ForgetsRest,
    RepeatsByte,
    DataBeforeControl,
    ForgetsToWait,
    StaysBlocked,
    SwapsFrames,
    IgnoresWindow,
    // The accounts.
    AcceptsTwice,
    ForgetsInFlight,
    JoinsUncounted,
    // How sessions end.
    ClosesTwice,
    KeepsCount,
    KeepsPermit,
    KeepsConnection,
    WrongCode,
    ClosesForever,
    // Deadlines.
    NeverSlow,
    SlowTooSoon,
    NeverPings,
    ForgetsHeard,
    NeverHeartbeats,
    HidesStale,
    HandshakeForever,
    HandshakeTooShort,
    // Commands and what else comes in.
    AnswersOutOfTurn,
    LosesCommand,
    DataBeforeAnswer,
    TakesBinary,
    CountsNoFrames,
    AdmitsTooMany,
    // Ticks.
    SkipsResync,
    LosesBatch,
    LosesWithdrawal,
    ForgetsIntroduction,
    MergesCorrection,
    MergesTrade,
    ForgetsChange,
    ForgetsMark,
    InventsMark,
    WrongPosition,
    // The service's changes of state.
    ForgetsReload,
    DrainsUnannounced,
    // What may be read.
    ForgetsRights,
    RenewalForgetsGlobs,
    RenewalForgetsSubscriptions,
    GlobForgetsRights,
    ExpiresLate,
    FinishesRevokedFrame,
    SnapshotForgetsRights,
    ShowsEarly,
    // Answers to requests.
    ListsAhead,
    LosesPublished,
    // Clients of exchanges.
    HidesLoss,
}

impl Fault {
    pub const ALL: [Fault; 53] = [
        Fault::ForgetsRest,
        Fault::RepeatsByte,
        Fault::DataBeforeControl,
        Fault::ForgetsToWait,
        Fault::StaysBlocked,
        Fault::SwapsFrames,
        Fault::IgnoresWindow,
        Fault::AcceptsTwice,
        Fault::ForgetsInFlight,
        Fault::JoinsUncounted,
        Fault::ClosesTwice,
        Fault::KeepsCount,
        Fault::KeepsPermit,
        Fault::KeepsConnection,
        Fault::WrongCode,
        Fault::ClosesForever,
        Fault::NeverSlow,
        Fault::SlowTooSoon,
        Fault::NeverPings,
        Fault::ForgetsHeard,
        Fault::NeverHeartbeats,
        Fault::HidesStale,
        Fault::HandshakeForever,
        Fault::HandshakeTooShort,
        Fault::AnswersOutOfTurn,
        Fault::LosesCommand,
        Fault::DataBeforeAnswer,
        Fault::TakesBinary,
        Fault::CountsNoFrames,
        Fault::AdmitsTooMany,
        Fault::SkipsResync,
        Fault::LosesBatch,
        Fault::LosesWithdrawal,
        Fault::ForgetsIntroduction,
        Fault::MergesCorrection,
        Fault::MergesTrade,
        Fault::ForgetsChange,
        Fault::ForgetsMark,
        Fault::InventsMark,
        Fault::WrongPosition,
        Fault::ForgetsReload,
        Fault::DrainsUnannounced,
        Fault::ForgetsRights,
        Fault::RenewalForgetsGlobs,
        Fault::RenewalForgetsSubscriptions,
        Fault::GlobForgetsRights,
        Fault::ExpiresLate,
        Fault::FinishesRevokedFrame,
        Fault::SnapshotForgetsRights,
        Fault::ShowsEarly,
        Fault::ListsAhead,
        Fault::LosesPublished,
        Fault::HidesLoss,
    ];
}

#[cfg(debug_assertions)]
thread_local! {
    static PLANTED: std::cell::Cell<Option<Fault>> = const { std::cell::Cell::new(None) };
}

/// Plants a fault for this thread, or takes it out.
#[cfg(debug_assertions)]
pub fn plant(fault: Option<Fault>) {
    PLANTED.set(fault);
}

#[cfg(debug_assertions)]
pub fn is_planted(fault: Fault) -> bool {
    PLANTED.get() == Some(fault)
}

#[cfg(not(debug_assertions))]
#[inline(always)]
pub const fn is_planted(_fault: Fault) -> bool {
    false
}
