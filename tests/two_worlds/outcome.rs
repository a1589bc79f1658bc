//! What an agent could learn from one run of a statement.

use bytes::{Bytes, BytesMut};
use pgwarrant::upstream::{Connection, Target, UpstreamError};
use pgwarrant::wire::backend::{self, tag};
use pgwarrant::wire::frontend::{Format, Formats, Target as Object};
use pgwarrant::wire::request;

/// A statement as it is sent: literal text, or a template with its values.
#[derive(Debug, Clone)]
pub struct Sent {
    pub text: String,
    pub types: Vec<u32>,
    pub values: Vec<String>,
}

/// Rows without their order, fields of the description, tag, error and notices with all that a client is told.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Outcome {
    pub rows: Vec<Vec<Option<String>>>,
    pub fields: Vec<(String, u32)>,
    pub tag: Option<String>,
    pub error: Option<Vec<(char, String)>>,
    pub notices: Vec<Vec<(char, String)>>,
}

impl Outcome {
    pub fn sqlstate(&self) -> Option<&str> {
        self.error_field('C')
    }

    pub fn message(&self) -> Option<&str> {
        self.error_field('M')
    }

    fn error_field(&self, code: char) -> Option<&str> {
        self.error.as_ref()?.iter().find(|(found, _)| *found == code).map(|(_, text)| text.as_str())
    }

    /// Was stopped by our own patience.
    pub fn timed_out(&self) -> bool {
        self.sqlstate() == Some("57014")
    }
}

/// A read-only connection with an agent's settings, and a superuser's rights: no second wall may hide a hole.
pub async fn connect(url: &str) -> Connection {
    let target = Target::parse(url).expect("a URL");
    let parameters = [
        ("client_encoding", "UTF8"),
        ("search_path", "public, pg_temp"),
        ("default_transaction_read_only", "on"),
        ("statement_timeout", "20s"),
        ("max_parallel_workers_per_gather", "0"),
        ("jit", "off"),
    ];
    Connection::connect(&target, &parameters).await.expect("the cluster answers")
}

/// Runs it as one statement of the extended protocol, with results in text.
pub async fn run(connection: &mut Connection, sent: &Sent) -> Result<Outcome, UpstreamError> {
    let values: Vec<Option<Bytes>> = sent.values.iter().map(|value| Some(Bytes::copy_from_slice(value.as_bytes()))).collect();
    let mut messages = BytesMut::new();
    request::parse(&mut messages, "", &sent.text, &sent.types)?;
    request::bind(&mut messages, "", "", &Formats::All(Format::Text), &values, request::ALL_TEXT)?;
    request::describe(&mut messages, Object::Portal(""))?;
    request::execute(&mut messages, "", 0)?;
    connection.write_buf().extend_from_slice(&messages);
    connection.sync();
    connection.flush().await?;
    let mut outcome = Outcome::default();
    loop {
        let frame = connection.next_frame().await?;
        let body = frame.body();
        match frame.tag {
            tag::DATA_ROW => outcome.rows.push(backend::data_row(&body)?.into_iter().map(|value| value.map(text)).collect()),
            tag::ROW_DESCRIPTION => {
                let fields = backend::row_description(&body)?;
                outcome.fields = fields.iter().map(|field| (text(Bytes::copy_from_slice(field.name)), field.type_oid)).collect();
            }
            tag::COMMAND_COMPLETE => outcome.tag = Some(backend::command_complete(&body)?.to_owned()),
            tag::ERROR_RESPONSE => outcome.error = Some(report(&body)?),
            tag::NOTICE_RESPONSE => outcome.notices.push(report(&body)?),
            tag::READY_FOR_QUERY => break,
            _ => {}
        }
    }
    // An error releases no row.
    if outcome.error.is_some() {
        outcome.rows.clear();
    }
    outcome.rows.sort();
    Ok(outcome)
}

fn text(bytes: Bytes) -> String {
    String::from_utf8_lossy(&bytes).into_owned()
}

fn report(body: &Bytes) -> Result<Vec<(char, String)>, UpstreamError> {
    let fields = backend::report(body)?;
    Ok(fields.iter().map(|(code, value)| (char::from(code), String::from_utf8_lossy(value).into_owned())).collect())
}
