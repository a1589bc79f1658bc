//! Files to write: all or none, and nothing over what is there.

use crate::token::key;
use rand::rngs::OsRng;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Secrecy {
    /// 0644.
    Open,
    /// 0600: it holds passwords.
    Secret,
    /// 0600, and kept even with `--force`: another key is another identity.
    Key,
}

#[derive(Debug, Default)]
pub struct Files(Vec<(String, Secrecy, String)>);

impl Files {
    pub fn add(&mut self, path: &str, secrecy: Secrecy, text: String) {
        self.0.push((path.to_owned(), secrecy, text));
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The operator's root key and the ledger's key with their public halves.
    pub fn add_keys(&mut self, origin: &str) -> anyhow::Result<()> {
        for name in ["root", "ledger"] {
            let private = key::generate(&mut OsRng);
            self.add(&format!("keys/{name}.key"), Secrecy::Key, key::private_to_pem(&private).to_string());
            self.add(&format!("keys/{name}.pub"), Secrecy::Key, key::public_to_pem(&private.verifying_key()));
            if name == "ledger" {
                let verifying = crate::ledger::note::VerifyingName::new(origin, private.verifying_key());
                let verifying = verifying
                    .ok_or_else(|| anyhow::anyhow!("--origin {origin:?}: no spaces, no `+`, ASCII only, at most 255 bytes"))?;
                self.add("keys/ledger.vkey", Secrecy::Key, format!("{verifying}\n"));
            }
        }
        Ok(())
    }

    /// Refuses before the first byte is written if a file is there that may not be overwritten.
    pub fn write(&self, dir: &Path, force: bool) -> anyhow::Result<()> {
        let there: Vec<&str> = self.0.iter().map(|(path, ..)| path.as_str()).filter(|path| dir.join(path).exists()).collect();
        if !force && !there.is_empty() {
            anyhow::bail!("{} has {} already; --force overwrites all but keys", dir.display(), there.join(", "));
        }
        for (path, secrecy, text) in &self.0 {
            let file = dir.join(path);
            if *secrecy == Secrecy::Key && file.exists() {
                continue;
            }
            write_file(&file, *secrecy, text).map_err(|error| anyhow::anyhow!("{}: {error}", file.display()))?;
        }
        Ok(())
    }
}

fn write_file(file: &Path, secrecy: Secrecy, text: &str) -> std::io::Result<()> {
    if let Some(parent) = file.parent() {
        fs::create_dir_all(parent)?;
    }
    let mode = if secrecy == Secrecy::Open { 0o644 } else { 0o600 };
    // A new file in the old one's place: an old one may be readable by others, or a link.
    let _ = fs::remove_file(file);
    OpenOptions::new().write(true).create_new(true).mode(mode).open(file)?.write_all(text.as_bytes())
}
