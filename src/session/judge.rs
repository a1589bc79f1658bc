//! From a text to a permit: what kind of statement it is, whether it is proven, and whether its values fit the proof.

use super::connection_settings;
use super::control;
use super::core::Session;
use super::decide::{self, Asker, Found};
use super::describe;
use super::failure::Failure;
use super::local;
use super::prepared::{Decided, Kind, Permitted, Values};
use super::prover;
use crate::decision::deny::Deny;
use crate::decision::reason::Reason;
use crate::statement;
use crate::statement::kind::{LocalStatement, StatementKind};
use crate::statement::scan::Template;
use crate::upstream::Pooled;
use crate::wire::Oid;

impl Session {
    pub fn asker(&self) -> Asker<'_> {
        Asker {
            proxy: &self.proxy,
            identity: &self.identity,
            meaning: self.settings.meaning(),
            world: self.proxy.worlds.load().clone(),
        }
    }

    /// A statement's kind, and for a query the proof.
    pub async fn judge(&mut self, text: &str, declared: &[Oid]) -> Result<Kind, Failure> {
        let template = match self.asker().look_up(text, declared) {
            Found::Decided(_) if self.transaction.is_failed() => return Err(Failure::transaction_failed()),
            Found::Decided(decided) => {
                self.proxy.metrics.known.increment(1);
                return Ok(Kind::Query(decided));
            }
            Found::Unknown(template) => template,
        };
        let mut statements = statement::local::read(text, &self.proxy.limits)?;
        let Some(statement) = statements.pop() else { return Ok(Kind::Empty) };
        if !statements.is_empty() {
            return Err(Failure::new("42601", "cannot insert multiple commands into a prepared statement"));
        }
        self.judge_local(text, declared, statement, template).await
    }

    pub async fn judge_local(
        &mut self,
        text: &str,
        declared: &[Oid],
        statement: LocalStatement,
        template: Option<Template>,
    ) -> Result<Kind, Failure> {
        if self.transaction.is_failed() && !control::leaves_block(&statement.kind) {
            return Err(Failure::transaction_failed());
        }
        match statement.kind {
            StatementKind::Select => self.select(text, declared, &statement, template).await.map(Kind::Query),
            StatementKind::Write { verb } => {
                self.check_may_write(verb)?;
                self.select(text, declared, &statement, template).await.map(Kind::Query)
            }
            StatementKind::Unsupported { ref word } => local::unsupported(text, word).map(|()| Kind::Local(Box::new(statement))),
            _ => Ok(Kind::Local(Box::new(statement))),
        }
    }

    /// A query over the system catalogues is asked of the filtered catalogue instead; any other as it stands.
    async fn select(
        &mut self,
        text: &str,
        declared: &[Oid],
        statement: &LocalStatement,
        template: Option<Template>,
    ) -> Result<Decided, Failure> {
        self.check_ledger(false)?;
        // What the words name is looked up in the catalogue before Postgres reads them, so it must be a fresh one.
        if !self.proxy.freshen().await {
            let deny = Deny::new(Reason::UpstreamUnavailable, "the database's catalogue cannot be read now");
            return Err(deny.hint("Try again.").into());
        }
        let world = self.proxy.worlds.load().clone();
        let Some(rewritten) = statement::catalogue::rewrite(text, statement, &self.proxy.limits) else {
            let named = prover::named(&statement.names, &world, &self.identity)?;
            return self.read_and_prove(text, declared, template, &named).await;
        };
        // Before any proof is looked up: a name in it may be one that this token must not learn of.
        let named = prover::named(&rewritten.names, &world, &self.identity)?;
        let found = match self.asker().look_up(&rewritten.text, declared) {
            Found::Decided(decided) => Ok(decided),
            Found::Unknown(template) => self.read_and_prove(&rewritten.text, declared, template, &named).await,
        };
        found.map_err(|failure| failure.moved(|position| rewritten.original_position(position)))
    }

    pub async fn read_and_prove(
        &mut self,
        text: &str,
        declared: &[Oid],
        template: Option<Template>,
        named: &[String],
    ) -> Result<Decided, Failure> {
        self.proxy.metrics.unknown.increment(1);
        let (decided, lost) = self.try_read(text, declared, template.clone(), named).await?;
        if lost && decided.is_err() {
            // The connection had died in the pool; another one may live.
            return self.try_read(text, declared, template, named).await?.0;
        }
        decided
    }

    /// What was decided, and whether the connection was lost on the way.
    async fn try_read(
        &mut self,
        text: &str,
        declared: &[Oid],
        template: Option<Template>,
        named: &[String],
    ) -> Result<(Result<Decided, Failure>, bool), Failure> {
        self.pin_tenants();
        let mut connection = self.reading_connection().await?;
        if let Some(handle) = connection.cancel_handle() {
            self.registration.running(handle);
        }
        let patience = self.proxy.patience;
        let reading = tokio::time::timeout(patience, self.read_on(&mut connection, text, declared, template, named)).await;
        let timed_out = reading.is_err();
        let decided = reading.unwrap_or_else(|_| {
            connection.discard();
            Err(Deny::new(Reason::UpstreamUnavailable, "the database did not answer in time").into())
        });
        self.registration.finished().await;
        let lost = !connection.is_idle() && !timed_out;
        self.keep_or_release(connection);
        Ok((decided, lost))
    }

    async fn read_on(
        &self,
        connection: &mut Pooled,
        text: &str,
        declared: &[Oid],
        template: Option<Template>,
        named: &[String],
    ) -> Result<Decided, Failure> {
        let failed = |error| decide::upstream_failed(&error);
        connection_settings::apply(connection, &self.settings).await.map_err(failed)?;
        let decided = self.asker().decide(connection, text, declared, template.clone(), named).await;
        if matches!(&decided, Err(failure) if failure.reason == Some(Reason::CatalogueChanged)) {
            // It names what was made since the catalogue was last read.
            self.proxy.refresh().await;
            return self.asker().decide(connection, text, declared, template, named).await;
        }
        decided
    }

    /// The permit for these values. Where the template cannot prove it, the whole text may.
    pub async fn permit(
        &mut self,
        text: &str,
        declared: &[Oid],
        decided: &Decided,
        values: &Values,
    ) -> Result<Permitted, Failure> {
        let mut decided = decided.clone();
        if decided.world.generation != self.proxy.worlds.load().generation {
            let again = self.decide_again(text, declared).await?;
            check_same_types(&decided, &again)?;
            decided = again;
        }
        match decided.check(values) {
            Ok(permit) => Ok(Permitted { decided, permit }),
            Err(deny) if decided.literals.is_empty() => Err(deny.into()),
            Err(_) => {
                let decided = self.decide_whole(text, declared).await?;
                let permit = decided.check(values)?;
                Ok(Permitted { decided, permit })
            }
        }
    }

    /// After a change of catalogue or rules.
    pub async fn decide_again(&mut self, text: &str, declared: &[Oid]) -> Result<Decided, Failure> {
        match self.judge(text, declared).await? {
            Kind::Query(decided) => Ok(decided),
            Kind::Empty | Kind::Local(_) => Err(Deny::new(Reason::CatalogueChanged, "the statement changed its kind").into()),
        }
    }

    /// By the whole text, literals and all.
    async fn decide_whole(&mut self, text: &str, declared: &[Oid]) -> Result<Decided, Failure> {
        match statement::local::read(text, &self.proxy.limits)?.as_slice() {
            [statement @ LocalStatement { kind: StatementKind::Select | StatementKind::Write { .. }, .. }] => {
                self.select(text, declared, statement, None).await
            }
            _ => Err(Deny::new(Reason::CatalogueChanged, "the statement changed its kind").into()),
        }
    }
}

/// The agent was told of parameters and columns: values of other types must not come in their place.
pub fn check_same_types(told: &Decided, again: &Decided) -> Result<(), Failure> {
    let parameters =
        |decided: &Decided| decided.certified.reading.parameter_types[..decided.certified.client_parameters].to_vec();
    let columns = |decided: &Decided| describe::column_types(decided.certified.reading.row_description.as_ref());
    if parameters(told) == parameters(again) && columns(told) == columns(again) {
        return Ok(());
    }
    Err(Failure::new("0A000", "cached plan must not change result type"))
}
