//! A running `pgwarrant serve`.

use super::guardian::{Guardian, LastWill};
use super::postgres::Error;
use super::template;
use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

/// Ends by SIGTERM when it is dropped, and is waited for.
#[derive(Debug)]
pub struct Proxy {
    guardian: Guardian,
    log: PathBuf,
    pub port: u16,
}

impl Proxy {
    /// Starts the proxy of `config` and waits until it takes connections on `port`; its output is appended to `log`.
    pub fn start(config: &Path, port: u16, log: &Path) -> Result<Proxy, Error> {
        let before = read(log).len();
        let proxy = Proxy::launch(config, port, log, None)?;
        // It reads its whole log first, which takes a build without optimisation its time.
        let deadline = Instant::now() + Duration::from_secs(90);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            let news = proxy.log().split_off(before);
            if Instant::now() > deadline || news.contains("pgwarrant: ") {
                return Err(Error::Failed(format!("the proxy did not start:\n{news}")));
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(proxy)
    }

    /// Starts it and does not wait; with a [`pgwarrant::kill_point`] to die at.
    pub fn launch(config: &Path, port: u16, log: &Path, kill_point: Option<&str>) -> Result<Proxy, Error> {
        let mut command = Command::new(binary()?);
        command.arg("serve").arg("--config").arg(config);
        command.envs(kill_point.map(|point| ("PGWARRANT_KILL_POINT", point)));
        let guardian = Guardian::start(&command, None, log, LastWill { signal: "TERM", remove: None })?;
        Ok(Proxy { guardian, log: log.to_owned(), port })
    }

    pub fn pid(&self) -> Option<u32> {
        self.guardian.ward()
    }

    /// As `kill -9` does; nothing of it gets a chance.
    pub fn kill(self) -> Result<(), Error> {
        let pid = self.pid().ok_or_else(|| Error::Failed("the proxy is not running".to_owned()))?;
        super::postgres::signal(pid, rustix::process::Signal::KILL)
    }

    pub fn log(&self) -> String {
        read(&self.log)
    }
}

fn read(log: &Path) -> String {
    fs::read(log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}

/// The binary of the same build as this test or example.
pub fn binary() -> Result<PathBuf, Error> {
    let exe = std::env::current_exe()?;
    let target = template::target_dir();
    let profile = exe.ancestors().find(|dir| dir.starts_with(&target) && dir.join("pgwarrant").is_file());
    profile
        .map(|dir| dir.join("pgwarrant"))
        .ok_or_else(|| Error::Failed("no binary `pgwarrant` beside this one: cargo build".to_owned()))
}
