//! Child processes that end when we do, however we end.
//!
//! The guardian is a shell that waits for the end of its standard input, a pipe whose other end is ours. It closes when
//! the value is dropped, and by the kernel when this process dies, so neither a panic, Ctrl-C nor `kill -9` leaves anything.

use super::user::ServerUser;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

const SCRIPT: &str = r#"signal=$1; log=$2; remove=$3; shift 3
"$@" </dev/null >>"$log" 2>&1 & pid=$!
cat >/dev/null
kill -"$signal" $pid 2>/dev/null
wait $pid
if [ -n "$remove" ]; then rm -rf "$remove"; fi"#;

/// A guarded process: dropping it ends the process and waits for its end.
#[derive(Debug)]
pub struct Guardian(Child);

/// What the guardian does at the end.
#[derive(Debug, Clone, Copy)]
pub struct LastWill<'a> {
    /// `QUIT`, `TERM`, …
    pub signal: &'a str,
    /// A directory to remove afterwards.
    pub remove: Option<&'a Path>,
}

impl Guardian {
    /// Starts `command` (its program, arguments and environment count) with both outputs appended to `log`.
    pub fn start(command: &Command, user: Option<ServerUser>, log: &Path, will: LastWill<'_>) -> io::Result<Guardian> {
        let mut shell = Command::new("sh");
        shell.args(["-c", SCRIPT, "guardian", will.signal]).arg(log).arg(will.remove.unwrap_or(Path::new("")));
        shell.arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => shell.env(name, value),
                None => shell.env_remove(name),
            };
        }
        if let Some(user) = user {
            user.apply(&mut shell);
        }
        // A process group of its own keeps Ctrl-C in the terminal from reaching the process before us.
        shell.process_group(0).current_dir("/").stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        shell.spawn().map(Guardian)
    }

    /// The guarded process itself: the shell's child that is not the `cat`.
    pub fn ward(&self) -> Option<u32> {
        let shell = self.0.id();
        let children = std::fs::read_to_string(format!("/proc/{shell}/task/{shell}/children")).ok()?;
        children.split_whitespace().filter_map(|pid| pid.parse().ok()).find(|pid| name(*pid).is_some_and(|name| name != "cat"))
    }

    /// Takes the last will away: only the shell ends. For a process that has died already and is started again.
    pub fn dismiss(mut self) -> io::Result<()> {
        let (killed, waited) = (self.0.kill(), self.0.wait());
        killed.and(waited.map(drop))
    }
}

/// A directory that is removed when the value is dropped, and by a shell when this process dies.
#[derive(Debug)]
pub struct GuardedDir {
    path: std::path::PathBuf,
    janitor: Child,
}

/// Others may still be writing into the directory when we are gone; it has to stay away for half a second.
const JANITOR: &str = r#"cat >/dev/null
clean=0
while [ -e "$1" ] || { [ $clean -gt 0 ] && [ $clean -lt 6 ]; }; do rm -rf "$1" 2>/dev/null; clean=$((clean + 1)); sleep 0.1; done"#;

impl GuardedDir {
    /// A new directory under the temporary one, readable by us only.
    pub fn new(prefix: &str) -> io::Result<GuardedDir> {
        GuardedDir::new_in(prefix, &std::env::temp_dir())
    }

    pub fn new_in(prefix: &str, parent: &Path) -> io::Result<GuardedDir> {
        let mut dir = tempfile::Builder::new().prefix(prefix).tempdir_in(parent)?;
        let mut shell = Command::new("sh");
        shell.args(["-c", JANITOR, "janitor"]).arg(dir.path());
        shell.process_group(0).current_dir("/").stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let janitor = shell.spawn()?;
        dir.disable_cleanup(true);
        Ok(GuardedDir { path: dir.path().to_owned(), janitor })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for GuardedDir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.path);
        drop(self.janitor.stdin.take());
        let _ = self.janitor.wait();
    }
}

fn name(pid: u32) -> Option<String> {
    Some(std::fs::read_to_string(format!("/proc/{pid}/comm")).ok()?.trim().to_owned())
}

impl Drop for Guardian {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}
