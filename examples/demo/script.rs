//! What the agent tries, and what must become of it.

use super::support::postgres::Error;
use super::support::{personas, stage};
use super::terminal::{chapter, go_on, note, shown, typed};
use std::process::Command;

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Runs,
    /// With a denial of pgwarrant's, recognised by its routine field.
    Refused,
}

struct Step {
    why: &'static str,
    sql: &'static str,
    verdict: Verdict,
}

const READS: &[Step] = &[
    Step {
        why: "A ticket's customer, by key:",
        sql: "SELECT id, name, email, plan FROM customers WHERE id = 26 AND tenant_id = 7",
        verdict: Verdict::Runs,
    },
    Step {
        why: "A join: each table is bounded through the one before it.",
        sql: "SELECT c.name, o.id AS order, o.status, count(*) AS items, sum(i.quantity * i.price_cents) AS cents FROM customers c \
              JOIN orders o ON o.customer_id = c.id JOIN order_items i ON i.order_id = o.id \
              WHERE c.id = 26 AND c.tenant_id = 7 AND o.tenant_id = 7 AND i.tenant_id = 7 GROUP BY c.name, o.id, o.status ORDER BY o.id LIMIT 3",
        verdict: Verdict::Runs,
    },
    Step {
        why: "An aggregate over its own tenant's open tickets:",
        sql: "SELECT priority, count(*) FROM tickets WHERE tenant_id = 7 AND status = 'open' GROUP BY priority ORDER BY priority",
        verdict: Verdict::Runs,
    },
];

const DISGUISES: &[Step] = &[
    Step {
        why: "Every customer of every tenant, behind a condition that is always true:",
        sql: "SELECT name FROM customers WHERE 1 = 1",
        verdict: Verdict::Refused,
    },
    Step {
        why: "The same, dressed as a comparison:",
        sql: "SELECT name FROM customers WHERE id = id",
        verdict: Verdict::Refused,
    },
    Step {
        why: "The same, as a range without an end:",
        sql: "SELECT name FROM customers WHERE id > 0",
        verdict: Verdict::Refused,
    },
    Step {
        why: "The same in three-valued logic:",
        sql: "SELECT id, note FROM orders WHERE note IS NOT DISTINCT FROM note",
        verdict: Verdict::Refused,
    },
];

const ESCAPES: &[Step] = &[
    Step {
        why: "A hidden column:",
        sql: "SELECT name, ssn FROM customers WHERE id = 26 AND tenant_id = 7",
        verdict: Verdict::Refused,
    },
    Step {
        why: "Another tenant:",
        sql: "SELECT name, email FROM customers WHERE id = 8 AND tenant_id = 9",
        verdict: Verdict::Refused,
    },
    Step {
        why: "A table that nobody granted:",
        sql: "SELECT name, salary FROM employees WHERE id = 1",
        verdict: Verdict::Refused,
    },
    Step {
        why: "A function with SQL in a string:",
        sql: "SELECT peek('SELECT secret FROM api_keys')",
        verdict: Verdict::Refused,
    },
    Step {
        why: "And the first refusal again, mended as its hint says:",
        sql: "SELECT name FROM customers WHERE tenant_id = 7 ORDER BY id LIMIT 3",
        verdict: Verdict::Runs,
    },
];

const WRITES: &[Step] = &[
    Step {
        why: "An order of its own tenant:",
        sql: "UPDATE orders SET status = 'packed', note = 'gift wrap' WHERE id = 25385 AND tenant_id = 7 RETURNING id, status, note",
        verdict: Verdict::Runs,
    },
    Step {
        why: "Several statements that stand or fall together:",
        sql: "BEGIN; INSERT INTO order_items (order_id, line_no, tenant_id, product_id, quantity, price_cents) \
              VALUES (25385, 90, 7, 1, 2, 990); UPDATE orders SET total_cents = total_cents + 1980 WHERE id = 25385 AND tenant_id = 7; COMMIT",
        verdict: Verdict::Runs,
    },
    Step {
        why: "Every order at once, behind a condition that is always true:",
        sql: "UPDATE orders SET note = note || '' WHERE id = id",
        verdict: Verdict::Refused,
    },
    Step {
        why: "A row for another tenant:",
        sql: "INSERT INTO orders (tenant_id, customer_id) VALUES (9, 26)",
        verdict: Verdict::Refused,
    },
    Step {
        why: "A deletion that nobody granted, inside of a SELECT:",
        sql: "WITH gone AS (DELETE FROM orders WHERE id = 25385 AND tenant_id = 7 RETURNING id) SELECT id FROM gone",
        verdict: Verdict::Refused,
    },
];

/// What the agent holds, in the operator's words.
pub fn introduce() -> Result<(), Error> {
    let grants = personas::personas().remove("support").ok_or_else(|| Error::Failed("no persona support".to_owned()))?;
    note("The agent answers tickets of tenant 7. Its grants begin with:");
    shown(&grants.iter().take(3).map(|grant| format!("{grant}\n")).collect::<String>());
    note(
        "The rules say that customers are found by id, email, external_id or tenant_id, and that ssn and password_hash are hidden.",
    );
    Ok(())
}

pub fn play(agent: &str) -> Result<(), Error> {
    chapter("The agent reads");
    steps(agent, READS)?;
    chapter("The agent asks for everything, in four disguises");
    steps(agent, DISGUISES)?;
    chapter("The agent tries other ways");
    steps(agent, ESCAPES)
}

/// With another token: its grants are those of the persona `writer`.
pub fn write(agent: &str) -> Result<(), Error> {
    chapter("Another agent writes");
    note("It keeps the orders of tenant 7: it may insert, and update at most 20 orders with one statement.");
    steps(agent, WRITES)
}

fn steps(agent: &str, steps: &[Step]) -> Result<(), Error> {
    for step in steps {
        go_on()?;
        println!();
        note(step.why);
        let (text, verdict) = psql(agent, step.sql)?;
        typed("agent=>", step.sql);
        shown(&text);
        if verdict != Some(step.verdict) {
            return Err(Error::Failed(format!("this should not have happened: {}", step.sql)));
        }
    }
    Ok(())
}

/// The statement through the stock `psql`; `None` for an error that is not pgwarrant's.
fn psql(url: &str, sql: &str) -> Result<(String, Option<Verdict>), Error> {
    let mut command = Command::new(stage::psql()?);
    command.args(["-X", "-v", "VERBOSITY=verbose", "-d", url, "-c", sql]);
    let output = command.output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    let verdict = match output.status.success() {
        true => Some(Verdict::Runs),
        false => text.contains("LOCATION:  pgwarrant").then_some(Verdict::Refused),
    };
    Ok((text, verdict))
}
