//! Shared by the ledger's tests.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ed25519_dalek::SigningKey;

use super::disk::{Directory, Disk, Gauge, SegmentFile};
use super::entry::{Abridged, Change, Chunk, Decision, DelegatedBlock, Entry, Kind, TransactionState};
use super::frame::{FrameKind, encode, encode_commit};
use super::log::LedgerConfig;
use super::note::{Checkpoint, NoteSigner};
use super::segment::{Heading, Segment};
use super::tree::{Tree, leaf_hash};

/// An entry that says everything that an entry can say.
pub(crate) fn full_entry() -> Entry {
    Entry {
        abridged: vec![Abridged { bytes: 3, field: "message".into(), sha256: "ab".into() }],
        agent: Some("support-bot".into()),
        boot: "00ff".into(),
        bytes: Some(120),
        chain: vec!["aa".into(), "bb".into()],
        changes: vec![Change { deleted: 0, inserted: 1, relation: "public.customers".into(), updated: 2 }],
        chunk: Some(Chunk { bytes: 40, number: 2, rows: 1 }),
        command_tag: Some("SELECT 1".into()),
        count: Some(3),
        decision: Some(Decision::Permit),
        delegation: vec![DelegatedBlock {
            expires: 1_800_000_000,
            grants: vec!["SELECT (*) ON public.customers WHERE tenant_id = 7".into()],
            id: "aa".into(),
            subject: "orchestrator".into(),
        }],
        duration_us: Some(950),
        epoch: Some("e0".into()),
        fingerprint: Some("f0".into()),
        kind: Kind::Outcome,
        log: "example.com/log".into(),
        message: Some("what \"was\" said".into()),
        mono_us: 55,
        peer: Some("127.0.0.1:5000".into()),
        reason: Some("unbounded_scan".into()),
        reference: Some(9),
        relations: vec!["public.customers".into()],
        result_digest: Some("d0".into()),
        rows: Some(1),
        rules: Some("c0".into()),
        seq: 10,
        session: Some("s1".into()),
        sqlstate: Some("00000".into()),
        template: Some("SELECT name FROM customers WHERE tenant_id = $1".into()),
        time: "2026-11-24T07:56:14.123456Z".into(),
        transaction: Some("777".into()),
        transaction_state: Some(TransactionState::Committed),
        v: 1,
        values: vec![Some("7".into()), None],
    }
}

/// A directory whose calls fail on demand.
pub(super) struct FaultyDisk {
    pub(super) inner: Directory,
    pub(super) faults: Arc<Faults>,
}

#[derive(Default)]
pub(super) struct Faults {
    pub(super) write: AtomicBool,
    pub(super) sync: AtomicBool,
    pub(super) create: AtomicBool,
    pub(super) full: AtomicBool,
    /// Too little for writes, enough for reads.
    pub(super) tight: AtomicBool,
}

struct FaultyFile {
    inner: Box<dyn SegmentFile>,
    faults: Arc<Faults>,
}

fn fail(fault: &AtomicBool) -> io::Result<()> {
    if fault.load(Ordering::SeqCst) { Err(io::Error::other("injected")) } else { Ok(()) }
}

impl Disk for FaultyDisk {
    fn create(&self, name: &str) -> io::Result<Box<dyn SegmentFile>> {
        fail(&self.faults.create)?;
        Ok(Box::new(FaultyFile { inner: self.inner.create(name)?, faults: self.faults.clone() }))
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn SegmentFile>> {
        Ok(Box::new(FaultyFile { inner: self.inner.open(name)?, faults: self.faults.clone() }))
    }

    fn sync_directory(&self) -> io::Result<()> {
        self.inner.sync_directory()
    }

    fn gauge(&self) -> Gauge {
        let faults = self.faults.clone();
        Arc::new(move || match (faults.full.load(Ordering::SeqCst), faults.tight.load(Ordering::SeqCst)) {
            (true, _) => Ok(1),
            (false, true) => Ok(1500),
            (false, false) => Ok(u64::MAX),
        })
    }
}

impl SegmentFile for FaultyFile {
    /// Half of the bytes reach the disk before it fails.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        if let Err(error) = fail(&self.faults.write) {
            self.inner.write_at(&bytes[..bytes.len() / 2], offset)?;
            return Err(error);
        }
        self.inner.write_at(bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        fail(&self.faults.sync)?;
        self.inner.sync()
    }

    fn length(&self) -> io::Result<u64> {
        self.inner.length()
    }
}

pub(crate) const ORIGIN: &str = "example.com/log";

pub(crate) fn config(dir: &Path) -> LedgerConfig {
    let mut config = LedgerConfig::new(dir, ORIGIN, SigningKey::from_bytes(&[1; 32]));
    config.low_water = 1000;
    config.low_water_writes = 2000;
    config
}

/// A log of entries with these times, each in a segment of its own.
pub(crate) fn log_with_times<'a>(dir: &Path, signer: &NoteSigner, times: impl Iterator<Item = &'a str>) {
    let disk = Directory::lock(dir, true).unwrap();
    let mut tree = Tree::new();
    for (seq, time) in times.enumerate() {
        let heading = Heading { origin: ORIGIN.to_owned(), first_seq: tree.size(), root: tree.root() };
        let mut segment = Segment::create(&disk, &heading).unwrap();
        let entry = Entry { seq: seq as u64, time: time.to_owned(), mono_us: seq as u64, ..full_entry() };
        let json = serde_json::to_vec(&entry).unwrap();
        tree.push(leaf_hash(&json));
        let mut bytes = Vec::new();
        encode(FrameKind::Entry, &mut bytes, |out| out.extend_from_slice(&json));
        let note = Checkpoint::sign(signer, tree.size(), tree.root());
        encode_commit(seq as u64, note.note(), &mut bytes);
        segment.append(&bytes).unwrap();
    }
}
