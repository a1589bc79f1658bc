//! A Postgres cluster that lives as long as its value, and never longer than this process.

use super::binaries::{self, Binaries};
use super::guardian::{Guardian, LastWill};
use super::template;
use super::user::ServerUser;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use std::{fs, io, thread};

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{0}")]
    Failed(String),
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("{}", sql_message(.0))]
    Sql(#[from] tokio_postgres::Error),
}

impl From<String> for Error {
    fn from(text: String) -> Self {
        Error::Failed(text)
    }
}

fn sql_message(error: &tokio_postgres::Error) -> String {
    error.as_db_error().map_or_else(|| error.to_string(), |db| format!("{}: {}", db.code().code(), db.message()))
}

/// What kind of cluster: `Cluster::builder().major(16).shop().start()`.
#[derive(Debug, Clone, Default)]
pub struct Builder {
    major: Option<u32>,
    shop: bool,
    fsync: bool,
    password: bool,
    settings: Vec<(String, String)>,
}

impl Builder {
    pub fn major(mut self, major: u32) -> Self {
        self.major = Some(major);
        self
    }

    /// With the sample shop in the database `shop`.
    pub fn shop(mut self) -> Self {
        self.shop = true;
        self
    }

    /// As durable as in earnest; off by default, since the cluster is thrown away.
    pub fn fsync(mut self, on: bool) -> Self {
        self.fsync = on;
        self
    }

    /// Over TCP, roles other than `postgres` have to show a SCRAM password; `trust` otherwise.
    pub fn require_password(mut self) -> Self {
        self.password = true;
        self
    }

    pub fn setting(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn start(self) -> Result<Cluster, Error> {
        let binaries = binaries::find(self.major)?;
        let template = template::data_dir(&binaries, self.shop)?;
        self.start_from(binaries, &template)
    }

    pub(super) fn start_on_copy_of(self, data: &Path) -> Result<Cluster, Error> {
        let binaries = binaries::find(self.major)?;
        self.start_from(binaries, data)
    }

    fn start_from(self, binaries: Binaries, template: &Path) -> Result<Cluster, Error> {
        let user = ServerUser::find()?;
        let mut last = None;
        // Another process may take the port between our look and the server's bind.
        for _ in 0..5 {
            let mut dir = tempfile::Builder::new().prefix("pgwarrant-pg-").tempdir()?;
            template::copy(template, &dir.path().join("data"))?;
            fs::write(dir.path().join("data/pg_hba.conf"), self.hba())?;
            user.give(dir.path())?;
            let port = free_port()?;
            let guardian = self.spawn(&binaries, user, dir.path(), port)?;
            // From here on the guardian removes the directory, also when this process is killed.
            dir.disable_cleanup(true);
            let cluster = Cluster { dir: dir.path().to_owned(), port, binaries: binaries.clone(), guardian };
            match cluster.wait_until_ready(Duration::from_secs(60), 0) {
                Ok(()) => return Ok(cluster),
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| Error::Failed("Postgres did not start".to_owned())))
    }

    fn hba(&self) -> &'static str {
        if self.password {
            "local all all trust\nhost all postgres 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n"
        } else {
            "local all all trust\nhost all all 127.0.0.1/32 trust\n"
        }
    }

    fn spawn(&self, binaries: &Binaries, user: ServerUser, dir: &Path, port: u16) -> Result<Guardian, Error> {
        let mut command = Command::new(binaries.dir.join("postgres"));
        command.arg("-D").arg(dir.join("data")).arg("-k").arg(dir).args(["-h", "127.0.0.1", "-p", &port.to_string()]);
        for (name, value) in self.all_settings() {
            command.arg("-c").arg(format!("{name}={value}"));
        }
        // SIGQUIT is "immediate shutdown": nothing of it is needed any more.
        let will = LastWill { signal: "QUIT", remove: Some(dir) };
        Ok(Guardian::start(&command, Some(user), &dir.join("log"), will)?)
    }

    fn all_settings(&self) -> Vec<(String, String)> {
        let durable = if self.fsync { "on" } else { "off" };
        let mut settings: Vec<(String, String)> = [
            ("fsync", durable),
            ("full_page_writes", durable),
            ("shared_buffers", "128MB"),
            ("max_connections", "200"),
            ("unix_socket_permissions", "0777"),
            ("log_line_prefix", "%m [%p] %u "),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec();
        settings.extend(self.settings.iter().cloned());
        settings
    }
}

/// A running server with the superuser `postgres`. Dropping it ends the server at once and removes every file of it.
#[derive(Debug)]
pub struct Cluster {
    dir: PathBuf,
    port: u16,
    binaries: Binaries,
    guardian: Guardian,
}

impl Cluster {
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// The sample shop on the oldest server there is.
    pub fn shop() -> Result<Cluster, Error> {
        Self::builder().shop().start()
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn major(&self) -> u32 {
        self.binaries.major
    }

    pub fn version(&self) -> &str {
        &self.binaries.version
    }

    /// Directory of the Unix socket, and of everything else of this cluster.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    pub fn data_dir(&self) -> PathBuf {
        self.dir.join("data")
    }

    /// `postgres://user@127.0.0.1:port/database`.
    pub fn url(&self, user: &str, database: &str) -> String {
        format!("postgres://{user}@127.0.0.1:{}/{database}", self.port)
    }

    /// The superuser's URL.
    pub fn admin_url(&self, database: &str) -> String {
        self.url("postgres", database)
    }

    /// The server's log so far.
    pub fn log(&self) -> String {
        fs::read(self.dir.join("log")).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }

    /// The process id of the postmaster.
    pub fn pid(&self) -> Option<u32> {
        self.pid_file().lines().next()?.trim().parse().ok()
    }

    /// Runs statements as the superuser; from any thread, inside a runtime or not.
    pub fn sql(&self, database: &str, sql: &str) -> Result<(), Error> {
        block_on(async {
            let client = self.connect("postgres", database).await?;
            Ok(client.batch_execute(sql).await?)
        })
    }

    /// A connection of `tokio-postgres` over loopback, driven on the current runtime.
    pub async fn connect(&self, user: &str, database: &str) -> Result<tokio_postgres::Client, Error> {
        let (client, connection) = tokio_postgres::connect(&self.url(user, database), tokio_postgres::NoTls).await?;
        tokio::spawn(connection);
        Ok(client)
    }

    /// Kills the server as a power cut would, and starts it again on the same port and data.
    pub fn crash_and_restart(&mut self, builder: &Builder) -> Result<(), Error> {
        self.cut_power()?;
        self.start_again(builder)
    }

    /// Ends the server by a signal to the postmaster (QUIT is the immediate stop), and starts it again.
    pub fn stop_and_restart(&mut self, builder: &Builder, how: rustix::process::Signal) -> Result<(), Error> {
        let pid = self.running()?;
        signal(pid, how)?;
        wait_gone(pid)?;
        self.start_again(builder)
    }

    /// Every process of it at once: a backend that outlived the postmaster could still finish its COMMIT.
    pub fn cut_power(&self) -> Result<(), Error> {
        let pid = self.running()?;
        signal(pid, rustix::process::Signal::STOP)?;
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"))?;
        let children: Vec<u32> = children.split_whitespace().filter_map(|child| child.parse().ok()).collect();
        for &process in children.iter().chain([&pid]) {
            // It may have ended by itself meanwhile.
            let _ = signal(process, rustix::process::Signal::KILL);
        }
        children.iter().chain([&pid]).try_for_each(|process| wait_gone(*process))
    }

    /// Starts a server that has ended, on the same port and on the data that are there now.
    pub fn start_again(&mut self, builder: &Builder) -> Result<(), Error> {
        let _ = fs::remove_file(self.data_dir().join("postmaster.pid"));
        let before = self.log().len();
        let next = builder.spawn(&self.binaries, ServerUser::find()?, &self.dir, self.port)?;
        // Without its last will: it would remove the directory.
        std::mem::replace(&mut self.guardian, next).dismiss()?;
        self.wait_until_ready(Duration::from_secs(60), before)
    }

    fn running(&self) -> Result<u32, Error> {
        self.pid().ok_or_else(|| Error::Failed("the server is not running".to_owned()))
    }

    pub(super) fn stop_smoothly(&self) -> Result<(), Error> {
        let pid = self.pid().ok_or_else(|| Error::Failed("the server is not running".to_owned()))?;
        signal(pid, rustix::process::Signal::INT)?;
        wait_gone(pid)
    }

    fn pid_file(&self) -> String {
        fs::read_to_string(self.data_dir().join("postmaster.pid")).unwrap_or_default()
    }

    /// The eighth line of `postmaster.pid` says so (`LOCK_FILE_LINE_PM_STATUS` in `miscadmin.h`): `ready`, or `standby` where
    /// only reads are possible. What the log says up to `before` is of an earlier life.
    fn wait_until_ready(&self, patience: Duration, before: usize) -> Result<(), Error> {
        let deadline = Instant::now() + patience;
        while Instant::now() < deadline {
            if self.pid_file().lines().nth(7).is_some_and(|line| matches!(line.trim(), "ready" | "standby")) {
                return Ok(());
            }
            // Clients that come too early are told so with FATAL; only what the postmaster says ends it.
            let news = self.log().split_off(before);
            if news.lines().any(|line| line.contains("FATAL: ") && !line.contains("the database system is")) {
                break;
            }
            thread::sleep(Duration::from_millis(10));
        }
        Err(Error::Failed(format!("Postgres did not start:\n{}", self.log())))
    }
}

/// Runs a future to its end on a thread of its own, so that it works inside another runtime too.
pub fn block_on<T: Send>(future: impl Future<Output = T> + Send) -> T {
    let run = || {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime needs only memory and epoll");
        runtime.block_on(future)
    };
    thread::scope(|scope| scope.spawn(run).join()).unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// A port of loopback that nothing listens on now.
pub fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

pub fn signal(pid: u32, signal: rustix::process::Signal) -> Result<(), Error> {
    let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
    let pid = pid.ok_or_else(|| Error::Failed("no such process".to_owned()))?;
    Ok(rustix::process::kill_process(pid, signal).map_err(io::Error::from)?)
}

fn wait_gone(pid: u32) -> Result<(), Error> {
    let deadline = Instant::now() + Duration::from_secs(30);
    while Path::new(&format!("/proc/{pid}")).exists() {
        if Instant::now() > deadline {
            return Err(Error::Failed(format!("process {pid} does not end")));
        }
        thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}
