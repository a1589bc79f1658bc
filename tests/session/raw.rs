//! A client that says exactly what it is told and shows exactly what comes back.

#![allow(dead_code)]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use pgwarrant::wire::backend::{self, tag};
use pgwarrant::wire::frame::{BackendLimits, Frame, split_backend};
use pgwarrant::wire::frontend::{Format, Formats, Target};
use pgwarrant::wire::request;

pub struct Raw {
    pub stream: TcpStream,
    read: BytesMut,
    pub key: Option<backend::BackendKey>,
}

/// One message of a script.
#[derive(Debug, Clone)]
pub enum Say {
    Query(&'static str),
    Parse(&'static str, &'static str),
    /// Portal, statement, text parameters.
    Bind(&'static str, &'static str, Vec<Option<&'static str>>),
    /// The same with binary results.
    BindBinary(&'static str, &'static str, Vec<Option<&'static str>>),
    DescribeStatement(&'static str),
    DescribePortal(&'static str),
    Execute(&'static str, i32),
    CloseStatement(&'static str),
    ClosePortal(&'static str),
    Sync,
    Flush,
}

impl Raw {
    /// `url` is `postgres://user:password@host:port/database`.
    pub fn connect(url: &str, extra: &[(&str, &str)]) -> Raw {
        Raw::try_connect(url, extra).unwrap_or_else(|refused| panic!("refused: {refused}"))
    }

    pub fn try_connect(url: &str, extra: &[(&str, &str)]) -> Result<Raw, String> {
        let config: tokio_postgres::Config = url.parse().expect("a connection string");
        let tokio_postgres::config::Host::Tcp(host) = &config.get_hosts()[0] else { panic!("a TCP address") };
        let stream = TcpStream::connect((host.as_str(), config.get_ports()[0])).expect("the server listens");
        stream.set_nodelay(true).expect("a socket");
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a socket");
        let mut raw = Raw { stream, read: BytesMut::new(), key: None };
        let who = [("user", config.get_user().unwrap()), ("database", config.get_dbname().unwrap())];
        let mut out = BytesMut::new();
        request::startup(&mut out, who.into_iter().chain(extra.iter().copied())).unwrap();
        raw.send_bytes(&out);
        loop {
            let frame = raw.frame().ok_or("closed")?;
            match frame.tag {
                tag::AUTHENTICATION if frame.body()[..] == [0, 0, 0, 3] => {
                    let password = String::from_utf8(config.get_password().expect("a password").to_vec()).unwrap();
                    let mut out = BytesMut::new();
                    request::password(&mut out, &password).unwrap();
                    raw.send_bytes(&out);
                }
                tag::BACKEND_KEY_DATA => raw.key = Some(backend::backend_key_data(&frame.body()).unwrap()),
                tag::ERROR_RESPONSE => return Err(show(&frame)),
                tag::READY_FOR_QUERY => return Ok(raw),
                _ => {}
            }
        }
    }

    pub fn send_bytes(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("the server reads");
    }

    /// The next message; `None` at the end of the stream.
    pub fn frame(&mut self) -> Option<Frame> {
        loop {
            if let Some(frame) = split_backend(&mut self.read, &BackendLimits::default()).expect("a valid message") {
                return Some(frame);
            }
            let mut chunk = [0; 16 * 1024];
            match self.stream.read(&mut chunk) {
                Ok(0) => return None,
                Ok(count) => self.read.extend_from_slice(&chunk[..count]),
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return None,
                Err(error) => panic!("{error}"),
            }
        }
    }

    pub fn say(&mut self, script: &[Say]) {
        let mut out = BytesMut::new();
        script.iter().for_each(|say| encode(say, &mut out));
        self.send_bytes(&out);
    }

    /// Everything up to ReadyForQuery, shortened to what a test compares.
    pub fn until_ready(&mut self) -> Vec<String> {
        let mut shown = Vec::new();
        while let Some(frame) = self.frame() {
            if frame.tag != tag::PARAMETER_STATUS {
                shown.push(show(&frame));
            }
            if frame.tag == tag::READY_FOR_QUERY {
                return shown;
            }
        }
        shown.push("closed".to_owned());
        shown
    }

    pub fn run(&mut self, script: &[Say]) -> Vec<String> {
        self.say(script);
        let cycles = script.iter().filter(|say| matches!(say, Say::Sync | Say::Query(_))).count();
        (0..cycles).flat_map(|_| self.until_ready()).collect()
    }
}

fn encode(say: &Say, out: &mut BytesMut) {
    let values = |values: &[Option<&'static str>]| -> Vec<Option<Bytes>> {
        values.iter().map(|value| value.map(|text| Bytes::from_static(text.as_bytes()))).collect()
    };
    let text = Formats::All(Format::Text);
    match say {
        Say::Query(text) => request::query(out, text),
        Say::Parse(name, text) => request::parse(out, name, text, &[]),
        Say::Bind(portal, statement, v) => request::bind(out, portal, statement, &text, &values(v), request::ALL_TEXT),
        Say::BindBinary(portal, statement, v) => request::bind(out, portal, statement, &text, &values(v), &[0, 1, 0, 1]),
        Say::DescribeStatement(name) => request::describe(out, Target::Statement(name)),
        Say::DescribePortal(name) => request::describe(out, Target::Portal(name)),
        Say::Execute(portal, rows) => request::execute(out, portal, *rows),
        Say::CloseStatement(name) => request::close(out, Target::Statement(name)),
        Say::ClosePortal(name) => request::close(out, Target::Portal(name)),
        Say::Sync => {
            request::sync(out);
            Ok(())
        }
        Say::Flush => {
            request::flush(out);
            Ok(())
        }
    }
    .expect("a script is encodable");
}

/// Tag and what matters of the body. Of errors the SQLSTATE, since words are the proxy's own.
pub fn show(frame: &Frame) -> String {
    let body = frame.body();
    match frame.tag {
        tag::ERROR_RESPONSE => format!("error {}", report(&body, b'C')),
        tag::NOTICE_RESPONSE => format!("notice {} {}", report(&body, b'C'), report(&body, b'M')),
        tag::COMMAND_COMPLETE => format!("complete {}", backend::command_complete(&body).unwrap()),
        tag::READY_FOR_QUERY => format!("ready {}", body[0] as char),
        tag::DATA_ROW => {
            let values = backend::data_row(&body).unwrap();
            let value = |v: &Option<Bytes>| v.as_ref().map_or("NULL".to_owned(), |v| String::from_utf8_lossy(v).into_owned());
            format!("row {}", values.iter().map(value).collect::<Vec<_>>().join("|"))
        }
        tag::ROW_DESCRIPTION => {
            let fields = backend::row_description(&body).unwrap();
            let field = |f: &backend::Field<'_>| format!("{}:{}:{}", String::from_utf8_lossy(f.name), f.type_oid, f.format);
            format!("columns {}", fields.iter().map(field).collect::<Vec<_>>().join(" "))
        }
        tag::PARAMETER_DESCRIPTION => format!("parameters {:?}", backend::parameter_description(&body).unwrap()),
        tag::PARSE_COMPLETE => "parsed".to_owned(),
        tag::BIND_COMPLETE => "bound".to_owned(),
        tag::CLOSE_COMPLETE => "closed".to_owned(),
        tag::NO_DATA => "no data".to_owned(),
        tag::PORTAL_SUSPENDED => "suspended".to_owned(),
        tag::EMPTY_QUERY_RESPONSE => "empty".to_owned(),
        other => format!("{}", other as char),
    }
}

pub fn report(body: &Bytes, code: u8) -> String {
    let report = backend::report(body).unwrap();
    report.get(code).map(|text| String::from_utf8_lossy(text).into_owned()).unwrap_or_default()
}

impl Raw {
    /// Up to ReadyForQuery: the first row, else the reason of the first error, or its SQLSTATE if it has none.
    pub fn outcome(&mut self) -> String {
        let mut outcome = None;
        while let Some(frame) = self.frame() {
            match frame.tag {
                tag::DATA_ROW => outcome = outcome.or(Some(show(&frame))),
                tag::ERROR_RESPONSE => {
                    let reason = report(&frame.body(), b'n');
                    let said = if reason.is_empty() { show(&frame) } else { reason };
                    outcome = outcome.or(Some(said));
                }
                tag::READY_FOR_QUERY => return outcome.unwrap_or_else(|| "nothing".to_owned()),
                _ => {}
            }
        }
        outcome.unwrap_or_else(|| "closed".to_owned())
    }
}
