//! The rows of a cursor that goes both ways (`PortalRunSelect` and `DoPortalRunFetch` in `pquery.c`).

use std::sync::Arc;

use bytes::{Buf, Bytes};

use super::hold::{Reserved, Rows};
use crate::statement::kind::Motion;

/// All rows, recorded at DECLARE, and where the cursor stands among them.
#[derive(Debug)]
pub struct Scroll {
    /// Whole DataRow messages.
    rows: Vec<Bytes>,
    /// 0 before the first row, one more than there are rows behind the last.
    at: usize,
    reserved: Option<Arc<Reserved>>,
}

impl Scroll {
    pub fn new(mut rows: Rows) -> Scroll {
        let reserved = rows.reserved();
        let rows = rows.take_all().into_iter().flat_map(messages).collect();
        Scroll { rows, at: 0, reserved }
    }

    pub fn reserved(&self) -> Option<Arc<Reserved>> {
        self.reserved.clone()
    }

    /// The rows that FETCH gives, and MOVE passes over.
    pub fn go(&mut self, motion: Motion) -> Vec<Bytes> {
        match motion {
            Motion::Forward(None) => self.run(true, usize::MAX, true),
            Motion::Backward(None) => self.run(false, usize::MAX, true),
            Motion::Forward(Some(0)) | Motion::Backward(Some(0)) | Motion::Relative(0) => self.current(),
            Motion::Forward(Some(count)) => self.run(true, size(count), false),
            Motion::Backward(Some(count)) => self.run(false, size(count), false),
            Motion::Absolute(0) => {
                self.at = 0;
                Vec::new()
            }
            Motion::Absolute(row) if row > 0 => {
                self.at = size(row.unsigned_abs() - 1).min(self.rows.len() + 1);
                self.run(true, 1, false)
            }
            Motion::Absolute(row) => {
                self.at = (self.rows.len() + 1).saturating_sub(size(row.unsigned_abs() - 1));
                self.run(false, 1, false)
            }
            Motion::Relative(rows) => {
                let passed = size(rows.unsigned_abs() - 1);
                if passed > 0 {
                    self.run(rows > 0, passed, false);
                }
                self.run(rows > 0, 1, false)
            }
        }
    }

    /// The row that it stands on, once more.
    fn current(&self) -> Vec<Bytes> {
        self.at.checked_sub(1).and_then(|row| self.rows.get(row)).cloned().into_iter().collect()
    }

    /// It comes to an end where it was asked for more rows than there were, or for all.
    fn run(&mut self, forward: bool, count: usize, all: bool) -> Vec<Bytes> {
        let last = self.rows.len();
        if forward {
            let (first, wanted) = (self.at.min(last), count.min(last - self.at.min(last)));
            self.at = if all || wanted < count { last + 1 } else { first + wanted };
            self.rows[first..first + wanted].to_vec()
        } else {
            let before = self.at.saturating_sub(1);
            let wanted = count.min(before);
            self.at = if all || wanted < count { 0 } else { self.at - wanted };
            self.rows[before - wanted..before].iter().rev().cloned().collect()
        }
    }
}

fn size(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

/// A chunk was cut at message boundaries when it was received: tag, then a length that counts itself.
fn messages(mut chunk: Bytes) -> Vec<Bytes> {
    let mut found = Vec::new();
    while chunk.len() >= 5 {
        let mut header = &chunk[1..5];
        let end = (1 + header.get_u32() as usize).min(chunk.len());
        found.push(chunk.split_to(end));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use Motion::{Absolute, Backward, Forward, Relative};

    fn scroll(rows: u8) -> Scroll {
        Scroll { rows: (1..=rows).map(|row| Bytes::copy_from_slice(&[row])).collect(), at: 0, reserved: None }
    }

    fn went(rows: u8, motions: &[Motion]) -> Vec<Vec<u8>> {
        let mut scroll = scroll(rows);
        motions.iter().map(|motion| scroll.go(*motion).concat()).collect()
    }

    #[test]
    fn it_goes_as_the_servers_cursors_go() {
        assert_eq!(
            went(3, &[Forward(Some(2)), Backward(Some(1)), Backward(Some(1)), Forward(Some(1))]),
            [vec![1, 2], vec![1], vec![], vec![1]]
        );
        assert_eq!(
            went(3, &[Forward(None), Backward(Some(2)), Forward(Some(0)), Backward(None), Forward(Some(0))]),
            [vec![1, 2, 3], vec![3, 2], vec![2], vec![1], vec![]]
        );
        assert_eq!(
            went(3, &[Forward(Some(3)), Backward(Some(1)), Forward(Some(9)), Backward(Some(1))]),
            [vec![1, 2, 3], vec![2], vec![3], vec![3]]
        );
        assert_eq!(
            went(3, &[Absolute(2), Absolute(-1), Absolute(-3), Absolute(-4), Absolute(9), Absolute(0), Relative(1)]),
            [vec![2], vec![3], vec![1], vec![], vec![], vec![], vec![1]]
        );
        assert_eq!(
            went(5, &[Relative(2), Relative(2), Relative(-1), Relative(0), Relative(-5), Relative(9)]),
            [vec![2], vec![4], vec![3], vec![3], vec![], vec![]]
        );
        assert_eq!(went(0, &[Forward(None), Backward(None), Absolute(1), Absolute(-1), Relative(-1)]), vec![Vec::<u8>::new(); 5]);
    }

    #[test]
    fn chunks_are_cut_into_messages() {
        let chunk = Bytes::from_static(b"D\0\0\0\x05xD\0\0\0\x04");
        let lengths: Vec<usize> = messages(chunk).iter().map(Bytes::len).collect();
        assert_eq!(lengths, [6, 5]);
    }
}
