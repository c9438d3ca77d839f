//! The machine under the bench: cores, open files, and what the kernel says a process has used.
//!
//! CPU time comes from `schedstat`, in nanoseconds: `stat` counts in steps of 10 ms. What loopback does for the receiver
//! runs in the sender's context, and so it is in the sender's time, for all servers alike.

use std::{
    fs, io,
    path::Path,
    process::{Child, Command},
    time::Duration,
};

use rustix::{
    process::{Resource, Rlimit, getrlimit, setrlimit},
    thread::{CpuSet, sched_getaffinity, sched_setaffinity},
};

/// The server has this core to itself, unless it is given others.
pub const SERVER_CORE: usize = 0;
/// Feeder and generator share this one.
pub const LOAD_CORE: usize = 1;
const PAGE_BYTES: u64 = 4096;

/// Keeps the calling thread, and all that it starts from now on, on one core.
pub fn pin(core: usize) -> io::Result<()> {
    pin_to(&[core])
}

fn pin_to(cores: &[usize]) -> io::Result<()> {
    let mut set = CpuSet::new();
    for core in cores {
        set.set(*core);
    }
    Ok(sched_setaffinity(None, &set)?)
}

/// Starts a process that never runs anywhere but on these cores: a child inherits those of its parent's thread.
pub fn spawn_on(cores: &[usize], command: &mut Command) -> io::Result<Child> {
    let before = sched_getaffinity(None)?;
    pin_to(cores)?;
    let child = command.spawn();
    sched_setaffinity(None, &before)?;
    child
}

/// More than the clients of any scenario.
const OPEN_FILES: u64 = 20_000;

/// Allows as many open files as the system lets this process have; children inherit it. The table for them is made
/// here, while there is one thread: a process with several would wait for it each time that it grows.
pub fn raise_open_files() -> io::Result<u64> {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum })?;
    let last = limit.maximum.unwrap_or(u64::MAX).min(OPEN_FILES) - 1;
    drop(rustix::io::fcntl_dupfd_cloexec(io::stderr(), i32::try_from(last).unwrap_or(i32::MAX)));
    Ok(limit.maximum.unwrap_or(u64::MAX))
}

/// What all threads of a process have used so far. Threads that have ended are not in it; servers keep theirs.
pub fn cpu_of_process(pid: u32) -> io::Result<Duration> {
    let mut total = Duration::ZERO;
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        // A thread may end between the listing and the look.
        total += cpu_of_task(&task?.path()).unwrap_or_default();
    }
    Ok(total)
}

/// What the calling thread has used so far.
pub fn cpu_of_this_thread() -> io::Result<Duration> {
    cpu_of_task(Path::new("/proc/thread-self"))
}

fn cpu_of_task(task: &Path) -> io::Result<Duration> {
    let text = fs::read_to_string(task.join("schedstat"))?;
    let nanos = text.split_whitespace().next().and_then(|first| first.parse().ok());
    nanos.map(Duration::from_nanos).ok_or_else(|| io::Error::other(format!("no schedstat: {text:?}")))
}

/// What the kernel's own thread for interrupts has used on the server's core: work for the server that is on nobody's
/// bill. Small, or CPU figures are too low.
pub fn cpu_of_softirq_thread() -> Duration {
    let name = format!("ksoftirqd/{SERVER_CORE}");
    let found = fs::read_dir("/proc").into_iter().flatten().flatten().find(|entry| {
        fs::read_to_string(entry.path().join("comm")).is_ok_and(|comm| comm.trim_end() == name)
    });
    found.and_then(|entry| cpu_of_task(&entry.path()).ok()).unwrap_or_default()
}

/// Resident memory of a process, in bytes.
pub fn rss_bytes(pid: u32) -> io::Result<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    kib.map(|kib| kib * 1024).ok_or_else(|| io::Error::other("no VmRSS in /proc/PID/status"))
}

/// What the kernel holds for TCP sockets of the whole machine, both ends of loopback, in bytes.
pub fn socket_bytes() -> io::Result<u64> {
    let text = fs::read_to_string("/proc/net/sockstat")?;
    let line = text.lines().find_map(|line| line.strip_prefix("TCP:"));
    let pages = line.and_then(|line| line.split("mem ").nth(1)?.trim().parse::<u64>().ok());
    pages.map(|pages| pages * PAGE_BYTES).ok_or_else(|| io::Error::other("no TCP in /proc/net/sockstat"))
}

/// The processor and the kernel, for the head of the report.
pub fn describe() -> String {
    let processor = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = processor.lines().find_map(|line| line.strip_prefix("model name")?.split(':').nth(1));
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    format!("{}, {cores} cores, Linux {}", model.unwrap_or("unknown processor").trim(), kernel.trim())
}
