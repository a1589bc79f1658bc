//! A transaction that the ledger announces, until somebody has settled it.

use super::recovery::Unsettled;
use crate::ledger::{Appending, LedgerError, Receipt};

/// Dropped before it is settled, by an error or by a timeout, it is left to recovery: no transaction stays open until the
/// next start.
#[must_use = "dropped at once, it is settled at once"]
pub struct Announced {
    state: State,
    unsettled: Unsettled,
}

enum State {
    /// On its way to the disk.
    Sent(Appending),
    Known(Receipt),
    Settled,
}

impl Announced {
    pub fn new(intent: Appending, unsettled: Unsettled) -> Announced {
        Announced { state: State::Sent(intent), unsettled }
    }

    /// Of the entry that announces it, once that is on record.
    pub async fn receipt(&mut self) -> Result<Receipt, LedgerError> {
        match &mut self.state {
            State::Sent(intent) => match intent.await {
                Ok(receipt) => {
                    self.state = State::Known(receipt.clone());
                    Ok(receipt)
                }
                Err(error) => {
                    self.state = State::Settled;
                    Err(error)
                }
            },
            State::Known(receipt) => Ok(receipt.clone()),
            State::Settled => Err(LedgerError::Closed),
        }
    }

    /// Whoever calls this writes down what became of the transaction.
    pub fn taken_over(mut self) {
        self.state = State::Settled;
    }
}

impl Drop for Announced {
    fn drop(&mut self) {
        match std::mem::replace(&mut self.state, State::Settled) {
            State::Sent(intent) => {
                let unsettled = self.unsettled.clone();
                // Without a runtime everything ends, and the next start settles it.
                let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
                runtime.spawn(async move {
                    if let Ok(receipt) = intent.await {
                        unsettled.settle(receipt.seq());
                    }
                });
            }
            State::Known(receipt) => self.unsettled.settle(receipt.seq()),
            State::Settled => {}
        }
    }
}
