//! A stage with a small buffer and rows that are far larger than it together.

use std::path::PathBuf;
use std::process::Command;

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
        let grant: Grant = grant.parse().expect("a grant");
        self.stage.agent_url("agent", &self.stage.token("agent", &[grant], 3600))
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
