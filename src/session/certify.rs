//! What must hold of a statement on its connection before it runs: it is prepared there with the tree that was proven, and
//! code of users in it cannot write unseen.

use super::core::Pending;
use super::failure::Failure;
use super::prepared::{Decided, Permitted};
use super::round::Trouble;
use crate::catalogue::snapshot::{Function, FunctionKind, Volatility};
use crate::catalogue::views::is_filtered_schema;
use crate::decision::deny::Deny;
use crate::decision::reason::Reason;
use crate::upstream::{Certified, ParseFailure, Pooled};

/// Around a read that calls user code where the transaction may write.
pub const READ_ONLY: [&str; 2] = ["SAVEPOINT pgwarrant_read", "SET LOCAL transaction_read_only = on"];
pub const READ_WRITE: [&str; 2] = ["ROLLBACK TO SAVEPOINT pgwarrant_read", "RELEASE SAVEPOINT pgwarrant_read"];

/// A function in the statement that could write by itself: volatile, or written in SQL or another language, which may call
/// what is. An aggregate stands in the catalogue as native whatever its transition function is. The filtered catalogue's own
/// are not.
pub fn user_code(decided: &Decided) -> Option<String> {
    let Decided { certified, world, .. } = decided;
    let is_harmless = |f: &Function| {
        is_filtered_schema(&f.name.schema)
            || (f.native && f.kind == FunctionKind::Function && f.volatility != Volatility::Volatile)
    };
    let could_write = |oid: &&u32| !world.catalogue.functions.get(oid).is_some_and(is_harmless);
    let oid = certified.reading.user_functions.iter().find(could_write)?;
    Some(world.catalogue.functions.get(oid).map_or_else(|| "a function".to_owned(), |f| f.name.to_string()))
}

/// Among statements that write, its changes would not be among those that were proven and are counted.
pub fn check_functions(one: &Pending) -> Result<(), Failure> {
    let Some(name) = user_code(&one.permitted.decided) else { return Ok(()) };
    let message = format!("{name} cannot be called together with a write: it could write too");
    Err(Deny::new(Reason::ImpliedCode, message).hint("Call it in a statement of its own.").into())
}

/// The statement's name on this connection, where it has shown the proven tree.
pub async fn certify(connection: &mut Pooled, permitted: &Permitted) -> Result<String, Trouble> {
    let reading = &permitted.decided.certified.reading;
    if let Some(certified) = connection.certified().get(reading.id) {
        return if certified.tree_digest == reading.digest {
            Ok(certified.name.as_str().to_owned())
        } else {
            Err(Trouble::Changed)
        };
    }
    let name = connection.certified().new_name();
    match connection.parse_and_read(name.as_str(), &reading.text, &reading.told_types).await {
        Ok(parsed) if parsed.tree_digest == reading.digest && parsed.other_notices == 0 => {
            let text = name.as_str().to_owned();
            connection.certified().insert(reading.id, Certified { name, tree_digest: parsed.tree_digest });
            Ok(text)
        }
        Ok(_) => {
            connection.certified().give_up(name);
            Err(Trouble::Changed)
        }
        // It was read before: what makes it fail now is a change, or the server's state.
        Err(ParseFailure::Server(error)) if error.sqlstate().starts_with("42") => Err(Trouble::Changed),
        Err(failure) => Err(super::decide::unread(failure, &reading.text).into()),
    }
}
