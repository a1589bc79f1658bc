//! A client that sends exactly what it is told and shows every field of what comes back.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use pgwarrant::wire::backend::{self, tag};
use pgwarrant::wire::frame::{BackendLimits, Frame, split_backend};
use pgwarrant::wire::request;

/// Longer than this nobody waits for an answer.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub trait Stream: Read + Write + Send {
    fn patience(&self, patience: Duration);
}

impl Stream for TcpStream {
    fn patience(&self, patience: Duration) {
        self.set_read_timeout(Some(patience)).expect("a socket");
    }
}

impl Stream for std::os::unix::net::UnixStream {
    fn patience(&self, patience: Duration) {
        self.set_read_timeout(Some(patience)).expect("a socket");
    }
}

pub struct Client {
    stream: Box<dyn Stream>,
    read: BytesMut,
    /// What the server said before the first ReadyForQuery, but for the keys.
    pub greeting: Vec<String>,
}

/// Where, who, and the password.
#[derive(Debug, Clone)]
pub struct Address {
    pub port: u16,
    pub user: String,
    pub password: String,
    pub database: String,
}

impl Address {
    pub fn parse(url: &str) -> Address {
        let config: tokio_postgres::Config = url.parse().expect("a connection string");
        Address {
            port: config.get_ports()[0],
            user: config.get_user().expect("a user").to_owned(),
            password: String::from_utf8(config.get_password().unwrap_or_default().to_vec()).expect("ASCII"),
            database: config.get_dbname().expect("a database").to_owned(),
        }
    }

    pub fn tcp(&self) -> TcpStream {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).expect("the server listens");
        stream.set_nodelay(true).expect("a socket");
        stream
    }

    pub fn connect(&self) -> Client {
        Client::over(self.tcp(), self, &[]).unwrap_or_else(|refused| panic!("refused: {refused}"))
    }
}

impl Client {
    /// Logs in over a stream; the ErrorResponse if it is refused.
    pub fn over(stream: impl Stream + 'static, to: &Address, more: &[(&str, &str)]) -> Result<Client, String> {
        stream.patience(PATIENCE);
        let mut client = Client { stream: Box::new(stream), read: BytesMut::new(), greeting: Vec::new() };
        let mut out = BytesMut::new();
        let who = [("user", to.user.as_str()), ("database", to.database.as_str())];
        request::startup(&mut out, who.into_iter().chain(more.iter().copied())).expect("no NUL in it");
        client.send(&out);
        client.log_in(&to.password)?;
        Ok(client)
    }

    fn log_in(&mut self, password: &str) -> Result<(), String> {
        while let Some(frame) = self.frame() {
            match frame.tag {
                tag::AUTHENTICATION if frame.body()[..] == [0, 0, 0, 3] => {
                    let mut out = BytesMut::new();
                    request::password(&mut out, password).expect("no NUL in it");
                    self.send(&out);
                }
                tag::ERROR_RESPONSE => return Err(show(&frame)),
                tag::BACKEND_KEY_DATA | tag::AUTHENTICATION => {}
                tag::READY_FOR_QUERY => return Ok(()),
                _ => self.greeting.push(show(&frame)),
            }
        }
        Err("closed".to_owned())
    }

    pub fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("the server reads");
    }

    /// The next message; `None` at the end of the stream.
    pub fn frame(&mut self) -> Option<Frame> {
        self.frame_within(PATIENCE).expect("the server answers in time")
    }

    /// An error when nothing whole came in time.
    pub fn frame_within(&mut self, patience: Duration) -> Result<Option<Frame>, ()> {
        let deadline = Instant::now() + patience;
        loop {
            if let Some(frame) = split_backend(&mut self.read, &BackendLimits::default()).expect("a valid message") {
                return Ok(Some(frame));
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(());
            }
            self.stream.patience(left);
            let mut chunk = [0; 16 * 1024];
            match self.stream.read(&mut chunk) {
                Ok(0) => return Ok(None),
                Ok(count) => self.read.extend_from_slice(&chunk[..count]),
                Err(error) if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {
                    return Err(());
                }
                Err(_) => return Ok(None),
            }
        }
    }

    /// Everything up to and including the ReadyForQuery behind a row that holds exactly `marker`.
    pub fn until(&mut self, marker: &str) -> Vec<String> {
        let (mut shown, mut seen) = (Vec::new(), false);
        while let Some(frame) = self.frame() {
            let line = show(&frame);
            seen |= frame.tag == tag::DATA_ROW && line == format!("row {marker}");
            // Of a portal that failed while it was made (`AtCleanup_Portals`): nobody asked for it.
            if !line.starts_with("notice WARNING 01000 skipping cleanup for portal") {
                shown.push(line);
            }
            if seen && frame.tag == tag::READY_FOR_QUERY {
                return shown;
            }
        }
        shown.push("closed".to_owned());
        shown
    }

    /// So many messages, for which it waits long, and what comes within `quiet` of each other after them.
    pub fn until_quiet(&mut self, least: usize, quiet: Duration) -> Vec<String> {
        let mut shown = Vec::new();
        loop {
            match self.frame_within(if shown.len() < least { PATIENCE } else { quiet }) {
                Ok(Some(frame)) => shown.push(show(&frame)),
                Ok(None) => {
                    shown.push("closed".to_owned());
                    return shown;
                }
                Err(()) => return shown,
            }
        }
    }
}

/// The whole message but for what is the server's own: file, line, routine, and words where the proxy has its own.
pub fn show(frame: &Frame) -> String {
    let body = frame.body();
    match frame.tag {
        tag::ERROR_RESPONSE => format!("error {}", fields(&body, b"VC")),
        tag::NOTICE_RESPONSE => format!("notice {}", fields(&body, b"VCM")),
        tag::PARAMETER_STATUS => format!("parameter {:?}", backend::parameter_status(&body).expect("valid")),
        tag::COMMAND_COMPLETE => format!("complete {}", backend::command_complete(&body).expect("valid")),
        tag::READY_FOR_QUERY => format!("ready {}", body[0] as char),
        tag::DATA_ROW => {
            let values = backend::data_row(&body).expect("valid");
            let value = |v: &Option<Bytes>| v.as_ref().map_or("NULL".to_owned(), |v| v.escape_ascii().to_string());
            format!("row {}", values.iter().map(value).collect::<Vec<_>>().join("|"))
        }
        tag::ROW_DESCRIPTION => format!("columns {:?}", backend::row_description(&body).expect("valid")),
        tag::PARAMETER_DESCRIPTION => format!("parameters {:?}", backend::parameter_description(&body).expect("valid")),
        other => format!("{} {}", other as char, body.escape_ascii()),
    }
}

fn fields(body: &Bytes, wanted: &[u8]) -> String {
    let report = backend::report(body).expect("valid");
    let text = |code: &u8| String::from_utf8_lossy(report.get(*code).unwrap_or_default()).into_owned();
    wanted.iter().map(text).collect::<Vec<_>>().join(" ")
}
