//! Entry → the exact bytes that will be stored, all but the number that only the writer knows.

use std::io::Write;

use sha2::{Digest, Sha256};

use super::entry::{Abridged, Entry};
use super::error::LedgerError;
use super::json;

/// An entry never exceeds this. What is long goes out of line by hash; what then still does not fit is refused.
pub const MAX_ENTRY_BYTES: usize = 64 * 1024;

/// Room for a field, counted as its JSON spelling. Their sum leaves room for the rest.
const TEMPLATE_ROOM: usize = 24 * 1024;
const VALUES_ROOM: usize = 16 * 1024;
const MESSAGE_ROOM: usize = 4 * 1024;
const NAME_ROOM: usize = 512;

/// The digits of the largest u64.
const SEQ_ROOM: usize = 20;

/// JSON with a gap where the number of `seq` belongs.
pub(super) struct Rendered {
    json: Vec<u8>,
    gap: usize,
}

impl Rendered {
    pub(super) fn new(mut entry: Entry) -> Result<Rendered, LedgerError> {
        abridge(&mut entry);
        let mut json = Vec::with_capacity(1024);
        let gap = json::write(&entry, &mut json);
        if json.len() + SEQ_ROOM > MAX_ENTRY_BYTES {
            return Err(LedgerError::EntryTooLarge { bytes: json.len() });
        }
        Ok(Rendered { json, gap })
    }

    pub(super) fn len(&self) -> usize {
        self.json.len() + SEQ_ROOM
    }

    /// Appends the entry's bytes with their number to `out`.
    pub(super) fn write(&self, seq: u64, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.json[..self.gap]);
        write!(out, "{seq}").expect("writing to a Vec does not fail");
        out.extend_from_slice(&self.json[self.gap..]);
    }
}

/// Cuts what is too long, and replaces NUL, which Postgres text and jsonb cannot hold, by U+2400; both are noted
/// with the hash of the exact bytes.
fn abridge(entry: &mut Entry) {
    let mut noted = Vec::new();
    for (field, text, room) in [
        ("template", &mut entry.template, TEMPLATE_ROOM),
        ("message", &mut entry.message, MESSAGE_ROOM),
        ("agent", &mut entry.agent, NAME_ROOM),
        ("command_tag", &mut entry.command_tag, NAME_ROOM),
        ("peer", &mut entry.peer, NAME_ROOM),
        ("session", &mut entry.session, NAME_ROOM),
        ("sqlstate", &mut entry.sqlstate, NAME_ROOM),
    ] {
        if let Some(text) = text
            && let Some(short) = abridged_text(text, room)
        {
            noted.push(Abridged { bytes: text.len() as u64, field: field.into(), sha256: hex(&Sha256::digest(text.as_bytes())) });
            *text = short;
        }
    }
    noted.extend(abridge_values(&mut entry.values));
    scrub(entry);
    entry.abridged = noted;
}

/// The rest is ours or was checked where it came from; whatever happens, no NUL may stop the auditor's views.
fn scrub(entry: &mut Entry) {
    let names = [&mut entry.reason, &mut entry.epoch, &mut entry.fingerprint, &mut entry.result_digest, &mut entry.rules];
    let blocks = entry.delegation.iter_mut().flat_map(|b| b.grants.iter_mut().chain([&mut b.id, &mut b.subject]));
    let lists = entry.chain.iter_mut().chain(&mut entry.relations).chain(blocks);
    let texts = lists.chain(names.into_iter().flatten()).chain(&mut entry.transaction);
    texts.filter(|text| text.contains('\0')).for_each(|text| *text = text.replace('\0', "\u{2400}"));
}

/// Keeps the values up to the first that does not fit whole. The hash is over all of them, each as its length
/// (u32 little-endian, `0xffffffff` for NULL) and its bytes.
fn abridge_values(values: &mut Vec<Option<String>>) -> Option<Abridged> {
    let mut room = VALUES_ROOM;
    let fits = values.iter().take_while(|value| match room.checked_sub(spelled(value.as_deref())) {
        Some(left) => {
            room = left;
            true
        }
        None => false,
    });
    let kept = fits.count();
    let has_nul = values.iter().flatten().any(|v| v.contains('\0'));
    if kept == values.len() && !has_nul {
        return None;
    }
    let mut hash = Sha256::new();
    let mut bytes = 0u64;
    for value in values.iter() {
        let text = value.as_deref().unwrap_or_default();
        let length = value.as_ref().map_or(u32::MAX, |v| v.len() as u32);
        hash.update(length.to_le_bytes());
        hash.update(text);
        bytes += 4 + text.len() as u64;
    }
    values.truncate(kept);
    values.iter_mut().flatten().filter(|v| v.contains('\0')).for_each(|v| *v = v.replace('\0', "\u{2400}"));
    Some(Abridged { bytes, field: "values".into(), sha256: hex(&hash.finalize()) })
}

fn abridged_text(text: &str, room: usize) -> Option<String> {
    // No byte is spelled with more than six.
    if text.len() <= room / 6 && memchr::memchr(0, text.as_bytes()).is_none() {
        return None;
    }
    let mut left = room;
    let cut = text.char_indices().find_map(|(at, c)| match left.checked_sub(spelled_char(c)) {
        Some(rest) => {
            left = rest;
            None
        }
        None => Some(at),
    });
    match cut {
        None if !text.contains('\0') => None,
        _ => Some(text[..cut.unwrap_or(text.len())].replace('\0', "\u{2400}")),
    }
}

/// The length of a value in JSON with its comma.
fn spelled(value: Option<&str>) -> usize {
    value.map_or(5, |text| 3 + text.chars().map(spelled_char).sum::<usize>())
}

/// The length that serde_json gives a character: two for a quote, a backslash and \b \t \n \f \r, six for the other
/// controls, else its UTF-8.
fn spelled_char(c: char) -> usize {
    match c {
        '"' | '\\' | '\u{8}' | '\t' | '\n' | '\u{c}' | '\r' => 2,
        '\0'..='\u{1f}' => 6,
        _ => c.len_utf8(),
    }
}

/// Lower-case.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        text.push(DIGITS[usize::from(byte >> 4)] as char);
        text.push(DIGITS[usize::from(byte & 15)] as char);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::entry::Kind;
    use crate::ledger::testing::full_entry;

    fn written(entry: Entry, seq: u64) -> Vec<u8> {
        let mut out = Vec::new();
        Rendered::new(entry).unwrap().write(seq, &mut out);
        out
    }

    #[test]
    fn the_number_is_spliced_where_serde_would_have_put_it() {
        for seq in [0, 7, u64::MAX] {
            let mut entry = full_entry();
            entry.abridged.clear();
            entry.seq = seq;
            assert_eq!(written(entry.clone(), seq), serde_json::to_vec(&entry).unwrap());
        }
    }

    #[test]
    fn text_that_looks_like_the_slot_does_not_move_it() {
        let mut entry = full_entry();
        let trick = ",\"seq\":0,";
        entry.agent = Some(trick.into());
        entry.chain = vec!["seq".into(), trick.into()];
        entry.relations = vec![trick.into()];
        entry.delegation[0].subject = trick.into();
        let read: Entry = serde_json::from_slice(&written(entry, 42)).unwrap();
        assert_eq!((read.seq, read.agent.as_deref(), read.chain[1].as_str()), (42, Some(trick), trick));
    }

    #[test]
    fn a_long_statement_goes_out_of_line_by_hash() {
        let mut entry = Entry::new(Kind::Outcome);
        let statement = "é".repeat(100_000);
        entry.template = Some(statement.clone());
        let bytes = written(entry, 1);
        let read: Entry = serde_json::from_slice(&bytes).unwrap();
        assert!(bytes.len() < MAX_ENTRY_BYTES);
        assert!(statement.starts_with(read.template.as_deref().unwrap()));
        let expected = Abridged { bytes: 200_000, field: "template".into(), sha256: hex(&Sha256::digest(statement.as_bytes())) };
        assert_eq!(read.abridged, [expected]);
    }

    #[test]
    fn sixty_five_thousand_values_of_control_characters_still_fit() {
        let mut entry = full_entry();
        entry.values = vec![Some("\u{1}\u{2}".into()); 65_535];
        entry.template = Some("\u{1}".repeat(60_000));
        entry.message = Some("\u{1}".repeat(60_000));
        let bytes = written(entry, u64::MAX);
        assert!(bytes.len() <= MAX_ENTRY_BYTES);
        let read: Entry = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(read.abridged.len(), 3);
        assert!(read.values.len() > 500);
    }

    #[test]
    fn nul_never_reaches_an_entry_since_jsonb_cannot_hold_it() {
        let mut entry = Entry::new(Kind::Denial);
        entry.template = Some("SELECT '\0'".into());
        entry.values = vec![None, Some("a\0b".into())];
        entry.relations = vec!["public.\0".into()];
        let bytes = written(entry, 0);
        assert!(!String::from_utf8(bytes.clone()).unwrap().contains("\\u0000"));
        let read: Entry = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(read.values, [None, Some("a\u{2400}b".into())]);
        let fields: Vec<_> = read.abridged.iter().map(|a| a.field.as_str()).collect();
        assert_eq!(fields, ["template", "values"]);
    }

    #[test]
    fn an_entry_that_cannot_be_cut_to_size_is_refused() {
        let mut entry = Entry::new(Kind::Outcome);
        entry.relations = vec!["public.customers".into(); 10_000];
        assert!(matches!(Rendered::new(entry), Err(LedgerError::EntryTooLarge { .. })));
    }
}
