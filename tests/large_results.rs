//! Results larger than what a session may hold: released chunk by chunk, each on record first.

#[path = "large_results/ground.rs"]
mod ground;
#[path = "session/raw.rs"]
mod raw;
mod support;
#[path = "large_results/trouble.rs"]
mod trouble;

use ground::{Ground, HOLD, digest};
use pgwarrant::ledger::{Entry, Kind};
use pgwarrant::wire::backend::tag;
use raw::{Raw, Say};

const ALL: &str = "SELECT id, name FROM products";
const SKU: &str = "SELECT sku FROM products WHERE id = 1";

/// The chunks and the outcome of the one large result on record.
fn one_large(entries: &[Entry]) -> (Vec<Entry>, Entry) {
    let large = |entry: &&Entry| entry.chunk.is_some();
    let (chunks, mut ends): (Vec<_>, Vec<_>) = entries.iter().filter(large).cloned().partition(|entry| entry.kind == Kind::Chunk);
    assert_eq!(ends.len(), 1, "one outcome: {ends:?}");
    (chunks, ends.remove(0))
}

#[test]
fn a_result_of_many_buffers_arrives_as_it_is_and_its_entries_add_up() {
    let ground = Ground::start(HOLD, "");
    let scripts = [
        vec![Say::Query(ALL)],
        vec![Say::Parse("", ALL), Say::Bind("", "", vec![]), Say::DescribePortal(""), Say::Execute("", 0), Say::Sync],
        vec![Say::Parse("", ALL), Say::BindBinary("", "", vec![]), Say::Execute("", 0), Say::Sync],
        // The agent's own row count, where the portal ends with it.
        vec![Say::Parse("", ALL), Say::Bind("", "", vec![]), Say::Execute("", 450), Say::Sync],
    ];
    for script in scripts {
        let before = ground.entries().len();
        let mut direct = Raw::connect(&ground.stage.cluster.admin_url("shop"), &[]);
        direct.say(&script);
        let wanted = ground::until_ready(&mut direct);
        let mut agent = ground.analyst();
        agent.say(&script);
        let got = ground::until_ready(&mut agent);
        assert_eq!(got.len(), wanted.len(), "{script:?}: {}", ground.stage.proxy_log());
        assert!(got == wanted, "{script:?}: other bytes than directly");
        let bytes: usize = got.iter().map(|frame| frame.raw.len()).sum();
        assert!(bytes as u64 > 20 * HOLD, "only {bytes} bytes");

        let (chunks, outcome) = one_large(&ground.entries()[before..]);
        assert!(chunks.len() >= 18, "only {} chunks", chunks.len());
        let rows: Vec<_> = got.iter().filter(|frame| frame.tag == tag::DATA_ROW).map(|frame| &frame.raw[..]).collect();
        let mut seen = (0, 0);
        for (at, chunk) in chunks.iter().enumerate() {
            let (count, share) = (chunk.rows.unwrap(), chunk.chunk.as_ref().unwrap());
            assert_eq!((share.number, share.rows), (at as u64 + 1, count - seen.0));
            assert!(share.rows > 0 && share.bytes < HOLD + 128 * 1024, "{share:?}");
            let given = &rows[..count as usize];
            assert_eq!(chunk.result_digest.as_deref(), Some(&*digest(given)), "chunk {at}");
            assert_eq!(chunk.bytes, Some(given.iter().map(|row| row.len() as u64).sum()));
            assert_eq!(share.bytes, chunk.bytes.unwrap() - seen.1);
            assert_eq!(chunk.reference, (at > 0).then_some(chunks[0].seq));
            assert_eq!(chunk.template.is_some(), at == 0, "the first says what was asked");
            assert_eq!(chunk.relations, ["public.products"]);
            seen = (count, chunk.bytes.unwrap());
        }
        let end: Vec<_> = got.iter().filter(|frame| frame.tag == tag::COMMAND_COMPLETE).map(|frame| &frame.raw[..]).collect();
        let whole: Vec<_> = rows.iter().copied().chain(end).collect();
        assert_eq!(outcome.kind, Kind::Outcome);
        assert_eq!((outcome.rows, outcome.reference), (Some(rows.len() as u64), Some(chunks[0].seq)));
        assert_eq!(outcome.result_digest.as_deref(), Some(&*digest(&whole)));
        assert_eq!(outcome.bytes, Some(whole.iter().map(|part| part.len() as u64).sum()));
        assert_eq!(
            outcome.chunk.as_ref().map(|share| (share.number, share.rows)),
            Some((chunks.len() as u64 + 1, rows.len() as u64 - seen.0))
        );
        assert_eq!(outcome.template, chunks[0].template);
        assert!(chunks.iter().zip(chunks.iter().skip(1)).all(|(one, next)| one.seq < next.seq && next.seq < outcome.seq));
        assert_eq!(ground::query(&mut agent, SKU), "row SKU-00001");
    }
    ground.verify();
}

#[test]
fn results_of_a_pipeline_keep_their_order_around_large_ones() {
    let ground = Ground::start(HOLD, "");
    let mut agent = ground.analyst();
    let run = |text: &'static str| [Say::Parse("", text), Say::Bind("", "", vec![]), Say::Execute("", 0)];
    let other = "SELECT name, id FROM products";
    let script: Vec<Say> = [run("SELECT 1 AS n"), run(ALL), run("SELECT 2 AS n"), run(other), run("SELECT 3 AS n")].concat();
    let mut direct = Raw::connect(&ground.stage.cluster.admin_url("shop"), &[]);
    for session in [&mut direct, &mut agent] {
        session.say(&script);
        session.say(&[Say::Sync]);
    }
    let (wanted, got) = (ground::until_ready(&mut direct), ground::until_ready(&mut agent));
    assert!(got == wanted, "{} messages, {} directly", got.len(), wanted.len());
    let outcomes: Vec<_> = ground.entries().into_iter().filter(|entry| entry.kind == Kind::Outcome).collect();
    assert_eq!(outcomes.iter().map(|entry| entry.rows.unwrap()).collect::<Vec<_>>(), [1, 500, 1, 500, 1]);
    assert_eq!(outcomes.iter().map(|entry| entry.chunk.is_some()).collect::<Vec<_>>(), [false, true, false, true, false]);
    // In one simple Query too.
    let implicit = "SELECT 1 AS n; SELECT id, name FROM products; SELECT 2 AS n";
    let block = "BEGIN; SELECT 1 AS n; SELECT id, name FROM products; SELECT 2 AS n; COMMIT";
    for text in [implicit, block] {
        for session in [&mut direct, &mut agent] {
            session.say(&[Say::Query(text)]);
        }
        assert!(ground::until_ready(&mut agent) == ground::until_ready(&mut direct), "{text}");
    }
    assert_eq!(ground::query(&mut agent, SKU), "row SKU-00001");
}

#[test]
fn an_error_on_a_late_row_follows_the_rows_and_is_the_outcome() {
    let ground = Ground::start(HOLD, "");
    let mut agent = ground.analyst();
    let late: &'static str = "SELECT 1 / (id - 400) AS q, name FROM products";
    for in_block in [false, true] {
        let before = ground.entries().len();
        if in_block {
            agent.run(&[Say::Query("BEGIN"), Say::Query(SKU)]);
        }
        agent.say(&[Say::Query(late)]);
        let got = ground::until_ready(&mut agent);
        let rows: Vec<_> = got.iter().filter(|frame| frame.tag == tag::DATA_ROW).map(|frame| &frame.raw[..]).collect();
        assert!(rows.len() > 300 && rows.len() < 400, "{} rows", rows.len());
        let error = got.iter().find(|frame| frame.tag == tag::ERROR_RESPONSE).expect("an error");
        assert_eq!(raw::report(&error.body(), b'C'), "22012");
        let (chunks, outcome) = one_large(&ground.entries()[before..]);
        assert_eq!((outcome.rows, outcome.sqlstate.as_deref()), (Some(rows.len() as u64), Some("22012")));
        let whole: Vec<_> = rows.iter().copied().chain([&error.raw[..]]).collect();
        assert_eq!(outcome.result_digest, Some(digest(&whole)));
        assert!(chunks.len() > 10);
        if in_block {
            assert_eq!(agent.run(&[Say::Query(SKU)]), ["error 25P02", "ready E"]);
            assert_eq!(agent.run(&[Say::Query("ROLLBACK")]), ["complete ROLLBACK", "ready I"]);
        }
        assert_eq!(ground::query(&mut agent, SKU), "row SKU-00001");
    }
    ground.verify();
}

#[test]
fn a_row_limit_holds_across_chunks() {
    let ground = Ground::start(HOLD, "");
    let url = ground.with_grant("SELECT (*) ON public.products LIMIT 300");
    let mut agent = Raw::connect(&url, &[]);
    agent.say(&[Say::Query(ALL)]);
    let got = ground::until_ready(&mut agent);
    let rows: Vec<_> = got.iter().filter(|frame| frame.tag == tag::DATA_ROW).map(|frame| &frame.raw[..]).collect();
    let error = got.iter().find(|frame| frame.tag == tag::ERROR_RESPONSE).expect("an error");
    assert_eq!(raw::report(&error.body(), b'n'), "row_limit");
    assert!(rows.len() > 200 && rows.len() <= 300, "{} rows", rows.len());
    let (chunks, outcome) = one_large(&ground.entries());
    assert_eq!(chunks.last().unwrap().rows, Some(rows.len() as u64));
    assert_eq!((outcome.rows, outcome.reason.as_deref()), (Some(rows.len() as u64), Some("row_limit")));
    assert_eq!(outcome.result_digest, Some(digest(&rows)));
    assert_eq!(outcome.result_digest, chunks.last().unwrap().result_digest);
    // Just as many as the limit.
    agent.say(&[Say::Query("SELECT id, name FROM products LIMIT 300")]);
    let got = ground::until_ready(&mut agent);
    assert_eq!(got.iter().filter(|frame| frame.tag == tag::DATA_ROW).count(), 300);
    assert_eq!(got[got.len() - 2].tag, tag::COMMAND_COMPLETE);
    // Hit before anything was released, it releases nothing.
    let mut agent = Raw::connect(&ground.with_grant("SELECT (*) ON public.products LIMIT 2"), &[]);
    assert_eq!(ground::query(&mut agent, ALL), "row_limit");
    ground.verify();
}

#[test]
fn what_must_be_whole_is_refused_above_the_buffer() {
    let ground = Ground::start(HOLD, "");
    let mut agent = ground.analyst();
    assert_eq!(ground::query(&mut agent, "COPY (SELECT id, name FROM products) TO STDOUT"), "result_too_large");
    agent.run(&[Say::Query("BEGIN")]);
    assert_eq!(ground::query(&mut agent, "DECLARE c CURSOR FOR SELECT id, name FROM products"), "result_too_large");
    assert_eq!(agent.run(&[Say::Query("ROLLBACK")]), ["complete ROLLBACK", "ready I"]);
    // In a block the rest of a portal stays in the proxy.
    agent.run(&[Say::Query("BEGIN")]);
    agent.say(&[Say::Parse("", ALL), Say::Bind("", "", vec![]), Say::Execute("", 450), Say::Sync]);
    assert_eq!(agent.outcome(), "result_too_large", "{}", ground.stage.proxy_log());
    assert_eq!(agent.run(&[Say::Query("ROLLBACK")]), ["complete ROLLBACK", "ready I"]);
    let released: Vec<_> = ground.entries().into_iter().filter(|entry| entry.chunk.is_some()).collect();
    assert!(released.is_empty(), "{released:?}");
    // All rows at once, in the same kind of block, are no matter.
    agent.run(&[Say::Query("BEGIN")]);
    agent.say(&[Say::Parse("", ALL), Say::Bind("", "", vec![]), Say::Execute("", 0), Say::Sync]);
    assert_eq!(ground::until_ready(&mut agent).iter().filter(|frame| frame.tag == tag::DATA_ROW).count(), 500);
    assert_eq!(ground::query(&mut agent, SKU), "row SKU-00001");
    assert_eq!(agent.run(&[Say::Query("COMMIT")]), ["complete COMMIT", "ready I"]);
    let (chunks, outcome) = one_large(&ground.entries());
    assert!(chunks.iter().chain([&outcome]).all(|e| e.transaction_state == Some(pgwarrant::ledger::TransactionState::Open)));
}

#[test]
fn a_large_result_in_a_block_that_wrote_belongs_to_its_transaction() {
    let ground = Ground::start(HOLD, "");
    let grants = ["SELECT (*) ON public.products", "UPDATE (category, active) ON public.products LIMIT 10"];
    let mut agent = Raw::connect(&ground.with_grants(&grants), &[]);
    agent.run(&[Say::Query("BEGIN"), Say::Query("UPDATE products SET category = 'new' WHERE id = 1")]);
    agent.say(&[Say::Query(ALL)]);
    let got = ground::until_ready(&mut agent);
    assert_eq!(got.iter().filter(|frame| frame.tag == tag::DATA_ROW).count(), 500);
    assert_eq!(agent.run(&[Say::Query("COMMIT")]), ["complete COMMIT", "ready I"]);
    let entries = ground.entries();
    let anchor = entries.iter().find(|entry| !entry.changes.is_empty()).expect("the announcing outcome").seq;
    let (chunks, outcome) = one_large(&entries);
    assert_eq!((chunks[0].reference, outcome.reference), (Some(anchor), Some(chunks[0].seq)));
    // Rows that are locked are bound to what becomes of the transaction, so they are whole or refused.
    for begin in [false, true] {
        if begin {
            agent.run(&[Say::Query("BEGIN")]);
        }
        assert_eq!(ground::query(&mut agent, "SELECT id, name FROM products FOR UPDATE"), "result_too_large");
        agent.run(&[Say::Query("ROLLBACK")]);
    }
    // So is what a write returns.
    let all = "UPDATE products SET active = true WHERE id BETWEEN 1 AND 9 RETURNING repeat(name, 5)";
    let mut few = Raw::connect(&ground.with_grants(&grants), &[]);
    let said = ground::query(&mut few, all);
    assert_eq!(said, "result_too_large", "{}", ground.stage.proxy_log());
    assert_eq!(ground::query(&mut agent, SKU), "row SKU-00001");
    ground.verify();
}

#[test]
fn what_a_users_function_made_is_whole_or_refused() {
    let ground = Ground::start(HOLD, "");
    let mut agent = Raw::connect(&ground.stage.persona_url("support", 600).expect("a token"), &[]);
    assert_eq!(ground::query(&mut agent, "SELECT order_total(1), name FROM products"), "result_too_large");
    assert!(ground.entries().iter().all(|entry| entry.chunk.is_none()));
    assert_eq!(ground::query(&mut agent, SKU), "row SKU-00001");
}

#[test]
fn auditors_see_what_was_released_part_by_part_and_count_it_once() {
    let ground = Ground::start(HOLD, "");
    let mut agent = ground.analyst();
    assert_eq!(ground::query(&mut agent, SKU), "row SKU-00001");
    agent.say(&[Say::Query(ALL)]);
    ground::until_ready(&mut agent);
    agent.say(&[Say::Query("SELECT 1 / (id - 400) AS q, name FROM products")]);
    ground::until_ready(&mut agent);
    let entries = ground.entries();
    let broken = entries.iter().rev().find(|entry| entry.kind == Kind::Chunk).and_then(|entry| entry.rows).unwrap();
    ground.wait("the mirror", || ground.auditor("SELECT max(seq) FROM audit.statements") == entries.len() as i64 - 1);
    let released = 1 + 500 + i64::try_from(broken).unwrap();
    let sum = "SELECT sum(coalesce(chunk_rows, rows))::bigint FROM audit.statements WHERE kind IN ('chunk', 'outcome')";
    assert_eq!(ground.auditor(sum), released);
    assert_eq!(ground.auditor("SELECT max(rows) FROM audit.sessions"), released);
    assert_eq!(ground.auditor("SELECT max(statements) FROM audit.sessions"), 3);
    let whole = "SELECT rows FROM audit.statements WHERE kind = 'outcome' AND chunk IS NOT NULL AND sqlstate IS NULL";
    assert_eq!(ground.auditor(whole), 500);
    let chunks = "SELECT count(*) FROM audit.statements c JOIN audit.statements f ON f.log = c.log AND f.seq = c.ref \
                  WHERE c.kind = 'chunk' AND f.chunk = 1 AND f.template IS NOT NULL AND c.rows > f.rows";
    assert_eq!(ground.auditor(chunks), entries.iter().filter(|e| e.kind == Kind::Chunk && e.reference.is_some()).count() as i64);
}

#[test]
fn results_that_are_small_alone_may_be_large_together() {
    let ground = Ground::start(HOLD, "");
    let mut agent = ground.analyst();
    // 120 KiB each.
    let run = |text: &'static str| [Say::Parse("", text), Say::Bind("", "", vec![]), Say::Execute("", 0)];
    let script: Vec<Say> = (0..9).flat_map(|_| run("SELECT id, name FROM products WHERE id <= 9")).chain([Say::Sync]).collect();
    let mut direct = Raw::connect(&ground.stage.cluster.admin_url("shop"), &[]);
    for session in [&mut direct, &mut agent] {
        session.say(&script);
    }
    assert!(ground::until_ready(&mut agent) == ground::until_ready(&mut direct), "{}", ground.stage.proxy_log());
    let entries = ground.entries();
    let outcomes: Vec<_> = entries.iter().filter(|entry| entry.kind == Kind::Outcome).collect();
    assert!(outcomes.len() == 9 && outcomes.iter().all(|entry| entry.rows == Some(9)));
    ground.verify();
}
