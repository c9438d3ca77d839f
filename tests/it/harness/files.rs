//! Files that tests make.

use std::{
    fs,
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

/// The files of the test that runs on this thread: a test that runs once for each encoding has as many folders.
struct Folder(PathBuf);

thread_local! {
    static FOLDER: Folder = Folder::of_this_test();
}

/// A path in a folder of the test's own, which goes with the test. Threads that the test starts have others.
pub fn path(name: impl AsRef<Path>) -> PathBuf {
    FOLDER.with(|folder| folder.0.join(name))
}

/// A folder in there.
pub fn folder(name: &str) -> PathBuf {
    let path = path(name);
    fs::create_dir_all(&path).expect("a directory for files of tests");
    path
}

/// Writes a file of which nobody sees a part, as servers that look for changes could.
pub fn write_whole(path: &Path, content: impl AsRef<[u8]>) {
    static NUMBERS: AtomicUsize = AtomicUsize::new(0);
    let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
    let unseen = path.with_extension(format!("{}-{number}", process::id()));
    fs::write(&unseen, content).expect("a directory for files of tests");
    fs::rename(&unseen, path).expect("a directory for files of tests");
}

impl Folder {
    fn of_this_test() -> Folder {
        let test = thread::current().name().expect("the thread of a test").replace("::", "-");
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{}-{test}", process::id()));
        // A process that was killed may have had the same id.
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).expect("a directory for files of tests");
        Folder(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left behind is in the directory of temporary files.
        let _ = fs::remove_dir_all(&self.0);
    }
}
