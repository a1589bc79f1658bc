//! The ledger's handle: what sessions, the mirror and the proxy's life cycle see of it.

use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::thread::JoinHandle;
use std::time::{Instant, SystemTime};

use ed25519_dalek::SigningKey;
use tokio::sync::{oneshot, watch};

use super::clock::rfc3339;
use super::desk::Desk;
use super::disk::{Directory, Disk, Gauge};
use super::entry::{Entry, VERSION};
use super::error::{Health, LedgerError};
use super::gate::MirrorGate;
use super::note::{Checkpoint, NoteSigner, VerifyingName};
use super::queue::{Queue, Request};
use super::receipt::Receipt;
use super::recover::recover;
use super::render::{Rendered, hex};
use super::segment::Segment;
use super::subscribe::Subscription;
use super::transactions::Left;
use super::writer::{Space, Writer};

pub struct LedgerConfig {
    pub dir: PathBuf,
    /// The log's name in checkpoints: see [`super::note::is_origin`].
    pub origin: String,
    pub key: SigningKey,
    /// A segment is closed before it grows beyond this many bytes.
    pub segment_size: u64,
    /// Appends are refused while fewer bytes than this are free on the disk.
    pub low_water: u64,
    /// No write begins while fewer bytes than this are free: above `low_water`, so that writes stop first and what
    /// they have begun can still be recorded.
    pub low_water_writes: u64,
    /// False gives up durability: only for tests and for measuring what the disk costs.
    pub sync: bool,
}

impl LedgerConfig {
    pub fn new(dir: impl Into<PathBuf>, origin: impl Into<String>, key: SigningKey) -> Self {
        LedgerConfig {
            dir: dir.into(),
            origin: origin.into(),
            key,
            segment_size: 64 << 20,
            low_water: 64 << 20,
            low_water_writes: 128 << 20,
            sync: true,
        }
    }
}

/// An open log. Clones share it; the last one to go closes it.
#[derive(Clone)]
pub struct Ledger {
    inner: Arc<Inner>,
}

struct Inner {
    desk: Arc<Desk>,
    head: watch::Receiver<Arc<Checkpoint>>,
    dir: PathBuf,
    verifying_name: VerifyingName,
    boot: String,
    opened: Instant,
    gauge: Gauge,
    low_water_writes: u64,
    left: Left,
    writer: Mutex<Option<JoinHandle<()>>>,
}

impl Ledger {
    /// Reads the whole log and cuts what a crash left unfinished. Blocks: call it before anything is served.
    pub fn open(config: LedgerConfig) -> Result<Ledger, LedgerError> {
        let disk = Directory::lock(&config.dir, config.sync)?;
        Ledger::open_on(config, Box::new(disk))
    }

    pub(super) fn open_on(config: LedgerConfig, disk: Box<dyn Disk>) -> Result<Ledger, LedgerError> {
        let signer = NoteSigner::new(&config.origin, config.key).ok_or_else(|| LedgerError::Origin(config.origin.clone()))?;
        let found = recover(&config.dir, signer.verifying_name())?;
        if found.cut > 0 {
            tracing::warn!(entries = found.cut, size = found.tree.size(), "cut entries that a crash left unfinished");
        }
        let segment = found.segment.map(|(first_seq, offset)| Segment::reopen(disk.as_ref(), first_seq, offset));
        let segment = segment.transpose().map_err(LedgerError::io("cannot go on with the last segment"))?;
        let head = found.head.unwrap_or_else(|| Checkpoint::sign(&signer, 0, found.tree.root()));
        let (publish, head) = watch::channel(Arc::new(head));
        let queue = Arc::new(Queue::new());
        let verifying_name = signer.verifying_name().clone();
        let gauge = disk.gauge();
        let writer = Writer {
            queue: queue.clone(),
            disk,
            segment,
            segment_size: config.segment_size,
            low_water: config.low_water,
            signer,
            tree: found.tree,
            head: publish,
            space: Space::default(),
        };
        let desk = Desk::new(queue, writer);
        let thread = std::thread::Builder::new().name("ledger".into());
        let thread = thread.spawn({
            let desk = desk.clone();
            move || desk.run()
        });
        let thread = thread.map_err(LedgerError::io("cannot start the writer thread"))?;
        Ok(Ledger {
            inner: Arc::new(Inner {
                desk,
                head,
                dir: config.dir,
                verifying_name,
                boot: hex(&rand::random::<[u8; 16]>()),
                opened: Instant::now(),
                gauge,
                low_water_writes: config.low_water_writes,
                left: found.left,
                writer: Mutex::new(Some(thread)),
            }),
        })
    }

    /// Puts the entry in line at once, in the order of calls; resolves when it is durable under a signed checkpoint.
    /// Dropping the future does not take the entry back.
    pub fn append(&self, entry: Entry) -> Appending {
        Appending(match self.enqueue(entry) {
            Ok(reply) => State::Waiting { reply, desk: self.inner.desk.clone(), asked: Asked::Nobody },
            Err(error) => State::Refused(Some(error)),
        })
    }

    /// For an entry that nobody waits for, such as what became of a transaction that is settled by itself: it goes with the
    /// next commit, or alone a few milliseconds later.
    pub fn append_soon(&self, entry: Entry) {
        match self.enqueue(entry) {
            Ok(_) => self.inner.desk.queue.call_soon(),
            Err(error) => tracing::warn!(%error, "an entry that nobody waits for is not recorded"),
        }
    }

    fn enqueue(&self, entry: Entry) -> Result<oneshot::Receiver<Result<Receipt, LedgerError>>, LedgerError> {
        let (reply, receipt) = oneshot::channel();
        let ends = entry.ends_transaction();
        let entry = Rendered::new(self.stamp(entry))?;
        self.inner.desk.queue.push(Request { entry, reply }, self.size(), ends)?;
        Ok(receipt)
    }

    fn stamp(&self, entry: Entry) -> Entry {
        let inner = &self.inner;
        Entry {
            v: VERSION,
            log: inner.verifying_name.name().to_owned(),
            boot: inner.boot.clone(),
            time: rfc3339(SystemTime::now()),
            mono_us: inner.opened.elapsed().as_micros() as u64,
            ..entry
        }
    }

    /// Whether an append would be accepted now. To be asked before a statement runs, so that it need not run in vain.
    pub fn health(&self) -> Health {
        match self.inner.desk.queue.stopped() {
            Some(error) => Health::Stopped(error),
            None => self.inner.desk.queue.check(self.size()).map_or_else(Health::Refusing, |()| Health::Ready),
        }
    }

    /// The same before a statement that writes, which needs more room: its intent, its outcome, and what comes after a
    /// crash. Asks the disk itself, so that it holds however long nothing was recorded.
    pub fn health_for_writes(&self) -> Health {
        let (health, low_water_writes) = (self.health(), self.inner.low_water_writes);
        if !health.is_ready() {
            return health;
        }
        match (self.inner.gauge)() {
            Ok(free) if free < low_water_writes => Health::Refusing(LedgerError::LowDiskForWrites { free, low_water_writes }),
            Ok(_) => Health::Ready,
            Err(error) => Health::Refusing(LedgerError::io("cannot tell how much disk is free")(error)),
        }
    }

    /// All entries below this are durable in the mirror too; `None` if there is no mirror.
    pub fn mirrored(&self) -> Option<u64> {
        self.inner.desk.queue.gate().map(|gate| gate.copied())
    }

    /// Resolves when nothing will ever be recorded again: to `Poisoned`, at which the proxy must stop, or to `Closed`.
    pub async fn stopped(&self) -> LedgerError {
        let mut head = self.inner.head.clone();
        // The writer drops its end when it ends.
        let _ = head.wait_for(|_| false).await;
        self.inner.desk.queue.stopped().unwrap_or(LedgerError::Closed)
    }

    /// The newest durable tree head; of size 0 and signed for an empty log.
    pub fn head(&self) -> Arc<Checkpoint> {
        self.inner.head.borrow().clone()
    }

    /// Committed entries from `seq` on.
    pub fn subscribe(&self, seq: u64) -> Subscription {
        Subscription::new(self.inner.dir.clone(), self.inner.head.clone(), seq)
    }

    /// From now on, appends fail while the mirror is too far behind. False if a gate was set before.
    pub fn set_gate(&self, gate: Arc<MirrorGate>) -> bool {
        self.inner.desk.queue.set_gate(gate)
    }

    /// What the log as it was opened leaves to be done.
    pub fn left(&self) -> &Left {
        &self.inner.left
    }

    pub fn origin(&self) -> &str {
        self.inner.verifying_name.name()
    }

    pub fn dir(&self) -> &std::path::Path {
        &self.inner.dir
    }

    /// For auditors: what checks this log's checkpoints.
    pub fn verifying_name(&self) -> &VerifyingName {
        &self.inner.verifying_name
    }

    /// Random, one for each time that a log is opened.
    pub fn boot(&self) -> &str {
        &self.inner.boot
    }

    /// Accepts nothing more, records what is in line, and unlocks the directory.
    pub async fn shutdown(&self) {
        let inner = self.inner.clone();
        // Joining waits for the disk; a runtime that is going down too has joined or dropped it already.
        let _ = tokio::task::spawn_blocking(move || inner.close()).await;
    }

    /// All in one commit.
    #[cfg(test)]
    pub(super) fn append_together(&self, entries: Vec<Entry>) {
        let (requests, replies): (Vec<_>, Vec<_>) = entries
            .into_iter()
            .map(|entry| {
                let (reply, receipt) = oneshot::channel();
                (Request { entry: Rendered::new(self.stamp(entry)).unwrap(), reply }, receipt)
            })
            .unzip();
        self.inner.desk.queue.push_all(requests);
        replies.into_iter().for_each(|reply| drop(reply.blocking_recv().unwrap().unwrap()));
    }

    fn size(&self) -> u64 {
        self.inner.head.borrow().size()
    }
}

impl Inner {
    fn close(&self) {
        self.desk.queue.stop(LedgerError::Closed);
        let thread = self.writer.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the ledger's writer thread panicked");
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.close();
    }
}

/// An entry in line.
#[must_use = "an entry is on record only when this resolves to a receipt"]
pub struct Appending(State);

enum State {
    Waiting { reply: oneshot::Receiver<Result<Receipt, LedgerError>>, desk: Arc<Desk>, asked: Asked },
    Refused(Option<LedgerError>),
}

/// Whether somebody was asked to commit an entry.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    Nobody,
    /// It stepped back once, for others to get into the same commit.
    Later,
    Somebody,
}

impl Future for Appending {
    type Output = Result<Receipt, LedgerError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            State::Refused(error) => Poll::Ready(Err(error.take().unwrap_or(LedgerError::Closed))),
            State::Waiting { reply, desk, asked } => {
                match *asked {
                    Asked::Nobody if desk.has_company() => {
                        *asked = Asked::Later;
                        context.waker().wake_by_ref();
                        return Poll::Pending;
                    }
                    Asked::Nobody | Asked::Later => {
                        *asked = Asked::Somebody;
                        desk.commit();
                    }
                    Asked::Somebody => {}
                }
                Pin::new(reply).poll(context).map(|answer| match answer {
                    Ok(result) => result,
                    Err(_) => Err(desk.queue.stopped().unwrap_or(LedgerError::Closed)),
                })
            }
        }
    }
}

impl Drop for Appending {
    fn drop(&mut self) {
        if let State::Waiting { desk, asked: Asked::Nobody | Asked::Later, .. } = &self.0 {
            desk.queue.call();
        }
    }
}

impl Appending {
    /// For threads outside any runtime.
    pub fn wait(mut self) -> Result<Receipt, LedgerError> {
        match std::mem::replace(&mut self.0, State::Refused(None)) {
            State::Refused(error) => Err(error.unwrap_or(LedgerError::Closed)),
            State::Waiting { reply, desk, .. } => {
                desk.queue.call();
                reply.blocking_recv().unwrap_or_else(|_| Err(desk.queue.stopped().unwrap_or(LedgerError::Closed)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::entry::{Kind, TransactionState};
    use crate::ledger::testing::{Faults, FaultyDisk, ORIGIN, config, full_entry};
    use std::sync::atomic::Ordering::SeqCst;

    fn faulty(dir: &std::path::Path) -> (Ledger, Arc<Faults>) {
        let faults = Arc::new(Faults::default());
        let disk = FaultyDisk { inner: Directory::lock(dir, true).unwrap(), faults: faults.clone() };
        (Ledger::open_on(config(dir), Box::new(disk)).unwrap(), faults)
    }

    fn append(ledger: &Ledger) -> Result<Receipt, LedgerError> {
        ledger.append(full_entry()).wait()
    }

    #[test]
    fn entries_are_numbered_from_zero_and_go_on_after_reopening() {
        let dir = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(config(dir.path())).unwrap();
        assert_eq!(ledger.head().size(), 0);
        assert_eq!((append(&ledger).unwrap().seq(), append(&ledger).unwrap().seq()), (0, 1));
        let head = ledger.head();
        drop(ledger);
        let ledger = Ledger::open(config(dir.path())).unwrap();
        assert_eq!(ledger.head(), head);
        let receipt = append(&ledger).unwrap();
        assert_eq!((receipt.seq(), receipt.log(), receipt.checkpoint().size()), (2, ORIGIN, 3));
    }

    #[test]
    fn two_writers_on_one_directory_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let first = Ledger::open(config(dir.path())).unwrap();
        assert!(matches!(Ledger::open(config(dir.path())), Err(LedgerError::Locked(_))));
        std::fs::remove_file(dir.path().join("lock")).unwrap();
        assert!(matches!(Ledger::open(config(dir.path())), Err(LedgerError::Locked(_))));
        drop(first);
        assert!(Ledger::open(config(dir.path())).is_ok());
    }

    #[test]
    fn a_failed_sync_poisons_the_log_for_good() {
        let dir = tempfile::tempdir().unwrap();
        let (ledger, faults) = faulty(dir.path());
        append(&ledger).unwrap();
        faults.sync.store(true, SeqCst);
        assert!(matches!(append(&ledger), Err(LedgerError::Poisoned(_))));
        faults.sync.store(false, SeqCst);
        assert!(matches!(append(&ledger), Err(LedgerError::Poisoned(_))));
        assert!(matches!(ledger.health(), Health::Stopped(LedgerError::Poisoned(_))));
        assert_eq!(ledger.head().size(), 1);
    }

    #[tokio::test]
    async fn who_waits_for_the_end_learns_that_the_log_is_poisoned() {
        let dir = tempfile::tempdir().unwrap();
        let (ledger, faults) = faulty(dir.path());
        ledger.append(full_entry()).await.unwrap();
        faults.sync.store(true, SeqCst);
        let (stopped, failed) = tokio::join!(ledger.stopped(), ledger.append(full_entry()));
        assert!(matches!((stopped, failed), (LedgerError::Poisoned(_), Err(LedgerError::Poisoned(_)))));
    }

    #[test]
    fn a_half_written_batch_is_cut_and_what_was_acknowledged_stays() {
        let dir = tempfile::tempdir().unwrap();
        let (ledger, faults) = faulty(dir.path());
        append(&ledger).unwrap();
        faults.write.store(true, SeqCst);
        assert!(matches!(append(&ledger), Err(LedgerError::Poisoned(_))));
        drop(ledger);
        let ledger = Ledger::open(config(dir.path())).unwrap();
        assert_eq!(ledger.head().size(), 1);
        assert_eq!(append(&ledger).unwrap().seq(), 1);
    }

    #[test]
    fn a_segment_that_cannot_be_made_poisons_the_log() {
        let dir = tempfile::tempdir().unwrap();
        let (ledger, faults) = faulty(dir.path());
        faults.create.store(true, SeqCst);
        assert!(matches!(append(&ledger), Err(LedgerError::Poisoned(_))));
    }

    #[test]
    fn a_nearly_full_disk_refuses_until_there_is_room_again() {
        let dir = tempfile::tempdir().unwrap();
        let (ledger, faults) = faulty(dir.path());
        append(&ledger).unwrap();
        faults.full.store(true, SeqCst);
        std::thread::sleep(crate::ledger::writer::SPACE_LASTS);
        assert!(matches!(append(&ledger), Err(LedgerError::LowDisk { free: 1, low_water: 1000 })));
        assert!(matches!(ledger.health(), Health::Refusing(LedgerError::LowDisk { .. })));
        faults.full.store(false, SeqCst);
        // Sessions ask first: that alone must not keep the ledger shut.
        std::thread::sleep(crate::ledger::queue::REFUSAL_LASTS);
        assert!(ledger.health().is_ready());
        assert_eq!(append(&ledger).unwrap().seq(), 1);
        assert!(ledger.health().is_ready());
    }

    #[test]
    fn writes_are_refused_before_reads_when_the_disk_runs_full() {
        let dir = tempfile::tempdir().unwrap();
        let (ledger, faults) = faulty(dir.path());
        assert!(ledger.health_for_writes().is_ready());
        faults.tight.store(true, SeqCst);
        let refused = LedgerError::LowDiskForWrites { free: 1500, low_water_writes: 2000 }.to_string();
        assert!(matches!(ledger.health_for_writes(), Health::Refusing(error) if error.to_string() == refused));
        assert!(ledger.health().is_ready());
        assert_eq!(append(&ledger).unwrap().seq(), 0);
        faults.tight.store(false, SeqCst);
        assert!(ledger.health_for_writes().is_ready());
    }

    #[test]
    fn a_mirror_that_is_behind_closes_the_ledger_until_it_caught_up() {
        let dir = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(config(dir.path())).unwrap();
        let gate = MirrorGate::new(1);
        assert!(ledger.set_gate(gate.clone()));
        let append = |kind, transaction_state| ledger.append(Entry { transaction_state, ..Entry::new(kind) }).wait();
        let begin = || append(Kind::Intent, Some(TransactionState::Implicit));
        assert!(matches!(begin(), Err(LedgerError::MirrorUnseen)));
        gate.report(0);
        begin().unwrap();
        begin().unwrap();
        assert!(matches!(begin(), Err(LedgerError::MirrorBehind { lag: 2, max_lag: 1 })));
        assert!(matches!(ledger.health(), Health::Refusing(LedgerError::MirrorBehind { .. })));
        append(Kind::Final, Some(TransactionState::Committed)).expect("what has begun may end");
        gate.report(2);
        begin().unwrap();
    }

    #[test]
    fn a_closed_ledger_accepts_nothing_but_keeps_what_was_in_line() {
        let dir = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(config(dir.path())).unwrap();
        let waiting: Vec<_> = (0..100).map(|_| ledger.append(full_entry())).collect();
        ledger.inner.close();
        assert!(waiting.into_iter().enumerate().all(|(seq, entry)| entry.wait().unwrap().seq() == seq as u64));
        assert!(matches!(append(&ledger), Err(LedgerError::Closed)));
    }

    #[test]
    fn another_key_cannot_go_on_with_the_log_nor_another_origin() {
        let dir = tempfile::tempdir().unwrap();
        append(&Ledger::open(config(dir.path())).unwrap()).unwrap();
        let key = SigningKey::from_bytes(&[2; 32]);
        assert!(matches!(Ledger::open(LedgerConfig { key, ..config(dir.path()) }), Err(LedgerError::Head { size: 1, .. })));
        let origin = "example.com/other".to_owned();
        assert!(matches!(Ledger::open(LedgerConfig { origin, ..config(dir.path()) }), Err(LedgerError::Corrupt { .. })));
        let origin = "with space".to_owned();
        assert!(matches!(Ledger::open(LedgerConfig { origin, ..config(dir.path()) }), Err(LedgerError::Origin(_))));
    }

    #[test]
    fn an_oversized_entry_is_refused_alone() {
        let dir = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(config(dir.path())).unwrap();
        let mut entry = Entry::new(Kind::Outcome);
        entry.relations = vec!["public.customers".into(); 10_000];
        assert!(matches!(ledger.append(entry).wait(), Err(LedgerError::EntryTooLarge { .. })));
        assert_eq!(append(&ledger).unwrap().seq(), 0);
    }

    #[tokio::test]
    async fn many_tasks_append_over_many_segments_and_a_subscriber_sees_all_in_order() {
        let dir = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(LedgerConfig { segment_size: 20_000, ..config(dir.path()) }).unwrap();
        let tasks: Vec<_> = (0..20)
            .map(|_| {
                let ledger = ledger.clone();
                tokio::spawn(async move {
                    for _ in 0..20 {
                        ledger.append(full_entry()).await.unwrap();
                    }
                })
            })
            .collect();
        let mut subscription = ledger.subscribe(0);
        let mut tree = crate::ledger::tree::Tree::new();
        while tree.size() < 400 {
            let committed = subscription.next(1000).await.unwrap().unwrap();
            for entry in &committed.entries {
                assert_eq!(entry.seq, tree.size());
                assert_eq!(serde_json::from_slice::<Entry>(&entry.bytes).unwrap().seq, entry.seq);
                tree.push(entry.leaf_hash);
            }
            let checkpoint = crate::ledger::note::Claim::parse(&committed.checkpoint).unwrap();
            let checkpoint = checkpoint.verify(ledger.verifying_name()).unwrap();
            assert_eq!((checkpoint.size(), *checkpoint.root()), (tree.size(), tree.root()));
        }
        for task in tasks {
            task.await.unwrap();
        }
        ledger.shutdown().await;
        assert!(subscription.next(1000).await.unwrap().is_none());
        let middle = ledger.subscribe(237).next(1).await.unwrap().unwrap();
        assert_eq!(middle.entries[0].seq, 237);
        assert!(crate::ledger::segment::list(dir.path()).unwrap().len() > 5);
        drop(ledger);
        assert_eq!(Ledger::open(config(dir.path())).unwrap().head().root(), &tree.root());
    }
}
