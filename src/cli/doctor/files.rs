//! Keys, the ledger's directory, TLS.

use super::report::Report;
use crate::config::Config;
use crate::token::key;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

pub fn check(path: &Path, config: &Config, report: &mut Report) {
    private("configuration", path, report);
    for root in &config.roots {
        match read(&root.key).and_then(|text| key::public_from_text(&text).map_err(|error| error.to_string())) {
            Ok(_) => report.ok(format!("root: {}", root.key.display())),
            Err(error) => report
                .fail(format!("root: {}: {error}", root.key.display()), "name a public key file, as `pgwarrant init` writes it"),
        }
    }
    ledger_key(config, report);
    ledger_dir(&config.ledger.dir, report);
    tls(config, report);
}

fn read(file: &Path) -> Result<String, String> {
    fs::read_to_string(file).map_err(|error| error.to_string())
}

/// Passwords and private keys are nobody else's to read.
fn private(what: &str, file: &Path, report: &mut Report) {
    match fs::metadata(file).map(|found| found.permissions().mode() & 0o077) {
        Ok(0) => report.ok(format!("{what}: {} is readable by its owner only", file.display())),
        Ok(_) => {
            report.fail(format!("{what}: {} is readable by others", file.display()), format!("chmod 600 {}", file.display()))
        }
        Err(error) => report.fail(format!("{what}: {}: {error}", file.display()), "run `pgwarrant init`, or correct the path"),
    }
}

fn ledger_key(config: &Config, report: &mut Report) {
    let file = &config.ledger.key;
    private("ledger key", file, report);
    if let Err(error) = read(file).and_then(|text| key::private_from_pem(&text).map_err(|error| error.to_string())) {
        report.fail(format!("ledger key: {}: {error}", file.display()), "openssl genpkey -algorithm ed25519 makes one");
    }
}

fn ledger_dir(dir: &Path, report: &mut Report) {
    // `serve` makes it; then the place where it will stand has to be ours.
    let place = dir.ancestors().find(|place| place.as_os_str().is_empty() || place.exists()).unwrap_or(Path::new("."));
    let place = if place.as_os_str().is_empty() { Path::new(".") } else { place };
    let writable = rustix::fs::access(place, rustix::fs::Access::WRITE_OK).is_ok();
    let fix = format!("chown {} to the user that runs `pgwarrant serve`", place.display());
    report.must(
        writable,
        format!("ledger: {} is writable", dir.display()),
        format!("ledger: {} is not writable", place.display()),
        fix,
    );
    if dir.exists() && fs::metadata(dir).is_ok_and(|found| found.permissions().mode() & 0o022 != 0) {
        report.fail(format!("ledger: {} is writable by others", dir.display()), format!("chmod 700 {}", dir.display()));
    }
}

fn tls(config: &Config, report: &mut Report) {
    let outside = config.listen.addresses.iter().any(|address| !address.ip().is_loopback());
    match &config.tls {
        Some(tls) => {
            private("TLS key", &tls.key, report);
            let certificate = read(&tls.certificate).is_ok_and(|text| text.contains("BEGIN CERTIFICATE"));
            let bad = format!("TLS: {} holds no PEM certificate", tls.certificate.display());
            report.must(certificate, format!("TLS: {}", tls.certificate.display()), bad, "correct tls.certificate");
        }
        None if outside => {
            let what = "listen: an address that other machines reach, and no [tls]: every token from there is refused";
            report.fail(what, "set tls.certificate and tls.key, or listen on 127.0.0.1");
        }
        None => report.ok("listen: loopback only, clear text is allowed there"),
    }
}
