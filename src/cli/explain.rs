//! `pgwarrant explain`: the proof of a statement, or the step that is missing.

use super::ConfigFile;
use super::judge::{self, Judge};
use crate::decision::{self, Deny};
use crate::token::grant::Grant;
use crate::token::{self, VerifyContext};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Reads the statement on the configured database, runs nothing. The exit status is 1 when it would be refused.

Example:
  pgwarrant explain --token \"$PGPASSWORD\" \"SELECT name FROM customers WHERE tenant_id = 7\"
  pgwarrant explain --grant 'SELECT (*) ON public.products' \"SELECT * FROM products\"")]
pub struct Args {
    #[command(flatten)]
    config: ConfigFile,
    /// The agent's token
    #[arg(long, env = "PGPASSWORD", hide_env_values = true, required_unless_present = "grants")]
    token: Option<String>,
    /// Grants instead of a token; can be repeated
    #[arg(long = "grant", value_name = "GRANT")]
    grants: Vec<Grant>,
    /// The statement
    sql: String,
}

impl Args {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        super::block_on(self.explain())
    }

    async fn explain(self) -> anyhow::Result<ExitCode> {
        let config = self.config.load()?;
        let rules = crate::rules::load_dir(&config.rules.dir)?;
        let blocks = self.blocks(&config)?;
        let chain: Vec<&[Grant]> = blocks.iter().map(Vec::as_slice).collect();
        let mut judge = Judge::open(&config.upstream.reader, rules, &judge::search_path(&config.upstream.search_path)).await?;
        let read = match judge.read(&self.sql, &chain).await? {
            Ok(read) => read,
            Err(deny) => return Ok(refused(&deny)),
        };
        let question = judge.question(&read, &chain);
        for paragraph in decision::narrate(&question) {
            println!("{paragraph}\n");
        }
        match decision::prove(&question) {
            Err(deny) => Ok(refused(&deny)),
            Ok(proof) if proof.is_unconditional() => {
                println!("PROVEN for every value.");
                Ok(ExitCode::SUCCESS)
            }
            Ok(_) => {
                println!("PROVEN, if the values at Bind meet the conditions above.");
                Ok(ExitCode::SUCCESS)
            }
        }
    }

    /// The grants of each block of the token, or the ones given.
    fn blocks(&self, config: &crate::config::Config) -> anyhow::Result<Vec<Vec<Grant>>> {
        if !self.grants.is_empty() {
            return Ok(vec![self.grants.clone()]);
        }
        let roots = config.root_keys()?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        let mut context = VerifyContext {
            roots: &roots,
            audience: &config.audience,
            now: i64::try_from(now)?,
            skew: 0,
            // Explaining spends no live proof.
            replay: &mut |_, _| true,
            tls_client_cert_sha256: None,
        };
        let token = self.token.as_deref().unwrap_or_default();
        let verified = token::verify(token, &mut context).map_err(|e| anyhow::anyhow!("the token is not valid: {e}"))?;
        Ok(verified.chain.into_iter().map(|block| block.grants).collect())
    }
}

fn refused(deny: &Deny) -> ExitCode {
    println!("REFUSED ({}): {}", deny.reason.code(), deny.message);
    for (name, text) in [("detail", &deny.detail), ("hint", &deny.hint)] {
        if let Some(text) = text {
            println!("  {name}: {text}");
        }
    }
    ExitCode::FAILURE
}
