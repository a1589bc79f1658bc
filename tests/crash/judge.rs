//! Whether the database, the ledger and the agents tell the same.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use pgwarrant::ledger::{self, Entry, Item, Kind, Reader, Transaction, TransactionState};

use crate::agent::{Attempt, Effect, Told};
use crate::support::postgres::block_on;
use crate::support::stage::Stage;
use crate::support::{proxy, stage as stages};

/// What the ledger says of marks.
#[derive(Default)]
struct Book {
    /// The transactions that entries with a mark belong to.
    anchors: HashMap<u64, BTreeSet<u64>>,
    /// Marks with an outcome.
    outcomes: HashSet<u64>,
    transactions: BTreeMap<u64, Transaction>,
}

/// What the database holds.
struct Found {
    notes: HashMap<u64, usize>,
    items: HashSet<u64>,
}

fn dir(stage: &Stage) -> PathBuf {
    stage.home().join("ledger")
}

/// Fails unless everything agrees; a summary.
pub fn judge(stage: &mut Stage, attempts: &[Attempt]) -> String {
    wait_until_settled(stage);
    let (book, found) = (read_book(stage), look(stage));
    let gone: HashMap<u64, &Attempt> = attempts
        .iter()
        .flat_map(|attempt| attempt.marks.iter().map(move |mark| (mark, attempt)))
        .filter_map(|(mark, attempt)| match mark.effect {
            Effect::ItemGone(line) if !mark.undone => Some((line, attempt)),
            _ => None,
        })
        .collect();
    let mut wrong: Vec<String> = Vec::new();
    for attempt in attempts {
        let mut complain = |what: String| wrong.push(format!("{what}\n  {attempt:?}\n  {:?}", book.of(attempt)));
        for mark in attempt.marks.iter().filter(|mark| mark.answered && !book.outcomes.contains(&mark.number)) {
            complain(format!("the result of {} was released without an outcome", mark.number));
        }
        let there = |mark: &crate::agent::Mark| match mark.effect {
            Effect::None => false,
            Effect::Note => found.notes.contains_key(&mark.number),
            Effect::Item(line) => {
                let deleted = gone.get(&line).is_some_and(|by| book.committed(by) == 1);
                found.items.contains(&line) || deleted
            }
            Effect::ItemGone(line) => !found.items.contains(&line),
        };
        if let Some(undone) = attempt.marks.iter().find(|mark| mark.undone && mark.effect == Effect::Note && there(mark)) {
            complain(format!("{} was rolled back to a savepoint and is there", undone.number));
        }
        let changing: Vec<_> = attempt.marks.iter().filter(|mark| mark.effect != Effect::None && !mark.undone).collect();
        let effects = changing.iter().filter(|mark| there(mark)).count();
        if changing.is_empty() {
            continue;
        }
        let committed = book.committed(attempt);
        if effects != 0 && effects != changing.len() {
            complain(format!("{effects} of {} changes are there", changing.len()));
        } else if committed != usize::from(effects > 0) {
            complain(format!("{effects} changes are there, and the ledger has {committed} committed transactions"));
        }
        match attempt.told {
            Told::Committed if effects == 0 => complain("told that it was committed, and nothing is there".to_owned()),
            Told::Aborted if effects > 0 => complain("told that it was rolled back, and it is there".to_owned()),
            Told::Committed | Told::Aborted | Told::Nothing => {}
        }
        if let Some(one) = book.of(attempt).into_iter().find(|one| one.state == Some(TransactionState::Committed)) {
            let counted: u64 = one.changes.iter().map(|c| c.inserted + c.updated + c.deleted).sum();
            let changed = changing.len() as u64;
            // The server's counters go on counting what savepoints took back; recovery has nothing else.
            let rolled_back = attempt.marks.iter().any(|mark| mark.undone);
            if counted < changed || (counted > changed && !(one.recovered && rolled_back)) {
                complain(format!("{changed} rows were changed, and the ledger counts {counted}"));
            }
        }
    }
    wrong.extend(
        found.notes.iter().filter(|(_, times)| **times > 1).map(|(mark, times)| format!("{mark} is there {times} times")),
    );
    let known: HashSet<u64> = attempts.iter().flat_map(|attempt| &attempt.marks).map(|mark| mark.number).collect();
    wrong.extend(found.notes.keys().filter(|mark| !known.contains(mark)).map(|mark| format!("nobody wrote {mark}")));
    assert!(
        wrong.is_empty(),
        "{} contradictions:\n{}\n{}",
        wrong.len(),
        wrong[..wrong.len().min(10)].join("\n"),
        stage.proxy_log()
    );
    completeness(stage);
    summary(attempts, &book)
}

fn summary(attempts: &[Attempt], book: &Book) -> String {
    let told = |told: Told| attempts.iter().filter(|one| one.told == told).count();
    let open = attempts.iter().filter(|one| one.told == Told::Nothing && one.said != "read").count();
    let mut errors: BTreeMap<&str, usize> = BTreeMap::new();
    for one in attempts.iter().filter(|one| one.told != Told::Committed && one.said != "read") {
        *errors.entry(one.said.as_str()).or_default() += 1;
    }
    let recovered = book.transactions.values().filter(|one| one.recovered);
    let (yes, no): (Vec<_>, Vec<_>) = recovered.partition(|one| one.state == Some(TransactionState::Committed));
    format!(
        "{} attempts, {} committed, {} aborted, {open} unknown; {} transactions in the ledger, recovery found {} committed and {} \
         aborted\n{errors:#?}",
        attempts.len(),
        told(Told::Committed),
        told(Told::Aborted),
        book.transactions.len(),
        yes.len(),
        no.len()
    )
}

impl Book {
    fn of(&self, attempt: &Attempt) -> Vec<&Transaction> {
        let anchors: BTreeSet<u64> =
            attempt.marks.iter().filter_map(|mark| self.anchors.get(&mark.number)).flatten().copied().collect();
        anchors.iter().filter_map(|anchor| self.transactions.get(anchor)).collect()
    }

    fn committed(&self, attempt: &Attempt) -> usize {
        self.of(attempt).iter().filter(|one| one.state == Some(TransactionState::Committed)).count()
    }
}

/// While the proxy runs: nothing may stay open until its next start.
pub fn wait_until_settled(stage: &Stage) {
    wait_until_settled_in(&dir(stage));
}

pub fn wait_until_settled_in(dir: &Path) {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let open = ledger::unsettled(dir).expect("the ledger reads");
        if open.is_empty() {
            return;
        }
        assert!(Instant::now() < deadline, "nobody settles the transactions that these entries announce: {open:?}");
        thread::sleep(Duration::from_millis(50));
    }
}

fn entries(stage: &Stage) -> Vec<Entry> {
    let mut reader = Reader::open(&dir(stage), 0).expect("the ledger opens");
    let mut found = Vec::new();
    loop {
        match reader.read().expect("the ledger reads") {
            Item::Entry { bytes, .. } => found.push(serde_json::from_slice(bytes).expect("an entry")),
            Item::Checkpoint { .. } => {}
            Item::End => return found,
        }
    }
}

fn read_book(stage: &Stage) -> Book {
    let mut book = Book::default();
    for entry in entries(stage) {
        let texts = entry.values.iter().flatten().chain(&entry.template);
        let marks: Vec<u64> = texts.flat_map(|text| marks_in(text)).collect();
        let anchor = match (entry.kind, entry.reference) {
            (Kind::Intent, _) => Some(entry.seq),
            (_, Some(reference)) => Some(reference),
            (Kind::Outcome, None) if !entry.changes.is_empty() => Some(entry.seq),
            _ => None,
        };
        for mark in marks {
            book.anchors.entry(mark).or_default().extend(anchor);
            if entry.kind == Kind::Outcome && entry.sqlstate.is_none() {
                book.outcomes.insert(mark);
            }
        }
    }
    let all = ledger::transactions(&dir(stage)).expect("the ledger reads");
    book.transactions = all.into_iter().map(|one| (one.seq, one)).collect();
    book
}

/// Numbers of ten digits that begin with a one.
fn marks_in(text: &str) -> Vec<u64> {
    let numbers = text.split(|c: char| !c.is_ascii_digit());
    numbers.filter(|digits| digits.len() == 10 && digits.starts_with('1')).filter_map(|digits| digits.parse().ok()).collect()
}

fn look(stage: &Stage) -> Found {
    block_on(async {
        let admin = stage.cluster.connect("postgres", "shop").await.expect("a superuser");
        let mut notes = HashMap::new();
        for row in admin.query("SELECT note FROM orders WHERE note LIKE '%k1%'", &[]).await.expect("notes") {
            for mark in marks_in(row.get(0)) {
                *notes.entry(mark).or_default() += 1;
            }
        }
        let items = admin.query("SELECT line_no FROM order_items WHERE line_no >= 100000000", &[]).await.expect("items");
        let items = items.iter().filter_map(|row| u64::try_from(row.get::<_, i32>(0)).ok()).collect();
        Found { notes, items }
    })
}

fn pgwarrant() -> Command {
    Command::new(proxy::binary().expect("the binary"))
}

pub fn verify(stage: &Stage) {
    let mut command = pgwarrant();
    command.arg("verify").arg("--ledger").arg(dir(stage)).arg("--key").arg(stage.home().join("keys/ledger.vkey"));
    stages::run(&mut command).expect("the ledger verifies");
}

pub fn completeness(stage: &Stage) {
    let mut command = pgwarrant();
    command.args(["audit", "completeness", "--config"]).arg(stage.config());
    let output = command.output().expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}
