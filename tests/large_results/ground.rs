//! A stage with a small buffer and rows that are far larger than it together.

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use pgwarrant::ledger::{Entry, Item, Reader};
use pgwarrant::token::grant::Grant;
use pgwarrant::wire::backend::tag;
use pgwarrant::wire::frame::Frame;
use sha2::{Digest, Sha256};

use super::raw::{Raw, Say};
use super::support::{self, Setting, Stage};

pub const HOLD: u64 = 256 * 1024;

pub struct Ground {
    pub stage: Stage,
}

impl Ground {
    /// `hold` bytes a session; 500 rows of about 12 KiB in `products`.
    pub fn start(hold: u64, limits: &str) -> Ground {
        Ground::with(hold, limits, &[], 400)
    }

    /// Each row has `repeats` times 32 bytes.
    pub fn with(hold: u64, limits: &str, config: &[(&str, &str)], repeats: u32) -> Ground {
        let config = config.iter().map(|(table, line)| ((*table).to_owned(), (*line).to_owned())).collect();
        let mut stage = Stage::without_proxy(Setting { config, ..Setting::default() }).expect("a stage");
        let file = stage.config();
        let text = std::fs::read_to_string(&file).expect("a configuration");
        std::fs::write(&file, format!("{text}\n[limits]\nhold = {hold}\n{limits}\n")).expect("a file");
        let wide = format!(
            "UPDATE products SET name = (SELECT string_agg(md5(id::text || n), '') FROM generate_series(1, {repeats}) n)"
        );
        stage.cluster.sql("shop", &wide).expect("the superuser may");
        stage.cluster.sql("shop", "VACUUM ANALYZE products").expect("the superuser may");
        stage.start_proxy().expect("a proxy");
        Ground { stage }
    }

    pub fn analyst(&self) -> Raw {
        Raw::connect(&self.stage.persona_url("analyst", 3600).expect("a token"), &[])
    }

    /// The connection string of an agent with one grant.
    pub fn with_grant(&self, grant: &str) -> String {
        self.with_grants(&[grant])
    }

    pub fn with_grants(&self, grants: &[&str]) -> String {
        let grants: Vec<Grant> = grants.iter().map(|grant| grant.parse().expect("a grant")).collect();
        self.stage.agent_url("agent", &self.stage.token("agent", &grants, 3600))
    }

    pub fn ledger(&self) -> PathBuf {
        self.stage.home().join("ledger")
    }

    pub fn entries(&self) -> Vec<Entry> {
        let mut reader = Reader::open(&self.ledger(), 0).expect("the ledger opens");
        let mut found = Vec::new();
        loop {
            match reader.read().expect("the ledger reads") {
                Item::Entry { bytes, .. } => found.push(serde_json::from_slice(bytes).expect("an entry")),
                Item::Checkpoint { .. } => {}
                Item::End => return found,
            }
        }
    }

    pub fn wait(&self, what: &str, mut is: impl FnMut() -> bool) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while !is() {
            assert!(Instant::now() < deadline, "in vain: {what}\n{}", self.stage.proxy_log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// One number, as the superuser.
    pub fn admin(&self, sql: &str) -> i64 {
        support::postgres::block_on(async {
            let client = self.stage.cluster.connect("postgres", "shop").await.expect("the cluster answers");
            client.query_one(sql, &[]).await.expect("a number").get(0)
        })
    }

    /// One number, as the auditor.
    pub fn auditor(&self, sql: &str) -> i64 {
        let url = self.stage.audit_url().expect("an auditor");
        support::postgres::block_on(async {
            let (client, driver) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.expect("the audit database");
            tokio::spawn(driver);
            client.query_one(sql, &[]).await.expect("a number").get::<_, Option<i64>>(0).unwrap_or(-1)
        })
    }

    /// Resident memory of the proxy in bytes.
    pub fn memory(&self) -> u64 {
        let pid = self.stage.proxy().and_then(|proxy| proxy.pid()).expect("the proxy runs");
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("the proxy lives");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a line");
        line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") * 1024
    }

    /// By the program that auditors use, on the disk.
    pub fn verify(&self) {
        let mut command = Command::new(support::proxy::binary().expect("the binary"));
        command.arg("verify").arg("--ledger").arg(self.ledger()).arg("--key").arg(self.stage.home().join("keys/ledger.vkey"));
        support::stage::run(&mut command).expect("the ledger verifies");
    }
}

/// Everything up to ReadyForQuery, but settings.
pub fn until_ready(session: &mut Raw) -> Vec<Frame> {
    let mut frames = Vec::new();
    while let Some(frame) = session.frame() {
        let last = frame.tag == tag::READY_FOR_QUERY;
        if frame.tag != tag::PARAMETER_STATUS {
            frames.push(frame);
        }
        if last {
            break;
        }
    }
    frames
}

pub fn query(session: &mut Raw, text: &'static str) -> String {
    session.say(&[Say::Query(text)]);
    session.outcome()
}

pub fn digest(messages: &[&[u8]]) -> String {
    pgwarrant::ledger::hex(&messages.iter().fold(Sha256::new(), |hash, message| hash.chain_update(message)).finalize())
}
