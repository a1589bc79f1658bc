//! How bytes lie in a segment: `word ‖ crc32c ‖ payload`, both numbers u32 little-endian. The word is the payload's
//! length with the kind in its highest byte, so that eight zero bytes are the end of what was written.
//! The checksum covers the word too: a bent length is seen before it is followed.

use super::note::MAX_NOTE_BYTES;
use super::render::MAX_ENTRY_BYTES;

pub(super) const HEADER_BYTES: usize = 8;
pub(super) const MAX_FRAME_BYTES: usize = HEADER_BYTES + MAX_ENTRY_BYTES;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FrameKind {
    Entry = 1,
    Checkpoint = 2,
    /// The first frame of a segment.
    Segment = 3,
    /// A checkpoint, after the seq of the first entry of its commit: what was written by itself, and what a crash can
    /// have torn, is one commit.
    Commit = 4,
}

impl FrameKind {
    pub(super) fn from_byte(byte: u8) -> Option<FrameKind> {
        match byte {
            1 => Some(FrameKind::Entry),
            2 => Some(FrameKind::Checkpoint),
            3 => Some(FrameKind::Segment),
            4 => Some(FrameKind::Commit),
            _ => None,
        }
    }

    fn max_payload(self) -> usize {
        match self {
            FrameKind::Entry => MAX_ENTRY_BYTES,
            FrameKind::Checkpoint => MAX_NOTE_BYTES,
            FrameKind::Segment => 512,
            FrameKind::Commit => MAX_NOTE_BYTES + 21,
        }
    }
}

/// Writes the last frame of a commit whose first entry is `first`.
pub(super) fn encode_commit(first: u64, note: &str, out: &mut Vec<u8>) {
    encode(FrameKind::Commit, out, |out| {
        out.extend_from_slice(first.to_string().as_bytes());
        out.push(b'\n');
        out.extend_from_slice(note.as_bytes());
    });
}

/// The first seq and the note in the payload of a [`FrameKind::Commit`].
pub(super) fn commit(payload: &[u8]) -> Option<(u64, &str)> {
    let (first, note) = std::str::from_utf8(payload).ok()?.split_once('\n')?;
    let number: u64 = first.parse().ok()?;
    (number.to_string() == first).then_some((number, note))
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Decoded<'a> {
    Frame {
        kind: FrameKind,
        payload: &'a [u8],
    },
    /// Nothing was written here.
    End,
    /// The buffer ends inside a frame of that many bytes.
    Short(usize),
    Bad(&'static str),
}

/// Writes one frame whose payload `fill` appends; returns where the payload lies in `out`.
pub(super) fn encode(kind: FrameKind, out: &mut Vec<u8>, fill: impl FnOnce(&mut Vec<u8>)) -> std::ops::Range<usize> {
    let start = out.len();
    out.extend_from_slice(&[0; HEADER_BYTES]);
    fill(out);
    let payload = start + HEADER_BYTES..out.len();
    debug_assert!(!payload.is_empty() && payload.len() <= kind.max_payload());
    let word = (payload.len() as u32 | (kind as u32) << 24).to_le_bytes();
    let crc = crc32c::crc32c_append(crc32c::crc32c(&word), &out[payload.clone()]);
    out[start..start + 4].copy_from_slice(&word);
    out[start + 4..start + 8].copy_from_slice(&crc.to_le_bytes());
    payload
}

/// Reads the frame at the start of `bytes`.
pub(super) fn decode(bytes: &[u8]) -> Decoded<'_> {
    let Some((header, rest)) = bytes.split_first_chunk::<HEADER_BYTES>() else {
        return if bytes.iter().all(|b| *b == 0) { Decoded::End } else { Decoded::Short(HEADER_BYTES) };
    };
    if header == &[0; HEADER_BYTES] {
        return Decoded::End;
    }
    let word = [header[0], header[1], header[2], header[3]];
    let crc = u32::from_le_bytes([header[4], header[5], header[6], header[7]]);
    let Some(kind) = FrameKind::from_byte(word[3]) else {
        return Decoded::Bad("not the header of a frame");
    };
    let length = (u32::from_le_bytes(word) & 0x00ff_ffff) as usize;
    if length == 0 || length > kind.max_payload() {
        return Decoded::Bad("the length of the frame is impossible");
    }
    let Some(payload) = rest.get(..length) else {
        return Decoded::Short(HEADER_BYTES + length);
    };
    if crc32c::crc32c_append(crc32c::crc32c(&word), payload) != crc {
        return Decoded::Bad("the checksum of the frame is wrong");
    }
    Decoded::Frame { kind, payload }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(payload: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        encode(FrameKind::Entry, &mut out, |out| out.extend_from_slice(payload));
        out
    }

    #[test]
    fn a_frame_reads_back() {
        let mut bytes = frame(b"payload");
        bytes.extend_from_slice(b"what follows");
        assert_eq!(decode(&bytes), Decoded::Frame { kind: FrameKind::Entry, payload: b"payload" });
    }

    #[test]
    fn zeros_and_nothing_are_the_end() {
        assert_eq!(decode(&[]), Decoded::End);
        assert_eq!(decode(&[0; 5]), Decoded::End);
        assert_eq!(decode(&[0; 100]), Decoded::End);
    }

    #[test]
    fn no_bit_of_a_frame_can_flip() {
        let bytes = frame(b"payload");
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut bent = bytes.clone();
                bent[at] ^= 1 << bit;
                assert!(matches!(decode(&bent), Decoded::Bad(_) | Decoded::Short(_)), "byte {at} bit {bit}");
            }
        }
    }

    #[test]
    fn an_impossible_length_is_not_waited_for() {
        assert!(matches!(decode(&[0xff, 0xff, 0xff, 1, 0, 0, 0, 0]), Decoded::Bad(_)));
        assert!(matches!(decode(&[0, 0, 0, 1, 1, 0, 0, 0]), Decoded::Bad(_)));
        assert_eq!(decode(&[7, 0, 0, 1, 1, 0, 0, 0, b'x']), Decoded::Short(15));
    }
}
