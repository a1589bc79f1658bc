//! Where the database is and how to reach it: libpq's connection strings, URI or keywords, the part that is safe.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use zeroize::Zeroizing;

/// One server of a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Host {
    Tcp {
        host: String,
        port: u16,
    },
    /// The directory of the socket; the socket is `.s.PGSQL.<port>` in it.
    Unix {
        directory: PathBuf,
        port: u16,
    },
}

impl Host {
    fn new(host: &str, port: u16) -> Self {
        if host.starts_with('/') {
            Host::Unix { directory: PathBuf::from(host), port }
        } else {
            Host::Tcp { host: host.to_owned(), port }
        }
    }

    /// Whether the name itself says that bytes stay on this machine.
    pub fn is_local(&self) -> bool {
        match self {
            Host::Unix { .. } => true,
            Host::Tcp { host, .. } => host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback()),
        }
    }
}

/// `allow` and `prefer` fall back to clear text when somebody in between wishes so, and `verify-ca` accepts any name:
/// neither is offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SslMode {
    Disable,
    /// Encrypted. The server's certificate is checked only against `sslrootcert`, if one is given.
    Require,
    /// Encrypted, the certificate is from a trusted root and names the host.
    VerifyFull,
}

#[derive(Clone, PartialEq, Eq)]
pub struct Target {
    /// Tried in this order.
    pub hosts: Vec<Host>,
    pub user: String,
    pub password: Option<Zeroizing<String>>,
    pub database: String,
    pub ssl_mode: SslMode,
    /// PEM file of trusted roots; the system's without it.
    pub root_cert: Option<PathBuf>,
    /// For one host, from the first packet to the first ReadyForQuery.
    pub connect_timeout: Duration,
    /// Refuse to authenticate unless the exchange is bound to the TLS channel.
    pub require_channel_binding: bool,
    /// Answer a request for the password in clear, over loopback or a Unix socket only. No connection string sets it.
    pub allow_cleartext: bool,
}

impl std::fmt::Debug for Target {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Target")
            .field("hosts", &self.hosts)
            .field("user", &self.user)
            .field("database", &self.database)
            .field("ssl_mode", &self.ssl_mode)
            .finish_non_exhaustive()
    }
}

/// Texts never hold the connection string: it holds the password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    #[error("the connection string is malformed: {0}")]
    Malformed(&'static str),
    #[error("the connection string's option {0:?} is not supported")]
    UnknownOption(String),
    #[error("the connection string gives {0} twice")]
    Duplicate(String),
    #[error("the connection string's {option} cannot be {value:?}: {hint}")]
    Value { option: &'static str, value: String, hint: &'static str },
    #[error("the connection string needs {0}")]
    Missing(&'static str),
    #[error("the connection string gives {hosts} hosts but {ports} ports")]
    Ports { hosts: usize, ports: usize },
}

impl Target {
    /// Reads `postgresql://user:password@host:port,host:port/database?sslmode=…` or `host=… user=…`.
    /// Neither the environment nor a password file is looked at.
    pub fn parse(text: &str) -> Result<Target, TargetError> {
        let mut options = Options::default();
        match text.strip_prefix("postgresql://").or_else(|| text.strip_prefix("postgres://")) {
            Some(rest) => uri(rest, &mut options)?,
            None => keywords(text, &mut options)?,
        }
        options.into_target()
    }
}

/// Options by their libpq names, each at most once.
#[derive(Default)]
struct Options {
    found: Vec<(&'static str, Zeroizing<String>)>,
}

const KNOWN: &[&str] =
    &["host", "port", "user", "password", "dbname", "sslmode", "sslrootcert", "connect_timeout", "channel_binding"];

impl Options {
    fn set(&mut self, name: &str, value: String) -> Result<(), TargetError> {
        let known = KNOWN.iter().find(|known| **known == name).ok_or_else(|| TargetError::UnknownOption(name.to_owned()))?;
        if self.get(known).is_some() {
            return Err(TargetError::Duplicate(name.to_owned()));
        }
        self.found.push((known, Zeroizing::new(value)));
        Ok(())
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.found.iter().find(|(found, _)| *found == name).map(|(_, value)| value.as_str())
    }

    fn into_target(self) -> Result<Target, TargetError> {
        let hosts = self.hosts()?;
        let user = self.get("user").filter(|user| !user.is_empty()).ok_or(TargetError::Missing("a user"))?.to_owned();
        let database = self.get("dbname").filter(|name| !name.is_empty()).unwrap_or(&user).to_owned();
        Ok(Target {
            ssl_mode: self.ssl_mode(&hosts)?,
            hosts,
            user,
            database,
            password: self.get("password").map(|password| Zeroizing::new(password.to_owned())),
            root_cert: self.get("sslrootcert").filter(|&path| path != "system").map(PathBuf::from),
            connect_timeout: self.connect_timeout()?,
            require_channel_binding: self.require_channel_binding()?,
            allow_cleartext: false,
        })
    }

    fn hosts(&self) -> Result<Vec<Host>, TargetError> {
        let names: Vec<&str> =
            self.get("host").filter(|host| !host.is_empty()).ok_or(TargetError::Missing("a host"))?.split(',').collect();
        let ports: Vec<&str> = self.get("port").unwrap_or("").split(',').collect();
        if ports.len() != 1 && ports.len() != names.len() {
            return Err(TargetError::Ports { hosts: names.len(), ports: ports.len() });
        }
        let port_of = |index: usize| port(ports.get(index).or(ports.first()).copied().unwrap_or(""));
        names
            .iter()
            .enumerate()
            .map(
                |(index, name)| {
                    if name.is_empty() { Err(TargetError::Missing("a host")) } else { Ok(Host::new(name, port_of(index)?)) }
                },
            )
            .collect()
    }

    fn ssl_mode(&self, hosts: &[Host]) -> Result<SslMode, TargetError> {
        match self.get("sslmode") {
            None if hosts.iter().all(Host::is_local) => Ok(SslMode::Disable),
            None | Some("verify-full") => Ok(SslMode::VerifyFull),
            Some("require") => Ok(SslMode::Require),
            Some("disable") => Ok(SslMode::Disable),
            Some(other) => Err(TargetError::Value {
                option: "sslmode",
                value: other.to_owned(),
                hint: "use verify-full, require or disable",
            }),
        }
    }

    fn connect_timeout(&self) -> Result<Duration, TargetError> {
        let Some(text) = self.get("connect_timeout") else { return Ok(Duration::from_secs(5)) };
        match text.parse::<u32>() {
            Ok(seconds @ 1..=600) => Ok(Duration::from_secs(seconds.into())),
            _ => Err(TargetError::Value { option: "connect_timeout", value: text.to_owned(), hint: "use 1 to 600 seconds" }),
        }
    }

    fn require_channel_binding(&self) -> Result<bool, TargetError> {
        match self.get("channel_binding") {
            None | Some("prefer") => Ok(false),
            Some("require") => Ok(true),
            Some(other) => {
                Err(TargetError::Value { option: "channel_binding", value: other.to_owned(), hint: "use prefer or require" })
            }
        }
    }
}

fn port(text: &str) -> Result<u16, TargetError> {
    if text.is_empty() {
        return Ok(5432);
    }
    match text.parse::<u16>() {
        Ok(port) if port > 0 && text.bytes().all(|byte| byte.is_ascii_digit()) => Ok(port),
        _ => Err(TargetError::Value { option: "port", value: text.to_owned(), hint: "use 1 to 65535" }),
    }
}

fn uri(rest: &str, options: &mut Options) -> Result<(), TargetError> {
    if rest.contains('#') {
        return Err(TargetError::Malformed("a fragment has no meaning here; write # as %23"));
    }
    let (location, query) = rest.split_once('?').map_or((rest, None), |(location, query)| (location, Some(query)));
    let (authority, path) = location.split_once('/').map_or((location, None), |(authority, path)| (authority, Some(path)));
    let (login, hosts) = authority.rsplit_once('@').map_or((None, authority), |(login, hosts)| (Some(login), hosts));
    if let Some(login) = login {
        let (user, password) = login.split_once(':').map_or((login, None), |(user, password)| (user, Some(password)));
        options.set("user", decode(user)?)?;
        if let Some(password) = password {
            options.set("password", decode(password)?)?;
        }
    }
    if !hosts.is_empty() {
        let (names, ports) = split_hosts(hosts)?;
        options.set("host", names)?;
        options.set("port", ports)?;
    }
    if let Some(path) = path.filter(|path| !path.is_empty()) {
        options.set("dbname", decode(path)?)?;
    }
    for pair in query.into_iter().flat_map(|query| query.split('&')).filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').ok_or(TargetError::Malformed("an option has no value"))?;
        options.set(&decode(name)?, decode(value)?)?;
    }
    Ok(())
}

/// `a:1,[::1]:2,%2Frun` → the names and the ports, each joined by commas.
fn split_hosts(hosts: &str) -> Result<(String, String), TargetError> {
    let (mut names, mut ports) = (Vec::new(), Vec::new());
    for part in hosts.split(',') {
        let (name, port) = match part.strip_prefix('[') {
            Some(bracketed) => {
                let (name, after) = bracketed.split_once(']').ok_or(TargetError::Malformed("a bracket is not closed"))?;
                match after.strip_prefix(':') {
                    Some(port) => (name, port),
                    None if after.is_empty() => (name, ""),
                    None => return Err(TargetError::Malformed("a port follows a colon")),
                }
            }
            None => part.split_once(':').unwrap_or((part, "")),
        };
        let name = decode(name)?;
        if name.contains(',') {
            return Err(TargetError::Malformed("a host holds a comma"));
        }
        names.push(name);
        ports.push(port);
    }
    Ok((names.join(","), ports.join(",")))
}

fn decode(text: &str) -> Result<String, TargetError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(if byte == b'%' {
            let digit =
                |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16)).and_then(|digit| u8::try_from(digit).ok());
            match (digit(rest.next()), digit(rest.next())) {
                (Some(high), Some(low)) if (high, low) != (0, 0) => high << 4 | low,
                _ => return Err(TargetError::Malformed("% must be followed by two hexadecimal digits, not 00")),
            }
        } else {
            byte
        });
    }
    String::from_utf8(bytes).map_err(|_| TargetError::Malformed("it is not UTF-8"))
}

/// `name = value name='quoted \' value'`, as `conninfo_parse` reads it.
fn keywords(text: &str, options: &mut Options) -> Result<(), TargetError> {
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (name, after) = rest.split_once('=').ok_or(TargetError::Malformed("an option has no value"))?;
        let name = name.trim_end();
        if name.is_empty() || name.contains(char::is_whitespace) {
            return Err(TargetError::Malformed("an option has no value"));
        }
        let (value, after) = keyword_value(after.trim_start())?;
        options.set(name, value)?;
        rest = after.trim_start();
    }
    Ok(())
}

fn keyword_value(text: &str) -> Result<(String, &str), TargetError> {
    let quoted = text.starts_with('\'');
    let mut value = String::new();
    let mut characters = text.char_indices().skip(usize::from(quoted));
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' => match characters.next() {
                Some((_, escaped)) => value.push(escaped),
                None => return Err(TargetError::Malformed("a backslash escapes nothing")),
            },
            '\'' if quoted => {
                let after = &text[at + 1..];
                return if after.is_empty() || after.starts_with(char::is_whitespace) {
                    Ok((value, after))
                } else {
                    Err(TargetError::Malformed("a quoted value ends at its quote"))
                };
            }
            space if space.is_whitespace() && !quoted => return Ok((value, &text[at..])),
            other => value.push(other),
        }
    }
    if quoted { Err(TargetError::Malformed("a quote is not closed")) } else { Ok((value, "")) }
}

#[cfg(test)]
#[path = "target_tests.rs"]
mod tests;
