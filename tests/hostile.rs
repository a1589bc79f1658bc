//! Everything that a stranger, a thief of tokens or a hostile agent may send: a clear error, an entry in the ledger, a
//! process that lives on, and other sessions that notice nothing.

#[path = "hostile/frames.rs"]
mod frames;
#[path = "hostile/greed.rs"]
mod greed;
#[path = "hostile/ground.rs"]
mod ground;
#[path = "hostile/holes.rs"]
mod holes;
#[path = "session/raw.rs"]
mod raw;
#[path = "hostile/statements.rs"]
mod statements;
#[path = "hostile/strangers.rs"]
mod strangers;
mod support;
#[path = "hostile/tokens.rs"]
mod tokens;

use ground::ground;

#[test]
fn bytes_of_a_stranger_end_that_connection_and_nothing_else() {
    ground().run(&strangers::CASES);
}

#[test]
fn a_token_that_is_not_whole_valid_and_meant_for_this_database_opens_nothing() {
    ground().run(&tokens::CASES);
}

#[test]
fn bytes_of_an_agent_that_are_no_message_end_its_session_on_record() {
    ground().run(&frames::CASES);
}

#[test]
fn a_statement_beyond_every_measure_is_refused_and_its_session_goes_on() {
    ground().run(&statements::CASES);
}

#[test]
fn a_greedy_client_gets_its_share_and_the_others_theirs() {
    ground().run(&greed::CASES);
}

#[test]
fn every_known_way_around_the_reading_is_closed() {
    holes::prepare(&ground());
    ground().run(&holes::CASES);
}
