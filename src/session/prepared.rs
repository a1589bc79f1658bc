//! Statements and portals, which the proxy keeps: the upstream only has what it has certified.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;

use super::cache::Certified;
use super::failure::Failure;
use super::hold::Rows;
use super::prover::{Permit, Proof};
use super::scroll::Scroll;
use super::world::World;
use super::wrap::Delivery;
use crate::statement::kind::LocalStatement;
use crate::statement::scan::TemplateLiteral;
use crate::wire::Oid;
use crate::wire::frontend::Formats;

/// A statement as Parse left it.
#[derive(Debug)]
pub struct Prepared {
    pub text: Arc<str>,
    /// As declared in Parse; 0 leaves one to the server.
    pub declared: Box<[Oid]>,
    pub kind: Kind,
    /// What becomes of its rows.
    pub delivery: Delivery,
}

#[derive(Debug)]
pub enum Kind {
    Empty,
    /// Read and proven, values permitting.
    Query(Decided),
    /// The proxy answers or drives it itself: settings, transaction control, EXPLAIN.
    Local(Box<LocalStatement>),
}

/// A text and what it may run as.
#[derive(Debug, Clone)]
pub struct Decided {
    pub certified: Arc<Certified<Proof>>,
    pub literals: Arc<[TemplateLiteral]>,
    /// What it was proven under.
    pub world: Arc<World>,
}

impl Prepared {
    /// About what it takes of the memory. A reading that others share counts in full.
    fn size(&self) -> usize {
        let reading = match &self.kind {
            Kind::Query(decided) => decided.certified.reading.weight,
            Kind::Empty | Kind::Local(_) => 0,
        };
        512 + self.text.len() + reading
    }

    /// Parameters that a Bind must bring.
    pub fn parameters(&self) -> usize {
        match &self.kind {
            Kind::Query(decided) => decided.certified.client_parameters,
            Kind::Empty | Kind::Local(_) => self.declared.len(),
        }
    }
}

/// The values of one Bind.
#[derive(Debug, Clone)]
pub struct Values {
    pub formats: Formats,
    pub parameters: Vec<Option<Bytes>>,
    /// The count and the codes as sent.
    pub result_formats: Bytes,
}

impl Values {
    /// Bytes that they take.
    pub fn size(&self) -> usize {
        let parameters =
            self.parameters.iter().map(|value| std::mem::size_of::<Option<Bytes>>() + value.as_ref().map_or(0, Bytes::len));
        parameters.sum::<usize>() + self.result_formats.len()
    }
}

#[derive(Debug)]
pub struct Portal {
    pub prepared: Arc<Prepared>,
    pub values: Arc<Values>,
    pub result_formats: Formats,
    /// Where its BindComplete stands: how many Executes were pending before it, and the byte in the replies behind them.
    pub bound_at: (usize, usize),
    pub state: PortalState,
    /// By which ROLLBACK TO tells what it closes.
    pub number: u64,
    /// Made by DECLARE.
    pub is_cursor: bool,
    /// By DECLARE … SCROLL.
    pub scrolls: bool,
}

#[derive(Debug)]
pub enum PortalState {
    /// Bound, its values checked for a query.
    Ready(Option<Permitted>),
    /// In the round trip that is being put together.
    Running,
    /// Ran and is recorded; these rows are still to be given out.
    Rows(Rows),
    /// The same of a cursor that goes both ways.
    Scroll(Scroll),
    /// The upstream was only asked for as many rows as were given out.
    Cut,
    Done,
}

/// Inside the proof with these very values.
#[derive(Debug)]
pub struct Permitted {
    pub decided: Decided,
    pub permit: Permit,
}

/// More than these in one session are refused: they live in the proxy's memory.
pub const MAX_STATEMENTS: usize = 10_000;
pub const MAX_PORTALS: usize = 1_000;
/// Bytes that the texts and readings of named statements may take, and those of named portals with their values.
pub const MAX_STATEMENT_BYTES: usize = 32 * 1024 * 1024;
pub const MAX_PORTAL_BYTES: usize = 32 * 1024 * 1024;

#[derive(Debug, Default)]
pub struct Statements {
    named: HashMap<Box<str>, Arc<Prepared>>,
    /// Of the named ones.
    bytes: usize,
    unnamed: Option<Arc<Prepared>>,
}

impl Statements {
    pub fn get(&self, name: &str) -> Result<&Arc<Prepared>, Failure> {
        let found = if name.is_empty() { self.unnamed.as_ref() } else { self.named.get(name) };
        found.ok_or_else(|| match name {
            "" => Failure::new("26000", "unnamed prepared statement does not exist"),
            name => Failure::new("26000", format!("prepared statement \"{name}\" does not exist")),
        })
    }

    /// Whether a Parse under this name may go on.
    pub fn check_free(&self, name: &str) -> Result<(), Failure> {
        if !name.is_empty() && self.named.contains_key(name) {
            return Err(Failure::new("42P05", format!("prepared statement \"{name}\" already exists")));
        }
        if name.is_empty() {
            return Ok(());
        }
        if self.bytes >= MAX_STATEMENT_BYTES {
            let most = MAX_STATEMENT_BYTES >> 20;
            return Err(Failure::new("53400", format!("the prepared statements of a session may take at most {most} MiB"))
                .hint("Close statements that are not needed any more."));
        }
        if self.named.len() >= MAX_STATEMENTS {
            return Err(Failure::new("53400", format!("a session may keep at most {MAX_STATEMENTS} prepared statements")));
        }
        Ok(())
    }

    pub fn insert(&mut self, name: &str, prepared: Arc<Prepared>) {
        if name.is_empty() {
            self.unnamed = Some(prepared);
        } else {
            self.bytes += prepared.size();
            if let Some(replaced) = self.named.insert(name.into(), prepared) {
                self.bytes -= replaced.size();
            }
        }
    }

    pub fn remove(&mut self, name: &str) {
        if name.is_empty() {
            self.unnamed = None;
        } else if let Some(removed) = self.named.remove(name) {
            self.bytes -= removed.size();
        }
    }

    pub fn clear(&mut self) {
        self.named.clear();
        self.bytes = 0;
        self.unnamed = None;
    }
}

#[derive(Debug, Default)]
pub struct Portals {
    named: HashMap<Box<str>, Portal>,
    unnamed: Option<Portal>,
}

impl Portals {
    pub fn get(&self, name: &str) -> Result<&Portal, Failure> {
        let found = if name.is_empty() { self.unnamed.as_ref() } else { self.named.get(name) };
        found.ok_or_else(|| missing(name))
    }

    pub fn get_mut(&mut self, name: &str) -> Result<&mut Portal, Failure> {
        let found = if name.is_empty() { self.unnamed.as_mut() } else { self.named.get_mut(name) };
        found.ok_or_else(|| missing(name))
    }

    pub fn check_free(&self, name: &str) -> Result<(), Failure> {
        if !name.is_empty() && self.named.contains_key(name) {
            return Err(Failure::new("42P03", format!("cursor \"{name}\" already exists")));
        }
        if name.is_empty() {
            return Ok(());
        }
        let bytes: usize = self.named.values().map(|portal| portal.values.size() + portal.prepared.text.len()).sum();
        if bytes >= MAX_PORTAL_BYTES {
            let most = MAX_PORTAL_BYTES >> 20;
            return Err(Failure::new(
                "53400",
                format!("the texts and values of a session's portals may take at most {most} MiB"),
            ));
        }
        if self.named.len() >= MAX_PORTALS {
            return Err(Failure::new("53400", format!("a session may keep at most {MAX_PORTALS} portals")));
        }
        Ok(())
    }

    pub fn insert(&mut self, name: &str, portal: Portal) {
        if name.is_empty() {
            self.unnamed = Some(portal);
        } else {
            self.named.insert(name.into(), portal);
        }
    }

    pub fn remove(&mut self, name: &str) {
        if name.is_empty() {
            self.unnamed = None;
        } else {
            self.named.remove(name);
        }
    }

    /// Those made after this number.
    pub fn close_after(&mut self, number: u64) {
        self.named.retain(|_, portal| portal.number <= number);
        self.unnamed.take_if(|portal| portal.number > number);
    }

    /// Portals end with their transaction.
    pub fn clear(&mut self) {
        if !self.named.is_empty() {
            self.named = HashMap::new();
        }
        self.unnamed = None;
    }
}

fn missing(name: &str) -> Failure {
    Failure::new("34000", format!("portal \"{name}\" does not exist"))
}
