//! Prove a shape inside every block of a token and the rules. Pure: the clock is passed in.

mod before;
mod classes;
pub mod condition;
mod cost;
pub mod cover;
pub mod deny;
mod hint;
mod implied;
mod narrate;
pub mod permit;
mod prove;
pub mod reason;
mod size;
mod solve;
mod write;

pub use crate::shape::constant::BoundValue;
pub use before::before_reading;
pub use deny::Deny;
pub use narrate::narrate;
pub use permit::{Permit, Proof, ProvenRelation, Written};
pub use prove::{Question, granted_relations, is_built_in_body, prove};
pub use reason::Reason;
