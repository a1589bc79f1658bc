//! The packets that open a connection: the same packet however its bytes arrive, never more than the cap buffered.
#![no_main]

use bytes::BytesMut;
use libfuzzer_sys::fuzz_target;
use pgwarrant::wire::startup::{self, StartupPacket};

fuzz_target!(|data: &[u8]| {
    let [step, bytes @ ..] = data else { return };
    let whole = first(bytes, bytes.len().max(1));
    let pieces = first(bytes, usize::from(*step).max(1));
    assert_eq!(whole, pieces, "the packet does not depend on how it arrives");
    let (Ok(Some(StartupPacket::Startup(message))), _) = whole else { return };
    let mut names: Vec<&str> = message.parameters.iter().map(|(name, _)| name.as_str()).collect();
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all, "each name once");
});

type First = (Result<Option<StartupPacket>, pgwarrant::wire::FrameError>, usize);

/// The first packet or error, and how many bytes it took.
fn first(bytes: &[u8], step: usize) -> First {
    let (mut buffer, mut given) = (BytesMut::new(), 0);
    for chunk in bytes.chunks(step) {
        buffer.extend_from_slice(chunk);
        given += chunk.len();
        match startup::split_startup(&mut buffer) {
            Ok(None) => assert!(given <= startup::MAX_STARTUP_PACKET_LENGTH + 4, "more is never waited for"),
            Ok(found) => return (Ok(found), given - buffer.len()),
            Err(error) => return (Err(error), 0),
        }
    }
    (Ok(None), 0)
}
