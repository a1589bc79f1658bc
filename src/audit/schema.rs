//! The audit schema as SQL.

/// Idempotent; for the owner of the audit database. Postgres 15 or later, without extensions.
pub const SQL: &str = include_str!("schema.sql");

/// What the mirror's connection logs in as, or a member of it: it can append, and nothing else.
pub const WRITER_ROLE: &str = "pgwarrant_audit_writer";

/// Reads and checks.
pub const AUDITOR_ROLE: &str = "auditor";
