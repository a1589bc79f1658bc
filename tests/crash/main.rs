//! Agents write at random while the proxy, a backend, or the whole database is killed. Afterwards the database, the ledger
//! and what the agents were told have to say the same.
//!
//! `PGWARRANT_TORTURE_KILLS` says how many kills, `PGWARRANT_TORTURE_SEED` by which dice. With the feature `kill-points` the
//! proxy also dies at places of its own.

mod agent;
mod judge;
mod named;
#[path = "../support/mod.rs"]
mod support;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use agent::{Agent, Attempt};
use pgwarrant::kill_point::KillPoint;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rustix::process::Signal;
use support::Cluster;
use support::postgres::{block_on, signal};
use support::proxy::Proxy;
use support::stage::{Setting, Stage};

const AGENTS: u64 = 4;
/// Between two looks at the books.
const KILLS_A_ROUND: u64 = 12;

/// What is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kill {
    /// SIGKILL, at any moment.
    Proxy,
    /// SIGKILL at a place of its own choosing, twice: started again, it dies where it is told to. At any moment where the
    /// feature `kill-points` is missing.
    Point,
    /// `pg_terminate_backend`.
    Session,
    /// SIGKILL, after which the postmaster ends all others and recovers.
    Backend,
    /// SIGKILL of every process, as a power cut would.
    Cluster,
    /// The immediate stop.
    Immediate,
    /// The power cut takes both.
    Both,
}

const KILLS: [Kill; 12] = [
    Kill::Proxy,
    Kill::Point,
    Kill::Point,
    Kill::Point,
    Kill::Point,
    Kill::Session,
    Kill::Session,
    Kill::Session,
    Kill::Backend,
    Kill::Cluster,
    Kill::Immediate,
    Kill::Both,
];

fn durable() -> support::Builder {
    Cluster::builder().fsync(true).setting("deadlock_timeout", "100ms")
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

#[test]
fn whatever_is_killed_the_database_the_ledger_and_the_agents_tell_the_same() {
    let kills = number("PGWARRANT_TORTURE_KILLS").unwrap_or(KILLS_A_ROUND);
    let seed = number("PGWARRANT_TORTURE_SEED").unwrap_or_else(rand::random);
    println!("PGWARRANT_TORTURE_SEED={seed}");
    let begun = Instant::now();
    let mut dice = StdRng::seed_from_u64(seed);
    let mut stage = Stage::start(Setting { cluster: durable(), ..Setting::default() }).expect("a stage");
    let mut agents: Vec<Agent> = (0..AGENTS).map(|index| Agent::new(index, seed)).collect();
    let mut attempts: Vec<Attempt> = Vec::new();
    let mut done = 0;
    while done < kills {
        let round = KILLS_A_ROUND.min(kills - done);
        agents = while_agents_write(&mut stage, agents, |stage| {
            for nth in done..done + round {
                thread::sleep(Duration::from_millis(dice.gen_range(50..600)));
                let kill = KILLS[usize::try_from(nth).expect("a count") % KILLS.len()];
                kill.strike(stage, &mut dice);
            }
            thread::sleep(Duration::from_millis(300));
        });
        done += round;
        agents.iter_mut().for_each(|agent| attempts.append(&mut agent.attempts));
        let told = judge::judge(&mut stage, &attempts);
        println!("{done} kills in {:?}: {told}", begun.elapsed());
    }
    println!("died at (true) or did not come by (false): {:?}", POINTS.lock().expect("no panic holds it"));
    stage.stop_proxy();
    judge::verify(&stage);
    judge::completeness(&stage);
}

/// Lets the agents write until `attack` is over; they come back with what they were told.
fn while_agents_write(stage: &mut Stage, agents: Vec<Agent>, attack: impl FnOnce(&mut Stage)) -> Vec<Agent> {
    let over = Arc::new(AtomicBool::new(false));
    let url = stage.persona_url("writer", 24 * 3600).expect("a token");
    let start = |mut agent: Agent| {
        let (over, url) = (over.clone(), url.clone());
        thread::spawn(move || {
            block_on(agent.write_until(&url, &over));
            agent
        })
    };
    let writing: Vec<_> = agents.into_iter().map(start).collect();
    attack(stage);
    over.store(true, Ordering::Relaxed);
    writing.into_iter().map(|agent| agent.join().expect("an agent's own assertions hold")).collect()
}

impl Kill {
    fn strike(self, stage: &mut Stage, dice: &mut StdRng) {
        match self {
            Kill::Proxy => {
                kill_proxy(stage);
                thread::sleep(Duration::from_millis(dice.gen_range(0..50)));
                stage.start_proxy().expect("it starts again");
            }
            Kill::Point => {
                kill_proxy(stage);
                if cfg!(feature = "kill-points") {
                    die_at_a_point(stage, dice);
                }
                stage.start_proxy().expect("it starts again");
            }
            Kill::Session => {
                if let Some(pid) = a_backend(stage, dice) {
                    stage.cluster.sql("postgres", &format!("SELECT pg_terminate_backend({pid})")).expect("a superuser");
                }
            }
            Kill::Backend => {
                if let Some(pid) = a_backend(stage, dice) {
                    let _ = signal(pid, Signal::KILL);
                    wait_for_database(stage);
                }
            }
            Kill::Cluster => stage.cluster.crash_and_restart(&durable()).expect("it recovers"),
            Kill::Immediate => stage.cluster.stop_and_restart(&durable(), Signal::QUIT).expect("it recovers"),
            Kill::Both => {
                kill_proxy(stage);
                stage.cluster.crash_and_restart(&durable()).expect("it recovers");
                stage.start_proxy().expect("it starts again");
            }
        }
    }
}

/// Runs the proxy until it dies where the dice say, or for so long that it does not come by there.
fn die_at_a_point(stage: &mut Stage, dice: &mut StdRng) {
    let point = KillPoint::ALL[dice.gen_range(0..KillPoint::ALL.len())];
    let count = if point == KillPoint::Settling { 1 } else { dice.gen_range(1..60) };
    stage.arm_proxy(&format!("{}:{count}", point.name())).expect("it is started");
    let deadline = Instant::now() + Duration::from_secs(5);
    thread::sleep(Duration::from_millis(20));
    while stage.proxy().and_then(Proxy::pid).is_some() && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(10));
    }
    let died = stage.proxy().and_then(Proxy::pid).is_none();
    *POINTS.lock().expect("no panic holds it").entry((point.name(), died)).or_insert(0) += 1;
    let proxy = stage.take_proxy();
    if let Some(proxy) = proxy.filter(|_| !died) {
        proxy.kill().expect("it is killed");
    }
}

/// How often it died at each, and how often it did not come by.
static POINTS: Mutex<BTreeMap<(&str, bool), u64>> = Mutex::new(BTreeMap::new());

fn kill_proxy(stage: &mut Stage) {
    stage.take_proxy().expect("it runs").kill().expect("it is killed");
}

/// One of those that write.
fn a_backend(stage: &Stage, dice: &mut StdRng) -> Option<u32> {
    let pids: Vec<i32> = block_on(async {
        let admin = stage.cluster.connect("postgres", "postgres").await.expect("a superuser");
        let sql = "SELECT pid FROM pg_stat_activity WHERE usename = 'pgwarrant_writer'";
        admin.query(sql, &[]).await.expect("pids").iter().map(|row| row.get(0)).collect()
    });
    let at = if pids.is_empty() { return None } else { dice.gen_range(0..pids.len()) };
    u32::try_from(pids[at]).ok()
}

fn wait_for_database(stage: &Stage) {
    let deadline = Instant::now() + Duration::from_secs(60);
    // The old one may still answer in the first moments.
    thread::sleep(Duration::from_millis(50));
    while stage.cluster.sql("postgres", "SELECT 1").is_err() {
        assert!(Instant::now() < deadline, "the database does not come back");
        thread::sleep(Duration::from_millis(20));
    }
}
