//! The ways to the database that are compared.

use super::pgbouncer::PgBouncer;
use super::support::guardian::{GuardedDir, Guardian};
use super::support::postgres::Error;
use super::support::proxy::Proxy;
use super::support::{Stage, personas};

/// The role is the same on every way; only pgwarrant's agents come with a token instead.
pub const READER_PASSWORD: &str = "bench-reader";

/// The role that writes by way of PgBouncer, and PgBouncer's name for the database with that role.
pub const WRITES: &str = "bench_writer";

/// In what `/proc` counts time: 100 on every architecture that Postgres is packaged for.
const USER_HZ: u64 = 100;

pub struct Route {
    pub name: &'static str,
    pub port: u16,
    pub user: &'static str,
    pub password: String,
    /// False where a prepared statement does not survive transaction pooling.
    pub prepared: bool,
    /// The ledger's directory, to be measured and described.
    pub ledger: Option<std::path::PathBuf>,
    pub note: String,
    process: Process,
    _ledger: Option<GuardedDir>,
}

enum Process {
    None,
    PgBouncer(PgBouncer),
    Proxy(Proxy),
}

pub fn all(stage: &Stage) -> Result<Vec<Route>, Error> {
    stage.cluster.sql("shop", &format!("ALTER ROLE pgwarrant_reader PASSWORD '{READER_PASSWORD}'"))?;
    stage.set_reader_password(READER_PASSWORD)?;
    let mut routes = vec![Route::plain("direct", stage.cluster.port(), Process::None, stage.cluster.version().to_owned(), true)];
    match PgBouncer::start(stage.cluster.port())? {
        Some(bouncer) => {
            let (port, prepared) = (bouncer.port, bouncer.prepared);
            let note = format!("PgBouncer {}, transaction pooling", bouncer.version);
            routes.push(Route::plain("PgBouncer", port, Process::PgBouncer(bouncer), note, prepared));
        }
        None => eprintln!("bench: no PgBouncer found"),
    }
    let shm = std::path::Path::new("/dev/shm");
    if shm.is_dir() {
        routes.push(warrant(stage, "pgwarrant, tmpfs", GuardedDir::new_in("pgwarrant-bench-", shm)?)?);
    }
    let disk = super::support::template::target_dir().join("tmp");
    routes.push(warrant(stage, "pgwarrant, disk", GuardedDir::new_in("bench-ledger-", &disk)?)?);
    Ok(routes)
}

fn warrant(stage: &Stage, name: &'static str, dir: GuardedDir) -> Result<Route, Error> {
    let ledger = dir.path().join("ledger");
    let proxy = stage.another_proxy(&name.replace(", ", "-"), &ledger)?;
    let grants = personas::personas().remove("support").ok_or_else(|| Error::Failed("no persona support".to_owned()))?;
    Ok(Route {
        name,
        port: proxy.port,
        user: "support",
        password: stage.token("support", &grants, 24 * 3600),
        prepared: true,
        note: format!("ledger in {}", dir.path().display()),
        ledger: Some(dir.path().to_owned()),
        process: Process::Proxy(proxy),
        _ledger: Some(dir),
    })
}

impl Route {
    fn plain(name: &'static str, port: u16, process: Process, note: String, prepared: bool) -> Route {
        let password = READER_PASSWORD.to_owned();
        Route { name, port, user: "pgwarrant_reader", password, prepared, ledger: None, note, process, _ledger: None }
    }

    pub fn is_bouncer(&self) -> bool {
        matches!(self.process, Process::PgBouncer(_))
    }

    /// User and system time of the process in the middle, in microseconds.
    pub fn cpu(&self) -> Option<u64> {
        let pid = match &self.process {
            Process::None => None,
            Process::PgBouncer(bouncer) => Guardian::ward(&bouncer.guardian),
            Process::Proxy(proxy) => proxy.pid(),
        }?;
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The command's name may hold spaces; it ends at the last bracket. utime and stime are fields 14 and 15 of proc(5).
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        let ticks: u64 = fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?;
        Some(ticks * 1_000_000 / USER_HZ)
    }
}
