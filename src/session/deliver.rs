//! What ran is recorded, and then released: the last step of every statement whose result is held whole.

use std::time::Instant;

use super::core::{End as SessionEnd, Pending, Session, unrecorded};
use super::exchange::Ran;
use super::failure::Failure;
use super::hold::End;
use super::metrics::Metrics;
use super::prepared::PortalState;
use super::record::Bound;
use super::round::Round;
use crate::decision::reason::Reason;
use crate::kill_point::KillPoint;
use crate::ledger::{Appending, Entry, LedgerError, Receipt};
use crate::wire::reply;

/// An outcome on its way to the disk, or there.
enum Recorded {
    Under(Appending),
    Known(Result<Receipt, LedgerError>),
}

impl Session {
    /// Records what ran, and releases it in order up to the first error. True if there was none.
    pub async fn deliver(
        &mut self,
        pending: Vec<Pending>,
        round: Round,
        bound: Bound,
        started: Instant,
    ) -> Result<bool, SessionEnd> {
        let in_block = self.transaction.is_block();
        let Round { ran, changes, gate: _, announced: _ } = round;
        let mut recorded = Vec::with_capacity(ran.len());
        for ((one, ran), changes) in pending.iter().zip(&ran).zip(&changes) {
            let bound = Bound { reference: bound.reference.or(self.bound().reference), ..bound };
            let outcome = self.outcome(one, ran, started, bound);
            let withheld = one.too_many(ran, in_block);
            let entry = if withheld { outcome.withheld(&one.row_limit().into()) } else { outcome.entry() };
            let appending = self.proxy.ledger.append(Entry { changes: changes.clone(), ..entry });
            let keeps = in_block && !withheld && !changes.is_empty();
            if keeps && self.block.anchor.is_none() && recorded.len() + 1 < pending.len() {
                // It announces the block's transaction: what stands behind it refers to it.
                let receipt = appending.await;
                let lost = receipt.is_err();
                if let Ok(receipt) = &receipt {
                    self.block.anchor = Some(receipt.clone());
                }
                recorded.push(Recorded::Known(receipt));
                if lost {
                    break;
                }
            } else {
                recorded.push(Recorded::Under(appending));
            }
        }
        let held = Instant::now();
        let mut receipts = Vec::with_capacity(pending.len());
        for ((one, (ran, changes)), recorded) in pending.iter().zip(ran.iter().zip(changes)).zip(recorded) {
            let receipt = match recorded {
                Recorded::Known(receipt) => receipt,
                Recorded::Under(appending) => appending.await,
            };
            if let Ok(receipt) = &receipt
                && in_block
                && !one.too_many(ran, in_block)
            {
                // Also behind an error that ends the pipeline: it ran, and the ledger announces it.
                self.keep_write(receipt, changes);
            }
            receipts.push(receipt);
        }
        KillPoint::Recording.pass();
        for ((one, ran), receipt) in pending.into_iter().zip(ran).zip(receipts) {
            let receipt = match receipt {
                Ok(receipt) => receipt,
                Err(error) => {
                    self.client.release(one.before);
                    // Recording was what failed, so nothing more is written down.
                    self.report(Failure { reason: None, ..unrecorded(&error) }, None, None).await?;
                    return Ok(false);
                }
            };
            self.proxy.metrics.recording.record(held.elapsed());
            if !self.release(one, ran, receipt, in_block) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The one place where bytes of the upstream go to the agent; it takes the receipt of their entry.
    /// False after an error, which ends the pipeline.
    pub fn release(&mut self, one: Pending, ran: Ran, receipt: Receipt, in_block: bool) -> bool {
        self.receipt = Some(receipt.to_string());
        self.client.release(one.before.clone());
        if ran.bound || !matches!(ran.end, End::Error { .. }) {
            self.client.release(one.from_bind.clone());
        }
        if one.too_many(&ran, in_block) {
            let failure = Failure::from(one.row_limit());
            Metrics::denied(Reason::RowLimit.code());
            failure.write(Some(&one.text), self.client.reply());
            self.failed();
            return false;
        }
        let Ran { mut hold, end, .. } = ran;
        self.release_notices(&mut hold);
        let given = hold.rows();
        let mut rows = hold.into_rows();
        self.client.keep(rows.reserved());
        match end {
            End::Error { message, .. } => {
                self.proxy.metrics.failed.increment(1);
                self.client.release(message);
                self.failed();
                return false;
            }
            End::Suspended => {
                rows.take_all().into_iter().for_each(|bytes| self.client.release(bytes));
                self.client.reply().extend_from_slice(reply::PORTAL_SUSPENDED);
                self.set_portal(one.portal.as_deref(), &one.values, PortalState::Cut);
            }
            End::Complete { message, .. } if one.cursor().is_some() => {
                self.client.release(message);
                self.set_portal(one.portal.as_deref(), &one.values, PortalState::Done);
                self.set_portal(one.cursor().map(|name| &**name), &one.values, PortalState::Rows(rows));
            }
            End::Complete { message, .. } if one.max_rows == 0 || u64::from(one.max_rows) > given => {
                rows.take_all().into_iter().for_each(|bytes| self.client.release(bytes));
                self.client.release(message);
                self.set_portal(one.portal.as_deref(), &one.values, PortalState::Done);
            }
            End::Complete { .. } => {
                rows.take(one.max_rows.into()).into_iter().for_each(|bytes| self.client.release(bytes));
                self.client.reply().extend_from_slice(reply::PORTAL_SUSPENDED);
                self.set_portal(one.portal.as_deref(), &one.values, PortalState::Rows(rows));
            }
        }
        self.proxy.metrics.permitted.increment(1);
        true
    }
}
