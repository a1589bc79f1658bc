//! A stage that takes connections by every door: loopback in clear, TLS, a Unix socket.
// Each test binary uses a part of it.
#![allow(dead_code)]

use std::fs;
use std::path::PathBuf;

use crate::support::{Setting, Stage};

pub const LIFETIME: i64 = 3600;

pub struct Doors {
    pub stage: Stage,
    /// PEM of the authority that signed the proxy's certificate.
    pub authority: PathBuf,
}

impl Doors {
    pub fn open() -> Doors {
        Doors::with(Setting::default(), "")
    }

    /// `lines` go to the end of the configuration.
    pub fn with(setting: Setting, lines: &str) -> Doors {
        let mut stage = Stage::without_proxy(setting).expect("the stage is set");
        let home = stage.home().to_owned();
        let (authority, certificate, key) = certificates();
        for (name, text) in [("authority.pem", &authority), ("server.pem", &certificate), ("server.key", &key)] {
            fs::write(home.join(name), text).expect("the stage's directory is ours");
        }
        let config = fs::read_to_string(stage.config()).expect("init wrote it");
        let socket = format!("[listen]\nunix_socket_dir = {home:?}\n");
        let config = config.replacen("[listen]\n", &socket, 1);
        let config = format!("{config}\n[tls]\ncertificate = \"server.pem\"\nkey = \"server.key\"\n{lines}\n");
        fs::write(stage.config(), config).expect("the stage's directory is ours");
        restrict(&home.join("server.key"));
        stage.start_proxy().expect("the proxy starts");
        Doors { stage, authority: home.join("authority.pem") }
    }

    /// A persona's connection string over loopback.
    pub fn url(&self, persona: &str) -> String {
        self.stage.persona_url(persona, LIFETIME).expect("the persona is there")
    }

    pub fn bare(&self) -> String {
        self.stage.cluster.admin_url("shop")
    }

    /// Directory of the proxy's Unix socket.
    pub fn socket_dir(&self) -> PathBuf {
        self.stage.home().to_owned()
    }
}

fn restrict(file: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(file, fs::Permissions::from_mode(0o600)).expect("the file is ours");
}

/// An authority's certificate, one of the server at 127.0.0.1 and `localhost`, and its key.
fn certificates() -> (String, String, String) {
    let authority_key = rcgen::KeyPair::generate().expect("a key");
    let mut authority = rcgen::CertificateParams::new(Vec::new()).expect("parameters");
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    authority.distinguished_name.push(rcgen::DnType::CommonName, "pgwarrant test authority");
    let authority_pem = authority.self_signed(&authority_key).expect("a certificate").pem();
    let key = rcgen::KeyPair::generate().expect("a key");
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let server = rcgen::CertificateParams::new(names).expect("parameters");
    let issuer = rcgen::Issuer::new(authority, authority_key);
    let certificate = server.signed_by(&key, &issuer).expect("a certificate");
    (authority_pem, certificate.pem(), key.serialize_pem())
}
