//! What held results may take of the proxy's memory, over all sessions together.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// `limits.hold_total`.
///
/// The first bytes of a session are not counted, so that a few clients that read nothing cannot leave all others without
/// room for an ordinary result.
#[derive(Debug)]
pub struct Room {
    limit: u64,
    used: AtomicU64,
}

impl Room {
    pub fn new(limit: u64) -> Arc<Room> {
        Arc::new(Room { limit, used: AtomicU64::new(0) })
    }

    /// A session's part of it, empty at first.
    pub fn share(self: &Arc<Room>) -> Share {
        Share { room: self.clone(), taken: 0 }
    }
}

/// What every session may hold, whatever the others do.
const FREE: u64 = 64 * 1024;

/// What one session has taken; given back when it is dropped.
#[derive(Debug)]
pub struct Share {
    room: Arc<Room>,
    taken: u64,
}

impl Share {
    pub fn taken(&self) -> u64 {
        self.taken
    }

    /// Makes the share at least this large. False if there is no room for it; then nothing changes.
    pub fn grow_to(&mut self, bytes: u64) -> bool {
        let more = bytes.saturating_sub(FREE).saturating_sub(self.taken.saturating_sub(FREE));
        let used = self.room.used.fetch_add(more, Ordering::Relaxed);
        if used.saturating_add(more) > self.room.limit {
            self.room.used.fetch_sub(more, Ordering::Relaxed);
            return false;
        }
        self.taken = self.taken.max(bytes);
        true
    }

    pub fn give_back(&mut self) {
        let counted = std::mem::take(&mut self.taken).saturating_sub(FREE);
        self.room.used.fetch_sub(counted, Ordering::Relaxed);
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.give_back();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_together_never_exceed_the_room_and_come_back() {
        let room = Room::new(100);
        let (mut one, mut other) = (room.share(), room.share());
        assert!(one.grow_to(FREE + 60) && other.grow_to(FREE + 40));
        assert!(!other.grow_to(FREE + 41) && other.taken() == FREE + 40);
        assert!(one.grow_to(10), "a share only grows");
        drop(one);
        assert!(other.grow_to(FREE + 100));
        other.give_back();
        assert_eq!(room.used.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn a_full_room_leaves_every_session_an_ordinary_result() {
        let room = Room::new(100);
        let mut greedy = room.share();
        assert!(greedy.grow_to(FREE + 100));
        assert!(room.share().grow_to(FREE) && !room.share().grow_to(FREE + 1));
    }
}
