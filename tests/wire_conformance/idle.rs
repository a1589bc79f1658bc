//! Thousands of sessions that mostly wait, over a pool of twenty.

use std::thread;

use crate::client::{Address, Client};
use crate::door::Doors;
use crate::support::Setting;
use bytes::BytesMut;
use pgwarrant::wire::request;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What a quiet session may take in the proxy's memory.
const QUIET_SESSION: u64 = 100 * 1024;
/// Sessions opened side by side.
const THREADS: usize = 32;

/// `PGWARRANT_SESSIONS=5000` for the long form; fewer where the process may not open so many sockets.
fn count() -> usize {
    let wanted = std::env::var("PGWARRANT_SESSIONS").ok().and_then(|count| count.parse().ok()).unwrap_or(1000);
    let limit = raise_limit();
    wanted.min(limit.saturating_sub(200))
}

/// The proxy inherits the limit.
fn raise_limit() -> usize {
    let limit = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
    getrlimit(Resource::Nofile).current.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX))
}

#[test]
fn a_quiet_session_takes_little_and_all_of_them_share_the_pool() {
    let count = count();
    let queue = ["wait_queue = 20000", "wait_timeout = \"60s\""].map(|line| ("upstream".to_owned(), line.to_owned()));
    let doors = Doors::with(Setting { config: queue.into(), ..Setting::default() }, "");
    let address = Address::parse(&doors.url("analyst"));
    let pid = doors.stage.proxy().and_then(|proxy| proxy.pid()).expect("the proxy runs");
    drop(ask(open(&address, THREADS)));
    let before = resident(pid);
    // Each has run a statement once and then waits.
    let clients = ask(open(&address, count));
    let taken = (resident(pid).saturating_sub(before)) / count as u64;
    println!("{count} sessions, {} KiB each", taken / 1024);
    assert!(taken < QUIET_SESSION, "{taken} bytes a session");
    // All of them want a connection at once.
    ask(clients);
}

/// Logs in, many at a time.
fn open(address: &Address, count: usize) -> Vec<Client> {
    let share = count.div_ceil(THREADS);
    thread::scope(|scope| {
        let start = |_| scope.spawn(move || (0..share).map(|_| address.connect()).collect::<Vec<_>>());
        let threads: Vec<_> = (0..THREADS).map(start).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("logs in")).collect()
    })
}

/// Every session sends before any of them reads.
fn ask(mut clients: Vec<Client>) -> Vec<Client> {
    let mut out = BytesMut::new();
    request::query(&mut out, "SELECT count(*) + 424000 FROM products WHERE id < 5").expect("no NUL in it");
    clients.iter_mut().for_each(|client| client.send(&out));
    for client in &mut clients {
        let answer = client.until("424004");
        assert_eq!(answer.last().map(String::as_str), Some("ready I"), "{answer:?}");
    }
    clients
}

/// Bytes of the process in memory, as the kernel counts them.
fn resident(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("the process runs");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("it has memory");
    line.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).expect("a number") * 1024
}
