//! The settings that an agent may change. The proxy keeps them, session and transaction alike, and applies them
//! to whatever upstream connection runs the next statement; the upstream keeps no state of its own for a session.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::setting_value::{self, InvalidValue};

/// The allow-list. Anything else is refused by whatever route it comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Setting {
    ApplicationName,
    ClientEncoding,
    DateStyle,
    IntervalStyle,
    TimeZone,
    ExtraFloatDigits,
    ByteaOutput,
    Jit,
    ClientMinMessages,
    StatementTimeout,
    LockTimeout,
    IdleInTransactionSessionTimeout,
}

impl Setting {
    pub const ALL: [Setting; 12] = [
        Setting::ApplicationName,
        Setting::ClientEncoding,
        Setting::DateStyle,
        Setting::IntervalStyle,
        Setting::TimeZone,
        Setting::ExtraFloatDigits,
        Setting::ByteaOutput,
        Setting::Jit,
        Setting::ClientMinMessages,
        Setting::StatementTimeout,
        Setting::LockTimeout,
        Setting::IdleInTransactionSessionTimeout,
    ];

    /// Those that change what the upstream does; the others live in the proxy alone.
    /// `client_min_messages` must stay `log` upstream, since the trees come as LOG notices.
    pub const UPSTREAM: [Setting; 9] = [
        Setting::DateStyle,
        Setting::IntervalStyle,
        Setting::TimeZone,
        Setting::ExtraFloatDigits,
        Setting::ByteaOutput,
        Setting::Jit,
        Setting::StatementTimeout,
        Setting::LockTimeout,
        Setting::IdleInTransactionSessionTimeout,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Setting::ApplicationName => "application_name",
            Setting::ClientEncoding => "client_encoding",
            Setting::DateStyle => "DateStyle",
            Setting::IntervalStyle => "IntervalStyle",
            Setting::TimeZone => "TimeZone",
            Setting::ExtraFloatDigits => "extra_float_digits",
            Setting::ByteaOutput => "bytea_output",
            Setting::Jit => "jit",
            Setting::ClientMinMessages => "client_min_messages",
            Setting::StatementTimeout => "statement_timeout",
            Setting::LockTimeout => "lock_timeout",
            Setting::IdleInTransactionSessionTimeout => "idle_in_transaction_session_timeout",
        }
    }

    /// Postgres compares setting names without case (ASCII).
    pub fn from_name(name: &str) -> Option<Setting> {
        Setting::ALL.into_iter().find(|s| s.name().eq_ignore_ascii_case(name))
    }

    /// `GUC_REPORT`: a change is told to the client by ParameterStatus.
    pub fn is_reported(self) -> bool {
        match self {
            Setting::ApplicationName
            | Setting::ClientEncoding
            | Setting::DateStyle
            | Setting::IntervalStyle
            | Setting::TimeZone => true,
            Setting::ExtraFloatDigits
            | Setting::ByteaOutput
            | Setting::Jit
            | Setting::ClientMinMessages
            | Setting::StatementTimeout
            | Setting::LockTimeout
            | Setting::IdleInTransactionSessionTimeout => false,
        }
    }
}

/// One value a setting, in Postgres's own canonical spelling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Values {
    values: [Arc<str>; Setting::ALL.len()],
}

impl Values {
    /// What a stock server starts with; the session's start is read from the upstream.
    pub fn stock() -> Values {
        let of = |setting: Setting| -> Arc<str> {
            match setting {
                Setting::ApplicationName => "".into(),
                Setting::ClientEncoding => "UTF8".into(),
                Setting::DateStyle => "ISO, MDY".into(),
                Setting::IntervalStyle => "postgres".into(),
                Setting::TimeZone => "Etc/UTC".into(),
                Setting::ExtraFloatDigits => "1".into(),
                Setting::ByteaOutput => "hex".into(),
                Setting::Jit => "on".into(),
                Setting::ClientMinMessages => "notice".into(),
                Setting::StatementTimeout | Setting::LockTimeout | Setting::IdleInTransactionSessionTimeout => "0".into(),
            }
        };
        Values { values: Setting::ALL.map(of) }
    }

    pub fn get(&self, setting: Setting) -> &Arc<str> {
        &self.values[setting as usize]
    }

    pub fn set(&mut self, setting: Setting, value: Arc<str>) {
        self.values[setting as usize] = value;
    }

    /// Equal in everything that the upstream is told.
    pub fn same_upstream(&self, other: &Values) -> bool {
        Setting::UPSTREAM.into_iter().all(|s| self.get(s) == other.get(s))
    }
}

/// The settings that decide how Postgres reads a constant: part of a template's key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Meaning {
    pub date_style: Arc<str>,
    pub time_zone: Arc<str>,
    pub interval_style: Arc<str>,
}

impl Meaning {
    fn of(values: &Values) -> Arc<Meaning> {
        Arc::new(Meaning {
            date_style: values.get(Setting::DateStyle).clone(),
            time_zone: values.get(Setting::TimeZone).clone(),
            interval_style: values.get(Setting::IntervalStyle).clone(),
        })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    Session,
    /// `SET LOCAL`: until the end of the transaction.
    Local,
}

/// Upper ends that the operator gave, in milliseconds; 0 is none.
#[derive(Debug, Clone, Copy, Default)]
pub struct TimeoutCaps {
    pub statement: u64,
    pub lock: u64,
    pub idle_in_transaction: u64,
}

/// The values of one session, with what a rollback restores.
#[derive(Debug)]
pub struct Settings {
    /// What RESET returns to: the pinned start plus the startup packet.
    start: Arc<Values>,
    /// In force now.
    effective: Arc<Values>,
    /// In force after COMMIT, when a transaction is open: SET but not SET LOCAL.
    committed: Arc<Values>,
    meaning: Arc<Meaning>,
    marker: Arc<str>,
    /// What an upstream connection starts with.
    base: Arc<Values>,
    /// What `pgwarrant.tenant` is pinned to, and for which generation of the rules that was found.
    tenants: Option<Arc<str>>,
    tenants_of: u64,
    /// Present while a transaction block is open.
    transaction: Option<Transaction>,
}

#[derive(Debug)]
struct Transaction {
    before: Arc<Values>,
    savepoints: Vec<Savepoint>,
}

#[derive(Debug)]
struct Savepoint {
    name: String,
    effective: Arc<Values>,
    committed: Arc<Values>,
}

/// More savepoints than this in one transaction are refused: each holds memory here.
pub const MAX_SAVEPOINTS: usize = 1000;

impl Settings {
    /// `base` is what an upstream connection starts with.
    pub fn new(start: Arc<Values>, base: Arc<Values>) -> Settings {
        let (meaning, marker) = (Meaning::of(&start), marker(&start, &base, None));
        let (effective, committed) = (start.clone(), start.clone());
        Settings { effective, committed, start, meaning, marker, base, tenants: None, tenants_of: 0, transaction: None }
    }

    /// What row security shows the session: see [`super::tenants`].
    pub fn tenants(&self) -> Option<&str> {
        self.tenants.as_deref()
    }

    /// Finds the tenants again if the generation is another one.
    pub fn pin_tenants(&mut self, generation: u64, find: impl FnOnce() -> Option<Arc<str>>) {
        if self.tenants_of != generation {
            (self.tenants, self.tenants_of) = (find(), generation);
            self.marker = marker(&self.effective, &self.base, self.tenants());
        }
    }

    /// The `application_name` of an upstream connection that has these very settings, see [`marker`].
    pub fn marker(&self) -> &Arc<str> {
        &self.marker
    }

    pub fn effective(&self) -> &Arc<Values> {
        &self.effective
    }

    pub fn meaning(&self) -> &Arc<Meaning> {
        &self.meaning
    }

    pub fn get(&self, setting: Setting) -> &Arc<str> {
        self.effective.get(setting)
    }

    /// The canonical value of `raw`, or why it is none. `TimeZone` is only checked for its form here:
    /// which names exist is the upstream's to say.
    pub fn canonical(&self, setting: Setting, raw: &str, caps: &TimeoutCaps) -> Result<Arc<str>, InvalidValue> {
        let current = self.get(setting);
        setting_value::canonical(setting, raw, current, caps)
    }

    pub fn set(&mut self, setting: Setting, value: Arc<str>, scope: Scope) {
        match scope {
            Scope::Local if self.transaction.is_none() => {}
            Scope::Local => replace(&mut self.effective, setting, value),
            Scope::Session => {
                replace(&mut self.effective, setting, value.clone());
                replace(&mut self.committed, setting, value);
            }
        }
        self.refresh();
    }

    pub fn reset(&mut self, setting: Setting, scope: Scope) {
        let value = self.start.get(setting).clone();
        self.set(setting, value, scope);
    }

    pub fn reset_all(&mut self) {
        self.effective = self.start.clone();
        self.committed = self.start.clone();
        self.refresh();
    }

    pub fn begin(&mut self) {
        if self.transaction.is_none() {
            self.transaction = Some(Transaction { before: self.effective.clone(), savepoints: Vec::new() });
        }
    }

    pub fn commit(&mut self) {
        if self.transaction.take().is_some() {
            self.effective = self.committed.clone();
            self.refresh();
        }
    }

    pub fn rollback(&mut self) {
        if let Some(transaction) = self.transaction.take() {
            self.effective = transaction.before.clone();
            self.committed = transaction.before;
            self.refresh();
        }
    }

    /// The block has failed: what was set since the last savepoint is undone at once, not only by ROLLBACK.
    pub fn abort(&mut self) {
        let Some(t) = &self.transaction else { return };
        let (effective, committed) = match t.savepoints.last() {
            Some(savepoint) => (savepoint.effective.clone(), savepoint.committed.clone()),
            None => (t.before.clone(), t.before.clone()),
        };
        (self.effective, self.committed) = (effective, committed);
        self.refresh();
    }

    /// False when there are too many.
    pub fn savepoint(&mut self, name: &str) -> bool {
        let (effective, committed) = (self.effective.clone(), self.committed.clone());
        match &mut self.transaction {
            Some(t) if t.savepoints.len() >= MAX_SAVEPOINTS => false,
            Some(t) => {
                t.savepoints.push(Savepoint { name: name.to_owned(), effective, committed });
                true
            }
            None => true,
        }
    }

    pub fn release(&mut self, name: &str) {
        if let Some(t) = &mut self.transaction
            && let Some(at) = t.savepoints.iter().rposition(|s| s.name == name)
        {
            t.savepoints.truncate(at);
        }
    }

    /// The savepoint itself stays, as in Postgres.
    pub fn rollback_to(&mut self, name: &str) {
        if let Some(t) = &mut self.transaction
            && let Some(at) = t.savepoints.iter().rposition(|s| s.name == name)
        {
            t.savepoints.truncate(at + 1);
            self.effective = t.savepoints[at].effective.clone();
            self.committed = t.savepoints[at].committed.clone();
            self.refresh();
        }
    }

    fn refresh(&mut self) {
        let same = self.meaning.date_style == *self.effective.get(Setting::DateStyle)
            && self.meaning.time_zone == *self.effective.get(Setting::TimeZone)
            && self.meaning.interval_style == *self.effective.get(Setting::IntervalStyle);
        if !same {
            self.meaning = Meaning::of(&self.effective);
        }
        self.marker = marker(&self.effective, &self.base, self.tenants());
    }
}

/// Postgres reports `application_name` by itself, after a rollback too. So it tells what settings a connection has,
/// and no account of them can go wrong.
pub fn marker(values: &Values, base: &Values, tenants: Option<&str>) -> Arc<str> {
    if values.same_upstream(base) && tenants.is_none() {
        return BASE_MARKER.into();
    }
    let mut hash = Sha256::new();
    for setting in Setting::UPSTREAM {
        hash.update(values.get(setting).as_bytes());
        hash.update([0]);
    }
    // No tenants are something else than nothing pinned.
    if let Some(tenants) = tenants {
        hash.update([1]);
        hash.update(tenants.as_bytes());
    }
    format!("{BASE_MARKER} {}", super::identity::hex(&hash.finalize()[..16])).into()
}

pub const BASE_MARKER: &str = "pgwarrant";

fn replace(values: &mut Arc<Values>, setting: Setting, value: Arc<str>) {
    if *values.get(setting) != value {
        Arc::make_mut(values).set(setting, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Settings {
        Settings::new(Arc::new(Values::stock()), Arc::new(Values::stock()))
    }

    #[test]
    fn the_marker_differs_where_the_upstream_would() {
        let mut s = settings();
        assert_eq!(&**s.marker(), BASE_MARKER);
        s.set(Setting::ApplicationName, "x".into(), Scope::Session);
        assert_eq!(&**s.marker(), BASE_MARKER);
        s.set(Setting::ByteaOutput, "escape".into(), Scope::Session);
        let escape = s.marker().clone();
        assert_ne!(&*escape, BASE_MARKER);
        assert!(escape.len() < 64);
        s.set(Setting::Jit, "off".into(), Scope::Session);
        assert_ne!(*s.marker(), escape);
        s.reset_all();
        assert_eq!(&**s.marker(), BASE_MARKER);
    }

    #[test]
    fn set_outside_a_transaction_lasts() {
        let mut s = settings();
        s.set(Setting::TimeZone, "Europe/Paris".into(), Scope::Session);
        assert_eq!(&**s.get(Setting::TimeZone), "Europe/Paris");
        assert_eq!(&*s.meaning().time_zone, "Europe/Paris");
    }

    #[test]
    fn set_local_outside_a_transaction_does_nothing() {
        let mut s = settings();
        s.set(Setting::TimeZone, "Europe/Paris".into(), Scope::Local);
        assert_eq!(&**s.get(Setting::TimeZone), "Etc/UTC");
    }

    #[test]
    fn rollback_undoes_set_and_set_local() {
        let mut s = settings();
        s.begin();
        s.set(Setting::DateStyle, "German, DMY".into(), Scope::Session);
        s.set(Setting::Jit, "off".into(), Scope::Local);
        s.rollback();
        assert_eq!(&**s.get(Setting::DateStyle), "ISO, MDY");
        assert_eq!(&**s.get(Setting::Jit), "on");
        assert_eq!(&*s.meaning().date_style, "ISO, MDY");
    }

    #[test]
    fn commit_keeps_set_and_ends_set_local() {
        let mut s = settings();
        s.begin();
        s.set(Setting::DateStyle, "German, DMY".into(), Scope::Session);
        s.set(Setting::DateStyle, "SQL, DMY".into(), Scope::Local);
        assert_eq!(&**s.get(Setting::DateStyle), "SQL, DMY");
        s.commit();
        assert_eq!(&**s.get(Setting::DateStyle), "German, DMY");
    }

    #[test]
    fn rollback_to_restores_what_the_savepoint_saw() {
        let mut s = settings();
        s.begin();
        s.set(Setting::Jit, "off".into(), Scope::Session);
        s.savepoint("a");
        s.set(Setting::Jit, "on".into(), Scope::Session);
        s.rollback_to("a");
        assert_eq!(&**s.get(Setting::Jit), "off");
        s.commit();
        assert_eq!(&**s.get(Setting::Jit), "off");
    }

    #[test]
    fn names_are_found_without_case() {
        assert_eq!(Setting::from_name("datestyle"), Some(Setting::DateStyle));
        assert_eq!(Setting::from_name("search_path"), None);
    }

    #[test]
    fn a_setting_stands_at_its_own_index() {
        for (i, s) in Setting::ALL.into_iter().enumerate() {
            assert_eq!(s as usize, i);
        }
    }
}
