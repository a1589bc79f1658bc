//! Which of the upstream's notices the agent hears: the upstream is told `log`, so the proxy does the choosing.

use bytes::Bytes;

use super::core::Session;
use super::hold::Hold;
use super::settings::Setting;
use crate::wire::backend;

/// `message` is a whole NoticeResponse; `least` the agent's `client_min_messages`.
pub fn passes(message: &Bytes, least: &str) -> bool {
    let body = message.slice(5..);
    let Ok(report) = backend::report(&body) else { return false };
    let severity = report.severity().and_then(|s| std::str::from_utf8(s).ok()).unwrap_or("NOTICE");
    // INFO is always sent (`errstart`).
    severity == "INFO" || rank(severity) >= rank(least)
}

/// In the order of `elog.h`, as `client_min_messages` sees it.
fn rank(level: &str) -> u8 {
    match level.to_ascii_lowercase().as_str() {
        "debug5" => 0,
        "debug4" => 1,
        "debug3" => 2,
        "debug2" | "debug" => 3,
        "debug1" => 4,
        "log" => 5,
        "notice" => 6,
        "warning" => 7,
        _ => 8,
    }
}

impl Session {
    /// Those that the agent asked to hear; their entry is on record.
    pub fn release_notices(&mut self, hold: &mut Hold) {
        let least = self.settings.get(Setting::ClientMinMessages).clone();
        hold.take_notices().into_iter().filter(|notice| passes(notice, &least)).for_each(|n| self.client.release(n));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::reply::{Report, Severity};
    use bytes::BytesMut;

    #[test]
    fn notices_below_the_agents_level_are_kept_back() {
        let notice = |severity| {
            let mut out = BytesMut::new();
            Report::new(severity, "00000", "x").notice_response(&mut out).unwrap();
            out.freeze()
        };
        for (severity, least, want) in [
            (Severity::Notice, "notice", true),
            (Severity::Notice, "warning", false),
            (Severity::Warning, "warning", true),
            (Severity::Warning, "error", false),
            (Severity::Info, "error", true),
        ] {
            assert_eq!(passes(&notice(severity), least), want, "{severity:?} {least}");
        }
    }
}
