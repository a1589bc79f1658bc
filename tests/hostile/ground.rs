//! One stage for all cases of this binary, with a witness: an honest session that keeps asking while the others misbehave.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use pgwarrant::wire::backend::{self, tag};
use pgwarrant::wire::request;

use super::raw::{self, Raw, show};
use super::support::personas::personas;
use super::support::postgres::block_on;
use super::support::{Builder, Setting, Stage};

pub const HONEST: &str = "SELECT sku FROM products WHERE id = 1";
/// Places for sessions.
pub const SESSIONS: usize = 40;
/// Server connections for statements.
pub const POOL: usize = 5;
pub const HANDSHAKE: Duration = Duration::from_secs(3);
/// Of an idle transaction, and of a client that takes nothing.
pub const PATIENCE: Duration = Duration::from_secs(3);

pub struct Ground {
    pub stage: Stage,
    pid: u32,
    witness: Witness,
}

/// A case's name, and what it does. The name is also the agent's, so that its denials are found in the ledger.
pub type Case = (&'static str, fn(&Ground, &str));

static GROUND: LazyLock<Ground> = LazyLock::new(Ground::new);
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// The ground, for one test at a time.
pub fn ground() -> impl std::ops::Deref<Target = Ground> {
    struct Held {
        _guard: MutexGuard<'static, ()>,
    }
    impl std::ops::Deref for Held {
        type Target = Ground;
        fn deref(&self) -> &Ground {
            &GROUND
        }
    }
    Held { _guard: ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner) }
}

impl Ground {
    fn new() -> Ground {
        let limits = format!(
            "[limits]\nsessions = {SESSIONS}\nhandshake_timeout = \"{}s\"\nidle_in_transaction_timeout = \"{}s\"\n\
             hold = \"4MiB\"\nhold_total = \"16MiB\"\n",
            HANDSHAKE.as_secs(),
            PATIENCE.as_secs()
        );
        let mut stage = Stage::without_proxy(Setting {
            cluster: Builder::default(),
            config: vec![
                ("log".to_owned(), format!("{limits}\n[tls]\ncertificate = \"tls.pem\"\nkey = \"tls.key\"\n")),
                ("upstream".to_owned(), format!("pool_size = {POOL}")),
            ],
            ledger: None,
        })
        .expect("a stage");
        let certified = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
        std::fs::write(stage.home().join("tls.pem"), certified.cert.pem()).expect("a file");
        std::fs::write(stage.home().join("tls.key"), certified.signing_key.serialize_pem()).expect("a file");
        stage.start_proxy().expect("the proxy starts");
        let pid = stage.proxy().and_then(|proxy| proxy.pid()).expect("the proxy runs");
        let witness = Witness::start(&stage.persona_url("analyst", 3600).expect("a token"));
        Ground { stage, pid, witness }
    }

    /// Runs every case, and says at the end which of them failed.
    pub fn run(&self, cases: &[Case]) {
        let mut failed = Vec::new();
        for (name, case) in cases {
            let began = Instant::now();
            let ended = catch_unwind(AssertUnwindSafe(|| {
                case(self, &agent_name(name));
                self.unharmed();
            }));
            let verdict = if ended.is_ok() { "ok" } else { "FAILED" };
            eprintln!("{verdict}: {name} ({} ms)", began.elapsed().as_millis());
            if ended.is_err() {
                failed.push(*name);
            }
        }
        assert!(failed.is_empty(), "failed: {failed:#?}");
    }

    /// The process is the same, nothing in it panicked, and the witness goes on asking and being answered.
    fn unharmed(&self) {
        self.witness.goes_on();
        let pid = self.stage.proxy().and_then(|proxy| proxy.pid());
        assert_eq!(pid, Some(self.pid), "the proxy ended: {}", self.stage.proxy_log());
        assert!(!self.stage.proxy_log().contains("panicked"), "{}", self.stage.proxy_log());
    }

    /// A connection string with a persona's grants and an agent's own name.
    pub fn url(&self, agent: &str, persona: &str) -> String {
        let token = self.stage.token(agent, &personas()[persona], 3600);
        self.stage.agent_url("agent", &token)
    }

    pub fn log_in(&self, agent: &str, persona: &str) -> Raw {
        Raw::connect(&self.url(agent, persona), &[])
    }

    pub fn tcp(&self) -> TcpStream {
        let stream = TcpStream::connect(("127.0.0.1", self.stage.port)).expect("the proxy listens");
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a socket");
        stream.set_write_timeout(Some(Duration::from_secs(20))).expect("a socket");
        stream
    }

    /// Resident memory of the proxy in bytes.
    pub fn memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid)).expect("the proxy lives");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a line");
        line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") * 1024
    }

    /// How many connections were refused before they were sessions.
    pub fn refused(&self) -> u64 {
        let mut stream = TcpStream::connect(("127.0.0.1", self.stage.metrics_port)).expect("metrics");
        stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").expect("a request");
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("an answer");
        let lines = text.lines().filter(|line| line.starts_with("pgwarrant_connections_refused_total"));
        lines.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
    }

    /// Waits until that many more were refused than `before`.
    pub fn counted(&self, before: u64) {
        self.wait("the refusal is counted", || self.refused() > before);
    }

    pub fn wait(&self, what: &str, mut is: impl FnMut() -> bool) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while !is() {
            assert!(Instant::now() < deadline, "in vain: {what}\n{}", self.stage.proxy_log());
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// Reasons of what the ledger holds against this agent, once there is one.
    pub fn denials(&self, agent: &str) -> Vec<String> {
        let mut found = Vec::new();
        self.wait("a denial of the agent in the ledger", || {
            found = self.audit("SELECT coalesce(reason, sqlstate) FROM audit.denials WHERE agent = $1 ORDER BY seq", agent);
            !found.is_empty()
        });
        found
    }

    /// One column of text, as the auditor.
    pub fn audit(&self, sql: &str, agent: &str) -> Vec<String> {
        let url = self.stage.audit_url().expect("an auditor");
        block_on(async {
            let (client, driver) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.expect("the audit database");
            tokio::spawn(driver);
            let rows = client.query(sql, &[&agent]).await.expect("the audit schema");
            rows.iter().map(|row| row.get(0)).collect()
        })
    }
}

/// As a token may name a subject.
fn agent_name(case: &str) -> String {
    let plain = case.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' });
    plain.take(63).collect()
}

/// An agent that asks the same question for ever.
struct Witness {
    answers: Arc<AtomicU64>,
    complaint: Arc<Mutex<Option<String>>>,
}

impl Witness {
    fn start(url: &str) -> Witness {
        let witness = Witness { answers: Arc::default(), complaint: Arc::default() };
        let (answers, complaint, url) = (witness.answers.clone(), witness.complaint.clone(), url.to_owned());
        thread::spawn(move || {
            let mut session = Raw::connect(&url, &[]);
            loop {
                let asked = catch_unwind(AssertUnwindSafe(|| query(&mut session, HONEST)));
                let right = asked.as_ref().is_ok_and(|answer| answer.rows == ["SKU-00001"]);
                if !right {
                    *complaint.lock().expect("no panic inside") = Some(format!("{asked:?}"));
                    return;
                }
                answers.fetch_add(1, Ordering::Relaxed);
                thread::sleep(Duration::from_millis(20));
            }
        });
        witness
    }

    fn goes_on(&self) {
        let (before, began) = (self.answers.load(Ordering::Relaxed), Instant::now());
        while self.answers.load(Ordering::Relaxed) < before + 2 {
            let complaint = self.complaint.lock().expect("no panic inside").clone();
            assert_eq!(complaint, None, "another session was harmed");
            assert!(began.elapsed() < Duration::from_secs(20), "another session waits in vain");
            thread::sleep(Duration::from_millis(10));
        }
    }
}

/// What a query or a cycle of the extended protocol gave.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Answer {
    pub columns: String,
    pub rows: Vec<String>,
    pub error: Option<Told>,
    pub closed: bool,
}

/// An ErrorResponse.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Told {
    pub severity: String,
    pub sqlstate: String,
    pub reason: String,
    pub message: String,
}

impl Answer {
    pub fn reason(&self) -> &str {
        self.error.as_ref().map_or("", |told| told.reason.as_str())
    }

    pub fn sqlstate(&self) -> &str {
        self.error.as_ref().map_or("", |told| told.sqlstate.as_str())
    }
}

pub fn query(session: &mut Raw, text: &str) -> Answer {
    let mut out = BytesMut::new();
    request::query(&mut out, text).expect("it is short enough");
    session.send_bytes(&out);
    answer(session)
}

/// By Parse, Bind, Execute and Sync, without parameters.
pub fn extended(session: &mut Raw, text: &str) -> Answer {
    let mut out = BytesMut::new();
    request::parse(&mut out, "", text, &[]).expect("it is short enough");
    let all_text = pgwarrant::wire::frontend::Formats::All(pgwarrant::wire::frontend::Format::Text);
    request::bind(&mut out, "", "", &all_text, &[], request::ALL_TEXT).expect("it is short");
    request::execute(&mut out, "", 0).expect("it is short");
    request::sync(&mut out);
    session.send_bytes(&out);
    answer(session)
}

/// Everything up to ReadyForQuery or the end of the stream.
pub fn answer(session: &mut Raw) -> Answer {
    let mut answer = Answer::default();
    while let Some(frame) = session.frame() {
        match frame.tag {
            tag::ROW_DESCRIPTION => answer.columns = show(&frame),
            tag::DATA_ROW => answer.rows.push(show(&frame).trim_start_matches("row ").to_owned()),
            tag::ERROR_RESPONSE => answer.error = Some(told(&frame.body())),
            tag::READY_FOR_QUERY => return answer,
            _ => {}
        }
    }
    Answer { closed: true, ..answer }
}

fn told(body: &bytes::Bytes) -> Told {
    let field = |code| raw::report(body, code);
    Told { severity: field(b'S'), sqlstate: field(b'C'), reason: field(b'n'), message: field(b'M') }
}

/// What a connection that is not a session yet is told before it is closed.
pub fn last_words(stream: &mut TcpStream) -> Option<Told> {
    let mut bytes = Vec::new();
    // A reset after the words is as good as an end.
    let _ = stream.read_to_end(&mut bytes);
    let mut buffer = BytesMut::from(&bytes[..]);
    let limits = pgwarrant::wire::frame::BackendLimits::default();
    while let Ok(Some(frame)) = pgwarrant::wire::frame::split_backend(&mut buffer, &limits) {
        if frame.tag == tag::ERROR_RESPONSE {
            assert!(backend::report(&frame.body()).is_ok());
            return Some(told(&frame.body()));
        }
    }
    None
}
