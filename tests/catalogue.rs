//! The catalogue against real servers: the table of functions, the snapshot, the epoch.
//!
//! Servers: `PGWARRANT_TEST_SERVERS`, connection strings separated by `;` (a superuser, one a major).

#[path = "catalogue/classify.rs"]
mod classify;
#[path = "catalogue/functions.rs"]
mod functions;
#[path = "catalogue/lists.rs"]
mod lists;
#[path = "catalogue/servers.rs"]
mod servers;
