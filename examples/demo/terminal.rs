//! How the demo looks.

use super::support::postgres::Error;
use std::io::IsTerminal as _;
use std::sync::atomic::{AtomicBool, Ordering};

static STOPPED: AtomicBool = AtomicBool::new(false);

/// After Ctrl-C no further step begins.
pub fn stop() {
    STOPPED.store(true, Ordering::Relaxed);
}

pub fn go_on() -> Result<(), Error> {
    if STOPPED.load(Ordering::Relaxed) { Err(Error::Failed("stopped".to_owned())) } else { Ok(()) }
}

fn paint(code: &str, text: &str) -> String {
    if std::io::stdout().is_terminal() { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
}

pub fn chapter(title: &str) {
    println!("\n{}", paint("1;36", &format!("== {title}")));
}

pub fn note(text: &str) {
    println!("{}", paint("2", &format!("-- {text}")));
}

/// What somebody types.
pub fn typed(prompt: &str, text: &str) {
    println!("\n{} {}", paint("1", prompt), paint("1", text));
}

/// What came back, as it came.
pub fn shown(text: &str) {
    for line in text.trim_end().lines() {
        let code = if line.starts_with("ERROR") || line.starts_with("NOT AS SIGNED") { "31" } else { "0" };
        println!("   {}", paint(code, line));
    }
}

/// A token fills half a screen.
pub fn shortened(url: &str) -> String {
    let Some(start) = url.find("pgw1.") else { return url.to_owned() };
    let end = url[start..].find('@').map_or(url.len(), |length| start + length);
    format!("{}…({} characters)…{}", &url[..start + 24], end - start, &url[end - 8..])
}
