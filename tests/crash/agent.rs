//! An agent that writes at random, each change marked with a number of its own, and remembers what it was told.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

/// Ten digits, the first of which is a one: no other number in a statement looks like this.
static NEXT: AtomicU64 = AtomicU64::new(1_000_000_000);
/// Lines of items have nine digits.
const LINES: u64 = 900_000_000;
/// Orders that all agents write to.
const SHARED: std::ops::Range<i64> = 900_000..900_012;
/// A hang is a failure.
const PATIENCE: Duration = Duration::from_secs(60);

/// One statement.
#[derive(Debug, Clone)]
pub struct Mark {
    pub number: u64,
    pub effect: Effect,
    /// A ROLLBACK TO took it back.
    pub undone: bool,
    /// The agent has received its result.
    pub answered: bool,
}

/// What a statement does to the database if it is committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    None,
    /// `k<number>.` stands in some order's note.
    Note,
    /// There is an item of this line.
    Item(u64),
    /// The item of that line is gone.
    ItemGone(u64),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    Committed,
    Aborted,
    Nothing,
}

/// One transaction, as the agent sees it.
#[derive(Debug, Clone)]
pub struct Attempt {
    pub marks: Vec<Mark>,
    pub told: Told,
    /// The error, or how it was done.
    pub said: String,
}

pub struct Agent {
    dice: StdRng,
    orders: Vec<i64>,
    /// Committed items: order and line.
    items: Vec<(i64, u64)>,
    pub attempts: Vec<Attempt>,
}

/// A statement with its mark.
struct Statement {
    sql: String,
    mark: Mark,
    /// The new order's id comes back.
    returns_order: bool,
    item: Option<(i64, u64)>,
}

enum Failure {
    /// The server's or the proxy's error: SQLSTATE and message.
    Error(String, String),
    Lost(String),
}

impl Agent {
    pub fn new(index: u64, seed: u64) -> Agent {
        let dice = StdRng::seed_from_u64(seed.wrapping_add(index));
        Agent { dice, orders: Vec::new(), items: Vec::new(), attempts: Vec::new() }
    }

    pub async fn write_until(&mut self, url: &str, over: &AtomicBool) {
        while !over.load(Ordering::Relaxed) {
            let Ok((client, driver)) = tokio_postgres::connect(url, NoTls).await else {
                tokio::time::sleep(Duration::from_millis(20)).await;
                continue;
            };
            tokio::spawn(driver);
            while !over.load(Ordering::Relaxed) && !client.is_closed() {
                self.attempt(&client).await;
                self.orders.drain(..self.orders.len().saturating_sub(30));
            }
        }
    }

    async fn attempt(&mut self, client: &Client) {
        match self.dice.gen_range(0..10) {
            0..=3 => self.alone(client).await,
            4 | 5 => self.several(client).await,
            6 => self.read(client).await,
            _ => self.block(client).await,
        }
    }

    /// Autocommit.
    async fn alone(&mut self, client: &Client) {
        let one = self.statement();
        let text = one.sql.clone();
        self.implicit(client, vec![one], &text).await;
    }

    /// Several in one Query, which commit together.
    async fn several(&mut self, client: &Client) {
        let count = self.dice.gen_range(2..4);
        let all: Vec<Statement> = (0..count).map(|_| self.statement()).collect();
        let text = all.iter().map(|one| one.sql.as_str()).collect::<Vec<_>>().join("; ");
        self.implicit(client, all, &text).await;
    }

    async fn implicit(&mut self, client: &Client, mut all: Vec<Statement>, text: &str) {
        let ran = run(client, text).await;
        let (told, said) = match &ran {
            Ok(ids) => {
                all.iter_mut().for_each(|one| one.mark.answered = true);
                self.keep(ids, &all);
                (Told::Committed, "committed".to_owned())
            }
            Err(Failure::Error(code, message)) if !is_open(code) => (Told::Aborted, format!("{code} {message}")),
            Err(Failure::Error(code, message)) => (Told::Nothing, format!("{code} {message}")),
            Err(Failure::Lost(message)) => (Told::Nothing, message.clone()),
        };
        self.attempts.push(Attempt { marks: all.into_iter().map(|one| one.mark).collect(), told, said });
    }

    async fn read(&mut self, client: &Client) {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let answered = run(client, &format!("SELECT {number} AS n")).await.is_ok();
        let mark = Mark { number, effect: Effect::None, undone: false, answered };
        self.attempts.push(Attempt { marks: vec![mark], told: Told::Nothing, said: "read".to_owned() });
    }

    async fn block(&mut self, client: &Client) {
        let begin = ["BEGIN", "BEGIN", "BEGIN ISOLATION LEVEL SERIALIZABLE"][self.dice.gen_range(0..3)];
        let mut attempt = Attempt { marks: Vec::new(), told: Told::Aborted, said: "never asked to commit".to_owned() };
        let mut done = Vec::new();
        if let Err(Failure::Error(..) | Failure::Lost(_)) = self.inside(client, begin, &mut attempt, &mut done).await {
            // Without COMMIT it can never take place, whatever was said.
            let _ = run(client, "ROLLBACK").await;
            self.attempts.push(attempt);
            return;
        }
        if self.dice.gen_bool(0.2) {
            let _ = run(client, "ROLLBACK").await;
            attempt.said = "rolled back".to_owned();
        } else {
            (attempt.told, attempt.said) = match run(client, "COMMIT").await {
                Ok(_) => (Told::Committed, "committed".to_owned()),
                Err(Failure::Error(code, message)) if !is_open(&code) => (Told::Aborted, format!("{code} {message}")),
                Err(Failure::Error(code, message)) => (Told::Nothing, format!("{code} {message}")),
                Err(Failure::Lost(message)) => (Told::Nothing, message),
            };
            if attempt.told == Told::Committed {
                for (ids, one) in &done {
                    self.keep(ids, std::slice::from_ref(one));
                }
            }
        }
        self.attempts.push(attempt);
    }

    async fn inside(
        &mut self,
        client: &Client,
        begin: &str,
        attempt: &mut Attempt,
        done: &mut Vec<(Vec<i64>, Statement)>,
    ) -> Result<(), Failure> {
        run(client, begin).await?;
        self.some(client, attempt, done).await?;
        if self.dice.gen_bool(0.5) {
            run(client, "SAVEPOINT s").await?;
            let (kept, marked) = (done.len(), attempt.marks.len());
            let tried = self.some(client, attempt, done).await;
            let clashes = self.dice.gen_bool(0.3)
                && run(client, "INSERT INTO orders (id, tenant_id, customer_id) VALUES (26, 7, 4166)").await.is_err();
            if tried.is_err() || clashes || self.dice.gen_bool(0.5) {
                run(client, "ROLLBACK TO s").await?;
                done.truncate(kept);
                attempt.marks[marked..].iter_mut().for_each(|mark| mark.undone = true);
            } else {
                run(client, "RELEASE s").await?;
            }
            self.some(client, attempt, done).await?;
        }
        Ok(())
    }

    async fn some(
        &mut self,
        client: &Client,
        attempt: &mut Attempt,
        done: &mut Vec<(Vec<i64>, Statement)>,
    ) -> Result<(), Failure> {
        for _ in 0..self.dice.gen_range(1..3) {
            // Sometimes several that come at once.
            let count = if self.dice.gen_bool(0.3) { 3 } else { 1 };
            let all: Vec<Statement> = (0..count).map(|_| self.statement()).collect();
            let first = attempt.marks.len();
            attempt.marks.extend(all.iter().map(|one| one.mark.clone()));
            let text = all.iter().map(|one| one.sql.as_str()).collect::<Vec<_>>().join("; ");
            let mut ids = run(client, &text).await?;
            attempt.marks[first..].iter_mut().for_each(|mark| mark.answered = true);
            for one in all {
                done.push((if one.returns_order { std::mem::take(&mut ids) } else { Vec::new() }, one));
            }
        }
        Ok(())
    }

    /// What may be written to again.
    fn keep(&mut self, ids: &[i64], all: &[Statement]) {
        if all.iter().any(|one| one.returns_order) {
            self.orders.extend(ids);
        }
        self.items.extend(all.iter().filter_map(|one| one.item));
    }

    fn statement(&mut self) -> Statement {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let line = number - LINES;
        let order = self.orders.get(self.dice.gen_range(0..30) % self.orders.len().max(1)).copied();
        let (sql, effect, item) = match (self.dice.gen_range(0..10), order) {
            (0 | 1, Some(order)) => (
                format!("UPDATE orders SET note = note || 'k{number}.' WHERE id = {order} AND tenant_id = 7"),
                Effect::Note,
                None,
            ),
            (2, _) => {
                let id = self.dice.gen_range(SHARED);
                (
                    format!(
                        "INSERT INTO orders (id, tenant_id, customer_id, note) VALUES ({id}, 7, 4166, 'k{number}.') \
                         ON CONFLICT (id) DO UPDATE SET note = orders.note || EXCLUDED.note WHERE orders.tenant_id = 7"
                    ),
                    Effect::Note,
                    None,
                )
            }
            (3 | 4, Some(order)) => (
                format!(
                    "INSERT INTO order_items (order_id, line_no, tenant_id, product_id, quantity, price_cents) \
                     VALUES ({order}, {line}, 7, 1, 1, {number})"
                ),
                Effect::Item(line),
                Some((order, line)),
            ),
            // What a transaction inserts and deletes again would have to be told apart.
            (5 | 6, _) if !self.items.is_empty() => {
                let at = self.dice.gen_range(0..self.items.len());
                let (order, line) = self.items.swap_remove(at);
                (
                    format!(
                        "DELETE FROM order_items WHERE order_id = {order} AND line_no = {line} AND tenant_id = 7 AND quantity < {number}"
                    ),
                    Effect::ItemGone(line),
                    None,
                )
            }
            _ => {
                let sql =
                    format!("INSERT INTO orders (tenant_id, customer_id, note) VALUES (7, 4166, 'k{number}.') RETURNING id");
                let mark = Mark { number, effect: Effect::Note, undone: false, answered: false };
                return Statement { sql, mark, returns_order: true, item: None };
            }
        };
        let mark = Mark { number, effect, undone: false, answered: false };
        Statement { sql, mark, returns_order: false, item }
    }
}

/// Ids that came back.
async fn run(client: &Client, sql: &str) -> Result<Vec<i64>, Failure> {
    let said = tokio::time::timeout(PATIENCE, client.simple_query(sql)).await.unwrap_or_else(|_| panic!("no answer to {sql}"));
    match said {
        Ok(messages) => Ok(messages
            .iter()
            .filter_map(|message| match message {
                SimpleQueryMessage::Row(row) => row.get(0)?.parse().ok(),
                _ => None,
            })
            .collect()),
        Err(error) => Err(match error.as_db_error() {
            Some(db) => Failure::Error(db.code().code().to_owned(), db.message().to_owned()),
            None => Failure::Lost(error.to_string()),
        }),
    }
}

/// After such an error nobody promises that nothing took place.
fn is_open(code: &str) -> bool {
    code.starts_with("08") || code.starts_with("57P") || code.starts_with("58")
}
