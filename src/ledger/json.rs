//! The JSON of an entry, written by hand since it is made for every statement: byte for byte what serde would make of it
//! (tested). Long clean strings are copied whole; whatever needs an escape is left to serde_json.

use serde::Serialize;

use super::entry::Entry;

/// Appends the entry without the number of its `seq`; returns where that belongs.
pub(super) fn write(entry: &Entry, out: &mut Vec<u8>) -> usize {
    // A field that is added must be written here too.
    let Entry {
        abridged,
        agent,
        boot,
        bytes,
        chain,
        changes,
        chunk,
        command_tag,
        count,
        decision,
        delegation,
        duration_us,
        epoch,
        fingerprint,
        kind,
        log,
        message,
        mono_us,
        peer,
        reason,
        reference,
        relations,
        result_digest,
        rows,
        rules,
        seq: _,
        session,
        sqlstate,
        template,
        time,
        transaction,
        transaction_state,
        v,
        values,
    } = entry;
    let mut object = Object { out, separator: b'{' };
    object.list("abridged", abridged, any);
    object.text("agent", agent.as_deref());
    object.text("boot", Some(boot));
    object.value("bytes", bytes.as_ref());
    object.list("chain", chain, |out, item| string(out, item));
    object.list("changes", changes, any);
    object.value("chunk", chunk.as_ref());
    object.text("command_tag", command_tag.as_deref());
    object.value("count", count.as_ref());
    object.value("decision", decision.as_ref());
    object.list("delegation", delegation, any);
    object.value("duration_us", duration_us.as_ref());
    object.text("epoch", epoch.as_deref());
    object.text("fingerprint", fingerprint.as_deref());
    object.value("kind", Some(kind));
    object.text("log", Some(log));
    object.text("message", message.as_deref());
    object.value("mono_us", Some(mono_us));
    object.text("peer", peer.as_deref());
    object.text("reason", reason.as_deref());
    object.value("ref", reference.as_ref());
    object.list("relations", relations, |out, item| string(out, item));
    object.text("result_digest", result_digest.as_deref());
    object.value("rows", rows.as_ref());
    object.text("rules", rules.as_deref());
    object.key("seq");
    let gap = object.out.len();
    object.text("session", session.as_deref());
    object.text("sqlstate", sqlstate.as_deref());
    object.text("template", template.as_deref());
    object.text("time", Some(time));
    object.text("transaction", transaction.as_deref());
    object.value("transaction_state", transaction_state.as_ref());
    object.value("v", Some(v));
    object.list("values", values, |out, item| match item {
        Some(text) => string(out, text),
        None => out.extend_from_slice(b"null"),
    });
    object.out.push(b'}');
    gap
}

struct Object<'a> {
    out: &'a mut Vec<u8>,
    /// What stands before the next key.
    separator: u8,
}

impl Object<'_> {
    /// Names are plain: they need no escapes.
    fn key(&mut self, name: &str) {
        self.out.extend_from_slice(&[std::mem::replace(&mut self.separator, b','), b'"']);
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
    }

    fn text(&mut self, name: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.key(name);
            string(self.out, text);
        }
    }

    fn value(&mut self, name: &str, value: Option<&impl Serialize>) {
        if let Some(value) = value {
            self.key(name);
            any(self.out, value);
        }
    }

    fn list<T>(&mut self, name: &str, list: &[T], item: impl Fn(&mut Vec<u8>, &T)) {
        if list.is_empty() {
            return;
        }
        self.key(name);
        for (index, one) in list.iter().enumerate() {
            self.out.push(if index == 0 { b'[' } else { b',' });
            item(self.out, one);
        }
        self.out.push(b']');
    }
}

fn any(out: &mut Vec<u8>, value: &impl Serialize) {
    serde_json::to_writer(out, value).expect("what an entry holds has string keys and no fallible serialiser");
}

fn string(out: &mut Vec<u8>, text: &str) {
    if is_plain(text.as_bytes()) {
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
    } else {
        any(out, &text);
    }
}

/// Nothing in it needs an escape. In blocks without a branch, which compilers make vector instructions of.
fn is_plain(bytes: &[u8]) -> bool {
    let escaped = |byte: &u8| (*byte < b' ') | (*byte == b'"') | (*byte == b'\\');
    let (blocks, rest) = bytes.as_chunks::<32>();
    !blocks.iter().any(|block| block.iter().fold(false, |found, byte| found | escaped(byte))) && !rest.iter().any(escaped)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ledger::entry::{Abridged, Change, Chunk, DelegatedBlock, Kind};
    use crate::ledger::testing::full_entry;

    fn check(entry: &Entry) {
        let mut written = b"before".to_vec();
        let gap = write(entry, &mut written);
        written.splice(gap..gap, entry.seq.to_string().into_bytes());
        assert_eq!(String::from_utf8_lossy(&written[6..]), serde_json::to_string(entry).unwrap());
    }

    #[test]
    fn an_entry_with_nothing_and_one_with_everything_are_written_as_serde_does() {
        check(&Entry::new(Kind::Start));
        let change = Change { deleted: 1, inserted: 2, relation: "a\"b".into(), updated: 3 };
        let block =
            DelegatedBlock { expires: -1, grants: vec!["\u{1}".into(), "g".into()], id: "i".into(), subject: "\\".into() };
        let abridged = Abridged { bytes: u64::MAX, field: "values".into(), sha256: "0".into() };
        check(&Entry {
            abridged: vec![abridged.clone(), abridged],
            changes: vec![change.clone(), change],
            chunk: Some(Chunk { bytes: 1, number: 2, rows: 3 }),
            count: Some(4),
            delegation: vec![block.clone(), block],
            seq: u64::MAX,
            ..full_entry()
        });
    }

    proptest! {
        #[test]
        fn any_text_is_written_as_serde_does(text in ".*", values in proptest::collection::vec(proptest::option::of(".{0,80}"), 0..5)) {
            check(&Entry { template: Some(text.clone()), relations: vec![text.clone(), text], values, ..full_entry() });
        }
    }

    #[test]
    fn one_byte_that_needs_an_escape_is_found_wherever_it_stands() {
        for length in 0..100 {
            let clean = vec![b'x'; length];
            assert!(is_plain(&clean));
            for (at, bad) in (0..length).zip([b'"', b'\\', 0, 0x1f].into_iter().cycle()) {
                let mut bytes = clean.clone();
                bytes[at] = bad;
                assert!(!is_plain(&bytes), "{bad} at {at} of {length}");
            }
        }
    }
}
