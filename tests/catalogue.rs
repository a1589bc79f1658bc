//! The catalogue and the rules against real servers: the table of functions, the snapshot, the epoch, the linter, the SQL.

#[path = "catalogue/classify.rs"]
mod classify;
#[path = "catalogue/corners.rs"]
mod corners;
#[path = "catalogue/functions.rs"]
mod functions;
#[path = "catalogue/lists.rs"]
mod lists;
#[path = "catalogue/rules.rs"]
mod rules;
#[path = "catalogue/servers.rs"]
mod servers;
#[path = "catalogue/snapshot.rs"]
mod snapshot;
mod support;
