//! A whole stage: the sample shop, set up as `pgwarrant init` says, with the proxy in front.

use super::guardian::GuardedDir;
use super::personas;
use super::postgres::{self, Builder, Cluster, Error};
use super::proxy::{self, Proxy};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What tokens of a stage must name.
pub const AUDIENCE: &str = "shop@sandbox";

/// How the stage differs from the usual.
#[derive(Debug, Clone, Default)]
pub struct Setting {
    pub cluster: Builder,
    /// Lines for `pgwarrant.toml`, by table, e.g. `("upstream", "pool_size = 5")`.
    pub config: Vec<(String, String)>,
    /// Where the ledger is; beside the configuration by default.
    pub ledger: Option<PathBuf>,
}

/// Everything is gone when it is dropped, the proxy first.
#[derive(Debug)]
pub struct Stage {
    proxy: Option<Proxy>,
    pub cluster: Cluster,
    home: GuardedDir,
    pub port: u16,
    pub metrics_port: u16,
}

impl Stage {
    /// Cluster, roles, rules, keys; and the proxy, waited for until it answers.
    pub fn start(setting: Setting) -> Result<Stage, Error> {
        let mut stage = Stage::without_proxy(setting)?;
        stage.start_proxy()?;
        Ok(stage)
    }

    /// All but the proxy.
    pub fn without_proxy(setting: Setting) -> Result<Stage, Error> {
        let cluster = setting.cluster.shop().require_password().start()?;
        cluster.sql("postgres", "CREATE DATABASE audit")?;
        let home = GuardedDir::new("pgwarrant-stage-")?;
        let (port, metrics_port) = (postgres::free_port()?, postgres::free_port()?);
        let stage = Stage { proxy: None, cluster, home, port, metrics_port };
        stage.init()?;
        stage.configure(&setting.config, setting.ledger.as_deref())?;
        stage.psql_file("shop", &stage.home.path().join("setup.sql"))?;
        stage.psql_file("audit", &stage.home.path().join("audit.sql"))?;
        Ok(stage)
    }

    fn init(&self) -> Result<(), Error> {
        let mut command = Command::new(proxy::binary()?);
        command.args([
            "init",
            "--database",
            &self.cluster.admin_url("shop"),
            "--audit-database",
            &self.cluster.admin_url("audit"),
        ]);
        command.args(["--audience", AUDIENCE, "--origin", "sandbox.invalid/pgwarrant/shop"]);
        command.args(["--listen", &format!("127.0.0.1:{}", self.port), "--metrics", &format!("127.0.0.1:{}", self.metrics_port)]);
        command.arg("--dir").arg(self.home.path()).arg("--rules").arg(super::corpus_dir().join("policy/rules.toml"));
        run(&mut command).map(drop)
    }

    fn configure(&self, lines: &[(String, String)], ledger: Option<&Path>) -> Result<(), Error> {
        let file = self.config();
        let mut text = fs::read_to_string(&file)?;
        for (table, line) in lines {
            text = text.replacen(&format!("[{table}]\n"), &format!("[{table}]\n{line}\n"), 1);
        }
        if let Some(dir) = ledger {
            text = text.replace("dir = \"ledger\"", &format!("dir = {:?}", dir.display().to_string()));
        }
        Ok(fs::write(file, text)?)
    }

    /// Writes another password of the reader's role into the configuration.
    pub fn set_reader_password(&self, password: &str) -> Result<(), Error> {
        let file = self.config();
        let text = fs::read_to_string(&file)?;
        let old = text.split("pgwarrant_reader:").nth(1).and_then(|rest| rest.split('@').next());
        let old = old.ok_or_else(|| Error::Failed("the configuration names no reader".to_owned()))?;
        Ok(fs::write(file, text.replace(&format!("pgwarrant_reader:{old}@"), &format!("pgwarrant_reader:{password}@")))?)
    }

    /// Runs a script by the stock `psql` as the superuser.
    pub fn psql_file(&self, database: &str, file: &Path) -> Result<(), Error> {
        let mut command = Command::new(psql()?);
        command.args(["-X", "-q", "-d", &self.cluster.admin_url(database), "-f"]).arg(file);
        run(&mut command).map(drop)
    }

    pub fn start_proxy(&mut self) -> Result<(), Error> {
        self.proxy = Some(Proxy::start(&self.config(), self.port, &self.home.path().join("proxy.log"))?);
        Ok(())
    }

    /// Starts the proxy so that it dies at this place, see [`pgwarrant::kill_point`]; does not wait until it answers.
    pub fn arm_proxy(&mut self, kill_point: &str) -> Result<(), Error> {
        let log = self.home.path().join("proxy.log");
        self.proxy = Some(Proxy::launch(&self.config(), self.port, &log, Some(kill_point))?);
        Ok(())
    }

    /// Asks the proxy to end and waits until it has.
    pub fn stop_proxy(&mut self) {
        self.proxy = None;
    }

    pub fn proxy(&self) -> Option<&Proxy> {
        self.proxy.as_ref()
    }

    /// The proxy's process, for those who kill it.
    pub fn take_proxy(&mut self) -> Option<Proxy> {
        self.proxy.take()
    }

    /// Another proxy on the same database, with a ledger of its own and without a mirror.
    pub fn another_proxy(&self, name: &str, ledger: &Path) -> Result<Proxy, Error> {
        let (port, metrics) = (postgres::free_port()?, postgres::free_port()?);
        let text = fs::read_to_string(self.config())?;
        let mirror = text.find("[audit]").ok_or_else(|| Error::Failed("the configuration has no [audit]".to_owned()))?;
        let rest = text[mirror..].find("# [limits]").map_or(text.len(), |place| mirror + place);
        let text = format!("{}{}", &text[..mirror], &text[rest..])
            .replace(&format!(":{}\"", self.port), &format!(":{port}\""))
            .replace(&format!(":{}\"", self.metrics_port), &format!(":{metrics}\""))
            // A log of its own: two logs of one name would number their transactions alike in the database.
            .replace("sandbox.invalid/pgwarrant/shop", &format!("sandbox.invalid/pgwarrant/{name}"))
            .replace("dir = \"ledger\"", &format!("dir = {:?}", ledger.display().to_string()));
        let config = self.home.path().join(format!("{name}.toml"));
        fs::write(&config, text)?;
        Proxy::start(&config, port, &self.home.path().join(format!("{name}.log")))
    }

    /// Directory of configuration, keys, rules and ledger.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    pub fn config(&self) -> PathBuf {
        self.home.path().join("pgwarrant.toml")
    }

    /// What the proxy said so far.
    pub fn proxy_log(&self) -> String {
        self.proxy.as_ref().map(Proxy::log).unwrap_or_default()
    }

    /// The connection string of one persona, through the proxy.
    pub fn persona_url(&self, name: &str, lifetime: i64) -> Result<String, Error> {
        let all = personas::personas();
        let grants = all.get(name).ok_or_else(|| Error::Failed(format!("no persona {name}")))?;
        Ok(self.agent_url(name, &self.token(name, grants, lifetime)))
    }

    pub fn token(&self, name: &str, grants: &[pgwarrant::token::grant::Grant], lifetime: i64) -> String {
        let root = personas::private_key(&self.home.path().join("keys/root.key"));
        personas::sealed_token(&root, AUDIENCE, name, grants, lifetime)
    }

    pub fn agent_url(&self, user: &str, token: &str) -> String {
        format!("postgres://{user}:{token}@127.0.0.1:{}/shop", self.port)
    }

    /// The auditor's connection string.
    pub fn audit_url(&self) -> Result<String, Error> {
        let password = fs::read_to_string(self.home.path().join("keys/auditor.password"))?;
        let role = pgwarrant::cli::init::AUDITOR;
        Ok(format!("postgres://{role}:{}@127.0.0.1:{}/audit", password.trim(), self.cluster.port()))
    }

    pub fn metrics_url(&self) -> String {
        format!("http://127.0.0.1:{}/metrics", self.metrics_port)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.stop_proxy();
    }
}

/// The stock `psql`.
pub fn psql() -> Result<PathBuf, Error> {
    client("psql")
}

/// A client program of Postgres; the packages of npm have none.
pub fn client(name: &str) -> Result<PathBuf, Error> {
    let mut dirs: Vec<PathBuf> = std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect()).unwrap_or_default();
    dirs.extend(super::versions().into_values().map(|binaries| binaries.dir));
    let found = dirs.into_iter().map(|dir| dir.join(name)).find(|file| file.is_file());
    found.ok_or_else(|| Error::Failed(format!("no {name} found: run scripts/setup.sh")))
}

/// Runs a command to its end; its standard output, or what it complained about.
pub fn run(command: &mut Command) -> Result<String, Error> {
    let output = command.output()?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let name = command.get_program().to_string_lossy().into_owned();
    Err(Error::Failed(format!("{name}: {}", String::from_utf8_lossy(&output.stderr).trim())))
}
