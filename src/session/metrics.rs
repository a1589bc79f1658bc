//! What the operator counts. Handles are made once: looking a metric up by name costs more than counting.

use metrics::{Counter, Histogram, counter, histogram};

#[derive(Clone)]
pub struct Metrics {
    pub permitted: Counter,
    pub failed: Counter,
    pub chunks: Counter,
    pub known: Counter,
    pub unknown: Counter,
    /// From the agent's message to the end of the upstream's answer, in seconds.
    pub round: Histogram,
    /// From the end of the upstream's answer to the receipt, in seconds.
    pub recording: Histogram,
}

impl Metrics {
    /// Once the recorder is installed.
    pub fn new() -> Metrics {
        metrics::describe_counter!("pgwarrant_statements_total", "Statements that ran, by outcome.");
        metrics::describe_counter!("pgwarrant_denials_total", "Refusals, by reason code.");
        metrics::describe_counter!("pgwarrant_chunks_total", "Parts of large results that were released.");
        metrics::describe_counter!("pgwarrant_clients_stalled_total", "Clients that stopped reading a large result.");
        metrics::describe_gauge!("pgwarrant_results_in_chunks", "Large results that are being released.");
        metrics::describe_gauge!("pgwarrant_held_bytes", "Bytes reserved for results that are held.");
        metrics::describe_counter!("pgwarrant_proofs_total", "Look-ups of a proof, by whether it was known.");
        metrics::describe_histogram!("pgwarrant_round_seconds", "Seconds from sending statements upstream to their last result.");
        metrics::describe_histogram!("pgwarrant_recording_seconds", "Seconds until a result is on record.");
        Metrics {
            permitted: counter!("pgwarrant_statements_total", "outcome" => "ok"),
            failed: counter!("pgwarrant_statements_total", "outcome" => "error"),
            chunks: counter!("pgwarrant_chunks_total"),
            known: counter!("pgwarrant_proofs_total", "known" => "yes"),
            unknown: counter!("pgwarrant_proofs_total", "known" => "no"),
            round: histogram!("pgwarrant_round_seconds"),
            recording: histogram!("pgwarrant_recording_seconds"),
        }
    }

    /// Denials are rare enough to be looked up.
    pub fn denied(reason: &'static str) {
        counter!("pgwarrant_denials_total", "reason" => reason).increment(1);
    }
}
