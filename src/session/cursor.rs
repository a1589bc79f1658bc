//! Cursors of SQL: portals of the proxy that DECLARE fills. Their rows are recorded before any FETCH gives them out.

use std::sync::Arc;

use bytes::Bytes;

use super::core::{Pending, Session};
use super::describe;
use super::failure::Failure;
use super::local::Describe;
use super::prepared::{Kind, Permitted, Portal, PortalState, Prepared, Values};
use super::scroll::Scroll;
use super::wrap::Delivery;
use crate::decision::deny::Deny;
use crate::decision::reason::Reason;
use crate::statement::kind::Motion;
use crate::wire::Oid;
use crate::wire::frontend::{Format, Formats};
use crate::wire::request;

/// Which portals a ROLLBACK TO closes (`AtSubAbort_Portals`): those made since the savepoint.
#[derive(Debug, Default)]
pub struct Subtransactions {
    /// Names of savepoints, with the number of the next portal when each was made.
    savepoints: Vec<(Box<str>, u64)>,
    next: u64,
}

impl Subtransactions {
    /// A number for a new portal.
    pub fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    pub fn savepoint(&mut self, name: &str) {
        self.savepoints.push((name.into(), self.next));
    }

    pub fn release(&mut self, name: &str) {
        if let Some(at) = self.find(name) {
            self.savepoints.truncate(at);
        }
    }

    /// The last number that stays.
    pub fn rollback_to(&mut self, name: &str) -> Option<u64> {
        let at = self.find(name)?;
        self.savepoints.truncate(at + 1);
        Some(self.savepoints[at].1)
    }

    pub fn clear(&mut self) {
        self.savepoints.clear();
    }

    fn find(&self, name: &str) -> Option<usize> {
        self.savepoints.iter().rposition(|(found, _)| **found == *name)
    }
}

impl Session {
    /// What Postgres asks before it opens a cursor.
    pub fn check_declare(&self, name: &str, permitted: &Permitted) -> Result<(), Failure> {
        if !self.transaction.is_block() {
            return Err(Failure::new("25P01", "DECLARE CURSOR can only be used in transaction blocks"));
        }
        if !permitted.permit.written().is_empty() {
            return Err(Deny::new(Reason::FeatureNotSupported, "a cursor can only be over a SELECT").into());
        }
        self.portals.check_free(name)
    }

    /// The portal, whose rows come with the next round trip; and the values to bind, whose rows are asked for as text.
    pub fn open_cursor(
        &mut self,
        (name, scrolls): (&Arc<str>, bool),
        text: &Arc<str>,
        declared: &[Oid],
        permitted: &Permitted,
        values: &Values,
    ) -> Arc<Values> {
        let values = Arc::new(Values {
            formats: values.formats.clone(),
            parameters: values.parameters.clone(),
            result_formats: Bytes::from_static(request::ALL_TEXT),
        });
        let prepared = Prepared {
            text: text.clone(),
            declared: declared.into(),
            kind: Kind::Query(permitted.decided.clone()),
            delivery: Delivery::Rows,
        };
        let portal = Portal {
            prepared: Arc::new(prepared),
            values: values.clone(),
            result_formats: Formats::All(Format::Text),
            bound_at: (0, 0),
            state: PortalState::Running,
            number: self.subtransactions.number(),
            is_cursor: true,
            scrolls,
        };
        self.portals.insert(name, portal);
        values
    }

    /// What there is of a cursor.
    fn cursor(&self, name: &str) -> Result<&Portal, Failure> {
        let missing = || Failure::new("34000", format!("cursor \"{name}\" does not exist"));
        let portal = self.portals.get(name).map_err(|_| missing())?;
        if !portal.is_cursor {
            return Err(Deny::new(Reason::FeatureNotSupported, "FETCH from a portal that DECLARE did not make is not supported")
                .hint("Use Execute with a row count.")
                .into());
        }
        match portal.state {
            PortalState::Rows(_) | PortalState::Scroll(_) | PortalState::Done => Ok(portal),
            PortalState::Ready(_) | PortalState::Running | PortalState::Cut => Err(missing()),
        }
    }

    /// RowDescription of FETCH; `None` where there is no such cursor.
    pub fn cursor_description(&self, name: &str) -> Option<Bytes> {
        let portal = self.portals.get(name).ok().filter(|portal| portal.is_cursor)?;
        match &portal.prepared.kind {
            Kind::Query(decided) => decided.certified.reading.row_description.clone(),
            Kind::Empty | Kind::Local(_) => None,
        }
    }

    pub fn fetch(&mut self, name: &str, motion: Motion, formats: &Formats, describe_it: Describe) -> Result<(), Failure> {
        self.cursor(name)?;
        let description = self.cursor_description(name);
        let columns = describe::columns(description.as_ref());
        if (0..columns).any(|column| formats.get(column) == Some(Format::Binary)) {
            return Err(Deny::new(Reason::FeatureNotSupported, "FETCH gives its rows as text only")
                .hint("Ask for text results, or use a portal of the protocol: Bind, then Execute with a row count.")
                .into());
        }
        let taken = self.take_rows(name, motion)?;
        if describe_it == Describe::Yes {
            describe::rows(description.as_ref(), &Formats::All(Format::Text), self.client.reply())?;
        }
        let (rows, chunks) = taken;
        chunks.into_iter().for_each(|bytes| self.client.release(bytes));
        self.complete(&format!("FETCH {rows}"))
    }

    /// MOVE: as FETCH, and nobody sees them.
    pub fn move_cursor(&mut self, name: &str, motion: Motion) -> Result<(), Failure> {
        self.cursor(name)?;
        let (rows, _) = self.take_rows(name, motion)?;
        self.complete(&format!("MOVE {rows}"))
    }

    /// Rows of a cursor, all of them recorded at DECLARE.
    fn take_rows(&mut self, name: &str, motion: Motion) -> Result<(u64, Vec<Bytes>), Failure> {
        let portal = self.portals.get_mut(name)?;
        if portal.scrolls {
            if let PortalState::Rows(_) = portal.state
                && let PortalState::Rows(rows) = std::mem::replace(&mut portal.state, PortalState::Done)
            {
                portal.state = PortalState::Scroll(Scroll::new(rows));
            }
            let PortalState::Scroll(scroll) = &mut portal.state else { return Ok((0, Vec::new())) };
            let (taken, reserved) = (scroll.go(motion), scroll.reserved());
            self.client.keep(reserved);
            return Ok((taken.len() as u64, taken));
        }
        let Some(count) = motion.onward() else {
            let failure = Failure::new("55000", "cursor can only scan forward");
            return Err(failure.hint("Declare it with SCROLL option to enable backward scan."));
        };
        let PortalState::Rows(rows) = &mut portal.state else { return Ok((0, Vec::new())) };
        let wanted = count.unwrap_or(u64::MAX).min(rows.left());
        let (taken, reserved) = (rows.take(wanted), rows.reserved());
        if rows.left() == 0 {
            portal.state = PortalState::Done;
        }
        self.client.keep(reserved);
        Ok((wanted, taken))
    }

    pub fn close_cursor(&mut self, name: &str) -> Result<(), Failure> {
        if self.portals.get(name).is_err() {
            return Err(Failure::new("34000", format!("cursor \"{name}\" does not exist")));
        }
        self.portals.remove(name);
        self.complete("CLOSE CURSOR")
    }
}

impl Pending {
    /// The cursor that its rows are for.
    pub fn cursor(&self) -> Option<&Arc<str>> {
        match &self.delivery {
            Delivery::Cursor { name, .. } => Some(name),
            Delivery::Rows | Delivery::Copy(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rollback_to_a_savepoint_takes_the_portals_made_since() {
        let mut sub = Subtransactions::default();
        let before = sub.number();
        sub.savepoint("a");
        let inside = sub.number();
        sub.savepoint("b");
        sub.release("b");
        assert_eq!(sub.rollback_to("b"), None);
        let kept = sub.rollback_to("a").unwrap();
        assert!(before <= kept && inside > kept);
        sub.clear();
        assert_eq!(sub.rollback_to("a"), None);
    }
}
