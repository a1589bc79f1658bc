//! Bytes of a client and of a server: cut into the same messages however they arrive, and read without a panic.
#![no_main]

use bytes::{Bytes, BytesMut};
use libfuzzer_sys::fuzz_target;
use pgwarrant::wire::frame::{self, BackendLimits, Frame, FrontendLimits, Phase};
use pgwarrant::wire::{FrameError, backend, frontend};

type Cut = fn(&mut BytesMut) -> Result<Option<Frame>, FrameError>;

const CUTS: [Cut; 3] = [
    |buffer| frame::split_frontend(buffer, Phase::Authentication, &FrontendLimits::default()),
    |buffer| frame::split_frontend(buffer, Phase::Session, &FrontendLimits::default()),
    |buffer| frame::split_backend(buffer, &BackendLimits::default()),
];

fuzz_target!(|data: &[u8]| {
    let [kind, step, bytes @ ..] = data else { return };
    let cut = CUTS[usize::from(*kind) % CUTS.len()];
    let whole = frames(bytes, bytes.len().max(1), cut);
    assert_eq!(whole, frames(bytes, usize::from(*step).max(1), cut), "the messages do not depend on how they arrive");
    let (frames, _) = whole;
    let joined: Vec<u8> = frames.iter().flat_map(|frame| frame.raw.to_vec()).collect();
    assert!(bytes.starts_with(&joined), "frames are the bytes as received");
    for frame in &frames {
        if usize::from(*kind) % CUTS.len() == 2 { read_backend(frame) } else { read_frontend(frame) }
    }
    let rows = frame::data_rows(bytes);
    assert!(rows.end <= bytes.len() && rows.rows as usize <= bytes.len());
});

/// Every frame up to the first error.
fn frames(bytes: &[u8], step: usize, cut: Cut) -> (Vec<Frame>, Option<FrameError>) {
    let (mut buffer, mut found) = (BytesMut::new(), Vec::new());
    for chunk in bytes.chunks(step) {
        buffer.extend_from_slice(chunk);
        loop {
            match cut(&mut buffer) {
                Ok(Some(frame)) => found.push(frame),
                Ok(None) => break,
                Err(error) => return (found, Some(error)),
            }
        }
    }
    (found, None)
}

fn read_frontend(frame: &Frame) {
    let body = frame.body();
    let _ = frontend::read_password(&body);
    if let Ok(frontend::Message::Bind(bind)) = frontend::read(frame.tag, &body) {
        let values: usize = bind.parameters.iter().flatten().map(Bytes::len).sum();
        assert!(values <= body.len(), "values lie inside of their message");
        bind.read_result_formats().expect("they were read with the message");
    }
}

fn read_backend(frame: &Frame) {
    let body = frame.body();
    let _ = backend::ready_for_query(&body);
    let _ = backend::report(&body).map(|report| report.sqlstate().is_some());
    let _ = backend::parameter_status(&body);
    let _ = backend::backend_key_data(&body);
    let _ = backend::parameter_description(&body);
    let _ = backend::row_description(&body);
    let _ = backend::command_complete(&body).map(backend::affected_rows);
    let _ = backend::data_row(&body);
    let _ = backend::authentication(&body);
}
