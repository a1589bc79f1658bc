//! `postgres://user:password@host1:5432,host2:5432/database?sslmode=verify-full&sslrootcert=ca.pem`.

use serde::{Deserialize, Deserializer, de::Error as _};
use std::fmt;
use std::path::PathBuf;

/// A connection string, taken apart. `Debug` and `Display` never show the password.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseUrl {
    /// Tried in this order.
    pub hosts: Vec<(Host, u16)>,
    pub user: String,
    pub password: Option<String>,
    pub database: String,
    pub tls: TlsMode,
    /// PEM; the system's roots when absent.
    pub root_certificate: Option<PathBuf>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Host {
    Tcp(String),
    /// Directory of the Unix socket.
    Unix(PathBuf),
}

/// `sslmode`. `allow` and `prefer` fall back to clear text when somebody on the way wishes so, `verify-ca` takes any name:
/// they are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsMode {
    Disable,
    /// Encrypted; the certificate is checked only against `sslrootcert`, if one is given.
    Require,
    VerifyFull,
}

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum UrlError {
    #[error("must begin with postgres:// or postgresql://")]
    Scheme,
    #[error("names no {0}")]
    Missing(&'static str),
    #[error("has a broken %-escape or is not UTF-8 after unescaping")]
    Escape,
    #[error("has no port number in {0:?}")]
    Port(String),
    #[error("has the sslmode {0:?}; disable, require or verify-full are possible")]
    TlsMode(String),
    #[error("has the parameter {0:?}, which pgwarrant does not know")]
    Parameter(String),
}

impl DatabaseUrl {
    pub fn parse(url: &str) -> Result<Self, UrlError> {
        let rest = url.strip_prefix("postgres://").or_else(|| url.strip_prefix("postgresql://")).ok_or(UrlError::Scheme)?;
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, database) = rest.split_once('/').unwrap_or((rest, ""));
        let (user, hosts) = authority.rsplit_once('@').unwrap_or(("", authority));
        let (user, password) = match user.split_once(':') {
            Some((user, password)) => (user, Some(unescape(password)?)),
            None => (user, None),
        };
        let mut parsed = DatabaseUrl {
            hosts: hosts.split(',').filter(|part| !part.is_empty()).map(host).collect::<Result<_, _>>()?,
            user: unescape(user)?,
            password,
            database: unescape(database)?,
            tls: TlsMode::VerifyFull,
            root_certificate: None,
        };
        let mut mode = None;
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            parsed.parameter(key, unescape(value)?, &mut mode)?;
        }
        parsed.finish(mode)
    }

    fn parameter(&mut self, key: &str, value: String, mode: &mut Option<TlsMode>) -> Result<(), UrlError> {
        match key {
            "sslmode" => *mode = Some(TlsMode::parse(&value)?),
            "sslrootcert" => self.root_certificate = (value != "system").then(|| value.into()),
            "host" => self.hosts = value.split(',').map(|part| (Host::from(part), 5432)).collect(),
            "port" => {
                let port = value.parse().map_err(|_| UrlError::Port(value))?;
                self.hosts.iter_mut().for_each(|(_, old)| *old = port);
            }
            "user" => self.user = value,
            "password" => self.password = Some(value),
            "dbname" => self.database = value,
            // pgwarrant names its own connections.
            "application_name" => {}
            other => return Err(UrlError::Parameter(other.to_owned())),
        }
        Ok(())
    }

    fn finish(mut self, mode: Option<TlsMode>) -> Result<Self, UrlError> {
        if self.hosts.is_empty() {
            return Err(UrlError::Missing("host"));
        }
        if self.user.is_empty() {
            return Err(UrlError::Missing("user"));
        }
        if self.database.is_empty() {
            return Err(UrlError::Missing("database"));
        }
        // Nobody listens between two ends of one machine; everything else is verified unless told otherwise.
        let local = self.hosts.iter().all(|(host, _)| host.is_local());
        self.tls = mode.unwrap_or(if local { TlsMode::Disable } else { TlsMode::VerifyFull });
        Ok(self)
    }

    /// The URL with its password, for a configuration file.
    pub fn to_secret_string(&self) -> String {
        self.render(self.password.as_deref())
    }

    fn render(&self, password: Option<&str>) -> String {
        let secret = password.map(|text| format!(":{}", escape(text))).unwrap_or_default();
        let unix = self.hosts.iter().find_map(|(host, port)| match host {
            Host::Unix(dir) => Some((dir, *port)),
            Host::Tcp(_) => None,
        });
        let hosts = match unix {
            Some(_) => String::new(),
            None => self.hosts.iter().map(|(host, port)| format!("{host}:{port}")).collect::<Vec<_>>().join(","),
        };
        let mut query = Vec::new();
        if let Some((dir, port)) = unix {
            query.push(format!("host={}", escape(&dir.to_string_lossy())));
            query.push(format!("port={port}"));
        }
        query.push(format!("sslmode={}", self.tls.as_str()));
        if let Some(file) = &self.root_certificate {
            query.push(format!("sslrootcert={}", escape(&file.to_string_lossy())));
        }
        format!("postgres://{}{secret}@{hosts}/{}?{}", escape(&self.user), escape(&self.database), query.join("&"))
    }
}

impl TlsMode {
    fn parse(text: &str) -> Result<Self, UrlError> {
        match text {
            "disable" => Ok(TlsMode::Disable),
            "require" => Ok(TlsMode::Require),
            "verify-full" => Ok(TlsMode::VerifyFull),
            other => Err(UrlError::TlsMode(other.to_owned())),
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            TlsMode::Disable => "disable",
            TlsMode::Require => "require",
            TlsMode::VerifyFull => "verify-full",
        }
    }
}

impl Host {
    /// A Unix socket or loopback.
    pub fn is_local(&self) -> bool {
        match self {
            Host::Unix(_) => true,
            Host::Tcp(name) => {
                name == "localhost" || name.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
            }
        }
    }
}

impl From<&str> for Host {
    fn from(text: &str) -> Self {
        if text.starts_with('/') { Host::Unix(text.into()) } else { Host::Tcp(text.to_owned()) }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Host::Tcp(name) if name.contains(':') => write!(f, "[{name}]"),
            Host::Tcp(name) => f.write_str(name),
            Host::Unix(dir) => write!(f, "{}", dir.display()),
        }
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(self.password.as_ref().map(|_| "…")).replace("%E2%80%A6", "…"))
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DatabaseUrl({self})")
    }
}

impl<'de> Deserialize<'de> for DatabaseUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        // The text itself stays out of the message: it holds a password.
        DatabaseUrl::parse(&text).map_err(|error| D::Error::custom(format!("the URL {error}")))
    }
}

fn host(part: &str) -> Result<(Host, u16), UrlError> {
    // `[::1]:5432`: the brackets end before the port begins.
    let (name, port) = match part.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((name, tail)) => (name.to_owned(), tail.strip_prefix(':')),
        None => match part.split_once(':') {
            Some((name, port)) => (unescape(name)?, Some(port)),
            None => (unescape(part)?, None),
        },
    };
    let port = match port {
        Some(text) => text.parse().map_err(|_| UrlError::Port(part.to_owned()))?,
        None => 5432,
    };
    Ok((Host::from(name.as_str()), port))
}

fn unescape(text: &str) -> Result<String, UrlError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        rest = tail;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let code = rest.get(..2).and_then(|hex| std::str::from_utf8(hex).ok()).ok_or(UrlError::Escape)?;
        bytes.push(u8::from_str_radix(code, 16).map_err(|_| UrlError::Escape)?);
        rest = &rest[2..];
    }
    String::from_utf8(bytes).map_err(|_| UrlError::Escape)
}

/// Everything but RFC 3986's unreserved characters.
fn escape(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
            other => format!("%{other:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_taken_apart_and_written_again() {
        let url =
            DatabaseUrl::parse("postgres://reader:p%40ss@db1:5433,db2/shop?sslmode=require&sslrootcert=ca.pem").expect("valid");
        assert_eq!(url.hosts, [(Host::Tcp("db1".into()), 5433), (Host::Tcp("db2".into()), 5432)]);
        assert_eq!((url.user.as_str(), url.password.as_deref(), url.database.as_str()), ("reader", Some("p@ss"), "shop"));
        assert_eq!((url.tls, url.root_certificate.clone()), (TlsMode::Require, Some("ca.pem".into())));
        assert_eq!(DatabaseUrl::parse(&url.to_secret_string()), Ok(url));
    }

    #[test]
    fn a_unix_socket_comes_as_a_parameter_or_as_an_escaped_host() {
        for text in ["postgres://u@/d?host=/tmp/x&port=5433", "postgres://u@%2Ftmp%2Fx:5433/d"] {
            let url = DatabaseUrl::parse(text).expect(text);
            assert_eq!(url.hosts, [(Host::Unix("/tmp/x".into()), 5433)], "{text}");
            assert_eq!(url.tls, TlsMode::Disable);
            assert_eq!(DatabaseUrl::parse(&url.to_secret_string()), Ok(url));
        }
    }

    #[test]
    fn what_is_not_loopback_is_verified_unless_told_otherwise() {
        for (text, mode) in [
            ("postgres://u@db.example.com/d", TlsMode::VerifyFull),
            ("postgres://u@127.0.0.1/d", TlsMode::Disable),
            ("postgres://u@[::1]:5433/d", TlsMode::Disable),
            ("postgres://u@127.0.0.1,db2/d", TlsMode::VerifyFull),
            ("postgres://u@db2/d?sslmode=require", TlsMode::Require),
        ] {
            assert_eq!(DatabaseUrl::parse(text).map(|url| url.tls), Ok(mode), "{text}");
        }
    }

    #[test]
    fn the_password_is_never_shown() {
        let url = DatabaseUrl::parse("postgres://u:hunter2@h/d").expect("valid");
        assert_eq!(url.to_string(), "postgres://u:…@h:5432/d?sslmode=verify-full");
        assert!(!format!("{url:?}").contains("hunter2"));
    }

    #[test]
    fn a_wrong_url_says_what_is_wrong() {
        for (text, error) in [
            ("host=x", UrlError::Scheme),
            ("postgres://u@/d", UrlError::Missing("host")),
            ("postgres://h/d", UrlError::Missing("user")),
            ("postgres://u@h", UrlError::Missing("database")),
            ("postgres://u@h/d?sslmode=prefer", UrlError::TlsMode("prefer".into())),
            ("postgres://u@h/d?options=-c", UrlError::Parameter("options".into())),
            ("postgres://u@h:x/d", UrlError::Port("h:x".into())),
            ("postgres://u%4@h/d", UrlError::Escape),
        ] {
            assert_eq!(DatabaseUrl::parse(text), Err(error), "{text}");
        }
    }
}
