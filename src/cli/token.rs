//! `pgwarrant token`: make, delegate, look at and check tokens.

use crate::token::block::Block;
use crate::token::grant::Grant;
use crate::token::inspect::{inspect, utc};
use crate::token::{
    Chain, DelegatedGrants, Delegation, RootKey, Token, VerifyContext, attenuate, key, mint, prove_live, seal, verify,
};
use anyhow::{Context, bail, ensure};
use clap::{Args, Subcommand};
use ed25519_dalek::{SigningKey, VerifyingKey};
use rand::rngs::OsRng;
use std::fs::{self, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};
use zeroize::Zeroizing;

/// What the configuration says, where a flag does not.
#[derive(Debug, Clone, Default)]
pub struct Defaults {
    pub audience: Option<String>,
    /// Where agents reach the proxy.
    pub host: Option<String>,
    pub port: Option<u16>,
    pub database: Option<String>,
    /// The private root key, for `mint`.
    pub root_key_path: Option<PathBuf>,
    /// The roots that the proxy trusts, for `verify`.
    pub roots: Vec<RootKey>,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a key pair: for a root, or for an agent that delegates or proves
    #[command(after_help = "Example:\n  pgwarrant token keygen --out planner.key\n  # writes planner.key (0600) and planner.pub")]
    Keygen(Keygen),
    /// Sign a new token with the root key; prints a connection string
    #[command(after_help = MINT_EXAMPLES)]
    Mint(Mint),
    /// Delegate a part of a chain to somebody else
    #[command(after_help = ATTENUATE_EXAMPLES)]
    Attenuate(Attenuate),
    /// Close a chain into a bearer token that works as a connection string
    #[command(after_help = "Example:\n  pgwarrant token seal planner.chain --key planner.key --expires 30m")]
    Seal(Seal),
    /// Close a chain into a token for one connection within a minute
    #[command(
        after_help = "Example:\n  PGPASSWORD=$(pgwarrant token prove planner.chain --key planner.key) psql -h 127.0.0.1 -p 6432 shop"
    )]
    Prove(Prove),
    /// Show what a token or chain says; verifies nothing
    #[command(after_help = "Example:\n  echo \"$PGPASSWORD\" | pgwarrant token inspect -")]
    Inspect(Inspect),
    /// Check a token as the proxy would (a live proof is not used up)
    #[command(
        after_help = "Example:\n  echo \"$PGPASSWORD\" | pgwarrant token verify - --root root.pub --audience shop@pgwarrant"
    )]
    Verify(Verify),
}

const MINT_EXAMPLES: &str = "\
Example, a connection string for one hour:
  pgwarrant token mint --grant 'SELECT (id, name) ON public.customers WHERE tenant_id = 7 LIMIT 100' \\
    --subject support-agent --expires 1h

Example, a chain that the holder of planner.key delegates further:
  pgwarrant token mint --grant 'SELECT (*) ON public.orders' --for-key planner.pub --depth 2 --subject planner > planner.chain";

const ATTENUATE_EXAMPLES: &str = "\
Example, a connection string with fewer rights:
  pgwarrant token attenuate planner.chain --key planner.key --subject worker-1 \\
    --grant 'SELECT (id, status) ON public.orders WHERE tenant_id = 7' --expires 10m

Example, all rights handed on to another key:
  pgwarrant token attenuate planner.chain --key planner.key --subject worker-2 --grant parent --for-key worker.pub";

#[derive(Debug, Args)]
pub struct Keygen {
    /// File of the private key; the public key goes beside it as .pub
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
}

/// What every new block says.
#[derive(Debug, Args)]
pub struct BlockArgs {
    /// A permission, e.g. 'SELECT (id, name) ON public.customers WHERE tenant_id = 7 LIMIT 100' (repeatable)
    #[arg(long = "grant", required = true, value_name = "GRANT")]
    pub grants: Vec<String>,
    /// Who it is for, as logs and the ledger name it
    #[arg(long, default_value = "agent", value_name = "NAME")]
    pub subject: String,
    /// How long it is valid: 45s, 30m, 1h, 7d
    #[arg(long, default_value = "1h", value_parser = duration, value_name = "TIME")]
    pub expires: i64,
    /// Public key of a subject that delegates or proves itself: a file or base64url. Prints a chain instead of a token
    #[arg(long, value_name = "KEY")]
    pub for_key: Option<String>,
    /// How many delegations may follow [default: 1 with --for-key, else 0]
    #[arg(long, value_name = "N")]
    pub depth: Option<u8>,
    /// How many statements may be run in all [default: unlimited, or the parent's]
    #[arg(long, value_name = "N")]
    pub statements: Option<u64>,
    /// How many rows may be returned in all [default: unlimited, or the parent's]
    #[arg(long, value_name = "N")]
    pub rows: Option<u64>,
    /// base64url SHA-256 of the client certificate that must be presented (x5t#S256)
    #[arg(long, value_name = "THUMBPRINT", value_parser = thumbprint)]
    pub certificate: Option<[u8; 32]>,
}

#[derive(Debug, Args)]
pub struct Mint {
    #[command(flatten)]
    pub block: BlockArgs,
    /// The root's private key [default: from the configuration]
    #[arg(long, value_name = "FILE")]
    pub key: Option<PathBuf>,
    /// Which database of which pgwarrant it is for [default: from the configuration]
    #[arg(long)]
    pub audience: Option<String>,
    #[command(flatten)]
    pub output: Output,
}

#[derive(Debug, Args)]
pub struct Attenuate {
    /// The chain: a file, `-` for standard input, or the text itself
    pub chain: String,
    /// The private key of the chain's last subject
    #[arg(long, value_name = "FILE")]
    pub key: PathBuf,
    #[command(flatten)]
    pub block: BlockArgs,
    #[command(flatten)]
    pub output: Output,
}

#[derive(Debug, Args)]
pub struct Seal {
    /// The chain: a file, `-` for standard input, or the text itself
    pub chain: String,
    /// The private key of the chain's last subject
    #[arg(long, value_name = "FILE")]
    pub key: PathBuf,
    /// How long it is valid: 45s, 30m, 1h, 7d
    #[arg(long, default_value = "1h", value_parser = duration, value_name = "TIME")]
    pub expires: i64,
    #[command(flatten)]
    pub output: Output,
}

#[derive(Debug, Args)]
pub struct Prove {
    /// The chain: a file, `-` for standard input, or the text itself
    pub chain: String,
    /// The private key of the chain's last subject
    #[arg(long, value_name = "FILE")]
    pub key: PathBuf,
}

#[derive(Debug, Args)]
pub struct Inspect {
    /// The token or chain: a file, `-` for standard input, or the text itself
    pub token: String,
}

#[derive(Debug, Args)]
pub struct Verify {
    /// The token: a file, `-` for standard input, or the text itself
    pub token: String,
    /// A trusted public root key: a file or base64url (repeatable) [default: from the configuration]
    #[arg(long = "root", value_name = "KEY")]
    pub roots: Vec<String>,
    /// Which database of which pgwarrant it must be for [default: from the configuration]
    #[arg(long)]
    pub audience: Option<String>,
    /// SHA-256 of the client certificate that would be presented, base64url
    #[arg(long, value_name = "THUMBPRINT", value_parser = thumbprint)]
    pub certificate: Option<[u8; 32]>,
}

/// How a token is printed.
#[derive(Debug, Args)]
pub struct Output {
    /// The proxy's host in the connection string [default: from the configuration, else 127.0.0.1]
    #[arg(long)]
    pub host: Option<String>,
    /// The proxy's port in the connection string [default: from the configuration, else 6432]
    #[arg(long)]
    pub port: Option<u16>,
    /// The database in the connection string [default: from the configuration, else postgres]
    #[arg(long)]
    pub database: Option<String>,
    /// Print the token alone
    #[arg(long)]
    pub bare: bool,
}

pub fn run(command: Command, defaults: &Defaults) -> anyhow::Result<()> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).context("the clock stands before 1970")?.as_secs();
    let text = execute(command, defaults, i64::try_from(now)?)?;
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(())
}

/// What goes to standard output.
fn execute(command: Command, defaults: &Defaults, now: i64) -> anyhow::Result<String> {
    match command {
        Command::Keygen(args) => keygen(&args),
        Command::Mint(args) => run_mint(&args, defaults, now),
        Command::Attenuate(args) => run_attenuate(&args, defaults, now),
        Command::Seal(args) => {
            let chain = read_chain(&args.chain)?;
            let ends = now.saturating_add(args.expires).min(chain.leaf().block.expires);
            let token = seal(&chain, &read_private(&args.key)?, now, ends, &mut OsRng)?;
            Ok(printed(&token, &args.output, defaults))
        }
        Command::Prove(args) => {
            let token = prove_live(&read_chain(&args.chain)?, &read_private(&args.key)?, now, &mut OsRng)?;
            Ok(format!("{token}\n"))
        }
        Command::Inspect(args) => Ok(inspect(&read_text(&args.token)?)?.to_string()),
        Command::Verify(args) => run_verify(&args, defaults, now),
    }
}

fn keygen(args: &Keygen) -> anyhow::Result<String> {
    let private = key::generate(&mut OsRng);
    let public = private.verifying_key();
    let public_path = args.out.with_extension("pub");
    ensure!(public_path != args.out, "{}: the name of a private key must not end in .pub", args.out.display());
    write_new(&args.out, 0o600, key::private_to_pem(&private).as_bytes())?;
    write_new(&public_path, 0o644, key::public_to_pem(&public).as_bytes())?;
    let id = crate::token::encoding::encode(&key::root_id(&public));
    Ok(format!(
        "private key  {}\npublic key   {}\nbase64url    {}\nroot key id  {id}\n",
        args.out.display(),
        public_path.display(),
        key::public_to_text(&public),
    ))
}

/// Never over a file that is there: it may be a key that tokens depend on.
fn write_new(path: &Path, mode: u32, content: &[u8]) -> anyhow::Result<()> {
    let open = OpenOptions::new().write(true).create_new(true).mode(mode).open(path);
    let mut file = open.with_context(|| format!("cannot create {}", path.display()))?;
    file.write_all(content).and_then(|()| file.sync_all()).with_context(|| format!("cannot write {}", path.display()))
}

fn run_mint(args: &Mint, defaults: &Defaults, now: i64) -> anyhow::Result<String> {
    let path = args.key.as_ref().or(defaults.root_key_path.as_ref());
    let root = read_private(path.context("no root key: pass --key root.key, or name one in the configuration")?)?;
    let audience = args.audience.as_ref().or(defaults.audience.as_ref());
    let audience = audience.context("no audience: pass --audience, or set one in the configuration")?.clone();
    let grants = DelegatedGrants::List(parse_grants(&args.block.grants)?);
    let (delegation, leaf) = delegation(&args.block, grants, audience, None, now)?;
    let chain = mint(&root, &delegation, &mut OsRng)?;
    handed_out(&chain, leaf, &args.output, defaults)
}

fn run_attenuate(args: &Attenuate, defaults: &Defaults, now: i64) -> anyhow::Result<String> {
    let chain = read_chain(&args.chain)?;
    let subject = read_private(&args.key)?;
    let grants = match args.block.grants.as_slice() {
        [only] if only == "parent" => DelegatedGrants::Parent,
        texts => DelegatedGrants::List(parse_grants(texts)?),
    };
    let parent = &chain.leaf().block;
    let (delegation, leaf) = delegation(&args.block, grants, parent.audience.clone(), Some(parent), now)?;
    let chain = attenuate(&chain, &subject, &delegation, &mut OsRng)?;
    handed_out(&chain, leaf, &args.output, defaults)
}

/// What the next block says, and the key to seal it with where no subject's key was named.
fn delegation(
    args: &BlockArgs,
    grants: DelegatedGrants,
    audience: String,
    parent: Option<&Block>,
    now: i64,
) -> anyhow::Result<(Delegation, Option<SigningKey>)> {
    let (subject_key, leaf, depth) = match &args.for_key {
        Some(text) => (read_public(text)?, None, 1),
        None => {
            let leaf = key::generate(&mut OsRng);
            (leaf.verifying_key(), Some(leaf), 0)
        }
    };
    let most_depth = parent.map_or(u8::MAX, |block| block.depth_left.saturating_sub(1));
    let expires = now.saturating_add(args.expires);
    let delegation = Delegation {
        subject_key,
        subject_name: args.subject.clone(),
        audience,
        not_before: parent.map_or(now, |block| now.max(block.not_before)),
        expires: parent.map_or(expires, |block| expires.min(block.expires)),
        depth_left: args.depth.unwrap_or(most_depth.min(depth)),
        grants,
        statement_budget: args.statements.or(parent.and_then(|block| block.statement_budget)),
        row_budget: args.rows.or(parent.and_then(|block| block.row_budget)),
        certificate: args.certificate.or(parent.and_then(|block| block.certificate)),
    };
    Ok((delegation, leaf))
}

/// The chain for its subject, or sealed by the key that is thrown away with this.
fn handed_out(chain: &Chain, leaf: Option<SigningKey>, output: &Output, defaults: &Defaults) -> anyhow::Result<String> {
    let block = &chain.leaf().block;
    match leaf {
        None => Ok(format!("{chain}\n")),
        Some(leaf) => {
            let token = seal(chain, &leaf, block.not_before, block.expires, &mut OsRng)?;
            Ok(printed(&token, output, defaults))
        }
    }
}

fn run_verify(args: &Verify, defaults: &Defaults, now: i64) -> anyhow::Result<String> {
    let named = args.roots.iter().map(|text| Ok(RootKey::new(read_public(text)?.as_bytes(), 0, None)?));
    let mut roots = named.collect::<anyhow::Result<Vec<_>>>()?;
    if roots.is_empty() {
        roots.clone_from(&defaults.roots);
    }
    ensure!(!roots.is_empty(), "no trusted root: pass --root root.pub, or name one in the configuration");
    let audience = args.audience.as_ref().or(defaults.audience.as_ref());
    let audience = audience.context("no audience: pass --audience, or set one in the configuration")?;
    let mut context = VerifyContext {
        roots: &roots,
        audience,
        now,
        skew: 0,
        replay: &mut |_, _| true,
        tls_client_cert_sha256: args.certificate,
    };
    let verified = match verify(&read_text(&args.token)?, &mut context) {
        Ok(verified) => verified,
        Err(error) => bail!("{}: {error}", error.code()),
    };
    let mut text = format!("ok, {} until {}\n", verified.agent_name, utc(verified.expires));
    for block in &verified.chain {
        text.push_str(&format!("{}\n", block.subject_name));
        block.grants.iter().for_each(|grant| text.push_str(&format!("  {grant}\n")));
    }
    Ok(text)
}

/// The connection string, and the same for tools that take the password from the environment.
fn printed(token: &Token, output: &Output, defaults: &Defaults) -> String {
    if output.bare {
        return format!("{token}\n");
    }
    let host = output.host.as_ref().or(defaults.host.as_ref()).map_or("127.0.0.1", String::as_str);
    let port = output.port.or(defaults.port).unwrap_or(6432);
    let database = output.database.as_ref().or(defaults.database.as_ref()).map_or("postgres", String::as_str);
    let (query, sslmode) = if is_loopback(host) { ("", "") } else { ("?sslmode=verify-full", " PGSSLMODE=verify-full") };
    let in_uri = if host.contains(':') { format!("[{host}]") } else { escaped(host) };
    format!(
        "postgres://agent:{token}@{in_uri}:{port}/{}{query}\n\nPGHOST={} PGPORT={port} PGUSER=agent PGDATABASE={}{sslmode} PGPASSWORD={token}\n",
        escaped(database),
        shell_word(host),
        shell_word(database),
    )
}

/// `'…'` where a shell would see more than a word.
fn shell_word(text: &str) -> String {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._:/@".contains(&byte));
    if plain { text.to_owned() } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

/// Over loopback and a Unix socket a token may go in clear.
fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.starts_with('/') || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// All but the unreserved characters of a URI (RFC 3986 section 2.3) as `%XX`: a socket's directory, an odd database.
fn escaped(text: &str) -> String {
    let escape = |byte: u8| match byte {
        b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    text.bytes().map(escape).collect()
}

fn parse_grants(texts: &[String]) -> anyhow::Result<Vec<Grant>> {
    let parse = |text: &String| text.parse::<Grant>().with_context(|| format!("--grant '{text}'"));
    texts.iter().map(parse).collect()
}

/// The text itself, of a file, or of standard input.
fn read_text(argument: &str) -> anyhow::Result<String> {
    const MOST: u64 = 64 * 1024;
    let mut text = String::new();
    if argument == "-" {
        std::io::stdin().take(MOST).read_to_string(&mut text)?;
    } else if argument.starts_with("pgw1.") || argument.starts_with("pgwchain1.") {
        text.push_str(argument);
    } else {
        let file = fs::File::open(argument).with_context(|| format!("{argument} is neither a token nor a file"))?;
        file.take(MOST).read_to_string(&mut text).with_context(|| format!("cannot read {argument}"))?;
    }
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

fn read_chain(argument: &str) -> anyhow::Result<Chain> {
    Ok(Chain::parse(&read_text(argument)?)?)
}

fn read_private(path: &Path) -> anyhow::Result<SigningKey> {
    let text = Zeroizing::new(fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?);
    key::private_from_pem(&text).with_context(|| path.display().to_string())
}

fn read_public(argument: &str) -> anyhow::Result<VerifyingKey> {
    if let Ok(key) = key::public_from_text(argument) {
        return Ok(key);
    }
    let text = fs::read_to_string(argument).with_context(|| format!("{argument} is neither a public key nor a file"))?;
    key::public_from_text(&text).with_context(|| argument.to_owned())
}

fn thumbprint(text: &str) -> Result<[u8; 32], String> {
    crate::token::encoding::decode_exactly(text).ok_or_else(|| "43 characters of base64url are expected".to_owned())
}

/// `45s`, `30m`, `1h`, `7d`, in seconds.
fn duration(text: &str) -> Result<i64, String> {
    let expected = || "a number with s, m, h or d is expected, e.g. 1h".to_owned();
    let (number, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(expected)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return Err(expected()),
    };
    let number: i64 = number.parse().map_err(|_| expected())?;
    number.checked_mul(seconds).filter(|seconds| *seconds > 0).ok_or_else(expected)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{CommandFactory, Parser};

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(subcommand)]
        command: Command,
    }

    const NOW: i64 = 1_800_000_000;

    fn token_command(defaults: &Defaults, line: &[&str]) -> anyhow::Result<String> {
        let cli = Cli::try_parse_from(["token"].iter().chain(line)).expect("the line parses");
        execute(cli.command, defaults, NOW)
    }

    struct Keys {
        dir: tempfile::TempDir,
        defaults: Defaults,
    }

    /// root.key and planner.key with their public halves, and a configuration that names the root.
    fn keys() -> Keys {
        let dir = tempfile::tempdir().expect("a directory");
        for name in ["root.key", "planner.key"] {
            let path = dir.path().join(name);
            token_command(&Defaults::default(), &["keygen", "--out", path.to_str().expect("UTF-8")]).expect("a key");
        }
        let public = read_public(dir.path().join("root.pub").to_str().expect("UTF-8")).expect("a key");
        let defaults = Defaults {
            audience: Some("shop@pgwarrant".into()),
            host: Some("127.0.0.1".into()),
            port: Some(6432),
            database: Some("shop".into()),
            root_key_path: Some(dir.path().join("root.key")),
            roots: vec![RootKey::new(public.as_bytes(), 0, None).expect("a key")],
        };
        Keys { dir, defaults }
    }

    impl Keys {
        fn path(&self, name: &str) -> String {
            self.dir.path().join(name).to_str().expect("UTF-8").to_owned()
        }

        fn run(&self, line: &[&str]) -> anyhow::Result<String> {
            token_command(&self.defaults, line)
        }
    }

    /// The password of the connection string on the first line.
    fn password(output: &str) -> &str {
        output.split_once("agent:").and_then(|(_, rest)| rest.split_once('@')).expect("a connection string").0
    }

    const GRANT: &str = "SELECT (id, name) ON public.customers WHERE tenant_id = 7 LIMIT 100";

    #[test]
    fn a_minted_connection_string_verifies() {
        let keys = keys();
        let output = keys.run(&["mint", "--grant", GRANT, "--subject", "support", "--expires", "30m"]).expect("a token");
        let token = password(&output);
        assert!(output.starts_with(&format!("postgres://agent:{token}@127.0.0.1:6432/shop\n")), "{output}");
        assert!(output.ends_with(&format!("PGDATABASE=shop PGPASSWORD={token}\n")), "{output}");
        let verified = keys.run(&["verify", token]).expect("valid");
        assert_eq!(verified, format!("ok, support until 2027-01-15T08:30:00Z\nsupport\n  {GRANT}\n"));
    }

    #[test]
    fn beyond_loopback_the_connection_string_demands_tls() {
        let keys = keys();
        let output = keys.run(&["mint", "--grant", GRANT, "--host", "db.example.com", "--port", "5432"]).expect("a token");
        assert!(output.contains("@db.example.com:5432/shop?sslmode=verify-full\n"), "{output}");
        assert!(output.contains(" PGSSLMODE=verify-full "), "{output}");
    }

    #[test]
    fn a_chain_is_delegated_sealed_and_proven_by_its_subject() {
        let keys = keys();
        let (key, public, file) = (keys.path("planner.key"), keys.path("planner.pub"), keys.path("planner.chain"));
        let chain = keys.run(&["mint", "--grant", GRANT, "--for-key", &public, "--subject", "planner"]).expect("a chain");
        fs::write(&file, &chain).expect("written");
        let error = keys.run(&["verify", &file]).expect_err("a chain is no token").to_string();
        assert!(error.starts_with("no_proof"), "{error}");
        let child = keys.run(&["attenuate", &file, "--key", &key, "--grant", "parent", "--subject", "worker", "--bare"]);
        let verified = keys.run(&["verify", child.expect("a token").trim()]).expect("valid");
        assert!(verified.ends_with(&format!("planner\n  {GRANT}\nworker\n  {GRANT}\n")), "{verified}");
        for line in [["seal", &file, "--key", &key, "--bare"].as_slice(), &["prove", &file, "--key", &key]] {
            keys.run(&["verify", keys.run(line).expect("a token").trim()]).expect("valid");
        }
        let wider = keys.run(&["attenuate", &file, "--key", &key, "--grant", "SELECT (*) ON public.customers"]);
        let error = wider.expect_err("wider than its parent").to_string();
        assert!(error.contains("the parent lists its columns"), "{error}");
        assert!(keys.run(&["seal", &file, "--key", &keys.path("root.key")]).is_err(), "another's chain");
    }

    #[test]
    fn a_broken_grant_is_shown_with_what_was_expected() {
        let error = keys().run(&["mint", "--grant", "SELECT id ON public.t"]).expect_err("no grant");
        assert_eq!(
            format!("{error:#}"),
            "--grant 'SELECT id ON public.t': at byte 7: expected `(` and a list of columns, or `(*)`, found `id ON public.t`"
        );
    }

    #[test]
    fn private_keys_are_for_their_owner_and_never_overwritten() {
        use std::os::unix::fs::PermissionsExt;
        let keys = keys();
        let mode = fs::metadata(keys.path("root.key")).expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(keys.run(&["keygen", "--out", &keys.path("root.key")]).is_err());
    }

    #[test]
    fn inspection_shows_what_a_token_says_without_trusting_it() {
        let keys = keys();
        let token = keys.run(&["mint", "--grant", GRANT, "--rows", "5", "--bare"]).expect("a token");
        let text = token_command(&Defaults::default(), &["inspect", token.trim()]).expect("readable");
        for line in
            [GRANT, "rows        5", "statements  unlimited", "audience    shop@pgwarrant", "nothing of this was verified"]
        {
            assert!(text.contains(line), "{line} is not in {text}");
        }
    }

    #[test]
    fn durations_need_a_unit_and_are_not_empty() {
        assert_eq!(["45s", "30m", "1h", "7d"].map(duration), [45, 1_800, 3_600, 604_800].map(Ok));
        for text in ["", "1", "h", "0s", "-1h", "1.5h", "9223372036854775807d", "1é"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn every_help_has_an_example() {
        for command in Cli::command().get_subcommands() {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.starts_with("Example"), "{}", command.get_name());
        }
    }
}
