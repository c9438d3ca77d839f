//! Programs that a test waits for. One that does not end in time is killed, and the test fails with what it had said.

use std::{
    io::Read,
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::{Arc, Mutex, mpsc},
    thread,
};

use rustix::process::{Pid, Signal, kill_process};

use super::DEADLINE;

/// What comes out of a pipe, read by a thread so that the writer never waits.
struct Drained {
    read: Arc<Mutex<Vec<u8>>>,
    reader: thread::JoinHandle<()>,
}

/// Runs it to its end without input, and takes in what it writes.
#[track_caller]
pub fn output(command: &mut Command) -> Output {
    let command = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    ended(command.spawn().expect("a program"))
}

/// Waits for its end.
#[track_caller]
pub fn status(child: Child) -> ExitStatus {
    ended(child).status
}

/// Waits for its end, and takes in what it writes into pipes until then.
#[track_caller]
pub fn ended(mut child: Child) -> Output {
    let id = child.id();
    let (stdout, stderr) = (child.stdout.take().map(Drained::of), child.stderr.take().map(Drained::of));
    let (say, said) = mpsc::channel();
    // Nobody listens any more when it took too long.
    thread::spawn(move || say.send(child.wait()));
    let Ok(status) = said.recv_timeout(DEADLINE) else {
        send(id, Signal::KILL);
        // A child of its own may hold the pipes still.
        let said: Vec<String> = [&stdout, &stderr].into_iter().flatten().map(Drained::so_far).collect();
        panic!("waited {DEADLINE:?} in vain for a program to end, which said:\n{}", said.concat());
    };
    let [stdout, stderr] = [stdout, stderr].map(|pipe| pipe.map_or_else(Vec::new, Drained::whole));
    Output { status: status.expect("a child"), stdout, stderr }
}

/// Ends it, if it has not ended by itself.
pub fn kill(child: &mut Child) {
    // Errors mean that it has ended already.
    let _ = child.kill();
    let _ = child.wait();
}

/// Sends a signal to a child that was not waited for.
pub fn send(id: u32, signal: Signal) {
    let pid = i32::try_from(id).ok().and_then(Pid::from_raw).expect("the id of a process");
    kill_process(pid, signal).expect("a process that can be signalled");
}

// === impl Drained ===

impl Drained {
    fn of(mut pipe: impl Read + Send + 'static) -> Drained {
        let read = Arc::new(Mutex::new(Vec::new()));
        let into = Arc::clone(&read);
        let reader = thread::spawn(move || {
            let mut bytes = vec![0; 64 * 1024];
            loop {
                match pipe.read(&mut bytes).expect("a pipe that can be read") {
                    0 => return,
                    count => into.lock().expect("bytes").extend_from_slice(&bytes[..count]),
                }
            }
        });
        Drained { read, reader }
    }

    fn so_far(&self) -> String {
        String::from_utf8_lossy(&self.read.lock().expect("bytes")).into_owned()
    }

    fn whole(self) -> Vec<u8> {
        self.reader.join().expect("a thread that reads");
        std::mem::take(&mut *self.read.lock().expect("bytes"))
    }
}
