//! Postgres refuses to run as root, so root lends its clusters to another user.

use std::io;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

/// The user that runs the server; `None` is whoever we are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerUser(Option<(u32, u32)>);

impl ServerUser {
    /// Ourselves, or as root the user `postgres`, or `nobody` where there is none.
    pub fn find() -> io::Result<Self> {
        if !rustix::process::geteuid().is_root() {
            return Ok(ServerUser(None));
        }
        let passwd = std::fs::read_to_string("/etc/passwd")?;
        ["postgres", "nobody"]
            .iter()
            .find_map(|name| ids(&passwd, name))
            .map(|found| ServerUser(Some(found)))
            .ok_or_else(|| io::Error::other("neither a user `postgres` nor `nobody` in /etc/passwd to run Postgres as"))
    }

    /// `Command::uid` from root also drops the supplementary groups.
    pub fn apply(self, command: &mut Command) {
        if let Some((uid, gid)) = self.0 {
            command.uid(uid).gid(gid);
        }
    }

    pub fn give(self, path: &Path) -> io::Result<()> {
        match self.0 {
            Some((uid, gid)) => chown(path, Some(uid), Some(gid)),
            None => Ok(()),
        }
    }

    /// Can this user reach the file? Root's own home is closed to others.
    pub fn can_execute(self, path: &Path) -> bool {
        let mut test = Command::new("test");
        test.arg("-x").arg(path);
        self.apply(&mut test);
        test.status().is_ok_and(|status| status.success())
    }
}

fn ids(passwd: &str, name: &str) -> Option<(u32, u32)> {
    let line = passwd.lines().find(|line| line.split(':').next() == Some(name))?;
    let mut fields = line.split(':').skip(2);
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}
